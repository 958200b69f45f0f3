/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends numbers through the streaming AFU, which adds a constant to each.
 *
 *     stream [NUMBERS [CONSTANT]]      64 numbers make a packet; 4096 and 1 without them
 */
#include <inttypes.h>
#include <stdio.h>

#include "samples/afu/afu.h"

#define GUID "8B0C7F52-61D4-4C0E-B1F7-5E2D94C3A921"
#define PACKET 256u /* bytes */
#define MAX_NUMBERS (16u << 20)

enum { SOURCE = 0x28, DESTINATION = 0x30, PACKETS = 0x38, ADD = 0x40, STATUS = 0x48 };
enum { STATUS_BUSY = 1, STATUS_DONE = 2 };

static void fill(const struct afu_buffer *from, const struct afu_buffer *to)
{
	for (uint64_t i = 0; i < from->size / 4; i++) {
		((uint32_t *)from->data)[i] = (uint32_t)i * 2654435761u;
		((uint32_t *)to->data)[i] = 0;
	}
}

static bool right(const struct afu_buffer *to, uint32_t constant)
{
	for (uint64_t i = 0; i < to->size / 4; i++) {
		uint32_t got = ((const uint32_t *)to->data)[i], due = (uint32_t)i * 2654435761u + constant;

		if (got != due) {
			fprintf(stderr, "number %" PRIu64 " is 0x%x and not 0x%x\n", i, got, due);
			return false;
		}
	}
	return true;
}

static bool run(struct afu *a, const struct afu_buffer *from, const struct afu_buffer *to, uint32_t constant)
{
	fill(from, to);
	return afu_write(a, SOURCE, from->io_address) && afu_write(a, DESTINATION, to->io_address) &&
	       afu_write(a, PACKETS, from->size / PACKET) && afu_write(a, ADD, constant) &&
	       afu_wait(a, STATUS, STATUS_BUSY | STATUS_DONE, STATUS_DONE) && right(to, constant);
}

static bool with_buffers(struct afu *a, uint64_t bytes, uint32_t constant)
{
	struct afu_buffer from, to;
	bool good = false;

	if (!afu_buffer(a, bytes, &from))
		return false;
	if (afu_buffer(a, bytes, &to)) {
		good = run(a, &from, &to, constant);
		afu_release(a, &to);
	}
	afu_release(a, &from);
	return good;
}

int main(int argc, char *argv[])
{
	uint64_t numbers = 4096, constant = 1;
	struct afu a;
	bool good;

	if (argc > 3 || (argc > 1 && !afu_number(argv[1], 64, MAX_NUMBERS, &numbers)) ||
	    (argc > 2 && !afu_number(argv[2], 0, UINT32_MAX, &constant)) || numbers % 64) {
		fprintf(stderr, "usage: stream [NUMBERS [CONSTANT]]      a multiple of 64, up to %u\n",
			MAX_NUMBERS);
		return 2;
	}
	if (!afu_open(&a, GUID))
		return 1;
	good = with_buffers(&a, numbers * 4, (uint32_t)constant);
	if (good)
		printf("%" PRIu64 " numbers, each %" PRIu64 " more\n", numbers, constant);
	return afu_finish(afu_close(&a) && good);
}
