/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fabric-rig.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "tests/unit/check.h"

#define VARIABLE "OPAE_TEST_FABRIC"

static struct {
	char provider[16];
	struct address at;
} way = { "tcp", { .kind = ADDRESS_TCP, .host = "127.0.0.1" } };

static void read_way(void)
{
	const char *text = getenv(VARIABLE);

	if (text && sscanf(text, "%15s %45s", way.provider, way.at.host) != 2)
		fail_msg("%s=\"%s\" is no provider and address", VARIABLE, text);
}

const char *rig_provider(void)
{
	read_way();
	return way.provider;
}

struct address rig_address(void)
{
	read_way();
	return way.at;
}

bool rig_is_slow(void)
{
	return strcmp(rig_provider(), "tcp") != 0;
}

static struct fabric *open_fabric(const struct address *a, enum fabric_side side)
{
	char why[FABRIC_WHY_MAX] = "";
	struct fabric *f = NULL;

	if (fabric_open(rig_provider(), a, side, &f, why))
		fail_msg("%s", why);
	return f;
}

void rig_listen(struct fabric_rig *r)
{
	const struct address any = rig_address();
	char why[FABRIC_WHY_MAX] = "";

	memset(r, 0, sizeof(*r));
	r->server.fabric = open_fabric(&any, FABRIC_SERVER);
	if (fabric_listen(r->server.fabric, &r->listener, why))
		fail_msg("%s", why);
	assert_int_equal(fabric_listener_address(r->listener, &r->address), 0);
}

struct fabric *rig_client(const struct address *a)
{
	return open_fabric(a, FABRIC_CLIENT);
}

struct fabric_request *rig_next(struct fabric_listener *l, int64_t deadline)
{
	struct fabric_request *r = NULL;
	int rc;

	while ((rc = fabric_listener_next(l, &r)) == -EAGAIN && clock_left_ms(deadline)) {
		struct pollfd p = { .fd = fabric_listener_fd(l), .events = POLLIN };

		poll(&p, 1, clock_left_ms(deadline));
	}
	if (rc)
		fail_msg("nobody has connected: %d", rc);
	return r;
}

static void *accept_one(void *arg)
{
	struct fabric_rig *r = arg;
	struct fabric_request *q = rig_next(r->listener, SOON);

	return fabric_request_accept(q, NULL, SOON, &r->server.conn) ? arg : NULL;
}

void rig_connect_again(struct fabric_rig *r)
{
	pthread_t t;
	void *failed;

	assert_int_equal(thread_start(&t, NULL, accept_one, r), 0);
	assert_int_equal(fabric_connect(r->client.fabric, 0, NULL, SOON, NULL, &r->client.conn), 0);
	pthread_join(t, &failed);
	assert_null(failed);
}

void rig_connect(struct fabric_rig *r)
{
	rig_listen(r);
	r->client.fabric = rig_client(&r->address);
	rig_connect_again(r);
}

void rig_free(struct fabric_rig *r)
{
	fabric_conn_free(r->client.conn);
	fabric_conn_free(r->server.conn);
	fabric_listener_free(r->listener);
	fabric_close(r->client.fabric);
	fabric_close(r->server.fabric);
	memset(r, 0, sizeof(*r));
}

struct fabric_mover {
	struct fabric_conn *conn;
	pthread_t thread;
	int rc;
	atomic_bool done;
};

static void *move(void *arg)
{
	struct fabric_mover *m = arg;
	char buf[FABRIC_MESSAGE_MAX];

	do {
		fabric_serve(m->conn, 50 * NS_PER_US, SOON);
		m->rc = (int)fabric_recv(m->conn, buf, sizeof(buf));
	} while (m->rc >= 0 || m->rc == -EAGAIN);
	atomic_store(&m->done, true);
	return NULL;
}

struct fabric_mover *rig_move(struct fabric_conn *c)
{
	struct fabric_mover *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->conn = c;
	assert_int_equal(thread_start(&m->thread, NULL, move, m), 0);
	return m;
}

int rig_moved(struct fabric_mover *m)
{
	int rc;

	fabric_shutdown(m->conn);
	pthread_join(m->thread, NULL);
	rc = m->rc;
	free(m);
	return rc;
}

int rig_lost(struct fabric_mover *m)
{
	int64_t deadline = SOON;

	while (!atomic_load(&m->done) && clock_left_ms(deadline))
		clock_sleep_ns(NS_PER_MS);
	return rig_moved(m);
}
