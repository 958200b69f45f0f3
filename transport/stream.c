/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sockets as transports. Nothing blocks: each call says MSG_DONTWAIT.
 *
 * A TCP peer that vanishes while data is under way to it is found by `alive`: the kernel itself would go on
 * for a quarter of an hour, and its remedy (TCP_USER_TIMEOUT) also ends connections to a program that is
 * stopped, whose kernel answers.
 */
#include "transport/stream.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/sys.h"

#define SILENT_NS (6 * NS_PER_S)   /* no answer for so long: gone */
/*
 * The kernel asks an idle peer all the time (see listen.c): silence from before there was data counts up to
 * this. Else data that is sent shortly before keepalive gives up would make the wait begin anew.
 */
#define ASKED_NS (5 * NS_PER_S)
#define LOOKS_APART (4 * NS_PER_S) /* of looks that are further apart the earlier says nothing */

struct stream {
	struct transport t;
	int fd;
	/* Of `alive`, whose looks may come from the sending and the receiving thread. */
	_Atomic int64_t looked; /* when the last was */
	_Atomic int64_t since;	/* since when something is known to wait for an answer; 0: nothing does */
};

static ssize_t verdict(ssize_t n)
{
	if (n == -EINTR || n == -EWOULDBLOCK)
		return -EAGAIN;
	if (n == -ETIMEDOUT) /* keepalive's; here that word is a deadline's */
		return -EHOSTDOWN;
	return n == -ECONNRESET || n == -ENOTCONN || n == -ESHUTDOWN ? -EPIPE : n;
}

static ssize_t stream_send(struct transport *t, const struct iovec *iov, int iovs)
{
	struct stream *s = (struct stream *)t;
	struct msghdr msg = { .msg_iovlen = (size_t)iovs };

	memcpy(&msg.msg_iov, &iov, sizeof(iov)); /* sendmsg does not write there */
	return verdict(sys_sendmsg(s->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static ssize_t stream_recv(struct transport *t, const struct iovec *iov, int iovs)
{
	struct stream *s = (struct stream *)t;
	struct msghdr msg = { .msg_iovlen = (size_t)iovs };
	ssize_t n;

	memcpy(&msg.msg_iov, &iov, sizeof(iov));
	n = verdict(sys_recvmsg(s->fd, &msg, MSG_DONTWAIT));
	return n ? n : -EPIPE;
}

static int stream_fd(const struct transport *t)
{
	return ((const struct stream *)t)->fd;
}

/*
 * Has what was sent last no answer yet? Data is answered by an ACK behind it; where the peer's window is
 * shut, probes are sent, which the kernel counts until one is answered.
 */
static bool unanswered(const struct tcp_info *info)
{
	return info->tcpi_unacked ? info->tcpi_last_ack_recv > info->tcpi_last_data_sent :
				    info->tcpi_probes != 0;
}

static int stream_alive(struct transport *t)
{
	struct stream *s = (struct stream *)t;
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int64_t now = clock_now_ns(), heard, since;
	int waits = 0;

	if (sys_ioctl(s->fd, SIOCOUTQ, &waits) || !waits ||
	    sys_getsockopt(s->fd, IPPROTO_TCP, TCP_INFO, &info, &len) || !unanswered(&info)) {
		atomic_store(&s->since, 0);
		atomic_store(&s->looked, now);
		return waits > 0;
	}
	since = atomic_load(&s->since);
	heard = now - (int64_t)info.tcpi_last_ack_recv * NS_PER_MS;
	if (!since || now - atomic_load(&s->looked) > LOOKS_APART)
		since = now - ASKED_NS;
	if (heard > since)
		since = heard;
	atomic_store(&s->since, since);
	atomic_store(&s->looked, now);
	return now - since < SILENT_NS ? 1 : -EHOSTDOWN;
}

static void stream_shutdown(struct transport *t)
{
	sys_shutdown(((struct stream *)t)->fd, SHUT_RDWR);
}

static void stream_free(struct transport *t)
{
	struct stream *s = (struct stream *)t;

	sys_close(s->fd);
	free(s);
}

#define STREAM_OPS .send = stream_send, .recv = stream_recv, .fd = stream_fd, .shutdown = stream_shutdown, \
	.free = stream_free
/* A unix socket's and a vsock's kernel knows at once when the other end has gone. */
static const struct transport_ops stream_ops = { STREAM_OPS };
static const struct transport_ops tcp_ops = { STREAM_OPS, .alive = stream_alive };

int stream_new(int fd, const char *name, struct transport **ret)
{
	struct stream *s = calloc(1, sizeof(*s));
	int protocol = 0;
	socklen_t len = sizeof(protocol);

	if (!s) {
		sys_close(fd);
		return -ENOMEM;
	}
	sys_getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len);
	s->t.ops = protocol == IPPROTO_TCP ? &tcp_ops : &stream_ops;
	s->fd = fd;
	snprintf(s->t.name, sizeof(s->t.name), "%s", name);
	*ret = &s->t;
	return 0;
}
