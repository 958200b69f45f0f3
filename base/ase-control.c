/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/ase-control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/clock.h"

int ase_control_connect(const char *path, int64_t deadline)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP_CLOSE int fd = -1;
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	/* -EAGAIN: its queue of clients is full. */
	while ((rc = sys_connect(fd, (struct sockaddr *)&addr, sizeof(addr))) == -EAGAIN) {
		if (!clock_left_ms(deadline))
			return -ETIMEDOUT;
		clock_sleep_ns(10 * NS_PER_MS);
	}
	return rc ? rc : fd_steal(&fd);
}

static int await(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int left = clock_left_ms(deadline);

	if (!left)
		return -ETIMEDOUT;
	return sys_poll(&p, 1, left) ? 0 : -ETIMEDOUT;
}

static int send_line(int fd, const char *line, int64_t deadline)
{
	struct iovec iov[2] = { { (void *)(uintptr_t)line, strlen(line) }, { (void *)(uintptr_t)"\n", 1 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;
	int rc;

	while ((n = sys_sendmsg(fd, &msg, MSG_NOSIGNAL)) == -EAGAIN) {
		rc = await(fd, POLLOUT, deadline);
		if (rc)
			return rc;
	}
	if (n < 0)
		return (int)n;
	return (size_t)n == iov[0].iov_len + 1 ? 0 : -EMSGSIZE; /* a line fits any socket buffer */
}

/* One line, without its end. */
static int receive_line(int fd, int64_t deadline, char answer[ASE_ANSWER_MAX])
{
	size_t len = 0;

	for (;;) {
		ssize_t n = sys_read(fd, answer + len, ASE_ANSWER_MAX - 1 - len);
		int rc = 0;

		if (n == -EAGAIN)
			rc = await(fd, POLLIN, deadline);
		else if (n <= 0)
			rc = n ? (int)n : -ENOTCONN;
		else
			len += (size_t)n;
		if (rc)
			return rc;
		answer[len] = 0;
		if (len && answer[len - 1] == '\n') {
			answer[len - 1] = 0;
			return 0;
		}
		if (len == ASE_ANSWER_MAX - 1)
			return -EMSGSIZE;
	}
}

static void drop_word(char *text, size_t len)
{
	size_t skip = len + (text[len] == ' ');

	memmove(text, text + skip, strlen(text + skip) + 1);
}

int ase_control_ask(int fd, const char *line, int64_t deadline, char answer[ASE_ANSWER_MAX])
{
	int rc = send_line(fd, line, deadline);

	*answer = 0;
	if (!rc)
		rc = receive_line(fd, deadline, answer);
	if (!rc && !strncmp(answer, "ok", 2) && (!answer[2] || answer[2] == ' ')) {
		drop_word(answer, 2);
		return 0;
	}
	if (!rc && !strncmp(answer, "error ", 6)) {
		drop_word(answer, 5);
		return -EPROTO;
	}
	*answer = 0;
	return rc ? rc : -EBADMSG;
}
