/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much memory a device may be given: RLIMIT_MEMLOCK, which is $OPAE_TEST_KIB, and how many mappings a
 * container takes, $OPAE_TEST_MAPPINGS (0: so many as are tried here).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/card/card.h"
#include "tests/unit/check.h"
#include "tests/vm/guest/edu.h"

#define MANY 2000u

static fpga_handle h;

static int up(void **state)
{
	(void)state;
	h = edu_open(EDU_GUID);
	return 0;
}

static int down(void **state)
{
	(void)state;
	edu_close(h);
	assert_int_equal(pinned_kib(), 0);
	return 0;
}

static uint64_t number(const char *variable)
{
	const char *text = getenv(variable);

	assert_non_null(text);
	return strtoull(text, NULL, 10);
}

static fpga_result prepare(uint64_t bytes, uint64_t *id)
{
	void *at = NULL;

	return fpgaPrepareBuffer(h, bytes, &at, id, 0);
}

static void locked_memory(void **state)
{
	uint64_t half = number("OPAE_TEST_KIB") * 1024 / 2, id[2], more;
	char limit[64];
	int fds = open_fds();

	(void)state;
	snprintf(limit, sizeof(limit), "the limit is %llu KiB in all (RLIMIT_MEMLOCK",
		 (unsigned long long)half / 512);
	for (int i = 0; i < 3; i++) { /* what failed has cost nothing */
		expect(prepare(half, &id[0]), FPGA_OK, NULL);
		expect(prepare(half, &id[1]), FPGA_OK, NULL);
		expect(prepare(4096, &more), FPGA_NO_MEMORY, limit);
		expect(prepare(half, &more), FPGA_NO_MEMORY, limit);
		expect(fpgaReleaseBuffer(h, id[0]), FPGA_OK, NULL);
		expect(prepare(4096, &more), FPGA_OK, NULL);
		expect(fpgaReleaseBuffer(h, more), FPGA_OK, NULL);
		expect(fpgaReleaseBuffer(h, id[1]), FPGA_OK, NULL);
		assert_int_equal(pinned_kib(), 0);
	}
	expect(prepare(half * 4, &more), FPGA_NO_MEMORY, limit);
	assert_int_equal(open_fds(), fds);
}

/* Of the program's own memory, so that the number of its mappings is no limit. */
static void mappings(void **state)
{
	uint64_t most = number("OPAE_TEST_MAPPINGS"), id[MANY], more;
	char *memory = aligned_alloc(4096, (MANY + 1) * 4096);
	uint32_t want = most ? (uint32_t)most : MANY, n = 0;
	int fds = open_fds();

	(void)state;
	memset(memory, 1, (MANY + 1) * 4096);
	for (; n < want; n++) {
		void *at = memory + n * 4096;

		expect(fpgaPrepareBuffer(h, 4096, &at, &id[n], FPGA_BUF_PREALLOCATED), FPGA_OK, NULL);
	}
	assert_int_equal(pinned_kib(), want * 4);
	if (most)
		expect(prepare(4096, &more), FPGA_NO_MEMORY, "no more mappings");
	expect(fpgaReleaseBuffer(h, id[want / 2]), FPGA_OK, NULL);
	expect(prepare(4096, &id[want / 2]), FPGA_OK, NULL);
	if (most)
		expect(prepare(4096, &more), FPGA_NO_MEMORY, "no more mappings");
	for (n = 0; n < want / 2; n++)
		expect(fpgaReleaseBuffer(h, id[n]), FPGA_OK, NULL);
	assert_int_equal(pinned_kib(), (want - want / 2) * 4);
	assert_int_equal(open_fds(), fds);
	free(memory); /* the close gives the rest back, also of memory that is gone */
}

int main(void)
{
	const struct CMUnitTest locked[] = { RIGGED(locked_memory) };
	const struct CMUnitTest mapped[] = { RIGGED(mappings) };

	edu_library(NULL);
	return getenv("OPAE_TEST_KIB") ? RUN(locked) : RUN(mapped);
}
