/* SPDX-License-Identifier: BSD-3-Clause */
#include "dev/forks.h"

#include <stddef.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the list, also across a fork */
static struct fork_watch *first;

static void before(void)
{
	pthread_mutex_lock(&lock);
	for (struct fork_watch *w = first; w; w = w->next)
		if (w->lock)
			pthread_mutex_lock(w->lock);
}

static void unlock_all(void)
{
	for (struct fork_watch *w = first; w; w = w->next)
		if (w->lock)
			pthread_mutex_unlock(w->lock);
}

static void in_parent(void)
{
	unlock_all();
	pthread_mutex_unlock(&lock);
}

static void in_child(void)
{
	for (struct fork_watch *w = first; w; w = w->next)
		w->in_child(w);
	unlock_all();
	pthread_mutex_unlock(&lock);
}

static void prepare(void)
{
	pthread_atfork(before, in_parent, in_child);
}

void forks_watch(struct fork_watch *w, void (*function)(struct fork_watch *w))
{
	pthread_once(&once, prepare);
	pthread_mutex_lock(&lock);
	w->in_child = function;
	w->next = first;
	w->link = &first;
	if (first)
		first->link = &w->next;
	first = w;
	pthread_mutex_unlock(&lock);
}

void forks_unwatch(struct fork_watch *w)
{
	if (!w->link)
		return;
	pthread_mutex_lock(&lock);
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	w->link = NULL;
	pthread_mutex_unlock(&lock);
}
