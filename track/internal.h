/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of the room: tracker.c has the descriptor and the thread, memory.c what is tracked. */
#ifndef TRACK_INTERNAL_H
#define TRACK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "track/track.h"

struct track {
	struct tracker *tracker;
	unsigned char *program, *library;
	size_t len;
	track_touched touched;
	void *ctx;
	atomic_int failed; /* given up: a negative errno */
	struct track *next; /* the tracker's lock */
};

struct tracker {
	int fd;	     /* the userfaultfd */
	int pagemap; /* this process's */
	int stop;    /* an eventfd */
	int64_t spin_ns;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t called; /* `calling` is another one */
	struct track *list;
	struct track *calling; /* its call back is under way */
};

void tracker_add(struct tracker *tr, struct track *t);
void tracker_remove(struct tracker *tr, struct track *t); /* waits for its call back */

#endif
