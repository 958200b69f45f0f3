/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Explicit push and pull: calls of up to 64 KiB each, several of them under way, from and to the memory
 * itself. While other threads wait for replies on the same connection there are few, so that what they ask
 * does not wait behind half a megabyte.
 *
 * Where there is a twin, a pull is received into the twin and copied from there: what the connection brings
 * behind it meets the twin as the far side knows it, whenever this thread comes to copy.
 */
#include "base/cleanup.h"
#include "rpc/client/buffers-internal.h"
#include "rpc/client/call.h"
#include "rpc/client/conn.h"

#define WINDOW 8u	  /* pieces under way, at most */
#define WINDOW_SHARED 2u  /* while others wait */
#define ALONE_AFTER 64u	  /* pieces without seeing any */

struct move {
	struct remote_handle *h;
	struct client_buffer *buf;
	enum wire_op op;
	size_t at, end;	      /* what is still to be begun */
	struct call calls[WINDOW];
	size_t from[WINDOW], len[WINDOW]; /* of each */
	unsigned int begun, done;
	unsigned int alone; /* pieces since another thread was seen to wait */
};

static unsigned int window(struct move *m)
{
	if (atomic_load_explicit(&m->h->conn->waiters, memory_order_relaxed)) /* this thread does not, now */
		m->alone = 0;
	return m->alone < ALONE_AFTER ? WINDOW_SHARED : WINDOW;
}

/* The far side has it, as far as we are concerned: what changes from now on is sent anew. */
static void push_to_twin(struct handle_buffers *b, const struct client_buffer *buf, size_t at, size_t len)
{
	SCOPED_LOCK(&b->lock);

	twin_copy(buf->t.twin + at, buf->t.memory + at, len);
}

static void pull_from_twin(struct handle_buffers *b, const struct client_buffer *buf, size_t at, size_t len)
{
	SCOPED_LOCK(&b->lock);

	twin_copy(buf->t.memory + at, buf->t.twin + at, len);
}

static fpga_result begin_piece(struct move *m)
{
	unsigned int i = m->begun % WINDOW;
	const struct twin *t = &m->buf->t;
	struct call *c = &m->calls[i];
	size_t bulk = conn_bulk(m->h->conn), len = m->end - m->at < bulk ? m->end - m->at : bulk;
	fpga_result r;

	call_begin(c, m->h->conn, m->op, m->h->id);
	wire_put_u64(&c->body, m->buf->wsid);
	wire_put_u64(&c->body, m->at);
	if (m->op == WIRE_PUSH) {
		wire_put_bytes_len(&c->body, len);
		if (t->twin)
			push_to_twin(m->h->buffers, m->buf, m->at, len);
		c->data = t->memory + m->at;
		c->data_len = len;
	} else {
		wire_put_u32(&c->body, (uint32_t)len);
		c->place = (t->twin ? t->twin : t->memory) + m->at;
		c->place_len = len;
	}
	r = call_start(c);
	if (r != FPGA_OK)
		return call_end(c, r);
	m->from[i] = m->at;
	m->len[i] = len;
	m->at += len;
	m->begun++;
	m->alone++;
	return FPGA_OK;
}

static fpga_result end_piece(struct move *m)
{
	unsigned int i = m->done++ % WINDOW;
	struct call *c = &m->calls[i];
	fpga_result r = call_finish(c);

	if (r == FPGA_OK && m->op == WIRE_PULL && c->placed != m->len[i])
		r = say_host(m->h->conn, FPGA_EXCEPTION, "PULL: %zu bytes came instead of %zu", c->placed,
			     m->len[i]);
	/* Also after a failure: what has come of it in the twin is not the program's doing. */
	if (m->op == WIRE_PULL && m->buf->t.twin)
		pull_from_twin(m->h->buffers, m->buf, m->from[i], m->len[i]);
	return call_end(c, r);
}

/* After a failure no more is begun, and what is under way is waited for. */
static fpga_result move_all(struct move *m)
{
	fpga_result r = FPGA_OK;

	while (r == FPGA_OK && (m->at < m->end || m->done != m->begun))
		r = m->at < m->end && m->begun - m->done < window(m) ? begin_piece(m) : end_piece(m);
	while (m->done != m->begun)
		end_piece(m);
	return r;
}

static fpga_result move_part(struct remote_handle *h, struct client_buffer *buf, enum wire_op op,
			     uint64_t offset, uint64_t len)
{
	struct move m; /* not cleared: its calls are large */

	m.h = h;
	m.buf = buf;
	m.op = op;
	m.at = offset;
	m.end = offset + len;
	m.begun = m.done = 0;
	m.alone = ALONE_AFTER;
	return move_all(&m);
}

/* The buffer, when the part is inside it; buffer_put() follows. */
static fpga_result enter(struct remote_handle *h, uint64_t wsid, uint64_t offset, uint64_t len,
			 const char *call, struct client_buffer **ret)
{
	fpga_result r = handle_check(h);
	uint64_t size;

	if (r != FPGA_OK)
		return r;
	*ret = buffer_get(h->buffers, wsid);
	if (!*ret)
		return FPGA_NOT_FOUND;
	size = (*ret)->asked;
	if (len <= size && offset <= size - len)
		return FPGA_OK;
	buffer_put(h->buffers, *ret);
	return say(FPGA_INVALID_PARAM, "%s: %llu bytes at %llu are not inside the buffer's %llu", call,
		   (unsigned long long)len, (unsigned long long)offset, (unsigned long long)size);
}

fpga_result client_push(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len)
{
	struct remote_handle *h = handle;
	struct client_buffer *buf;
	fpga_result r = enter(h, wsid, offset, len, "opaex_push", &buf);

	if (r != FPGA_OK)
		return r;
	r = move_part(h, buf, WIRE_PUSH, offset, len);
	buffer_put(h->buffers, buf);
	return r;
}

/* Nothing that the program changed before is sent after this: what was found of it already is on its way. */
static void begin_pull(struct handle_buffers *b, struct client_buffer *buf, struct pulled *p)
{
	SCOPED_LOCK(&b->release_lock);
	SCOPED_LOCK(&b->lock);

	p->next = buf->pulls;
	buf->pulls = p;
}

static void end_pull(struct handle_buffers *b, struct client_buffer *buf, struct pulled *p)
{
	struct pulled **at = &buf->pulls;
	SCOPED_LOCK(&b->lock);

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
}

fpga_result client_pull(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len)
{
	struct remote_handle *h = handle;
	struct client_buffer *buf;
	struct pulled p = { offset, offset + len, NULL };
	fpga_result r = enter(h, wsid, offset, len, "opaex_pull", &buf);

	if (r != FPGA_OK)
		return r;
	begin_pull(h->buffers, buf, &p);
	r = move_part(h, buf, WIRE_PULL, offset, len);
	end_pull(h->buffers, buf, &p);
	buffer_put(h->buffers, buf);
	return r;
}
