/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metrics of a handle. Their lists may be longer than a frame: then the reply has several. What the table
 * counts is believed up to a bound, as its arrays are made after it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "rpc/server/calls.h"

#define METRICS_MAX 16384u /* of a handle */

/* Bytes of a group in a reply, at most. */
#define LABEL_MAX (2u + FPGA_METRIC_STR_SIZE)
#define INFO_MAX (8u + 16u + 4u * LABEL_MAX + 8u)
#define VALUE_MAX 17u
#define LIMITS_MAX (LABEL_MAX + 7u * (LABEL_MAX + 12u))

/* Room for another group in this frame; else what is there is sent first. */
static fpga_result room_for(struct rpc_session *s, struct request *q, size_t len)
{
	if (q->out.room - q->out.len >= len || !q->out.len)
		return FPGA_OK;
	return request_more(s, q) ? request_fail(q, FPGA_EXCEPTION, "the connection is lost") : FPGA_OK;
}

static fpga_result too_many(struct request *q, uint64_t n)
{
	return request_fail(q, FPGA_EXCEPTION, "the device counts %llu metrics, more than the %u that are "
			    "believed", (unsigned long long)n, METRICS_MAX);
}

static fpga_result no_memory(struct request *q, uint64_t n)
{
	return request_fail(q, FPGA_NO_MEMORY, "no memory for %llu metrics", (unsigned long long)n);
}

fpga_result serve_METRIC_COUNT(struct rpc_session *s, struct request *q)
{
	uint64_t n = 0;
	fpga_result r = session_served(s)->table->fpgaGetNumMetrics(q->handle->handle, &n);

	if (r == FPGA_OK)
		wire_put_u64(&q->out, n);
	return r;
}

/* ---- what they are ---- */

static void put_info(struct wire_writer *w, const fpga_metric_info *m)
{
	wire_put_u64(w, m->metric_num);
	wire_put_guid(w, m->metric_guid);
	put_label(w, m->qualifier_name, sizeof(m->qualifier_name));
	put_label(w, m->group_name, sizeof(m->group_name));
	put_label(w, m->metric_name, sizeof(m->metric_name));
	put_label(w, m->metric_units, sizeof(m->metric_units));
	wire_put_u32(w, (uint32_t)m->metric_datatype);
	wire_put_u32(w, (uint32_t)m->metric_type);
}

fpga_result serve_METRIC_INFO(struct rpc_session *s, struct request *q)
{
	const opae_api_adapter_table *t = session_served(s)->table;
	CLEANUP_FREE fpga_metric_info *list = NULL;
	uint64_t room = 0, n;
	fpga_result r = t->fpgaGetNumMetrics(q->handle->handle, &room);

	if (r != FPGA_OK)
		return r;
	if (room > METRICS_MAX)
		return too_many(q, room);
	list = calloc(room + 1, sizeof(*list));
	if (!list)
		return no_memory(q, room);
	n = room;
	r = t->fpgaGetMetricsInfo(q->handle->handle, list, &n);
	for (uint64_t i = 0; r == FPGA_OK && i < n && i < room; i++) {
		r = room_for(s, q, INFO_MAX);
		if (r == FPGA_OK)
			put_info(&q->out, &list[i]);
	}
	return r;
}

/* ---- values ---- */

/* As bits: the type is in the metric's description, and a NaN must arrive as it was. */
static uint64_t bits_of(const metric_value *v)
{
	uint64_t bits;

	_Static_assert(sizeof(*v) == sizeof(bits), "a value has 64 bits");
	memcpy(&bits, v, sizeof(bits));
	return bits;
}

static fpga_result put_values(struct rpc_session *s, struct request *q, const fpga_metric *list, uint64_t n)
{
	fpga_result r = FPGA_OK;

	for (uint64_t i = 0; r == FPGA_OK && i < n; i++) {
		r = room_for(s, q, VALUE_MAX);
		if (r != FPGA_OK)
			break;
		wire_put_u64(&q->out, list[i].metric_num);
		wire_put_u64(&q->out, bits_of(&list[i].value));
		wire_put_u8(&q->out, list[i].isvalid);
	}
	return r;
}

fpga_result serve_METRIC_READ(struct rpc_session *s, struct request *q)
{
	uint64_t most = (q->in.room - q->in.len) / 8, n = 0;
	CLEANUP_FREE uint64_t *nums = calloc(most + 1, sizeof(*nums));
	CLEANUP_FREE fpga_metric *values = calloc(most + 1, sizeof(*values));
	fpga_result r;

	if (!nums || !values)
		return no_memory(q, most);
	while (n < most)
		nums[n++] = wire_get_u64(&q->in);
	q->in.bad |= wire_more(&q->in); /* half a number */
	r = request_whole(q);
	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaGetMetricsByIndex(q->handle->handle, nums, n, values);
	return r == FPGA_OK ? put_values(s, q, values, n) : r;
}

/* Names with their NULs behind each other in `text`, which has as much room as the body. */
static uint64_t get_names(struct wire_reader *in, char *text, char **names, uint64_t most)
{
	uint64_t n = 0;

	while (wire_more(in) && n < most) {
		struct wire_text t = wire_get_text(in);

		memcpy(text, t.at, t.len);
		text[t.len] = '\0';
		names[n++] = text;
		text += t.len + 1;
	}
	return n;
}

fpga_result serve_METRIC_READ_NAMED(struct rpc_session *s, struct request *q)
{
	size_t len = q->in.room - q->in.len;
	uint64_t most = len / 2, n; /* a name is two bytes at least: those of its length */
	CLEANUP_FREE char *text = malloc(len + 1);
	CLEANUP_FREE char **names = calloc(most + 1, sizeof(*names));
	CLEANUP_FREE fpga_metric *values = NULL;
	fpga_result r;

	if (!text || !names)
		return no_memory(q, most);
	n = get_names(&q->in, text, names, most);
	q->in.bad |= wire_more(&q->in);
	r = request_whole(q);
	if (r != FPGA_OK)
		return r;
	values = calloc(n + 1, sizeof(*values));
	if (!values)
		return no_memory(q, n);
	r = session_served(s)->table->fpgaGetMetricsByName(q->handle->handle, names, n, values);
	return r == FPGA_OK ? put_values(s, q, values, n) : r;
}

/* ---- limits ---- */

static void put_limit(struct wire_writer *w, const threshold *t)
{
	const metric_value bits = { .dvalue = t->value };

	put_label(w, t->threshold_name, sizeof(t->threshold_name));
	wire_put_u32(w, t->is_valid);
	wire_put_u64(w, bits_of(&bits));
}

static void put_limits(struct wire_writer *w, const metric_threshold *m)
{
	put_label(w, m->metric_name, sizeof(m->metric_name));
	put_limit(w, &m->upper_nr_threshold);
	put_limit(w, &m->upper_c_threshold);
	put_limit(w, &m->upper_nc_threshold);
	put_limit(w, &m->lower_nr_threshold);
	put_limit(w, &m->lower_c_threshold);
	put_limit(w, &m->lower_nc_threshold);
	put_limit(w, &m->hysteresis);
}

fpga_result serve_METRIC_LIMITS(struct rpc_session *s, struct request *q)
{
	const opae_api_adapter_table *t = session_served(s)->table;
	CLEANUP_FREE metric_threshold *list = NULL;
	uint32_t room = 0, n;
	fpga_result r = t->fpgaGetMetricsThresholdInfo(q->handle->handle, NULL, &room);

	if (r != FPGA_OK)
		return r;
	if (room > METRICS_MAX)
		return too_many(q, room);
	list = calloc((size_t)room + 1, sizeof(*list));
	if (!list)
		return no_memory(q, room);
	n = room;
	r = t->fpgaGetMetricsThresholdInfo(q->handle->handle, list, &n);
	for (uint32_t i = 0; r == FPGA_OK && i < n && i < room; i++) {
		r = room_for(s, q, LIMITS_MAX);
		if (r == FPGA_OK)
			put_limits(&q->out, &list[i]);
	}
	return r;
}
