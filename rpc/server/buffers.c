/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The list of a handle's buffers, and their life: PREPARE and RELEASE. See buffers-internal.h for the locks.
 */
#include "rpc/server/buffers-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/meminfo.h"
#include "base/mutant.h"
#include "base/sys.h"
#include "rpc/server/session.h"

#define PREPARE_READ_ONLY 1u
#define PREPARE_EXPLICIT 2u
#define PREPARE_TRACKED 4u
#define PAGE UINT64_C(4096)

/* ---- the list; both locks held ---- */

static int make_room(struct session_buffers *b)
{
	uint32_t room = b->room * 2 + 8;
	struct session_buffer **grown;

	if (b->num < b->room)
		return 0;
	grown = room > BUFFERS_MAX ? NULL : reallocarray(b->list, room, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	b->list = grown;
	b->room = room;
	return 0;
}

static int list_add(struct session_buffers *b, struct session_buffer *buf)
{
	uint32_t i = 0;

	while (i < b->num && b->list[i])
		i++;
	if (i == b->num) {
		int rc = make_room(b);

		if (rc)
			return rc;
		b->num++;
	}
	buf->wsid = (uint64_t)++b->generation << 32 | (i + 1);
	b->list[i] = buf;
	if (buf->t.twin && !buf->tracked) {
		atomic_fetch_add(&b->watched, 1);
		counts_move(session_counts(b->s), RPC_WATCHED_BYTES, (int64_t)buf->t.len);
	}
	return 0;
}

struct session_buffer *buffers_find(const struct session_buffers *b, uint64_t wsid)
{
	uint32_t place = (uint32_t)wsid;
	struct session_buffer *buf = place && place <= b->num ? b->list[place - 1] : NULL;

	return buf && buf->wsid == wsid ? buf : NULL;
}

/* Room for what will be told of such a buffer. */
static int make_out(struct session_buffers *b, const struct session_buffer *buf)
{
	if (buf->tracked && !b->asides.list && asides_init(&b->asides))
		return -ENOMEM;
	if (!buf->t.twin)
		return 0;
	if (!buf->tracked) {
		if (!b->out)
			b->out = malloc(NEWS_ROOM + NEWS_LATE_ROOM);
		return b->out ? 0 : -ENOMEM;
	}
	if (!b->claims.ring && claims_init(&b->claims))
		return -ENOMEM;
	if (!b->cut_out)
		b->cut_out = malloc(CUT_ROOM);
	return b->cut_out ? 0 : -ENOMEM;
}

static int add(struct session_buffers *b, struct session_buffer *buf)
{
	buffers_ask(b);
	SCOPED_LOCK(&b->lock);
	int rc = make_out(b, buf);

	if (!rc)
		rc = list_add(b, buf);
	pthread_mutex_unlock(&b->tell_lock);
	return rc;
}

/* It is looked at no more. */
static void stop_counting(struct rpc_session *s, const struct session_buffer *buf)
{
	size_t watched = buf->tracked ? buf->held.num * HELD_PAGE : buf->t.twin ? buf->t.len : 0;

	counts_move(session_counts(s), RPC_WATCHED_BYTES, -(int64_t)watched);
}

static void take_out(struct session_buffers *b, struct session_buffer *buf)
{
	buffers_ask(b);
	pthread_mutex_lock(&b->lock);
	b->list[(uint32_t)buf->wsid - 1] = NULL;
	while (b->num && !b->list[b->num - 1])
		b->num--;
	if (buf->t.twin && !buf->tracked)
		atomic_fetch_sub(&b->watched, 1);
	buffers_unhold(b, buf, 0, buf->held.pages);
	stop_counting(b->s, buf);
	claims_drop(&b->claims, buf->wsid, 0, SIZE_MAX);
	asides_drop(&b->asides, &buf->t);
	fetches_drop(b, buf);
	b->placing = NULL; /* nothing comes in while the dispatch thread is here */
	pthread_mutex_unlock(&b->lock);
	pthread_mutex_unlock(&b->tell_lock);
}

/* ---- life ---- */

struct session_buffers *buffers_new(struct rpc_session *s, struct session_handle *h)
{
	struct session_buffers *b = calloc(1, sizeof(*b));

	if (!b)
		return NULL;
	b->s = s;
	b->h = h;
	b->generation = session_options(s)->first_id;
	atomic_init(&b->refs, 1);
	pthread_mutex_init(&b->tell_lock, NULL);
	pthread_mutex_init(&b->lock, NULL);
	watch_init(b);
	return b;
}

void buffers_put(struct session_buffers *b)
{
	if (!b || atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	pthread_mutex_destroy(&b->tell_lock);
	pthread_mutex_destroy(&b->lock);
	pthread_cond_destroy(&b->watch_cond);
	pthread_mutex_destroy(&b->watch_lock);
	claims_done(&b->claims);
	asides_done(&b->asides);
	free(b->cut_out);
	free(b->out);
	free(b);
}

static void give_up(struct rpc_session *s, struct session_buffer *buf)
{
	buffer_unexpose(s, buf);
	if (buf->t.twin)
		exposed_unmap(s, buf->t.twin, buf->t.len);
	atomic_fetch_sub(session_pinned(s), buf->counted);
	atomic_fetch_sub(session_watched(s), buf->watched);
	counts_move(session_counts(s), RPC_PINNED_BYTES, -(int64_t)buf->counted);
	held_done(&buf->held);
	free(buf);
}

void buffers_empty(struct session_buffers *b)
{
	const opae_api_adapter_table *t = session_served(b->s)->table;
	struct session_buffer **list;
	uint32_t num;

	watch_done(b);
	buffers_ask(b); /* a child's thread may be looking */
	pthread_mutex_lock(&b->lock);
	list = b->list;
	num = b->num;
	b->list = NULL;
	b->num = 0;
	b->asides.num = 0;
	b->fetches.num = 0;
	atomic_store(&b->watched, 0);
	pthread_mutex_unlock(&b->lock);
	pthread_mutex_unlock(&b->tell_lock);
	for (uint32_t i = 0; i < num; i++) {
		if (!list[i])
			continue;
		buffer_unexpose(b->s, list[i]);
		memset(list[i]->t.memory, 0, list[i]->t.len);
		t->fpgaReleaseBuffer(b->h->handle, list[i]->far);
		stop_counting(b->s, list[i]);
		give_up(b->s, list[i]);
	}
	landing_free(b);
	free(list);
}

void buffers_free(struct session_buffers *b)
{
	pins_drop(b);
	buffers_put(b);
}

bool buffers_any(const struct session_buffers *b)
{
	return b->num || atomic_load(&b->owned);
}

uint64_t buffers_pinned(const struct rpc_session *s)
{
	uintptr_t at = (uintptr_t)s; /* only read */

	return atomic_load(session_pinned((struct rpc_session *)at));
}

/* ---- PREPARE, RELEASE ---- */

static bool has_twin(uint32_t flags)
{
	return !(flags & (PREPARE_READ_ONLY | PREPARE_EXPLICIT));
}

/* Whoever has a twin is looked at again and again: how much of that there may be is bounded by itself. */
static fpga_result account_watched(struct rpc_session *s, struct request *q, struct session_buffer *buf,
				   uint64_t bytes)
{
	uint64_t max = session_options(s)->max_watched, used = atomic_load(session_watched(s));

	if (bytes > (used < max ? max - used : 0))
		return request_fail(q, FPGA_NO_MEMORY,
				    "%llu bytes of buffers that are kept equal at both ends are more than "
				    "this server looks at for a session: %llu of %llu are in use; explicit "
				    "ones are not looked at", (unsigned long long)buf->t.len,
				    (unsigned long long)used, (unsigned long long)max);
	buf->watched = bytes;
	atomic_fetch_add(session_watched(s), bytes);
	return FPGA_OK;
}

fpga_result buffers_account(struct rpc_session *s, struct request *q, uint64_t bytes)
{
	uint64_t max = session_options(s)->max_pinned, used = buffers_pinned(s);

	if (bytes > (used < max ? max - used : 0))
		return request_fail(q, FPGA_NO_MEMORY,
				    "%llu bytes are more than this server gives to a session: %llu of %llu "
				    "are in use", (unsigned long long)bytes, (unsigned long long)used,
				    (unsigned long long)max);
	atomic_fetch_add(session_pinned(s), bytes);
	counts_move(session_counts(s), RPC_PINNED_BYTES, (int64_t)bytes);
	return FPGA_OK;
}

void buffers_unaccount(struct rpc_session *s, uint64_t bytes)
{
	atomic_fetch_sub(session_pinned(s), bytes);
	counts_move(session_counts(s), RPC_PINNED_BYTES, -(int64_t)bytes);
}

/* Memory is had in pages, and the twin is as long as the buffer. */
static fpga_result account(struct rpc_session *s, struct request *q, struct session_buffer *buf, bool twin)
{
	uint64_t max = session_options(s)->max_pinned, used = buffers_pinned(s), len = buf->t.len;
	uint64_t left = used < max ? max - used : 0, pages = len / PAGE + !!(len % PAGE);

	if (pages > left / PAGE / (twin ? 2 : 1))
		return request_fail(q, FPGA_NO_MEMORY,
				    "%llu bytes of buffers%s are more than this server gives to a session: "
				    "%llu of %llu are in use", (unsigned long long)len,
				    twin ? ", and as many for what the client is known to have," : "",
				    (unsigned long long)used, (unsigned long long)max);
	buf->counted = pages * PAGE * (twin ? 2 : 1);
	atomic_fetch_add(session_pinned(s), buf->counted);
	counts_move(session_counts(s), RPC_PINNED_BYTES, (int64_t)buf->counted);
	return twin ? account_watched(s, q, buf, pages * PAGE) : FPGA_OK;
}

/* Pages come with the first touch, which must not fail: so whether there are enough is asked before. */
static fpga_result make_twin(struct request *q, struct session_buffer *buf)
{
	void *twin = NULL;

	if (!meminfo_has(buf->counted) || sys_mmap(NULL, buf->t.len, PROT_READ | PROT_WRITE,
						   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &twin))
		return request_fail(q, FPGA_NO_MEMORY, "no memory for a buffer of %llu bytes and for what "
				    "the client is known to have of it", (unsigned long long)buf->t.len);
	buf->t.twin = twin;
	if (buf->tracked && held_init(&buf->held, buf->t.len))
		return request_fail(q, FPGA_NO_MEMORY, "no memory for a buffer");
	return FPGA_OK;
}

static fpga_result pin(const opae_api_adapter_table *t, fpga_handle h, struct session_buffer *buf,
		       bool read_only)
{
	void *at = NULL;
	fpga_result r = t->fpgaPrepareBuffer(h, buf->t.len, &at, &buf->far,
					     FPGA_BUF_QUIET | (read_only ? FPGA_BUF_READ_ONLY : 0));

	if (r != FPGA_OK)
		return r;
	buf->t.memory = at;
	r = t->fpgaGetIOAddress(h, buf->far, &buf->ioaddr);
	if (r != FPGA_OK)
		t->fpgaReleaseBuffer(h, buf->far);
	return r;
}

static fpga_result prepare(struct rpc_session *s, struct request *q, struct session_buffer *buf,
			   uint32_t flags)
{
	const opae_api_adapter_table *t = session_served(s)->table;
	fpga_result r = account(s, q, buf, has_twin(flags));

	if (r == FPGA_OK && has_twin(flags))
		r = make_twin(q, buf);
	if (r == FPGA_OK)
		r = pin(t, q->handle->handle, buf, flags & PREPARE_READ_ONLY);
	if (r != FPGA_OK)
		return r;
	if (!add(q->handle->buffers, buf))
		return FPGA_OK;
	t->fpgaReleaseBuffer(q->handle->handle, buf->far);
	return request_fail(q, FPGA_NO_MEMORY, "too many buffers");
}

static fpga_result check_prepare(const struct rpc_session *s, struct request *q, uint64_t len, uint32_t flags)
{
	uint32_t tracked = s->features & WIRE_FEATURE_TRACKED ? PREPARE_TRACKED : 0;

	if (!len)
		return request_fail(q, FPGA_INVALID_PARAM, "PREPARE: a length of 0");
	if (flags & ~(PREPARE_READ_ONLY | PREPARE_EXPLICIT | tracked))
		return request_fail(q, FPGA_INVALID_PARAM, "PREPARE: unknown flags 0x%x", flags);
	if (flags & PREPARE_TRACKED && flags & PREPARE_EXPLICIT)
		return request_fail(q, FPGA_INVALID_PARAM, "PREPARE: explicit and tracked go not together");
	return FPGA_OK;
}

fpga_result serve_PREPARE(struct rpc_session *s, struct request *q)
{
	uint64_t len = wire_get_u64(&q->in);
	uint32_t flags = wire_get_u32(&q->in);
	struct session_buffer *buf;
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	r = check_prepare(s, q, len, flags);
	if (r != FPGA_OK)
		return r;
	buf = calloc(1, sizeof(*buf));
	if (!buf)
		return request_fail(q, FPGA_NO_MEMORY, "no memory");
	buf->t.len = len;
	buf->tracked = flags & PREPARE_TRACKED;
	r = prepare(s, q, buf, flags);
	if (r != FPGA_OK) {
		give_up(s, buf);
		return r;
	}
	wire_put_u64(&q->out, buf->wsid);
	wire_put_u64(&q->out, buf->ioaddr);
	return FPGA_OK;
}

fpga_result buffers_none(struct request *q, uint64_t wsid)
{
	request_names(q, "buffer", wsid);
	return request_fail(q, FPGA_NOT_FOUND, "0x%llx is no buffer of this handle, or was released",
			    (unsigned long long)wsid);
}

fpga_result serve_RELEASE(struct rpc_session *s, struct request *q)
{
	struct session_buffers *b = q->handle->buffers;
	uint64_t wsid = wire_get_u64(&q->in);
	struct session_buffer *buf = buffers_find(b, wsid);
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	if (!buf) {
		buffers_none(q, wsid);
		return FPGA_INVALID_PARAM;
	}
	if (pins_of(b, wsid))
		return request_fail(q, FPGA_BUSY, "the buffer is pinned for handle 0x%llx as well: UNPIN it "
				    "there first", (unsigned long long)pins_of(b, wsid)->id);
	buffers_tell(b); /* the program's own memory stays, with what the device wrote */
	take_out(b, buf);
	buffer_unexpose(s, buf);
	r = session_served(s)->table->fpgaReleaseBuffer(q->handle->handle, buf->far);
	give_up(s, buf);
	return r;
}
