/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One call on the socket. The thread that waits reads its own reply: first it spins, then it
 * sleeps in poll. DMA commands of the server that arrive meanwhile are served on the spot.
 */
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "vfio-user/client-internal.h"

#define SHORT 64u /* bytes of a message that are sent as one piece */
#define SPINS_PER_CLOCK 16 /* receive attempts between two looks at the clock */
#define DOZE_NS (20 * NS_PER_MS)

static void why_vset(struct vu_client *c, const char *fmt, va_list ap)
{
	SCOPED_LOCK(&c->why_lock);

	if (!atomic_load(&c->dead)) /* the reason of death stays */
		vsnprintf(c->why, sizeof(c->why), fmt, ap);
}

void vu_client_why_set(struct vu_client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	why_vset(c, fmt, ap);
	va_end(ap);
}

int vu_client_die(struct vu_client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	why_vset(c, fmt, ap);
	va_end(ap);
	if (!atomic_exchange(&c->dead, true) && c->opt.on_dead)
		c->opt.on_dead(c->opt.dead_ctx);
	return -EIO;
}

/* ---- the server's own commands ---- */

static int answer(int socket, const struct vu_header *to, int error,
		  const struct vu_dma_access *body, const void *data, size_t len, int64_t deadline)
{
	struct vu_header h = { .id = to->id, .command = to->command, .flags = VU_FLAG_REPLY };
	struct iovec iov[3] = { { &h, sizeof(h) } };
	size_t iovs = 1;

	if (to->flags & VU_FLAG_NO_REPLY)
		return 0;
	if (error) {
		h.flags |= VU_FLAG_ERROR;
		h.error = (uint32_t)-error;
	} else {
		iov[iovs].iov_len = sizeof(*body);
		memcpy(&iov[iovs++].iov_base, &body, sizeof(body));
		iov[iovs].iov_len = len;
		memcpy(&iov[iovs++].iov_base, &data, sizeof(data));
	}
	h.size = (uint32_t)(sizeof(h) + (error ? 0 : sizeof(*body) + len));
	return vu_send_all(socket, iov, iovs, NULL, 0, deadline);
}

/* Copies the fixed part out of the body and judges it. */
static int read_access(const struct vu_inbox *in, struct vu_dma_access *a)
{
	size_t data = in->head.command == VU_DMA_WRITE ? in->body_len - sizeof(*a) : 0;

	if (in->body_len < sizeof(*a) || in->num_fds)
		return -EINVAL;
	memcpy(a, in->body, sizeof(*a));
	if (a->count > VU_MAX_XFER)
		return -E2BIG;
	if (in->head.command == VU_DMA_WRITE && data != a->count)
		return -EINVAL;
	return 0;
}

int vu_client_serve(struct vu_client *c, int socket, struct vu_inbox *in, int64_t deadline)
{
	bool write = in->head.command == VU_DMA_WRITE;
	struct vu_dma_access a = { 0 };
	CLEANUP_FREE unsigned char *data = NULL;
	int rc;

	if (!write && in->head.command != VU_DMA_READ)
		return answer(socket, &in->head, -ENOTSUP, &a, NULL, 0, deadline);
	rc = read_access(in, &a);
	if (!rc && !write) {
		data = malloc(a.count ? a.count : 1);
		rc = data ? 0 : -ENOMEM;
	}
	if (!rc)
		rc = c->opt.dma_access ? c->opt.dma_access(c->opt.dma_ctx, a.address,
							   write ? in->body + sizeof(a) : data,
							   a.count, write) :
					 -EFAULT;
	return answer(socket, &in->head, rc, &a, data, write || rc ? 0 : a.count, deadline);
}

/* ---- waiting ---- */

/*
 * How long a server may still take. Of time in which this process was not run, on a machine that is busy or
 * stood still, it had none either: however long a doze was, it counts as no more than what it was to be.
 */
struct patience {
	int64_t left, seen; /* ns; when it was looked at last */
};

static int64_t patience_left(struct patience *p)
{
	int64_t now = clock_now_ns(), step = now - p->seen;

	p->seen = now;
	p->left -= step < DOZE_NS ? step : DOZE_NS;
	return p->left;
}

/* 0 when a message is complete; -ETIMEDOUT, or what vu_inbox_read says. */
static int await_message(struct vu_client *c, struct patience *patience)
{
	int64_t spin_end = clock_deadline(c->opt.spin_ns);
	bool spinning = c->opt.spin_ns > 0;
	struct pollfd p = { .fd = c->socket, .events = POLLIN };

	for (unsigned int i = 1;; i++) {
		int rc = vu_inbox_read(&c->inbox, c->socket);
		int64_t left;

		if (rc)
			return rc > 0 ? 0 : rc;
		if (spinning) {
			if (i % SPINS_PER_CLOCK)
				continue;
			spinning = clock_now_ns() < spin_end;
			sched_yield(); /* the server may be waiting for this very core */
			continue;
		}
		left = patience_left(patience);
		if (left <= 0)
			return -ETIMEDOUT;
		sys_poll(&p, 1, left < DOZE_NS ? (int)(left / NS_PER_MS) + 1 : (int)(DOZE_NS / NS_PER_MS));
	}
}

static int lost(struct vu_client *c, int rc, uint16_t command, int64_t timeout_ns)
{
	const char *name = vu_command_name(command);

	if (rc == -ETIMEDOUT) {
		vu_client_die(c, "the device's server did not answer %s within %lld ms", name,
			      (long long)(timeout_ns / NS_PER_MS));
		return -ETIMEDOUT;
	}
	if (rc == -ENOTCONN || rc == -EPIPE) {
		c->hung_up = true;
		return vu_client_die(c, "the device's server has gone (during %s)", name);
	}
	if (rc == -EPROTO)
		return vu_client_die(c, "the device's server broke the protocol (during %s)", name);
	vu_client_die(c, "the connection to the device failed during %s: %s", name, strerror(-rc));
	return rc;
}

/* ---- a call ---- */

static int send_command(struct vu_client *c, const struct vu_call *call, uint16_t id,
			int64_t deadline)
{
	struct vu_header h = { .id = id, .command = call->command, .size = sizeof(h) };
	unsigned char together[SHORT]; /* the kernel takes one piece sooner than three */
	struct iovec iov[3] = { { &h, sizeof(h) } }, one = { together, 0 };

	for (size_t i = 0; i < call->payloads; i++) {
		iov[1 + i] = call->payload[i];
		h.size += (uint32_t)call->payload[i].iov_len;
	}
	if (h.size > sizeof(together))
		return vu_send_all(c->socket, iov, 1 + call->payloads, call->fds, call->num_fds,
				   deadline);
	for (size_t i = 0; i <= call->payloads; i++) {
		memcpy(together + one.iov_len, iov[i].iov_base, iov[i].iov_len);
		one.iov_len += iov[i].iov_len;
	}
	return vu_send_all(c->socket, &one, 1, call->fds, call->num_fds, deadline);
}

/* Serves commands of the server until the reply is there. */
static int await_reply(struct vu_client *c, const struct vu_call *call, uint16_t id,
		       struct patience patience)
{
	const struct vu_header *h = &c->inbox.head;

	for (;;) {
		int rc = await_message(c, &patience);

		if (!rc && (h->flags & VU_FLAG_TYPE) == VU_FLAG_REPLY)
			return h->id == id && h->command == call->command ? 0 : -EPROTO;
		if (!rc)
			rc = vu_client_serve(c, c->socket, &c->inbox, clock_deadline(patience.left));
		if (!rc && patience_left(&patience) <= 0) /* a flood of its commands is no answer */
			rc = -ETIMEDOUT;
		if (rc)
			return rc;
		vu_inbox_next(&c->inbox);
	}
}

static int take_reply(struct vu_client *c, struct vu_call *call)
{
	struct vu_inbox *in = &c->inbox;
	size_t rest;

	if (in->head.flags & VU_FLAG_ERROR) {
		uint32_t e = in->head.error;

		vu_client_why_set(c, "the device's server refused %s: %s",
				  vu_command_name(call->command),
				  strerror(e && e < 4096 ? (int)e : EINVAL));
		return e && e < 4096 ? -(int)e : -EINVAL;
	}
	if (in->body_len < call->reply_len || in->num_fds > (call->reply_fd ? 1u : 0u))
		return -EPROTO;
	rest = in->body_len - call->reply_len;
	if (rest > call->data_room)
		return -EPROTO;
	if (call->reply_len)
		memcpy(call->reply, in->body, call->reply_len);
	if (rest)
		memcpy(call->data, in->body + call->reply_len, rest);
	call->data_len = rest;
	if (call->reply_fd)
		*call->reply_fd = vu_inbox_take_fd(in, 0);
	return 0;
}

/* A reply that brings a descriptor is read by itself; of all others the length is known. */
static void set_look(struct vu_client *c, const struct vu_call *call)
{
	size_t want = sizeof(struct vu_header) + call->reply_len + call->data_room;

	c->inbox.no_fds = !call->reply_fd;
	c->inbox.look = call->reply_fd ? 0 : want < VU_LOOK ? want : VU_LOOK;
}

/* A command of the server that came with the reply would wake nobody. */
static int serve_what_came_along(struct vu_client *c)
{
	int rc = 0;

	while (!rc && vu_inbox_has_more(&c->inbox))
		rc = vu_client_drain(c);
	return rc;
}

int vu_client_call(struct vu_client *c, struct vu_call *call)
{
	int64_t timeout = call->timeout_ns ? call->timeout_ns : c->opt.call_timeout_ns;
	struct patience patience = { timeout, clock_now_ns() };
	bool refused = false;
	uint16_t id;
	int rc;
	SCOPED_LOCK(&c->call_lock);

	if (atomic_load(&c->dead))
		return -EIO;
	if (c->forks != vu_client_forks()) {
		vu_client_why_set(c, "the device was opened by process %d, of which this one was "
				     "forked; open it here as well",
				  (int)c->pid);
		return -EIO;
	}
	id = c->next_id++;
	set_look(c, call);
	rc = send_command(c, call, id, patience.seen + timeout);
	/* A server that refuses a client answers before it hears it, and hangs up. */
	if (!rc || (rc == -EPIPE && call->command == VU_VERSION))
		rc = await_reply(c, call, id, patience);
	if (!rc) {
		rc = take_reply(c, call);
		refused = rc && rc != -EPROTO;
		vu_inbox_next(&c->inbox);
		c->inbox.look = 0;
		c->inbox.no_fds = false;
	}
	if (!rc || refused) {
		int more = serve_what_came_along(c);

		refused = refused && !more;
		rc = more ? more : rc;
	}
	return rc && !refused ? lost(c, rc, call->command, timeout) : rc;
}

int vu_client_drain(struct vu_client *c)
{
	int rc = vu_inbox_read(&c->inbox, c->socket);

	if (rc <= 0)
		return rc;
	if ((c->inbox.head.flags & VU_FLAG_TYPE) == VU_FLAG_REPLY)
		return -EPROTO;
	rc = vu_client_serve(c, c->socket, &c->inbox, clock_deadline(c->opt.call_timeout_ns));
	vu_inbox_next(&c->inbox);
	return rc;
}
