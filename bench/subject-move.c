/* SPDX-License-Identifier: BSD-3-Clause */
/* The content of a remote accelerator's buffers, moved when the program says so. */
#include <opae/ext.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bench/program.h"
#include "bench/stats.h"
#include "bench/subject.h"

#define SCRATCH 0x1000

static fpga_handle handle, other;
static double *samples;
static size_t count;

struct buffer {
	void *at;
	uint64_t wsid, len;
};

static struct buffer buffer;

static bool prepare(fpga_handle h, const char *bytes)
{
	buffer.len = strtoull(bytes, NULL, 10);
	if (!subject_ok(fpgaPrepareBuffer(h, buffer.len, &buffer.at, &buffer.wsid, 0), "fpgaPrepareBuffer"))
		return false;
	memset(buffer.at, 0x5a, buffer.len);
	return true;
}

/* ---- move push|pull BYTES COUNT: microseconds of one, the median ---- */

static fpga_result (*move)(fpga_handle h, uint64_t wsid, uint64_t offset, uint64_t len);

static bool move_begin(char *args[])
{
	move = strcmp(args[0], "pull") ? opaex_push : opaex_pull;
	samples = subject_room(args[2], &count);
	return samples && subject_open(&handle) && prepare(handle, args[1]);
}

/* What came back is what went there; a reference does not look either while it is timed. */
static bool check_content(void)
{
	unsigned char *bytes = buffer.at;
	static unsigned char pattern;

	pattern++;
	memset(bytes, pattern, buffer.len);
	if (!subject_ok(opaex_push(handle, buffer.wsid, 0, buffer.len), "opaex_push"))
		return false;
	memset(bytes, 0, buffer.len);
	if (!subject_ok(opaex_pull(handle, buffer.wsid, 0, buffer.len), "opaex_pull"))
		return false;
	return (bytes[0] == pattern && !memcmp(bytes, bytes + 1, buffer.len - 1)) ||
	       bench_fail("what came back from the device is not what went there");
}

static bool move_round(double *answers)
{
	fpga_result r = FPGA_OK;

	for (size_t i = 0; i < count; i++) {
		double from = subject_now_ns();

		r |= move(handle, buffer.wsid, 0, buffer.len);
		samples[i] = (subject_now_ns() - from) / 1e3;
	}
	answers[0] = stats_percentile(samples, count, 50);
	return subject_ok(r, "opaex_push and opaex_pull") && check_content();
}

static void move_end(void)
{
	free(samples);
	if (buffer.at)
		fpgaReleaseBuffer(other ? other : handle, buffer.wsid);
	if (other)
		fpgaClose(other);
	subject_close(handle);
}

const struct subject subject_move = { .name = "move",
				      .num_args = 3,
				      .begin = move_begin,
				      .round = move_round,
				      .end = move_end,
				      .num_answers = 1 };

/*
 * ---- beside COUNT BYTES TIMES: microseconds of a register read on one handle, the 99th percentile of
 * COUNT: while BYTES are pushed TIMES times by another thread on another handle, and while nothing
 * else goes on ----
 */

static unsigned int times;
static atomic_bool pushing;
static fpga_result pushed;

static bool beside_begin(char *args[])
{
	samples = subject_room(args[0], &count);
	times = (unsigned int)strtoul(args[2], NULL, 10);
	return samples && subject_open_one(0, 2, &handle) && subject_open_one(1, 2, &other) &&
	       prepare(other, args[1]);
}

static void *push_all(void *arg)
{
	(void)arg;
	for (unsigned int i = 0; i < times && pushed == FPGA_OK; i++)
		pushed = opaex_push(other, buffer.wsid, 0, buffer.len);
	atomic_store(&pushing, false);
	return NULL;
}

/* Up to COUNT reads, in the second case as long as the other thread pushes; how many were done. */
static size_t read_some(fpga_result *r, bool beside)
{
	size_t n = 0;

	while (n < count && (!beside || atomic_load(&pushing))) {
		double from = subject_now_ns();
		uint64_t value;

		*r |= fpgaReadMMIO64(handle, 0, SCRATCH, &value);
		samples[n++] = (subject_now_ns() - from) / 1e3;
	}
	return n;
}

static bool beside_round(double *answers)
{
	fpga_result r = FPGA_OK;
	pthread_t thread;
	size_t n;

	n = read_some(&r, false);
	answers[1] = stats_percentile(samples, n, 99);
	atomic_store(&pushing, true);
	if (pthread_create(&thread, NULL, push_all, NULL))
		return bench_fail("no thread can be made");
	n = read_some(&r, true);
	pthread_join(thread, NULL);
	if (!n)
		return bench_fail("the push was over before a register was read");
	answers[0] = stats_percentile(samples, n, 99);
	answers[2] = stats_percentile(samples, n, 50);
	return subject_ok(r, "fpgaReadMMIO64") && subject_ok(pushed, "opaex_push");
}

const struct subject subject_beside = { .name = "beside",
					.num_args = 3,
					.begin = beside_begin,
					.round = beside_round,
					.end = move_end,
					.num_answers = 3 };
