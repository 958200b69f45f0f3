/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fills the end of each bank of the card's local memory, then reads all of it back.
 *
 *     local_mem [BYTES]      64 to 1048576 of each bank, a multiple of 64; one page without it
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "samples/afu/afu.h"

#define GUID "6E991D56-A8FB-4936-AD7E-44B69186DBCA"
#define LINE 64u

enum {
	HOST = 0x28,
	LOCAL = 0x30,
	LINES = 0x38,
	BANK = 0x40,
	START = 0x48,
	STATUS = 0x50,
	CYCLES = 0x58,
	BANKS = 0x60,
	BANK_LINES = 0x68
};
enum { START_NOW = 1, START_INTERRUPT = 2, START_TO_HOST = 4, STATUS_BUSY = 1, STATUS_DONE = 2 };

static uint64_t pattern(uint64_t bank, uint64_t i)
{
	return (i + (bank << 32) + 1) * UINT64_C(0x9E3779B97F4A7C15);
}

static bool move(struct afu *a, const struct afu_buffer *b, uint64_t bank, uint64_t direction)
{
	uint64_t lines = b->size / LINE, bank_lines, cycles;

	if (!afu_read(a, BANK_LINES, &bank_lines) || !afu_write(a, HOST, b->io_address) ||
	    !afu_write(a, LOCAL, bank_lines - lines) || !afu_write(a, LINES, lines) ||
	    !afu_write(a, BANK, bank) || !afu_write(a, START, START_NOW | START_INTERRUPT | direction) ||
	    !afu_wait(a, STATUS, STATUS_BUSY | STATUS_DONE, STATUS_DONE) || !afu_read(a, CYCLES, &cycles))
		return false;
	printf("%" PRIu64 " bytes %s bank %" PRIu64 " in %" PRIu64 " cycles\n", b->size,
	       direction ? "from" : "to", bank, cycles);
	return true;
}

static bool store(struct afu *a, const struct afu_buffer *b, uint64_t bank)
{
	for (uint64_t i = 0; i < b->size / 8; i++)
		((uint64_t *)b->data)[i] = pattern(bank, i);
	return move(a, b, bank, 0);
}

static bool check(struct afu *a, const struct afu_buffer *b, uint64_t bank)
{
	const uint64_t *got = b->data;

	memset(b->data, 0, b->size);
	if (!move(a, b, bank, START_TO_HOST))
		return false;
	for (uint64_t i = 0; i < b->size / 8; i++)
		if (got[i] != pattern(bank, i)) {
			fprintf(stderr, "bank %" PRIu64 ", byte %" PRIu64 ": 0x%" PRIx64 "\n", bank, i * 8,
				got[i]);
			return false;
		}
	return true;
}

/* All banks are filled before one is read, so that none can be taken for another. */
static bool run(struct afu *a, const struct afu_buffer *b)
{
	uint64_t banks;
	bool good = afu_read(a, BANKS, &banks);

	for (uint64_t i = 0; good && i < banks; i++)
		good = store(a, b, i);
	for (uint64_t i = 0; good && i < banks; i++)
		good = check(a, b, i);
	return good;
}

int main(int argc, char *argv[])
{
	uint64_t bytes = 4096;
	struct afu_buffer buffer;
	struct afu a;
	bool good;

	if (argc > 2 || (argc == 2 && !afu_number(argv[1], LINE, 1u << 20, &bytes)) || bytes % LINE) {
		fprintf(stderr, "usage: local_mem [BYTES]      64 to 1048576, a multiple of 64\n");
		return 2;
	}
	if (!afu_open(&a, GUID))
		return 1;
	good = afu_buffer(&a, bytes, &buffer);
	if (good) {
		good = run(&a, &buffer);
		afu_release(&a, &buffer);
	}
	return afu_finish(afu_close(&a) && good);
}
