/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program on the public API that does what it is told, line by line, and says of each call how it ended,
 * how long it took, and why: what a test stops, kills and cuts off. Numbers are as strtoull() takes them.
 *
 *     open GUID          the first free accelerator of this GUID
 *     device GUID        the device that the first one is in, for load
 *     close
 *     reset
 *     read OFFSET        64 bits of region 0
 *     write OFFSET VALUE
 *     write32 OFFSET VALUE
 *     buffer BYTES       prepares one; its address for the device
 *     peek NUMBER OFFSET 64 bits of the buffer of that number, counted from 0
 *     copy LINES         NLB0 copies lines of 64 bytes from buffer 1 to buffer 2 until it is stopped; its
 *                        status goes to buffer 0
 *     work ROUNDS        writes and reads a register so often, or, with 0, until that fails
 *     load FILE SLOT     fpgaReconfigureSlot() of the device
 *
 * An answer is one line: result, milliseconds, value, reason.
 */
#include <opae/ext.h>
#include <opae/fpga.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#define BUFFERS 16
#define TOKENS 16
#define SCRATCH 0x100 /* a register of NLB0 that does nothing by itself */

struct buffer {
	void *at;
	uint64_t bytes, wsid, io;
};

static fpga_handle handle, device;
static struct buffer buffers[BUFFERS];
static unsigned int num_buffers;

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- what there is ---- */

/* Accelerators of this GUID, at most so many; how many there are. */
static fpga_result find(const char *guid, fpga_token *tokens, uint32_t max, uint32_t *ret)
{
	fpga_properties filter = NULL;
	fpga_guid id;
	fpga_result r = uuid_parse(guid, id) ? FPGA_INVALID_PARAM : fpgaGetProperties(NULL, &filter);

	*ret = 0;
	if (r == FPGA_OK)
		r = fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR);
	if (r == FPGA_OK)
		r = fpgaPropertiesSetGUID(filter, id);
	if (r == FPGA_OK)
		r = fpgaEnumerate(&filter, 1, tokens, max, ret);
	if (filter)
		fpgaDestroyProperties(&filter);
	*ret = *ret < max ? *ret : max;
	return r != FPGA_OK || *ret ? r : FPGA_NOT_FOUND;
}

static fpga_result open_accelerator(const char *guid)
{
	fpga_token tokens[TOKENS];
	uint32_t n;
	fpga_result r = find(guid, tokens, TOKENS, &n);

	if (r == FPGA_OK)
		r = FPGA_BUSY;
	for (uint32_t i = 0; i < n; i++) {
		if (r == FPGA_BUSY)
			r = fpgaOpen(tokens[i], &handle, 0);
		fpgaDestroyToken(&tokens[i]);
	}
	return r;
}

/* The device of an accelerator that is not opened. */
static fpga_result open_device(const char *guid)
{
	fpga_token token = NULL, parent = NULL;
	fpga_properties props = NULL;
	uint32_t n;
	fpga_result r = find(guid, &token, 1, &n);

	if (r == FPGA_OK)
		r = fpgaGetProperties(token, &props);
	if (r == FPGA_OK)
		r = fpgaPropertiesGetParent(props, &parent);
	if (r == FPGA_OK)
		r = fpgaOpen(parent, &device, 0);
	if (props)
		fpgaDestroyProperties(&props);
	if (parent)
		fpgaDestroyToken(&parent);
	if (token)
		fpgaDestroyToken(&token);
	return r;
}

static fpga_result close_all(void)
{
	fpga_handle was = handle;

	handle = NULL;
	num_buffers = 0;
	return fpgaClose(was);
}

/* ---- buffers ---- */

static fpga_result prepare(uint64_t bytes, uint64_t *io)
{
	struct buffer *b = &buffers[num_buffers];
	fpga_result r;

	if (num_buffers == BUFFERS)
		return FPGA_NO_MEMORY;
	b->bytes = bytes;
	b->at = NULL;
	r = fpgaPrepareBuffer(handle, bytes, &b->at, &b->wsid, 0);
	if (r == FPGA_OK)
		r = fpgaGetIOAddress(handle, b->wsid, &b->io);
	if (r == FPGA_OK)
		num_buffers++;
	*io = b->io;
	return r;
}

static fpga_result peek(uint64_t number, uint64_t offset, uint64_t *ret)
{
	const struct buffer *b = &buffers[number < BUFFERS ? number : 0];

	if (number >= num_buffers || offset % 8 || offset >= b->bytes)
		return FPGA_INVALID_PARAM;
	*ret = *(const volatile uint64_t *)((const char *)b->at + offset);
	return FPGA_OK;
}

static fpga_result copy(uint64_t lines)
{
	fpga_result r = num_buffers < 3 ? FPGA_INVALID_PARAM : fpgaWriteMMIO32(handle, 0, 0x138, 0);

	if (r == FPGA_OK)
		r = fpgaWriteMMIO32(handle, 0, 0x138, 1);
	if (r == FPGA_OK)
		r = fpgaWriteMMIO64(handle, 0, 0x110, buffers[0].io);
	if (r == FPGA_OK)
		r = fpgaWriteMMIO64(handle, 0, 0x120, buffers[1].io / 64);
	if (r == FPGA_OK)
		r = fpgaWriteMMIO64(handle, 0, 0x128, buffers[2].io / 64);
	if (r == FPGA_OK)
		r = fpgaWriteMMIO32(handle, 0, 0x130, (uint32_t)lines);
	if (r == FPGA_OK)
		r = fpgaWriteMMIO32(handle, 0, 0x140, 0x42002); /* loopback, again and again */
	return r == FPGA_OK ? fpgaWriteMMIO32(handle, 0, 0x138, 3) : r;
}

/* ---- registers ---- */

static fpga_result work(uint64_t most, uint64_t *rounds)
{
	fpga_result r = FPGA_OK;
	uint64_t value;

	for (*rounds = 0; r == FPGA_OK && (!most || *rounds < most); (*rounds)++) {
		for (int i = 0; i < 64 && r == FPGA_OK; i++)
			r = fpgaWriteMMIO64(handle, 0, SCRATCH, *rounds);
		if (r == FPGA_OK)
			r = fpgaReadMMIO64(handle, 0, SCRATCH, &value);
	}
	return r;
}

/* ---- lines ---- */

static fpga_result load(const char *file, uint64_t slot)
{
	static uint8_t bits[1 << 20];
	FILE *f = fopen(file, "rb");
	size_t n = f ? fread(bits, 1, sizeof(bits), f) : 0;

	if (f)
		fclose(f);
	return fpgaReconfigureSlot(device, (uint32_t)slot, bits, n, 0);
}

static fpga_result carry_out(const char *what, const char *first, uint64_t second, uint64_t *value)
{
	uint64_t number = strtoull(first, NULL, 0);

	if (!strcmp(what, "open"))
		return open_accelerator(first);
	if (!strcmp(what, "device"))
		return open_device(first);
	if (!strcmp(what, "close"))
		return close_all();
	if (!strcmp(what, "reset"))
		return fpgaReset(handle);
	if (!strcmp(what, "read"))
		return fpgaReadMMIO64(handle, 0, number, value);
	if (!strcmp(what, "write"))
		return fpgaWriteMMIO64(handle, 0, number, second);
	if (!strcmp(what, "write32"))
		return fpgaWriteMMIO32(handle, 0, number, (uint32_t)second);
	if (!strcmp(what, "buffer"))
		return prepare(number, value);
	if (!strcmp(what, "peek"))
		return peek(number, second, value);
	if (!strcmp(what, "copy"))
		return copy(number);
	if (!strcmp(what, "work"))
		return work(number, value);
	if (!strcmp(what, "load"))
		return load(first, second);
	fprintf(stderr, "there is no '%s'\n", what);
	exit(2);
}

int main(void)
{
	char line[512], what[16], first[400], second[32];

	printf("ready %d\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		uint64_t value = 0;
		double from = now_ms();
		fpga_result r;

		*what = *first = *second = 0;
		if (sscanf(line, "%15s %399s %31s", what, first, second) < 1)
			continue;
		r = carry_out(what, first, strtoull(second, NULL, 0), &value);
		printf("%d %.1f %" PRIu64 " %s\n", r, now_ms() - from, value,
		       r == FPGA_OK ? "" : opaex_error_detail());
		fflush(stdout);
	}
	if (handle)
		fpgaClose(handle);
	if (device)
		fpgaClose(device);
	return 0;
}
