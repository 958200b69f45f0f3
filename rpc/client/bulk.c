/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Explicit push and pull: pieces of up to 64 KiB, several of them under way, from and to the memory itself.
 * They go in batches, for a reply to each piece that is pushed, or a send for each that is asked for, costs
 * as much as a tenth of its bytes: of a batch that is pushed the last piece alone is a call, and the others
 * one-way; a batch that is pulled is asked for in one send. While other threads wait for replies on the same
 * connection a batch is one small piece, and one is under way, so that what they ask does not wait behind
 * half a megabyte.
 *
 * Where there is a twin, a pull is received into the twin and copied from there: what the connection brings
 * behind it meets the twin as the far side knows it, whenever this thread comes to copy.
 */
#include "base/cleanup.h"
#include "rpc/client/buffers-internal.h"
#include "rpc/client/call.h"
#include "rpc/client/conn.h"

#define BATCH CALLS_AT_ONCE	       /* pieces */
#define WINDOW 2u		       /* batches under way */
#define PIECE_SHARED ((size_t)8 * 1024) /* while others wait, and then it is a batch by itself */
#define ALONE_AFTER 64u		       /* batches without seeing any */

struct batch {
	struct call calls[BATCH]; /* of a push the last alone */
	size_t from[BATCH], len[BATCH];
	unsigned int pieces;
};

struct move {
	struct remote_handle *h;
	struct client_buffer *buf;
	enum wire_op op;
	size_t at, end; /* what is still to be begun */
	struct batch batches[WINDOW];
	unsigned int begun, done;
	unsigned int alone; /* batches since another thread was seen to wait */
};

static bool is_shared(struct move *m)
{
	if (atomic_load_explicit(&m->h->conn->waiters, memory_order_relaxed)) /* this thread does not, now */
		m->alone = 0;
	return m->alone < ALONE_AFTER;
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

/* What the next batch moves. */
static void plan(struct move *m, struct batch *b)
{
	bool shared = is_shared(m);
	size_t bulk = conn_bulk(m->h->conn), most = shared && bulk > PIECE_SHARED ? PIECE_SHARED : bulk;

	for (b->pieces = 0; m->at < m->end && b->pieces < (shared ? 1 : BATCH); b->pieces++) {
		b->from[b->pieces] = m->at;
		b->len[b->pieces] = m->end - m->at < most ? m->end - m->at : most;
		m->at += b->len[b->pieces];
	}
}

static void fill_push(struct move *m, const struct batch *b, unsigned int i, struct call *c)
{
	const struct twin *t = &m->buf->t;

	call_begin(c, m->h->conn, WIRE_PUSH, m->h->id);
	wire_put_u64(&c->body, m->buf->wsid);
	wire_put_u64(&c->body, b->from[i]);
	wire_put_bytes_len(&c->body, b->len[i]);
	if (t->twin)
		push_to_twin(m->h->buffers, m->buf, b->from[i], b->len[i]);
	c->data = t->memory + b->from[i];
	c->data_len = b->len[i];
}

/* What would make one of the pieces fail makes the last one fail as well. */
static fpga_result push_batch(struct move *m, struct batch *b)
{
	unsigned int last = b->pieces - 1;
	fpga_result r = FPGA_OK;

	for (unsigned int i = 0; i < last && r == FPGA_OK; i++) {
		struct call *c = &b->calls[0];

		fill_push(m, b, i, c);
		r = call_end(c, call_post(c));
	}
	if (r != FPGA_OK)
		return r;
	fill_push(m, b, last, &b->calls[0]);
	r = call_start(&b->calls[0]);
	return r == FPGA_OK ? r : call_end(&b->calls[0], r);
}

/* A release that had read a tracked buffer before us is not to send that after us. */
static fpga_result begin_push(struct move *m, struct batch *b)
{
	fpga_result r;

	if (!m->buf->pages)
		return push_batch(m, b);
	pthread_mutex_lock(&m->h->buffers->release_lock);
	r = push_batch(m, b);
	pthread_mutex_unlock(&m->h->buffers->release_lock);
	return r;
}

static fpga_result begin_pull(struct move *m, struct batch *b)
{
	const struct twin *t = &m->buf->t;
	fpga_result r;

	for (unsigned int i = 0; i < b->pieces; i++) {
		struct call *c = &b->calls[i];

		call_begin(c, m->h->conn, WIRE_PULL, m->h->id);
		wire_put_u64(&c->body, m->buf->wsid);
		wire_put_u64(&c->body, b->from[i]);
		wire_put_u32(&c->body, (uint32_t)b->len[i]);
		c->place = (t->twin ? t->twin : t->memory) + b->from[i];
		c->place_len = b->len[i];
	}
	r = call_start_all(b->calls, b->pieces);
	for (unsigned int i = 0; i < b->pieces && r != FPGA_OK; i++)
		call_end(&b->calls[i], r);
	return r;
}

static fpga_result begin_batch(struct move *m)
{
	struct batch *b = &m->batches[m->begun % WINDOW];
	fpga_result r;

	plan(m, b);
	r = m->op == WIRE_PUSH ? begin_push(m, b) : begin_pull(m, b);
	if (r != FPGA_OK)
		return r;
	m->begun++;
	m->alone++;
	return FPGA_OK;
}

static fpga_result end_piece(struct move *m, const struct batch *b, unsigned int i)
{
	struct call *c = &m->batches[m->done % WINDOW].calls[i];
	fpga_result r = call_finish(c);

	if (r == FPGA_OK && m->op == WIRE_PULL && c->placed != b->len[i])
		r = say_host(m->h->conn, FPGA_EXCEPTION, "PULL: %zu bytes came instead of %zu", c->placed,
			     b->len[i]);
	/* Also after a failure: what has come of it in the twin is not the program's doing. */
	if (m->op == WIRE_PULL && m->buf->t.twin)
		pull_from_twin(m->h->buffers, m->buf, b->from[i], b->len[i]);
	return call_end(c, r);
}

/* The first failure of its pieces. */
static fpga_result end_batch(struct move *m)
{
	const struct batch *b = &m->batches[m->done % WINDOW];
	unsigned int calls = m->op == WIRE_PUSH ? 1 : b->pieces;
	fpga_result r = FPGA_OK;

	for (unsigned int i = 0; i < calls; i++) {
		fpga_result one = end_piece(m, b, i);

		r = r == FPGA_OK ? one : r;
	}
	m->done++;
	return r;
}

static unsigned int window(struct move *m)
{
	return is_shared(m) ? 1 : WINDOW;
}

/* After a failure no more is begun, and what is under way is waited for. */
static fpga_result move_all(struct move *m)
{
	fpga_result r = FPGA_OK;

	while (r == FPGA_OK && (m->at < m->end || m->done != m->begun))
		r = m->at < m->end && m->begun - m->done < window(m) ? begin_batch(m) : end_batch(m);
	while (m->done != m->begun)
		end_batch(m);
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

/* What goes past the connection is to come behind what was posted on it, and whether that failed is told. */
static fpga_result await_writes(struct remote_handle *h, uint64_t wsid)
{
	struct call c;

	if (!atomic_exchange(&h->wrote, false))
		return FPGA_OK;
	call_begin(&c, h->conn, WIRE_PULL, h->id);
	wire_put_u64(&c.body, wsid);
	wire_put_u64(&c.body, 0);
	wire_put_u32(&c.body, 0);
	return call_end(&c, call_run(&c));
}

static fpga_result move_directly(struct remote_handle *h, struct client_buffer *buf, enum wire_op op,
				 uint64_t offset, uint64_t len)
{
	fpga_result r = await_writes(h, buf->wsid);
	int rc;

	if (r != FPGA_OK)
		return r;
	rc = op == WIRE_PUSH ? direct_push(h, buf, offset, len) : direct_pull(h, buf, offset, len);
	return rc ? conn_check(h->conn) : FPGA_OK;
}

fpga_result client_push(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len)
{
	struct remote_handle *h = handle;
	struct client_buffer *buf;
	fpga_result r = enter(h, wsid, offset, len, "opaex_push", &buf);

	if (r != FPGA_OK)
		return r;
	if (buf->direct.far.len && !buf->pages) {
		r = move_directly(h, buf, WIRE_PUSH, offset, len);
		buffer_put(h->buffers, buf);
		return r;
	}
	if (buf->pages) /* says what we have read: of what is newer than that the server takes no PUSH */
		r = client_buffers_release(h->buffers, NULL, NULL);
	if (r == FPGA_OK)
		r = move_part(h, buf, WIRE_PUSH, offset, len);
	buffer_put(h->buffers, buf);
	return r;
}

/* Nothing that the program changed before is sent after this: what was found of it already is on its way. */
static void note_pull(struct handle_buffers *b, struct client_buffer *buf, struct pulled *p)
{
	SCOPED_LOCK(&b->release_lock);
	SCOPED_LOCK(&b->lock);

	p->next = buf->pulls;
	buf->pulls = p;
}

static void forget_pull(struct handle_buffers *b, struct client_buffer *buf, struct pulled *p)
{
	struct pulled **at = &buf->pulls;
	SCOPED_LOCK(&b->lock);

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
}

/* Nothing is released meanwhile, for what the library's view has there is old until it is replaced. */
static fpga_result pull_tracked(struct remote_handle *h, struct client_buffer *buf, uint64_t offset,
				uint64_t len)
{
	struct handle_buffers *b = h->buffers;
	int rc;
	SCOPED_LOCK(&b->release_lock);

	rc = buffer_forget_written(b, buf, offset, offset + len);
	return rc ? conn_check(h->conn) : move_part(h, buf, WIRE_PULL, offset, len);
}

fpga_result client_pull(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len)
{
	struct remote_handle *h = handle;
	struct client_buffer *buf;
	struct pulled p = { offset, offset + len, NULL };
	fpga_result r = enter(h, wsid, offset, len, "opaex_pull", &buf);

	if (r != FPGA_OK)
		return r;
	if (buf->direct.far.len && !buf->pages) {
		r = move_directly(h, buf, WIRE_PULL, offset, len);
		buffer_put(h->buffers, buf);
		return r;
	}
	if (buf->pages) {
		r = pull_tracked(h, buf, offset, len);
		buffer_put(h->buffers, buf);
		return r;
	}
	note_pull(h->buffers, buf, &p);
	r = move_part(h, buf, WIRE_PULL, offset, len);
	forget_pull(h->buffers, buf, &p);
	buffer_put(h->buffers, buf);
	return r;
}
