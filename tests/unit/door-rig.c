/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/door-rig.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "tests/unit/check.h"
#include "transport/fabric-stream.h"

#define LONG clock_deadline(60 * NS_PER_S)

static const struct address loopback = { .kind = ADDRESS_TCP, .host = "127.0.0.1", .port = 0 };

static void listen_at(struct fabric **f, struct fabric_listener **l, struct address *at)
{
	char why[FABRIC_WHY_MAX] = "";

	if (fabric_open("tcp", &loopback, FABRIC_SERVER, f, why) || fabric_listen(*f, l, why))
		fail_msg("%s", why);
	assert_int_equal(fabric_listener_address(*l, at), 0);
}

/* The next who connects; NULL: it is to stop. */
static struct fabric_request *next(const struct door_rig *r, struct fabric_listener *l)
{
	struct pollfd p[2] = { { .fd = r->stop, .events = POLLIN },
			       { .fd = fabric_listener_fd(l), .events = POLLIN } };
	struct fabric_request *q = NULL;

	while (fabric_listener_next(l, &q)) {
		poll(p, 2, -1);
		if (p[0].revents)
			return NULL;
	}
	return q;
}

/* ---- a worker ---- */

static void *work(void *arg)
{
	struct door_worker *w = arg;
	struct fabric_request *q = next(w->rig, w->listener);
	struct fabric_conn *c = NULL;
	struct fabric_greeting proof;
	struct transport *t;

	if (!q)
		return NULL;
	if (!door_is_token(fabric_request_greeting(q), w->answer.token)) {
		fabric_request_refuse(q, NULL);
		return NULL;
	}
	if (w->rig->impostor)
		w->answer.proof[0] ^= 1;
	door_put_proof(&proof, w->answer.proof);
	if (fabric_request_accept(q, &proof, LONG, &c) || fabric_stream_new(c, NULL, "client", &t))
		return NULL;
	atomic_fetch_add(&w->rig->served, 1);
	if (w->rig->serve)
		w->rig->serve(t);
	else
		transport_free(t);
	return NULL;
}

static void start_worker(struct door_rig *r, struct door_answer *answer)
{
	struct door_worker *w = &r->workers[r->num_workers++];
	struct address at;

	assert_true(r->num_workers <= DOOR_WORKERS);
	w->rig = r;
	listen_at(&w->fabric, &w->listener, &at);
	memset(answer->token, (int)r->num_workers, DOOR_SECRET);
	memset(answer->proof, (int)r->num_workers + 100, DOOR_SECRET);
	answer->port = (uint16_t)at.port;
	w->answer = *answer;
	if (r->gone) {
		r->gone = false;
		fabric_listener_free(w->listener);
		w->listener = NULL;
		return;
	}
	assert_int_equal(thread_start(&w->thread, NULL, work, w), 0);
}

/* ---- the listener ---- */

static void answer(struct door_rig *r, struct fabric_request *q)
{
	struct door_answer a = { .code = r->again ? DOOR_AGAIN : r->code };
	struct fabric_greeting g;

	assert_int_equal(door_get_knock(fabric_request_greeting(q)), 0);
	atomic_fetch_add(&r->knocks, 1);
	if (r->again)
		r->again--;
	if (a.code == DOOR_COME && !r->nonsense)
		start_worker(r, &a);
	door_put_answer(&g, &a);
	if (r->nonsense)
		g.data[0] = 'X';
	fabric_request_refuse(q, &g);
}

static void *run(void *arg)
{
	struct door_rig *r = arg;
	struct fabric_request *q;

	while ((q = next(r, r->listener)))
		answer(r, q);
	return NULL;
}

void door_start(struct door_rig *r)
{
	listen_at(&r->fabric, &r->listener, &r->address);
	r->stop = eventfd(0, EFD_CLOEXEC);
	assert_true(r->stop >= 0);
	assert_int_equal(thread_start(&r->thread, NULL, run, r), 0);
}

void door_stop(struct door_rig *r)
{
	eventfd_write(r->stop, 1);
	pthread_join(r->thread, NULL);
	for (unsigned int i = 0; i < r->num_workers; i++) {
		struct door_worker *w = &r->workers[i];

		if (w->listener)
			pthread_join(w->thread, NULL);
		fabric_listener_free(w->listener);
		fabric_close(w->fabric);
	}
	fabric_listener_free(r->listener);
	fabric_close(r->fabric);
	close(r->stop);
}
