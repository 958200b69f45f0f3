/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/vfio/card.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "plugins/vfio/dfl.h"
#include "plugins/vfio/inventory.h"
#include "plugins/vfio/facts-read.h"
#include "plugins/vfio/look.h"
#include "dev/ones.h"

#define PATIENCE_NS (200 * NS_PER_MS) /* for others that only look */
#define LEAVING_NS (2 * NS_PER_S)     /* for a simulation's last program, which may be ending */
#define RESET_NS (20 * NS_PER_MS)     /* a port's acknowledgment; the kernel waits 1 ms */

int card_set_command(struct vdev *d, bool master)
{
	uint16_t command;
	int rc = d->ops->read(d, VDEV_CONFIG, PCI_COMMAND, &command, sizeof(command));

	if (rc)
		return rc;
	command = (uint16_t)(command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (!master)
		command = (uint16_t)(command & ~PCI_COMMAND_MASTER);
	return d->ops->write(d, VDEV_CONFIG, PCI_COMMAND, &command, sizeof(command));
}

int card_port_reset(struct card *c, const struct object *o, bool hold)
{
	struct vdev *d = c->dev;
	uint32_t bar = VDEV_BAR0 + o->head.bar;
	uint64_t at = o->head.offset + DFL_PORT_CONTROL, v;
	int64_t end = clock_deadline(RESET_NS);
	int rc;
	SCOPED_LOCK(&c->control);

	rc = d->ops->read(d, bar, at, &v, sizeof(v));
	if (!rc && v == UINT64_MAX)
		rc = -ENODEV; /* what a card that has fallen off its bus reads as */
	if (rc)
		return rc;
	v = hold ? v | DFL_PORT_RESET : v & ~DFL_PORT_RESET;
	rc = d->ops->write(d, bar, at, &v, sizeof(v));
	while (!rc) {
		rc = d->ops->read(d, bar, at, &v, sizeof(v));
		if (rc || !(v & DFL_PORT_RESET_ACK) == !hold)
			return rc;
		if (clock_now_ns() >= end)
			rc = -ETIMEDOUT;
	}
	return rc;
}

/* ---- life ---- */

static struct card *card_new(const struct token *t)
{
	struct card *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->inst = t->inst;
	c->place = t->place;
	c->events.sink = -1;
	c->pid = getpid();
	pthread_mutex_init(&c->lock, NULL);
	pthread_mutex_init(&c->control, NULL);
	pthread_mutex_init(&c->events.lock, NULL);
	buffers_init(&c->buffers);
	return c;
}

static void unwatch(const struct vdev_region *bar)
{
	for (uint32_t i = 0; bar && i < bar->num_areas; i++)
		ones_unwatch(bar->areas[i].at);
}

/* Takes a half-built card down as well. */
static void take_down(struct card *c, struct vdev *d)
{
	if (!atomic_load(&d->dead))
		card_set_command(d, false); /* no DMA into what the next lines give back */
	events_done(&c->events, d);
	buffers_release_all(&c->buffers, d, NULL);
	for (uint32_t i = 0; i < MAX_BARS; i++) {
		unwatch(c->bars[i]);
		free(c->bars[i]);
		c->bars[i] = NULL;
	}
	d->ops->close(d);
	facts_unref(c->facts);
	c->facts = NULL;
}

static void card_free(struct card *c)
{
	if (c->dev)
		take_down(c, c->dev);
	buffers_done(&c->buffers);
	pthread_mutex_destroy(&c->events.lock);
	pthread_mutex_destroy(&c->control);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/*
 * One that died is nobody's any more: its device may be there again, as another. One of the process
 * that this one was forked from is that process's alone.
 */
static struct card *find(struct instance *inst, const char *path)
{
	pid_t me = inst->cards ? getpid() : 0;

	for (struct card *c = inst->cards; c; c = c->next)
		if (c->pid == me && !strcmp(c->place.path, path) &&
		    !(c->dev && atomic_load(&c->dev->dead)))
			return c;
	return NULL;
}

static struct card *find_or_add(struct token *t)
{
	struct card *c;
	SCOPED_LOCK(&t->inst->lock);

	c = find(t->inst, t->place.path);
	if (!c) {
		c = card_new(t);
		if (!c)
			return NULL;
		c->next = t->inst->cards;
		t->inst->cards = c;
	}
	c->refs++;
	return c;
}

/* The hold is on the path, and another card of it may have taken it over from one that died. */
static void let_go(struct instance *inst, const char *path)
{
	SCOPED_LOCK(&inst->lock);

	if (!find(inst, path))
		inventory_unlock(inst->inventory, path, INVENTORY_HOLD);
}

void card_put(struct card *c)
{
	struct instance *inst = c->inst;
	struct place place;
	bool held;

	pthread_mutex_lock(&inst->lock);
	if (--c->refs) {
		pthread_mutex_unlock(&inst->lock);
		return;
	}
	for (struct card **p = &inst->cards; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			break;
		}
	pthread_mutex_unlock(&inst->lock);
	place = c->place;
	held = c->holds && c->pid == getpid();
	card_free(c);
	if (held)
		let_go(inst, place.path); /* when the device is free: the next one finds it so */
}

/* ---- opening ---- */

static int dma_access(void *ctx, uint64_t iova, void *data, size_t len, bool write)
{
	struct card *c = ctx;

	return buffers_access(&c->buffers, iova, data, len, write);
}

static int get_bars(struct card *c, struct vdev *d)
{
	for (uint32_t i = 0; i < MAX_BARS; i++) {
		struct vdev_region *r = c->bars[i] = calloc(1, sizeof(*r));
		int rc = r ? d->ops->region(d, VDEV_BAR0 + i, r) : -ENOMEM;

		if (rc)
			return rc;
		if (!r->read || !r->write)
			r->num_areas = 0; /* half a mapping: let the device answer what it refuses */
		for (uint32_t a = 0; a < r->num_areas && !rc; a++)
			rc = ones_watch(r->areas[a].at, r->areas[a].size, &d->dead, -1);
		if (rc)
			return rc;
	}
	return 0;
}

static int64_t budget(const struct instance *inst)
{
	return 4 * inst->call_ns > inst->ways->budget_ns ? 4 * inst->call_ns : inst->ways->budget_ns;
}

/* What is in it now, whatever the token said. */
static fpga_result read_facts(struct card *c, struct vdev *d)
{
	struct facts facts;
	int rc = facts_read(d, &c->place, budget(c->inst), &facts);

	if (rc && *facts.defect && !atomic_load(&d->dead))
		return say(err_to_result(rc), "fpgaOpen: %s: %s", c->place.path, facts.defect);
	if (!rc) {
		c->facts = facts_share(&facts);
		rc = c->facts ? 0 : -ENOMEM;
	}
	return rc ? say_device(d, rc, "fpgaOpen") : FPGA_OK;
}

static fpga_result set_up(struct card *c, struct vdev *d)
{
	int rc = events_init(&c->events, d);
	fpga_result r;

	buffers_attach(&c->buffers, d);
	if (!rc)
		rc = card_set_command(d, true);
	if (rc)
		return say_device(d, rc, "fpgaOpen");
	r = read_facts(c, d);
	if (r != FPGA_OK)
		return r;
	rc = get_bars(c, d);
	if (rc)
		return say_device(d, rc, "fpgaOpen");
	inventory_put(c->inst->inventory, c->place.path, c->facts);
	inventory_save(c->inst->inventory);
	return FPGA_OK;
}

static fpga_result say_held(const struct card *c)
{
	char name[PROCESS_NAME_MAX];

	if (!inventory_holder(c->inst->inventory, c->place.path, name))
		return say(FPGA_BUSY, "fpgaOpen: %s: another process, which cannot be seen from here, has "
				      "the device open", c->place.path);
	return say(FPGA_BUSY, "fpgaOpen: %s: another process has the device open: %s", c->place.path,
		   name);
}

/* Programs on a simulation follow each other: one that was killed has the lock until it is gone whole. */
static int hold(const struct card *c)
{
	int64_t end = clock_deadline(c->place.simulated ? LEAVING_NS : 0);
	int rc;

	while ((rc = inventory_lock(c->inst->inventory, c->place.path, INVENTORY_HOLD)) == -EBUSY &&
	       clock_now_ns() < end)
		clock_sleep_ns(5 * NS_PER_MS);
	return rc;
}

static fpga_result connect_card(struct card *c, struct vdev **ret)
{
	struct vdev_options opt = { .connect_ns = c->inst->call_ns,
				    .spin_ns = c->inst->spin_ns,
				    .to_use = true,
				    .dma_access = dma_access,
				    .ctx = c };
	char why[VDEV_WHY_MAX] = "";
	int rc = ones_prepare();

	if (rc)
		return say(FPGA_EXCEPTION, "fpgaOpen: SIGBUS cannot be handled: %s", strerror(-rc));
	rc = hold(c);
	if (rc == -EBUSY)
		return say_held(c);
	if (rc)
		return say(err_to_result(rc), "fpgaOpen: %s: %s", c->place.path, strerror(-rc));
	c->holds = true;
	rc = look_open(c->inst, &c->place, &opt, PATIENCE_NS, why, sizeof(why), ret);
	if (rc == -EBUSY) { /* by somebody who has no lock: enumeration is to know */
		inventory_mark_foreign(c->inst->inventory, c->place.path);
		inventory_save(c->inst->inventory);
	}
	return rc ? say(err_to_result(rc), "fpgaOpen: %s: %s", c->place.path, why) : FPGA_OK;
}

/* The card's lock held. */
static fpga_result open_card(struct card *c)
{
	struct vdev *d = NULL;
	fpga_result r = connect_card(c, &d);

	if (r != FPGA_OK)
		return r;
	r = set_up(c, d);
	if (r != FPGA_OK) {
		take_down(c, d);
		return r;
	}
	pthread_mutex_lock(&c->inst->lock);
	c->dev = d;
	pthread_mutex_unlock(&c->inst->lock);
	return FPGA_OK;
}

fpga_result card_get(struct token *t, struct card **ret)
{
	struct card *c = find_or_add(t);
	fpga_result r = FPGA_OK;

	if (!c)
		return say(FPGA_NO_MEMORY, "fpgaOpen: no memory");
	pthread_mutex_lock(&c->lock);
	if (!c->dev)
		r = open_card(c);
	pthread_mutex_unlock(&c->lock);
	if (r != FPGA_OK) {
		card_put(c);
		return r;
	}
	*ret = c;
	return FPGA_OK;
}

/* ---- what is held ---- */

struct card *card_find(struct instance *inst, const char *path)
{
	struct card *c;
	SCOPED_LOCK(&inst->lock);

	c = find(inst, path);
	if (!c || !c->handles)
		return NULL;
	c->refs++;
	return c;
}

struct shared_facts *card_held_facts(struct instance *inst, const char *path)
{
	const struct card *c;
	SCOPED_LOCK(&inst->lock);

	c = find(inst, path);
	return c && c->handles ? facts_ref(c->facts) : NULL;
}

bool card_object_held(struct instance *inst, const char *path, uint32_t object)
{
	const struct card *c;
	SCOPED_LOCK(&inst->lock);

	c = find(inst, path);
	for (const struct handle *h = c ? c->handles : NULL; h; h = h->next)
		if (h->token.object == object)
			return true;
	return false;
}

int card_enter(struct card *c, struct handle *h)
{
	SCOPED_LOCK(&c->inst->lock);

	for (const struct handle *o = c->handles; o; o = o->next)
		if (o->token.object == h->token.object && !(o->shared && h->shared))
			return -EBUSY;
	h->next = c->handles;
	c->handles = h;
	return 0;
}

bool card_leave(struct card *c, struct handle *h)
{
	bool last = true;
	SCOPED_LOCK(&c->inst->lock);

	for (struct handle **p = &c->handles; *p;) {
		if (*p == h) {
			*p = h->next;
			continue;
		}
		last &= (*p)->token.object != h->token.object;
		p = &(*p)->next;
	}
	return last;
}
