/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The calls of opae/metrics.h. The list of a handle is made once and then stays as it is, so a metric's
 * number is its place; values are read at each call. What cannot be read does not make the others fail.
 */
#include "plugins/local/metrics.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "plugins/local/local.h"

/* ---- the list ---- */

void metrics_init(struct metrics *m)
{
	*m = (struct metrics){ 0 };
	pthread_mutex_init(&m->lock, NULL);
}

static void forget(struct metrics *m)
{
	metrics_close_counters(m);
	free(m->list);
	free(m->sensors);
	m->list = NULL;
	m->sensors = NULL;
	m->num = m->num_sensors = 0;
}

void metrics_done(struct metrics *m)
{
	forget(m);
	pthread_mutex_destroy(&m->lock);
}

struct metric *metric_add(struct metrics *m)
{
	struct metric *grown = reallocarray(m->list, m->num + 1, sizeof(*grown));

	if (!grown)
		return NULL;
	m->list = grown;
	memset(&grown[m->num], 0, sizeof(*grown));
	grown[m->num].info.metric_num = m->num;
	return &grown[m->num++];
}

void metric_text(char to[FPGA_METRIC_STR_SIZE], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(to, FPGA_METRIC_STR_SIZE, fmt, ap);
	va_end(ap);
}

static fpga_result none(const struct handle *h, const char *call)
{
	if (is_fme(h))
		return say(FPGA_NOT_FOUND, "%s: %s: there is neither a sensor (hwmon) nor a performance "
			   "counter that can be opened", call, dfl_name(&h->token.dev));
	return say(FPGA_NOT_FOUND, "%s: %s: the accelerator has no metrics feature; the card's sensors are "
		   "metrics of its FPGA_DEVICE", call, dfl_name(&h->token.dev));
}

/* With the lock held. What failed for want of memory is tried again at the next call. */
static fpga_result list(struct handle *h, const char *call)
{
	struct metrics *m = &h->metrics;
	fpga_result r = alive(h, call);
	int rc = 0;

	if (r != FPGA_OK)
		return r;
	if (!m->listed) {
		rc = is_fme(h) ? metrics_add_sensors(h) : metrics_add_afu(h);
		if (!rc && is_fme(h))
			rc = metrics_add_counters(h);
		if (rc) {
			forget(m);
			return say_errno(h, rc, call);
		}
		m->listed = true;
	}
	return m->num ? FPGA_OK : none(h, call);
}

/* ---- one value ---- */

static bool read_metric(struct handle *h, const struct metric *m, fpga_metric *ret)
{
	int rc = m->source->read(h, m, &ret->value);

	ret->metric_num = m->info.metric_num;
	ret->isvalid = !rc;
	if (rc)
		debug("%s: metric %s: %s", dfl_name(&h->token.dev), m->info.qualifier_name, hwmon_why(rc));
	return !rc;
}

static const struct metric *find(const struct metrics *m, const char *name)
{
	for (size_t i = 0; name && i < m->num; i++)
		if (!strcasecmp(m->list[i].info.metric_name, name))
			return &m->list[i];
	/* Two groups may have a metric of one name. */
	for (size_t i = 0; name && i < m->num; i++)
		if (!strcasecmp(m->list[i].info.qualifier_name, name))
			return &m->list[i];
	return NULL;
}

/* The device may have gone between two of them. */
static fpga_result result_of(const struct handle *h, bool any, uint64_t num, const char *call)
{
	fpga_result r = alive(h, call);

	if (r != FPGA_OK || any)
		return r;
	return say(FPGA_NOT_FOUND, "%s: %s: of %llu metrics that were asked for none %s", call,
		   dfl_name(&h->token.dev), (unsigned long long)num, "is there and could be read");
}

/* ---- the calls ---- */

static fpga_result get_num(fpga_handle handle, uint64_t *num_metrics)
{
	struct handle *h = handle;
	SCOPED_LOCK(&h->metrics.lock);
	fpga_result r = list(h, "fpgaGetNumMetrics");

	if (r == FPGA_OK)
		*num_metrics = h->metrics.num;
	return r;
}

static fpga_result get_info(fpga_handle handle, fpga_metric_info *info, uint64_t *num_metrics)
{
	struct handle *h = handle;
	SCOPED_LOCK(&h->metrics.lock);
	fpga_result r = list(h, "fpgaGetMetricsInfo");

	if (r != FPGA_OK)
		return r;
	if (*num_metrics > h->metrics.num)
		*num_metrics = h->metrics.num;
	for (uint64_t i = 0; i < *num_metrics; i++)
		info[i] = h->metrics.list[i].info;
	return FPGA_OK;
}

static fpga_result get_by_index(fpga_handle handle, uint64_t *metric_num, uint64_t n, fpga_metric *metrics)
{
	struct handle *h = handle;
	SCOPED_LOCK(&h->metrics.lock);
	fpga_result r = list(h, "fpgaGetMetricsByIndex");
	bool any = false;

	if (r != FPGA_OK)
		return r;
	for (uint64_t i = 0; i < n; i++) {
		metrics[i] = (fpga_metric){ .metric_num = metric_num[i] };
		if (metric_num[i] < h->metrics.num)
			any |= read_metric(h, &h->metrics.list[metric_num[i]], &metrics[i]);
	}
	return result_of(h, any, n, "fpgaGetMetricsByIndex");
}

static fpga_result get_by_name(fpga_handle handle, char **names, uint64_t n, fpga_metric *metrics)
{
	struct handle *h = handle;
	SCOPED_LOCK(&h->metrics.lock);
	fpga_result r = list(h, "fpgaGetMetricsByName");
	bool any = false;

	if (r != FPGA_OK)
		return r;
	for (uint64_t i = 0; i < n; i++) {
		const struct metric *m = find(&h->metrics, names[i]);

		metrics[i] = (fpga_metric){ .metric_num = UINT64_MAX };
		if (m)
			any |= read_metric(h, m, &metrics[i]);
	}
	return result_of(h, any, n, "fpgaGetMetricsByName");
}

/* Of sensors alone: a counter has no limit. */
static fpga_result get_thresholds(fpga_handle handle, struct metric_threshold *thresholds, uint32_t *num)
{
	struct handle *h = handle;
	SCOPED_LOCK(&h->metrics.lock);
	fpga_result r = list(h, "fpgaGetMetricsThresholdInfo");
	uint32_t n = 0;

	if (r != FPGA_OK)
		return r;
	for (size_t i = 0; i < h->metrics.num; i++) {
		struct metric_threshold t;

		if (!metric_limits(&h->metrics.list[i], &t) || (thresholds && n == *num))
			continue;
		if (thresholds)
			thresholds[n] = t;
		n++;
	}
	if (!n && (!thresholds || *num))
		return say(FPGA_NOT_FOUND, "fpgaGetMetricsThresholdInfo: %s: no metric has a limit",
			   dfl_name(&h->token.dev));
	*num = n;
	return FPGA_OK;
}

void fill_metrics(opae_api_adapter_table *t)
{
	t->fpgaGetNumMetrics = get_num;
	t->fpgaGetMetricsInfo = get_info;
	t->fpgaGetMetricsByIndex = get_by_index;
	t->fpgaGetMetricsByName = get_by_name;
	t->fpgaGetMetricsThresholdInfo = get_thresholds;
}
