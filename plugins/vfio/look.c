/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/vfio/look.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "plugins/vfio/card.h"
#include "plugins/vfio/crew.h"
#include "plugins/vfio/facts-read.h"
#include "plugins/vfio/inventory.h"

#define PATIENCE_NS (20 * NS_PER_MS) /* for another that only looks, */
#define PATIENCE_UNKNOWN_NS (150 * NS_PER_MS) /* and when nothing is known to tell instead */
#define PAUSE_NS (2 * NS_PER_MS)

/* ---- a device for a moment ---- */

/* For one that looks by its lock, and gets on. */
static int64_t looker_ns(const struct instance *inst, const struct place *p)
{
	return facts_budget(p, inst->ways->budget_ns) + inst->ways->first_word_ns;
}

static bool somebody_looks(struct instance *inst, const char *path)
{
	return inventory_locked(inst->inventory, path, INVENTORY_LOOK);
}

int look_open(struct instance *inst, const struct place *p, struct vdev_options *opt,
	      int64_t patience_ns, char *why, size_t why_len, struct vdev **ret)
{
	int64_t end = clock_deadline(patience_ns), last = clock_deadline(looker_ns(inst, p));
	int rc;

	if (opt->to_use || opt->call_ns > inst->call_ns)
		opt->call_ns = inst->call_ns;
	for (;;) {
		rc = inst->ways->open(inst, p, opt, why, why_len, ret);
		if (rc != -EBUSY)
			return rc;
		/* Who looks is soon done; how soon depends on the device. */
		if (clock_now_ns() >= (opt->to_use && somebody_looks(inst, p->path) ? last : end))
			return rc;
		clock_sleep_ns(PAUSE_NS);
	}
}

static int lock_patiently(struct instance *inst, const struct place *p)
{
	int64_t end = clock_deadline(looker_ns(inst, p));
	int rc;

	for (;;) {
		rc = inventory_lock(inst->inventory, p->path, INVENTORY_LOOK);
		if (rc != -EBUSY || clock_now_ns() >= end)
			return rc;
		clock_sleep_ns(PAUSE_NS);
	}
}

int look_enter(struct instance *inst, const struct place *p, struct facts *facts, struct vdev **ret,
	       bool *locked, char *why, size_t why_len)
{
	struct vdev_options opt = { .connect_ns = inst->ways->look_ns, .call_ns = inst->ways->look_ns,
				    .spin_ns = inst->spin_ns };
	int rc = lock_patiently(inst, p);

	*ret = NULL;
	*locked = !rc;
	snprintf(why, why_len, "another process has the device open");
	if (!rc && inventory_locked(inst->inventory, p->path, INVENTORY_HOLD))
		rc = -EBUSY;
	if (!rc)
		rc = look_open(inst, p, &opt, PATIENCE_NS, why, why_len, ret);
	if (!rc)
		rc = facts_read(*ret, p, inst->ways->budget_ns, facts);
	if (rc && *ret)
		(*ret)->ops->why(*ret, why, why_len);
	return rc;
}

void look_leave(struct instance *inst, const char *path, struct vdev *d, bool locked)
{
	if (d)
		d->ops->close(d);
	if (locked)
		inventory_unlock(inst->inventory, path, INVENTORY_LOOK);
}

/* ---- one look ---- */

/* A device was read to its end, and has no object: that is known as well. */
#define NOTHING_IN_IT (-ENOMEDIUM)

/* Opens the device for a moment. 0, -EBUSY, or why there is none. */
static int glance(struct instance *inst, struct look *l, bool alone, struct facts *facts)
{
	const char *path = l->place->path;
	bool first = !l->facts && !inventory_is_foreign(inst->inventory, path);
	struct vdev_options opt = { .connect_ns = first ? inst->ways->first_word_ns : inst->ways->look_ns,
				    .call_ns = first ? inst->ways->first_look_ns : inst->ways->look_ns,
				    .spin_ns = alone ? inst->spin_ns : 0 };
	struct vdev *d;
	int rc = look_open(inst, l->place, &opt, 0, l->why, sizeof(l->why), &d);

	if (rc) {
		debug("%s: %s", path, l->why);
		return rc;
	}
	rc = facts_read(d, l->place, inst->ways->budget_ns, facts);
	if (rc == -ENODEV && !atomic_load(&d->dead))
		rc = NOTHING_IN_IT;
	d->ops->why(d, l->why, sizeof(l->why));
	d->ops->close(d);
	if (!rc || !*l->why)
		snprintf(l->why, sizeof(l->why), "%s", facts->defect);
	if (*l->why)
		debug("%s: %s", path, l->why);
	return rc == -ETIMEDOUT ? -EBUSY : rc; /* silent later than at once: held as well */
}

/* What the configuration says of the device may be other than when it was looked at. */
static bool still_holds(const struct shared_facts *s, const struct place *p)
{
	if (s->f.given != facts_source_of(p))
		return false;
	return !p->has_guid || !memcmp(s->f.objects[0].guid, p->guid, sizeof(p->guid));
}

static struct shared_facts *remembered(struct instance *inst, const struct place *p)
{
	struct shared_facts *s = inventory_find(inst->inventory, p->path);

	if (s && !still_holds(s, p)) {
		facts_unref(s);
		s = NULL;
	}
	return s;
}

/* Of a device behind the kernel it may be known that nothing is in it; what is, may not be for this user. */
static void judge(struct look *l)
{
	if (l->facts->f.num_objects)
		l->held |= !dev_vfio_permitted(l->place->path);
	else
		l->there = l->held = false;
}

/* What can be told without asking the device. True: that is all. */
static bool known(struct instance *inst, struct look *l)
{
	const char *path = l->place->path;

	facts_unref(l->facts);
	l->facts = card_held_facts(inst, path);
	if (l->facts) {
		l->there = true;
		return true;
	}
	l->facts = remembered(inst, l->place);
	l->held = inventory_locked(inst->inventory, path, INVENTORY_HOLD);
	l->there = l->held || l->facts;
	if (l->facts && l->place->kernel)
		judge(l);
	return l->facts && (!l->there || l->held || !inventory_is_foreign(inst->inventory, path));
}

static void learn(struct instance *inst, struct look *l, const struct facts *facts)
{
	struct shared_facts *s = facts_share(facts);

	l->held = false;
	l->there = true;
	if (!s)
		return; /* listed without what was learned */
	facts_unref(l->facts);
	l->facts = s;
	inventory_put(inst->inventory, l->place->path, s);
}

/* Nothing more is to be learned by waiting from who has neither lock, but that it was another user's look. */
static int64_t patience(struct instance *inst, const struct look *l)
{
	return l->facts || (!l->held && inventory_has_locks(inst->inventory)) ? PATIENCE_NS :
										PATIENCE_UNKNOWN_NS;
}

/* Reads what others wrote; they write before they let go of the lock. */
static bool known_by_now(struct instance *inst, struct look *l)
{
	inventory_refresh(inst->inventory);
	return known(inst, l);
}

/* 0: it is read, and the lock is kept. -EEXIST: it is known meanwhile. -EBUSY: it is held. */
static int look_locked(struct instance *inst, struct look *l, bool alone, struct facts *facts)
{
	const char *path = l->place->path;
	int rc = known_by_now(inst, l) ? -EEXIST : l->held ? -EBUSY : 0;

	snprintf(l->why, sizeof(l->why), "another process has it open");
	if (!rc)
		rc = glance(inst, l, alone, facts);
	if (rc)
		inventory_unlock(inst->inventory, path, INVENTORY_LOOK);
	return rc;
}

struct round {
	struct instance *inst;
	struct look **looks;
	size_t num;
	pthread_mutex_t lock; /* guards `locked` of the looks */
};

/* Writes what was learned so far and lets go of its locks: others wait for it. */
static void publish(struct round *t)
{
	bool any = false;
	SCOPED_LOCK(&t->lock);

	for (size_t i = 0; i < t->num; i++)
		any |= t->looks[i]->locked;
	if (any)
		inventory_save(t->inst->inventory);
	for (size_t i = 0; i < t->num; i++) {
		if (t->looks[i]->locked)
			inventory_unlock(t->inst->inventory, t->looks[i]->place->path, INVENTORY_LOOK);
		t->looks[i]->locked = false;
	}
}

/* It is there, and not for us: listed, so that opening it can tell why. */
static bool is_barred(const struct look *l, int rc)
{
	return l->place->kernel && (rc == -EACCES || rc == -EPERM || rc == -EKEYREJECTED);
}

/* Of a socket nothing is remembered: looking at it costs a message, and a card may be set up behind it. */
static void remember_nothing(struct round *t, struct look *l, const struct facts *facts)
{
	learn(t->inst, l, facts);
	facts_unref(l->facts);
	l->facts = NULL;
	l->there = false;
	SCOPED_LOCK(&t->lock);
	l->locked = true;
}

static void conclude(struct round *t, struct look *l, int rc, const struct facts *facts)
{
	l->there = !rc || rc == -EBUSY || is_barred(l, rc);
	if (rc == NOTHING_IN_IT && l->place->kernel) {
		remember_nothing(t, l, facts);
	} else if (!rc) {
		learn(t->inst, l, facts);
		SCOPED_LOCK(&t->lock);
		l->locked = true; /* till others can read of it */
	} else if (rc == -EBUSY) {
		if (!l->held)
			inventory_mark_foreign(t->inst->inventory, l->place->path);
		l->held = true;
	} else if (l->there) {
		l->held = true;
	}
}

/*
 * Only one process looks at a device at a time, and none while one holds it: each would tell the
 * other that it is busy. Whoever waits here finds what the other learned; and lets go itself of what it
 * learned of other devices, for the other may be waiting for that.
 */
static void find_out(struct round *t, struct look *l)
{
	struct instance *inst = t->inst;
	int64_t end = clock_deadline(patience(inst, l));
	int64_t last = clock_deadline(looker_ns(inst, l->place));
	struct facts facts;
	int rc;

	for (;;) {
		rc = inventory_lock(inst->inventory, l->place->path, INVENTORY_LOOK);
		if (rc == -EBUSY && clock_now_ns() < last)
			end = clock_deadline(patience(inst, l)); /* its turn is not this one's time */
		else if (!rc)
			rc = look_locked(inst, l, t->num == 1, &facts);
		if (rc == -EEXIST)
			return;
		if (rc != -EBUSY || clock_now_ns() >= end)
			break;
		publish(t);
		clock_sleep_ns(PAUSE_NS);
		if (known_by_now(inst, l))
			return;
	}
	conclude(t, l, rc, &facts);
}

/* ---- several ---- */

static void find_out_one(void *ctx, size_t i)
{
	struct round *t = ctx;

	find_out(t, t->looks[i]);
}

static void find_out_all(struct round *t)
{
	pthread_mutex_init(&t->lock, NULL);
	crew_work(t->num, find_out_one, t);
	publish(t);
	inventory_save(t->inst->inventory); /* also what others hold */
	pthread_mutex_destroy(&t->lock);
}

void look_at(struct instance *inst, struct look *looks, size_t n)
{
	struct round t = { .inst = inst, .looks = calloc(n + 1, sizeof(*t.looks)) };

	inventory_refresh(inst->inventory);
	for (size_t i = 0; i < n; i++) {
		looks[i].there = looks[i].held = looks[i].locked = false;
		looks[i].facts = NULL;
		snprintf(looks[i].why, sizeof(looks[i].why), "another process is looking at it");
		if (known(inst, &looks[i]) || !t.looks)
			continue;
		t.looks[t.num++] = &looks[i];
	}
	if (t.num)
		find_out_all(&t);
	free(t.looks);
}
