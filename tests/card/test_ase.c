/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Simulations that the ASE plugin starts: when they begin and end, and what their end does to the program. An
 * emulated card behind tests/py/ase_sim.py plays each.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/card/card.h"

#define PATIENCE_S 60

static char mark[128];

/* The processes that were started so far. */
static unsigned int started(pid_t *last)
{
	FILE *f = fopen(mark, "re");
	unsigned int n = 0;
	int pid;

	while (f && fscanf(f, "%d", &pid) == 1) {
		*last = pid;
		n++;
	}
	if (f)
		fclose(f);
	return n;
}

static bool lives(pid_t pid)
{
	return !kill(pid, 0);
}

static void await_end(pid_t pid)
{
	time_t end = time(NULL) + PATIENCE_S;

	while (lives(pid)) {
		assert_true(time(NULL) < end);
		usleep(1000);
	}
}

/* The library with a simulation that this process starts; `options` are ase_sim.py's. */
static void start_library(const char *configuration, const char *options)
{
	char command[1024], path[128];
	FILE *f;

	snprintf(mark, sizeof(mark), "%s/mark", card_dir());
	unlink(mark);
	snprintf(command, sizeof(command), "%s %s --board nlb0 --mark %s %s", getenv("OPAE_TEST_ASE_SIM"),
		 getenv("OPAEX_EMU_PROGRAM"), mark, options);
	assert_int_equal(setenv("OPAE_ASE_EXEC", command, 1), 0);
	assert_int_equal(setenv("ASE_LOG", "0", 1), 0);
	snprintf(path, sizeof(path), "%s/ase.cfg", card_dir());
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "{\"plugins\": [\"ase\"], \"configurations\": {\"ase\": {\"enabled\": true, "
		   "\"plugin\": \"libase-opae.so\", \"configuration\": %s}}}", configuration);
	fclose(f);
	assert_int_equal(fpgaInitialize(path), FPGA_OK);
	unlink(path);
}

static int up(void **state)
{
	(void)state;
	start_library("{}", "");
	return 0;
}

static int down(void **state)
{
	(void)state;
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	unlink(mark);
	return 0;
}

static fpga_token accelerator(void)
{
	return nth_token(FPGA_ACCELERATOR, NULL, 0);
}

/* ---- beginning and end ---- */

static void what_enumerates_shares_it_with_what_opens(void **state)
{
	fpga_token t = accelerator();
	fpga_handle h;
	pid_t pid = 0;

	(void)state;
	assert_int_equal(started(&pid), 1);
	assert_true(lives(pid));
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(read64(h, 0x108), 0);
	write64(h, 0x108, 5);
	assert_int_equal(read64(h, 0x108), 5);
	assert_int_equal(started(&pid), 1);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_false(lives(pid)); /* fpgaClose waits for it */
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

static void each_open_after_a_close_has_its_own(void **state)
{
	fpga_token t = accelerator(), again;
	fpga_handle h;
	pid_t pid = 0;

	(void)state;
	for (unsigned int i = 1; i <= 3; i++) {
		assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
		assert_int_equal(started(&pid), i);
		assert_int_equal(read64(h, 0x108), 0); /* as it was when it began */
		write64(h, 0x108, 5);
		assert_int_equal(fpgaClose(h), FPGA_OK);
		again = accelerator(); /* what it is is known: nothing is started for that */
		assert_int_equal(started(&pid), i);
		assert_int_equal(fpgaDestroyToken(&again), FPGA_OK);
	}
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

static void two_handles_are_one_simulation(void **state)
{
	fpga_token t = accelerator(), device = nth_token(FPGA_DEVICE, NULL, 0);
	fpga_handle a, b, card_handle;
	pid_t pid = 0;

	(void)state;
	assert_int_equal(fpgaOpen(t, &a, FPGA_OPEN_SHARED), FPGA_OK);
	assert_int_equal(fpgaOpen(t, &b, FPGA_OPEN_SHARED), FPGA_OK);
	assert_int_equal(fpgaOpen(device, &card_handle, 0), FPGA_OK);
	write64(a, 0x108, 7);
	assert_int_equal(read64(b, 0x108), 7);
	assert_int_equal(fpgaClose(a), FPGA_OK);
	assert_int_equal(fpgaClose(card_handle), FPGA_OK);
	assert_int_equal(started(&pid), 1);
	assert_true(lives(pid));
	assert_int_equal(read64(b, 0x108), 7);
	assert_int_equal(fpgaClose(b), FPGA_OK);
	assert_false(lives(pid));
	assert_int_equal(fpgaDestroyToken(&device), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

static void the_end_of_the_library_ends_it(void **state)
{
	fpga_token t = accelerator();
	fpga_handle h;
	pid_t idle = 0, used = 0;

	(void)state;
	assert_int_equal(started(&idle), 1);
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	assert_false(lives(idle));

	start_library("{}", "");
	t = accelerator();
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(started(&used), 1);
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	assert_false(lives(used));
	start_library("{}", "");
}

static void *enumerate(void *arg)
{
	*(fpga_token *)arg = accelerator();
	return NULL;
}

static void a_thread_that_ends_does_not_take_it_along(void **state)
{
	fpga_token t = NULL;
	fpga_handle h;
	pthread_t thread;
	pid_t pid = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, enumerate, &t), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(read64(h, 0x108), 0);
	assert_int_equal(started(&pid), 1);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

static void *open_and_close(void *arg)
{
	fpga_result r;
	fpga_handle h;

	(void)arg;
	for (unsigned int i = 0; i < 4; i++) {
		fpga_token t = accelerator();

		r = fpgaOpen(t, &h, FPGA_OPEN_SHARED);
		if (r == FPGA_OK) {
			read64(h, 0x108);
			assert_int_equal(fpgaClose(h), FPGA_OK);
		} else {
			assert_int_equal(r, FPGA_BUSY);
		}
		assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
	}
	return NULL;
}

static void threads_that_open_and_close(void **state)
{
	pthread_t threads[4];
	pid_t pid = 0;

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, NULL), 0);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(started(&pid) >= 1);
	assert_false(lives(pid));
}

static void one_that_does_not_end_is_ended(void **state)
{
	static const char *const options[] = { "--stay", "--deaf" };
	pid_t pid = 0;

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		fpga_token t;
		fpga_handle h;

		assert_int_equal(fpgaFinalize(), FPGA_OK);
		start_library("{\"end_ms\": 50}", options[i]);
		t = accelerator();
		assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
		assert_int_equal(started(&pid), 1);
		assert_int_equal(fpgaClose(h), FPGA_OK);
		assert_false(lives(pid));
		assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
	}
}

/* ---- what goes wrong ---- */

static void nothing_is_listed(void)
{
	uint32_t n = 9;

	assert_int_equal(fpgaEnumerate(NULL, 0, NULL, 0, &n), FPGA_OK);
	assert_int_equal(n, 0);
}

static void one_that_does_not_start(void **state)
{
	pid_t pid = 0;

	(void)state;
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	start_library("{\"start_ms\": 1000, \"end_ms\": 50}", "--silent");
	nothing_is_listed();
	if (started(&pid)) /* on a machine that is busy it has not come so far */
		assert_false(lives(pid));
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	start_library("{}", "--exit 3");
	nothing_is_listed();
	assert_int_equal(started(&pid), 1);
	await_end(pid);
}

static void one_that_is_gone_before_it_is_opened(void **state)
{
	fpga_token t = accelerator();
	fpga_handle h;
	pid_t first = 0, second = 0;

	(void)state;
	assert_int_equal(started(&first), 1);
	assert_int_equal(kill(first, SIGKILL), 0);
	await_end(first);
	/* Its socket tells a moment later. */
	while (fpgaOpen(t, &h, 0) != FPGA_OK)
		assert_non_null(strstr(opaex_error_detail(), "gone"));
	assert_int_equal(read64(h, 0x108), 0);
	assert_true(started(&second) >= 2);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

static void a_crash_is_told_at_once(void **state)
{
	fpga_token t = accelerator();
	struct shared s;
	fpga_handle h;
	uint64_t v;
	pid_t pid = 0;

	(void)state;
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	s = shared_new(h, 4096);
	started(&pid);
	assert_int_equal(kill(pid, SIGSEGV), 0);
	while (fpgaReadMMIO64(h, 0, 0x108, &v) == FPGA_OK)
		;
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x108, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(opaex_error_detail(), "signal 11"));
	assert_non_null(strstr(opaex_error_detail(), "hello from the simulation"));
	memset(s.at, 1, 4096); /* its memory is still there */
	assert_int_equal(fpgaReleaseBuffer(h, s.id), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_EXCEPTION);
	/* The next one is a new one. */
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(read64(h, 0x108), 0);
	assert_int_equal(started(&pid), 2);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

/* ---- processes ---- */

#ifndef __SANITIZE_THREAD__ /* which ends a child of several threads that starts one */
static void a_child_of_fork_starts_its_own(void **state)
{
	fpga_token t = accelerator();
	int status = -1;
	fpga_handle h, own;
	pid_t child, pid = 0;
	uint64_t v;

	(void)state;
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	write64(h, 0x108, 5);
	child = fork();
	if (!child) {
		bool fine = fpgaReadMMIO64(h, 0, 0x108, &v) == FPGA_EXCEPTION &&
			    fpgaOpen(t, &own, 0) == FPGA_OK && fpgaReadMMIO64(own, 0, 0x108, &v) == FPGA_OK &&
			    v == 0 && fpgaClose(own) == FPGA_OK;

		if (!fine)
			fprintf(stderr, "# the child: %s\n", opaex_error_detail());
		_exit(fine ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(started(&pid), 2);
	assert_int_equal(read64(h, 0x108), 5);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}
#endif

static void it_dies_with_a_program_that_is_killed(void **state)
{
	pid_t child, pid = 0;
	int ends[2], status;
	char byte;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (!child) {
		fpga_token t = accelerator();
		fpga_handle h;

		if (fpgaOpen(t, &h, 0) != FPGA_OK || write(ends[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(started(&pid), 1);
	assert_true(lives(pid));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	await_end(pid);
	close(ends[0]);
	close(ends[1]);
}

/* ---- what it is ---- */

static void properties(void **state)
{
	fpga_token t = accelerator(), parent = NULL;
	fpga_interface interface = FPGA_IFC_DFL;
	fpga_properties p;
	uint16_t segment = 0;
	fpga_objtype type;

	(void)state;
	assert_int_equal(fpgaGetProperties(t, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetInterface(p, &interface), FPGA_OK);
	assert_int_equal(interface, FPGA_IFC_SIM_VFIO);
	assert_int_equal(fpgaPropertiesGetSegment(p, &segment), FPGA_OK);
	assert_int_equal(segment, 0xa5e0);
	assert_int_equal(fpgaPropertiesGetParent(p, &parent), FPGA_OK);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	assert_int_equal(fpgaGetProperties(parent, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetObjectType(p, &type), FPGA_OK);
	assert_int_equal(type, FPGA_DEVICE);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&parent), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

/* A pointer to what is no memory cannot be had; memory that is the program's own is reached by messages. */
static void memory_of_the_program(void **state)
{
	fpga_token t = accelerator();
	static _Alignas(64) char src[64 * 64], dst[64 * 64];
	struct shared in, out, dsm;
	struct nlb n;
	uint64_t *pointer;
	fpga_handle h;

	(void)state;
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(fpgaMapMMIO(h, 0, NULL), FPGA_OK);
	assert_int_equal(fpgaMapMMIO(h, 0, &pointer), FPGA_NOT_SUPPORTED);
	assert_non_null(strstr(opaex_error_detail(), "fpgaReadMMIO"));
	memset(src, 0x5a, sizeof(src));
	in = shared_own(h, src, sizeof(src));
	out = shared_own(h, dst, sizeof(dst));
	dsm = shared_new(h, 4096);
	n = (struct nlb){ .dsm = dsm.at, .src_io = in.io, .dst_io = out.io, .dsm_io = dsm.io };
	nlb_start(h, &n, 64, 0x42000);
	nlb_wait(&n);
	assert_memory_equal(dst, src, sizeof(src));
	shared_free(h, &in);
	shared_free(h, &out);
	shared_free(h, &dsm);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_enumerates_shares_it_with_what_opens, up, down),
		cmocka_unit_test_setup_teardown(each_open_after_a_close_has_its_own, up, down),
		cmocka_unit_test_setup_teardown(two_handles_are_one_simulation, up, down),
		cmocka_unit_test_setup_teardown(the_end_of_the_library_ends_it, up, down),
		cmocka_unit_test_setup_teardown(a_thread_that_ends_does_not_take_it_along, up, down),
		cmocka_unit_test_setup_teardown(threads_that_open_and_close, up, down),
		cmocka_unit_test_setup_teardown(one_that_does_not_end_is_ended, up, down),
		cmocka_unit_test_setup_teardown(one_that_does_not_start, up, down),
		cmocka_unit_test_setup_teardown(one_that_is_gone_before_it_is_opened, up, down),
		cmocka_unit_test_setup_teardown(a_crash_is_told_at_once, up, down),
#ifndef __SANITIZE_THREAD__
		cmocka_unit_test_setup_teardown(a_child_of_fork_starts_its_own, up, down),
#endif
		cmocka_unit_test_setup_teardown(it_dies_with_a_program_that_is_killed, up, down),
		cmocka_unit_test_setup_teardown(properties, up, down),
		cmocka_unit_test_setup_teardown(memory_of_the_program, up, down),
	};

	return CARD_RUN(tests);
}
