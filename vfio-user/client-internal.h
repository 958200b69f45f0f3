/* SPDX-License-Identifier: BSD-3-Clause */
/* Shared by the files of the client half alone. */
#ifndef VFIO_USER_CLIENT_INTERNAL_H
#define VFIO_USER_CLIENT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "vfio-user/client.h"
#include "vfio-user/message.h"

#define VU_CLIENT_REGIONS 9u

struct vu_client {
	struct vu_client_options opt;
	pid_t pid;          /* of the process that connected */
	unsigned int forks; /* as vu_client_forks() was then; a fork must not use the socket */
	int socket, twin; /* twin: -1 when there is none */
	struct vu_device_info info;
	struct vu_caps peer;

	pthread_mutex_t call_lock; /* guards the main socket: inbox, next_id, hung_up */
	struct vu_inbox inbox;
	uint16_t next_id;
	bool hung_up;			/* a call found that the server has gone */
	_Atomic uint32_t message_maps; /* DMA ranges that the server reaches by messages alone */

	struct vu_inbox twin_inbox; /* the watcher's alone */
	pthread_t watcher;
	bool watching;
	int wake; /* eventfd: something changed for the watcher; -1 without one */
	atomic_bool stopping;

	pthread_mutex_t region_lock; /* held while a region is asked for */
	struct vu_region regions[VU_CLIENT_REGIONS];
	atomic_bool region_known[VU_CLIENT_REGIONS]; /* regions[i] is final once this is set */

	atomic_bool dead;
	pthread_mutex_t why_lock; /* guards why */
	char why[160];
};

/* One command: what is sent, and room for what comes back. */
struct vu_call {
	uint16_t command;
	struct iovec payload[2];
	size_t payloads;
	const int *fds;
	uint32_t num_fds;
	void *reply; /* fixed part of the reply's payload, copied when long enough */
	size_t reply_len;
	void *data; /* what follows it */
	size_t data_room;
	size_t data_len; /* how much came */
	int *reply_fd;   /* at most one descriptor is taken; NULL: none is welcome */
	int64_t timeout_ns;
};

/* 0, the server's error as a negative errno, -ETIMEDOUT when this call's time ran out, the kernel's
 * error when the socket failed, or -EIO; the connection is dead after all but the first two. */
int vu_client_call(struct vu_client *c, struct vu_call *call);

/* How many forks lie between the process that loaded this and the one that asks: getpid() would be a
 * call to the kernel for each register access. */
unsigned int vu_client_forks(void);

void vu_client_why_set(struct vu_client *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Ends the connection; returns -EIO. */
int vu_client_die(struct vu_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Answers a DMA_READ or DMA_WRITE that lies in the inbox. */
int vu_client_serve(struct vu_client *c, int socket, struct vu_inbox *in, int64_t deadline);
/* Reads what came on the main socket while no call waits. Call lock held. */
int vu_client_drain(struct vu_client *c);
void vu_client_watch_wake(struct vu_client *c);
void vu_client_watch_stop(struct vu_client *c);

#endif
