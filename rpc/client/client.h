/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The remote client core: an adapter table whose functions are calls of a server on another machine. The tcp,
 * vsock and rdma plugins are this core and a configuration.
 *
 * Nothing is connected before the first enumeration that asks, and no thread is started before the first
 * open.
 */
#ifndef RPC_CLIENT_CLIENT_H
#define RPC_CLIENT_CLIENT_H

#include <opae/plugin.h>

#include "transport/address.h"
#include "transport/tls.h"

struct rpc_host_config {
	struct address address;
	char name[OPAEX_HOSTNAME_MAX]; /* the hostname property of its devices */
	/*
	 * Added to the far side's segments (modulo 65536), so that a program can tell hosts apart by address.
	 */
	uint16_t segment;
	/* One block with what its members point to, which goes with the list; NULL: clear text. */
	struct tls_config *tls;
	char provider[16]; /* of the fabric that it is reached by; "": by a socket */
};

/* How it is known what a program does with its buffers: docs/coherence.md. */
enum rpc_tracker { RPC_TRACKER_AUTO, RPC_TRACKER_TRAP, RPC_TRACKER_EAGER };

struct rpc_client_config {
	const char *plugin; /* for log lines: "tcp" */
	struct rpc_host_config *hosts;
	unsigned int num_hosts;
	int64_t spin_ns;	 /* of a wait before it sleeps */
	int64_t timeout_ns;	 /* of a call */
	int64_t connect_ns;	 /* of a first enumeration: how long a host may take to answer */
	bool mmio_write_sync;	 /* each register write is a call */
	bool buffers_explicit;	 /* content travels by opaex_push() and opaex_pull() alone */
	enum rpc_tracker tracker; /* AUTO: trap, where both ends can */
	bool data_rdma;		 /* content goes by a fabric, where both ends can: direct.h */
	int64_t rdma_least;	 /* bytes that are worth it */
	bool data_in_clear;	 /* also where others than this machine may read along */
};

struct rpc_client;

/* The list of a configuration; NULL is fine. */
void rpc_hosts_free(struct rpc_host_config *hosts, unsigned int num);
/* Takes the hosts over, also on failure. 0, -ENOMEM. */
int rpc_client_new(const struct opae_host *host, const struct rpc_client_config *config,
		   struct rpc_client **ret);
void rpc_client_free(struct rpc_client *c); /* NULL is fine */
/* Fills the table; its instance is the client. */
void rpc_client_fill(opae_api_adapter_table *table, struct rpc_client *c);

#endif
