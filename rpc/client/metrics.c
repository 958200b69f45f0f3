/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metrics of a far handle. Replies may come in several frames, which whichever thread reads takes apart as
 * they come; how much of them is kept is the caller's room, never what the far side counts. What is asked for
 * in one call is cut into requests that any server's frames take.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "rpc/client/call.h"
#include "rpc/client/table.h"
#include "wire/utf8.h"

#define INDEXES_MAX 1024u      /* of a request */
#define NAMES_BYTES (8u * 1024) /* of a request */

/* Runs a call without a body whose reply is groups; `take` takes those of a frame. Ends the call. */
static fpga_result run_for_groups(const struct remote_handle *h, enum wire_op op, void *ctx,
				  void (*take)(void *ctx, struct wire_reader *reply))
{
	struct call c;
	fpga_result r = handle_check(h);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, h->conn, op, h->id);
	c.part = take;
	c.part_ctx = ctx;
	r = call_run(&c);
	if (r == FPGA_OK)
		take(ctx, &c.reply);
	return call_end(&c, r);
}

static metric_value value_of(uint64_t bits)
{
	metric_value v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* ---- what there is ---- */

static fpga_result get_num_metrics(fpga_handle handle, uint64_t *num_metrics)
{
	const struct remote_handle *h = handle;
	struct call c;
	uint64_t n;
	fpga_result r = handle_check(h);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, h->conn, WIRE_METRIC_COUNT, h->id);
	r = call_run(&c);
	n = r == FPGA_OK ? wire_get_u64(&c.reply) : 0;
	r = call_end(&c, r);
	if (r == FPGA_OK)
		*num_metrics = n;
	return r;
}

/*
 * Groups as they come, in memory of ours: who reads the connection must not touch the program's, which may be
 * a page that somebody has yet to bring.
 */
struct came {
	size_t size;	    /* of a group; 0: they are counted */
	uint64_t room, num; /* those beyond the room are passed over */
	unsigned char *at;
	size_t allocated; /* bytes */
	bool failed;	  /* no memory */
};

static void keep(struct came *c, const void *group)
{
	size_t need = ((size_t)c->num + 1) * c->size;
	unsigned char *grown;

	if (c->failed || c->num == c->room)
		return;
	if (need > c->allocated) {
		grown = realloc(c->at, 2 * need);
		c->failed = !grown;
		if (!grown)
			return;
		c->at = grown;
		c->allocated = 2 * need;
	}
	if (c->size)
		memcpy(c->at + (size_t)c->num * c->size, group, c->size);
	c->num++;
}

/* Runs such a call. On success what came is in `to`, and how much of it in c->num. */
static fpga_result run_to_keep(const struct remote_handle *h, enum wire_op op, struct came *c,
			       void (*take)(void *ctx, struct wire_reader *reply), void *to)
{
	fpga_result r = run_for_groups(h, op, c, take);

	if (r == FPGA_OK && c->failed)
		r = say(FPGA_NO_MEMORY, "no memory for metrics");
	if (r == FPGA_OK && c->at)
		memcpy(to, c->at, (size_t)c->num * c->size);
	free(c->at);
	return r;
}

/* What a later server may tell is of no kind that this API has. */
static void get_info(struct wire_reader *r, fpga_metric_info *m)
{
	uint32_t datatype, type;

	m->metric_num = wire_get_u64(r);
	wire_get_guid(r, m->metric_guid);
	wire_get_string(r, m->qualifier_name, sizeof(m->qualifier_name));
	wire_get_string(r, m->group_name, sizeof(m->group_name));
	wire_get_string(r, m->metric_name, sizeof(m->metric_name));
	wire_get_string(r, m->metric_units, sizeof(m->metric_units));
	datatype = wire_get_u32(r);
	type = wire_get_u32(r);
	m->metric_datatype = datatype < FPGA_METRIC_DATATYPE_UNKNOWN ? (enum fpga_metric_datatype)datatype :
								       FPGA_METRIC_DATATYPE_UNKNOWN;
	m->metric_type = type < FPGA_METRIC_TYPE_UNKNOWN ? (enum fpga_metric_type)type :
							   FPGA_METRIC_TYPE_UNKNOWN;
}

static void take_infos(void *ctx, struct wire_reader *reply)
{
	fpga_metric_info m;

	while (wire_more(reply)) {
		get_info(reply, &m);
		if (!reply->bad)
			keep(ctx, &m);
	}
}

static fpga_result get_metrics_info(fpga_handle handle, fpga_metric_info *metric_info, uint64_t *num_metrics)
{
	struct came c = { .size = sizeof(*metric_info), .room = *num_metrics };
	fpga_result r = run_to_keep(handle, WIRE_METRIC_INFO, &c, take_infos, metric_info);

	if (r == FPGA_OK)
		*num_metrics = c.num;
	return r;
}

/* ---- values ---- */

struct values {
	fpga_metric *at;
	uint64_t room, num;
};

/* Exactly as many as were asked for. */
static void take_values(void *ctx, struct wire_reader *reply)
{
	struct values *t = ctx;
	fpga_metric m;

	while (wire_more(reply)) {
		m.metric_num = wire_get_u64(reply);
		m.value = value_of(wire_get_u64(reply));
		m.isvalid = wire_get_u8(reply);
		reply->bad |= t->num == t->room;
		if (!reply->bad)
			t->at[t->num++] = m;
	}
}

/*
 * Runs a request for n values, and ends it. That none of them could be read is an answer when others are
 * asked for in further requests; the values say so by themselves.
 */
static fpga_result run_for_values(struct call *c, fpga_metric *metrics, uint64_t n)
{
	/* Who reads the connection must not wait for pages of the program's. */
	CLEANUP_FREE fpga_metric *came = calloc(n + 1, sizeof(*came));
	struct values t = { came, n, 0 };
	fpga_result r;

	if (!came)
		return call_end(c, say(FPGA_NO_MEMORY, "no memory for metrics"));
	c->part = take_values;
	c->part_ctx = &t;
	r = call_run(c);
	if (r == FPGA_OK) {
		take_values(&t, &c->reply);
		c->reply.bad |= t.num != n;
	}
	for (uint64_t i = 0; i < t.num; i++)
		metrics[i] = came[i];
	return call_end(c, r);
}

/* The whole of several requests: found, if any of them was. */
static bool goes_on(fpga_result r, bool *any)
{
	*any |= r == FPGA_OK;
	return r == FPGA_OK || r == FPGA_NOT_FOUND;
}

static fpga_result read_indexes(const struct remote_handle *h, const uint64_t *nums, uint64_t n,
				fpga_metric *metrics)
{
	struct call c;

	for (uint64_t i = 0; i < n; i++)
		metrics[i] = (fpga_metric){ .metric_num = nums[i] };
	call_begin(&c, h->conn, WIRE_METRIC_READ, h->id);
	call_room(&c, n * 8);
	for (uint64_t i = 0; i < n; i++)
		wire_put_u64(&c.body, nums[i]);
	return run_for_values(&c, metrics, n);
}

static fpga_result get_by_index(fpga_handle handle, uint64_t *metric_num, uint64_t num_metric_indexes,
				fpga_metric *metrics)
{
	const struct remote_handle *h = handle;
	uint64_t at = 0, n;
	bool any = false;
	fpga_result r = handle_check(h);

	if (r != FPGA_OK)
		return r;
	do {
		n = num_metric_indexes - at < INDEXES_MAX ? num_metric_indexes - at : INDEXES_MAX;
		r = read_indexes(h, metric_num + at, n, metrics + at);
		at += n;
	} while (goes_on(r, &any) && at < num_metric_indexes);
	return r == FPGA_NOT_FOUND && any ? FPGA_OK : r;
}

/* The name as it can be sent; one that no metric can have stays unknown there as "". */
static const char *sent(const char *name)
{
	size_t len = name ? strnlen(name, FPGA_METRIC_STR_SIZE) : FPGA_METRIC_STR_SIZE;

	return len < FPGA_METRIC_STR_SIZE && utf8_valid(name, len) ? name : "";
}

/* As many of the names as a request takes: *num of n. */
static fpga_result read_names(const struct remote_handle *h, char **names, uint64_t n, fpga_metric *metrics,
			      uint64_t *num)
{
	struct call c;
	uint64_t i;

	call_begin(&c, h->conn, WIRE_METRIC_READ_NAMED, h->id);
	call_room(&c, NAMES_BYTES + FPGA_METRIC_STR_SIZE + 2);
	for (i = 0; i < n && !c.body.bad && c.body.len < NAMES_BYTES; i++) {
		wire_put_text(&c.body, sent(names[i]));
		metrics[i] = (fpga_metric){ .metric_num = UINT64_MAX };
	}
	*num = i;
	return run_for_values(&c, metrics, i);
}

static fpga_result get_by_name(fpga_handle handle, char **metrics_names, uint64_t num_metric_names,
			       fpga_metric *metrics)
{
	const struct remote_handle *h = handle;
	uint64_t at = 0, n;
	bool any = false;
	fpga_result r = handle_check(h);

	if (r != FPGA_OK)
		return r;
	do {
		r = read_names(h, metrics_names + at, num_metric_names - at, metrics + at, &n);
		at += n;
	} while (goes_on(r, &any) && at < num_metric_names);
	return r == FPGA_NOT_FOUND && any ? FPGA_OK : r;
}

/* ---- limits ---- */

static void get_limit(struct wire_reader *r, threshold *t)
{
	wire_get_string(r, t->threshold_name, sizeof(t->threshold_name));
	t->is_valid = wire_get_u32(r);
	t->value = value_of(wire_get_u64(r)).dvalue;
}

static void take_limits(void *ctx, struct wire_reader *reply)
{
	metric_threshold m;

	while (wire_more(reply)) {
		wire_get_string(reply, m.metric_name, sizeof(m.metric_name));
		get_limit(reply, &m.upper_nr_threshold);
		get_limit(reply, &m.upper_c_threshold);
		get_limit(reply, &m.upper_nc_threshold);
		get_limit(reply, &m.lower_nr_threshold);
		get_limit(reply, &m.lower_c_threshold);
		get_limit(reply, &m.lower_nc_threshold);
		get_limit(reply, &m.hysteresis);
		if (!reply->bad)
			keep(ctx, &m);
	}
}

static fpga_result get_thresholds(fpga_handle handle, struct metric_threshold *metric_thresholds,
				  uint32_t *num_thresholds)
{
	struct came c = { .size = metric_thresholds ? sizeof(*metric_thresholds) : 0,
			  .room = metric_thresholds ? *num_thresholds : UINT32_MAX };
	fpga_result r = run_to_keep(handle, WIRE_METRIC_LIMITS, &c, take_limits, metric_thresholds);

	if (r == FPGA_OK)
		*num_thresholds = (uint32_t)c.num;
	return r;
}

void client_fill_metrics(opae_api_adapter_table *t)
{
	t->fpgaGetNumMetrics = get_num_metrics;
	t->fpgaGetMetricsInfo = get_metrics_info;
	t->fpgaGetMetricsByIndex = get_by_index;
	t->fpgaGetMetricsByName = get_by_name;
	t->fpgaGetMetricsThresholdInfo = get_thresholds;
}
