/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Answers GET /metrics. What it tells the monitor gives it, through a channel on which it asks with one byte.
 * It opens nothing, and shuts itself in before it reads anything that a stranger sent. One
 * thread; what a connection may take of memory and of time is limited, and so is the number of them.
 */
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "daemon/log.h"
#include "daemon/metrics-process.h"
#include "daemon/metrics-text.h"
#include "daemon/sandbox.h"

#define CONNECTIONS 64u
#define CROWD 16u			  /* of them, beyond which each has but little time */
#define LIFE_NS (5 * NS_PER_S)		  /* of a connection, whatever it does */
#define CROWDED_NS (NS_PER_S / 2)
#define MEMORY ((size_t)8192)		  /* of a connection, for its request */
#define BLOCK ((size_t)32768)		  /* of an answer's content, sent at once */
#define ANSWER_NS (2 * NS_PER_S)	  /* for the monitor */
#define FDS (CONNECTIONS + 32)
#define DATA ((size_t)64 << 20)

static struct {
	int fd; /* -1: none */
	int64_t since;
} connections[CONNECTIONS];

static char text[METRICS_TEXT_MAX];
static size_t text_len;
static bool gone; /* the monitor is */
static bool room; /* a connection went: MHD takes the next one when it runs again, and only then */

/* ---- the monitor ---- */

/* Takes one message of its; true: there is an answer. */
static bool hear(void)
{
	static char come[METRICS_TEXT_MAX];
	struct iovec iov = { come, sizeof(come) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = sys_recvmsg(METRICS_CHANNEL, &msg, MSG_DONTWAIT);

	if (n == -EAGAIN || n == -EWOULDBLOCK || n == -EINTR)
		return false;
	gone = n <= 0;
	if (n > 1) {
		memcpy(text, come, (size_t)n);
		text_len = (size_t)n;
	}
	return n > 0;
}

/* True: `text` is what there is now. */
static bool ask(void)
{
	int64_t until = clock_deadline(ANSWER_NS);
	struct pollfd p = { .fd = METRICS_CHANNEL, .events = POLLIN };
	char byte = '?';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	while (!gone && hear()) /* an answer that came too late */
		;
	if (gone || sys_sendmsg(METRICS_CHANNEL, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		return false;
	while (!gone && clock_left_ms(until)) {
		sys_poll(&p, 1, clock_left_ms(until));
		if (hear())
			return text_len;
	}
	return false;
}

/* ---- who asks ---- */

struct content {
	size_t len;
	char bytes[];
};

static ssize_t read_content(void *of, uint64_t at, char *out, size_t most)
{
	const struct content *c = of;
	size_t left = c->len - (size_t)at, n = left < most ? left : most;

	memcpy(out, c->bytes + at, n);
	return (ssize_t)n;
}

/* Given it whole, MHD would send it by sendmsg, which the sandbox has not. */
static struct MHD_Response *response_of(const void *bytes, size_t len)
{
	struct content *c = malloc(sizeof(*c) + len);
	struct MHD_Response *r;

	if (!c)
		return NULL;
	c->len = len;
	memcpy(c->bytes, bytes, len);
	r = MHD_create_response_from_callback(len, BLOCK, read_content, c, free);
	if (!r)
		free(c);
	return r;
}

static enum MHD_Result reply(struct MHD_Connection *c, unsigned int status, const void *body, size_t len,
			     const char *type)
{
	struct MHD_Response *r = response_of(body, len);
	enum MHD_Result sent;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONNECTION, "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	sent = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return sent;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned int status, const char *why)
{
	return reply(c, status, why, strlen(why), "text/plain; charset=utf-8");
}

static enum MHD_Result handle(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_len, void **state)
{
	(void)ctx;
	(void)version;
	(void)upload;
	(void)upload_len;
	(void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "the metrics can be read, by GET\n");
	if (strcmp(url, "/metrics") != 0)
		return refuse(c, MHD_HTTP_NOT_FOUND, "the metrics are at /metrics\n");
	if (!ask())
		return refuse(c, MHD_HTTP_SERVICE_UNAVAILABLE, "opaed does not answer\n");
	return reply(c, MHD_HTTP_OK, text, text_len, "text/plain; version=0.0.4; charset=utf-8");
}

static void note(void *ctx, struct MHD_Connection *c, void **socket_state,
		 enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	int fd = info ? info->connect_fd : -1, want = code == MHD_CONNECTION_NOTIFY_STARTED ? -1 : fd;

	(void)ctx;
	(void)socket_state;
	room |= code == MHD_CONNECTION_NOTIFY_CLOSED;
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (connections[i].fd == want) {
			connections[i].fd = want < 0 ? fd : -1;
			connections[i].since = clock_now_ns();
			return;
		}
}

/* Those whose time is over are cut. When the next one's is. */
static int64_t cut_old(void)
{
	int64_t now = clock_now_ns(), next = INT64_MAX, life = LIFE_NS;
	size_t num = 0;

	for (size_t i = 0; i < CONNECTIONS; i++)
		num += connections[i].fd >= 0;
	life = num > CROWD ? CROWDED_NS : LIFE_NS;
	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (connections[i].fd < 0)
			continue;
		if (now - connections[i].since >= life)
			shutdown(connections[i].fd, SHUT_RDWR); /* and is told of as gone */
		else if (connections[i].since + life < next)
			next = connections[i].since + life;
	}
	return next;
}

static void serve(struct MHD_Daemon *d)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd p[2] = { { .fd = METRICS_CHANNEL, .events = POLLIN } };

	if (!info)
		return;
	p[1] = (struct pollfd){ .fd = info->epoll_fd, .events = POLLIN };
	while (!gone) {
		int64_t next = cut_old();
		int ms = next == INT64_MAX ? -1 : clock_left_ms(next);
		MHD_UNSIGNED_LONG_LONG its;

		if (MHD_get_timeout(d, &its) == MHD_YES && (ms < 0 || its < (unsigned int)ms))
			ms = (int)its;
		if (room)
			ms = 0;
		room = false;
		sys_poll(p, 2, ms);
		hear();
		MHD_run(d);
	}
}

/* ---- the process ---- */

static struct metrics_start start;
static bool unfit; /* the sandbox lacks what it must have */

static void missing(enum sandbox_piece piece, int error)
{
	log_warning("opaed-metrics: its sandbox lacks %s: %s", sandbox_name(piece), strerror(error));
	unfit |= (start.must & SANDBOX_BIT(piece)) != 0;
}

/* Before a byte of a stranger is read. */
static bool enter_sandbox(void)
{
	const struct sandbox s = {
		.uid = start.uid,
		.gid = start.gid,
		.files = FDS,
		.data = DATA,
		.filter = metrics_filter,
		.missing = missing,
	};

	sandbox_enter(&s);
	return !unfit;
}

static bool read_start(void)
{
	struct pollfd p = { .fd = METRICS_CHANNEL, .events = POLLIN };
	struct iovec iov = { &start, sizeof(start) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return sys_poll(&p, 1, (int)(ANSWER_NS / NS_PER_MS)) == 1 &&
	       sys_recvmsg(METRICS_CHANNEL, &msg, MSG_DONTWAIT) == sizeof(start);
}

static bool is_channel(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_SEQPACKET;
}

static struct MHD_Daemon *listen_there(void)
{
	return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, handle, NULL,
				MHD_OPTION_LISTEN_SOCKET, METRICS_LISTEN,
				MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)(LIFE_NS / NS_PER_S),
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY,
				MHD_OPTION_NOTIFY_CONNECTION, note, NULL, MHD_OPTION_END);
}

int main(void)
{
	struct MHD_Daemon *d;

	if (!is_channel(METRICS_CHANNEL)) {
		fprintf(stderr, "opaed-metrics: opaed starts this, with \"metrics\" in its configuration\n");
		return 2;
	}
	prctl(PR_SET_NAME, "opaed-metrics");
	signal(SIGPIPE, SIG_IGN);
	log_init();
	for (size_t i = 0; i < CONNECTIONS; i++)
		connections[i].fd = -1;
	d = read_start() ? listen_there() : NULL;
	if (!d) {
		log_error("opaed-metrics: it cannot use its socket");
		_exit(EXIT_FAILURE);
	}
	if (!enter_sandbox())
		_exit(EXIT_FAILURE);
	/* The log is the monitor's: there are no words any more. */
	sys_dup_over(STDIN_FILENO, STDOUT_FILENO);
	sys_dup_over(STDIN_FILENO, STDERR_FILENO);
	serve(d);
	_exit(EXIT_SUCCESS); /* the monitor has gone; the kernel closes all */
}
