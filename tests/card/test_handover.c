/* SPDX-License-Identifier: BSD-3-Clause */
/* One thread closes what another opens; shared parents; cards that die; a child of fork. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/card/card.h"
#include "tests/card/remote.h"

#define PARENT "6f1c20d3-a5b8-4e17-8d02-bb34c1f0e95a"

static int up_a10(void **state)
{
	(void)state;
	return card_up("a10", "trap");
}

static int up_multi(void **state)
{
	(void)state;
	return card_up("multi", "trap");
}

static void run_once(fpga_handle h)
{
	struct nlb n;

	nlb_buffers(h, &n, 4096);
	nlb_start(h, &n, 1, 0);
	assert_int_equal(nlb_wait(&n) >> 32, 0);
	nlb_release(h, &n);
}

/* Opens as soon as it is free, uses it, closes: an accelerator that was handed over can do DMA. */
static void *take_turns(void *arg)
{
	fpga_token t = arg;
	fpga_handle h;

	for (unsigned int i = 0; i < card_times(60);) {
		if (fpgaOpen(t, &h, 0) != FPGA_OK)
			continue;
		run_once(h);
		assert_int_equal(fpgaClose(h), FPGA_OK);
		i++;
	}
	return NULL;
}

static void handed_over(void **state)
{
	fpga_token t = nth_token(FPGA_ACCELERATOR, NULL, 0);
	pthread_t other;

	(void)state;
	assert_int_equal(pthread_create(&other, NULL, take_turns, t), 0);
	take_turns(t);
	assert_int_equal(pthread_join(other, NULL), 0);
	fpgaDestroyToken(&t);
}

static void a_parent_that_is_shared(void **state)
{
	fpga_token t = nth_token(FPGA_ACCELERATOR, PARENT, 0);
	fpga_handle a, b;
	uint32_t n = 0;

	(void)state;
	assert_int_equal(fpgaOpen(t, &a, FPGA_OPEN_SHARED), FPGA_OK);
	assert_int_equal(fpgaOpen(t, &b, FPGA_OPEN_SHARED), FPGA_OK);
	assert_int_equal(fpgaGetChildren(b, 0, NULL, &n), FPGA_OK);
	assert_int_equal(n, 2);
	assert_int_equal(fpgaClose(a), FPGA_OK);
	assert_int_equal(fpgaClose(b), FPGA_OK);
	fpgaDestroyToken(&t);
}

static uint32_t count(void)
{
	uint32_t n = 0;

	assert_int_equal(fpgaEnumerate(NULL, 0, NULL, 0, &n), FPGA_OK);
	return n;
}

/* Its socket is still there, and it is known; but nobody listens, and no word need be sent to see that. */
static void a_card_that_died_is_not_listed(void **state)
{
	(void)state;
	card_needs(CARD_ITS_OBJECTS);
	assert_int_equal(count(), 1);
	kill(card, SIGKILL);
	waitpid(card, NULL, 0);
	card = 0;
	assert_int_equal(count(), 0);
	card = card_start("card0", "nlb0", "trap");
	assert_int_equal(count(), 1);
}

/* The child has no handles of its own: it is told who has the accelerator, and opens it when it is free. */
static void a_child_of_fork(void **state)
{
	int status = 0, go[2], tried[2];
	fpga_handle h;
	fpga_token t;
	pid_t pid;
	char c;

	(void)state;
#if defined(__SANITIZE_THREAD__)
	if (remote_is() && remote_is_fabric())
		card_skip("ThreadSanitizer lets no child of a process with threads start one");
#endif
	h = open_only();
	t = only_token();
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(tried), 0);
	pid = fork();
	if (!pid) {
		fpga_handle mine;
		bool busy;

		busy = fpgaOpen(t, &mine, 0) == FPGA_BUSY &&
		       strstr(opaex_error_detail(), card_by_driver() ? "in use" : "another process");
		if (!busy)
			fprintf(stderr, "%s\n", opaex_error_detail());
		close(go[1]);
		close(tried[0]);
		close(tried[1]);
		if (!busy || read(go[0], &c, 1) != 0) /* ends when the parent has closed */
			_exit(1);
#if defined(__SANITIZE_THREAD__)
		_exit(0); /* ThreadSanitizer lets no child of a process with threads start one */
#endif
		if (fpgaOpen(t, &mine, 0) != FPGA_OK || fpgaClose(mine) != FPGA_OK) {
			fprintf(stderr, "%s\n", opaex_error_detail());
			_exit(2);
		}
		_exit(0);
	}
	close(go[0]);
	close(tried[1]);
	assert_int_equal(read(tried[0], &c, 1), 0); /* until the child has tried */
	close(tried[0]);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	close(go[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	fpgaDestroyToken(&t);
}

#define WITH(test, up) cmocka_unit_test_setup_teardown(test, up, card_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(handed_over, card_up_trap),
		WITH(handed_over, card_up_map),
		WITH(handed_over, up_a10),
		WITH(a_parent_that_is_shared, up_multi),
		WITH(a_card_that_died_is_not_listed, card_up_mortal),
		WITH(a_child_of_fork, card_up_trap),
	};

	return CARD_RUN(tests);
}
