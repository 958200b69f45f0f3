/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open handles. An id is a place in the table and a count of openings, so that looking one up is one load and
 * an id of the past names nothing. Dispatch thread alone.
 *
 * A handle ends in this order: the device is quiesced, so that nothing of it reaches memory any more; objects
 * and events that hang on it are dropped; its buffers are zeroed and given back; it is closed.
 */
#include "rpc/server/session.h"

#include <stdlib.h>

#include "rpc/server/buffers.h"
#include "rpc/server/events.h"
#include "wire/props.h"

struct session_handle *session_handle(struct rpc_session *s, uint64_t id)
{
	uint32_t place = (uint32_t)id;
	struct session_handle *h = place < s->options.max_handles ? s->handles[place] : NULL;

	return h && h->id == id ? h : NULL;
}

static void count_handles(struct rpc_session *s, uint32_t num)
{
	s->num_handles = num;
	atomic_store_explicit(&s->open_handles, num, memory_order_relaxed);
}

/* ---- OPEN ---- */

/* The first free place; a handle that is not opened yet. */
static struct session_handle *handle_new(struct rpc_session *s, const struct session_token *t)
{
	struct session_handle *h;
	uint32_t place = 0;

	while (s->handles[place])
		place++;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->buffers = buffers_new(s, h);
	if (!h->buffers) {
		free(h);
		return NULL;
	}
	h->id = (uint64_t)++s->next_generation << 32 | place;
	h->token = t->id;
	h->parent = t->parent;
	h->rights = t->rights;
	s->handles[place] = h;
	count_handles(s, s->num_handles + 1);
	return h;
}

static void handle_forget(struct rpc_session *s, struct session_handle *h)
{
	s->handles[(uint32_t)h->id] = NULL;
	count_handles(s, s->num_handles - 1);
	free(h->bitstream);
	free(h);
}

uint32_t handle_regions(struct rpc_session *s, fpga_handle h, const struct opae_props *props,
			struct opaex_mmio_info regions[REGIONS_MAX])
{
	/* an FPGA_DEVICE has registers, and no number of them */
	bool told = props->valid & OPAE_PROP_NUM_MMIO;
	uint32_t num = told && props->num_mmio < REGIONS_MAX ? props->num_mmio : REGIONS_MAX;

	for (uint32_t i = 0; i < num; i++)
		if (s->table->mmio_info(h, i, &regions[i]) != FPGA_OK) {
			if (!told)
				return i;
			regions[i] = (struct opaex_mmio_info){ 0 }; /* its place is kept */
		}
	return num;
}

static void put_opened(struct rpc_session *s, struct request *q, const struct session_handle *h)
{
	struct opaex_mmio_info regions[REGIONS_MAX];
	struct opae_props props;
	fpga_properties prop;
	uint32_t num;

	if (s->table->fpgaGetPropertiesFromHandle(h->handle, &prop) != FPGA_OK ||
	    props_take(s, prop, &props) != FPGA_OK)
		props = q->token->props;
	wire_put_u64(&q->out, h->id);
	wire_put_u64(&q->out, h->parent);
	wire_put_props(&q->out, &props);
	num = handle_regions(s, h->handle, &props, regions);
	for (uint32_t i = 0; i < num; i++) {
		wire_put_u64(&q->out, regions[i].size);
		wire_put_u32(&q->out, regions[i].flags);
	}
}

fpga_result serve_OPEN(struct rpc_session *s, struct request *q)
{
	uint32_t flags = wire_get_u32(&q->in);
	struct session_handle *h;
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	if (s->num_handles == s->options.max_handles)
		return request_fail(q, FPGA_BUSY, "the peer has %u handles open, and may have no more",
				    s->num_handles);
	h = handle_new(s, q->token);
	if (!h)
		return request_fail(q, FPGA_NO_MEMORY, "no memory for a handle");
	h->shared = flags & FPGA_OPEN_SHARED;
	r = s->table->fpgaOpen(q->token->token, &h->handle, (int)(flags & FPGA_OPEN_SHARED));
	if (r != FPGA_OK) {
		buffers_free(h->buffers);
		handle_forget(s, h);
		return r;
	}
	put_opened(s, q, h);
	session_changed(s, h->token);
	return FPGA_OK;
}

/* ---- the end ---- */

void handle_quiet(struct rpc_session *s, struct session_handle *h)
{
	if (s->table->quiesce(h->handle) != FPGA_OK)
		s->table->fpgaReset(h->handle);
}

/* Has the peer no other handle of the object? */
static bool is_last(const struct rpc_session *s, const struct session_handle *h)
{
	for (uint32_t i = 0; i < s->options.max_handles; i++)
		if (s->handles[i] && s->handles[i] != h && s->handles[i]->token == h->token)
			return false;
	return true;
}

static void drop_objects_and_events(struct rpc_session *s, struct session_handle *h)
{
	objects_drop_handle(s, h);
	events_drop_handle(s->events, h);
}

/* Frees it as well; what waited for it comes after it. */
static fpga_result close_handle(struct rpc_session *s, struct session_handle *h)
{
	fpga_result r;

	buffers_free(h->buffers);
	r = s->table->fpgaClose(h->handle);
	handle_forget(s, h);
	return r;
}

/*
 * One that is shared may be at work for somebody else, and is left at work when its own program is alive and
 * says that it has done; but not when it is the session's last one and the device might reach its buffers.
 */
fpga_result serve_CLOSE(struct rpc_session *s, struct request *q)
{
	struct session_handle *h = q->handle;
	uint64_t token = h->token;
	fpga_result r;

	if (!h->shared || (buffers_any(h->buffers) && is_last(s, h)))
		handle_quiet(s, h);
	drop_objects_and_events(s, h);
	q->handle = NULL;
	r = close_handle(s, h);
	session_changed(s, token);
	return r;
}

/*
 * Each step for all of them: one handle's device may write into another's buffers. Here what is shared is
 * stopped, too, when there are buffers that it might reach: its program can say nothing any more.
 */
void handles_done(struct rpc_session *s)
{
	bool pinned = buffers_pinned(s);

	for (uint32_t i = 0; i < s->options.max_handles; i++)
		if (s->handles[i] && s->handles[i]->busy)
			pthread_join(s->handles[i]->busy->thread, NULL);
	for (uint32_t i = 0; i < s->options.max_handles; i++)
		if (s->handles[i] && (pinned || !s->handles[i]->shared))
			handle_quiet(s, s->handles[i]);
	for (uint32_t i = 0; i < s->options.max_handles; i++)
		if (s->handles[i])
			drop_objects_and_events(s, s->handles[i]);
	objects_drop_all(s);
	events_free(s->events);
	s->events = NULL;
	for (uint32_t i = 0; i < s->options.max_handles; i++) {
		struct session_handle *h = s->handles[i];
		uint64_t token = h ? h->token : 0;

		if (!h)
			continue;
		deferred_free_all(h->queue);
		close_handle(s, h);
		if (s->options.changed)
			s->options.changed(s->options.ctx, token);
	}
}

/* ---- of an open one ---- */

fpga_result serve_RESET(struct rpc_session *s, struct request *q)
{
	fpga_result r = s->table->fpgaReset(q->handle->handle);

	buffers_started(q->handle->buffers);
	return r;
}

fpga_result serve_QUIESCE(struct rpc_session *s, struct request *q)
{
	return s->table->quiesce(q->handle->handle);
}

fpga_result serve_HANDLE_PROPERTIES(struct rpc_session *s, struct request *q)
{
	fpga_properties prop;
	fpga_result r = s->table->fpgaGetPropertiesFromHandle(q->handle->handle, &prop);

	return r == FPGA_OK ? props_reply(s, q, q->handle->parent, prop) : r;
}
