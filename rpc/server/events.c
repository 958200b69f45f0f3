/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each registration has an event of the served table of its own. The thread sleeps in poll(2) without the
 * lock, and tells what it found with it: so an event that is not in the list any more is not told.
 */
#include "rpc/server/events.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "base/thread.h"
#include "rpc/server/buffers.h"
#include "rpc/server/session.h"
#include "wire/bytes.h"

struct registration {
	struct session_handle *h;
	fpga_event_type type;
	uint64_t number; /* the client's */
	fpga_event_handle eh;
	int fd; /* the event's */
};

struct session_events {
	struct rpc_session *s;
	pthread_mutex_t lock; /* guards the list, and telling */
	struct registration *list[EVENTS_MAX];
	uint32_t num;
	int wake; /* eventfd: the list is another, or the end */
	atomic_bool stop;
	bool runs; /* the dispatch thread's */
	pthread_t thread;
};

struct session_events *events_new(struct rpc_session *s)
{
	struct session_events *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->s = s;
	e->wake = -1;
	pthread_mutex_init(&e->lock, NULL);
	return e;
}

/* ---- telling ---- */

static uint32_t to_poll(struct session_events *e, struct pollfd fds[EVENTS_MAX + 1])
{
	fds[0] = (struct pollfd){ .fd = e->wake, .events = POLLIN };
	for (uint32_t i = 0; i < e->num; i++)
		fds[i + 1] = (struct pollfd){ .fd = e->list[i]->fd, .events = POLLIN };
	return e->num + 1;
}

static int tell(struct session_events *e, const struct registration *r)
{
	unsigned char body[16];
	uint64_t count;
	int rc;

	if (sys_read(r->fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	rc = buffers_tell(r->h->buffers);
	if (rc)
		return rc;
	bytes_put64(body, r->number);
	bytes_put64(body + 8, count);
	return session_push(e->s, WIRE_EVENT, r->h->id, body, sizeof(body), NULL, 0);
}

/* Tells all that is there now. */
static int tell_all(struct session_events *e)
{
	struct pollfd fds[EVENTS_MAX + 1];
	uint32_t num;
	int rc = 0;
	SCOPED_LOCK(&e->lock);

	num = to_poll(e, fds);
	if (sys_poll(fds, num, 0) <= 0)
		return 0;
	for (uint32_t i = 1; i < num && !rc; i++)
		if (fds[i].revents & POLLIN)
			rc = tell(e, e->list[i - 1]);
	return rc;
}

static void *run(void *arg)
{
	struct session_events *e = arg;
	struct pollfd fds[EVENTS_MAX + 1];
	eventfd_t told;

	while (!atomic_load(&e->stop)) {
		uint32_t num;

		pthread_mutex_lock(&e->lock);
		num = to_poll(e, fds);
		pthread_mutex_unlock(&e->lock);
		if (sys_poll(fds, num, -1) <= 0)
			continue;
		if (fds[0].revents)
			eventfd_read(e->wake, &told);
		if (tell_all(e))
			break; /* the link is broken */
	}
	return NULL;
}

void events_turn(struct session_events *e)
{
	if (e->num)
		tell_all(e);
}

/* ---- the list ---- */

/* Of the session's dispatch thread. */
static int need_thread(struct session_events *e)
{
	int rc;

	if (e->runs || !e->s->threads)
		return 0;
	if (e->wake < 0)
		e->wake = sys_eventfd(0, EFD_NONBLOCK);
	if (e->wake < 0)
		return e->wake;
	rc = thread_start(&e->thread, NULL, run, e);
	e->runs = !rc;
	return rc;
}

static void changed(struct session_events *e)
{
	if (e->runs)
		eventfd_write(e->wake, 1);
}

static void forget(struct rpc_session *s, struct registration *r)
{
	s->table->fpgaUnregisterEvent(r->h->handle, r->type, r->eh);
	s->table->fpgaDestroyEventHandle(&r->eh);
	free(r);
}

/* Takes the first out that is this handle's and, unless NULL, of this type and number. */
static struct registration *take(struct session_events *e, const struct session_handle *h,
				 const fpga_event_type *type, uint64_t number)
{
	SCOPED_LOCK(&e->lock);

	for (uint32_t i = 0; i < e->num; i++) {
		struct registration *r = e->list[i];

		if (r->h != h || (type && (r->type != *type || r->number != number)))
			continue;
		e->list[i] = e->list[--e->num];
		return r;
	}
	return NULL;
}

void events_drop_handle(struct session_events *e, struct session_handle *h)
{
	struct registration *r;

	while ((r = take(e, h, NULL, 0)))
		forget(e->s, r);
	changed(e);
}

void events_free(struct session_events *e)
{
	if (!e)
		return;
	atomic_store(&e->stop, true);
	changed(e);
	if (e->runs)
		pthread_join(e->thread, NULL);
	while (e->num)
		forget(e->s, e->list[--e->num]);
	if (e->wake >= 0)
		sys_close(e->wake);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

/* ---- the calls ---- */

static bool known(struct session_events *e, uint64_t number)
{
	SCOPED_LOCK(&e->lock);

	for (uint32_t i = 0; i < e->num; i++)
		if (e->list[i]->number == number)
			return true;
	return false;
}

static fpga_result register_it(struct rpc_session *s, struct registration *r, uint32_t flags)
{
	fpga_result res = s->table->create_event(s->table->instance, &r->eh);

	if (res != FPGA_OK)
		return res;
	res = s->table->fpgaRegisterEvent(r->h->handle, r->type, r->eh, flags);
	if (res == FPGA_OK) {
		res = s->table->fpgaGetOSObjectFromEventHandle(r->eh, &r->fd);
		if (res != FPGA_OK)
			s->table->fpgaUnregisterEvent(r->h->handle, r->type, r->eh);
	}
	if (res != FPGA_OK)
		s->table->fpgaDestroyEventHandle(&r->eh);
	return res;
}

fpga_result serve_EVENT_REGISTER(struct rpc_session *s, struct request *q)
{
	struct session_events *e = session_events(s);
	uint32_t type = wire_get_u32(&q->in), flags = wire_get_u32(&q->in);
	uint64_t number = wire_get_u64(&q->in);
	struct registration *r;
	fpga_result res;

	if (q->in.bad)
		return request_bad(q);
	if (known(e, number))
		return request_fail(q, FPGA_INVALID_PARAM, "the event number %llu is in use",
				    (unsigned long long)number);
	if (e->num >= s->options.max_events)
		return request_fail(q, FPGA_NO_MEMORY, "%u events are registered, and there are no more in a "
				    "session", e->num);
	r = calloc(1, sizeof(*r));
	if (!r || need_thread(e)) {
		free(r);
		return request_fail(q, FPGA_NO_MEMORY, "no memory, descriptor or thread for an event");
	}
	*r = (struct registration){ .h = q->handle, .type = (fpga_event_type)type, .number = number };
	res = register_it(s, r, flags);
	if (res != FPGA_OK) {
		free(r);
		return res;
	}
	pthread_mutex_lock(&e->lock);
	e->list[e->num++] = r;
	pthread_mutex_unlock(&e->lock);
	changed(e);
	return FPGA_OK;
}

fpga_result serve_EVENT_UNREGISTER(struct rpc_session *s, struct request *q)
{
	fpga_event_type type = (fpga_event_type)wire_get_u32(&q->in);
	uint64_t number = wire_get_u64(&q->in);
	struct registration *r;

	if (q->in.bad)
		return request_bad(q);
	r = take(session_events(s), q->handle, &type, number);
	if (!r)
		request_names(q, "event", number);
	if (!r)
		return request_fail(q, FPGA_INVALID_PARAM, "the event is not registered with this handle");
	changed(session_events(s));
	forget(s, r);
	return FPGA_OK;
}
