/* SPDX-License-Identifier: BSD-3-Clause */
/* One-sided reads and writes, in pieces that every provider takes. */
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "transport/fabric-internal.h"

#define SPIN_NS (200 * NS_PER_US)

enum direction { READ, WRITE };

static int check(const struct fabric_conn *c, const struct fabric_move *m)
{
	const struct fabric_remote *r = m->remote;

	if (m->own->fabric != c->fabric)
		return -EINVAL;
	if (m->own_at > m->own->len || m->len > m->own->len - m->own_at)
		return -ERANGE;
	if (m->remote_at > r->len || m->len > r->len - m->remote_at || r->len > UINT64_MAX - r->base)
		return -ERANGE;
	return 0;
}

/* One piece from `at` on. 1: it is under way; 0: there is no room; else it is lost. */
static int post(struct fabric_conn *c, enum direction way, const struct fabric_move *m, size_t at, size_t len)
{
	unsigned int i = c->idle_moves[c->idle_move_count - 1];
	uint64_t there = m->remote->base + m->remote_at + at;
	unsigned char *here = m->own->base + m->own_at + at;
	void *desc = fi_mr_desc(m->own->mr);
	ssize_t rc;

	if (way == READ)
		rc = fi_read(c->ep, here, len, desc, 0, there, m->remote->key, &c->moves[i]);
	else
		rc = fi_write(c->ep, here, len, desc, 0, there, m->remote->key, &c->moves[i]);
	if (rc == -FI_EAGAIN)
		return 0;
	if (rc) {
		fabric_lose(c, -EPIPE, "has gone");
		return c->lost;
	}
	c->idle_move_count--;
	return 1;
}

static size_t post_all(struct fabric_conn *c, enum direction way, const struct fabric_move *m, size_t at)
{
	while (at < m->len && c->idle_move_count) {
		size_t len = m->len - at < OP_USUAL ? m->len - at : OP_USUAL;

		if (post(c, way, m, at, len) != 1)
			break;
		at += len;
	}
	return at;
}

static int move_all(struct fabric_conn *c, enum direction way, const struct fabric_move *m, int64_t deadline)
{
	int64_t spin_until = clock_deadline(SPIN_NS);
	size_t at = 0, before;
	int rc = 0;

	while (!c->lost) {
		before = at;
		at = post_all(c, way, m, at);
		fabric_progress(c);
		if (c->lost || (at == m->len && c->idle_move_count == MOVES))
			break;
		if (at > before) { /* all that was posted may be done already, and wake nobody */
			spin_until = clock_deadline(SPIN_NS);
			rc = clock_now_ns() < deadline ? 0 : -ETIMEDOUT;
		} else {
			rc = fabric_pause(c, spin_until, deadline);
		}
		if (rc && at)
			fabric_lose(c, -ETIMEDOUT, "a read or write did not end in time");
		if (rc)
			break;
	}
	return c->lost ? c->lost : rc;
}

static int move(struct fabric_conn *c, enum direction way, const struct fabric_move *m, int64_t deadline)
{
	int rc = check(c, m);

	if (rc)
		return rc;
	SCOPED_LOCK(&c->lock);
	while (c->moving && !rc && !c->lost)
		rc = fabric_pause(c, 0, deadline);
	if (c->lost || rc)
		return c->lost ? c->lost : rc;
	c->moving = true;
	fabric_progress(c);
	rc = move_all(c, way, m, deadline);
	c->moving = false;
	pthread_cond_broadcast(&c->changed);
	return rc;
}

int fabric_read(struct fabric_conn *c, const struct fabric_move *m, int64_t deadline)
{
	return move(c, READ, m, deadline);
}

int fabric_write(struct fabric_conn *c, const struct fabric_move *m, int64_t deadline)
{
	return move(c, WRITE, m, deadline);
}

/* A read passes no write that was posted before it, so its answer comes when they are there. */
int fabric_fence(struct fabric_conn *c, const struct fabric_remote *readable, int64_t deadline)
{
	const struct fabric_move m = { .own = c->slots, .own_at = FENCE_AT, .remote = readable, .len = 1 };

	return move(c, READ, &m, deadline);
}
