/* SPDX-License-Identifier: BSD-3-Clause */
/* PIN and UNPIN: buffers of one handle that the device of another, its child, may reach as well. */
#include "rpc/server/buffers-internal.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "rpc/server/session.h"

void pins_drop(struct session_buffers *b)
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
		pins_drop(b);
}

struct session_handle *pins_of(struct session_buffers *owner, uint64_t wsid)
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

	while ((h = pins_of(b, 0))) {
		uint32_t num = (uint32_t)atomic_load(&h->buffers->owned);

		for (uint32_t i = 0; i < num; i++) {
			const struct session_buffer *buf = buffers_find(b, h->buffers->given[i]);

			if (buf && t->unpin_buffer(h->handle, buf->t.memory, buf->t.len,
						   buf->ioaddr) != FPGA_OK)
				handle_quiet(b->s, h);
		}
		pins_drop(h->buffers);
	}
}

struct session_buffers *pins_owner(struct session_buffers *b)
{
	if (!atomic_load_explicit(&b->owned, memory_order_relaxed))
		return NULL;
	SCOPED_LOCK(&b->lock);
	if (b->owner)
		atomic_fetch_add(&b->owner->refs, 1);
	return b->owner;
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
	if (!h)
		request_names(q, "handle", handle);
	if (!h || h == q->handle || h->closing)
		return request_fail(q, FPGA_INVALID_PARAM, "0x%llx is no other open handle of the peer's",
				    (unsigned long long)handle);
	*owner = h->buffers;
	*ret = buffers_find(h->buffers, wsid);
	if (!*ret)
		return buffers_none(q, wsid);
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
