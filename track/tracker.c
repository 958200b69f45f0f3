/* SPDX-License-Identifier: BSD-3-Clause */
/* The userfaultfd, and the thread that reads from it who waits for what. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "track/internal.h"
#include "track/uapi.h"

#define DEVICE "/dev/userfaultfd"
#define MESSAGES 16 /* of a read */
#define FEATURES ((__u64)UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_WP_ASYNC)

/* ---- the list ---- */

void tracker_add(struct tracker *tr, struct track *t)
{
	SCOPED_LOCK(&tr->lock);

	t->next = tr->list;
	tr->list = t;
}

void tracker_remove(struct tracker *tr, struct track *t)
{
	struct track **at = &tr->list;
	SCOPED_LOCK(&tr->lock);

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	while (tr->calling == t)
		pthread_cond_wait(&tr->called, &tr->lock);
}

/* Whose page it is. NULL: nobody's any more. */
static struct track *begin_call(struct tracker *tr, uintptr_t address)
{
	struct track *t;
	SCOPED_LOCK(&tr->lock);

	for (t = tr->list; t; t = t->next)
		if (address - (uintptr_t)t->program < t->len)
			break;
	tr->calling = t;
	return t;
}

static void end_call(struct tracker *tr)
{
	SCOPED_LOCK(&tr->lock);

	tr->calling = NULL;
	pthread_cond_broadcast(&tr->called);
}

/* ---- the thread ---- */

/* True: more is expected. */
static bool touched(struct tracker *tr, uintptr_t address)
{
	struct track *t = begin_call(tr, address);
	bool more;

	if (!t)
		return false;
	more = t->touched(t->ctx, t, (address - (uintptr_t)t->program) & ~(size_t)(TRACK_PAGE - 1));
	end_call(tr);
	return more;
}

/* True: there was something, and more is expected. */
static bool serve(struct tracker *tr)
{
	struct uffd_msg msg[MESSAGES];
	ssize_t n = sys_read(tr->fd, msg, sizeof(msg));
	bool more = false;

	for (ssize_t i = 0; i * (ssize_t)sizeof(msg[0]) < n; i++)
		if (msg[i].event == UFFD_EVENT_PAGEFAULT)
			more |= touched(tr, (uintptr_t)msg[i].arg.pagefault.address);
	return more;
}

static void *run(void *arg)
{
	struct tracker *tr = arg;
	struct pollfd p[2] = { { .fd = tr->fd, .events = POLLIN }, { .fd = tr->stop, .events = POLLIN } };
	int64_t spin_until = 0;

	do {
		if (serve(tr))
			spin_until = clock_deadline(tr->spin_ns);
		else if (clock_now_ns() < spin_until)
			sched_yield(); /* who touches may be waiting for this very core */
		else
			sys_poll(p, 2, -1); /* ends with `stop` */
	} while (!p[1].revents);
	return NULL;
}

/* ---- life ---- */

static int agree(int fd, char why[TRACK_WHY_MAX])
{
	struct uffdio_api api = { .api = UFFD_API, .features = FEATURES };
	int rc = sys_ioctl(fd, UFFDIO_API, &api);

	if (rc == -EINVAL) {
		snprintf(why, TRACK_WHY_MAX,
			 "this kernel has no asynchronous write-protection; Linux 6.7 and newer do");
		return -EOPNOTSUPP;
	}
	if (rc)
		snprintf(why, TRACK_WHY_MAX, "UFFDIO_API: %m");
	return rc;
}

static int open_userfaultfd(char why[TRACK_WHY_MAX])
{
	CLEANUP_CLOSE int device = sys_open(DEVICE, O_RDWR | O_CLOEXEC, 0);
	CLEANUP_CLOSE int fd = -1;
	int rc;

	if (device < 0) {
		errno = -device;
		snprintf(why, TRACK_WHY_MAX, "%s: %m%s", DEVICE,
			 device == -EACCES ? "; the udev rule of this project gives it to the group fpga" :
			 device == -ENOENT ? "; Linux 6.1 and newer have it, where userfaultfd is built in" :
					     "");
		return device == -ENOENT ? -EOPNOTSUPP : device;
	}
	fd = sys_ioctl(device, USERFAULTFD_IOC_NEW, (void *)(uintptr_t)(O_CLOEXEC | O_NONBLOCK));
	if (fd < 0) {
		errno = -fd;
		snprintf(why, TRACK_WHY_MAX, "%s: %m", DEVICE);
		return fd_steal(&fd);
	}
	rc = agree(fd, why);
	return rc ? rc : fd_steal(&fd);
}

static int open_all(struct tracker *tr, char why[TRACK_WHY_MAX])
{
	tr->fd = open_userfaultfd(why);
	if (tr->fd < 0)
		return tr->fd;
	tr->pagemap = sys_open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
	tr->stop = tr->pagemap < 0 ? tr->pagemap : sys_eventfd(0, EFD_CLOEXEC);
	if (tr->stop >= 0)
		return 0;
	errno = -tr->stop;
	snprintf(why, TRACK_WHY_MAX, "%s: %m", tr->pagemap < 0 ? "/proc/self/pagemap" : "eventfd");
	return tr->stop;
}

static void close_all(struct tracker *tr)
{
	const int fds[] = { tr->fd, tr->pagemap, tr->stop };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			sys_close(fds[i]);
	pthread_cond_destroy(&tr->called);
	pthread_mutex_destroy(&tr->lock);
	free(tr);
}

int tracker_new(int64_t spin_ns, struct tracker **ret, char why[TRACK_WHY_MAX])
{
	struct tracker *tr = calloc(1, sizeof(*tr));
	int rc;

	why[0] = '\0';
	if (!tr) {
		snprintf(why, TRACK_WHY_MAX, "no memory");
		return -ENOMEM;
	}
	*tr = (struct tracker){ .fd = -1, .pagemap = -1, .stop = -1, .spin_ns = spin_ns };
	pthread_mutex_init(&tr->lock, NULL);
	pthread_cond_init(&tr->called, NULL);
	rc = open_all(tr, why);
	if (!rc) {
		rc = thread_start(&tr->thread, NULL, run, tr);
		if (rc)
			snprintf(why, TRACK_WHY_MAX, "no thread");
	}
	if (rc) {
		close_all(tr);
		return rc;
	}
	*ret = tr;
	return 0;
}

void tracker_free(struct tracker *tr)
{
	if (!tr)
		return;
	eventfd_write(tr->stop, 1);
	pthread_join(tr->thread, NULL);
	close_all(tr);
}

void tracker_forked(struct tracker *tr)
{
	if (!tr)
		return;
	sys_close(tr->fd);
	sys_close(tr->pagemap);
	sys_close(tr->stop);
}
