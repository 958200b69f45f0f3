/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters that the kernel offers as a PMU (perf_event_open(2)) and describes in sysfs:
 *
 *     /sys/bus/event_source/devices/dfl_fme0/type               a number
 *                                           /cpumask            on which processor it is to be opened
 *                                           /format/evtype      "config:12-15": the bits of a field
 *                                           /events/fab_mmio_read "event=0x06,evtype=0x02,portid=0xff"
 *
 * Functions return 0 or a negative errno.
 */
#ifndef DEV_PERF_H
#define DEV_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERF_PMUS "/sys/bus/event_source/devices"
#define PERF_MAX_FIELDS 16u
#define PERF_MAX_RANGES 4u
#define PERF_NAME_MAX 32u
#define PERF_TEXT_MAX 256u

/* The bits of perf_event_attr that a term of an event goes to, the lowest ones first. */
struct perf_field {
	char name[PERF_NAME_MAX];
	unsigned int word; /* 0: config, 1: config1, 2: config2 */
	struct {
		uint8_t low, high;
	} ranges[PERF_MAX_RANGES];
	unsigned int num_ranges;
};

struct perf_pmu {
	uint32_t type;
	int cpu;
	struct perf_field fields[PERF_MAX_FIELDS];
	unsigned int num_fields;
};

struct perf_config {
	uint64_t words[3];
	bool asks; /* a term was "NAME=?": the caller's value stands there */
};

/* -ENOENT: there is none of this name; -EINVAL: sysfs describes it wrongly. */
int perf_pmu_read(struct perf_pmu *ret, const char *name);
/* A format's text; the name is set by the caller. -EINVAL. */
int perf_parse_format(const char *text, struct perf_field *ret);
/* An event's text; `answer` is put where it asks. -EINVAL: a term is none, or names no field; -ERANGE: a
 * value has more bits than its field. */
int perf_parse_event(const struct perf_pmu *pmu, const char *text, uint64_t answer, struct perf_config *ret);
/* The event of this name of the PMU; -EINVAL, -ERANGE, -ENAMETOOLONG or what the kernel says. */
int perf_event_read(const struct perf_pmu *pmu, const char *pmu_name, const char *event, uint64_t answer,
		    struct perf_config *ret);
/* Begins to count; a descriptor. -EACCES, -EPERM: the kernel's perf_event_paranoid, or no CAP_PERFMON. */
int perf_counter_open(const struct perf_pmu *pmu, const struct perf_config *config);
/*
 * What was counted since it was opened. The counter is stopped for the reading, some microseconds, and
 * nothing is counted then: the FME's driver adds what it has counted so far at every reading of one that
 * runs.
 */
int perf_counter_read(int fd, uint64_t *ret);

#endif
