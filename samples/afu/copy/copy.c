/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Has the copy engine copy a buffer, and waits for its interrupt.
 *
 *     copy [BYTES]      64 to 4194304, a multiple of 64; one page without it
 */
#include <inttypes.h>
#include <stdio.h>

#include "samples/afu/afu.h"

#define GUID "4ECD5F6A-2D3C-4B1B-9A55-0F3A9A5C7A10"
#define LINE 64u

enum { SOURCE = 0x28, DESTINATION = 0x30, LINES = 0x38, START = 0x40, STATUS = 0x48, CYCLES = 0x50 };
enum { START_NOW = 1, START_INTERRUPT = 2, STATUS_BUSY = 1, STATUS_DONE = 2 };

static uint64_t pattern(uint64_t i)
{
	return (i + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static void fill(const struct afu_buffer *from, const struct afu_buffer *to)
{
	for (uint64_t i = 0; i < from->size / 8; i++) {
		((uint64_t *)from->data)[i] = pattern(i);
		((uint64_t *)to->data)[i] = 0;
	}
}

static bool same(const struct afu_buffer *to)
{
	const uint64_t *got = to->data;

	for (uint64_t i = 0; i < to->size / 8; i++)
		if (got[i] != pattern(i)) {
			fprintf(stderr, "byte %" PRIu64 ": 0x%" PRIx64 ", not 0x%" PRIx64 "\n", i * 8, got[i],
				pattern(i));
			return false;
		}
	return true;
}

static bool run(struct afu *a, const struct afu_buffer *from, const struct afu_buffer *to)
{
	uint64_t cycles;

	fill(from, to);
	if (!afu_write(a, SOURCE, from->io_address) || !afu_write(a, DESTINATION, to->io_address) ||
	    !afu_write(a, LINES, from->size / LINE) || !afu_write(a, START, START_NOW | START_INTERRUPT) ||
	    !afu_wait(a, STATUS, STATUS_BUSY | STATUS_DONE, STATUS_DONE) || !afu_read(a, CYCLES, &cycles) ||
	    !same(to))
		return false;
	printf("%" PRIu64 " bytes in %" PRIu64 " cycles, %.3f lines a cycle\n", from->size, cycles,
	       (double)(from->size / LINE) / (double)cycles);
	return true;
}

static bool with_buffers(struct afu *a, uint64_t bytes)
{
	struct afu_buffer from, to;
	bool good = false;

	if (!afu_buffer(a, bytes, &from))
		return false;
	if (afu_buffer(a, bytes, &to)) {
		good = run(a, &from, &to);
		afu_release(a, &to);
	}
	afu_release(a, &from);
	return good;
}

int main(int argc, char *argv[])
{
	uint64_t bytes = 4096;
	struct afu a;
	bool good;

	if (argc > 2 || (argc == 2 && !afu_number(argv[1], LINE, 4u << 20, &bytes)) || bytes % LINE) {
		fprintf(stderr, "usage: copy [BYTES]      64 to 4194304, a multiple of 64\n");
		return 2;
	}
	if (!afu_open(&a, GUID))
		return 1;
	good = with_buffers(&a, bytes);
	return afu_finish(afu_close(&a) && good);
}
