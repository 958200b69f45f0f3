/* SPDX-License-Identifier: BSD-3-Clause */
/* How a connection comes about: listening, requests, and the steps on both sides until it stands. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "transport/fabric-internal.h"

#define EVENT_DATA 256 /* the most that any provider brings along */
#define LOOK_MS 1000

struct event {
	struct fi_eq_cm_entry entry;
	unsigned char data[EVENT_DATA];
};

struct fabric_request {
	struct fabric_listener *listener;
	struct fi_info *info;
	struct fabric_greeting greeting;
};

/* A provider that cannot tell the length pads with zeros; ours are read by who knows what is in them. */
static void take_greeting(struct fabric_greeting *g, const void *data, size_t len)
{
	g->len = len > FABRIC_GREETING_MAX ? FABRIC_GREETING_MAX : len;
	if (g->len)
		memcpy(g->data, data, g->len);
}

/* ---- listening ---- */

static int have_spare(struct fabric *f)
{
	struct fid_eq *eq;
	int rc = f->spares ? 0 : fabric_eq_open(f, &eq);

	if (rc || f->spares)
		return rc;
	f->spares = true;
	atomic_store(&f->spare, eq);
	return 0;
}

static int listen_on(struct fabric_listener *l)
{
	struct fabric *f = l->fabric;
	int rc = fabric_eq_open(f, &l->eq);

	if (!rc)
		rc = fi_passive_ep(f->fid, f->info, &l->pep, NULL);
	if (!rc)
		rc = fi_pep_bind(l->pep, &l->eq->fid, 0);
	if (!rc)
		rc = fi_listen(l->pep);
	if (!rc && !fabric_wait_fd_of(&l->eq->fid, &l->fd))
		rc = -FI_ENOSYS;
	return rc ? fabric_error(rc) : have_spare(f);
}

int fabric_listen(struct fabric *f, struct fabric_listener **ret, char *why)
{
	struct fabric_listener *l = calloc(1, sizeof(*l));
	int rc = -ENOMEM;

	if (l) {
		l->fabric = f;
		rc = listen_on(l);
	}
	if (rc) {
		snprintf(why, FABRIC_WHY_MAX, "provider \"%s\" does not listen: %s",
			 f->info->fabric_attr->prov_name, strerror(-rc));
		fabric_listener_free(l);
		return rc;
	}
	*ret = l;
	return 0;
}

int fabric_listener_address(const struct fabric_listener *l, struct address *ret)
{
	union sockaddr_any at;
	size_t len = sizeof(at);
	int rc = fi_getname(&l->pep->fid, &at, &len);

	return rc ? fabric_error(rc) : sockaddr_read(&at, (socklen_t)len, ret);
}

int fabric_listener_fd(const struct fabric_listener *l)
{
	return l->fd;
}

static int take_request(struct fabric_listener *l, const struct event *e, size_t len,
			struct fabric_request **ret)
{
	struct fabric_request *r = calloc(1, sizeof(*r));

	if (!r) {
		fi_reject(l->pep, e->entry.info->handle, NULL, 0);
		l->fabric->lib->freeinfo(e->entry.info);
		return -ENOMEM;
	}
	r->listener = l;
	r->info = e->entry.info;
	take_greeting(&r->greeting, e->data, len - sizeof(e->entry));
	*ret = r;
	return 0;
}

int fabric_listener_next(struct fabric_listener *l, struct fabric_request **ret)
{
	struct fid *fid = &l->eq->fid;
	struct fi_eq_err_entry error;
	struct event e;
	uint32_t what;

	for (;;) {
		ssize_t n = fi_eq_read(l->eq, &what, &e, sizeof(e), 0);

		if (n >= (ssize_t)sizeof(e.entry) && what == FI_CONNREQ)
			return take_request(l, &e, (size_t)n, ret);
		if (n == -FI_EAVAIL) {
			memset(&error, 0, sizeof(error));
			fi_eq_readerr(l->eq, &error, 0); /* of one who has gone again */
		} else if (n == -FI_EAGAIN) {
			if (!fi_trywait(l->fabric->fid, &fid, 1))
				return -EAGAIN;
		} else if (n < 0 && n != -FI_EINTR) {
			return fabric_error(n);
		}
	}
}

void fabric_listener_free(struct fabric_listener *l)
{
	if (!l)
		return;
	if (l->pep)
		fi_close(&l->pep->fid);
	if (l->eq)
		fi_close(&l->eq->fid);
	free(l);
}

/* ---- requests ---- */

const struct fabric_greeting *fabric_request_greeting(const struct fabric_request *r)
{
	return &r->greeting;
}

int fabric_request_peer(const struct fabric_request *r, struct address *ret)
{
	union sockaddr_any at;

	if (!r->info->dest_addr || r->info->dest_addrlen > sizeof(at))
		return -ENODATA;
	memcpy(&at, r->info->dest_addr, r->info->dest_addrlen);
	return sockaddr_read(&at, (socklen_t)r->info->dest_addrlen, ret);
}

static void free_request(struct fabric_request *r)
{
	r->listener->fabric->lib->freeinfo(r->info);
	free(r);
}

void fabric_request_refuse(struct fabric_request *r, const struct fabric_greeting *answer)
{
	fi_reject(r->listener->pep, r->info->handle, answer ? answer->data : NULL, answer ? answer->len : 0);
	free_request(r);
}

/* ---- both ends ---- */

/* What has become of it: an errno, with the refusal's greeting. */
static int read_failure(struct fid_eq *eq, struct fabric_greeting *answer)
{
	unsigned char data[EVENT_DATA];
	struct fi_eq_err_entry error = { .err_data = data, .err_data_size = sizeof(data) };

	if (fi_eq_readerr(eq, &error, 0) < 0)
		return -EIO;
	if (answer && error.err == FI_ECONNREFUSED && error.err_data_size <= sizeof(data))
		take_greeting(answer, error.err_data, error.err_data_size);
	return error.err > 0 ? fabric_error(-error.err) : -EIO;
}

static int await_connected(struct fabric_conn *c, int64_t deadline, struct fabric_greeting *answer)
{
	struct event e;
	uint32_t what;

	for (;;) {
		int left = clock_left_ms(deadline);
		ssize_t n = fi_eq_sread(c->eq, &what, &e, sizeof(e), left < LOOK_MS ? left : LOOK_MS, 0);

		if (n == -FI_EAVAIL)
			return read_failure(c->eq, answer);
		if (n >= (ssize_t)sizeof(e.entry) && what == FI_CONNECTED) {
			if (answer)
				take_greeting(answer, e.data, (size_t)n - sizeof(e.entry));
			fabric_socket_find(c);
			return 0;
		}
		if (n >= 0 && what == FI_SHUTDOWN)
			return -EPIPE;
		if (n < 0 && n != -FI_EAGAIN && n != -FI_EINTR)
			return fabric_error(n);
		if (!left)
			return -ETIMEDOUT;
	}
}

static void name_peer(struct fabric_conn *c, const void *at, size_t len)
{
	union sockaddr_any any;
	struct address a;

	snprintf(c->peer, sizeof(c->peer), "the other end");
	if (!at || len > sizeof(any))
		return;
	memcpy(&any, at, len);
	if (!sockaddr_read(&any, (socklen_t)len, &a))
		address_text(&a, c->peer, sizeof(c->peer));
}

int fabric_request_accept(struct fabric_request *r, const struct fabric_greeting *answer, int64_t deadline,
			  struct fabric_conn **ret)
{
	struct fabric_conn *c = NULL;
	int rc = fabric_conn_new(r->listener->fabric, &c);

	if (rc) {
		fabric_request_refuse(r, NULL);
		return rc;
	}
	name_peer(c, r->info->dest_addr, r->info->dest_addrlen);
	rc = fabric_conn_open(c, r->info);
	if (!rc)
		rc = fabric_error(fi_accept(c->ep, answer ? answer->data : NULL,
					    answer ? answer->len : 0));
	if (!rc)
		rc = await_connected(c, deadline, NULL);
	free_request(r);
	if (rc) {
		fabric_conn_free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

static void set_port(union sockaddr_any *at, uint32_t port)
{
	if (at->any.sa_family == AF_INET)
		at->in.sin_port = htons((uint16_t)port);
	else
		at->in6.sin6_port = htons((uint16_t)port);
}

/* The endpoint is made for the port too: verbs goes where that says. */
static int info_to(struct fabric *f, uint32_t port, struct fi_info **ret)
{
	union sockaddr_any at;
	struct fi_info *info;

	if (f->side != FABRIC_CLIENT || f->info->dest_addrlen > sizeof(at) || port > UINT16_MAX)
		return -EINVAL;
	info = f->lib->dupinfo(f->info);
	if (!info)
		return -ENOMEM;
	memcpy(&at, info->dest_addr, info->dest_addrlen);
	if (port)
		set_port(&at, port);
	memcpy(info->dest_addr, &at, info->dest_addrlen);
	*ret = info;
	return 0;
}

int fabric_connect(struct fabric *f, uint32_t port, const struct fabric_greeting *hello, int64_t deadline,
		   struct fabric_greeting *answer, struct fabric_conn **ret)
{
	struct fabric_conn *c = NULL;
	struct fi_info *info;
	int rc = info_to(f, port, &info);

	if (answer)
		answer->len = 0;
	if (rc)
		return rc;
	rc = fabric_conn_new(f, &c);
	if (!rc)
		rc = fabric_conn_open(c, info);
	if (!rc) {
		name_peer(c, info->dest_addr, info->dest_addrlen);
		rc = fabric_error(fi_connect(c->ep, info->dest_addr, hello ? hello->data : NULL,
					     hello ? hello->len : 0));
	}
	if (!rc)
		rc = await_connected(c, deadline, answer);
	f->lib->freeinfo(info);
	if (rc) {
		fabric_conn_free(c);
		return rc;
	}
	*ret = c;
	return 0;
}
