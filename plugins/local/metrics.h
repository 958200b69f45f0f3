/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The metrics of a handle: listed once, at the first question. Of an FME these are the sensors of its
 * card (hwmon) and the performance counters of its PMU; of an accelerator what its metrics feature
 * counts.
 */
#ifndef PLUGINS_LOCAL_METRICS_H
#define PLUGINS_LOCAL_METRICS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <opae/types.h>

#include "dev/hwmon.h"
#include "dev/perf.h"

struct handle;
struct metric;

/* Where a metric is read; one for each kind of source. */
struct metric_source {
	/* Reads it now: 0, or a negative errno. */
	int (*read)(struct handle *h, const struct metric *m, metric_value *ret);
};

struct metric {
	fpga_metric_info info;
	const struct metric_source *source;
	union {
		const struct hwmon_sensor *sensor;
		struct {
			struct perf_config config;
			int fd; /* -1: it does not count */
		} counter;
		uint64_t offset; /* of a register of the accelerator's */
	};
};

struct metrics {
	pthread_mutex_t lock; /* guards the rest */
	bool listed;
	struct metric *list;
	size_t num;
	struct hwmon_sensor *sensors;
	size_t num_sensors;
	bool counting; /* the counters are open */
};

void metrics_init(struct metrics *m);
void metrics_done(struct metrics *m);

/* ---- for what lists them, with the lock held ---- */

/* Appends one whose texts and source are still to be filled; its number is its place. NULL: no memory.
 * Pointers to others become stale. */
struct metric *metric_add(struct metrics *m);
/* Fills a text of a metric, cut at its end. */
void metric_text(char to[FPGA_METRIC_STR_SIZE], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Each appends what it finds: 0 (also when that is nothing) or -ENOMEM. */
int metrics_add_sensors(struct handle *h);
int metrics_add_counters(struct handle *h);
int metrics_add_afu(struct handle *h);
/* The counters hold nothing any more, and count no further. */
void metrics_close_counters(struct metrics *m);
/* The GUID of all metrics of an FME: its own. */
extern const fpga_guid metrics_fme_guid;

/* The limits of a sensor, as far as it has them and they can be read; false: none. */
bool metric_limits(const struct metric *m, struct metric_threshold *ret);

#endif
