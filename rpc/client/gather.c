/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An enumeration asks all hosts at once: one thread, which waits for all of them together.
 *
 * A host is in one of these states:
 *
 *     connecting --> greeting (HELLO) --> listing (ENUMERATE) --> done
 *         |               |                    |
 *         +---------------+--------------------+--> failed, with the reason
 *
 * and one that has a connection begins with listing; when nothing can be sent on it now, because another
 * thread sends a lot or the server is behind, it waits for its turn and is tried again. Who has not answered
 * in time stays as he is, and the next enumeration goes on there: that is how a slow host comes back without
 * anybody waiting for it. What is under way for ASK_MAX_NS is begun anew, for a connection that was sent into
 * silence tries again more and more seldom.
 *
 * How long is waited: hosts that were never heard of, or answered the last time, get connect_ns. Those that
 * were down cost at most LATE_NS more than the others take; when there are no others, ALONE_NS.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "rpc/client/conn.h"
#include "rpc/client/host.h"
#include "wire/props.h"

#define ASK_MAX_NS (3 * NS_PER_S)
#define LATE_NS (15 * NS_PER_MS)
#define ALONE_NS (250 * NS_PER_MS)
#define OTHERS_NS (20 * NS_PER_US) /* a descriptor that another thread reads is let alone for so long */

static bool is_open(const struct remote_host *h)
{
	return h->ask && h->ask->state < ASK_DONE;
}

/* ---- what a host is asked ---- */

#define HINTS_MAX 16u /* filters; whoever has more gets everything and sifts it */

/* The filter as the host's server understands it. False: nothing of this host's matches. */
static bool hint_for(const struct remote_host *h, const struct opae_props *f, struct opae_props *ret)
{
	const struct remote_token *parent = f->parent;

	if (f->valid & OPAE_PROP_PARENT && (!parent || parent->host != h))
		return false;
	if (f->valid & OPAE_PROP_HOSTNAME && strcmp(f->hostname, h->config->name))
		return false;
	*ret = *f;
	ret->segment = (uint16_t)(f->segment - h->config->segment);
	ret->valid &= ~(uint32_t)(OPAE_PROP_PARENT | OPAE_PROP_HOSTNAME | OPAE_PROP_OBJECT_ID);
	return true;
}

static bool may_have(const struct gather *g, const struct remote_host *h)
{
	struct opae_props hint;

	for (uint32_t i = 0; i < g->num_filters; i++)
		if (hint_for(h, &g->filters[i], &hint))
			return true;
	return !g->num_filters;
}

/* Puts the filters; false: it is better asked for all that it has. */
static bool put_hints(const struct gather *g, const struct remote_host *h, struct call *c)
{
	struct opae_props hint;
	bool any = false;

	if (h->down || g->num_filters > HINTS_MAX) /* a late answer must be of use to whoever takes it */
		return false;
	for (uint32_t i = 0; i < g->num_filters; i++) {
		if (!hint_for(h, &g->filters[i], &hint))
			continue;
		if (!hint.valid)
			return false;
		wire_put_props(&c->body, &hint);
		any = true;
	}
	return any;
}

/* ---- steps ---- */

static void move(struct gather *g, struct ask *a, enum ask_state state)
{
	a->state = state;
	a->ready = true;
	a->started = clock_now_ns();
	g->moved = true;
}

static void failed(struct gather *g, struct ask *a, const char *why)
{
	snprintf(a->why, sizeof(a->why), "%s", why);
	move(g, a, ASK_FAILED);
}

static void take_objects(void *ctx, struct wire_reader *r)
{
	struct object_list *l = ctx;

	while (wire_more(r)) {
		struct remote_object o = { .id = wire_get_u64(r) };

		o.parent = wire_get_u64(r);
		wire_get_props(r, &o.props);
		if (!r->bad && (!o.id || !list_add(l, &o)))
			r->bad = l->bad = true;
	}
}

static void begin_connecting(struct gather *g, struct remote_host *h)
{
	struct ask *a = h->ask;
	char text[ASK_WHY_MAX];
	const struct dial_to to = host_dial_to(h);
	int64_t connect_ns = client_config(g->client)->connect_ns;
	int rc = dial_start(&to, clock_deadline(connect_ns > ASK_MAX_NS ? connect_ns : ASK_MAX_NS), &a->dial);

	if (!rc) {
		move(g, a, ASK_CONNECTING);
		return;
	}
	snprintf(text, sizeof(text), "%s: %s", h->config->name, strerror(-rc));
	failed(g, a, text);
}

/* A call failed. If on a connection that was there before: the server had gone, and may be there again. */
static void call_failed(struct gather *g, struct remote_host *h)
{
	struct ask *a = h->ask;

	failed(g, a, said());
	if (!a->reused || !conn_lost(a->conn))
		return;
	a->reused = false;
	conn_put(a->conn);
	a->conn = NULL;
	begin_connecting(g, h);
}

static void start(struct gather *g, struct remote_host *h, enum ask_state state)
{
	struct ask *a = h->ask;
	fpga_result r;

	a->call.wake = g->client->wake;
	r = call_start(&a->call);
	if (r == FPGA_OK) {
		a->fresh |= state == ASK_LISTING;
		move(g, a, state);
		return;
	}
	call_end(&a->call, FPGA_EXCEPTION);
	if (r != FPGA_BUSY || !a->call.at_once)
		call_failed(g, h);
	else if (a->state != ASK_TURN)
		move(g, a, ASK_TURN);
}

static void begin_listing(struct gather *g, struct remote_host *h)
{
	struct ask *a = h->ask;

	call_begin(&a->call, a->conn, WIRE_ENUMERATE, 0);
	call_room(&a->call, HINTS_MAX * (size_t)512);
	a->filtered = put_hints(g, h, &a->call);
	if (!a->filtered)
		a->call.body.len = 0;
	a->call.at_once = true;
	a->call.part = take_objects;
	a->call.part_ctx = &a->list;
	list_done(&a->list);
	start(g, h, ASK_LISTING);
}

static void begin_greeting(struct gather *g, struct remote_host *h, struct transport *t)
{
	struct ask *a = h->ask;

	dial_free(a->dial);
	a->dial = NULL;
	a->conn = conn_new(h, t);
	if (!a->conn) {
		failed(g, a, "no memory for a connection");
		return;
	}
	host_greet_begin(&a->call, a->conn);
	start(g, h, ASK_GREETING);
}

static bool answered(struct ask *a)
{
	conn_drain(a->conn);
	return atomic_load_explicit(&a->call.state, memory_order_acquire) == CALL_DONE;
}

static void step_connecting(struct gather *g, struct remote_host *h)
{
	struct transport *t;
	int rc = dial_step(h->ask->dial, &t);

	if (rc < 0)
		failed(g, h->ask, dial_why(h->ask->dial));
	else if (rc)
		begin_greeting(g, h, t);
}

static void step_greeting(struct gather *g, struct remote_host *h)
{
	struct ask *a = h->ask;

	if (!answered(a))
		return;
	if (host_greet_end(&a->call, call_finish(&a->call)) != FPGA_OK) {
		failed(g, a, said());
		return;
	}
	host_set_conn(h, a->conn);
	h->silent = false;
	begin_listing(g, h);
}

/* The answer came, whatever it is. */
static void step_listing(struct gather *g, struct remote_host *h)
{
	struct ask *a = h->ask;
	fpga_result r;

	if (!answered(a))
		return;
	r = call_finish(&a->call);
	if (r == FPGA_OK)
		take_objects(&a->list, &a->call.reply);
	r = call_end(&a->call, r);
	if (a->list.bad) {
		r = say_host(a->conn, FPGA_EXCEPTION, "its list of devices makes no sense, or is too long");
		conn_break(a->conn, -EPROTO); /* more of it may be on its way */
	}
	if (r == FPGA_OK) {
		move(g, a, ASK_DONE);
		return;
	}
	call_failed(g, h);
}

static void step(struct gather *g, struct remote_host *h)
{
	if (!h->ask || !h->ask->ready)
		return;
	if (is_open(h) && h->ask->state == ASK_CONNECTING)
		step_connecting(g, h);
	if (is_open(h) && h->ask->state == ASK_GREETING)
		step_greeting(g, h);
	if (is_open(h) && h->ask->state == ASK_TURN)
		begin_listing(g, h);
	if (is_open(h) && h->ask->state == ASK_LISTING)
		step_listing(g, h);
}

/* ---- beginning and end ---- */

void gather_drop(struct remote_host *h)
{
	struct ask *a = h->ask;

	h->ask = NULL;
	if (!a)
		return;
	if (a->state == ASK_GREETING || a->state == ASK_LISTING) {
		conn_leave(a->conn, &a->call);
		call_end(&a->call, FPGA_EXCEPTION);
	}
	dial_free(a->dial);
	conn_put(a->conn);
	list_done(&a->list);
	free(a);
}

static bool begin_ask(struct gather *g, struct remote_host *h)
{
	h->ask = calloc(1, sizeof(*h->ask));
	if (!h->ask)
		return false;
	h->ask->conn = h->silent ? NULL : host_conn(h);
	h->ask->reused = h->ask->conn;
	if (h->ask->conn)
		begin_listing(g, h);
	else
		begin_connecting(g, h);
	return true;
}

/*
 * What an earlier enumeration has begun. Its answer is taken if it tells all that there is, and not long
 * ago; another shows that the host is there, and it is asked again.
 */
static void go_on(struct gather *g, struct remote_host *h)
{
	int64_t begun = h->ask->started;
	bool old = g->start - begun > ASK_MAX_NS;

	h->ask->fresh = false;
	h->ask->ready = true;
	step(g, h);
	if (is_open(h) && (!old || h->ask->fresh))
		return;
	if (h->ask->state == ASK_DONE && !old && !h->ask->filtered)
		return;
	h->silent = is_open(h);
	if (h->ask->state == ASK_DONE)
		h->down = false;
	gather_drop(h);
}

static bool begin(struct gather *g, struct remote_host *h)
{
	h->asked = may_have(g, h);
	if (!h->asked)
		return true;
	if (h->ask)
		go_on(g, h);
	g->live += !h->down;
	return h->ask || begin_ask(g, h);
}

/* ---- waiting ---- */

/* When to stop waiting; 0: nobody is waited for. */
static int64_t until(struct gather *g)
{
	const struct rpc_client_config *config = client_config(g->client);
	int64_t longest = g->start + config->connect_ns, end;
	bool any = false, live = false;

	for (unsigned int i = 0; i < config->num_hosts; i++) {
		const struct remote_host *h = &g->client->hosts[i];

		if (!h->asked || !is_open(h))
			continue;
		any = true;
		live |= !h->down;
	}
	if (!any)
		return 0;
	if (live)
		return longest;
	if (!g->live_done)
		g->live_done = clock_now_ns();
	end = g->live ? g->live_done + LATE_NS : g->start + ALONE_NS;
	return end < longest ? end : longest;
}

static bool is_waited_for(const struct remote_host *h)
{
	return h->asked && is_open(h);
}

/* What to poll for, and for how many milliseconds at most: as transport_poll_for(). */
static int poll_for(const struct ask *a, struct pollfd *ret)
{
	if (a->state != ASK_CONNECTING)
		return transport_poll_for(a->conn->link.t, a->state == ASK_TURN ? POLLOUT : POLLIN, ret);
	*ret = (struct pollfd){ .events = POLLIN };
	ret->fd = dial_fd(a->dial, &ret->events);
	return clock_left_ms(dial_due(a->dial));
}

/* Descriptors, the eventfd first; and for how long they may be polled, if that is less than *ms. */
static uint32_t fill_fds(const struct gather *g, struct pollfd *fds, int *ms)
{
	uint32_t n = 0;
	int most;

	fds[n++] = (struct pollfd){ .fd = g->client->wake, .events = POLLIN };
	for (unsigned int i = 0; i < client_config(g->client)->num_hosts; i++) {
		const struct remote_host *h = &g->client->hosts[i];

		if (!is_waited_for(h))
			continue;
		most = poll_for(h->ask, &fds[n++]);
		if (most < *ms)
			*ms = most;
	}
	return n;
}

/* Until something may go on. True: a descriptor says so, and not the eventfd alone. */
static bool wait(const struct gather *g, struct pollfd *fds, int64_t end)
{
	int ms = clock_left_ms(end);
	uint32_t n = fill_fds(g, fds, &ms), next = 1;
	struct pollfd again;
	eventfd_t rung;
	bool any = false;

	sys_poll(fds, n, ms);
	if (fds[0].revents)
		eventfd_read(fds[0].fd, &rung);
	for (unsigned int i = 0; i < client_config(g->client)->num_hosts; i++) {
		struct remote_host *h = &g->client->hosts[i];

		if (!is_waited_for(h))
			continue;
		h->ask->ready = fds[0].revents || fds[next].revents || !poll_for(h->ask, &again);
		any |= fds[next++].revents != 0;
	}
	return any;
}

static void wait_for_all(struct gather *g, struct pollfd *fds)
{
	bool ready = false;
	int64_t end;

	for (;;) {
		g->moved = false;
		for (unsigned int i = 0; i < client_config(g->client)->num_hosts; i++)
			if (g->client->hosts[i].asked)
				step(g, &g->client->hosts[i]);
		end = until(g);
		if (!end || clock_now_ns() >= end)
			return;
		if (g->moved)
			continue;
		if (ready) /* another thread is reading what came for us, or sends */
			clock_sleep_ns(OTHERS_NS);
		ready = wait(g, fds, end);
	}
}

/* ---- the outcome ---- */

/* Takes note of how the host stands. True: it has answered. */
static bool settle(struct remote_host *h)
{
	struct ask *a = h->ask;

	if (a->state == ASK_DONE) {
		h->down = h->silent = false;
		host_listed(h, &a->list, a->filtered);
		return true;
	}
	h->down = true;
	if (a->state != ASK_FAILED)
		snprintf(a->why, sizeof(a->why), "%s: %s for %lld ms", h->config->name,
			 a->state == ASK_CONNECTING ? "cannot be reached" : "is silent",
			 (long long)((clock_now_ns() - a->started) / NS_PER_MS));
	return false;
}

static void settle_all(struct gather *g)
{
	char text[WIRE_REASON_MAX] = "";
	unsigned int asked = 0, missing = 0;
	size_t len = 0;

	for (unsigned int i = 0; i < client_config(g->client)->num_hosts; i++) {
		struct remote_host *h = &g->client->hosts[i];

		if (!h->asked)
			continue;
		asked++;
		if (settle(h))
			continue;
		missing++;
		if (len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? "; " : "",
						h->ask->why);
		if (h->ask->state == ASK_FAILED)
			gather_drop(h);
	}
	if (missing)
		say(FPGA_OK, "%u of %u hosts do not answer: %s", missing, asked, text);
}

fpga_result gather_run(struct gather *g)
{
	const struct rpc_client_config *config = client_config(g->client);
	struct pollfd *fds = calloc((size_t)config->num_hosts + 1, sizeof(*fds));
	bool fine = fds != NULL;

	if (g->client->wake < 0)
		g->client->wake = sys_eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	fine = fine && g->client->wake >= 0;
	g->start = clock_now_ns();
	g->live_done = 0;
	g->live = 0;
	for (unsigned int i = 0; fine && i < config->num_hosts; i++)
		fine = begin(g, &g->client->hosts[i]);
	if (fine) {
		wait_for_all(g, fds);
		settle_all(g);
	}
	free(fds);
	return fine ? FPGA_OK : say(FPGA_NO_MEMORY, "no memory or no descriptor for an enumeration");
}
