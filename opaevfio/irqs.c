/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts. The first vector that is bound turns all of its kind on, for not every kernel adds some later;
 * those that nobody wants are bound to nothing.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "opaevfio/opaevfio.h"

#define MAX_VECTORS 2048u /* PCI's */

static int irq_make(struct opae_vfio_device_irq **ret, uint32_t index, uint32_t count, uint32_t flags)
{
	struct opae_vfio_device_irq *irq = calloc(1, sizeof(*irq));

	if (!irq)
		return -ENOMEM;
	*ret = irq;
	irq->flags = flags;
	irq->index = index;
	irq->count = count < MAX_VECTORS ? count : MAX_VECTORS;
	irq->event_fds = calloc(irq->count, sizeof(*irq->event_fds));
	irq->masks = calloc(irq->count, sizeof(*irq->masks));
	if (!irq->event_fds || !irq->masks)
		return -ENOMEM;
	memset(irq->event_fds, 0xff, irq->count * sizeof(*irq->event_fds));
	return 0;
}

int irqs_make(struct opae_vfio *v)
{
	struct opae_vfio_device_irq **end = &v->device.irqs;
	const struct vfio_device *d = &hold_of(v)->d;

	for (uint32_t i = 0; i < d->num_irqs; i++) {
		uint32_t count = 0, flags = 0;
		int rc = dev_vfio_irq_info(d, i, &count, &flags);

		if (!rc && !count)
			continue;
		if (!rc)
			rc = irq_make(end, i, count, flags);
		if (rc)
			return rc;
		end = &(*end)->next;
	}
	return 0;
}

void irqs_free(struct opae_vfio *v)
{
	for (struct opae_vfio_device_irq *at = v->device.irqs, *next; at; at = next) {
		next = at->next;
		free(at->event_fds);
		free(at->masks);
		free(at);
	}
	v->device.irqs = NULL;
}

static bool is_on(const struct opae_vfio_device_irq *irq)
{
	for (uint32_t i = 0; i < irq->count; i++)
		if (irq->event_fds[i] >= 0)
			return true;
	return false;
}

/* Lock held, as in what follows. */
static int bind_to(const struct vfio_device *d, struct opae_vfio_device_irq *irq, uint32_t subindex,
		   int32_t fd)
{
	uint32_t n = irq->count;
	int rc;

	if (fd < 0)
		return -EBADF;
	rc = is_on(irq) ? dev_vfio_irq_set(d, irq->index, subindex, 1, &fd) :
			  dev_vfio_irq_on(d, irq->index, subindex, fd, &n);
	if (!rc)
		irq->event_fds[subindex] = fd;
	return rc > 0 ? -ENOSPC : rc;
}

static int unbind(const struct vfio_device *d, struct opae_vfio_device_irq *irq, uint32_t subindex,
		  int32_t none)
{
	int32_t was = irq->event_fds[subindex];
	int rc;

	if (was < 0)
		return 0;
	irq->event_fds[subindex] = none;
	rc = is_on(irq) ? dev_vfio_irq_set(d, irq->index, subindex, 1, &none) :
			  dev_vfio_irq_off(d, irq->index);
	if (rc)
		irq->event_fds[subindex] = was;
	return rc;
}

static int set_mask(const struct vfio_device *d, struct opae_vfio_device_irq *irq, uint32_t subindex,
		    int32_t mask)
{
	int rc = dev_vfio_irq_mask(d, irq->index, subindex, mask);

	if (!rc)
		irq->masks[subindex] = mask;
	return rc;
}

typedef int (*irq_change)(const struct vfio_device *d, struct opae_vfio_device_irq *irq, uint32_t subindex,
			  int32_t value);

static int change(struct opae_vfio *v, uint32_t index, uint32_t subindex, irq_change how, int32_t value)
{
	struct opae_vfio_device_irq *irq;
	int rc;

	if (!v)
		return 1;
	if (pthread_mutex_lock(&v->lock))
		return 2;
	for (irq = v->device.irqs; irq && irq->index != index; irq = irq->next)
		;
	rc = !irq ? 4 : subindex >= irq->count ? 3 : how(&hold_of(v)->d, irq, subindex, value);
	pthread_mutex_unlock(&v->lock);
	return rc;
}

int opae_vfio_irq_enable(struct opae_vfio *v, uint32_t index, uint32_t subindex, int event_fd)
{
	return change(v, index, subindex, bind_to, event_fd);
}

int opae_vfio_irq_disable(struct opae_vfio *v, uint32_t index, uint32_t subindex)
{
	return change(v, index, subindex, unbind, -1);
}

int opae_vfio_irq_mask(struct opae_vfio *v, uint32_t index, uint32_t subindex)
{
	return change(v, index, subindex, set_mask, 1);
}

int opae_vfio_irq_unmask(struct opae_vfio *v, uint32_t index, uint32_t subindex)
{
	return change(v, index, subindex, set_mask, 0);
}
