/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ---- doorbell BYTES HOW COUNT: nanoseconds of a register write, the median of so many, beside so many bytes
 * of prepared buffers, on the first of two accelerators; or on the second, when it is none. What may be
 * resident of them was touched: at the beginning of the round, and each write follows a register read
 * ("untouched"), or nothing but such writes were between ("resident") ----
 */
#include <stdlib.h>
#include <string.h>

#include "bench/remote-memory.h"
#include "bench/program.h"
#include "bench/stats.h"
#include "bench/subject.h"
#include "emu/afu-script.h"

#define PAGE 4096u
#define BUFFER_BYTES (UINT64_C(64) << 20)
#define MAX_BUFFERS 16u

static fpga_handle handle;
static double *samples;
static size_t count;
static bool resident;

static struct {
	volatile unsigned char *at;
	uint64_t wsid, len;
} buffers[MAX_BUFFERS];
static unsigned int num_buffers;

static bool doorbell_begin(char *args[])
{
	uint64_t left = strtoull(args[0], NULL, 10);

	resident = !strcmp(args[1], "resident");
	samples = subject_room(args[2], &count);
	if (!samples || !subject_open_one(!left, 2, &handle))
		return false;
	for (; left && num_buffers < MAX_BUFFERS; num_buffers++) {
		uint64_t len = left < BUFFER_BYTES ? left : BUFFER_BYTES;
		void *at;

		if (!subject_ok(fpgaPrepareBuffer(handle, len, &at, &buffers[num_buffers].wsid, 0),
				"fpgaPrepareBuffer"))
			return false;
		buffers[num_buffers].at = at;
		buffers[num_buffers].len = len;
		left -= len;
	}
	return !left || bench_fail("%s bytes are more than this can prepare", args[0]);
}

/* After more register writes than that pages may rest, and are not resident any more. */
#define BEFORE_REST 8

/* The same number of pages of each buffer. */
static void touch(void)
{
	for (unsigned int i = 0; i < num_buffers; i++)
		for (uint64_t at = 0; at < MEMORY_RESIDENT / num_buffers && at < buffers[i].len; at += PAGE)
			(void)buffers[i].at[at];
}

static fpga_result timed_write(double *ns)
{
	double from = subject_now_ns();
	fpga_result r = fpgaWriteMMIO64(handle, 0, SCRIPT_MAILBOX0, 0);

	*ns = subject_now_ns() - from;
	return r;
}

static bool doorbell_round(double *answers)
{
	fpga_result r = FPGA_OK;
	uint64_t value;

	touch();
	for (size_t i = 0; i < count; i++) {
		if (resident && i && i % BEFORE_REST == 0)
			touch();
		if (!resident)
			r |= fpgaReadMMIO64(handle, 0, SCRIPT_MAILBOX0, &value);
		r |= timed_write(&samples[i]);
	}
	r |= fpgaReadMMIO64(handle, 0, SCRIPT_MAILBOX0, &value);
	answers[0] = stats_percentile(samples, count, 50);
	return subject_ok(r, "a register access");
}

static void doorbell_end(void)
{
	free(samples);
	for (unsigned int i = 0; i < num_buffers; i++)
		fpgaReleaseBuffer(handle, buffers[i].wsid);
	subject_close(handle);
}

const struct subject subject_doorbell = { .name = "doorbell",
					  .num_args = 3,
					  .begin = doorbell_begin,
					  .round = doorbell_round,
					  .end = doorbell_end,
					  .num_answers = 1 };
