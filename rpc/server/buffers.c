/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The list of a handle's buffers, and the client's calls about them. See buffers-internal.h for the locks.
 *
 * Bytes of a PUSH that waits for its reply are received in place: in the twin, from where they go to the
 * device's memory in one step, or, where there is no twin, right there. Those of a posted one are what the
 * program changed, and are applied where they are news, so that the device's own changes beside them stay.
 */
#include "rpc/server/buffers-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/meminfo.h"
#include "base/sys.h"
#include "rpc/server/session.h"

#define BUFFERS_MAX (1u << 16)
#define PREPARE_READ_ONLY 1u
#define PREPARE_EXPLICIT 2u
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
	if (buf->t.twin)
		atomic_fetch_add(&b->watched, 1);
	return 0;
}

/* NULL: there is none. Dispatch thread, or under a lock. */
static struct session_buffer *find(const struct session_buffers *b, uint64_t wsid)
{
	uint32_t place = (uint32_t)wsid;
	struct session_buffer *buf = place && place <= b->num ? b->list[place - 1] : NULL;

	return buf && buf->wsid == wsid ? buf : NULL;
}

static int add(struct session_buffers *b, struct session_buffer *buf)
{
	buffers_ask(b);
	SCOPED_LOCK(&b->lock);
	int rc = 0;

	if (buf->t.twin && !b->out) {
		b->out = malloc(NEWS_ROOM + NEWS_LATE_ROOM);
		rc = b->out ? 0 : -ENOMEM;
	}
	if (!rc)
		rc = list_add(b, buf);
	pthread_mutex_unlock(&b->tell_lock);
	return rc;
}

static void take_out(struct session_buffers *b, struct session_buffer *buf)
{
	buffers_ask(b);
	pthread_mutex_lock(&b->lock);
	b->list[(uint32_t)buf->wsid - 1] = NULL;
	while (b->num && !b->list[b->num - 1])
		b->num--;
	if (buf->t.twin)
		atomic_fetch_sub(&b->watched, 1);
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
	free(b->out);
	free(b);
}

static void give_up(struct rpc_session *s, struct session_buffer *buf)
{
	if (buf->t.twin)
		sys_munmap(buf->t.twin, buf->t.len);
	atomic_fetch_sub(session_pinned(s), buf->counted);
	free(buf);
}

static void disown(struct session_buffers *b)
{
	struct session_buffers *owner;

	pthread_mutex_lock(&b->lock);
	owner = b->owner;
	b->owner = NULL;
	atomic_store(&b->owned, 0);
	pthread_mutex_unlock(&b->lock);
	free(b->given);
	b->given = NULL;
	b->given_room = 0;
	buffers_put(owner);
}

/* Where in b->given the owner's buffer stands; its number: nowhere. */
static uint32_t find_given(const struct session_buffers *b, uint64_t wsid)
{
	uint32_t num = (uint32_t)atomic_load(&b->owned), i = 0;

	while (i < num && b->given[i] != wsid)
		i++;
	return i;
}

static bool is_given(const struct session_buffers *b, const struct session_buffers *owner, uint64_t wsid)
{
	return b->owner == owner && find_given(b, wsid) < atomic_load(&b->owned);
}

static void own_less(struct session_buffers *b, uint64_t wsid)
{
	uint32_t num = (uint32_t)atomic_load(&b->owned);

	b->given[find_given(b, wsid)] = b->given[num - 1];
	if (atomic_fetch_sub(&b->owned, 1) == 1)
		disown(b);
}

/* Another handle that was given the buffer, or any of the owner's (wsid 0). NULL: none. */
static struct session_handle *who_was_given(struct session_buffers *owner, uint64_t wsid)
{
	struct rpc_session *s = owner->s;

	for (uint32_t i = 0; i < s->options.max_handles; i++) {
		struct session_handle *h = s->handles[i];

		if (h && h->buffers->owner == owner && (!wsid || is_given(h->buffers, owner, wsid)))
			return h;
	}
	return NULL;
}

bool buffers_leaving(const struct session_buffers *b)
{
	for (uint32_t i = 0; i < b->s->options.max_handles; i++) {
		const struct session_handle *h = b->s->handles[i];

		if (h && h->closing && h->buffers->owner == b)
			return true;
	}
	return false;
}

void buffers_take_back(struct session_buffers *b)
{
	const opae_api_adapter_table *t = session_served(b->s)->table;
	struct session_handle *h;

	while ((h = who_was_given(b, 0))) {
		uint32_t num = (uint32_t)atomic_load(&h->buffers->owned);

		for (uint32_t i = 0; i < num; i++) {
			const struct session_buffer *buf = find(b, h->buffers->given[i]);

			if (buf && t->unpin_buffer(h->handle, buf->t.memory, buf->t.len,
						   buf->ioaddr) != FPGA_OK)
				handle_quiet(b->s, h);
		}
		disown(h->buffers);
	}
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
	atomic_store(&b->watched, 0);
	pthread_mutex_unlock(&b->lock);
	pthread_mutex_unlock(&b->tell_lock);
	for (uint32_t i = 0; i < num; i++) {
		if (!list[i])
			continue;
		memset(list[i]->t.memory, 0, list[i]->t.len);
		t->fpgaReleaseBuffer(b->h->handle, list[i]->far);
		give_up(b->s, list[i]);
	}
	free(list);
}

void buffers_free(struct session_buffers *b)
{
	disown(b);
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
	return FPGA_OK;
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

fpga_result serve_PREPARE(struct rpc_session *s, struct request *q)
{
	uint64_t len = wire_get_u64(&q->in);
	uint32_t flags = wire_get_u32(&q->in);
	struct session_buffer *buf;
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	if (!len || flags & ~(PREPARE_READ_ONLY | PREPARE_EXPLICIT))
		return request_fail(q, FPGA_INVALID_PARAM, len ? "PREPARE: unknown flags 0x%x" :
								 "PREPARE: a length of 0", flags);
	buf = calloc(1, sizeof(*buf));
	if (!buf)
		return request_fail(q, FPGA_NO_MEMORY, "no memory");
	buf->t.len = len;
	r = prepare(s, q, buf, flags);
	if (r != FPGA_OK) {
		give_up(s, buf);
		return r;
	}
	wire_put_u64(&q->out, buf->wsid);
	wire_put_u64(&q->out, buf->ioaddr);
	return FPGA_OK;
}

static fpga_result no_such(struct request *q, uint64_t wsid)
{
	return request_fail(q, FPGA_NOT_FOUND, "0x%llx is no buffer of this handle, or was released",
			    (unsigned long long)wsid);
}

fpga_result serve_RELEASE(struct rpc_session *s, struct request *q)
{
	struct session_buffers *b = q->handle->buffers;
	uint64_t wsid = wire_get_u64(&q->in);
	struct session_buffer *buf = find(b, wsid);
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	if (!buf) {
		no_such(q, wsid);
		return FPGA_INVALID_PARAM;
	}
	if (who_was_given(b, wsid))
		return request_fail(q, FPGA_BUSY, "the buffer is pinned for handle 0x%llx as well: UNPIN it "
				    "there first", (unsigned long long)who_was_given(b, wsid)->id);
	buffers_tell(b); /* the program's own memory stays, with what the device wrote */
	take_out(b, buf);
	r = session_served(s)->table->fpgaReleaseBuffer(q->handle->handle, buf->far);
	give_up(s, buf);
	return r;
}

/* ---- PUSH, PULL ---- */

static bool inside(const struct session_buffer *buf, uint64_t offset, uint64_t len)
{
	return len <= buf->t.len && offset <= buf->t.len - len;
}

static fpga_result check(struct request *q, const struct session_buffer *buf, uint64_t wsid, uint64_t offset,
			 uint64_t len)
{
	if (!buf)
		return no_such(q, wsid);
	if (!inside(buf, offset, len))
		return request_fail(q, FPGA_INVALID_PARAM,
				    "%llu bytes at %llu are not inside the buffer's %llu",
				    (unsigned long long)len, (unsigned long long)offset,
				    (unsigned long long)buf->t.len);
	return FPGA_OK;
}

void *buffers_place(struct session_buffers *b, bool one_way, uint64_t wsid, uint64_t offset, size_t len)
{
	const struct session_buffer *buf = find(b, wsid);
	SCOPED_LOCK(&b->lock);

	b->placing = NULL;
	if (!buf || !inside(buf, offset, len))
		return NULL;
	if (!buf->t.twin)
		return buf->t.memory + offset;
	if (one_way)
		return NULL;
	b->placing = buf;
	b->placing_from = offset;
	b->placing_to = offset + len;
	return buf->t.twin + offset;
}

static void put(struct session_buffers *b, const struct session_buffer *buf, const struct request *q,
		uint64_t offset, const void *data, size_t len)
{
	unsigned char *to = buf->t.memory + offset;
	SCOPED_LOCK(&b->lock);

	b->placing = NULL;
	if (!buf->t.twin) {
		if (!q->placed)
			memcpy(to, data, len);
	} else if (q->placed) {
		twin_copy(to, buf->t.twin + offset, len);
	} else if (q->head.flags & WIRE_ONE_WAY) {
		twin_apply(&buf->t, offset, data, len);
	} else {
		memcpy(buf->t.twin + offset, data, len);
		twin_copy(to, data, len);
	}
}

fpga_result serve_PUSH(struct rpc_session *s, struct request *q)
{
	struct session_buffers *b = q->handle->buffers;
	uint64_t wsid = wire_get_u64(&q->in), offset = wire_get_u64(&q->in);
	const struct session_buffer *buf = find(b, wsid);
	size_t len = q->placed_len;
	const void *data = q->placed ? q->placed : wire_get_bytes(&q->in, &len);
	fpga_result r;

	(void)s;
	if (q->in.bad)
		return request_bad(q);
	r = check(q, buf, wsid, offset, len);
	if (r == FPGA_OK)
		put(b, buf, q, offset, data, len);
	return r;
}

/* Under tell_lock, so that nothing newer overtakes the reply. */
static fpga_result pull_told(struct rpc_session *s, struct request *q, const struct session_buffer *buf,
			     uint64_t offset)
{
	struct session_buffers *b = q->handle->buffers;

	buffers_ask(b);
	pthread_mutex_lock(&b->lock);
	twin_copy(buf->t.twin + offset, buf->t.memory + offset, q->data_len);
	pthread_mutex_unlock(&b->lock);
	q->data = buf->t.twin + offset;
	q->replied = true;
	request_reply(s, q, FPGA_OK);
	pthread_mutex_unlock(&b->tell_lock);
	return FPGA_OK;
}

fpga_result serve_PULL(struct rpc_session *s, struct request *q)
{
	uint64_t wsid = wire_get_u64(&q->in), offset = wire_get_u64(&q->in);
	uint32_t len = wire_get_u32(&q->in);
	const struct session_buffer *buf = find(q->handle->buffers, wsid);
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	r = check(q, buf, wsid, offset, len);
	if (r != FPGA_OK)
		return r;
	if (len > WIRE_BULK || len > news_bulk(session_link(s)->peer_max))
		return request_fail(q, FPGA_INVALID_PARAM, "PULL of %u bytes: at most %zu in one", len,
				    news_bulk(session_link(s)->peer_max));
	wire_put_bytes_len(&q->out, len);
	q->data = buf->t.memory + offset;
	q->data_len = len;
	return buf->t.twin ? pull_told(s, q, buf, offset) : FPGA_OK;
}

/* ---- PIN, UNPIN ---- */

/* The owner's buffer; its IO address is said once more, and must be right. */
static fpga_result shared(struct rpc_session *s, struct request *q, struct session_buffers **owner,
			  struct session_buffer **ret)
{
	uint64_t handle = wire_get_u64(&q->in), wsid = wire_get_u64(&q->in), ioaddr = wire_get_u64(&q->in);
	const struct session_handle *h;

	if (q->in.bad)
		return request_bad(q);
	h = session_handle(s, handle);
	if (!h || h == q->handle || h->closing)
		return request_fail(q, FPGA_INVALID_PARAM, "0x%llx is no other open handle of the peer's",
				    (unsigned long long)handle);
	*owner = h->buffers;
	*ret = find(h->buffers, wsid);
	if (!*ret)
		return no_such(q, wsid);
	if ((*ret)->ioaddr == ioaddr)
		return FPGA_OK;
	return request_fail(q, FPGA_INVALID_PARAM, "the buffer's IO address is 0x%llx, not 0x%llx",
			    (unsigned long long)(*ret)->ioaddr, (unsigned long long)ioaddr);
}

static int make_given_room(struct session_buffers *b)
{
	uint32_t num = (uint32_t)atomic_load(&b->owned), room = num * 2 + 8;
	uint64_t *grown;

	if (num < b->given_room)
		return 0;
	grown = room > BUFFERS_MAX ? NULL : reallocarray(b->given, room, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	b->given = grown;
	b->given_room = room;
	return 0;
}

/* One more of an owner's: one owner, which is the parent of the device. */
static fpga_result own(struct session_buffers *b, struct session_buffers *owner, uint64_t wsid,
		       struct request *q)
{
	if (b->owner && b->owner != owner)
		return request_fail(q, FPGA_INVALID_PARAM,
				    "the accelerator has buffers of another handle already");
	if (is_given(b, owner, wsid))
		return request_fail(q, FPGA_INVALID_PARAM, "the accelerator has this buffer already");
	if (make_given_room(b))
		return request_fail(q, FPGA_NO_MEMORY, "too many buffers");
	SCOPED_LOCK(&b->lock);
	if (!b->owner)
		atomic_fetch_add(&owner->refs, 1);
	b->owner = owner;
	b->given[atomic_fetch_add(&b->owned, 1)] = wsid;
	return FPGA_OK;
}

fpga_result serve_PIN(struct rpc_session *s, struct request *q)
{
	struct session_buffers *owner;
	struct session_buffer *buf;
	fpga_result r = shared(s, q, &owner, &buf);

	if (r == FPGA_OK)
		r = own(q->handle->buffers, owner, buf->wsid, q);
	if (r != FPGA_OK)
		return r;
	r = session_served(s)->table->pin_buffer(q->handle->handle, buf->t.memory, buf->t.len, buf->ioaddr);
	if (r != FPGA_OK)
		own_less(q->handle->buffers, buf->wsid);
	return r;
}

fpga_result serve_UNPIN(struct rpc_session *s, struct request *q)
{
	struct session_buffers *owner;
	struct session_buffer *buf;
	fpga_result r = shared(s, q, &owner, &buf);

	if (r != FPGA_OK)
		return r;
	if (!is_given(q->handle->buffers, owner, buf->wsid))
		return request_fail(q, FPGA_INVALID_PARAM, "the accelerator was not given this buffer");
	r = session_served(s)->table->unpin_buffer(q->handle->handle, buf->t.memory, buf->t.len, buf->ioaddr);
	if (r == FPGA_OK)
		own_less(q->handle->buffers, buf->wsid);
	return r;
}
