/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer of a remote accelerator as a program uses it: it loads and stores through the pointer. The board
 * is "script", whose accelerator fills the buffer, and tells what is in it.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/program.h"
#include "bench/script.h"
#include "bench/stats.h"
#include "bench/subject.h"

#define PAGE 4096u
#define PAGE_WORDS (PAGE / 8)

static fpga_handle handle;
static double *samples;
static size_t count;

static struct {
	uint64_t *at;
	uint64_t wsid, io, len;
	size_t words;
} buffer;

/* ---- the device's side ---- */

/* In each round each byte is another one than in the round before. */
static uint64_t next_pattern(void)
{
	static uint64_t n;

	n = n % 255 + 1;
	return n * UINT64_C(0x0101010101010101);
}

static bool device_fills(uint64_t pattern)
{
	struct script_insn program[SCRIPT_WINDOW_COUNT];
	unsigned int num = 0;

	for (uint64_t at = 0; at < buffer.len && num < SCRIPT_WINDOW_COUNT; at += SCRIPT_MAX_BYTES) {
		uint64_t left = buffer.len - at;

		program[num++] = script_fill(buffer.io + at, pattern,
					     left < SCRIPT_MAX_BYTES ? left : SCRIPT_MAX_BYTES);
	}
	return script_run(handle, program, num);
}

/* The word at each of the places is the pattern, as the device sees it. */
static bool device_finds(uint64_t pattern, const size_t words[SCRIPT_NUM_REGISTERS])
{
	struct script_insn program[SCRIPT_NUM_REGISTERS];
	uint64_t value = pattern;

	for (unsigned int i = 0; i < SCRIPT_NUM_REGISTERS; i++)
		program[i] = script_read64(i, buffer.io + words[i] * 8);
	if (!script_run(handle, program, SCRIPT_NUM_REGISTERS))
		return false;
	for (unsigned int i = 0; i < SCRIPT_NUM_REGISTERS && value == pattern; i++)
		if (!subject_ok(fpgaReadMMIO64(handle, 0, SCRIPT_R0 + 8 * i, &value), "fpgaReadMMIO64"))
			return false;
	return value == pattern || bench_fail("the device does not have what the program stored");
}

/* ---- the program's side ---- */

/* Loads all of it; false: a word is not the pattern. */
static bool load(const uint64_t *at, size_t words, uint64_t pattern)
{
	uint64_t differs = 0;

	for (size_t i = 0; i < words; i++)
		differs |= at[i] ^ pattern;
	return !differs;
}

static void store(uint64_t *at, size_t words, uint64_t pattern)
{
	for (size_t i = 0; i < words; i++)
		at[i] = pattern;
}

/* What was stored is at the server when this returns. */
static fpga_result deliver(void)
{
	fpga_result r = fpgaWriteMMIO64(handle, 0, SCRIPT_MAILBOX0, 0);
	uint64_t value;

	return r | fpgaReadMMIO64(handle, 0, SCRIPT_MAILBOX0, &value);
}

static size_t random_below(size_t n)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (size_t)(x % n);
}

/* ---- the rounds; each answers with microseconds ---- */

static bool read_round(double *answers)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t pattern = next_pattern();
		double from;
		bool same;

		if (!device_fills(pattern))
			return false;
		from = subject_now_ns();
		same = load(buffer.at, buffer.words, pattern);
		samples[i] = (subject_now_ns() - from) / 1e3;
		if (!same)
			return bench_fail("the program does not load what the device stored");
	}
	answers[0] = stats_percentile(samples, count, 50);
	return true;
}

static bool write_round(double *answers)
{
	size_t places[SCRIPT_NUM_REGISTERS];
	fpga_result r = FPGA_OK;
	uint64_t pattern = 0;

	for (size_t i = 0; i < count; i++) {
		double from = subject_now_ns();

		pattern = next_pattern();
		store(buffer.at, buffer.words, pattern);
		r |= deliver();
		samples[i] = (subject_now_ns() - from) / 1e3;
	}
	answers[0] = stats_percentile(samples, count, 50);
	for (unsigned int i = 0; i < SCRIPT_NUM_REGISTERS; i++)
		places[i] = i ? random_below(buffer.words) : buffer.words - 1;
	return subject_ok(r, "a register access") && device_finds(pattern, places);
}

/* Of a page: all of them in a row, by their number. */
static bool read_random_round(double *answers)
{
	uint64_t pattern = next_pattern();
	bool same = true;
	double from;

	if (!device_fills(pattern))
		return false;
	from = subject_now_ns();
	for (size_t i = 0; i < count; i++)
		same &= load(buffer.at + random_below(buffer.len / PAGE) * PAGE_WORDS, PAGE_WORDS, pattern);
	answers[0] = (subject_now_ns() - from) / 1e3 / (double)count;
	return same || bench_fail("the program does not load what the device stored");
}

static bool write_random_round(double *answers)
{
	uint64_t pattern = next_pattern();
	size_t places[SCRIPT_NUM_REGISTERS];
	double from = subject_now_ns();
	fpga_result r;

	for (size_t i = 0; i < count; i++) {
		size_t at = random_below(buffer.len / PAGE) * PAGE_WORDS;

		store(buffer.at + at, PAGE_WORDS, pattern);
		places[i % SCRIPT_NUM_REGISTERS] = at;
	}
	r = deliver();
	answers[0] = (subject_now_ns() - from) / 1e3 / (double)count;
	return subject_ok(r, "a register access") && device_finds(pattern, places);
}

/*
 * ---- memory KIND BYTES COUNT: microseconds of one read (the median) or write of the whole buffer, or of one
 * page of the random ones ----
 */

static const struct {
	const char *name;
	int flags;
	bool (*round)(double *answers);
} kinds[] = {
	{ "read", 0, read_round },
	{ "write", 0, write_round },
	{ "input", FPGA_BUF_READ_ONLY, write_round },
	{ "read-random", 0, read_random_round },
	{ "write-random", 0, write_random_round },
};

static bool (*round_of_kind)(double *answers);

static bool memory_begin(char *args[])
{
	int flags = 0;
	void *at;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(args[0], kinds[i].name)) {
			round_of_kind = kinds[i].round;
			flags = kinds[i].flags;
		}
	samples = subject_room(args[2], &count);
	buffer.len = strtoull(args[1], NULL, 10);
	if (!round_of_kind || !samples || count < SCRIPT_NUM_REGISTERS * !strcmp(args[0], "write-random"))
		return false;
	if (!subject_open(&handle) ||
	    !subject_ok(fpgaPrepareBuffer(handle, buffer.len, &at, &buffer.wsid, flags), "fpgaPrepareBuffer"))
		return false;
	buffer.at = at;
	buffer.words = (size_t)buffer.len / 8;
	return subject_ok(fpgaGetIOAddress(handle, buffer.wsid, &buffer.io), "fpgaGetIOAddress");
}

static bool memory_round(double *answers)
{
	return round_of_kind(answers);
}

static void memory_end(void)
{
	free(samples);
	if (buffer.at)
		fpgaReleaseBuffer(handle, buffer.wsid);
	subject_close(handle);
}

const struct subject subject_memory = { .name = "memory",
					.num_args = 3,
					.begin = memory_begin,
					.round = memory_round,
					.end = memory_end,
					.num_answers = 1 };
