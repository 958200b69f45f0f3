/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Open handles. An id is a place in the table and a count of openings, so that looking one up is one load and
 * an id of the past names nothing. The table is the dispatch thread's.
 *
 * OPEN and CLOSE are LONG calls. Meanwhile the handle keeps its place: one that is being opened is not there
 * for requests, and of one that is being closed they wait, so that it is gone when they are carried out.
 *
 * A handle ends in this order: objects and events that hang on it are dropped, and other devices lose its
 * buffers (dispatch thread); its device is quiesced, so that nothing of it reaches memory any more; its
 * buffers are zeroed and given back; it is closed (the LONG call's thread); its place is free (dispatch
 * thread).
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

	return h && h->id == id && !h->opening ? h : NULL;
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
	h->opening = true;
	s->handles[place] = h;
	s->num_handles++;
	return h;
}

static void handle_forget(struct rpc_session *s, struct session_handle *h)
{
	s->handles[(uint32_t)h->id] = NULL;
	s->num_handles--;
	buffers_free(h->buffers);
	free(h->bitstream);
	free(h);
}

fpga_result handle_reserve(struct rpc_session *s, struct request *q)
{
	if (s->num_handles == s->options.max_handles)
		return request_fail(q, FPGA_BUSY, "the peer has %u handles open, and may have no more",
				    s->num_handles);
	q->handle = handle_new(s, q->token);
	return q->handle ? FPGA_OK : request_fail(q, FPGA_NO_MEMORY, "no memory for a handle");
}

void handle_opened(struct rpc_session *s, struct session_handle *h, fpga_result r)
{
	h->opening = false;
	if (r != FPGA_OK)
		handle_forget(s, h);
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

/* Into the place that handle_reserve() has made. */
fpga_result serve_OPEN(struct rpc_session *s, struct request *q)
{
	uint32_t flags = wire_get_u32(&q->in);
	struct session_handle *h = q->handle;
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	h->shared = flags & FPGA_OPEN_SHARED;
	r = s->table->fpgaOpen(q->token->token, &h->handle, (int)(flags & FPGA_OPEN_SHARED));
	if (r != FPGA_OK)
		return r;
	atomic_fetch_add_explicit(&s->open_handles, 1, memory_order_relaxed);
	counts_move(s->counts, RPC_OPEN_HANDLES, 1);
	put_opened(s, q, h);
	return FPGA_OK;
}

/* ---- the end ---- */

void handle_quiet(struct rpc_session *s, struct session_handle *h)
{
	if (s->table->quiesce(h->handle) != FPGA_OK)
		s->table->fpgaReset(h->handle);
}

/* Has the peer no other handle of the object? One that comes or goes might as well not be there. */
static bool is_last(const struct rpc_session *s, const struct session_handle *h)
{
	for (uint32_t i = 0; i < s->options.max_handles; i++) {
		const struct session_handle *o = s->handles[i];

		if (o && o != h && o->token == h->token && !o->opening && !o->closing)
			return false;
	}
	return true;
}

struct session_handle *handle_being_closed(struct rpc_session *s, uint64_t token)
{
	for (uint32_t i = 0; i < s->options.max_handles; i++)
		if (s->handles[i] && s->handles[i]->closing && s->handles[i]->token == token)
			return s->handles[i];
	return NULL;
}

static void drop_objects_and_events(struct rpc_session *s, struct session_handle *h)
{
	objects_drop_handle(s, h);
	events_drop_handle(s->events, h);
}

/*
 * One that is shared may be at work for somebody else, and is left at work when its own program is alive and
 * says that it has done; but not when it is the session's last one and the device might reach its buffers.
 */
void handle_closing(struct rpc_session *s, struct session_handle *h)
{
	h->closing = true;
	h->quiet_first = !h->shared || (buffers_any(h->buffers) && is_last(s, h));
	drop_objects_and_events(s, h);
	buffers_take_back(h->buffers);
}

static fpga_result close_handle(struct rpc_session *s, struct session_handle *h)
{
	buffers_empty(h->buffers);
	atomic_fetch_sub_explicit(&s->open_handles, 1, memory_order_relaxed);
	counts_move(s->counts, RPC_OPEN_HANDLES, -1);
	return s->table->fpgaClose(h->handle);
}

fpga_result serve_CLOSE(struct rpc_session *s, struct request *q)
{
	if (q->handle->quiet_first)
		handle_quiet(s, q->handle);
	return close_handle(s, q->handle);
}

void handle_closed(struct rpc_session *s, struct session_handle *h)
{
	handle_forget(s, h);
}

static void tell_changed(struct rpc_session *s, uint64_t token)
{
	if (s->options.changed)
		s->options.changed(s->options.ctx, token);
}

/* LONG calls end. Of an OPEN or a CLOSE the handle is there then, or it is gone. */
static void await_long_calls(struct rpc_session *s)
{
	for (uint32_t i = 0; i < s->options.max_handles; i++) {
		struct session_handle *h = s->handles[i];
		uint64_t token = h ? h->token : 0;

		if (!h || !h->busy)
			continue;
		pthread_join(h->busy->thread, NULL);
		if (h->closing) {
			deferred_free_all(h->queue);
			handle_closed(s, h);
			tell_changed(s, token);
		} else if (h->opening) {
			handle_opened(s, h, h->busy->result);
		}
	}
}

/*
 * Each step for all of them: one handle's device may write into another's buffers. Here what is shared is
 * stopped, too, when there are buffers that it might reach: its program can say nothing any more.
 */
void handles_done(struct rpc_session *s)
{
	bool pinned;

	await_long_calls(s);
	pinned = buffers_pinned(s);
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
		buffers_take_back(h->buffers);
		close_handle(s, h);
		handle_forget(s, h);
		tell_changed(s, token);
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
