/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/vfio/look.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "plugins/vfio/card.h"
#include "plugins/vfio/crew.h"
#include "plugins/vfio/dfl.h"
#include "plugins/vfio/inventory.h"

#define PATIENCE_NS (20 * NS_PER_MS) /* for another that only looks, */
#define PATIENCE_UNKNOWN_NS (150 * NS_PER_MS) /* and when nothing is known to tell instead */
#define PAUSE_NS (2 * NS_PER_MS)

/* ---- reading a device ---- */

/* For one that looks by its lock, and gets on. */
static int64_t looker_ns(const struct instance *inst)
{
	return inst->ways->budget_ns + inst->ways->first_word_ns;
}

static bool somebody_looks(struct instance *inst, const char *path)
{
	return inventory_locked(inst->inventory, path, INVENTORY_LOOK);
}

int look_open(struct instance *inst, const struct place *p, struct vdev_options *opt,
	      int64_t patience_ns, char *why, size_t why_len, struct vdev **ret)
{
	int64_t end = clock_deadline(patience_ns), last = clock_deadline(looker_ns(inst));
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

static uint16_t at16(const uint8_t *config, unsigned int offset)
{
	return (uint16_t)(config[offset] | config[offset + 1] << 8);
}

/* A device was read to its end, and has no object: that is known as well. */
#define NOTHING_IN_IT (-ENOMEDIUM)

struct reader {
	struct vdev *d;
	int64_t end;
};

static int io_read(void *ctx, uint32_t bar, uint64_t offset, uint64_t *value)
{
	struct reader *r = ctx;

	if (clock_now_ns() >= r->end)
		return -ETIME;
	return r->d->ops->read(r->d, VDEV_BAR0 + bar, offset, value, sizeof(*value));
}

static int io_write(void *ctx, uint32_t bar, uint64_t offset, uint64_t value)
{
	struct reader *r = ctx;

	return r->d->ops->write(r->d, VDEV_BAR0 + bar, offset, &value, sizeof(value));
}

/* Identity and lists. The header's answer tells whether the extended space is worth a message. */
static int read_config(struct vdev *d, struct facts *f, struct dfl_list *lists, unsigned int *n)
{
	uint8_t config[4096] = { 0 };
	struct vdev_region space;
	uint16_t command;
	int rc = d->ops->region(d, VDEV_CONFIG, &space);
	uint32_t len = space.size < sizeof(config) ? (uint32_t)space.size : sizeof(config);

	if (!rc && len < 64) {
		snprintf(f->defect, sizeof(f->defect), "its configuration space has only %u bytes",
			 len);
		return -ENODEV;
	}
	if (!rc)
		rc = d->ops->read(d, VDEV_CONFIG, 0, config, len);
	if (rc)
		return rc;
	f->vendor = at16(config, PCI_VENDOR_ID);
	f->device = at16(config, PCI_DEVICE_ID);
	f->subsystem_vendor = at16(config, PCI_SUBSYSTEM_VENDOR_ID);
	f->subsystem_device = at16(config, PCI_SUBSYSTEM_ID);
	*n = dfl_find_lists(config, len, lists);
	command = (uint16_t)(at16(config, PCI_COMMAND) | PCI_COMMAND_MEMORY);
	return d->ops->write(d, VDEV_CONFIG, PCI_COMMAND, &command, sizeof(command));
}

/* BAR0 is looked at first: of a device that is one accelerator nothing else is asked. */
static int read_bar_sizes(struct vdev *d, bool all, struct dfl_io *io)
{
	int rc = 0;

	for (uint32_t bar = all ? 1 : 0; bar < (all ? MAX_BARS : 1) && !rc; bar++) {
		struct vdev_region r;

		rc = d->ops->region(d, VDEV_BAR0 + bar, &r);
		io->bar_size[bar] = !rc && r.read ? r.size : 0;
	}
	return rc;
}

/* Its other BARs are not asked for, then. What cannot be told yet, or is no list, is left to dfl_read(). */
static int may_have_ports(struct dfl_io *io, unsigned int num_lists, bool *ret)
{
	uint64_t head = 0;
	int rc = 0;

	if (!num_lists && io->bar_size[0] >= sizeof(head))
		rc = io->read(io->ctx, 0, 0, &head);
	*ret = num_lists || dfl_is_unit(head);
	return rc;
}

/* The configuration knows: all of BAR0 is that, and its registers are left alone. */
static int tell_given(struct vdev *d, const fpga_guid guid, struct facts *ret)
{
	struct object *o = &ret->objects[0];
	struct vdev_region bar;
	int rc = d->ops->region(d, VDEV_BAR0, &bar);

	if (rc)
		return rc;
	if (!bar.size || !bar.read) {
		snprintf(ret->defect, sizeof(ret->defect), "it has no BAR0 that can be read");
		return -ENODEV;
	}
	o->type = FPGA_ACCELERATOR;
	memcpy(o->guid, guid, sizeof(o->guid));
	o->num_mmio = 1;
	o->mmio[0].size = bar.size;
	o->num_interrupts = ret->vectors;
	o->error_vector = NO_VECTOR;
	ret->num_objects = 1;
	return 0;
}

static int read_registers(struct reader *reader, const struct dfl_list *lists, unsigned int n,
			  struct facts *ret)
{
	struct dfl_io io = { .ctx = reader, .read = io_read, .write = io_write };
	bool ports = false;
	int rc = read_bar_sizes(reader->d, false, &io);

	if (!rc)
		rc = may_have_ports(&io, n, &ports);
	if (!rc && ports)
		rc = read_bar_sizes(reader->d, true, &io);
	return rc ? rc : dfl_read(&io, lists, n, ret);
}

/* Programs look for the card, whose ids tell them that it is a simulation: OPAE's are these. */
static void add_card(struct facts *f)
{
	for (uint32_t i = 0; i < f->num_objects; i++)
		if (f->objects[i].type == FPGA_DEVICE)
			return;
	f->vendor = f->subsystem_vendor = 0x8086;
	f->device = f->subsystem_device = 0x0a5e;
	if (f->num_objects && f->num_objects < MAX_OBJECTS)
		f->objects[f->num_objects++] = (struct object){ .type = FPGA_DEVICE,
								.num_slots = 1,
								.error_vector = NO_VECTOR };
}

static enum facts_source source_of(const struct place *p)
{
	return p->has_guid ? FACTS_GIVEN : p->simulated ? FACTS_SIMULATED : FACTS_READ;
}

int look_read_facts(struct vdev *d, const struct place *p, int64_t budget_ns, struct facts *ret)
{
	struct reader reader = { d, clock_deadline(budget_ns) };
	struct dfl_list lists[DFL_MAX_LISTS];
	unsigned int n = 0;
	uint32_t index;
	int rc;

	memset(ret, 0, sizeof(*ret));
	ret->given = source_of(p);
	rc = read_config(d, ret, lists, &n);
	if (!rc)
		rc = events_vectors(d, &index, &ret->vectors);
	if (!rc)
		rc = p->has_guid ? tell_given(d, p->guid, ret) : read_registers(&reader, lists, n, ret);
	if (!rc && p->simulated)
		add_card(ret);
	if (rc == -ETIME) {
		snprintf(ret->defect, sizeof(ret->defect),
			 "its feature lists took longer than %lld ms",
			 (long long)(budget_ns / NS_PER_MS));
		rc = -ETIMEDOUT;
	}
	return rc || ret->num_objects ? rc : -ENODEV;
}

/* ---- a device for a moment ---- */

static int lock_patiently(struct instance *inst, const char *path)
{
	int64_t end = clock_deadline(looker_ns(inst));
	int rc;

	for (;;) {
		rc = inventory_lock(inst->inventory, path, INVENTORY_LOOK);
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
	int rc = lock_patiently(inst, p->path);

	*ret = NULL;
	*locked = !rc;
	snprintf(why, why_len, "another process has the device open");
	if (!rc && inventory_locked(inst->inventory, p->path, INVENTORY_HOLD))
		rc = -EBUSY;
	if (!rc)
		rc = look_open(inst, p, &opt, PATIENCE_NS, why, why_len, ret);
	if (!rc)
		rc = look_read_facts(*ret, p, inst->ways->budget_ns, facts);
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

/* Opens the device for a moment. 0, -EBUSY, or why there is none. */
static int glance(struct instance *inst, const struct look *l, bool alone, struct facts *facts)
{
	const char *path = l->place->path;
	bool first = !l->facts && !inventory_is_foreign(inst->inventory, path);
	struct vdev_options opt = { .connect_ns = first ? inst->ways->first_word_ns : inst->ways->look_ns,
				    .call_ns = first ? inst->ways->first_look_ns : inst->ways->look_ns,
				    .spin_ns = alone ? inst->spin_ns : 0 };
	struct vdev *d;
	char why[VDEV_WHY_MAX];
	int rc = look_open(inst, l->place, &opt, 0, why, sizeof(why), &d);

	if (rc) {
		debug("%s: %s", path, why);
		return rc;
	}
	rc = look_read_facts(d, l->place, inst->ways->budget_ns, facts);
	if (rc == -ENODEV && !atomic_load(&d->dead))
		rc = NOTHING_IN_IT;
	d->ops->why(d, why, sizeof(why));
	d->ops->close(d);
	if (rc || *facts->defect)
		debug("%s: %s", path, rc && *why ? why : facts->defect);
	return rc == -ETIMEDOUT ? -EBUSY : rc; /* silent later than at once: held as well */
}

/* What the configuration says of the device may be other than when it was looked at. */
static bool still_holds(const struct shared_facts *s, const struct place *p)
{
	if (s->f.given != source_of(p))
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
	int64_t end = clock_deadline(patience(inst, l)), last = clock_deadline(looker_ns(inst));
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
		if (known(inst, &looks[i]) || !t.looks)
			continue;
		t.looks[t.num++] = &looks[i];
	}
	if (t.num)
		find_out_all(&t);
	free(t.looks);
}
