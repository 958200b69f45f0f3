/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread and who asked share the dial and count its users; the last one frees it. `done` is set, once,
 * behind all else: who has seen it may read the rest without a lock.
 */
#include "transport/fabric-dial.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "base/thread.h"
#include "transport/fabric-door.h"
#include "transport/fabric-stream.h"
#include "transport/sockaddr.h"

#define PROVIDER_MAX 16
#define AGAIN_NS (10 * NS_PER_MS) /* between two knocks, at first; then ever longer, up to */
#define AGAIN_MAX (200 * NS_PER_MS)

struct fabric_dial {
	atomic_int users;
	atomic_bool done;
	int fd; /* an eventfd: one when done */
	struct address to;
	char provider[PROVIDER_MAX];
	struct tls_context *tls;
	int64_t deadline;
	struct transport *t; /* NULL: there is none, or it was taken */
	int rc;
	char why[TLS_WHY_MAX];
};

static int fail(struct fabric_dial *d, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int fail(struct fabric_dial *d, int rc, const char *fmt, ...)
{
	char text[ADDRESS_TEXT_MAX], what[TLS_WHY_MAX];
	va_list ap;

	address_text(&d->to, text, sizeof(text));
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(d->why, sizeof(d->why), "%.120s: %.270s", text, what);
	return rc;
}

/* ---- the listener and the worker ---- */

static int misspoken(struct fabric_dial *d)
{
	return fail(d, -EPROTO, "what listens there is no opaed with \"rdma\" in its \"listen\"");
}

static int unreachable(struct fabric_dial *d, int rc)
{
	return fail(d, rc, "%s", rc == -ETIMEDOUT ? "no answer in time" : strerror(-rc));
}

/* 0: come in; -EAGAIN: later; else it has failed. */
static int judge(struct fabric_dial *d, const struct fabric_greeting *said, struct door_answer *answer)
{
	int rc = said->len ? door_get_answer(said, answer) : -ECONNREFUSED;

	if (rc == -ECONNREFUSED)
		return unreachable(d, rc);
	if (rc == -EPROTO)
		return misspoken(d);
	if (rc || answer->code == DOOR_OTHER)
		return fail(d, -EPROTONOSUPPORT, "it speaks another version: update the older of the two");
	switch (answer->code) {
	case DOOR_COME:
		return 0;
	case DOOR_AGAIN:
		return fail(d, -EAGAIN, "it has nobody ready who could serve this connection");
	case DOOR_BUSY:
		return fail(d, -EBUSY, "opaed has as many connections as its \"limits\" allow");
	default:
		return fail(d, -EACCES, "opaed serves nobody from this address");
	}
}

static int knock(struct fabric_dial *d, struct fabric *f, int64_t deadline, struct door_answer *answer)
{
	struct fabric_greeting hello, said;
	struct fabric_conn *c;
	int rc;

	door_put_knock(&hello);
	rc = fabric_connect(f, 0, &hello, deadline, &said, &c);
	if (!rc) { /* a worker, or another program's listener */
		fabric_conn_free(c);
		return misspoken(d);
	}
	return rc == -ECONNREFUSED ? judge(d, &said, answer) : unreachable(d, rc);
}

static int enter(struct fabric_dial *d, struct fabric *f, const struct door_answer *answer, int64_t deadline,
		 struct fabric_conn **ret)
{
	struct fabric_greeting hello, said;
	int rc;

	door_put_token(&hello, answer->token);
	rc = fabric_connect(f, answer->port, &hello, deadline, &said, ret);
	if (rc == -ECONNREFUSED) /* it has waited for long enough, or has died: there are others */
		return fail(d, -EAGAIN, "its port %u, where it sent us, refuses the connection",
			    answer->port);
	if (rc)
		return fail(d, rc, "its port %u, where it sent us: %s", answer->port,
			    rc == -ETIMEDOUT ? "no answer in time; does a firewall let it through?"
					     : strerror(-rc));
	if (door_is_proof(&said, answer->proof))
		return 0;
	fabric_conn_free(*ret);
	return fail(d, -EPERM, "another program has taken its port %u", answer->port);
}

/* Until somebody is ready. */
static int get_in(struct fabric_dial *d, struct fabric *f, int64_t deadline, struct fabric_conn **ret)
{
	int64_t pause = AGAIN_NS;
	struct door_answer answer;
	int rc;

	for (;;) {
		rc = knock(d, f, deadline, &answer);
		if (!rc)
			rc = enter(d, f, &answer, deadline, ret);
		if (rc != -EAGAIN || clock_now_ns() + pause >= deadline)
			return rc;
		clock_sleep_ns(pause);
		pause = pause < AGAIN_MAX / 2 ? pause * 2 : AGAIN_MAX;
	}
}

/* ---- the host ---- */

/* Its fabric goes with the connection. */
static int try_address(struct fabric_dial *d, const struct address *at, int64_t deadline)
{
	char name[ADDRESS_TEXT_MAX], why[FABRIC_WHY_MAX] = "";
	struct fabric_conn *c;
	struct fabric *f;
	int rc = fabric_open(d->provider, at, FABRIC_CLIENT, &f, why);

	if (rc)
		return fail(d, rc, "%s", *why ? why : strerror(-rc));
	rc = get_in(d, f, deadline, &c);
	if (rc) {
		fabric_close(f);
		return rc;
	}
	address_text(&d->to, name, sizeof(name));
	rc = fabric_stream_new(c, f, name, &d->t);
	return rc ? unreachable(d, rc) : 0;
}

/* Each address of a name has its share of the time. */
static int try_all(struct fabric_dial *d, const struct addrinfo *all)
{
	int left = 0, rc = -EHOSTUNREACH;
	union sockaddr_any any;
	struct address at;

	for (const struct addrinfo *a = all; a; a = a->ai_next)
		left++;
	for (const struct addrinfo *a = all; a; a = a->ai_next, left--) {
		int64_t now = clock_now_ns();

		if (a->ai_addrlen > sizeof(any))
			continue;
		memcpy(&any, a->ai_addr, a->ai_addrlen);
		if (sockaddr_read(&any, a->ai_addrlen, &at))
			continue;
		rc = try_address(d, &at, now + (d->deadline - now) / left);
		if (!rc || rc == -ENOENT || rc == -ENOTSUP) /* no other address has another libfabric */
			break;
	}
	return rc;
}

static int find_and_connect(struct fabric_dial *d)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *all;
	char port[12];
	int gai, rc;

	snprintf(port, sizeof(port), "%u", d->to.port);
	gai = getaddrinfo(d->to.host, port, &hints, &all);
	if (gai)
		return fail(d, -EHOSTUNREACH, "%s", gai == EAI_SYSTEM ? strerror(errno) : gai_strerror(gai));
	rc = try_all(d, all);
	freeaddrinfo(all);
	return rc;
}

static int add_tls(struct fabric_dial *d)
{
	struct transport *inner = d->t;

	d->t = NULL;
	return tls_over(d->tls, inner, d->deadline, &d->t, d->why);
}

/* ---- the thread ---- */

static void unref(struct fabric_dial *d)
{
	if (atomic_fetch_sub(&d->users, 1) != 1)
		return;
	transport_free(d->t);
	tls_context_unref(d->tls);
	sys_close(d->fd);
	free(d);
}

static void *run(void *arg)
{
	struct fabric_dial *d = arg;

	d->rc = find_and_connect(d);
	if (!d->rc && d->tls)
		d->rc = add_tls(d);
	atomic_store(&d->done, true);
	eventfd_write(d->fd, 1);
	unref(d);
	return NULL;
}

static int start_thread(struct fabric_dial *d)
{
	atomic_init(&d->users, 2);
	return thread_start_detached(run, d);
}

int fabric_dial_start(const char *provider, const struct address *to, struct tls_context *tls,
		      int64_t deadline, struct fabric_dial **ret)
{
	struct fabric_dial *d = calloc(1, sizeof(*d));
	int rc;

	if (!d) {
		tls_context_unref(tls);
		return -ENOMEM;
	}
	d->to = *to;
	d->tls = tls;
	d->deadline = deadline;
	snprintf(d->provider, sizeof(d->provider), "%s", provider);
	d->fd = sys_eventfd(0, EFD_CLOEXEC);
	rc = d->fd < 0 ? d->fd : start_thread(d);
	if (rc) {
		if (d->fd >= 0)
			sys_close(d->fd);
		tls_context_unref(tls);
		free(d);
		return rc;
	}
	*ret = d;
	return 0;
}

int fabric_dial_fd(const struct fabric_dial *d)
{
	return d->fd;
}

int fabric_dial_answer(struct fabric_dial *d, struct transport **ret, const char **why)
{
	if (!atomic_load(&d->done))
		return 0;
	*why = d->why;
	if (d->rc)
		return d->rc;
	if (!d->t)
		return -EINVAL;
	*ret = d->t;
	d->t = NULL;
	return 1;
}

void fabric_dial_free(struct fabric_dial *d)
{
	if (d)
		unref(d);
}
