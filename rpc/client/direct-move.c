/* SPDX-License-Identifier: BSD-3-Clause */
/* What a fabric moves. See direct.h. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "rpc/client/conn.h"
#include "rpc/client/direct.h"
#include "rpc/client/pages.h"
#include "wire/bytes.h"

#define TAKEN WIRE_LANDING_TAKEN     /* in the landing's head, and in our page for it */
#define FETCHED WIRE_LANDING_FETCHED

static int64_t until(const struct conn *n)
{
	return clock_deadline(n->timeout_ns);
}

#define UNTOLD 4u /* FETCHes: the server bears no more than eight */

/* Nobody knows what of it has arrived: the connection goes as well. */
static int broken(struct conn *n, int rc)
{
	debug("%s: RDMA has failed: %s", n->name, strerror(-rc));
	rpc_link_break(&n->link, -EREMOTEIO);
	return -EREMOTEIO;
}

/* ---- moves ---- */

enum way { READ, WRITE, FENCE };

/* FENCE: what was written to m->remote, or before, has arrived. */
static int move(struct conn *n, enum way way, const struct fabric_move *m)
{
	struct direct *d = &n->direct;
	int rc = -EPIPE;

	pthread_rwlock_rdlock(&d->moving);
	if (d->conn && way == READ)
		rc = fabric_read(d->conn, m, until(n));
	else if (d->conn && way == WRITE)
		rc = fabric_write(d->conn, m, until(n));
	else if (d->conn)
		rc = fabric_fence(d->conn, m->remote, until(n));
	pthread_rwlock_unlock(&d->moving);
	return rc;
}

/* ---- explicit buffers ---- */

static struct fabric_move all_of(const struct client_buffer *buf, uint64_t offset, uint64_t len)
{
	return (struct fabric_move){ .own = buf->direct.own, .own_at = offset, .remote = &buf->direct.far,
				     .remote_at = offset, .len = len };
}

int direct_push(struct remote_handle *h, struct client_buffer *buf, uint64_t offset, uint64_t len)
{
	struct fabric_move m = all_of(buf, offset, len);
	int rc = move(h->conn, WRITE, &m);

	if (!rc)
		rc = move(h->conn, FENCE, &m);
	return rc ? broken(h->conn, rc) : 0;
}

int direct_pull(struct remote_handle *h, struct client_buffer *buf, uint64_t offset, uint64_t len)
{
	struct fabric_move m = all_of(buf, offset, len);
	int rc = move(h->conn, READ, &m);

	return rc ? broken(h->conn, rc) : 0;
}

/* ---- what the device did ---- */

static struct fabric_move word_at(const struct direct_landing *l, size_t at)
{
	return (struct fabric_move){ .own = l->own, .own_at = at, .remote = &l->far, .remote_at = at,
				     .len = sizeof(uint64_t) };
}

bool direct_tell_fetched(struct remote_handle *h, bool more)
{
	struct direct_landing *l = &h->landing;
	struct fabric_move m = word_at(l, FETCHED);
	int rc;

	if (l->fetched == l->told || (more && l->fetched - l->told < UNTOLD))
		return true;
	l->told = l->fetched;
	bytes_put64(l->words + FETCHED, l->told);
	rc = move(h->conn, WRITE, &m);
	return !rc || broken(h->conn, rc) == 0;
}

bool direct_fetch(struct remote_handle *h, struct client_buffer *buf, uint64_t offset, uint64_t len)
{
	struct fabric_move m = all_of(buf, offset, len);
	int rc;

	if (!buf->direct.own) /* it is being released; else nobody was to expose it */
		return buf->leaving && direct_skip_fetch(h);
	rc = move(h->conn, READ, &m);
	if (rc)
		return broken(h->conn, rc) == 0;
	h->landing.fetched++;
	return true;
}

bool direct_skip_fetch(struct remote_handle *h)
{
	if (!h->landing.far.len)
		return broken(h->conn, -EPROTO) == 0;
	h->landing.fetched++;
	return direct_tell_fetched(h, false);
}

/* ---- what the program changed ---- */

/* Where the next `len` bytes go: in one piece. */
static uint64_t next_position(const struct direct_landing *l, size_t len)
{
	uint64_t room = l->far.len - WIRE_LANDING_HEAD, at = l->position % room;

	return at + len <= room ? l->position : l->position + room - at;
}

/* 1: there is room; 0: not yet. */
static int look_for_room(struct remote_handle *h, uint64_t end)
{
	struct direct_landing *l = &h->landing;
	uint64_t room = l->far.len - WIRE_LANDING_HEAD;
	struct fabric_move m = word_at(l, TAKEN);
	int rc;

	if (end - l->taken <= room)
		return 1;
	rc = move(h->conn, READ, &m);
	if (rc)
		return broken(h->conn, rc);
	l->taken = bytes_get64(l->words + TAKEN);
	if (l->taken > l->position)
		return broken(h->conn, -EPROTO);
	return end - l->taken <= room;
}

bool direct_takes(const struct remote_handle *h, const struct client_buffer *buf, size_t len)
{
	return buf->direct.own && len >= (size_t)client_config(h->client)->rdma_least;
}

int direct_land(struct remote_handle *h, struct client_buffer *buf, size_t from, size_t len,
		uint64_t *position)
{
	struct direct_landing *l = &h->landing;
	uint64_t at = next_position(l, len);
	struct fabric_move m = { .own = buf->direct.own, .own_at = from, .remote = &l->far,
				 .remote_at = WIRE_LANDING_HEAD + at % (l->far.len - WIRE_LANDING_HEAD),
				 .len = len };
	int rc = look_for_room(h, at + len);

	if (rc <= 0)
		return rc;
	rc = move(h->conn, WRITE, &m);
	if (rc)
		return broken(h->conn, rc);
	l->position = at + len;
	l->loose = true;
	*position = at;
	return 1;
}

int direct_settle(struct remote_handle *h)
{
	struct direct_landing *l = &h->landing;
	int rc;

	if (!l->loose)
		return 0;
	l->loose = false;
	rc = move(h->conn, FENCE, &(struct fabric_move){ .remote = &l->far });
	return rc ? broken(h->conn, rc) : 0;
}
