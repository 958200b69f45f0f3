/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Posted writes. They are gathered as frames, ready to be sent: one for each run of writes of a handle, of up
 * to 2 KiB. What finds the line idle is sent at once, by the caller; what follows soon is set aside, and
 * leaves with the next frame of another kind, when there is enough of it, or by the I/O thread.
 *
 * Everything here is under out_lock, but for the flags that the I/O thread looks at without it. The lock is
 * not handed on in order, for that would cost writers a switch of threads each: who writes in a loop may
 * take it again before one that was woken for it. But it lets go of it at each write, so a thread that waits
 * has it after a few tries; and a send that it waits for has a deadline, which ends the connection for all.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/client/conn.h"
#include "wire/bytes.h"
#include "wire/ops.h"

#define WRITE_BYTES 24u	      /* of one in a WRITE frame */
#define WRITE512_BYTES (16u + 64u)
#define IDLE_NS (20 * NS_PER_US) /* nothing was sent for so long: the line is idle */

/* The growing frame grows no more: its header can be written. */
static void end_run(struct conn *n)
{
	struct wire_head head = { .op = WIRE_WRITE, .flags = WIRE_ONE_WAY, .object = n->run_handle };

	if (n->run == POSTED_ROOM)
		return;
	head.size = (uint32_t)(n->posted_len - n->run);
	wire_head_write(n->posted + n->run, &head);
	n->run = POSTED_ROOM;
}

int post_send(struct conn *n, const struct iovec *iov, int iovs, int64_t deadline)
{
	struct iovec all[1 + POST_PIECES] = { { n->posted, n->posted_len } };
	int rc, first = n->posted_len ? 0 : 1;

	end_run(n);
	if (iovs)
		memcpy(all + 1, iov, (size_t)iovs * sizeof(*iov));
	rc = rpc_link_send_iov(&n->link, all + first, iovs + 1 - first, deadline);
	n->posted_len = 0;
	atomic_store_explicit(&n->posted_since, 0, memory_order_relaxed);
	n->sent = clock_now_ns();
	return rc;
}

/* Something was appended. Is it to be sent now? */
static bool is_due(struct conn *n, bool first)
{
	int64_t now;

	if (!first)
		return n->posted_len >= POSTED_FULL;
	now = clock_now_ns();
	if (now - n->sent >= IDLE_NS)
		return true;
	atomic_store_explicit(&n->posted_since, now, memory_order_relaxed);
	atomic_fetch_add_explicit(&n->posted_count, 1, memory_order_relaxed);
	if (n->io_asleep) {
		n->io_asleep = false;
		io_kick(n);
	}
	return false;
}

static int appended(struct conn *n, bool first)
{
	int rc = is_due(n, first) ? post_send(n, NULL, 0, clock_deadline(n->timeout_ns)) : 0;

	pthread_mutex_unlock(&n->out_lock);
	if (rc)
		conn_break(n, rc);
	return rc;
}

size_t post_frame(unsigned char *at, const struct post_write *w)
{
	struct wire_head head = { .op = w->bytes ? WIRE_WRITE512 : WIRE_WRITE, .flags = WIRE_ONE_WAY,
				  .object = w->handle };

	head.size = (uint32_t)(WIRE_HEAD + (w->bytes ? WRITE512_BYTES : WRITE_BYTES));
	wire_head_write(at, &head);
	bytes_put32(at + WIRE_HEAD, w->region);
	if (w->bytes) {
		bytes_put64(at + WIRE_HEAD + 4, w->offset);
		bytes_put32(at + WIRE_HEAD + 12, w->width);
		memcpy(at + WIRE_HEAD + 16, w->bytes, w->width);
	} else {
		bytes_put32(at + WIRE_HEAD + 4, w->width);
		bytes_put64(at + WIRE_HEAD + 8, w->offset);
		bytes_put64(at + WIRE_HEAD + 16, w->value);
	}
	return head.size;
}

int conn_write(struct conn *n, uint64_t handle, uint32_t region, uint32_t width, uint64_t offset,
	       uint64_t value)
{
	unsigned char *at;
	bool first;

	pthread_mutex_lock(&n->out_lock);
	first = !n->posted_len;
	if (n->run == POSTED_ROOM || n->run_handle != handle || n->posted_len - n->run >= WIRE_WRITES_MAX) {
		end_run(n);
		n->run = n->posted_len;
		n->run_handle = handle;
		n->posted_len += WIRE_HEAD;
	}
	at = n->posted + n->posted_len;
	bytes_put32(at, region);
	bytes_put32(at + 4, width);
	bytes_put64(at + 8, offset);
	bytes_put64(at + 16, value);
	n->posted_len += WRITE_BYTES;
	return appended(n, first);
}

int conn_write512(struct conn *n, uint64_t handle, uint32_t region, uint64_t offset, const void *value)
{
	struct wire_head head = { .op = WIRE_WRITE512,
				  .flags = WIRE_ONE_WAY,
				  .object = handle,
				  .size = WIRE_HEAD + WRITE512_BYTES };
	unsigned char *at;
	bool first;

	pthread_mutex_lock(&n->out_lock);
	first = !n->posted_len;
	end_run(n);
	at = n->posted + n->posted_len;
	wire_head_write(at, &head);
	bytes_put32(at + WIRE_HEAD, region);
	bytes_put64(at + WIRE_HEAD + 4, offset);
	bytes_put32(at + WIRE_HEAD + 12, 64);
	memcpy(at + WIRE_HEAD + 16, value, 64);
	n->posted_len += head.size;
	return appended(n, first);
}

int64_t post_flush(struct conn *n, int64_t until)
{
	int64_t since;
	int rc;

	pthread_mutex_lock(&n->out_lock);
	since = atomic_load_explicit(&n->posted_since, memory_order_relaxed);
	if (!since || since > until) {
		pthread_mutex_unlock(&n->out_lock);
		return since;
	}
	rc = post_send(n, NULL, 0, clock_deadline(n->timeout_ns));
	pthread_mutex_unlock(&n->out_lock);
	if (rc)
		conn_break(n, rc);
	return 0;
}
