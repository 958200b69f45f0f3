/* SPDX-License-Identifier: BSD-3-Clause */
/* The buffers of a handle. A wsid is a slot's number and generation, never a pointer. */
#ifndef PLUGINS_LOCAL_BUFFER_H
#define PLUGINS_LOCAL_BUFFER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct handle;

struct buffer_slot {
	void *at;
	uint64_t len;	  /* as asked for */
	uint64_t map_len; /* that the device got: whole pages */
	uint64_t our_len; /* of memory of ours: that is mapped here */
	uint64_t iova;
	uint32_t generation;
	uint32_t next_free; /* index + 1 */
	bool ours, used;
};

struct buffers {
	pthread_mutex_t lock; /* guards the rest */
	struct buffer_slot *slots;
	uint32_t room, free_head; /* free_head: index + 1 */
};

void buffers_init(struct buffers *b);
/* Gives all of them back; the device may have gone. */
void buffers_done(struct handle *h);

#endif
