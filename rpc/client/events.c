/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each registration has a number of its own, by which the far side's events find it. All of them are in one
 * list of the process, for an event handle belongs to no connection.
 */
#include "rpc/client/events.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "rpc/client/call.h"
#include "rpc/client/conn.h"
#include "rpc/client/table.h"

struct remote_event {
	int fd;
	atomic_uint refs; /* the program's, and one of each registration */
};

struct registration {
	struct registration *next;
	struct remote_handle *h;
	struct remote_event *e;
	fpga_event_type type;
	uint64_t number;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list and the count */
static struct registration *list;
static uint64_t last_number;

static void event_unref(struct remote_event *e)
{
	if (atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	sys_close(e->fd);
	free(e);
}

/* Never blocks: an eventfd whose count is at its end is ready in any case. */
static void count_up(const struct remote_event *e, uint64_t n)
{
	struct pollfd p = { .fd = e->fd, .events = POLLOUT };

	if (n && sys_poll(&p, 1, 0) > 0)
		eventfd_write(e->fd, n < UINT32_MAX ? n : UINT32_MAX);
}

void client_event_came(struct conn *conn, uint64_t event, uint64_t count)
{
	SCOPED_LOCK(&lock);

	for (const struct registration *r = list; r; r = r->next)
		if (r->number == event && r->h->conn == conn) {
			count_up(r->e, count);
			return;
		}
}

void client_events_lost(struct conn *conn)
{
	SCOPED_LOCK(&lock);

	for (const struct registration *r = list; r; r = r->next)
		if (r->h->conn == conn)
			count_up(r->e, 1);
}

/* ---- registrations ---- */

static void add(struct registration *r)
{
	SCOPED_LOCK(&lock);

	r->number = ++last_number;
	r->next = list;
	list = r;
	atomic_fetch_add(&r->e->refs, 1);
	atomic_fetch_add(&r->h->conn->events, 1);
}

/* The first that is this handle's and, unless e is NULL, of this event and type; out of the list. */
static struct registration *take(const struct remote_handle *h, const struct remote_event *e,
				 fpga_event_type type)
{
	SCOPED_LOCK(&lock);

	for (struct registration **at = &list; *at; at = &(*at)->next) {
		struct registration *r = *at;

		if (r->h != h || (e && (r->e != e || r->type != type)))
			continue;
		*at = r->next;
		atomic_fetch_sub(&r->h->conn->events, 1);
		return r;
	}
	return NULL;
}

static void forget(struct registration *r)
{
	event_unref(r->e);
	free(r);
}

/* One that the far side refused; it may have gone meanwhile. */
static void take_back(struct registration *which)
{
	struct registration **at = &list;

	pthread_mutex_lock(&lock);
	while (*at && *at != which)
		at = &(*at)->next;
	if (*at) {
		*at = which->next;
		atomic_fetch_sub(&which->h->conn->events, 1);
	}
	pthread_mutex_unlock(&lock);
	forget(which);
}

void client_events_drop(struct remote_handle *h)
{
	struct registration *r;

	while ((r = take(h, NULL, 0)))
		forget(r);
}

void client_events_forked(void)
{
	pthread_mutex_init(&lock, NULL);
	list = NULL;
}

/* ---- the calls ---- */

static fpga_result client_create_event(void *instance, fpga_event_handle *eh)
{
	struct remote_event *e = calloc(1, sizeof(*e));

	(void)instance;
	if (!e)
		return say(FPGA_NO_MEMORY, "no memory for an event");
	e->fd = sys_eventfd(0, 0);
	if (e->fd < 0) {
		free(e);
		return say(FPGA_NO_MEMORY, "no descriptor is left for an eventfd; see ulimit -n");
	}
	atomic_init(&e->refs, 1);
	*eh = e;
	return FPGA_OK;
}

static fpga_result client_destroy_event(fpga_event_handle *eh)
{
	event_unref(*eh);
	*eh = NULL;
	return FPGA_OK;
}

static fpga_result client_event_fd(const fpga_event_handle eh, int *fd)
{
	const struct remote_event *e = eh;

	*fd = e->fd;
	return FPGA_OK;
}

/* In the list before the far side knows, for its first event may come ahead of the reply. */
static fpga_result client_register_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh,
					 uint32_t flags)
{
	struct remote_handle *h = handle;
	struct registration *r;
	struct call c;
	fpga_result res = handle_check(h);

	if (res != FPGA_OK)
		return res;
	r = calloc(1, sizeof(*r));
	if (!r)
		return say(FPGA_NO_MEMORY, "fpgaRegisterEvent: no memory");
	*r = (struct registration){ .h = h, .e = eh, .type = type };
	add(r);
	call_begin(&c, h->conn, WIRE_EVENT_REGISTER, h->id);
	wire_put_u32(&c.body, (uint32_t)type);
	wire_put_u32(&c.body, flags);
	wire_put_u64(&c.body, r->number);
	res = call_end(&c, call_run(&c));
	if (res != FPGA_OK)
		take_back(r);
	return res;
}

static fpga_result tell_far(struct remote_handle *h, const struct registration *r)
{
	struct call c;

	call_begin(&c, h->conn, WIRE_EVENT_UNREGISTER, h->id);
	wire_put_u32(&c.body, (uint32_t)r->type);
	wire_put_u64(&c.body, r->number);
	return call_end(&c, call_run(&c));
}

/* All that the event asked for of this type, as for a local one: each of its interrupts. */
static fpga_result client_unregister_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh)
{
	struct remote_handle *h = handle;
	struct registration *r;
	fpga_result res = handle_check(h);
	bool any = false;

	if (!handle_is_ours(h))
		return res;
	while ((r = take(h, eh, type))) {
		fpga_result one = res == FPGA_OK ? tell_far(h, r) : res;

		any = true;
		res = one;
		forget(r);
	}
	if (!any && res == FPGA_OK)
		return say(FPGA_INVALID_PARAM,
			   "fpgaUnregisterEvent: the event is not registered with this handle");
	return res;
}

void client_fill_events(opae_api_adapter_table *t)
{
	t->create_event = client_create_event;
	t->fpgaDestroyEventHandle = client_destroy_event;
	t->fpgaGetOSObjectFromEventHandle = client_event_fd;
	t->fpgaRegisterEvent = client_register_event;
	t->fpgaUnregisterEvent = client_unregister_event;
}
