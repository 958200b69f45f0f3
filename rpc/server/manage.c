/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports, reconfiguration, user clock.
 *
 * A bitstream comes in as posted pieces, in order, and is kept in memory that grows as they come; what a
 * session has announced at a time is bounded, so a client cannot make the server set aside more. Nothing
 * reaches the device before all is there: a client that goes in the middle, or sends a piece that does not
 * fit, has changed nothing. RECONF_DATA is served on the dispatch thread, RECONF_RUN on one of its own, while
 * which the handle is not touched by others.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "rpc/server/calls.h"

#define STREAM_FIRST (1u << 20) /* bytes of memory in the beginning */
#define PROGRESS_STEP (1u << 20) /* bytes that come between two PROGRESS */
#define SIGN_NS (NS_PER_S / 2)	/* between two signs of life */

/* ---- ports ---- */

fpga_result serve_ASSIGN_PORT(struct rpc_session *s, struct request *q)
{
	uint32_t interface = wire_get_u32(&q->in), slot = wire_get_u32(&q->in);
	int flags = (int)wire_get_u32(&q->in);
	fpga_result r = request_whole(q);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaAssignPortToInterface(q->handle->handle, interface, slot,
									flags);
	return r;
}

/* The accelerator, which the peer must see, and be allowed to move. */
static fpga_result accelerator_of(struct rpc_session *s, struct request *q, uint64_t id, fpga_token *ret)
{
	const struct session_token *t;
	fpga_result r = request_whole(q);

	if (r != FPGA_OK)
		return r;
	t = session_token(s, id);
	if (!t)
		request_names(q, "object", id);
	else if (!(t->rights & WIRE_RIGHT_RECONFIGURE))
		request_lacks(q, WIRE_RIGHT_RECONFIGURE);
	if (!t)
		return request_fail(q, FPGA_NOT_FOUND, "there is no accelerator %#" PRIx64 " (any more)", id);
	if (!(t->rights & WIRE_RIGHT_RECONFIGURE))
		return request_fail(q, FPGA_NO_ACCESS, "the policy does not allow \"%s\" on the accelerator",
				    wire_right_name(WIRE_RIGHT_RECONFIGURE));
	*ret = t->token;
	return FPGA_OK;
}

fpga_result serve_ASSIGN(struct rpc_session *s, struct request *q)
{
	uint64_t id = wire_get_u64(&q->in);
	uint32_t interface = wire_get_u32(&q->in);
	int flags = (int)wire_get_u32(&q->in);
	fpga_token t = NULL;
	fpga_result r = accelerator_of(s, q, id, &t);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaAssignToInterface(q->handle->handle, t, interface, flags);
	return r;
}

fpga_result serve_UNASSIGN(struct rpc_session *s, struct request *q)
{
	uint64_t id = wire_get_u64(&q->in);
	fpga_token t = NULL;
	fpga_result r = accelerator_of(s, q, id, &t);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaReleaseFromInterface(q->handle->handle, t);
	return r;
}

/* ---- a bitstream comes in ---- */

void manage_drop_handle(struct session_calls *c, struct session_handle *h)
{
	if (!h->bitstream)
		return;
	atomic_fetch_sub(&c->streaming, h->bitstream_len);
	free(h->bitstream);
	h->bitstream = NULL;
	h->bitstream_len = h->bitstream_got = 0;
}

/* Bytes of memory that a stream has when `got` of its bytes have come. */
static size_t stream_room(uint64_t got, uint64_t len)
{
	uint64_t room = STREAM_FIRST;

	while (room < got)
		room *= 2;
	return room < len ? room : len ? len : 1;
}

static fpga_result announce(struct session_calls *c, struct request *q, uint64_t len)
{
	if (len > WIRE_BITSTREAM_MAX)
		return request_fail(q, FPGA_INVALID_PARAM, "a bitstream of %" PRIu64 " bytes; at most %u are "
				    "taken", len, WIRE_BITSTREAM_MAX);
	if (atomic_fetch_add(&c->streaming, len) + len <= WIRE_BITSTREAM_MAX)
		return FPGA_OK;
	atomic_fetch_sub(&c->streaming, len);
	return request_fail(q, FPGA_BUSY, "bitstreams of the same client are coming in, and with this one "
			    "they would have more than %u bytes", WIRE_BITSTREAM_MAX);
}

fpga_result serve_RECONF_BEGIN(struct rpc_session *s, struct request *q)
{
	struct session_calls *c = session_calls(s);
	struct session_handle *h = q->handle;
	uint32_t slot = wire_get_u32(&q->in);
	uint64_t len = wire_get_u64(&q->in);
	int flags = (int)wire_get_u32(&q->in);
	fpga_result r = request_whole(q);

	if (r != FPGA_OK)
		return r;
	if (!c)
		return request_fail(q, FPGA_NO_MEMORY, "no memory for a bitstream");
	manage_drop_handle(c, h); /* one that was given up */
	r = announce(c, q, len);
	if (r != FPGA_OK)
		return r;
	h->bitstream = malloc(stream_room(0, len));
	if (!h->bitstream) {
		atomic_fetch_sub(&c->streaming, len);
		return request_fail(q, FPGA_NO_MEMORY, "no memory for a bitstream");
	}
	h->bitstream_len = len;
	h->bitstream_got = 0;
	h->slot = slot;
	h->reconf_flags = flags;
	return FPGA_OK;
}

/* As a sign of life, too; a peer that is gone is found out by others. */
static void tell_progress(struct rpc_session *s, uint64_t handle, uint64_t done, uint64_t of)
{
	unsigned char body[16];
	struct wire_writer w;

	wire_writer_init(&w, body, sizeof(body), wire_op_info(WIRE_PROGRESS)->reply);
	wire_put_u64(&w, done);
	wire_put_u64(&w, of);
	session_push(s, WIRE_PROGRESS, handle, body, w.len, NULL, 0);
}

static fpga_result append(struct request *q, struct session_handle *h, const void *data, size_t len)
{
	size_t has = stream_room(h->bitstream_got, h->bitstream_len);
	size_t wants = stream_room(h->bitstream_got + len, h->bitstream_len);
	uint8_t *grown;

	if (wants > has) {
		grown = realloc(h->bitstream, wants);
		if (!grown)
			return request_fail(q, FPGA_NO_MEMORY, "no memory for %zu bytes of a bitstream",
					    wants);
		h->bitstream = grown;
	}
	memcpy(h->bitstream + h->bitstream_got, data, len);
	h->bitstream_got += len;
	return FPGA_OK;
}

fpga_result serve_RECONF_DATA(struct rpc_session *s, struct request *q)
{
	struct session_handle *h = q->handle;
	uint64_t offset = wire_get_u64(&q->in), before = h->bitstream_got;
	size_t len;
	const void *data = wire_get_bytes(&q->in, &len);
	fpga_result r = request_whole(q);

	if (r == FPGA_OK && !h->bitstream)
		return request_fail(q, FPGA_INVALID_PARAM, "a piece of a bitstream that was not announced");
	if (r == FPGA_OK && (offset != before || len > h->bitstream_len - before))
		r = request_fail(q, FPGA_INVALID_PARAM, "a piece of a bitstream: %zu bytes at %" PRIu64
				 "; %" PRIu64 " of %" PRIu64 " have come", len, offset, before,
				 h->bitstream_len);
	if (r == FPGA_OK)
		r = append(q, h, data, len);
	if (r != FPGA_OK)
		manage_drop_handle(session_calls(s), h);
	else if (before / PROGRESS_STEP != h->bitstream_got / PROGRESS_STEP)
		tell_progress(s, h->id, h->bitstream_got, h->bitstream_len);
	return r;
}

/* ---- it is loaded ---- */

/* Tells the client twice a second that the server is still at it. */
struct signs {
	struct rpc_session *s;
	uint64_t handle, len;
	pthread_mutex_t lock; /* guards over */
	pthread_cond_t cond;
	bool over;
	pthread_t thread;
};

static void *give_signs(void *arg)
{
	struct signs *g = arg;

	pthread_mutex_lock(&g->lock);
	while (!g->over) {
		pthread_mutex_unlock(&g->lock);
		tell_progress(g->s, g->handle, g->len, g->len);
		pthread_mutex_lock(&g->lock);
		if (!g->over)
			session_cond_wait(&g->cond, &g->lock, clock_deadline(SIGN_NS));
	}
	pthread_mutex_unlock(&g->lock);
	return NULL;
}

static int signs_start(struct signs *g)
{
	int rc;

	pthread_mutex_init(&g->lock, NULL);
	session_cond_init(&g->cond);
	rc = thread_start(&g->thread, NULL, give_signs, g);
	if (rc) {
		pthread_cond_destroy(&g->cond);
		pthread_mutex_destroy(&g->lock);
	}
	return rc;
}

static void signs_end(struct signs *g)
{
	pthread_mutex_lock(&g->lock);
	g->over = true;
	pthread_cond_signal(&g->cond);
	pthread_mutex_unlock(&g->lock);
	pthread_join(g->thread, NULL);
	pthread_cond_destroy(&g->cond);
	pthread_mutex_destroy(&g->lock);
}

static fpga_result load(struct rpc_session *s, struct request *q)
{
	const struct session_handle *h = q->handle;
	struct signs g = { .s = s, .handle = h->id, .len = h->bitstream_len };
	fpga_result r;

	if (h->bitstream_got != h->bitstream_len)
		return request_fail(q, FPGA_INVALID_PARAM, "only %" PRIu64 " of the bitstream's %" PRIu64
				    " bytes have come", h->bitstream_got, h->bitstream_len);
	if (signs_start(&g))
		return request_fail(q, FPGA_NO_MEMORY, "no thread for a reconfiguration");
	r = session_served(s)->table->fpgaReconfigureSlot(h->handle, h->slot, h->bitstream, h->bitstream_len,
							  h->reconf_flags);
	signs_end(&g);
	return r;
}

fpga_result serve_RECONF_RUN(struct rpc_session *s, struct request *q)
{
	fpga_result r;

	if (!q->handle->bitstream)
		return request_fail(q, FPGA_INVALID_PARAM, "no bitstream to load: none was announced");
	r = load(s, q);
	manage_drop_handle(session_calls(s), q->handle);
	return r;
}

/* ---- user clock ---- */

fpga_result serve_CLOCK_SET(struct rpc_session *s, struct request *q)
{
	uint64_t high = wire_get_u64(&q->in), low = wire_get_u64(&q->in);
	int flags = (int)wire_get_u32(&q->in);
	fpga_result r = request_whole(q);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaSetUserClock(q->handle->handle, high, low, flags);
	return r;
}

fpga_result serve_CLOCK_GET(struct rpc_session *s, struct request *q)
{
	int flags = (int)wire_get_u32(&q->in);
	uint64_t high = 0, low = 0;
	fpga_result r = request_whole(q);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaGetUserClock(q->handle->handle, &high, &low, flags);
	if (r == FPGA_OK) {
		wire_put_u64(&q->out, high);
		wire_put_u64(&q->out, low);
	}
	return r;
}
