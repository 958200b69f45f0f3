/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/sys.h"

struct stream {
	struct transport t;
	int fd;
};

static ssize_t verdict(ssize_t n)
{
	if (n == -EINTR || n == -EWOULDBLOCK)
		return -EAGAIN;
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

static void stream_shutdown(struct transport *t)
{
	shutdown(((struct stream *)t)->fd, SHUT_RDWR);
}

static void stream_free(struct transport *t)
{
	struct stream *s = (struct stream *)t;

	sys_close(s->fd);
	free(s);
}

static const struct transport_ops stream_ops = {
	.send = stream_send,
	.recv = stream_recv,
	.fd = stream_fd,
	.shutdown = stream_shutdown,
	.free = stream_free,
};

int stream_new(int fd, const char *name, struct transport **ret)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s) {
		sys_close(fd);
		return -ENOMEM;
	}
	s->t.ops = &stream_ops;
	s->fd = fd;
	snprintf(s->t.name, sizeof(s->t.name), "%s", name);
	*ret = &s->t;
	return 0;
}
