/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"

#define HEAD offsetof(struct channel_message, start)

/* Bytes of a whole message; 0: there is no such type in this direction. */
static size_t size_of(uint32_t type, bool from_monitor)
{
	switch (type) {
	case CHANNEL_START:
		return from_monitor ? HEAD + sizeof(struct channel_start) : 0;
	case CHANNEL_ANSWER:
	case CHANNEL_LOOK:
	case CHANNEL_ASK:
	case CHANNEL_STOP:
		return from_monitor ? HEAD : 0;
	case CHANNEL_FOUND:
		return from_monitor ? HEAD + sizeof(struct channel_found) : 0;
	case CHANNEL_OPEN:
	case CHANNEL_CONNECT:
	case CHANNEL_STAT:
	case CHANNEL_LSTAT:
	case CHANNEL_READLINK:
	case CHANNEL_LIST:
	case CHANNEL_ACCESS:
	case CHANNEL_UNLINK:
	case CHANNEL_MKDIR:
	case CHANNEL_RENAME:
	case CHANNEL_LINK:
	case CHANNEL_HOLDER:
	case CHANNEL_LOCK:
		return from_monitor ? 0 : HEAD + sizeof(struct channel_path);
	case CHANNEL_PERF:
		return from_monitor ? 0 : HEAD + sizeof(struct channel_perf);
	case CHANNEL_SESSIONS:
	case CHANNEL_KICK:
	case CHANNEL_CHANGED:
	case CHANNEL_LOOKED:
	case CHANNEL_UEVENTS:
	case CHANNEL_MISSING:
	case CHANNEL_READY:
		return from_monitor ? 0 : HEAD;
	case CHANNEL_PEER:
		return from_monitor ? 0 : HEAD + sizeof(struct channel_peer);
	case CHANNEL_INFO:
		return from_monitor ? 0 : HEAD + sizeof(struct rpc_session_info);
	case CHANNEL_END:
		return from_monitor ? 0 : HEAD + sizeof(struct channel_end);
	case CHANNEL_SCOUTED:
		return from_monitor ? 0 : HEAD + sizeof(struct scout_report);
	default:
		return 0;
	}
}

int channel_pair(int *monitor, int *worker)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		return -errno;
	*monitor = fds[0];
	*worker = fds[1];
	return 0;
}

/*
 * The kernel counts the descriptors that a user has on their way, whoever of his programs does not take them.
 * Who asked for one is told so, and asks again; START brings one that can be done without.
 */
static int send_without(int fd, const struct channel_message *m)
{
	const struct channel_message later = {
		.type = CHANNEL_ANSWER, .id = m->id, .value = -ETOOMANYREFS
	};

	return channel_send(fd, m->type == CHANNEL_START ? m : &later, -1);
}

int channel_send(int fd, const struct channel_message *m, int pass)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	size_t len = size_of(m->type, true);
	struct iovec iov = { .iov_len = len ? len : size_of(m->type, false) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	memcpy(&iov.iov_base, &m, sizeof(m)); /* sendmsg does not write there */
	if (pass >= 0) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass, sizeof(int));
	}
	n = sys_sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -ETOOMANYREFS && pass >= 0)
		return send_without(fd, m);
	if (n == -EWOULDBLOCK || n == -ENOBUFS || n == -EINTR)
		return -EAGAIN;
	return n == -ECONNRESET || n == -ENOTCONN ? -EPIPE : n < 0 ? (int)n : 0;
}

/* The one descriptor that a message brings; -1: none. There is room for one alone. */
static int passed(struct msghdr *msg)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void end_texts(struct rpc_session_info *info)
{
	info->principal[sizeof(info->principal) - 1] = 0;
	info->peer[sizeof(info->peer) - 1] = 0;
	info->program[sizeof(info->program) - 1] = 0;
}

static void end_all_texts(struct channel_message *m)
{
	switch (m->type) {
	case CHANNEL_PEER:
		m->peer.principal[sizeof(m->peer.principal) - 1] = 0;
		break;
	case CHANNEL_INFO:
		end_texts(&m->info);
		break;
	case CHANNEL_END:
		end_texts(&m->end.info);
		m->end.why[sizeof(m->end.why) - 1] = 0;
		break;
	default: /* all others with a text have a path */
		if (size_of(m->type, false) == HEAD + sizeof(struct channel_path))
			m->path.path[sizeof(m->path.path) - 1] = 0;
		break;
	}
}

int channel_receive(int channel, struct channel_message *m, int *fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = m, .iov_len = sizeof(*m) };
	/* Without room for them the kernel drops descriptors: a worker cannot fill the monitor with them. */
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = fd ? control.room : NULL,
			      .msg_controllen = fd ? sizeof(control.room) : 0 };
	int got = -1;
	ssize_t n = sys_recvmsg(channel, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n == -EINTR || n == -EWOULDBLOCK)
		return -EAGAIN;
	if (n == -ECONNRESET || n == -ENOTCONN)
		n = 0;
	if (n <= 0)
		return (int)n;
	if (fd)
		got = passed(&msg);
	if ((size_t)n < HEAD || (size_t)n != size_of(m->type, fd != NULL) ||
	    (msg.msg_flags & MSG_TRUNC)) {
		if (got >= 0)
			sys_close(got);
		return -EPROTO;
	}
	end_all_texts(m);
	if (fd)
		*fd = got;
	return 1;
}

bool channel_left(int channel, struct channel_message *m, int *left)
{
	return (*left)-- > 0 && channel_receive(channel, m, NULL) == 1;
}

int channel_await_start(int channel, int64_t wait_ns, struct channel_start *ret, int *fd)
{
	struct pollfd p = { .fd = channel, .events = POLLIN };
	struct channel_message m;

	*fd = -1;
	if (sys_poll(&p, 1, (int)(wait_ns / NS_PER_MS)) != 1 || channel_receive(channel, &m, fd) != 1)
		return -EPROTO;
	if (m.type == CHANNEL_START && m.start.num_see <= POLICY_SEE_MAX) {
		*ret = m.start;
		return 0;
	}
	if (*fd >= 0)
		sys_close(*fd);
	return -EPROTO;
}
