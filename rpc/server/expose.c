/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/server/expose.h"

#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "rpc/server/buffers-internal.h"
#include "rpc/server/session.h"
#include "wire/bytes.h"

#define LANDING_ROOM (WIRE_LANDING_HEAD + LANDING_BYTES)

static const struct rpc_exposer *exposer(const struct rpc_session *s)
{
	return s->features & WIRE_FEATURE_FABRIC ? s->options.exposer : NULL;
}

/* ---- FABRIC ---- */

fpga_result serve_FABRIC(struct rpc_session *s, struct request *q)
{
	const struct rpc_exposer *x = exposer(s);
	struct rpc_offer offer;
	int rc = x ? x->offer(x->ctx, &offer) : 0;

	if (!x)
		return request_fail(q, FPGA_NOT_SUPPORTED, "this server has no fabric");
	if (rc) {
		q->error = -rc;
		return request_fail(q, FPGA_EXCEPTION, "the server's fabric takes no connection: %s",
				    strerror(-rc));
	}
	wire_put_text(&q->out, offer.provider);
	wire_put_text(&q->out, offer.address);
	wire_put_guid(&q->out, offer.token);
	wire_put_guid(&q->out, offer.proof);
	return FPGA_OK;
}

/* ---- EXPOSE ---- */

static fpga_result expose(const struct rpc_exposer *x, struct request *q, struct rpc_exposed *e, void *at,
			  size_t len, bool writable)
{
	int rc = e->region ? 0 : x->expose(x->ctx, at, len, writable, e);

	if (rc) {
		q->error = -rc;
		return request_fail(q, FPGA_EXCEPTION, "%zu bytes cannot be registered with the fabric: %s",
				    len, strerror(-rc));
	}
	wire_put_u64(&q->out, e->key);
	wire_put_u64(&q->out, e->address);
	wire_put_u64(&q->out, len);
	return FPGA_OK;
}

static void cover(const struct rpc_session *s, struct rpc_exposed *e)
{
	const struct rpc_exposer *x = exposer(s);

	if (e->region)
		x->cover(x->ctx, e);
}

void exposed_unmap(struct rpc_session *s, void *at, size_t len)
{
	const struct rpc_exposer *x = exposer(s);

	if (x)
		x->unmap(x->ctx, at, len);
	else
		sys_munmap(at, len);
}

void exposed_give_way(const struct session_buffers *b)
{
	if (b->landing.exposed.region)
		sched_yield();
}

static fpga_result make_landing(struct rpc_session *s, struct request *q)
{
	struct session_buffers *b = q->handle->buffers;
	fpga_result r;
	void *at;

	if (b->landing.memory)
		return FPGA_OK;
	r = buffers_account(s, q, LANDING_ROOM);
	if (r != FPGA_OK)
		return r;
	if (sys_mmap(NULL, LANDING_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at)) {
		buffers_unaccount(s, LANDING_ROOM);
		return request_fail(q, FPGA_NO_MEMORY, "no memory for what the client writes back");
	}
	b->landing.memory = at;
	return FPGA_OK;
}

static fpga_result expose_landing(struct rpc_session *s, struct request *q)
{
	struct landing *l = &q->handle->buffers->landing;
	fpga_result r = make_landing(s, q);

	return r == FPGA_OK ? expose(exposer(s), q, &l->exposed, l->memory, LANDING_ROOM, true) : r;
}

static fpga_result expose_buffer(struct rpc_session *s, struct request *q, struct session_buffer *buf)
{
	bool explicit = !buf->tracked && !buf->t.twin;

	if (!explicit && !(buf->tracked && buf->t.twin))
		return request_fail(q, FPGA_INVALID_PARAM,
				    "EXPOSE: of the buffers those are exposed that are explicit, or that are "
				    "tracked and written to by the device");
	return expose(exposer(s), q, &buf->exposed, explicit ? buf->t.memory : buf->t.twin, buf->t.len,
		      explicit);
}

fpga_result serve_EXPOSE(struct rpc_session *s, struct request *q)
{
	uint64_t wsid = wire_get_u64(&q->in);
	struct session_buffer *buf = buffers_find(q->handle->buffers, wsid);

	if (q->in.bad)
		return request_bad(q);
	if (wsid && !buf)
		return buffers_none(q, wsid);
	if (!exposer(s))
		return request_fail(q, FPGA_NOT_SUPPORTED, "EXPOSE: HELLO did not agree on a fabric");
	return buf ? expose_buffer(s, q, buf) : expose_landing(s, q);
}

void buffer_unexpose(struct rpc_session *s, struct session_buffer *buf)
{
	cover(s, &buf->exposed);
}

/* ---- the landing ---- */

static uint64_t read_word(const unsigned char *at)
{
	uint64_t v = __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);

	return bytes_get64((const unsigned char *)&v);
}

static void write_word(unsigned char *at, uint64_t value)
{
	uint64_t v;

	bytes_put64((unsigned char *)&v, value);
	__atomic_store_n((uint64_t *)(void *)at, v, __ATOMIC_RELEASE);
}

const unsigned char *landing_find(const struct session_buffers *b, uint64_t position, size_t len)
{
	const struct landing *l = &b->landing;
	size_t at = position % LANDING_BYTES;

	if (!l->memory || len > LANDING_BYTES - at || position - l->taken > LANDING_BYTES - len)
		return NULL;
	return l->memory + WIRE_LANDING_HEAD + at;
}

void landing_take(struct session_buffers *b, uint64_t position, size_t len)
{
	b->landing.taken = position + len;
	write_word(b->landing.memory + WIRE_LANDING_TAKEN, b->landing.taken);
}

void landing_free(struct session_buffers *b)
{
	struct landing *l = &b->landing;

	if (!l->memory)
		return;
	cover(b->s, &l->exposed);
	exposed_unmap(b->s, l->memory, LANDING_ROOM);
	buffers_unaccount(b->s, LANDING_ROOM);
	*l = (struct landing){ 0 };
}

/* ---- what is being fetched ---- */

static void forget_done(struct session_buffers *b)
{
	struct fetches *f = &b->fetches;
	uint64_t done = f->num ? read_word(b->landing.memory + WIRE_LANDING_FETCHED) : 0;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < f->num; i++)
		if (f->list[i].number > done)
			f->list[kept++] = f->list[i];
	f->num = kept;
}

bool fetches_add(struct session_buffers *b, const struct session_buffer *buf, size_t from, size_t end)
{
	const struct rpc_exposer *x = exposer(b->s);
	struct fetches *f = &b->fetches;

	if (!buf->exposed.region || !b->landing.exposed.region || end - from < x->fetch_least ||
	    !x->stands(x->ctx))
		return false;
	forget_done(b);
	if (f->num == FETCHES_MAX)
		return false;
	f->list[f->num++] = (struct fetch){ buf, from / HELD_PAGE, (end + HELD_PAGE - 1) / HELD_PAGE,
					    ++f->told };
	return true;
}

bool fetches_have(struct session_buffers *b, const struct session_buffer *buf, size_t page)
{
	struct fetches *f = &b->fetches;

	if (!f->num)
		return false;
	forget_done(b);
	for (unsigned int i = 0; i < f->num; i++)
		if (f->list[i].buf == buf && page >= f->list[i].from && page < f->list[i].end)
			return true;
	return false;
}

void fetches_drop(struct session_buffers *b, const struct session_buffer *buf)
{
	struct fetches *f = &b->fetches;
	unsigned int kept = 0;

	for (unsigned int i = 0; i < f->num; i++)
		if (f->list[i].buf != buf)
			f->list[kept++] = f->list[i];
	f->num = kept;
}
