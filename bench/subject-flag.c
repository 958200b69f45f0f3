/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that polls memory for what the device stores there. The device has the registers of
 * emu/afu-bench.h. Between two looks the program offers its core: our threads may need it.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "bench/program.h"
#include "bench/stats.h"
#include "bench/subject.h"
#include "emu/afu-bench.h"

#define PAGE 4096u
#define PAGE_WORDS (PAGE / 8)
#define LENGTH (4 * PAGE)
#define ARRIVE_NS 5e9

static fpga_handle handle;
static double *samples;
static size_t count;

static struct {
	volatile uint64_t *at;
	uint64_t wsid, io;
} buffer;

static bool begin(const char *samples_count)
{
	void *at;

	samples = subject_room(samples_count, &count);
	if (!samples || !subject_open(&handle) ||
	    !subject_ok(fpgaPrepareBuffer(handle, LENGTH, &at, &buffer.wsid, 0), "fpgaPrepareBuffer"))
		return false;
	buffer.at = at;
	return subject_ok(fpgaGetIOAddress(handle, buffer.wsid, &buffer.io), "fpgaGetIOAddress");
}

static void end(void)
{
	free(samples);
	if (buffer.at)
		fpgaReleaseBuffer(handle, buffer.wsid);
	subject_close(handle);
}

static bool set(enum bench_register reg, uint64_t value)
{
	return subject_ok(fpgaWriteMMIO64(handle, 0, reg, value), "fpgaWriteMMIO64");
}

/* Until the word is another one; false: said. */
static bool await_news(const volatile uint64_t *word, uint64_t old)
{
	double from = subject_now_ns();

	while (*word == old) {
		if (subject_now_ns() - from > ARRIVE_NS)
			return bench_fail("what the device stored is not seen in %.0f s", ARRIVE_NS / 1e9);
		sched_yield();
	}
	return true;
}

/*
 * ---- flag COUNT FROM SPREAD: microseconds from the device's store of a word until the program has loaded
 * it, the median and the 99th percentile. The device stores FROM to FROM + SPREAD microseconds after it was
 * told to, at another moment each time ----
 */

static uint64_t after_from, after_spread;

static bool flag_begin(char *args[])
{
	after_from = strtoull(args[1], NULL, 10);
	after_spread = strtoull(args[2], NULL, 10);
	return begin(args[0]) && set(BENCH_FLAG_AT, buffer.io);
}

static bool flag_once(double *us)
{
	static uint64_t n;
	uint64_t old = *buffer.at;

	if (!set(BENCH_FLAG_AFTER, after_from + n++ * 61 % (after_spread + 1)) || !await_news(buffer.at, old))
		return false;
	*us = (subject_now_ns() - (double)*buffer.at) / 1e3;
	return true;
}

static bool flag_round(double *answers)
{
	for (size_t i = 0; i < count; i++)
		if (!flag_once(&samples[i]))
			return false;
	answers[0] = stats_percentile(samples, count, 50);
	answers[1] = stats_percentile(samples, count, 99);
	return true;
}

const struct subject subject_flag = { .name = "flag",
				      .num_args = 3,
				      .begin = flag_begin,
				      .round = flag_round,
				      .end = end,
				      .num_answers = 2 };

/*
 * ---- job COUNT HOW: microseconds of one job, of so many one after the other: 64 bytes are stored, a
 * register is written, and the end is awaited in memory ("memory") or in a register ("register"); then 64
 * bytes are loaded ----
 */

static bool by_register;
static volatile uint64_t *job_out;

static bool job_begin(char *args[])
{
	by_register = !strcmp(args[1], "register");
	if (!begin(args[0]))
		return false;
	job_out = buffer.at + PAGE_WORDS;
	return set(BENCH_JOB_IN, buffer.io) && set(BENCH_JOB_OUT, buffer.io + PAGE);
}

static bool await_done(uint64_t number)
{
	double from = subject_now_ns();
	fpga_result r = FPGA_OK;
	uint64_t done = 0;

	if (!by_register)
		return await_news(&job_out[BENCH_JOB_WORDS], number - 1);
	while (r == FPGA_OK && done != number) {
		r = fpgaReadMMIO64(handle, 0, BENCH_DONE, &done);
		if (subject_now_ns() - from > ARRIVE_NS)
			return bench_fail("the device does not end its job");
	}
	return subject_ok(r, "fpgaReadMMIO64");
}

static bool job_once(uint64_t number)
{
	bool right = true;

	for (unsigned int i = 0; i < BENCH_JOB_WORDS; i++)
		buffer.at[i] = number * 3 + i;
	if (!set(BENCH_JOB, number) || !await_done(number))
		return false;
	for (unsigned int i = 0; i < BENCH_JOB_WORDS; i++)
		right &= job_out[i] == number * 4 + i;
	return right || bench_fail("a job's result is wrong");
}

static bool job_round(double *answers)
{
	static uint64_t number;
	double from = subject_now_ns();

	for (size_t i = 0; i < count; i++)
		if (!job_once(++number))
			return false;
	answers[0] = (subject_now_ns() - from) / 1e3 / (double)count;
	return true;
}

const struct subject subject_job = { .name = "job",
				     .num_args = 2,
				     .begin = job_begin,
				     .round = job_round,
				     .end = end,
				     .num_answers = 1 };
