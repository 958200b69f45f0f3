/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets as transports. Nothing blocks: each call says MSG_DONTWAIT. */
#include "transport/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/sys.h"
#include "transport/alive.h"

struct stream {
	struct transport t;
	int fd;
	struct alive alive;
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

static int stream_alive(struct transport *t)
{
	struct stream *s = (struct stream *)t;

	return alive_look(&s->alive, s->fd);
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
