/* SPDX-License-Identifier: BSD-3-Clause */
/* The copy engine's simulation (samples/afu/copy): its registers, its copies, and its clock. */
#include <opae/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/program.h"
#include "bench/simulation.h"
#include "bench/stats.h"
#include "bench/subject.h"

enum { SOURCE = 0x28, DESTINATION = 0x30, LINES = 0x38, START = 0x40, CYCLES = 0x50 };
enum { START_WITH_INTERRUPT = 3 };
#define LINE 64u
#define EVENT_MS 60000
#define REST_NS (60 * NS_PER_S)

static fpga_handle handle;
static double *samples;
static size_t count;

/* ---- ase-read, ase-write COUNT: microseconds of one access, the median and the 99th percentile ---- */

static bool begin(char *args[])
{
	samples = subject_room(args[0], &count);
	return samples && subject_open(&handle);
}

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

static bool read_round(double *answers)
{
	fpga_result r = FPGA_OK;

	for (size_t i = 0; i < count; i++) {
		double from = subject_now_ns();
		uint64_t value;

		r |= fpgaReadMMIO64(handle, 0, SOURCE, &value);
		samples[i] = (subject_now_ns() - from) / 1e3;
	}
	answer_percentiles(answers);
	return subject_ok(r, "fpgaReadMMIO64");
}

/* Each is by itself: the one before is in its register when it begins. */
static bool write_round(double *answers)
{
	fpga_result r = FPGA_OK;

	for (uint64_t i = 0; i < count; i++) {
		double from = subject_now_ns();
		uint64_t value = 0;

		r |= fpgaWriteMMIO64(handle, 0, SOURCE, i * LINE);
		samples[i] = (subject_now_ns() - from) / 1e3;
		r |= fpgaReadMMIO64(handle, 0, SOURCE, &value);
		if (r == FPGA_OK && value != i * LINE)
			return bench_fail("the register has not what was written");
	}
	answer_percentiles(answers);
	return subject_ok(r, "fpgaWriteMMIO64");
}

const struct subject subject_ase_read = { .name = "ase-read",
					  .num_args = 1,
					  .begin = begin,
					  .round = read_round,
					  .end = end,
					  .num_answers = 2 };
const struct subject subject_ase_write = { .name = "ase-write",
					   .num_args = 1,
					   .begin = begin,
					   .round = write_round,
					   .end = end,
					   .num_answers = 2 };

/*
 * ---- ase-copy BYTES COUNT: microseconds from the store that starts it until its interrupt has woken who
 * waits for it, the engine's cycles, both medians, and nanoseconds of one of these cycles ----
 */

struct memory {
	void *data;
	uint64_t wsid, io_address;
};

static struct memory from_memory, to_memory;
static uint64_t bytes, rounds;
static double *all_cycles;
static fpga_event_handle event;
static int event_fd;

static bool prepare(struct memory *m)
{
	return subject_ok(fpgaPrepareBuffer(handle, bytes, &m->data, &m->wsid, 0), "fpgaPrepareBuffer") &&
	       subject_ok(fpgaGetIOAddress(handle, m->wsid, &m->io_address), "fpgaGetIOAddress");
}

static bool copy_begin(char *args[])
{
	fpga_result r;

	bytes = strtoull(args[0], NULL, 10);
	samples = subject_room(args[1], &count);
	all_cycles = subject_room(args[1], &count);
	if (!samples || !all_cycles || !subject_open(&handle) || !subject_event(handle, &event, &event_fd) ||
	    !prepare(&from_memory) || !prepare(&to_memory))
		return false;
	r = fpgaWriteMMIO64(handle, 0, SOURCE, from_memory.io_address);
	r |= fpgaWriteMMIO64(handle, 0, DESTINATION, to_memory.io_address);
	r |= fpgaWriteMMIO64(handle, 0, LINES, bytes / LINE);
	return subject_ok(r, "fpgaWriteMMIO64");
}

static bool copy_once(double *us, double *cycles)
{
	struct pollfd p = { .fd = event_fd, .events = POLLIN };
	double from = subject_now_ns();
	uint64_t n;

	if (!subject_ok(fpgaWriteMMIO64(handle, 0, START, START_WITH_INTERRUPT), "fpgaWriteMMIO64"))
		return false;
	if (poll(&p, 1, EVENT_MS) != 1 || read(event_fd, &n, sizeof(n)) != sizeof(n))
		return bench_fail("no interrupt came within %d ms", EVENT_MS);
	*us = (subject_now_ns() - from) / 1e3;
	if (!subject_ok(fpgaReadMMIO64(handle, 0, CYCLES, &n), "fpgaReadMMIO64"))
		return false;
	*cycles = (double)n;
	return true;
}

static bool copy_round(double *answers)
{
	uint64_t *words = from_memory.data;

	rounds++;
	for (uint64_t i = 0; i < bytes / sizeof(*words); i++)
		words[i] = rounds << 32 | i;
	for (size_t i = 0; i < count; i++)
		if (!copy_once(&samples[i], &all_cycles[i]))
			return false;
	if (memcmp(from_memory.data, to_memory.data, bytes))
		return bench_fail("the engine has not copied what was there");
	answers[0] = stats_percentile(samples, count, 50);
	answers[1] = stats_percentile(all_cycles, count, 50);
	answers[2] = answers[0] * 1e3 / answers[1];
	return true;
}

static void copy_end(void)
{
	if (event)
		fpgaDestroyEventHandle(&event);
	if (from_memory.data)
		fpgaReleaseBuffer(handle, from_memory.wsid);
	if (to_memory.data)
		fpgaReleaseBuffer(handle, to_memory.wsid);
	free(all_cycles);
	end();
}

const struct subject subject_ase_copy = { .name = "ase-copy",
					  .num_args = 2,
					  .begin = copy_begin,
					  .round = copy_round,
					  .end = copy_end,
					  .num_answers = 3 };

/*
 * ---- ase-free CONTROL MS open|alone: nanoseconds of a cycle while the clock runs freely, and a program has
 * the simulation open or none has ----
 */

static int control = -1;
static int64_t for_ns;

static bool free_begin(char *args[])
{
	for_ns = strtol(args[1], NULL, 10) * NS_PER_MS;
	control = simulation_control(args[0]);
	return control >= 0 && (strcmp(args[2], "open") || subject_open(&handle));
}

static bool free_round(double *answers)
{
	struct simulation_status before, after;

	if (!simulation_tell(control, "run free") || !simulation_status(control, &before))
		return false;
	clock_sleep_ns(for_ns);
	if (!simulation_status(control, &after) || !simulation_tell(control, "run idle-stop"))
		return false;
	if (after.cycle <= before.cycle)
		return bench_fail("the clock of the simulation does not run");
	answers[0] = (after.at_ns - before.at_ns) / (after.cycle - before.cycle);
	return true;
}

static void control_end(void)
{
	if (control >= 0)
		close(control);
	subject_close(handle);
}

const struct subject subject_ase_free = { .name = "ase-free",
					  .num_args = 3,
					  .begin = free_begin,
					  .round = free_round,
					  .end = control_end,
					  .num_answers = 1 };

/*
 * ---- ase-rest CONTROL MS open|alone PID: microseconds of processor time that this simulation takes in a
 * second in which its clock stands still, and a program has it open or none has ----
 */

static clockid_t its_time;

static bool rest_begin(char *args[])
{
	if (clock_getcpuclockid((pid_t)strtol(args[3], NULL, 10), &its_time))
		return bench_fail("the simulation's processor time cannot be read");
	return free_begin(args);
}

static double time_us(void)
{
	struct timespec ts = { 0 };

	clock_gettime(its_time, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static bool rest_round(double *answers)
{
	struct simulation_status now = { 0 };
	int64_t deadline = clock_deadline(REST_NS);
	uint64_t value;
	double before;

	if (handle && !subject_ok(fpgaReadMMIO64(handle, 0, SOURCE, &value), "fpgaReadMMIO64"))
		return false;
	do {
		clock_sleep_ns(20 * NS_PER_MS);
		if (clock_now_ns() > deadline)
			return bench_fail("the clock of the simulation does not stop");
		if (!simulation_status(control, &now))
			return false;
	} while (!now.stopped);
	clock_sleep_ns(20 * NS_PER_MS); /* the answer is given, and it waits again */
	before = time_us();
	clock_sleep_ns(for_ns);
	answers[0] = (time_us() - before) * (double)NS_PER_S / (double)for_ns;
	return true;
}

const struct subject subject_ase_rest = { .name = "ase-rest",
					  .num_args = 4,
					  .begin = rest_begin,
					  .round = rest_round,
					  .end = control_end,
					  .num_answers = 1 };
