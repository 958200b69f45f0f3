/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scoped cleanup: a variable marked with one of these releases what it holds when it goes out of
 * scope. Ownership passes out by *_steal(), which leaves the empty value behind.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <pthread.h>
#include <stdlib.h>

#include "base/sys.h"

static inline void cleanup_free_p(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_p(int *fd)
{
	if (*fd >= 0)
		sys_close(*fd);
}

static inline void cleanup_unlock_p(pthread_mutex_t **m)
{
	if (*m)
		pthread_mutex_unlock(*m);
}

static inline pthread_mutex_t *cleanup_lock(pthread_mutex_t *m)
{
	pthread_mutex_lock(m);
	return m;
}

static inline int fd_steal(int *fd)
{
	int out = *fd;

	*fd = -1;
	return out;
}

#define CLEANUP_FREE __attribute__((cleanup(cleanup_free_p)))
#define CLEANUP_CLOSE __attribute__((cleanup(cleanup_close_p)))
#define SCOPED_PASTE_(a, b) a##b
#define SCOPED_NAME_(line) SCOPED_PASTE_(scoped_lock_, line)
/* Holds the mutex until the end of the enclosing block. */
#define SCOPED_LOCK(m)                                                                             \
	pthread_mutex_t *SCOPED_NAME_(__LINE__)                                                    \
		__attribute__((cleanup(cleanup_unlock_p), unused)) = cleanup_lock(m)

#endif
