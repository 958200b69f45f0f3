/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * User clocks by the local plugin on a card whose clocks can be set: several who measure at a time, and
 * others who set them meanwhile. Runs as root.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/vm/guest/dfl.h"

#define TIMES 6
#define THREADS 4

static fpga_handle h;

static int up(void **state)
{
	(void)state;
	h = dfl_open(FPGA_ACCELERATOR, FPGA_OPEN_SHARED);
	return (int)fpgaSetUserClock(h, 300, 150, 0);
}

static int down(void **state)
{
	(void)state;
	return h ? (int)fpgaClose(h) : 0;
}

static bool reads(uint64_t high, uint64_t low)
{
	uint64_t is_high = 0, is_low = 0;

	if (fpgaGetUserClock(h, &is_high, &is_low, 0) == FPGA_OK && is_high == high && is_low == low)
		return true;
	printf("# %s; high %llu, low %llu\n", opaex_error_detail(), (unsigned long long)is_high,
	       (unsigned long long)is_low);
	return false;
}

static void *measure(void *arg)
{
	for (unsigned int i = 0; i < TIMES; i++)
		if (!reads(300000000, 150000000))
			return arg;
	return NULL;
}

static void threads_measure(void **state)
{
	pthread_t threads[THREADS];
	void *failed;

	(void)state;
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, measure, &h), 0);
	for (unsigned int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

/* Nothing keeps processes apart but what the counter says of itself. */
static void processes_measure(void **state)
{
	pid_t children[2];
	int status;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (!children[i])
			_exit(execl("/proc/self/exe", "measure", NULL));
	}
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
}

static void *set(void *arg)
{
	static const uint64_t mhz[] = { 400, 200, 500, 250 };

	for (unsigned int i = 0; i < 2 * TIMES; i++)
		if (fpgaSetUserClock(h, mhz[i % 4], mhz[i % 4] / 2, 0) != FPGA_OK)
			return arg;
	return NULL;
}

/* Who measures sees what was there before or after, and never what is between; all is right in the end. */
static void threads_set(void **state)
{
	pthread_t threads[THREADS];
	uint64_t high, low;
	void *failed;

	(void)state;
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, set, &h), 0);
	for (unsigned int i = 0; i < TIMES; i++) {
		assert_int_equal(fpgaGetUserClock(h, &high, &low, 0), FPGA_OK);
		assert_true(high % 50000000 == 0 && high >= 200000000 && high <= 500000000);
		assert_true(low * 2 == high);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_true(reads(250000000, 125000000));
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		RIGGED(threads_measure),
		RIGGED(processes_measure),
		RIGGED(threads_set),
	};

	(void)argc;
	dfl_library();
	if (!strcmp(argv[0], "measure")) {
		h = dfl_open(FPGA_ACCELERATOR, FPGA_OPEN_SHARED);
		return measure(argv) ? 1 : (int)fpgaClose(h);
	}
	return RUN(tests);
}
