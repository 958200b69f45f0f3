/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads of the library's own: no signal of the program's is handled on them. */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/*
 * As pthread_create(), but 0 or a negative errno. Signals are the program's business, on the program's
 * threads; but for SIGBUS, which a thread that reads registers may bring upon itself.
 */
static inline int thread_start(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(ret, attr, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -rc;
}

/* The same of one that nobody waits for. */
static inline int thread_start_detached(void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc = -pthread_attr_init(&attr);

	if (rc)
		return rc;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = thread_start(&thread, &attr, run, arg);
	pthread_attr_destroy(&attr);
	return rc;
}

#endif
