/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Register accesses, and properties objects: short calls. Those of nanoseconds are timed in slices
 * of 1000, and the median slice counts, so that a slice in which the thread lost its core does not.
 * The board is "bench": scratch registers on a page that may be mapped, and one on a trapped page.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bench/program.h"
#include "bench/stats.h"
#include "bench/subject.h"

#define TRAPPED_SCRATCH 0x80
#define SCRATCH 0x1000
#define SCRATCH_STEP 0x100 /* from one thread's register to the next one's: no line in common */
#define SLICE 1000
#define MAX_THREADS 2

static fpga_handle handle;
static size_t count;

/*
 * ---- access read|write 1|1+1|2 SLICES: nanoseconds an access, of one thread; or the mean of two
 * threads, each on a CPU of its own, that run one after the other or at the same time ----
 */

struct worker {
	pthread_t thread;
	int cpu; /* where it runs; -1: anywhere */
	uint64_t offset;
	double *slices;
	double ns;
	fpga_result result;
};

static struct worker workers[MAX_THREADS];
static unsigned int num_workers, at_once;
static double (*slice)(struct worker *w);
static pthread_barrier_t all_begin;
static atomic_uint through; /* threads that have all their slices */

static double read_slice(struct worker *w)
{
	uint64_t value;
	fpga_result r = FPGA_OK;
	double begin = subject_now_ns();

	for (int i = 0; i < SLICE; i++)
		r |= fpgaReadMMIO64(handle, 0, w->offset, &value);
	w->result |= r;
	return (subject_now_ns() - begin) / SLICE;
}

static double write_slice(struct worker *w)
{
	fpga_result r = FPGA_OK;
	double begin = subject_now_ns();

	for (uint64_t i = 0; i < SLICE; i++)
		r |= fpgaWriteMMIO64(handle, 0, w->offset, i);
	w->result |= r;
	return (subject_now_ns() - begin) / SLICE;
}

static void stay_on(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* A thread that is through goes on until the others are: none of their slices is one alone. */
static void *work(void *arg)
{
	struct worker *w = arg;

	stay_on(w->cpu);
	pthread_barrier_wait(&all_begin);
	for (size_t i = 0; i < count; i++)
		w->slices[i] = slice(w);
	atomic_fetch_add(&through, 1);
	while (atomic_load(&through) < at_once)
		slice(w);
	w->ns = stats_percentile(w->slices, count, 50);
	return NULL;
}

/* The n-th CPU that there is for this process; -1: there are not so many. */
static int nth_cpu(unsigned int n)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((size_t)cpu, &set) && !n--)
			return cpu;
	return -1;
}

static bool access_begin(char *args[])
{
	slice = strcmp(args[0], "write") ? read_slice : write_slice;
	num_workers = strcmp(args[1], "1") ? MAX_THREADS : 1;
	at_once = strcmp(args[1], "2") ? 1 : MAX_THREADS;
	for (unsigned int i = 0; i < num_workers; i++) {
		workers[i].cpu = num_workers > 1 ? nth_cpu(i) : -1;
		workers[i].offset = SCRATCH + i * SCRATCH_STEP;
		workers[i].slices = subject_room(args[2], &count);
		if (!workers[i].slices)
			return false;
	}
	return subject_open(&handle);
}

static bool run_workers(struct worker *first)
{
	unsigned int started = 0;

	atomic_store(&through, 0);
	pthread_barrier_init(&all_begin, NULL, at_once);
	while (started < at_once &&
	       !pthread_create(&first[started].thread, NULL, work, &first[started]))
		started++;
	if (started < at_once) /* those that wait for the others end with the process */
		return bench_fail("no thread can be made");
	for (unsigned int i = 0; i < at_once; i++)
		pthread_join(first[i].thread, NULL);
	pthread_barrier_destroy(&all_begin);
	return true;
}

static bool access_round(double *answers)
{
	fpga_result r = FPGA_OK;

	for (unsigned int i = 0; i < num_workers; i += at_once)
		if (!run_workers(&workers[i]))
			return false;
	answers[0] = 0;
	for (unsigned int i = 0; i < num_workers; i++) {
		answers[0] += workers[i].ns / num_workers;
		r |= workers[i].result;
	}
	return subject_ok(r, "MMIO access");
}

static void access_end(void)
{
	for (unsigned int i = 0; i < num_workers; i++)
		free(workers[i].slices);
	subject_close(handle);
}

const struct subject subject_access = { .name = "access",
					.num_args = 3,
					.begin = access_begin,
					.round = access_round,
					.end = access_end,
					.num_answers = 1 };

/* ---- trapped COUNT: microseconds a read by message, the median and the 99th percentile ---- */

static double *samples;

static bool trapped_begin(char *args[])
{
	samples = subject_room(args[0], &count);
	return samples && subject_open(&handle);
}

static bool trapped_round(double *answers)
{
	double last = subject_now_ns();
	fpga_result r = FPGA_OK;

	for (size_t i = 0; i < count; i++) {
		uint64_t value;
		double now;

		r |= fpgaReadMMIO64(handle, 0, TRAPPED_SCRATCH, &value);
		now = subject_now_ns();
		samples[i] = (now - last) / 1e3;
		last = now;
	}
	answers[0] = stats_percentile(samples, count, 50);
	answers[1] = stats_percentile(samples, count, 99);
	return subject_ok(r, "fpgaReadMMIO64");
}

static void trapped_end(void)
{
	free(samples);
	subject_close(handle);
}

const struct subject subject_trapped = { .name = "trapped",
					 .num_args = 1,
					 .begin = trapped_begin,
					 .round = trapped_round,
					 .end = trapped_end,
					 .num_answers = 2 };

/* ---- properties SLICES: nanoseconds to make an empty object and destroy it ---- */

static double properties_slice(fpga_result *result)
{
	fpga_properties p = NULL;
	fpga_result r = FPGA_OK;
	double begin = subject_now_ns();

	for (int i = 0; i < SLICE; i++) {
		r |= fpgaGetProperties(NULL, &p);
		r |= fpgaDestroyProperties(&p);
	}
	*result |= r;
	return (subject_now_ns() - begin) / SLICE;
}

static bool properties_begin(char *args[])
{
	samples = subject_room(args[0], &count);
	return samples && subject_ok(fpgaInitialize(NULL), "fpgaInitialize");
}

static bool properties_round(double *answers)
{
	fpga_result r = FPGA_OK;

	for (size_t i = 0; i < count; i++)
		samples[i] = properties_slice(&r);
	answers[0] = stats_percentile(samples, count, 50);
	return subject_ok(r, "fpgaGetProperties and fpgaDestroyProperties");
}

const struct subject subject_properties = { .name = "properties",
					    .num_args = 1,
					    .begin = properties_begin,
					    .round = properties_round,
					    .end = trapped_end,
					    .num_answers = 1 };
