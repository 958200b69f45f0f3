/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connector goes from LOOKUP (names alone) through one attempt or more to a connection or a failure. It
 * belongs to one thread at a time. Attempts come in rounds: in round n each address has PATIENCE_NS << n, but
 * a single address has all the time of who waits.
 */
#include "transport/connect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sys.h"
#include "transport/listen.h"
#include "transport/lookup.h"
#include "transport/sockaddr.h"
#include "transport/stream.h"

#define PATIENCE_NS (250 * NS_PER_MS)
#define ROUNDS_MAX 8		 /* of patience; later ones have that of the last */
#define AGAIN_NS (5 * NS_PER_MS) /* a unix socket whose queue is full has no other way to wait */

struct connector {
	struct address to;
	struct lookup *lookup;		 /* of a name */
	const struct addrinfo *all, *at; /* its addresses, and the one being tried; the lookup's */
	unsigned int round;
	bool silent; /* one of this round did not answer */
	int verdict; /* of the attempts so far: what tells most */
	int fd;	     /* of the attempt; -1: none is under way */
	int64_t due;
	int failed; /* a negative errno */
	char why[CONNECT_WHY_MAX];
};

static int fail(struct connector *c, int rc, const char *what)
{
	char text[ADDRESS_TEXT_MAX];

	address_text(&c->to, text, sizeof(text));
	snprintf(c->why, sizeof(c->why), "%.120s: %.70s", text, what);
	c->failed = rc;
	return rc;
}

/* A kernel has no word of its own for a vsock port where nobody listens. */
static const char *word(const struct connector *c, int rc)
{
	if (c->to.kind == ADDRESS_VSOCK && rc == -ECONNRESET)
		return "nobody listens there";
	if (c->to.kind == ADDRESS_VSOCK && (rc == -ENODEV || rc == -EAFNOSUPPORT))
		return "this machine has no vsock: load vsock_loopback, vhost_vsock or the guest's driver";
	return strerror(-rc);
}

static void drop_attempt(struct connector *c)
{
	if (c->fd >= 0)
		sys_close(c->fd);
	c->fd = -1;
	c->due = INT64_MAX;
}

/* 1: connected; 0: under way; a negative errno. */
static int try_address(struct connector *c, const union sockaddr_any *at, socklen_t len)
{
	int rc;

	if (c->fd < 0)
		c->fd = sys_socket(at->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return c->fd;
	rc = socket_prepare(c->fd, c->to.kind);
	if (!rc)
		rc = sys_connect(c->fd, &at->any, len);
	if (!rc)
		return 1;
	if (rc == -EAGAIN && c->to.kind == ADDRESS_UNIX) {
		c->due = clock_deadline(AGAIN_NS);
		return 0;
	}
	return rc == -EINPROGRESS || rc == -EINTR ? 0 : rc;
}

/* The address whose turn it is; the same results. */
static int attempt(struct connector *c)
{
	union sockaddr_any at;
	socklen_t len;
	int rc;

	if (!c->at) {
		rc = sockaddr_make(&c->to, &at, &len);
		return rc ? rc : try_address(c, &at, len);
	}
	if (c->at->ai_addrlen > sizeof(at))
		return -EAFNOSUPPORT;
	memcpy(&at, c->at->ai_addr, c->at->ai_addrlen);
	if (c->all->ai_next)
		c->due = clock_deadline(PATIENCE_NS << c->round);
	return try_address(c, &at, c->at->ai_addrlen);
}

/* That an address of the other family has no way is known of most names, and tells nothing. */
static void judge(struct connector *c, int rc)
{
	bool nowhere = rc == -ENETUNREACH || rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL;

	if (!c->verdict || !nowhere)
		c->verdict = rc;
}

/* The attempt came to nothing, for the reason rc. To the next address: as attempt(). */
static int next_address(struct connector *c, int rc)
{
	judge(c, rc);
	drop_attempt(c);
	while (c->at) {
		c->at = c->at->ai_next;
		if (!c->at && c->silent) {
			c->at = c->all;
			c->silent = false;
			c->round += c->round < ROUNDS_MAX;
		}
		if (!c->at)
			break;
		rc = attempt(c);
		if (rc >= 0)
			return rc;
		judge(c, rc);
		drop_attempt(c);
	}
	return fail(c, c->verdict, word(c, c->verdict));
}

static int start_attempt(struct connector *c)
{
	int rc = attempt(c);

	return rc < 0 ? next_address(c, rc) : rc;
}

/* A name is no literal address, and nobody but the resolver can say so. */
static bool is_name(const struct address *a)
{
	union sockaddr_any at;
	socklen_t len;

	return a->kind == ADDRESS_TCP && sockaddr_make(a, &at, &len);
}

int connector_start(const struct address *a, struct connector **ret)
{
	struct connector *c = calloc(1, sizeof(*c));
	int rc = 0;

	if (!c)
		return -ENOMEM;
	c->to = *a;
	c->fd = -1;
	c->due = INT64_MAX;
	if (is_name(a))
		rc = lookup_start(a->host, a->port, &c->lookup);
	else
		c->due = clock_now_ns();
	if (rc) {
		free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

int connector_fd(const struct connector *c, short *events)
{
	bool asking = c->lookup && !c->all;

	*events = asking ? POLLIN : POLLOUT;
	if (asking)
		return c->failed ? -1 : lookup_fd(c->lookup);
	/* A unix attempt that waits for its turn would be told at once that it may go on. */
	return c->to.kind == ADDRESS_UNIX ? -1 : c->fd;
}

int64_t connector_due(const struct connector *c)
{
	return c->failed ? INT64_MAX : c->due;
}

/* How the attempt that is under way fares: as attempt(). */
static int attempt_result(struct connector *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	int error = 0, rc;
	socklen_t len = sizeof(error);

	if (c->to.kind == ADDRESS_UNIX)
		return clock_left_ms(c->due) ? 0 : start_attempt(c);
	if (sys_poll(&p, 1, 0) > 0) {
		rc = sys_getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		rc = rc ? rc : -error;
		return rc ? next_address(c, rc) : 1;
	}
	if (clock_left_ms(c->due))
		return 0;
	c->silent = true;
	return next_address(c, -ETIMEDOUT);
}

static int advance(struct connector *c)
{
	const char *why;
	int rc;

	if (c->fd >= 0)
		return attempt_result(c);
	if (c->lookup) {
		rc = lookup_answer(c->lookup, &c->all, &why);
		if (rc <= 0)
			return rc ? fail(c, rc, why) : 0;
		c->at = c->all;
	}
	c->due = INT64_MAX;
	return start_attempt(c);
}

int connector_step(struct connector *c, struct transport **ret)
{
	char name[ADDRESS_TEXT_MAX];
	int rc = c->failed ? c->failed : advance(c);
	int fd = c->fd;

	if (rc <= 0)
		return rc;
	address_text(&c->to, name, sizeof(name));
	c->fd = -1;
	rc = stream_new(fd, name, ret);
	return rc ? fail(c, rc, strerror(-rc)) : 1;
}

const char *connector_why(const struct connector *c)
{
	return c->why;
}

void connector_free(struct connector *c)
{
	if (!c)
		return;
	drop_attempt(c);
	lookup_free(c->lookup);
	free(c);
}

static int connect_by(struct connector *c, int64_t deadline, struct transport **ret)
{
	for (;;) {
		int rc = connector_step(c, ret);
		int64_t due = connector_due(c);
		struct pollfd p = { .fd = -1 };

		if (rc)
			return rc < 0 ? rc : 0;
		if (!clock_left_ms(deadline))
			return fail(c, -ETIMEDOUT, c->lookup && !c->all ? "its name was not found in time" :
									  "no answer in time");
		p.fd = connector_fd(c, &p.events);
		sys_poll(&p, 1, clock_left_ms(due < deadline ? due : deadline));
	}
}

int transport_connect(const struct address *a, int64_t deadline, struct transport **ret, char *why)
{
	struct connector *c;
	int rc = connector_start(a, &c);

	if (rc) {
		if (why)
			snprintf(why, CONNECT_WHY_MAX, "%s", strerror(-rc));
		return rc;
	}
	rc = connect_by(c, deadline, ret);
	if (rc && why)
		snprintf(why, CONNECT_WHY_MAX, "%s", connector_why(c));
	connector_free(c);
	return rc;
}
