/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The thread and who asked share the lookup and count its users; the last one frees it. `done` is set, once,
 * after the answer: who has seen it may read the rest without a lock.
 */
#include "transport/lookup.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/sys.h"
#include "base/thread.h"
#include "transport/address.h"

struct lookup {
	atomic_int users;
	atomic_bool done;
	int fd;	   /* an eventfd: one when done */
	int gai;   /* getaddrinfo's answer */
	int error; /* and errno, when that says so */
	struct addrinfo *found;
	char host[ADDRESS_HOST_MAX], port[12];
};

static void unref(struct lookup *l)
{
	if (atomic_fetch_sub(&l->users, 1) != 1)
		return;
	if (l->found)
		freeaddrinfo(l->found);
	sys_close(l->fd);
	free(l);
}

static void *ask(void *arg)
{
	struct lookup *l = arg;
	struct addrinfo hints = { .ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };

	l->gai = getaddrinfo(l->host, l->port, &hints, &l->found);
	l->error = errno;
	if (l->gai)
		l->found = NULL;
	atomic_store(&l->done, true);
	eventfd_write(l->fd, 1);
	unref(l);
	return NULL;
}

int lookup_start(const char *host, uint32_t port, struct lookup **ret)
{
	struct lookup *l = calloc(1, sizeof(*l));
	int rc;

	if (!l)
		return -ENOMEM;
	l->fd = sys_eventfd(0, 0);
	if (l->fd < 0) {
		rc = l->fd;
		free(l);
		return rc;
	}
	atomic_init(&l->users, 2);
	snprintf(l->host, sizeof(l->host), "%s", host);
	snprintf(l->port, sizeof(l->port), "%u", port);
	rc = thread_start_detached(ask, l);
	if (rc) {
		sys_close(l->fd);
		free(l);
		return rc;
	}
	*ret = l;
	return 0;
}

int lookup_fd(const struct lookup *l)
{
	return l->fd;
}

int lookup_answer(struct lookup *l, const struct addrinfo **found, const char **why)
{
	if (!atomic_load(&l->done))
		return 0;
	*found = l->found;
	if (!l->gai)
		return 1;
	*why = l->gai == EAI_SYSTEM ? strerror(l->error) : gai_strerror(l->gai);
	if (l->gai == EAI_SYSTEM && l->error)
		return -l->error;
	return l->gai == EAI_MEMORY ? -ENOMEM : l->gai == EAI_AGAIN ? -EHOSTUNREACH : -ENOENT;
}

void lookup_free(struct lookup *l)
{
	if (l)
		unref(l);
}
