/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/local/watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/thread.h"
#include "plugins/local/last-close.h"
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

/* The nodes that are being closed in one pass over the handles. They are waited for without the lock. */
struct pass {
	struct last_close closing[16];
	unsigned int num;
};

static void pass_end(struct pass *p)
{
	while (p->num)
		last_close_end(&p->closing[--p->num]);
}

/* Lock held. The mappings go first, for each of them keeps the node open, too. */
static void give_up(struct pass *p, struct handle *h)
{
	int rc;

	if (p->num == sizeof(p->closing) / sizeof(p->closing[0]))
		pass_end(p);
	atomic_store(&h->dead, true);
	rc = mmio_cover(h);
	if (!rc)
		rc = last_close_begin(h->fd, &p->closing[p->num++]);
	if (rc)
		debug("%s stays open: %s", h->token.dev.node, strerror(-rc));
	debug("%s (%s) is gone", dfl_name(&h->token.dev), h->token.dev.address);
}

/* Only what says so has gone: another failure is of this process. */
static bool has_gone(const struct handle *h)
{
	uint64_t identity;
	int rc = dfl_identity(&h->token.dev, &identity);

	return rc == -ENOENT || rc == -ENODEV || (!rc && identity != h->identity);
}

static void look(struct instance *inst, struct pass *p)
{
	SCOPED_LOCK(&inst->lock);

	for (struct handle *h = inst->handles; h; h = h->next)
		if (!atomic_load(&h->dead) && has_gone(h))
			give_up(p, h);
}

void watch_look(struct instance *inst)
{
	struct pass p = { .num = 0 };

	look(inst, &p);
	pass_end(&p);
}

/* ---- what the kernel tells ---- */

/* Is that the handle's own device in sysfs, or the FME of its card? */
static bool is_about(const struct handle *h, const char *device)
{
	const char *name = strrchr(device, '/');
	char card[PCI_ADDRESS_LEN + 32];

	snprintf(card, sizeof(card), "/%s/fpga_region/", h->token.dev.address);
	return name && strstr(device, card) &&
	       (!strcmp(name + 1, dfl_name(&h->token.dev)) || !strncmp(name + 1, "dfl-fme.", 8));
}

/*
 * A device of a card is about to go, and its FME goes first of all. To wait until it has gone is to be late:
 * the kernel's driver then has freed what it needs when the port's node is closed (last-close.h).
 */
static void foretold(struct instance *inst, struct pass *p, const char *device)
{
	SCOPED_LOCK(&inst->lock);

	for (struct handle *h = inst->handles; h; h = h->next)
		if (!atomic_load(&h->dead) && is_about(h, device))
			give_up(p, h);
}

/* "remove@/devices/pci0000:b0/0000:b1:00.0/fpga_region/region0/dfl-fme.0", then what is not needed. */
static void take_event(struct instance *inst, const char *text)
{
	const char *remove = "remove@";
	struct pass p = { .num = 0 };

	if (strncmp(text, remove, strlen(remove)))
		return;
	foretold(inst, &p, text + strlen(remove));
	pass_end(&p);
}

static void take_events(struct watch *w)
{
	for (unsigned int i = 0; i < 1024; i++) {
		char bytes[4096];
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) - 1 };
		struct msghdr msg = { .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov,
				      .msg_iovlen = 1 };
		ssize_t n = sys_recvmsg(w->uevents, &msg, MSG_DONTWAIT);

		if (n < 0)
			return;
		bytes[n] = 0;
		if (!from.nl_pid) /* the kernel's own */
			take_event(w->inst, bytes);
	}
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
			take_events(w);
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

/* A child of fork has the parent's watch, and not its thread. Lock held. */
static void forget_parents(struct instance *inst)
{
	if (!inst->watch || inst->watch->pid == getpid())
		return;
	watch_free(inst->watch);
	inst->watch = NULL;
}

int watch_enter(struct handle *h)
{
	struct instance *inst = h->inst;
	int rc = 0;
	SCOPED_LOCK(&inst->lock);

	forget_parents(inst);
	if (!inst->watch)
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
