/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that this process holds: one connection, shared by the handles on the objects in it,
 * because a device lets one client in. Addresses for DMA and interrupt vectors are the device's, so
 * they are kept here; what belongs to a handle carries its mark.
 */
#ifndef PLUGINS_VFIO_CARD_H
#define PLUGINS_VFIO_CARD_H

#include "plugins/vfio/vfio.h"

struct vector {
	struct event *event; /* NULL: nothing is bound */
	const struct handle *owner;
};

struct events {
	pthread_mutex_t lock; /* guards the rest */
	struct vector *vectors;
	uint32_t num, index; /* of which interrupt index */
	int sink; /* eventfd for vectors that had an event once; -1: not made yet */
};

struct card {
	/* Under the instance's lock. */
	struct card *next;
	struct handle *handles;
	unsigned int refs;

	struct instance *inst;
	struct place place;
	pid_t pid; /* whose it is: a child of fork has none of its parent's */
	pthread_mutex_t lock;	 /* held while the device, or an object of it, is opened or closed */
	pthread_mutex_t control; /* for changes to a port's control register */
	bool stopped; /* under lock: an accelerator that is all of the device was closed, its DMA is off */
	struct vdev *dev;     /* NULL: not open yet. Set under both locks; constant from then on */
	struct shared_facts *facts;
	struct vdev_region *bars[MAX_BARS];
	bool holds; /* the lock of the inventory */
	struct buffers buffers;
	struct events events;
};

/* The device, open: this process's if it holds it, otherwise connected now. Says why not. */
fpga_result card_get(struct token *t, struct card **ret);
/* The same only if this process holds it already; NULL otherwise. */
struct card *card_find(struct instance *inst, const char *path);
void card_put(struct card *c);
/* What is known of a device that this process holds; a reference, or NULL. */
struct shared_facts *card_held_facts(struct instance *inst, const char *path);
/* Is this object of the device opened here? */
bool card_object_held(struct instance *inst, const char *path, uint32_t object);

/* The handle on an object. -EBUSY: it is held, and not to be shared. Both with the card's lock held. */
int card_enter(struct card *c, struct handle *h);
/* True: it was the last one on its object. */
bool card_leave(struct card *c, struct handle *h);

/* Memory accesses on; DMA on or off. */
int card_set_command(struct vdev *d, bool master);
/* Holds an accelerator's port in reset, or lets it go. -ETIMEDOUT: it does not acknowledge.
 * -ENODEV: its registers read all-ones. */
int card_port_reset(struct card *c, const struct object *o, bool hold);

/* event.c */
/* The device's message interrupts: MSI-X, or MSI where it has no others. At most MAX_VECTORS. */
int events_vectors(struct vdev *d, uint32_t *index, uint32_t *count);
int events_init(struct events *e, struct vdev *d);
void events_done(struct events *e, struct vdev *d);
void events_drop(struct events *e, struct vdev *d, const struct handle *owner);

#endif
