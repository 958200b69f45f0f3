/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A far host of a test's own: a thread that listens on a unix socket and serves a table to whoever connects,
 * one session after another; or that lies to him.
 */
#ifndef TESTS_UNIT_SERVED_HOST_H
#define TESTS_UNIT_SERVED_HOST_H

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/client/client.h"
#include "rpc/link.h"
#include "rpc/server/server.h"

struct served_host {
	/* The test's, before the start. */
	const struct rpc_served *served; /* NULL: lie() answers */
	struct rpc_session_options options;
	/* Answers a frame, or breaks the link. */
	void (*lie)(void *ctx, struct rpc_link *link, const struct rpc_frame *frame);
	void *lie_ctx;

	atomic_uint sessions; /* that have begun so far, */
	atomic_uint ended;    /* and that were freed */
	pthread_mutex_t lock; /* guards session */
	struct rpc_session *session;
	atomic_bool over;
	pthread_t thread;
	int fd, wake;
	char dir[64];
	struct address address;
};

void served_host_start(struct served_host *h);
/* Ends the session that there is, as when the server goes. */
void served_host_cut(struct served_host *h);
void served_host_end(struct served_host *h);

/* A client of these hosts, named "far0", "far1", ...; its functions in the table. Short waits. */
struct rpc_client *served_client(struct served_host *hosts, unsigned int num, int64_t timeout_ns,
				 opae_api_adapter_table *table);

#endif
