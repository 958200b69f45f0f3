/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events are eventfds; registering binds one to an MSI-X vector. A vector that is unbound gets a
 * sink, an eventfd that nobody reads, for not every device can unbind a single vector.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "plugins/vfio/vfio.h"

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

int events_init(struct handle *h)
{
	uint32_t n = 0;
	int rc = h->dev->ops->irq_count(h->dev, VDEV_MSIX, &n);

	if (rc)
		return rc;
	if (n > MAX_VECTORS)
		n = MAX_VECTORS;
	h->vectors = calloc(n ? n : 1, sizeof(*h->vectors));
	if (!h->vectors)
		return -ENOMEM;
	h->num_vectors = n;
	return 0;
}

void events_done(struct handle *h)
{
	bool any = false;

	for (uint32_t v = 0; h->vectors && v < h->num_vectors; v++) {
		any |= h->vectors[v] != NULL;
		event_unref(h->vectors[v]);
	}
	if ((any || h->sink >= 0) && !atomic_load(&h->dev->dead))
		h->dev->ops->irq_bind(h->dev, VDEV_MSIX, 0, -1);
	if (h->sink >= 0)
		sys_close(h->sink);
	free(h->vectors);
}

static fpga_result check_type(fpga_event_type type, const char *call)
{
	switch (type) {
	case FPGA_EVENT_INTERRUPT:
		return FPGA_OK;
	case FPGA_EVENT_ERROR:
	case FPGA_EVENT_POWER_THERMAL:
		return say(FPGA_NOT_SUPPORTED, "%s: a VFIO device has interrupt events alone", call);
	default:
		return say(FPGA_INVALID_PARAM, "%s: there is no event type %d", call, (int)type);
	}
}

fpga_result vfio_register_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh,
				uint32_t flags)
{
	struct handle *h = handle;
	struct event *e = eh, *old;
	fpga_result r = check_type(type, "fpgaRegisterEvent");
	int rc;

	if (r != FPGA_OK)
		return r;
	SCOPED_LOCK(&h->event_lock);
	if (flags >= h->num_vectors)
		return say(FPGA_INVALID_PARAM,
			   "fpgaRegisterEvent: vector %u; the device has %u interrupt vectors", flags,
			   h->num_vectors);
	rc = h->dev->ops->irq_bind(h->dev, VDEV_MSIX, flags, e->fd);
	if (rc)
		return say_device(h->dev, rc, "fpgaRegisterEvent");
	atomic_fetch_add(&e->refs, 1);
	old = h->vectors[flags];
	h->vectors[flags] = e;
	event_unref(old);
	return FPGA_OK;
}

static int unbind(struct handle *h, uint32_t vector)
{
	int rc;

	if (h->sink < 0)
		h->sink = sys_eventfd(0, 0);
	if (h->sink < 0)
		return h->sink;
	rc = h->dev->ops->irq_bind(h->dev, VDEV_MSIX, vector, h->sink);
	if (rc)
		return rc;
	event_unref(h->vectors[vector]);
	h->vectors[vector] = NULL;
	return 0;
}

fpga_result vfio_unregister_event(fpga_handle handle, fpga_event_type type, fpga_event_handle eh)
{
	struct handle *h = handle;
	fpga_result r = check_type(type, "fpgaUnregisterEvent");
	bool found = false;
	int rc = 0;

	if (r != FPGA_OK)
		return r;
	SCOPED_LOCK(&h->event_lock);
	for (uint32_t v = 0; v < h->num_vectors && !rc; v++)
		if (h->vectors[v] == eh) {
			found = true;
			rc = unbind(h, v);
		}
	if (!found)
		return say(FPGA_INVALID_PARAM,
			   "fpgaUnregisterEvent: the event is not registered with this handle");
	return rc ? say_device(h->dev, rc, "fpgaUnregisterEvent") : FPGA_OK;
}
