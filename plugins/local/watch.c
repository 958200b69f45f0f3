/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/local/watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/thread.h"
#include "plugins/local/mmio.h"

#define LOOK_MS 1000
#define UEVENT_GROUP 1u /* the kernel's own; udev's is 2 */

/*
 * Made at the first open, ended at a rest. All but the thread's own reading of it under the instance's lock.
 */
struct watch {
	struct instance *inst;
	pthread_t thread;
	pid_t pid;  /* that has the thread: a child of fork has not */
	int stop;   /* an eventfd */
	int uevents; /* a netlink socket, or -1 */
};

/* Lock held. */
static void give_up(struct handle *h)
{
	atomic_store(&h->dead, true);
	mmio_cover(h);
	debug("%s (%s) is gone", dfl_name(&h->token.dev), h->token.dev.address);
}

void watch_look(struct instance *inst)
{
	SCOPED_LOCK(&inst->lock);

	for (struct handle *h = inst->handles; h; h = h->next) {
		uint64_t identity;
		int rc;

		if (atomic_load(&h->dead))
			continue;
		rc = dfl_identity(&h->token.dev, &identity);
		/* Only what says so has gone: another failure is of this process. */
		if (rc == -ENOENT || rc == -ENODEV || (!rc && identity != h->identity))
			give_up(h);
	}
}

/* What the events say is not read: that something happened is enough to look. */
static void drain(int fd)
{
	char bytes[4096];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	for (unsigned int i = 0; i < 1024; i++)
		if (sys_recvmsg(fd, &msg, MSG_DONTWAIT) < 0)
			return;
}

static void *watch_run(void *arg)
{
	struct watch *w = arg;
	struct pollfd fds[] = { { .fd = w->stop, .events = POLLIN }, { .fd = w->uevents, .events = POLLIN } };

	for (;;) {
		int n = sys_poll(fds, 2, LOOK_MS);

		if (n > 0 && fds[0].revents)
			return NULL;
		if (n > 0 && fds[1].revents)
			drain(w->uevents);
		watch_look(w->inst);
	}
}

/* Without it there is the look every second. */
static int uevents_open(void)
{
	const struct sockaddr_nl all = { .nl_family = AF_NETLINK, .nl_groups = UEVENT_GROUP };
	CLEANUP_CLOSE int fd = sys_socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || sys_bind(fd, (const struct sockaddr *)&all, sizeof(all)))
		return -1;
	return fd_steal(&fd);
}

static void watch_free(struct watch *w)
{
	if (w->uevents >= 0)
		sys_close(w->uevents);
	if (w->stop >= 0)
		sys_close(w->stop);
	free(w);
}

static int watch_new(struct instance *inst, struct watch **ret)
{
	struct watch *w = calloc(1, sizeof(*w));
	int rc;

	if (!w)
		return -ENOMEM;
	w->inst = inst;
	w->pid = getpid();
	w->uevents = uevents_open();
	w->stop = sys_eventfd(0, 0);
	rc = w->stop < 0 ? w->stop : thread_start(&w->thread, NULL, watch_run, w);
	if (rc) {
		watch_free(w);
		return rc;
	}
	*ret = w;
	return 0;
}

int watch_enter(struct handle *h)
{
	struct instance *inst = h->inst;
	int rc = 0;
	SCOPED_LOCK(&inst->lock);

	/* A child of fork has the parent's watch, and not its thread. */
	if (!inst->watch || inst->watch->pid != getpid())
		rc = watch_new(inst, &inst->watch);
	if (rc)
		return rc;
	h->next = inst->handles;
	inst->handles = h;
	return 0;
}

void watch_leave(struct handle *h)
{
	SCOPED_LOCK(&h->inst->lock);

	for (struct handle **at = &h->inst->handles; *at; at = &(*at)->next)
		if (*at == h) {
			*at = h->next;
			return;
		}
}

static struct watch *take_idle(struct instance *inst)
{
	struct watch *w = NULL;
	SCOPED_LOCK(&inst->lock);

	if (!inst->handles) {
		w = inst->watch;
		inst->watch = NULL;
	}
	return w;
}

void watch_rest(struct instance *inst)
{
	struct watch *w = take_idle(inst);

	if (!w)
		return;
	if (w->pid == getpid()) {
		eventfd_write(w->stop, 1);
		pthread_join(w->thread, NULL);
	}
	watch_free(w);
}
