/* SPDX-License-Identifier: BSD-3-Clause */
/* Two edu devices in one IOMMU group, which share an address space because the hardware makes them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/card/card.h"
#include "tests/unit/check.h"
#include "tests/vm/guest/edu.h"

#define BYTES 1024u

static fpga_handle a, b;

/* Those that are listed, at most n. */
static uint32_t list(fpga_token *t, uint32_t n)
{
	uint32_t found = 0;

	expect(fpgaEnumerate(NULL, 0, t, n, &found), FPGA_OK, NULL);
	return found;
}

static int up(void **state)
{
	fpga_token t[2];

	(void)state;
	assert_int_equal(list(t, 2), 2);
	expect(fpgaOpen(t[0], &a, 0), FPGA_OK, NULL);
	expect(fpgaOpen(t[1], &b, 0), FPGA_OK, NULL);
	fpgaDestroyToken(&t[0]);
	fpgaDestroyToken(&t[1]);
	return 0;
}

static int down(void **state)
{
	(void)state;
	edu_close(a);
	edu_close(b);
	assert_int_equal(pinned_kib(), 0);
	return 0;
}

static void both_work_at_once(void **state)
{
	struct shared x = shared_new(a, 4096), y = shared_new(b, 4096);

	(void)state;
	assert_int_not_equal(x.io, y.io);
	edu_write(a, EDU_LIVENESS, 1);
	edu_write(b, EDU_LIVENESS, 2);
	assert_int_equal(edu_read(a, EDU_LIVENESS), ~1u);
	assert_int_equal(edu_read(b, EDU_LIVENESS), ~2u);
	memset(x.at, 0x11, BYTES);
	memset(y.at, 0x22, BYTES);
	edu_start(a, x.io, BYTES, 0);
	edu_start(b, y.io, BYTES, 0);
	edu_wait(a);
	edu_wait(b);
	edu_start(a, x.io + BYTES, BYTES, EDU_TO_RAM);
	edu_start(b, y.io + BYTES, BYTES, EDU_TO_RAM);
	edu_wait(a);
	edu_wait(b);
	assert_memory_equal(x.at, (char *)x.at + BYTES, BYTES);
	assert_memory_equal(y.at, (char *)y.at + BYTES, BYTES);
	edu_dma(b, x.io, BYTES, EDU_TO_RAM); /* one address space: the other's buffer can be reached */
	assert_memory_equal(x.at, y.at, BYTES);
	shared_free(a, &x);
	shared_free(b, &y);
}

/* Also its buffers: their addresses are nothing to the other any more. */
static void closing_one_leaves_the_other(void **state)
{
	struct shared x = shared_new(a, 4096), y = shared_new(b, 4096);
	fpga_token t[2];

	(void)state;
	edu_close(a);
	assert_int_equal(pinned_kib(), 4);
	memset(y.at, 0x33, BYTES);
	edu_copy(b, y.io, y.io + BYTES, BYTES);
	assert_memory_equal(y.at, (char *)y.at + BYTES, BYTES);
	edu_dma(b, x.io, BYTES, EDU_TO_RAM); /* nothing is there */
	assert_int_equal(list(t, 2), 2);
	expect(fpgaOpen(t[0], &a, 0), FPGA_OK, NULL);
	fpgaDestroyToken(&t[0]);
	fpgaDestroyToken(&t[1]);
	assert_int_equal(edu_read(a, EDU_ID), EDU_ID_VALUE);
	x = shared_new(a, 4096);
	memset(x.at, 0x44, BYTES);
	edu_dma(a, x.io, BYTES, EDU_TO_RAM);
	assert_int_not_equal(((unsigned char *)x.at)[0], 0x44);
	shared_free(a, &x);
	shared_free(b, &y);
}

/* The hardware cannot keep them apart, so they are one process's. */
static void another_process_has_one_of_them(void **state)
{
	fpga_token t[2];
	fpga_handle h = NULL;
	int out;
	pid_t pid = again("hold", NULL, NULL, &out);

	(void)state;
	await_line(out, "held");
	assert_int_equal(list(t, 2), 2);
	expect(fpgaOpen(t[1], &h, 0), FPGA_BUSY, "in another process");
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(out);
	expect(fpgaOpen(t[1], &h, 0), FPGA_OK, NULL);
	edu_close(h);
	fpgaDestroyToken(&t[0]);
	fpgaDestroyToken(&t[1]);
}

/* The first one, for as long as it lives. */
static _Noreturn void hold_program(void)
{
	fpga_token t[2];

	assert_int_equal(list(t, 2), 2);
	puts(fpgaOpen(t[0], &a, 0) == FPGA_OK ? "held" : opaex_error_detail());
	fflush(stdout);
	for (;;)
		pause();
}

/* $OPAE_TEST_REASON is what opening must give, and its text have in it; they are listed all the same. */
static void not_for_us(void **state)
{
	const char *reason = getenv("OPAE_TEST_REASON");
	fpga_accelerator_state is;
	fpga_properties p = NULL;
	fpga_token t[4];
	fpga_handle h = NULL;
	uint32_t n = list(t, 4);

	(void)state;
	assert_true(reason && n > 0 && n <= 4);
	for (uint32_t i = 0; i < n; i++) {
		int fds = open_fds();

		expect(fpgaGetProperties(t[i], &p), FPGA_OK, NULL);
		expect(fpgaPropertiesGetAcceleratorState(p, &is), FPGA_OK, NULL);
		assert_int_equal(is, FPGA_ACCELERATOR_ASSIGNED);
		fpgaDestroyProperties(&p);
		expect(fpgaOpen(t[i], &h, 0), FPGA_NO_ACCESS, reason);
		expect(fpgaOpen(t[i], &h, 0), FPGA_NO_ACCESS, "`sudo opae bind 0000:");
		assert_int_equal(open_fds(), fds);
		fpgaDestroyToken(&t[i]);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RIGGED(both_work_at_once),
		RIGGED(closing_one_leaves_the_other),
		cmocka_unit_test(another_process_has_one_of_them),
	};
	const struct CMUnitTest barred[] = { cmocka_unit_test(not_for_us) };

	(void)argv;
	edu_library(NULL);
	if (argc > 1)
		hold_program();
	return getenv("OPAE_TEST_REASON") ? RUN(barred) : RUN(tests);
}
