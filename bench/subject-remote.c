/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Register accesses and events of a remote accelerator. The boards are "bench", whose scratch
 * registers are on a page that the card maps, and "script", which can be told to raise an interrupt.
 */
#include <opae/event.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/card-memory.h"
#include "bench/program.h"
#include "bench/stats.h"
#include "bench/subject.h"
#include "emu/afu-script.h"

#define SCRATCH 0x1000
#define NUM_SCRATCH 64

static fpga_handle handle;
static double *samples;
static size_t count;

static void end(void)
{
	free(samples);
	subject_close(handle);
}

static void answer_percentiles(double *answers)
{
	answers[0] = stats_percentile(samples, count, 50);
	answers[1] = stats_percentile(samples, count, 99);
}

static bool begin(char *args[])
{
	samples = subject_room(args[0], &count);
	return samples && subject_open(&handle);
}

/* ---- call COUNT: microseconds of one register read, the median and the 99th percentile ---- */

static bool call_round(double *answers)
{
	double last = subject_now_ns();
	fpga_result r = FPGA_OK;

	for (size_t i = 0; i < count; i++) {
		uint64_t value;
		double now;

		r |= fpgaReadMMIO64(handle, 0, SCRATCH, &value);
		now = subject_now_ns();
		samples[i] = (now - last) / 1e3;
		last = now;
	}
	answer_percentiles(answers);
	return subject_ok(r, "fpgaReadMMIO64");
}

const struct subject subject_call = {
	.name = "call", .num_args = 1, .begin = begin, .round = call_round, .end = end, .num_answers = 2
};

/* ---- paced COUNT CARDS WHICH: the same on one of several cards, with a read each millisecond ---- */

static bool paced_begin(char *args[])
{
	samples = subject_room(args[0], &count);
	return samples && subject_open_one((uint32_t)strtoul(args[2], NULL, 10),
					   (uint32_t)strtoul(args[1], NULL, 10), &handle);
}

static bool paced_round(double *answers)
{
	int64_t due = clock_now_ns();
	fpga_result r = FPGA_OK;

	for (size_t i = 0; i < count; i++) {
		uint64_t value;
		double from;

		due += NS_PER_MS;
		clock_sleep_ns(due - clock_now_ns());
		from = subject_now_ns();
		r |= fpgaReadMMIO64(handle, 0, SCRATCH, &value);
		samples[i] = (subject_now_ns() - from) / 1e3;
	}
	answer_percentiles(answers);
	return subject_ok(r, "fpgaReadMMIO64");
}

const struct subject subject_paced = { .name = "paced",
				       .num_args = 3,
				       .begin = paced_begin,
				       .round = paced_round,
				       .end = end,
				       .num_answers = 2 };

/* ---- post COUNT: nanoseconds of one register write among so many, until the last is at the device ---- */

static bool post_begin(char *args[])
{
	count = strtoul(args[0], NULL, 10);
	return subject_open(&handle);
}

static bool post_round(double *answers)
{
	double from = subject_now_ns();
	fpga_result r = FPGA_OK;
	uint64_t value;

	for (uint64_t i = 0; i < count; i++)
		r |= fpgaWriteMMIO64(handle, 0, SCRATCH + i % NUM_SCRATCH * 8, i);
	r |= fpgaReadMMIO64(handle, 0, SCRATCH + (count - 1) % NUM_SCRATCH * 8, &value);
	answers[0] = (subject_now_ns() - from) / (double)count;
	return subject_ok(r, "fpgaWriteMMIO64") &&
	       (value == count - 1 || bench_fail("the last write is not at the device"));
}

const struct subject subject_post = { .name = "post",
				      .num_args = 1,
				      .begin = post_begin,
				      .round = post_round,
				      .end = end,
				      .num_answers = 1 };

/*
 * ---- last COUNT PAUSE PID: microseconds from the last of eight writes, behind which nothing follows,
 * until it is in the memory of the card, which is that process; the median and the 99th percentile.
 * Before them PAUSE microseconds of silence, or when that is 0 a register read ----
 */

#define WRITES 8
#define ARRIVE_NS 3e9

static struct card_memory memory;
static const volatile uint64_t *scratch; /* of the card, as it has them itself */
static int64_t pause_ns;

static bool last_begin(char *args[])
{
	static const uint64_t mark = UINT64_C(0x6f70616562656e63);
	uint64_t value;

	pause_ns = strtol(args[1], NULL, 10) * NS_PER_US;
	if (!begin(args) || !subject_ok(fpgaWriteMMIO64(handle, 0, SCRATCH, mark), "fpgaWriteMMIO64") ||
	    !subject_ok(fpgaReadMMIO64(handle, 0, SCRATCH, &value), "fpgaReadMMIO64"))
		return false;
	scratch = card_memory_find(&memory, (pid_t)strtol(args[2], NULL, 10), mark);
	return scratch;
}

/*
 * It offers its core between two looks, as a program that has nothing else to do: our I/O thread may
 * need it.
 */
static bool await_arrival(uint64_t value, double from)
{
	while (scratch[WRITES - 1] != value) {
		if (subject_now_ns() - from > ARRIVE_NS)
			return bench_fail("a write did not come to the device within %.0f s",
					  ARRIVE_NS / 1e9);
		sched_yield();
	}
	return true;
}

static bool last_once(uint64_t value, double *us)
{
	fpga_result r = FPGA_OK;
	uint64_t ignored;
	double from;

	if (pause_ns)
		clock_sleep_ns(pause_ns);
	else
		r = fpgaReadMMIO64(handle, 0, SCRATCH, &ignored);
	for (uint64_t i = 0; i < WRITES; i++)
		r |= fpgaWriteMMIO64(handle, 0, SCRATCH + i * 8, value);
	from = subject_now_ns();
	if (!subject_ok(r, "fpgaWriteMMIO64") || !await_arrival(value, from))
		return false;
	*us = (subject_now_ns() - from) / 1e3;
	return true;
}

static bool last_round(double *answers)
{
	static uint64_t value;

	for (size_t i = 0; i < count; i++)
		if (!last_once(++value, &samples[i]))
			return false;
	answer_percentiles(answers);
	return true;
}

static void last_end(void)
{
	card_memory_free(&memory);
	end();
}

const struct subject subject_last = { .name = "last",
				      .num_args = 3,
				      .begin = last_begin,
				      .round = last_round,
				      .end = last_end,
				      .num_answers = 2 };

/* ---- event COUNT: microseconds from a doorbell until its interrupt's descriptor is readable ---- */

#define EVENT_MS 3000

static fpga_event_handle event;
static int event_fd;

/* A program of one step: an interrupt. */
static bool load_interrupt(void)
{
	struct script_insn insn = script_interrupt(0);
	fpga_result r = FPGA_OK;

	for (unsigned int i = 0; i < 4; i++)
		r |= fpgaWriteMMIO64(handle, 0, SCRIPT_WINDOW + i * 8, script_word(&insn, i));
	r |= fpgaWriteMMIO64(handle, 0, SCRIPT_COUNT, 1);
	return subject_ok(r, "fpgaWriteMMIO64");
}

bool subject_event(fpga_handle h, fpga_event_handle *ret, int *fd)
{
	return subject_ok(fpgaCreateEventHandle(ret), "fpgaCreateEventHandle") &&
	       subject_ok(fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, *ret, 0), "fpgaRegisterEvent") &&
	       subject_ok(fpgaGetOSObjectFromEventHandle(*ret, fd), "fpgaGetOSObjectFromEventHandle");
}

static bool event_begin(char *args[])
{
	return begin(args) && load_interrupt() && subject_event(handle, &event, &event_fd);
}

static bool event_once(double *us)
{
	struct pollfd p = { .fd = event_fd, .events = POLLIN };
	uint64_t n;
	double from;

	clock_sleep_ns(2 * NS_PER_MS); /* the program before has ended, and everybody sleeps */
	from = subject_now_ns();
	if (!subject_ok(fpgaWriteMMIO32(handle, 0, SCRIPT_CTL, SCRIPT_START), "fpgaWriteMMIO32"))
		return false;
	if (poll(&p, 1, EVENT_MS) != 1)
		return bench_fail("no event came within %d ms", EVENT_MS);
	*us = (subject_now_ns() - from) / 1e3;
	return read(event_fd, &n, sizeof(n)) == sizeof(n);
}

static bool event_round(double *answers)
{
	for (size_t i = 0; i < count; i++)
		if (!event_once(&samples[i]))
			return false;
	answer_percentiles(answers);
	return true;
}

static void event_end(void)
{
	if (event)
		fpgaUnregisterEvent(handle, FPGA_EVENT_INTERRUPT, event);
	if (event)
		fpgaDestroyEventHandle(&event);
	end();
}

const struct subject subject_interrupt = { .name = "interrupt",
					   .num_args = 1,
					   .begin = event_begin,
					   .round = event_round,
					   .end = event_end,
					   .num_answers = 2 };
