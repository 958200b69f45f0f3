/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a connection, sending on it, and what comes.
 *
 * A call is in the table from enter to its end; whoever takes it out (the reader with the reply, a thread
 * that gives it up, or who finds the connection lost) does so under the lock, and then its memory is its
 * thread's again. The one exception is a call whose bytes are being received in place: it stays until they
 * are there or the reader has given up.
 */
#include "rpc/client/conn.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sys.h"
#include "rpc/client/buffers.h"
#include "rpc/client/call.h"
#include "rpc/client/events.h"
#include "rpc/client/host.h"
#include "rpc/client/role.h"
#include "wire/bytes.h"
#include "wire/ops.h"
#include "wire/props.h"

#define GENERATIONS (1u << 24)
#define PLACE_OF(id) ((id) % WIRE_CALLS_MAX)
#define DRAIN_MAX 1024 /* frames at a time: what comes for ever shall not hold us for ever */

/* ---- life ---- */

static void *place_for(void *ctx, const struct wire_head *head, const unsigned char *fixed, size_t fixed_len,
		       size_t len);

/*
 * A server that cannot send what the device did takes nothing either: who sends a lot reads meanwhile. With
 * out_lock held; nothing that is read makes its reader send.
 */
static void read_while_stuck(void *ctx)
{
	conn_drain(ctx);
}

static struct conn *conn_free(struct conn *n)
{
	client_forget_conn(n);
	rpc_link_done(&n->link);
	if (n->forks == client_forks()) /* else it is a parent's, and goes on */
		direct_done(&n->direct);
	if (n->io_wake >= 0)
		sys_close(n->io_wake);
	if (n->io_timer >= 0)
		sys_close(n->io_timer);
	pthread_mutex_destroy(&n->lock);
	pthread_mutex_destroy(&n->handles_lock);
	pthread_mutex_destroy(&n->out_lock);
	free(n);
	return NULL;
}

struct conn *conn_new(struct remote_host *host, struct transport *t)
{
	const struct rpc_client_config *config = client_config(host->client);
	struct conn *n = calloc(1, sizeof(*n));

	if (!n) {
		transport_free(t);
		return NULL;
	}
	n->host = host;
	n->name = host->config->name;
	n->spin_ns = config->spin_ns;
	n->timeout_ns = config->timeout_ns;
	n->forks = client_forks();
	n->run = POSTED_ROOM;
	n->max_calls = WIRE_CALLS_MAX;
	n->io_asleep = true;
	atomic_init(&n->io_wake, -1);
	n->io_timer = -1;
	atomic_init(&n->refs, 1);
	pthread_mutex_init(&n->lock, NULL);
	pthread_mutex_init(&n->handles_lock, NULL);
	pthread_mutex_init(&n->out_lock, NULL);
	direct_init(&n->direct);
	if (rpc_link_init(&n->link, t))
		return conn_free(n);
	n->link.sink = place_for;
	n->link.sink_ctx = n;
	n->link.stuck = read_while_stuck;
	n->link.stuck_ctx = n;
	client_note_conn(n);
	return n;
}

struct conn *conn_get(struct conn *n)
{
	atomic_fetch_add(&n->refs, 1);
	return n;
}

void conn_put(struct conn *n)
{
	if (!n || atomic_fetch_sub(&n->refs, 1) != 1)
		return;
	if (n->forks == client_forks())
		io_stop(n);
	conn_free(n);
}

void conn_forked(struct conn *n)
{
	transport_forget(n->link.t);
	n->link.t = NULL;
	free(n->link.in);
	n->link.in = NULL;
	direct_forked(&n->direct);
}

uint32_t conn_bulk(const struct conn *n)
{
	uint32_t room = n->link.peer_max - 256;

	return room < WIRE_BULK ? room & ~4095u : WIRE_BULK;
}

/* ---- calls ---- */

int conn_enter(struct conn *n, struct call *c)
{
	uint32_t place;
	SCOPED_LOCK(&n->lock);

	if (n->lost)
		return -EPIPE;
	if (n->num_calls >= n->max_calls)
		return -EAGAIN;
	while (n->calls[n->next_place % WIRE_CALLS_MAX])
		n->next_place++;
	place = n->next_place++ % WIRE_CALLS_MAX;
	n->generations[place] = (n->generations[place] + 1) % GENERATIONS;
	if (!n->generations[place])
		n->generations[place] = 1;
	n->calls[place] = c;
	n->num_calls++;
	c->head.id = n->generations[place] * WIRE_CALLS_MAX + place;
	return 0;
}

static struct call *find(struct conn *n, uint32_t id)
{
	struct call *c = n->calls[PLACE_OF(id)];

	return c && c->head.id == id ? c : NULL;
}

/* Out of the table and of those that wait for the role. */
static void take_out(struct conn *n, struct call *c)
{
	n->calls[PLACE_OF(c->head.id)] = NULL;
	n->num_calls--;
	role_forget(n, c);
}

static void fail(struct conn *n, struct call *c, int error)
{
	take_out(n, c);
	c->result = error == ENOMEM ? FPGA_NO_MEMORY : FPGA_EXCEPTION;
	c->error = (uint32_t)error;
	wire_reader_init(&c->reply, NULL, 0, NULL);
	role_done(c);
}

/* The call that bytes are received for is the reader's to fail: they go into its memory. */
static void tell_all(struct conn *n, bool reader)
{
	bool first;

	pthread_mutex_lock(&n->lock);
	first = !n->lost;
	n->lost = true;
	if (reader)
		n->placing = NULL;
	for (uint32_t i = 0; i < WIRE_CALLS_MAX; i++)
		if (n->calls[i] && n->calls[i] != n->placing)
			fail(n, n->calls[i], EPIPE);
	pthread_mutex_unlock(&n->lock);
	if (!first)
		return;
	client_events_lost(n);
	io_kick(n);
}

void conn_break(struct conn *n, int rc)
{
	if (n->forks != client_forks())
		return;
	rpc_link_break(&n->link, rc);
	direct_shutdown(&n->direct);
	tell_all(n, false);
}

/* Can something be sent without waiting for the other end? What is wrong with the socket the send finds. */
static bool takes(const struct conn *n)
{
	return transport_has_room(n->link.t, 0);
}

int conn_send(struct conn *n, const struct iovec *iov, int iovs, int64_t deadline, bool at_once)
{
	int rc;

	if (!at_once)
		pthread_mutex_lock(&n->out_lock);
	else if (pthread_mutex_trylock(&n->out_lock))
		return -EAGAIN;
	if (at_once && !takes(n)) {
		pthread_mutex_unlock(&n->out_lock);
		return -EAGAIN;
	}
	rc = post_send(n, iov, iovs, deadline);
	pthread_mutex_unlock(&n->out_lock);
	if (rc)
		conn_break(n, rc);
	return rc;
}

/* ---- replies ---- */

static void *place_for(void *ctx, const struct wire_head *head, const unsigned char *fixed, size_t fixed_len,
		       size_t len)
{
	struct conn *n = ctx;
	struct call *c;
	SCOPED_LOCK(&n->lock);

	(void)fixed;
	(void)fixed_len;
	c = head->flags & WIRE_REPLY ? find(n, head->id) : NULL;
	if (!c || c->head.op != head->op || !c->place || len > c->place_len)
		return NULL;
	n->placing = c;
	return c->place;
}

/* A reply "b" whose bytes have a place. */
static bool take_bytes(struct call *c, const struct rpc_frame *f)
{
	wire_reader_init(&c->reply, NULL, 0, NULL);
	if (f->placed) {
		c->placed = f->placed_len;
		return f->placed == c->place;
	}
	if (f->body_len < 4 || bytes_get32(f->body) > f->body_len - 4 || bytes_get32(f->body) > c->place_len)
		return false;
	c->placed = bytes_get32(f->body);
	memcpy(c->place, f->body + 4, c->placed);
	return true;
}

/* 0, or an errno. */
static int take_reply(struct call *c, const struct rpc_frame *f)
{
	const char *form = wire_op_info(c->head.op)->reply;
	unsigned char *to = c->back;

	c->result = (fpga_result)f->head.budget;
	c->error = f->head.error;
	if ((unsigned int)c->result > FPGA_RECONF_ERROR || f->placed_len > c->place_len)
		return EPROTO;
	if (c->result == FPGA_OK && c->place)
		return take_bytes(c, f) ? 0 : EPROTO;
	if (f->body_len > sizeof(c->back))
		to = c->answer = malloc(f->body_len);
	if (!to)
		return ENOMEM;
	memcpy(to, f->body, f->body_len);
	wire_reader_init(&c->reply, to, f->body_len, c->result == FPGA_OK ? form : "s");
	return 0;
}

static int take_part(struct call *c, const struct rpc_frame *f)
{
	struct wire_reader r;

	if (!c->part || f->head.budget != FPGA_OK)
		return EPROTO;
	wire_reader_init(&r, f->body, f->body_len, wire_op_info(c->head.op)->reply);
	c->part(c->part_ctx, &r);
	return r.bad ? EPROTO : 0;
}

/* Its thread may ask for the role meanwhile. Nobody frees it, for it is not done. */
static int tell_arrived(struct conn *n, struct call *c)
{
	bool fine;

	pthread_mutex_unlock(&n->lock);
	fine = c->arrived(c->arrived_ctx, c);
	pthread_mutex_lock(&n->lock);
	role_forget(n, c);
	return fine ? 0 : -EPROTO;
}

/* One that nobody waits for came too late. -EPROTO: the other end is confused. */
static int replied(struct conn *n, const struct rpc_frame *f)
{
	struct call *c;
	int error, rc = 0;
	SCOPED_LOCK(&n->lock);

	c = find(n, f->head.id);
	n->placing = NULL;
	if (!c)
		return 0;
	if (c->head.op != f->head.op)
		return -EPROTO;
	error = f->head.flags & WIRE_MORE ? take_part(c, f) : take_reply(c, f);
	if (error) {
		fail(n, c, error);
	} else if (!(f->head.flags & WIRE_MORE)) {
		take_out(n, c);
		rc = c->arrived ? tell_arrived(n, c) : 0;
		role_done(c);
	}
	return rc;
}

/* ---- what comes by itself ---- */

/* False: it makes no sense. What is of no handle any more is late. */
static bool pushed_handle(struct conn *n, const struct rpc_frame *f, struct wire_reader *r)
{
	struct remote_handle *h;
	uint64_t a, b;
	SCOPED_LOCK(&n->handles_lock);

	for (h = n->handles; h && h->id != f->head.object; h = h->next)
		;
	if (!h)
		return true;
	if (f->head.op == WIRE_DATA)
		return client_buffers_data(h->buffers, r);
	if (f->head.op == WIRE_FETCH)
		return client_buffers_fetch(h->buffers, r);
	if (f->head.op == WIRE_STALE)
		return client_buffers_stale(h->buffers, r);
	if (f->head.op == WIRE_CUT)
		return client_buffers_cut(h->buffers, r);
	if (f->head.op == WIRE_FAILED) {
		atomic_store_explicit(&h->failed, true, memory_order_relaxed);
		return true;
	}
	a = wire_get_u64(r);
	b = wire_get_u64(r);
	if (r->bad)
		return false;
	if (f->head.op == WIRE_EVENT)
		client_event_came(n, a, b);
	if (f->head.op == WIRE_PROGRESS)
		atomic_store(&h->progress_at, clock_now_ns());
	return true;
}

static bool pushed_change(struct conn *n, const struct rpc_frame *f, struct wire_reader *r)
{
	struct remote_object o = { .id = f->head.object };
	uint32_t what = wire_get_u32(r);

	o.parent = wire_get_u64(r);
	wire_get_props(r, &o.props);
	if (r->bad || !o.id)
		return false;
	host_changed(n->host, n, what, &o);
	return true;
}

static int pushed(struct conn *n, const struct rpc_frame *f)
{
	const struct wire_op_info *op = wire_op_info(f->head.op);
	struct wire_reader r;

	if (!op) /* of a later version */
		return 0;
	if (op->kind != WIRE_KIND_PUSH || f->placed)
		return -EPROTO;
	wire_reader_init(&r, f->body, f->body_len, op->reply);
	if (f->head.op == WIRE_CHANGED)
		return pushed_change(n, f, &r) ? 0 : -EPROTO;
	return pushed_handle(n, f, &r) ? 0 : -EPROTO;
}

static int dispatch(struct conn *n, const struct rpc_frame *f)
{
	if (f->head.flags & WIRE_REPLY)
		return replied(n, f);
	return f->head.flags & WIRE_ONE_WAY ? pushed(n, f) : -EPROTO;
}

/* ---- reading ---- */

/* The reader has found the connection lost. */
static void lost(struct conn *n, int rc)
{
	rpc_link_break(&n->link, rc);
	direct_shutdown(&n->direct);
	tell_all(n, true);
}

static bool is_done(struct call *c)
{
	return atomic_load_explicit(&c->state, memory_order_acquire) == CALL_DONE;
}

/* With the role: until the call is done, its time is up, or the connection lost. */
static void read_until_done(struct conn *n, struct call *c)
{
	struct rpc_frame f;

	while (!is_done(c)) {
		int rc = rpc_link_next(&n->link, &f, n->spin_ns, c->deadline);

		if (rc == -ETIMEDOUT && !conn_lost(n))
			return;
		if (!rc)
			rc = dispatch(n, &f);
		if (rc) {
			lost(n, rc);
			return;
		}
		if (!is_done(c) && clock_now_ns() >= c->deadline)
			return;
	}
}

/* With the role, before it is left: frames that came along with others. Nobody would be woken for them. */
static void read_rest(struct conn *n)
{
	struct rpc_frame f;
	int rc = conn_lost(n) ? 0 : 1;

	for (unsigned int i = 0; rc > 0 && i < DRAIN_MAX; i++) {
		rc = transport_pending(n->link.t) ? rpc_link_read(&n->link, &f) :
						    rpc_link_read_rest(&n->link, &f);
		if (rc > 0 && dispatch(n, &f))
			rc = -EPROTO;
	}
	if (rc < 0)
		lost(n, rc);
	else if (rc)
		io_kick(n); /* it goes on there */
}

/* Its time is up, and there was no sign of life by which it has more. */
static bool is_late(struct call *c)
{
	int64_t now = clock_now_ns(), later;

	if (now >= c->deadline && c->alive_at) {
		later = atomic_load(c->alive_at) + c->timeout_ns;
		if (later > c->deadline)
			c->deadline = later;
	}
	return now >= c->deadline;
}

/* Its time is up. */
static void give_up(struct conn *n, struct call *c, bool reader)
{
	bool placing;

	pthread_mutex_lock(&n->lock);
	placing = n->placing == c;
	if (!placing && find(n, c->head.id) == c)
		fail(n, c, ETIMEDOUT);
	role_pass(n);
	pthread_mutex_unlock(&n->lock);
	if (!placing)
		return;
	/* Half of its bytes came, and then no more: what follows could not be told from them. */
	if (reader)
		lost(n, -ETIMEDOUT);
	else
		conn_break(n, -ETIMEDOUT);
	c->deadline = INT64_MAX; /* the reader gives up at once, and says so */
}

void conn_await(struct conn *n, struct call *c)
{
	atomic_fetch_add_explicit(&n->waiters, 1, memory_order_relaxed);
	while (!is_done(c)) {
		bool reader = role_take(n, c);

		if (reader)
			read_until_done(n, c);
		else
			role_sleep(n, c);
		if (!is_done(c) && is_late(c))
			give_up(n, c, reader);
		if (reader) {
			read_rest(n);
			role_leave(n);
		}
	}
	atomic_fetch_add_explicit(&n->waits, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&n->waiters, 1, memory_order_relaxed);
}

void conn_leave(struct conn *n, struct call *c)
{
	bool placing, there;

	pthread_mutex_lock(&n->lock);
	placing = n->placing == c;
	there = find(n, c->head.id) == c;
	if (!placing && there)
		take_out(n, c);
	pthread_mutex_unlock(&n->lock);
	while (!there && !is_done(c)) /* its reply is there, and being looked at */
		sched_yield();
	if (!placing)
		return;
	conn_break(n, -EPROTO); /* nothing could tell what follows; and the reader lets go at once */
	conn_await(n, c);
}

void conn_drain(struct conn *n)
{
	struct rpc_frame f;
	int rc = 1;

	if (n->forks != client_forks() || !role_take(n, NULL))
		return;
	for (unsigned int i = 0; rc > 0 && i < DRAIN_MAX; i++) {
		rc = rpc_link_read(&n->link, &f);
		if (rc > 0 && dispatch(n, &f))
			rc = -EPROTO;
	}
	if (rc < 0)
		lost(n, rc);
	read_rest(n);
	role_leave(n);
}

/* ---- handles ---- */

void conn_handle_enter(struct conn *n, struct remote_handle *h)
{
	SCOPED_LOCK(&n->handles_lock);

	h->next = n->handles;
	n->handles = h;
}

void conn_handle_leave(struct conn *n, struct remote_handle *h)
{
	SCOPED_LOCK(&n->handles_lock);

	for (struct remote_handle **at = &n->handles; *at; at = &(*at)->next)
		if (*at == h) {
			*at = h->next;
			return;
		}
}

bool conn_has_open(struct conn *n, uint64_t token)
{
	SCOPED_LOCK(&n->handles_lock);

	for (const struct remote_handle *h = n->handles; h; h = h->next)
		if (h->token == token)
			return true;
	return false;
}
