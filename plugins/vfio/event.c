/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events are eventfds; registering binds one to an MSI-X vector. A vector that is unbound gets a
 * sink, an eventfd that nobody reads, for not every device can unbind a single vector.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "plugins/vfio/card.h"

static void event_unref(struct event *e)
{
	if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	sys_close(e->fd);
	free(e);
}

fpga_result vfio_create_event(void *instance, fpga_event_handle *eh)
{
	struct event *e = calloc(1, sizeof(*e));

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

fpga_result vfio_destroy_event(fpga_event_handle *eh)
{
	event_unref(*eh);
	*eh = NULL;
	return FPGA_OK;
}

fpga_result vfio_event_fd(const fpga_event_handle eh, int *fd)
{
	const struct event *e = eh;

	*fd = e->fd;
	return FPGA_OK;
}

int events_vectors(struct vdev *d, uint32_t *index, uint32_t *count)
{
	int rc = d->ops->irq_count(d, VDEV_MSIX, count);

	*index = VDEV_MSIX;
	if (!rc && !*count) {
		rc = d->ops->irq_count(d, VDEV_MSI, count);
		*index = VDEV_MSI;
	}
	if (!rc && *count > MAX_VECTORS)
		*count = MAX_VECTORS;
	return rc;
}

int events_init(struct events *e, struct vdev *d)
{
	uint32_t n = 0;
	int rc = events_vectors(d, &e->index, &n);

	if (rc)
		return rc;
	e->vectors = calloc(n ? n : 1, sizeof(*e->vectors));
	if (!e->vectors)
		return -ENOMEM;
	e->num = n;
	return 0;
}

void events_done(struct events *e, struct vdev *d)
{
	bool any = false;

	for (uint32_t v = 0; e->vectors && v < e->num; v++) {
		any |= e->vectors[v].event != NULL;
		event_unref(e->vectors[v].event);
	}
	if ((any || e->sink >= 0) && !atomic_load(&d->dead))
		d->ops->irq_bind(d, e->index, 0, -1);
	if (e->sink >= 0)
		sys_close(e->sink);
	e->sink = -1;
	free(e->vectors);
	e->vectors = NULL;
	e->num = 0;
}

/* ---- which vector ---- */

static fpga_result error_vector(const struct handle *h, const char *call, uint32_t *ret)
{
	if (h->object.error_vector == NO_VECTOR)
		return say(FPGA_NOT_SUPPORTED, "%s: %s has no interrupt for errors", call,
			   h->object.type == FPGA_DEVICE ? "the device" : "the accelerator");
	*ret = h->object.error_vector;
	return FPGA_OK;
}

static fpga_result user_vector(const struct handle *h, uint32_t flags, const char *call,
			       uint32_t *ret)
{
	if (h->object.type == FPGA_DEVICE)
		return say(FPGA_INVALID_PARAM,
			   "%s: FPGA_EVENT_INTERRUPT is an accelerator's; an FPGA_DEVICE has "
			   "FPGA_EVENT_ERROR", call);
	if (flags >= h->object.num_interrupts)
		return say(FPGA_INVALID_PARAM, "%s: vector %u; the accelerator has %u interrupt vectors",
			   call, flags, h->object.num_interrupts);
	*ret = h->object.first_vector + flags;
	return FPGA_OK;
}

static fpga_result find_vector(const struct handle *h, fpga_event_type type, uint32_t flags,
			       const char *call, uint32_t *ret)
{
	switch (type) {
	case FPGA_EVENT_INTERRUPT:
		return user_vector(h, flags, call, ret);
	case FPGA_EVENT_ERROR:
		return error_vector(h, call, ret);
	case FPGA_EVENT_POWER_THERMAL:
		return say(FPGA_NOT_SUPPORTED, "%s: a VFIO device tells nothing of power and heat",
			   call);
	default:
		return say(FPGA_INVALID_PARAM, "%s: there is no event type %d", call, (int)type);
	}
}

/* ---- binding; lock held ---- */

static void take(struct vector *v, struct event *e, const struct handle *owner)
{
	struct event *old = v->event;

	v->event = e;
	v->owner = owner;
	event_unref(old);
}

static int unbind(struct events *e, struct vdev *d, uint32_t vector)
{
	int rc;

	if (e->sink < 0)
		e->sink = sys_eventfd(0, 0);
	if (e->sink < 0)
		return -EMFILE;
	rc = d->ops->irq_bind(d, e->index, vector, e->sink);
	if (!rc)
		take(&e->vectors[vector], NULL, NULL);
	return rc;
}

void events_drop(struct events *e, struct vdev *d, const struct handle *owner)
{
	SCOPED_LOCK(&e->lock);

	for (uint32_t v = 0; v < e->num; v++)
		if (e->vectors[v].event && e->vectors[v].owner == owner &&
		    (atomic_load(&d->dead) || unbind(e, d, v)))
			take(&e->vectors[v], NULL, NULL);
}

fpga_result vfio_register_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh,
				uint32_t flags)
{
	struct handle *h = handle;
	struct events *events = &h->card->events;
	struct event *e = eh;
	uint32_t vector = 0;
	fpga_result r = find_vector(h, type, flags, "fpgaRegisterEvent", &vector);
	int rc;

	if (r != FPGA_OK)
		return r;
	SCOPED_LOCK(&events->lock);
	if (vector >= events->num)
		return say(FPGA_INVALID_PARAM,
			   "fpgaRegisterEvent: vector %u; the device has %u interrupt vectors", vector,
			   events->num);
	rc = h->dev->ops->irq_bind(h->dev, events->index, vector, e->fd);
	if (rc)
		return say_device(h->dev, rc, "fpgaRegisterEvent");
	atomic_fetch_add(&e->refs, 1);
	take(&events->vectors[vector], e, h);
	return FPGA_OK;
}

/* An error event has its own vector; an interrupt event may be on any of the accelerator's. */
static bool is_of(const struct handle *h, fpga_event_type type, uint32_t vector)
{
	if (type == FPGA_EVENT_ERROR)
		return vector == h->object.error_vector;
	return vector - h->object.first_vector < h->object.num_interrupts;
}

fpga_result vfio_unregister_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh)
{
	struct handle *h = handle;
	struct events *events = &h->card->events;
	uint32_t vector = 0;
	fpga_result r = find_vector(h, type, 0, "fpgaUnregisterEvent", &vector);
	bool found = false;
	int rc = 0;

	if (r != FPGA_OK)
		return r;
	SCOPED_LOCK(&events->lock);
	for (uint32_t v = 0; v < events->num && !rc; v++)
		if (events->vectors[v].event == eh && events->vectors[v].owner == h &&
		    is_of(h, type, v)) {
			found = true;
			rc = unbind(events, h->dev, v);
		}
	if (!found)
		return say(FPGA_INVALID_PARAM,
			   "fpgaUnregisterEvent: the event is not registered with this handle");
	return rc ? say_device(h->dev, rc, "fpgaUnregisterEvent") : FPGA_OK;
}
