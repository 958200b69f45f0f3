/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Performance counters of an FME as metrics: those of the PMU dfl_fmeN that the kernel's driver makes
 * for its performance features. A process needs CAP_PERFMON, or perf_event_paranoid at 0 or less; who
 * may not open them has no such metrics.
 *
 * They are opened for a moment to see which there are, and to stay when the first of them is read: then
 * all begin to count, at 0. Not sooner, because kernels before 6.15 do not survive it when the card's
 * driver is unbound and a counter of its PMU is then closed; so only who counts takes that risk.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "plugins/local/local.h"

struct fme_pmu {
	char name[24];
	struct perf_pmu pmu;
};

static int find_pmu(const struct handle *h, struct fme_pmu *ret)
{
	snprintf(ret->name, sizeof(ret->name), "dfl_fme%u", h->token.dev.number);
	return perf_pmu_read(&ret->pmu, ret->name);
}

/* ---- counting ---- */

static int read_counter(struct handle *h, const struct metric *m, metric_value *ret);
static const struct metric_source source = { .read = read_counter };

/* What cannot be opened again has no value. */
static int begin(struct handle *h)
{
	struct metrics *m = &h->metrics;
	struct fme_pmu p;
	int rc = find_pmu(h, &p);

	if (rc)
		return rc;
	m->counting = true;
	for (size_t i = 0; i < m->num; i++)
		if (m->list[i].source == &source)
			m->list[i].counter.fd = perf_counter_open(&p.pmu, &m->list[i].counter.config);
	return 0;
}

static int read_counter(struct handle *h, const struct metric *m, metric_value *ret)
{
	int rc = h->metrics.counting ? 0 : begin(h);

	if (rc)
		return rc;
	return m->counter.fd < 0 ? m->counter.fd : perf_counter_read(m->counter.fd, &ret->ivalue);
}

void metrics_close_counters(struct metrics *m)
{
	m->counting = false;
	for (size_t i = 0; i < m->num; i++)
		if (m->list[i].source == &source && m->list[i].counter.fd >= 0) {
			sys_close(m->list[i].counter.fd);
			m->list[i].counter.fd = -1;
		}
}

/* ---- the list ---- */

static int add(struct metrics *m, const struct perf_config *config, int fd, const char *event)
{
	struct metric *at = metric_add(m);

	if (!at) {
		sys_close(fd);
		return -ENOMEM;
	}
	at->source = &source;
	at->counter.config = *config;
	at->counter.fd = fd;
	memcpy(at->info.metric_guid, metrics_fme_guid, sizeof(metrics_fme_guid));
	metric_text(at->info.group_name, "performance");
	metric_text(at->info.metric_name, "%s", event);
	metric_text(at->info.qualifier_name, "performance:%.200s", event);
	metric_text(at->info.metric_units, "%s", strcmp(event, "clock") ? "Events" : "Cycles");
	at->info.metric_datatype = FPGA_METRIC_DATATYPE_INT;
	at->info.metric_type = FPGA_METRIC_TYPE_PERFORMANCE_CTR;
	return 0;
}

/*
 * Events whose port is left open ("portid=?") are asked for port 0, the only one that the driver takes,
 * and after all others: the fabric's counters count for the card or for one port, whichever was opened
 * first.
 */
static int add_event(struct metrics *m, const struct fme_pmu *p, const char *event, bool of_port)
{
	struct perf_config config;
	int rc = perf_event_read(&p->pmu, p->name, event, 0, &config);

	if (rc) {
		if (!of_port) /* once */
			debug("%s: counter %s cannot be understood: %s", p->name, event, strerror(-rc));
		return 0;
	}
	if (config.asks != of_port)
		return 0;
	rc = perf_counter_open(&p->pmu, &config);
	if (rc >= 0)
		return add(m, &config, rc, event);
	debug("%s: counter %s is left out: %s", p->name, event, strerror(-rc));
	return 0;
}

int metrics_add_counters(struct handle *h)
{
	CLEANUP_FREE char *events = NULL;
	struct fme_pmu p;
	int rc = find_pmu(h, &p);

	if (!rc)
		rc = sysfs_list(&events, PERF_PMUS "/%s/events", p.name);
	if (rc) {
		debug("%s has no performance counters: %s: %s", dfl_name(&h->token.dev), p.name,
		      strerror(-rc));
		return rc == -ENOMEM ? rc : 0;
	}
	for (int of_port = 0; of_port < 2 && !rc; of_port++)
		for (const char *at = events; *at && !rc; at += strlen(at) + 1)
			rc = add_event(&h->metrics, &p, at, of_port);
	metrics_close_counters(&h->metrics);
	return rc;
}
