/* SPDX-License-Identifier: BSD-3-Clause */
/* A handle on one object of a device, from open to close. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plugins/vfio/card.h"

static fpga_result other_device(const struct token *t)
{
	return say(FPGA_NOT_FOUND,
		   "fpgaOpen: %s: what the token was of is not in the device any more; enumerate again",
		   t->place.path);
}

static bool is_same(const struct object *a, const struct object *b)
{
	return object_same_place(a, b) && !memcmp(a->guid, b->guid, sizeof(a->guid));
}

/* The token's object among what the device has now. */
static uint32_t find_same(const struct object *want, const struct facts *now)
{
	for (uint32_t i = 0; i < now->num_objects; i++)
		if (is_same(&now->objects[i], want))
			return i;
	return MAX_OBJECTS;
}

/* Of a device that was never read: its only accelerator. */
static uint32_t find_only(const struct facts *now)
{
	uint32_t found = MAX_OBJECTS, accelerators = 0;

	for (uint32_t i = 0; i < now->num_objects; i++)
		if (now->objects[i].type == FPGA_ACCELERATOR) {
			accelerators++;
			found = i;
		}
	return accelerators == 1 ? found : MAX_OBJECTS;
}

static fpga_result find_object(struct token *t, const struct facts *now)
{
	const struct object *want = token_object(t);
	uint32_t found = want ? find_same(want, now) : find_only(now);

	if (found == MAX_OBJECTS)
		return other_device(t);
	t->object = found;
	return FPGA_OK;
}

static void handle_free(struct handle *h)
{
	facts_unref(h->token.facts);
	free(h);
}

static struct handle *handle_new(const struct token *t, bool shared)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->token = *t;
	facts_ref(t->facts);
	h->shared = shared;
	return h;
}

static void describe_object(struct handle *h, struct card *c)
{
	facts_unref(h->token.facts);
	h->token.facts = facts_ref(c->facts);
	h->object = *token_object(&h->token);
	h->card = c;
	h->dev = c->dev;
	for (uint32_t i = 0; i < h->object.num_mmio; i++)
		mmio_add(h, &h->object.mmio[i], c->bars[h->object.mmio[i].bar]);
}

/* Who had it before closed it while this one held on to the device: it begins anew. */
static int begin_anew(struct card *c)
{
	int rc = c->stopped ? c->dev->ops->reset(c->dev) : 0;

	if (rc == -ENOTTY)
		rc = 0; /* there is no way to: it goes on from where it was, as after any other close */
	if (!rc && c->stopped)
		rc = card_set_command(c->dev, true);
	c->stopped = c->stopped && rc;
	return rc;
}

/* The card is open: takes the object. */
static fpga_result take_object(struct handle *h, struct card *c)
{
	fpga_result r = find_object(&h->token, &c->facts->f);
	int rc;
	SCOPED_LOCK(&c->lock);

	if (r != FPGA_OK)
		return r;
	describe_object(h, c);
	if (card_enter(c, h))
		return say(FPGA_BUSY, "fpgaOpen: %s: this process has the %s open already",
			   h->token.place.path,
			   h->object.type == FPGA_DEVICE ? "device" : "accelerator");
	rc = begin_anew(c);
	if (rc)
		card_leave(c, h);
	return rc ? say_device(h->dev, rc, "fpgaOpen") : FPGA_OK;
}

fpga_result vfio_open(fpga_token token, fpga_handle *handle, int flags)
{
	struct card *c = NULL;
	struct handle *h;
	fpga_result r;

	if (flags & ~(FPGA_OPEN_SHARED | FPGA_OPEN_HAS_PARENT_AFU))
		return say(FPGA_INVALID_PARAM, "fpgaOpen: unknown flags 0x%x",
			   (unsigned int)(flags & ~(FPGA_OPEN_SHARED | FPGA_OPEN_HAS_PARENT_AFU)));
	h = handle_new(token, flags & FPGA_OPEN_SHARED);
	if (!h)
		return say(FPGA_NO_MEMORY, "fpgaOpen: no memory");
	if (flags & FPGA_OPEN_HAS_PARENT_AFU)
		h->parent = *handle;
	r = card_get(&h->token, &c);
	if (r == FPGA_OK) {
		r = take_object(h, c);
		if (r != FPGA_OK)
			card_put(c);
	}
	if (r != FPGA_OK) {
		handle_free(h);
		return r;
	}
	*handle = h;
	return FPGA_OK;
}

/* Stops the accelerator's DMA for good: with its port, or with the whole device's. */
static int stop(struct handle *h)
{
	if (h->object.type == FPGA_DEVICE)
		return 0;
	return h->object.head.size ? card_port_reset(h->card, &h->object, true) :
				     card_set_command(h->dev, false);
}

/* The port is let go when its DMA has nothing left to reach. */
static void start_again(struct handle *h)
{
	if (h->object.type == FPGA_ACCELERATOR && h->object.head.size)
		card_port_reset(h->card, &h->object, false);
}

/* Nobody opens the object before its DMA has stopped, and what it reached is given back. */
static void leave(struct handle *h)
{
	struct card *c = h->card;
	bool plain = h->object.type == FPGA_ACCELERATOR && !h->object.head.size;
	bool last, alive = !atomic_load(&h->dev->dead);
	SCOPED_LOCK(&c->lock);

	last = card_leave(c, h); /* another handle on the same object goes on with it */
	if (alive && last)
		stop(h);
	events_drop(&c->events, h->dev, h);
	buffers_release_all(&c->buffers, h->dev, h);
	if (alive && last)
		start_again(h);
	c->stopped |= last && plain;
}

fpga_result vfio_close(fpga_handle handle)
{
	struct handle *h = handle;
	bool dead = atomic_load(&h->dev->dead) && !h->dev->forked;
	fpga_result r = dead ? say_device(h->dev, -EIO, "fpgaClose: closed, but") : FPGA_OK;

	leave(h);
	card_put(h->card);
	handle_free(h);
	return r;
}

/* A port's reset is the accelerator's alone; without a port it is the device's. */
static int reset(struct handle *h)
{
	int rc;

	if (h->object.head.size) {
		rc = card_port_reset(h->card, &h->object, true);
		return rc ? rc : card_port_reset(h->card, &h->object, false);
	}
	rc = h->dev->ops->reset(h->dev);
	return rc ? rc : card_set_command(h->dev, true); /* a reset turned both off */
}

fpga_result vfio_reset(fpga_handle handle)
{
	struct handle *h = handle;
	int rc;

	if (h->object.type == FPGA_DEVICE)
		return say(FPGA_NOT_SUPPORTED,
			   "fpgaReset: an FPGA_DEVICE has no reset; its accelerators have");
	rc = reset(h);
	if (rc == -ENODEV && !atomic_load(&h->dev->dead))
		return say(FPGA_EXCEPTION, "fpgaReset: the card is gone: its registers read all-ones");
	if (rc == -ETIMEDOUT && h->object.head.size && !atomic_load(&h->dev->dead))
		return say(FPGA_EXCEPTION, "fpgaReset: port %u does not acknowledge the reset",
			   h->object.port);
	return rc ? say_device(h->dev, rc, "fpgaReset") : FPGA_OK;
}

fpga_result vfio_quiesce(fpga_handle handle)
{
	struct handle *h = handle;
	int rc = stop(h);

	return rc ? say_device(h->dev, rc, "opaex_quiesce") : FPGA_OK;
}
