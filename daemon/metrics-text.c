/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each family has its HELP and TYPE once, and all its samples behind them. Labels have few values, all of
 * which are there from the beginning with 0: a rate of what appears with 1 would miss the first.
 */
#include "daemon/metrics-text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/log.h"
#include "daemon/metrics-self.h"
#include "daemon/session.h"

/* What is told once; of all sessions together. */
struct sums {
	uint64_t total[RPC_TOTALS], gauge[RPC_GAUGES];
	uint64_t active[METRICS_KINDS], workers, spares;
};

static const char *const kinds[METRICS_KINDS] = { [ADDRESS_TCP] = "tcp", [ADDRESS_UNIX] = "unix",
						  [ADDRESS_VSOCK] = "vsock", [METRICS_RDMA] = "rdma" };
static const char *const refusals[METRICS_REFUSALS] = { "policy", "limit", "tls", "silent",
							"not_started" };
static const char *const ends[METRICS_ENDS] = { "peer_gone", "stopped", "protocol", "timeout",
						"host_down", "error", "killed", "died" };
static const char *const ways[] = { "writeback", "push", "pull" }; /* from RPC_WRITEBACK_BYTES on */
static const char *const classes[RPC_CLASSES] = { "mmio", "buffer", "manage", "other" };
/* Of a worker; others are shown when one has died of them. */
static const int usual_signals[] = { SIGABRT, SIGALRM, SIGBUS, SIGKILL, SIGSEGV, SIGSYS, SIGTERM };

static void family(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(FILE *f, const char *name, const char *type, const char *help, uint64_t value)
{
	family(f, name, type, help);
	fprintf(f, "%s %" PRIu64 "\n", name, value);
}

static void one_real(FILE *f, const char *name, const char *type, const char *help, double value)
{
	family(f, name, type, help);
	fprintf(f, "%s %.3f\n", name, value);
}

/* A sample for each value of the label. */
static void each(FILE *f, const char *name, const char *label, const char *const *values, size_t num,
		 const uint64_t *of)
{
	for (size_t i = 0; i < num; i++)
		fprintf(f, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, values[i], of[i]);
}

static void seconds(FILE *f, uint64_t ns)
{
	fprintf(f, "%" PRIu64 ".%09" PRIu64 "\n", ns / (uint64_t)NS_PER_S, ns % (uint64_t)NS_PER_S);
}

/* Of a histogram as in rpc/counts.h; `label` is "" or "name=\"value\",". */
static void histogram(FILE *f, const char *name, const char *label, const uint64_t *at)
{
	const char *open = *label ? "{" : "", *close = *label ? "}" : "";
	int len = (int)strcspn(label, ",");
	uint64_t sum = 0;

	for (size_t i = 0; i <= RPC_BUCKETS; i++) {
		metrics_add(&sum, at[1 + i]);
		fprintf(f, "%s_bucket{%s", name, label);
		if (i < RPC_BUCKETS)
			fprintf(f, "le=\"%g\"} %" PRIu64 "\n", (double)rpc_bounds[i] / (double)NS_PER_S, sum);
		else
			fprintf(f, "le=\"+Inf\"} %" PRIu64 "\n", sum);
	}
	fprintf(f, "%s_sum%s%.*s%s ", name, open, len, label, close);
	seconds(f, at[0]);
	fprintf(f, "%s_count%s%.*s%s %" PRIu64 "\n", name, open, len, label, close, sum);
}

/* ---- what there is ---- */

static void add_up(struct sessions *all, struct sums *sums)
{
	memset(sums, 0, sizeof(*sums));
	memcpy(sums->total, all->metrics.gone, sizeof(sums->total));
	for (struct session *s = all->first; s; s = s->next) {
		sums->workers++;
		sums->spares += s->spare && s->spare != SPARE_LET_GO && s->ready;
		if (!session_serves(s))
			continue;
		sums->active[s->kind]++;
		metrics_read(&all->metrics, &s->counted, s->id);
		for (size_t i = 0; i < RPC_TOTALS; i++)
			metrics_add(&sums->total[i], s->counted.total[i]);
		for (size_t i = 0; i < RPC_GAUGES; i++)
			metrics_add(&sums->gauge[i], s->counted.gauge[i]);
	}
}

static void about_sessions(FILE *f, const struct metrics *m, const struct sums *s)
{
	family(f, "opaed_connections_accepted_total", "counter", "Connections taken, by kind of listener.");
	each(f, "opaed_connections_accepted_total", "kind", kinds, METRICS_KINDS, m->accepted);
	family(f, "opaed_sessions_started_total", "counter", "Connections that got a session.");
	each(f, "opaed_sessions_started_total", "kind", kinds, METRICS_KINDS, m->started);
	family(f, "opaed_sessions_refused_total", "counter", "Connections that got none, by reason.");
	each(f, "opaed_sessions_refused_total", "reason", refusals, METRICS_REFUSALS, m->refused);
	family(f, "opaed_sessions_ended_total", "counter", "Sessions that have ended, by reason.");
	each(f, "opaed_sessions_ended_total", "reason", ends, METRICS_ENDS, m->ended);
	family(f, "opaed_sessions_active", "gauge", "Sessions now, those that are ending included.");
	each(f, "opaed_sessions_active", "kind", kinds, METRICS_KINDS, s->active);
	one(f, "opaed_spare_workers", "gauge",
	    "Worker processes with a fabric that are ready for peers to come.", s->spares);
	one(f, "opaed_spare_workers_missed_total", "counter",
	    "Peers whose content goes by the connection, because no worker with a fabric was ready.",
	    m->spares_missed);
	one(f, "opaed_workers", "gauge", "Worker processes, those that refuse somebody included.",
	    s->workers);
	family(f, "opaed_session_cleanup_duration_seconds", "histogram",
	       "From the end of a session until its devices are free again.");
	histogram(f, "opaed_session_cleanup_duration_seconds", "", m->cleanup);
}

static bool is_usual(int signal)
{
	for (size_t i = 0; i < sizeof(usual_signals) / sizeof(usual_signals[0]); i++)
		if (usual_signals[i] == signal)
			return true;
	return false;
}

static void about_troubles(FILE *f, const struct metrics *m, const struct sums *s)
{
	family(f, "opaed_worker_deaths_total", "counter", "Workers that died of a signal.");
	for (int i = 1; i < NSIG; i++) {
		const char *name = sigabbrev_np(i);

		if (!is_usual(i) && !m->deaths[i])
			continue;
		if (name)
			fprintf(f, "opaed_worker_deaths_total{signal=\"SIG%s\"} ", name);
		else
			fprintf(f, "opaed_worker_deaths_total{signal=\"%d\"} ", i);
		fprintf(f, "%" PRIu64 "\n", m->deaths[i]);
	}
	family(f, "opaed_policy_denials_total", "counter",
	       "What the policy does not allow: requests of peers, and what workers may not open.");
	fprintf(f, "opaed_policy_denials_total{of=\"request\"} %" PRIu64 "\n", s->total[RPC_DENIED]);
	fprintf(f, "opaed_policy_denials_total{of=\"open\"} %" PRIu64 "\n", m->gate);
	one(f, "opaed_requests_failed_total", "counter", "Requests that were answered with an error.",
	    s->total[RPC_FAILED]);
	one(f, "opaed_worker_counters_rejected_total", "counter",
	    "Sessions whose counters made no sense and are no longer read.", m->wrong);
	one(f, "opaed_log_lines_suppressed_total", "counter",
	    "Lines that are not in the log, because there were too many of their kind.", log_left_out());
}

static void about_traffic(FILE *f, const struct sums *s)
{
	char label[32];

	family(f, "opaed_frames_total", "counter", "Frames of the protocol, by direction.");
	fprintf(f, "opaed_frames_total{direction=\"received\"} %" PRIu64 "\n", s->total[RPC_FRAMES_IN]);
	fprintf(f, "opaed_frames_total{direction=\"sent\"} %" PRIu64 "\n", s->total[RPC_FRAMES_OUT]);
	family(f, "opaed_frame_bytes_total", "counter", "Bytes of these, as the protocol has them.");
	fprintf(f, "opaed_frame_bytes_total{direction=\"received\"} %" PRIu64 "\n", s->total[RPC_BYTES_IN]);
	fprintf(f, "opaed_frame_bytes_total{direction=\"sent\"} %" PRIu64 "\n", s->total[RPC_BYTES_OUT]);
	family(f, "opaed_request_duration_seconds", "histogram",
	       "From a request's arrival until its reply is sent, in the server.");
	for (size_t i = 0; i < RPC_CLASSES; i++) {
		snprintf(label, sizeof(label), "class=\"%s\",", classes[i]);
		histogram(f, "opaed_request_duration_seconds", label,
			  &s->total[RPC_COUNTS + i * RPC_TIME_LEN]);
	}
}

static void about_buffers(FILE *f, const struct sums *s)
{
	one(f, "opaed_open_handles", "gauge", "Open handles.", s->gauge[RPC_OPEN_HANDLES]);
	one(f, "opaed_pinned_bytes", "gauge", "Memory of buffers and of their twins.",
	    s->gauge[RPC_PINNED_BYTES]);
	one(f, "opaed_watched_bytes", "gauge", "Memory that is looked at for what devices store.",
	    s->gauge[RPC_WATCHED_BYTES]);
	one(f, "opaed_pages_asked_total", "counter",
	    "Pages of buffers that clients asked for, because a program touched them or is about to.",
	    s->total[RPC_PAGES_ASKED]);
	one(f, "opaed_pages_given_total", "counter", "Those of them that were given.",
	    s->total[RPC_PAGES_GIVEN]);
	one(f, "opaed_pages_stale_total", "counter",
	    "Pages that were taken back from clients, because devices change too much of them.",
	    s->total[RPC_PAGES_STALE]);
	one(f, "opaed_pages_dropped_total", "counter", "Pages that clients gave back.",
	    s->total[RPC_PAGES_DROPPED]);
	one(f, "opaed_cuts_total", "counter", "Looks that found changes on pages that clients have.",
	    s->total[RPC_CUTS]);
	family(f, "opaed_buffer_bytes_total", "counter", "Content of buffers, by how it travelled.");
	each(f, "opaed_buffer_bytes_total", "way", ways, sizeof(ways) / sizeof(ways[0]),
	     &s->total[RPC_WRITEBACK_BYTES]);
}

static void about_opaed(FILE *f, const struct metrics *m, uint64_t starts)
{
	family(f, "opaed_build_info", "gauge", "Always 1; the version is a label.");
	fprintf(f, "opaed_build_info{version=\"" PROJECT_VERSION "\"} 1\n");
	family(f, "opaed_config_reloads_total", "counter", "Times that the configuration was read again.");
	fprintf(f, "opaed_config_reloads_total{result=\"good\"} %" PRIu64 "\n", m->reloads);
	fprintf(f, "opaed_config_reloads_total{result=\"bad\"} %" PRIu64 "\n", m->bad_reloads);
	one(f, "opaed_config_last_reload_successful", "gauge",
	    "Whether what was read last is in force (1), or was refused (0).", !m->last_reload_bad);
	one_real(f, "opaed_config_last_reload_success_timestamp_seconds", "gauge",
		 "When the configuration in force was read.", m->configured);
	one(f, "opaed_metrics_server_starts_total", "counter", "Starts of the process that tells all this.",
	    starts);
}

static void about_process(FILE *f)
{
	struct metrics_self self;

	metrics_self(&self);
	one_real(f, "process_cpu_seconds_total", "counter", "Processor time of the monitor.",
		 self.cpu_seconds);
	one(f, "process_open_fds", "gauge", "Open descriptors of the monitor.", self.open_fds);
	one(f, "process_max_fds", "gauge", "The limit of these.", self.max_fds);
	one(f, "process_resident_memory_bytes", "gauge", "Resident memory of the monitor.",
	    self.resident_bytes);
	one(f, "process_virtual_memory_bytes", "gauge", "Virtual memory of the monitor.", self.virtual_bytes);
	one_real(f, "process_start_time_seconds", "gauge", "When the monitor started.", self.start_seconds);
}

char *metrics_text(struct sessions *all, size_t *len)
{
	const struct metrics *m = &all->metrics;
	char *text = NULL;
	struct sums sums;
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	add_up(all, &sums);
	about_opaed(f, m, all->metrics_process.starts);
	one(f, "opaed_rdma_listener_starts_total", "counter", "Starts of processes that listen at a fabric.",
	    all->doors.starts);
	about_sessions(f, m, &sums);
	about_troubles(f, m, &sums);
	about_traffic(f, &sums);
	about_buffers(f, &sums);
	about_process(f);
	if (!fclose(f))
		return text;
	free(text);
	return NULL;
}
