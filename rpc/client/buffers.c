/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/client/buffers-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/mutant.h"
#include "rpc/client/conn.h"
#include "rpc/client/pages.h"
#include "rpc/news.h"

#define BUFFERS_MAX (1u << 16)
#define SLICE (512u * 1024) /* bytes that are looked at with the lock held */

/* ---- the list ---- */

/* The first whose id is not smaller. */
static uint32_t place_of(const struct handle_buffers *b, uint64_t wsid)
{
	uint32_t low = 0, high = b->num;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (b->list[mid]->wsid < wsid)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct client_buffer *buffer_any(const struct handle_buffers *b, uint64_t wsid)
{
	uint32_t i = place_of(b, wsid);

	return i < b->num && b->list[i]->wsid == wsid ? b->list[i] : NULL;
}

struct client_buffer *buffer_find(const struct handle_buffers *b, uint64_t wsid)
{
	struct client_buffer *buf = buffer_any(b, wsid);

	return buf && !buf->leaving ? buf : NULL;
}

fpga_result no_such_buffer(fpga_result r, uint64_t wsid)
{
	return say(r, "0x%llx is no buffer of this handle, or was released", (unsigned long long)wsid);
}

struct client_buffer *buffer_get(struct handle_buffers *b, uint64_t wsid)
{
	struct client_buffer *buf;
	SCOPED_LOCK(&b->lock);

	buf = buffer_find(b, wsid);
	if (buf)
		buf->users++;
	else
		no_such_buffer(FPGA_NOT_FOUND, wsid);
	return buf;
}

void buffer_put(struct handle_buffers *b, struct client_buffer *buf)
{
	SCOPED_LOCK(&b->lock);

	if (!--buf->users)
		pthread_cond_broadcast(&b->unused);
}

static int make_room(struct handle_buffers *b)
{
	uint32_t room = b->room * 2 + 8;
	struct client_buffer **grown;

	if (b->num < b->room)
		return 0;
	grown = room > BUFFERS_MAX ? NULL : reallocarray(b->list, room, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	b->list = grown;
	b->room = room;
	return 0;
}

/* By itself? */
static bool travels(const struct client_buffer *buf)
{
	return buf->t.twin || buf->pages;
}

static fpga_result add_locked(struct handle_buffers *b, struct client_buffer *buf)
{
	uint32_t i = place_of(b, buf->wsid);

	if (buffer_any(b, buf->wsid))
		return FPGA_EXCEPTION;
	if (travels(buf) && !b->out) {
		b->out = malloc(NEWS_ROOM);
		if (!b->out)
			return FPGA_NO_MEMORY;
	}
	if ((buf->pages && buffer_enter_tracked(b)) || make_room(b))
		return FPGA_NO_MEMORY;
	memmove(&b->list[i + 1], &b->list[i], (b->num - i) * sizeof(b->list[0]));
	b->list[i] = buf;
	b->num++;
	if (buf->pages)
		buf->pages->entered = true;
	if (travels(buf))
		atomic_fetch_add(&b->travelling, 1);
	return FPGA_OK;
}

fpga_result buffer_add(struct handle_buffers *b, struct client_buffer *buf)
{
	SCOPED_LOCK(&b->release_lock);
	SCOPED_LOCK(&b->lock);

	return add_locked(b, buf);
}

void buffer_take_out(struct handle_buffers *b, struct client_buffer *buf)
{
	SCOPED_LOCK(&b->release_lock);
	SCOPED_LOCK(&b->lock);
	uint32_t i = 0;

	while (i < b->num && b->list[i] != buf)
		i++;
	if (i == b->num)
		return;
	memmove(&b->list[i], &b->list[i + 1], (b->num - i - 1) * sizeof(b->list[0]));
	b->num--;
	if (buf->pages)
		buffer_leave_tracked(b, buf);
	if (travels(buf))
		atomic_fetch_sub(&b->travelling, 1);
	if (!b->num) /* no release follows, and nothing waits for one */
		pages_end_group(b);
}

/* ---- life ---- */

struct handle_buffers *client_buffers_new(struct remote_handle *h)
{
	struct handle_buffers *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->h = h;
	atomic_init(&b->refs, 1);
	pthread_mutex_init(&b->release_lock, NULL);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->unused, NULL);
	return b;
}

void client_buffers_put(struct handle_buffers *b)
{
	if (!b || atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&b->release_lock);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->unused);
	buffers_tracked_free(b);
	free(b->list);
	free(b->out);
	free(b);
}

void client_buffers_leave(struct handle_buffers *b)
{
	SCOPED_LOCK(&b->lock);

	for (uint32_t i = 0; i < b->num; i++)
		b->list[i]->leaving = true;
}

void client_buffers_free(struct handle_buffers *b)
{
	if (!b)
		return;
	client_disown(b);
	while (b->num) { /* a child's thread may be looking at them */
		struct client_buffer *buf = b->list[b->num - 1];

		buffer_take_out(b, buf);
		buffer_free(buf);
	}
	pages_end_holds(b);
	pages_end_group(b);
	client_buffers_put(b);
}

/* ---- what the program changed ---- */

/*
 * Gathers up to SLICE bytes from *from on, but for what is being pulled, which is to be replaced and not
 * sent. True: *from is where the buffer ends; false: send, and come again.
 */
static bool gather(struct handle_buffers *b, const struct client_buffer *buf, struct news *n, size_t *from)
{
	size_t end = buf->t.len - *from < SLICE ? buf->t.len : *from + SLICE;
	SCOPED_LOCK(&b->lock);

	if (buf->leaving) { /* its RELEASE may have been sent */
		*from = buf->t.len;
		return true;
	}
	while (*from < end) {
		size_t to = end, next = end;

		for (const struct pulled *p = buf->pulls; p; p = p->next)
			if (p->to > *from && p->from < to) {
				to = p->from > *from ? p->from : *from;
				next = p->to < end ? p->to : end;
			}
		if (!news_gather(n, &buf->t, buf->wsid, from, to))
			return false;
		*from = next;
	}
	return *from == buf->t.len;
}

static int send_found(struct handle_buffers *b, struct news *n, const struct iovec *behind)
{
	struct conn *conn = b->h->conn;
	struct iovec iov[2] = { { n->out, n->used } };
	int iovs = 1, rc;

	if (!n->used)
		return 0;
	if (behind)
		iov[iovs++] = *behind;
	rc = conn_send(conn, iov, iovs, clock_deadline(conn->timeout_ns), false);
	n->used = 0;
	return rc;
}

/* With release_lock. */
static int release_locked(struct handle_buffers *b, const struct iovec *behind, bool *sent)
{
	struct news n = { .op = WIRE_PUSH, .handle = b->h->id, .out = b->out,
			  .bulk = news_bulk(b->h->conn->link.peer_max) };
	int rc = 0;

	for (uint32_t i = 0; i < b->num && !rc; i++) {
		size_t from = 0;

		while (!rc && b->list[i]->t.twin && !gather(b, b->list[i], &n, &from))
			if (n.used > NEWS_ROOM / 2)
				rc = send_found(b, &n, NULL);
	}
	if (!rc && b->tracked)
		rc = pages_release(b, true, &n.used);
	if (!rc && n.used && behind)
		*sent = true;
	return rc || MUTANT_lost_flush ? rc : send_found(b, &n, behind);
}

static void release_tracked(struct handle_buffers *b)
{
	struct news n = { .out = b->out };

	if (!pages_release(b, false, &n.used))
		send_found(b, &n, NULL);
}

static fpga_result release_own(struct handle_buffers *b, const struct iovec *behind, bool *sent)
{
	SCOPED_LOCK(&b->release_lock);

	return b->num && release_locked(b, behind, sent) ? conn_check(b->h->conn) : FPGA_OK;
}

/* Counted. */
static struct handle_buffers *owner_of(struct handle_buffers *b)
{
	SCOPED_LOCK(&b->lock);

	if (b->owner)
		atomic_fetch_add(&b->owner->refs, 1);
	return b->owner;
}

fpga_result client_buffers_release(struct handle_buffers *b, const struct iovec *behind, bool *sent)
{
	struct handle_buffers *owner;
	fpga_result r;

	if (!client_buffers_any(b) || MUTANT_no_release)
		return FPGA_OK;
	owner = owner_of(b);
	r = release_own(b, owner ? NULL : behind, sent);
	if (r == FPGA_OK && owner)
		r = release_own(owner, behind, sent);
	client_buffers_put(owner);
	return r;
}

/* One that this round has not had yet; counted. */
static struct handle_buffers *next_of_round(struct conn *n)
{
	SCOPED_LOCK(&n->handles_lock);

	for (struct remote_handle *h = n->handles; h; h = h->next)
		if (h->round != n->round) {
			h->round = n->round;
			atomic_fetch_add(&h->buffers->refs, 1);
			return h->buffers;
		}
	return NULL;
}

void client_buffers_release_all(struct conn *n)
{
	struct handle_buffers *b;

	n->round++;
	while ((b = next_of_round(n))) {
		if (!pthread_mutex_trylock(&b->release_lock)) {
			if (b->num && b->tracked)
				release_tracked(b);
			pthread_mutex_unlock(&b->release_lock);
		}
		client_buffers_put(b);
	}
}

bool client_buffers_any(const struct handle_buffers *b)
{
	return atomic_load_explicit(&b->travelling, memory_order_relaxed);
}

/* ---- what the device changed ---- */

bool client_buffers_data(struct handle_buffers *b, struct wire_reader *body)
{
	uint64_t wsid = wire_get_u64(body), offset = wire_get_u64(body);
	struct client_buffer *buf;
	size_t len = 0;
	const void *data = wire_get_bytes(body, &len);
	SCOPED_LOCK(&b->lock);

	if (body->bad)
		return false;
	buf = buffer_any(b, wsid);
	if (!buf) /* it was released while this was on its way */
		return true;
	if (len > buf->t.len || offset > buf->t.len - len)
		return false;
	if (buf->pages)
		return pages_data(b, buf, offset, data, len);
	if (buf->t.twin && !buf->read_only)
		twin_merge(&buf->t, offset, data, len);
	return true;
}
