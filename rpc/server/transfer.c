/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PUSH and PULL: content that one end says the other is to have.
 *
 * Bytes of a PUSH that waits for its reply are received in place: in the twin, from where they go to the
 * device's memory in one step, or, where there is no twin, right there. Those of a posted one are what the
 * program changed, and are applied where they are news, so that the device's own changes beside them stay.
 */
#include "rpc/server/buffers-internal.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/mutant.h"
#include "rpc/server/session.h"

static bool inside(const struct session_buffer *buf, uint64_t offset, uint64_t len)
{
	return len <= buf->t.len && offset <= buf->t.len - len;
}

fpga_result buffers_check(struct request *q, const struct session_buffer *buf, uint64_t wsid, uint64_t offset,
			 uint64_t len)
{
	if (!buf)
		return buffers_none(q, wsid);
	if (!inside(buf, offset, len))
		return request_fail(q, FPGA_INVALID_PARAM,
				    "%llu bytes at %llu are not inside the buffer's %llu",
				    (unsigned long long)len, (unsigned long long)offset,
				    (unsigned long long)buf->t.len);
	return FPGA_OK;
}

void *buffers_place(struct session_buffers *b, bool one_way, uint64_t wsid, uint64_t offset, size_t len)
{
	const struct session_buffer *buf = buffers_find(b, wsid);
	SCOPED_LOCK(&b->lock);

	b->placing = NULL;
	if (!buf || !inside(buf, offset, len))
		return NULL;
	if (!one_way) /* what was put aside is older */
		asides_settle(&b->asides);
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
		size_t offset, const unsigned char *data, size_t len)
{
	unsigned char *to = buf->t.memory + offset;
	SCOPED_LOCK(&b->lock);

	b->placing = NULL;
	if (!(q->head.flags & WIRE_ONE_WAY))
		asides_settle(&b->asides);
	if (!buf->t.twin) {
		if (!q->placed)
			memcpy(to, data, len);
	} else if (q->head.flags & WIRE_ONE_WAY && !MUTANT_whole_page) {
		buffers_write_back(b, buf, offset, data, len);
	} else {
		if (!q->placed)
			memcpy(buf->t.twin + offset, data, len);
		twin_copy(to, buf->t.twin + offset, len);
		claims_drop(&b->claims, buf->wsid, offset, offset + len);
	}
}

/* Under tell_lock, so that nothing newer overtakes the reply, with which the client takes the bytes too. */
static void put_told(struct rpc_session *s, struct request *q, const struct session_buffer *buf,
		     uint64_t offset, const void *data, size_t len)
{
	struct session_buffers *b = q->handle->buffers;

	buffers_ask(b);
	put(b, buf, q, offset, data, len);
	q->replied = true;
	request_reply(s, q, FPGA_OK);
	pthread_mutex_unlock(&b->tell_lock);
}

fpga_result serve_PUSH(struct rpc_session *s, struct request *q)
{
	struct session_buffers *b = q->handle->buffers;
	uint64_t wsid = wire_get_u64(&q->in), offset = wire_get_u64(&q->in);
	const struct session_buffer *buf = buffers_find(b, wsid);
	size_t len = q->placed_len;
	const void *data = q->placed ? q->placed : wire_get_bytes(&q->in, &len);
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	r = buffers_check(q, buf, wsid, offset, len);
	if (r != FPGA_OK)
		return r;
	counts_add_shared(session_counts(s), RPC_PUSH_BYTES, len);
	if (buf->tracked && buf->t.twin && !(q->head.flags & WIRE_ONE_WAY))
		put_told(s, q, buf, offset, data, len);
	else
		put(b, buf, q, offset, data, len);
	return FPGA_OK;
}

/* Under tell_lock, so that nothing newer overtakes the reply. */
static fpga_result pull_told(struct rpc_session *s, struct request *q, const struct session_buffer *buf,
			     uint64_t offset)
{
	struct session_buffers *b = q->handle->buffers;

	buffers_ask(b);
	pthread_mutex_lock(&b->lock);
	asides_settle(&b->asides);
	twin_copy(buf->t.twin + offset, buf->t.memory + offset, q->data_len);
	claims_drop(&b->claims, buf->wsid, offset, offset + q->data_len);
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
	const struct session_buffer *buf = buffers_find(q->handle->buffers, wsid);
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	r = buffers_check(q, buf, wsid, offset, len);
	if (r != FPGA_OK)
		return r;
	if (len > WIRE_BULK || len > news_bulk(session_link(s)->peer_max))
		return request_fail(q, FPGA_INVALID_PARAM, "PULL of %u bytes: at most %zu in one", len,
				    news_bulk(session_link(s)->peer_max));
	counts_add_shared(session_counts(s), RPC_PULL_BYTES, len);
	wire_put_bytes_len(&q->out, len);
	q->data = buf->t.memory + offset;
	q->data_len = len;
	return buf->t.twin ? pull_told(s, q, buf, offset) : FPGA_OK;
}
