/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers, and data through the native loopback AFU (board nlb0). */
#include <opae/ext.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/program.h"
#include "bench/stats.h"
#include "bench/subject.h"

#define NLB_DSM_BASE 0x110
#define NLB_SRC 0x120
#define NLB_DST 0x128
#define NLB_NUM_LINES 0x130
#define NLB_CTL 0x138
#define NLB_CFG 0x140
#define CTL_RUN 0x1u
#define CTL_START 0x2u
#define DSM_STATUS 0x40 /* where the status line is in the DSM buffer */
#define LINE 64u
#define DSM_BYTES 4096u

#define DONE_NS 3e9
#define LOOKS 1000 /* at the status line, between two at the clock */

static fpga_handle handle;
static uint64_t bytes;
static double *samples;
static size_t count;

static bool begin(char *args[])
{
	bytes = strtoull(args[0], NULL, 10);
	samples = subject_room(args[1], &count);
	return samples && subject_open(&handle);
}

static void end(void)
{
	free(samples);
	subject_close(handle);
}

/* ---- buffer BYTES COUNT: microseconds to prepare and release, the median of COUNT ---- */

static bool buffer_once(double *us)
{
	double from = subject_now_ns();
	uint64_t wsid;
	void *at;

	if (!subject_ok(fpgaPrepareBuffer(handle, bytes, &at, &wsid, 0), "fpgaPrepareBuffer") ||
	    !subject_ok(fpgaReleaseBuffer(handle, wsid), "fpgaReleaseBuffer"))
		return false;
	*us = (subject_now_ns() - from) / 1e3;
	return true;
}

static bool buffer_round(double *answers)
{
	for (size_t i = 0; i < count; i++)
		if (!buffer_once(&samples[i]))
			return false;
	answers[0] = stats_percentile(samples, count, 50);
	return true;
}

const struct subject subject_buffer = { .name = "buffer",
					.num_args = 2,
					.begin = begin,
					.round = buffer_round,
					.end = end,
					.num_answers = 1 };

/*
 * ---- loopback BYTES COUNT: microseconds from the store that starts the copy until its status line
 * is seen, the median of COUNT ----
 */

struct buffer {
	void *at;
	uint64_t wsid, io;
};

static struct buffer dsm, in, out;
static bool trapped;

static bool prepare(struct buffer *b, uint64_t len, int fill)
{
	if (!subject_ok(fpgaPrepareBuffer(handle, len, &b->at, &b->wsid, 0), "fpgaPrepareBuffer") ||
	    !subject_ok(fpgaGetIOAddress(handle, b->wsid, &b->io), "fpgaGetIOAddress"))
		return false;
	memset(b->at, fill, len);
	return true;
}

/* Everything but the start itself. */
static bool set_up(void)
{
	return subject_ok(fpgaReset(handle), "fpgaReset") &&
	       subject_ok(fpgaWriteMMIO64(handle, 0, NLB_DSM_BASE, dsm.io), "DSM base") &&
	       subject_ok(fpgaWriteMMIO32(handle, 0, NLB_CTL, 0), "control") &&
	       subject_ok(fpgaWriteMMIO32(handle, 0, NLB_CTL, CTL_RUN), "control") &&
	       subject_ok(fpgaWriteMMIO64(handle, 0, NLB_SRC, in.io / LINE), "source") &&
	       subject_ok(fpgaWriteMMIO64(handle, 0, NLB_DST, out.io / LINE), "destination") &&
	       subject_ok(fpgaWriteMMIO32(handle, 0, NLB_NUM_LINES, (uint32_t)(bytes / LINE)),
			  "length") &&
	       subject_ok(fpgaWriteMMIO32(handle, 0, NLB_CFG, 0), "mode");
}

static bool wait_done(const volatile uint64_t *status, double from)
{
	for (unsigned int i = 1; !(__atomic_load_n(status, __ATOMIC_ACQUIRE) & 1); i++) {
		if (i % LOOKS)
			continue;
		if (subject_now_ns() - from > DONE_NS)
			return bench_fail("the loopback did not end within %.0f s", DONE_NS / 1e9);
		sched_yield(); /* the card may be waiting for this very core */
	}
	return true;
}

/*
 * A card with trapped registers may still be busy with the end of the run before, and would not hear the
 * next start; a reset waits for it. With mapped ones the card itself looks when it is through.
 */
static bool again(void)
{
	return trapped ? set_up() :
			 subject_ok(fpgaWriteMMIO32(handle, 0, NLB_CTL, CTL_RUN), "control");
}

static bool loopback_once(double *us)
{
	uint64_t *status = (uint64_t *)dsm.at + DSM_STATUS / sizeof(uint64_t);
	double from;

	__atomic_store_n(status, 0, __ATOMIC_RELEASE);
	if (!again())
		return false;
	from = subject_now_ns();
	if (!subject_ok(fpgaWriteMMIO32(handle, 0, NLB_CTL, CTL_RUN | CTL_START), "start") ||
	    !wait_done(status, from))
		return false;
	*us = (subject_now_ns() - from) / 1e3;
	return true;
}

static bool loopback_begin(char *args[])
{
	struct opaex_mmio_info info;

	if (!begin(args) || !subject_ok(opaex_mmio_info(handle, 0, &info), "opaex_mmio_info"))
		return false;
	trapped = !(info.flags & OPAEX_MMIO_MAPPED);
	return prepare(&dsm, DSM_BYTES, 0) && prepare(&in, bytes, 0xaf) &&
	       prepare(&out, bytes, 0xbe) && set_up();
}

static bool loopback_round(double *answers)
{
	unsigned char *first = in.at;

	for (size_t i = 0; i < count; i++) {
		first[i % bytes]++; /* so that no copy is like the one before */
		if (!loopback_once(&samples[i]))
			return false;
	}
	if (memcmp(in.at, out.at, bytes))
		return bench_fail("the loopback copied wrong bytes");
	answers[0] = stats_percentile(samples, count, 50);
	return true;
}

const struct subject subject_loopback = { .name = "loopback",
					  .num_args = 2,
					  .begin = loopback_begin,
					  .round = loopback_round,
					  .end = end,
					  .num_answers = 1 };
