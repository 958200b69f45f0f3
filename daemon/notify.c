/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "daemon/log.h"

#define AGAIN_NS (100 * NS_PER_MS) /* what the socket did not take */
#define STATUS_NS NS_PER_S
#define WATCHDOG_LEAST INT64_C(10000) /* microseconds; what is shorter is a mistake */
#define NEVER INT64_MAX

static struct {
	int fd; /* -1: nobody is told */
	struct sockaddr_un to;
	socklen_t to_len;
	char state[96]; /* what has not been taken yet; "" */
	int64_t again;	/* when it is sent again */
	int64_t ping_each, ping_at;
	unsigned int sessions;
	int64_t status_at; /* when it is told how many there are; NEVER: that is known */
	int64_t status_was;
} n = { .fd = -1, .again = NEVER, .ping_at = NEVER, .status_at = NEVER };

/* ---- sending ---- */

static int send_text(const char *text)
{
	struct iovec iov = { .iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text) };
	struct msghdr msg = { .msg_name = &n.to, .msg_namelen = n.to_len, .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t rc = sys_sendmsg(n.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);

	return rc < 0 ? (int)rc : 0;
}

static void send_state(void)
{
	int rc = send_text(n.state);

	n.again = NEVER;
	if (rc == -EAGAIN || rc == -ENOBUFS || rc == -ECONNREFUSED) { /* it may be starting anew */
		n.again = clock_deadline(AGAIN_NS);
		return;
	}
	if (rc)
		log_warning("systemd cannot be told %.20s: %s", n.state, strerror(-rc));
	n.state[0] = 0;
}

/* The newest state is what counts; one that was not taken in time is not told any more. */
static void tell(const char *text)
{
	if (n.fd < 0)
		return;
	snprintf(n.state, sizeof(n.state), "%s", text);
	send_state();
}

void notify_ready(void)
{
	char text[64];

	snprintf(text, sizeof(text), "READY=1\nSTATUS=%u sessions", n.sessions);
	tell(text);
}

void notify_reloading(void)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_now_ns() / NS_PER_US);
	tell(text);
}

void notify_stopping(void)
{
	tell("STOPPING=1\nSTATUS=sessions are ended");
}

void notify_sessions(unsigned int num)
{
	if (n.fd < 0 || num == n.sessions)
		return;
	n.sessions = num;
	if (n.status_at == NEVER)
		n.status_at = n.status_was + STATUS_NS;
}

/* ---- time ---- */

int64_t notify_deadline(void)
{
	int64_t next = n.again < n.ping_at ? n.again : n.ping_at;

	return next < n.status_at ? next : n.status_at;
}

void notify_tick(void)
{
	int64_t now = clock_now_ns();
	char text[64];

	if (n.again <= now)
		send_state();
	if (n.ping_at <= now) {
		/* A ping that is not taken is late, not lost: half of the time is left for the next. */
		n.ping_at = send_text("WATCHDOG=1") ? clock_deadline(AGAIN_NS) : clock_deadline(n.ping_each);
	}
	if (n.status_at <= now) {
		snprintf(text, sizeof(text), "STATUS=%u sessions", n.sessions);
		send_text(text);
		n.status_at = NEVER;
		n.status_was = now;
	}
}

/* ---- the environment ---- */

/* "/path", or "@name" of the abstract ones. */
static bool read_socket(const char *text)
{
	size_t len = strlen(text);

	n.to = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((*text != '/' && *text != '@') || len < 2 || len >= sizeof(n.to.sun_path)) {
		log_warning("NOTIFY_SOCKET=%.120s is neither an absolute path nor @NAME; systemd is told "
			    "nothing", text);
		return false;
	}
	memcpy(n.to.sun_path, text, len);
	if (*text == '@')
		n.to.sun_path[0] = 0;
	/* Of an abstract one each byte counts, of a path the NUL as well. */
	n.to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (*text == '/'));
	return true;
}

static void read_watchdog(const char *usec, const char *pid)
{
	char *end;
	long long us = strtoll(usec, &end, 10);

	if (pid && strtol(pid, NULL, 10) != getpid())
		return; /* somebody else's */
	if (*end || end == usec || us < WATCHDOG_LEAST || us > INT64_MAX / NS_PER_US) {
		log_warning("WATCHDOG_USEC=%.40s is no time from %lld us on; the watchdog is not pinged",
			    usec, (long long)WATCHDOG_LEAST);
		return;
	}
	n.ping_each = us * NS_PER_US / 2;
	n.ping_at = clock_now_ns();
}

void notify_init(void)
{
	const char *to = secure_getenv("NOTIFY_SOCKET"), *usec = secure_getenv("WATCHDOG_USEC");

	if (to && *to && read_socket(to)) {
		n.fd = sys_socket(AF_UNIX, SOCK_DGRAM, 0);
		if (n.fd < 0)
			log_warning("systemd is told nothing: %s", strerror(-n.fd));
		else if (usec && *usec)
			read_watchdog(usec, secure_getenv("WATCHDOG_PID"));
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_done(void)
{
	if (n.fd >= 0)
		sys_close(n.fd);
	n.fd = -1;
	n.again = n.ping_at = n.status_at = NEVER;
}
