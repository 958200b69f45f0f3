/* SPDX-License-Identifier: BSD-3-Clause */
/* The inside of the remote client, for the files of this folder. */
#ifndef RPC_CLIENT_INTERNAL_H
#define RPC_CLIENT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/client/client.h"
#include "rpc/client/direct.h"
#include "rpc/link.h"
#include "wire/codec.h"

struct conn;	       /* a connection to a host: conn.h */
struct remote_host;    /* host.h */
struct handle_buffers; /* buffers.h */

#define REMOTE_REGIONS 8u /* MMIO regions of an accelerator, at most */

struct remote_token {
	struct rpc_client *client;
	struct remote_host *host;
	uint64_t id;	    /* the far side's object id */
	unsigned int forks; /* of the process that made it: client_forks(); its children know it as well */
};

struct remote_handle {
	struct rpc_client *client;
	struct conn *conn; /* counted; a lost one stays until close */
	struct remote_host *host;
	uint64_t id;	/* the far side's */
	uint64_t token; /* object id */
	uint32_t num_regions;
	struct opaex_mmio_info regions[REMOTE_REGIONS];
	struct handle_buffers *buffers; /* made with the handle */
	struct remote_handle *next;	/* of the connection's; conn.c's */
	uint32_t round;			/* the connection's handles_lock: see conn.h */
	_Atomic int64_t progress_at;	/* when PROGRESS came last, on the clock of base/clock.h */
	atomic_bool reconfigures;	/* a thread sends a bitstream by it */
	struct direct_landing landing;	/* where tracked buffers are written back past the connection */
	atomic_bool wrote;		/* a register, perhaps posted, since it was asked last */
	atomic_bool failed;		/* something posted has: the next write waits, and is told what */
};

/* The host's services, for all of these; the same for every instance of a plugin. */
void client_serve(const struct opae_host *host, const char *plugin);
/* Sets the thread's detail and returns r: `return say(FPGA_BUSY, "...")`. */
fpga_result say(fpga_result r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same with the host's name in front. */
fpga_result say_host(const struct conn *conn, fpga_result r, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* What this thread said last. */
const char *said(void);
void debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* For what the user is to see though no call has failed. */
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const struct opae_host *client_host(void);
const struct rpc_client_config *client_config(const struct rpc_client *c);
/* How often this process is the child of a fork: what was made before the last one belongs to a parent. */
unsigned int client_forks(void);

/*
 * The connection for a call on a token, made anew when it was lost; counted: conn_put() when done. Sets the
 * reason.
 */
fpga_result token_conn(const struct remote_token *t, struct conn **ret);
void conn_put(struct conn *conn); /* NULL is fine */

/* A handle's function that is no MMIO access, before anything else: is the handle this process's? */
fpga_result handle_check(const struct remote_handle *h);
/*
 * Otherwise it is a parent's, which forked this process, and so are its locks: who held them then is not
 * here.
 */
bool handle_is_ours(const struct remote_handle *h);

/* The token of an object of the same host. */
fpga_result token_new(struct rpc_client *c, struct remote_host *host, uint64_t id, fpga_token *ret);

#endif
