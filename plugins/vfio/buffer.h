/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The buffers of an open device, which its handles share addresses for. A wsid is a slot's number and
 * generation, never a pointer.
 */
#ifndef PLUGINS_VFIO_BUFFER_H
#define PLUGINS_VFIO_BUFFER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/iova.h"
#include "plugins/vfio/memory.h"

struct handle;
struct vdev;

struct buffer {
	const struct handle *owner;
	struct memory memory;
	uint64_t len;  /* as asked for */
	uint64_t iova; /* of the first byte */
	uint64_t map_iova, map_len; /* what was mapped for the device: whole pages */
	bool device_writes;
};

struct buffer_slot {
	struct buffer buffer;
	uint32_t generation;
	uint32_t next_free; /* index + 1 */
	bool used;
};

struct buffers {
	pthread_mutex_t lock; /* guards all but served, also while the device is asked */
	struct iova_pool *iova; /* the device's */
	struct buffer_slot *slots;
	uint32_t num, room, free_head;

	/* Buffers that the device reaches by messages. Their lock is held during each copy and
	 * never while the device is asked, for it may ask back. */
	pthread_mutex_t served_lock;
	struct buffer *served;
	size_t num_served;
};

/* Before the device is opened, for it may ask at once; buffers_done() after it is closed. */
void buffers_init(struct buffers *b);
void buffers_done(struct buffers *b);
/* Once the device is open: its addresses are what buffers get. */
void buffers_attach(struct buffers *b, struct vdev *dev);
/* Gives every buffer of the owner back (NULL: of all); the device may be dead. */
void buffers_release_all(struct buffers *b, struct vdev *dev, const struct handle *owner);
/* A copy of the buffer with that memory at that address, for another device of this process; its
 * memory.fd is a descriptor of the copy's own. 0, -ENOENT, or why there is no descriptor. */
int buffers_copy(struct buffers *b, const void *at, uint64_t iova, struct buffer *ret);
/* Gives a buffer to the device at the address that it has already; takes its descriptor over when
 * that works. -EEXIST: the device has this memory there; -EBUSY: it has something else there. */
int buffers_pin(struct buffers *b, struct vdev *dev, struct buffer *buf);
/* Takes one back that was given so. -ENOENT: there is none. */
int buffers_unpin(struct buffers *b, struct vdev *dev, const struct handle *owner, uint64_t iova);
/* Serves the device's messages. */
int buffers_access(struct buffers *b, uint64_t iova, void *data, size_t len, bool write);

#endif
