/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The simulation that this process starts has one connection, made when it starts. Who looks at it leaves it
 * running, idle, for the open that mostly follows; who used it ends it:
 *
 *	NONE --look--> LOOKED_AT --close--> IDLE --open--> USED --close--> ENDING --> NONE
 *
 * and an open may come first. Who finds it LOOKED_AT or ENDING waits: both have their deadlines.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "plugins/ase/ase.h"
#include "plugins/ase/process.h"

struct spawned {
	struct ase *ase;
	struct process *process;
	struct vdev *dev;
	struct vdev_ops ops; /* the way's, but for close and why */

	pthread_mutex_t lock; /* guards the rest: the device's thread may ask at any time */
	int (*dma_access)(void *ctx, uint64_t iova, void *data, size_t len, bool write);
	void *ctx;
};

/* ---- the device as who opened it sees it ---- */

static int dma_access(void *ctx, uint64_t iova, void *data, size_t len, bool write)
{
	struct spawned *s = ctx;
	SCOPED_LOCK(&s->lock);

	return s->dma_access ? s->dma_access(s->ctx, iova, data, len, write) : -EFAULT;
}

static void set_user(struct spawned *s, const struct vdev_options *opt)
{
	SCOPED_LOCK(&s->lock);

	s->dma_access = opt ? opt->dma_access : NULL;
	s->ctx = opt ? opt->ctx : NULL;
}

/* The way knows that nobody answers, the process why. */
static void spawned_why(struct vdev *d, char *out, size_t len)
{
	struct spawned *s = d->keeper;
	char how[VDEV_WHY_MAX];

	way_vfio_user.why(d, out, len);
	if (!atomic_load(&d->dead) || d->forked)
		return;
	process_why(s->process, how, sizeof(how));
	if (*how)
		snprintf(out, len, "the simulation has gone: %s", how);
}

static void spawned_free(struct spawned *s)
{
	if (s->process)
		process_expect_end(s->process);
	if (s->dev)
		way_vfio_user.close(s->dev);
	if (s->process) {
		process_end(s->process, s->ase->end_ns);
		process_free(s->process);
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void move(struct ase *a, enum spawned_state to)
{
	a->state = to;
	pthread_cond_broadcast(&a->moved);
}

/* What is here in a child of fork is the parent's, and the parent's to end. */
static void forget(struct spawned *s)
{
	way_vfio_user.close(s->dev);
	process_free(s->process);
	free(s);
}

static void spawned_close(struct vdev *d)
{
	struct spawned *s = d->keeper;
	struct ase *a = s->ase;
	bool mine;

	set_user(s, NULL);
	pthread_mutex_lock(&a->lock);
	mine = a->spawned == s && a->pid == getpid();
	if (mine && a->state == SPAWNED_LOOKED_AT && !atomic_load(&d->dead)) {
		move(a, SPAWNED_IDLE);
		pthread_mutex_unlock(&a->lock);
		return;
	}
	if (mine)
		move(a, SPAWNED_ENDING);
	pthread_mutex_unlock(&a->lock);
	if (!mine) {
		forget(s);
		return;
	}
	spawned_free(s);
	SCOPED_LOCK(&a->lock);
	a->spawned = NULL;
	move(a, SPAWNED_NONE);
}

/* ---- starting ---- */

static int adopt(struct spawned *s, int socket, char *why, size_t why_len)
{
	struct vdev_options opt = { .connect_ns = s->ase->start_ns,
				    .call_ns = s->ase->core.call_ns,
				    .spin_ns = s->ase->core.spin_ns,
				    .to_use = true,
				    .dma_access = dma_access,
				    .ctx = s };
	char how[VDEV_WHY_MAX] = "";
	int rc = way_vfio_user_adopt(socket, &opt, why, why_len, &s->dev);

	if (!rc) {
		s->ops = way_vfio_user;
		s->ops.close = spawned_close;
		s->ops.why = spawned_why;
		s->dev->ops = &s->ops;
		s->dev->keeper = s;
		process_spoke(s->process);
		return 0;
	}
	process_why(s->process, how, sizeof(how));
	if (*how)
		snprintf(why, why_len, "%s", how);
	else if (rc == -EBUSY)
		snprintf(why, why_len, "it said nothing for %lld ms",
			 (long long)(s->ase->start_ns / NS_PER_MS));
	return rc == -EBUSY ? -EIO : rc; /* nobody else has it */
}

static int start(struct ase *a, char *why, size_t why_len, struct spawned **ret)
{
	struct spawned *s = calloc(1, sizeof(*s));
	char reason[VDEV_WHY_MAX] = "";
	int socket, rc;

	if (!s)
		return -ENOMEM;
	s->ase = a;
	pthread_mutex_init(&s->lock, NULL);
	rc = process_start(a->command, ase_is_quiet(), &socket, &s->process);
	if (rc)
		snprintf(reason, sizeof(reason), "%s", strerror(-rc));
	else
		rc = adopt(s, socket, reason, sizeof(reason));
	if (rc) {
		snprintf(why, why_len, "the simulation \"%.100s\" did not start: %s", a->command, reason);
		spawned_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

/* ---- opening ---- */

/* Lock held. Waits until nobody is in between. */
static void settle(struct ase *a)
{
	if (a->state != SPAWNED_NONE && a->pid != getpid()) {
		a->spawned = NULL; /* the parent's */
		a->state = SPAWNED_NONE;
	}
	while (a->state == SPAWNED_LOOKED_AT || a->state == SPAWNED_ENDING)
		pthread_cond_wait(&a->moved, &a->lock);
}

/* Lock held. One that died while nobody looked is of no use any more. */
static void drop_dead(struct ase *a)
{
	if (a->state != SPAWNED_IDLE || !atomic_load(&a->spawned->dev->dead))
		return;
	spawned_free(a->spawned);
	a->spawned = NULL;
	a->state = SPAWNED_NONE;
}

int spawned_open(struct ase *a, const struct vdev_options *opt, char *why, size_t why_len, struct vdev **ret)
{
	struct spawned *s;
	int rc = 0;

	pthread_mutex_lock(&a->lock);
	settle(a);
	drop_dead(a);
	if (a->state == SPAWNED_USED) {
		pthread_mutex_unlock(&a->lock);
		snprintf(why, why_len, "this process has it open");
		return -EBUSY;
	}
	s = a->spawned;
	a->pid = getpid();
	move(a, opt->to_use ? SPAWNED_USED : SPAWNED_LOOKED_AT);
	pthread_mutex_unlock(&a->lock);
	if (!s)
		rc = start(a, why, why_len, &s);
	SCOPED_LOCK(&a->lock);
	if (rc) {
		move(a, SPAWNED_NONE);
		return rc;
	}
	a->spawned = s;
	set_user(s, opt);
	*ret = s->dev;
	return 0;
}

void spawned_finalize(struct ase *a)
{
	struct spawned *s;
	SCOPED_LOCK(&a->lock);

	settle(a);
	s = a->spawned;
	if (!s)
		return;
	if (a->state == SPAWNED_USED) { /* who has it open finds out, and closes it */
		process_end(s->process, a->end_ns);
		return;
	}
	spawned_free(s);
	a->spawned = NULL;
	a->state = SPAWNED_NONE;
}
