/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The watcher: one thread of an open device. It notices the end of the connection while no call
 * is under way, and serves the server's DMA messages on the twin socket. Without a twin it looks at
 * the main socket, under the call lock, and only while there are ranges that need messages.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "vfio-user/client-internal.h"

enum { WAKE, MAIN, TWIN, WATCHED };

static int serve_twin(struct vu_client *c)
{
	int rc = vu_inbox_read(&c->twin_inbox, c->twin);

	if (rc <= 0)
		return rc;
	if ((c->twin_inbox.head.flags & VU_FLAG_TYPE) == VU_FLAG_REPLY)
		return -EPROTO;
	rc = vu_client_serve(c, c->twin, &c->twin_inbox,
			     clock_deadline(c->opt.call_timeout_ns));
	vu_inbox_next(&c->twin_inbox);
	return rc;
}

static int serve_main(struct vu_client *c)
{
	SCOPED_LOCK(&c->call_lock);

	return vu_client_drain(c);
}

static short main_events(struct vu_client *c)
{
	return c->twin < 0 && atomic_load(&c->message_maps) ? POLLRDHUP | POLLIN : POLLRDHUP;
}

static void *watch(void *arg)
{
	struct vu_client *c = arg;
	struct pollfd p[WATCHED] = {
		[WAKE] = { .fd = c->wake, .events = POLLIN },
		[MAIN] = { .fd = c->socket },
		[TWIN] = { .fd = c->twin, .events = POLLIN },
	};
	eventfd_t ignored;
	int rc = 0;

	while (!rc && !atomic_load(&c->dead)) {
		p[MAIN].events = main_events(c);
		if (sys_poll(p, WATCHED, -1) < 0)
			continue;
		if (p[WAKE].revents)
			eventfd_read(c->wake, &ignored);
		if (atomic_load(&c->stopping))
			return NULL;
		if (p[MAIN].revents & POLLIN)
			rc = serve_main(c);
		else if (p[MAIN].revents)
			rc = -ENOTCONN;
		if (!rc && p[TWIN].fd >= 0 && p[TWIN].revents)
			rc = serve_twin(c);
	}
	if (rc)
		vu_client_die(c, rc == -EPROTO ? "the device's server broke the protocol" :
						 "the device's server has gone");
	return NULL;
}

int vu_client_watch(struct vu_client *c)
{
	int rc;

	c->wake = sys_eventfd(0, 0);
	if (c->wake < 0)
		return c->wake;
	rc = thread_start(&c->watcher, NULL, watch, c);
	c->watching = !rc;
	return rc;
}

void vu_client_watch_wake(struct vu_client *c)
{
	if (c->wake >= 0)
		eventfd_write(c->wake, 1);
}

void vu_client_watch_stop(struct vu_client *c)
{
	atomic_store(&c->stopping, true);
	vu_client_watch_wake(c);
	if (c->watching && c->forks == vu_client_forks()) /* a fork has no such thread */
		pthread_join(c->watcher, NULL);
	c->watching = false;
	if (c->wake >= 0)
		sys_close(c->wake);
	c->wake = -1;
}
