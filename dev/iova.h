/* SPDX-License-Identifier: BSD-3-Clause */
/* The addresses that a device can reach and nobody uses yet. A space is not locked; a pool is. */
#ifndef DEV_IOVA_H
#define DEV_IOVA_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct iova_hole {
	uint64_t first, last;
};

struct iova_space {
	struct iova_hole *holes; /* sorted, never touching each other */
	size_t num, room;
	size_t cursor; /* where the next search begins */
};

/* 0, -ENOMEM, or -EINVAL when the range overlaps a hole. Also gives a used range back. */
int iova_put(struct iova_space *s, uint64_t first, uint64_t last);
/* len bytes (not 0) at a multiple of align (a power of two); -ENOSPC. */
int iova_get(struct iova_space *s, uint64_t len, uint64_t align, uint64_t *ret);
/* Takes just that range: 0, -EBUSY when some of it is in use or out of reach, or -ENOMEM. */
int iova_take(struct iova_space *s, uint64_t first, uint64_t last);
void iova_done(struct iova_space *s);

/* A space for several devices; the same functions with its lock held. */
struct iova_pool {
	pthread_mutex_t lock; /* guards the space */
	struct iova_space space;
};

void iova_pool_init(struct iova_pool *p);
void iova_pool_done(struct iova_pool *p);
int iova_pool_put(struct iova_pool *p, uint64_t first, uint64_t last);
int iova_pool_get(struct iova_pool *p, uint64_t len, uint64_t align, uint64_t *ret);
int iova_pool_take(struct iova_pool *p, uint64_t first, uint64_t last);

#endif
