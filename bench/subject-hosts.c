/* SPDX-License-Identifier: BSD-3-Clause */
/* Many hosts, and an open accelerator that nobody uses for the moment. */
#include <opae/event.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "bench/hosts.h"
#include "bench/program.h"
#include "bench/stats.h"
#include "bench/subject.h"

/*
 * ---- hosts LIVE COUNT: milliseconds of a process's first enumeration, and of COUNT others the median
 * ----
 */

static fpga_properties filter;
static uint32_t live;
static double *samples;
static size_t count;

static bool hosts_begin(char *args[])
{
	live = (uint32_t)strtoul(args[0], NULL, 10);
	samples = subject_room(args[1], &count);
	return samples && subject_ok(fpgaInitialize(NULL), "fpgaInitialize") &&
	       subject_ok(fpgaGetProperties(NULL, &filter), "fpgaGetProperties") &&
	       subject_ok(fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR), "type");
}

static bool enumerate(double *ms)
{
	fpga_token tokens[HOSTS_MAX];
	double from = subject_now_ns();
	uint32_t n = 0;
	bool good = subject_ok(fpgaEnumerate(&filter, 1, tokens, HOSTS_MAX, &n), "fpgaEnumerate");

	*ms = (subject_now_ns() - from) / 1e6;
	for (uint32_t i = 0; good && i < n && i < HOSTS_MAX; i++)
		fpgaDestroyToken(&tokens[i]);
	return good && (n == live || bench_fail("%u of %u live hosts were found", n, live));
}

static bool hosts_round(double *answers)
{
	if (!enumerate(&answers[0]))
		return false;
	for (size_t i = 0; i < count; i++)
		if (!enumerate(&samples[i]))
			return false;
	answers[1] = stats_percentile(samples, count, 50);
	return true;
}

static void hosts_end(void)
{
	free(samples);
	if (filter)
		fpgaDestroyProperties(&filter);
	fpgaFinalize();
}

const struct subject subject_hosts = { .name = "hosts",
				       .num_args = 2,
				       .begin = hosts_begin,
				       .round = hosts_round,
				       .end = hosts_end,
				       .num_answers = 2 };

/*
 * ---- quiet MS: percent of a core that this process uses, in so many milliseconds, while it has an
 * accelerator, a buffer and an event, and does nothing; from 100 ms after it last did something. ----
 */

#define BUFFER_BYTES (1024 * 1024)
#define CALLS 100
#define SCRATCH 0x80

static fpga_handle handle;
static fpga_event_handle event;
static uint64_t wsid;
static int64_t quiet_ns;

static bool quiet_begin(char *args[])
{
	void *at;
	int fd;

	quiet_ns = strtol(args[0], NULL, 10) * NS_PER_MS;
	return subject_open(&handle) &&
	       subject_ok(fpgaPrepareBuffer(handle, BUFFER_BYTES, &at, &wsid, 0), "fpgaPrepareBuffer") &&
	       subject_event(handle, &event, &fd);
}

static double cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static bool quiet_round(double *answers)
{
	fpga_result r = FPGA_OK;
	double from, used;
	uint64_t value;

	for (unsigned int i = 0; i < CALLS; i++) {
		r |= fpgaWriteMMIO64(handle, 0, SCRATCH, i);
		r |= fpgaReadMMIO64(handle, 0, SCRATCH, &value);
	}
	clock_sleep_ns(QUIET_AFTER_NS);
	from = subject_now_ns();
	used = cpu_ns();
	clock_sleep_ns(quiet_ns);
	answers[0] = (cpu_ns() - used) / (subject_now_ns() - from) * 100;
	return subject_ok(r, "MMIO access");
}

static void quiet_end(void)
{
	if (event)
		fpgaUnregisterEvent(handle, FPGA_EVENT_INTERRUPT, event);
	if (event)
		fpgaDestroyEventHandle(&event);
	subject_close(handle);
}

const struct subject subject_quiet = { .name = "quiet",
				       .num_args = 1,
				       .begin = quiet_begin,
				       .round = quiet_round,
				       .end = quiet_end,
				       .num_answers = 1 };
