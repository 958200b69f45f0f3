/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A session: what is served to one peer over one transport. The server serves an adapter table: in the
 * daemon's worker the one made of libopae-c's public functions, in tests and fuzzers any plugin's or model's.
 */
#ifndef RPC_SERVER_SERVER_H
#define RPC_SERVER_SERVER_H

#include <stdbool.h>

#include <opae/plugin.h>

#include "rpc/counts.h"
#include "transport/transport.h"

/* What is served. Its functions are called from several threads. */
struct rpc_served {
	const opae_api_adapter_table *table; /* filled: no member that the server calls is NULL */
	fpga_result (*props_new)(fpga_properties *ret);
	fpga_result (*props_write)(fpga_properties prop, const struct opae_props *values);
	fpga_result (*props_read)(fpga_properties prop, struct opae_props *values);
	fpga_result (*props_destroy)(fpga_properties *prop);
	/* Why one of the properties (a bit of enum opae_prop_bit) is not set; "" when there is no reason. */
	const char *(*props_why)(fpga_properties prop, uint32_t bit);
	/* Why the thread's last call failed. */
	const char *(*detail)(void);
};

/* Memory that the peer reaches by one-sided reads and writes. */
struct rpc_exposed {
	uint64_t key, address; /* what the peer names it by */
	void *region;	       /* the exposer's; NULL: it is not exposed */
};

/* Where the peer is to connect to for that. */
struct rpc_offer {
	char provider[16];	/* libfabric's name */
	char address[64];	/* literal, with its port */
	uint8_t token[16];	/* lets it in, once */
	uint8_t proof[16];	/* that it is we who answer there */
};

/*
 * Exposes memory of this process to the session's peer: in the daemon's worker a fabric. Functions return 0
 * or a negative errno. Any thread; the same memory is one thread's at a time.
 */
struct rpc_exposer {
	void *ctx;
	uint32_t fetch_least; /* bytes that are worth a FETCH */
	int (*offer)(void *ctx, struct rpc_offer *ret);
	/* Can the peer fetch? He cannot from an offer on, until he has connected as it says. */
	bool (*stands)(void *ctx);
	int (*expose)(void *ctx, void *at, size_t len, bool writable, struct rpc_exposed *ret);
	/* No access begins any more, but one may be under way until the memory is unmapped. */
	void (*cover)(void *ctx, struct rpc_exposed *e);
	/*
	 * Unmaps memory that was exposed: an access that is still under way fails, and nothing else comes to
	 * lie there while one may be. Who unmaps other memory that is exposed sees to that himself.
	 */
	void (*unmap)(void *ctx, void *at, size_t len);
};

/* Of a session, for `opae sessions`. */
struct rpc_session_info {
	uint32_t id, handles;
	char principal[128], peer[128], program[128];
	uint64_t seconds, frames, pinned; /* since hello; received; bytes as max_pinned has them */
};

/* A request that was refused, for a log. */
struct rpc_refusal {
	const char *op;	  /* the message's name */
	uint32_t right;	  /* bits of enum wire_right that the peer does not have; 0: it named this: */
	const char *what; /* "handle", "buffer", ... */
	uint64_t id;
};

struct rpc_session_options {
	int64_t spin_ns;    /* of a wait before it sleeps */
	int64_t hello_ns;   /* a peer that has not said HELLO by then is left */
	uint32_t max_handles, max_objects, max_calls;
	uint64_t max_pinned; /* bytes of buffers and their twins, in whole pages */
	uint32_t max_events; /* registrations, at most 256 */
	uint64_t max_watched; /* bytes of buffers that have twins, in whole pages; 0: max_pinned is enough */
	bool no_watch;	     /* for tests: nobody looks for what a device did who is not asked */
	const char *host;      /* name of this machine, for HELLO */
	const char *principal; /* who the peer is */
	struct rpc_counts *counts; /* all 0 at first; must stay. NULL: nobody reads them */
	const struct rpc_exposer *exposer; /* must stay; NULL: content goes by the connection alone */
	void *ctx;	       /* of what follows */
	/*
	 * What the peer may do with an object of these properties: bits of enum wire_right, WIRE_RIGHT_SEE
	 * among them; 0: for this peer it does not exist. NULL: everything. On several threads, one at a
	 * time. Asked at each enumeration; a handle keeps what its object had when it was opened.
	 */
	uint32_t (*rights)(void *ctx, const struct opae_props *props);
	/* Rights that are about no object (ADMIN); NULL: none. */
	uint32_t (*rights_here)(void *ctx);
	/*
	 * An accelerator was opened, closed or reconfigured here: others may want to know. May be NULL. On
	 * the thread that serves, or that frees the session.
	 */
	void (*changed)(void *ctx, uint64_t object_id);
	/* Calls back for each session; and ends one. NULL: not supported. */
	fpga_result (*sessions)(void *ctx, void (*each)(void *arg, const struct rpc_session_info *info),
				void *arg);
	fpga_result (*kick)(void *ctx, uint32_t id);
	/* The peer named what it does not have, or wanted what it may not. May be NULL. Any thread. */
	void (*refused)(void *ctx, const struct rpc_refusal *r);
	/*
	 * Ids of handles, buffers and sysobjects are counted from there on in their upper half: where each
	 * session has another one, nobody's id is by chance another's as well.
	 */
	uint32_t first_id;
};

struct rpc_session;

/* Takes the transport over, also on failure; `served` and the options' pointers stay the caller's. */
int rpc_session_new(struct transport *t, const struct rpc_served *served,
		    const struct rpc_session_options *options, struct rpc_session **ret);
/*
 * Serves on the calling thread until the peer goes, breaks the protocol, or rpc_session_stop(). 0: the peer
 * went; -ECANCELED: stopped; -EPROTO, -EMSGSIZE: what came is no message; -ETIMEDOUT: no HELLO, or a peer
 * that takes nothing; -EHOSTDOWN. rpc_session_why() tells why. What is open stays so until
 * rpc_session_free().
 */
int rpc_session_run(struct rpc_session *s);
/* Serves what is there, and returns: 0, or as rpc_session_run(). For fuzzers and the loop-back. */
int rpc_session_step(struct rpc_session *s);
const char *rpc_session_why(const struct rpc_session *s);
/* Makes rpc_session_run() return. Any thread. */
void rpc_session_stop(struct rpc_session *s);
/* Somewhere else an accelerator was opened, closed or reconfigured: look anew. Any thread. */
void rpc_session_look(struct rpc_session *s);
/* Any thread; ret->id is the caller's to fill. */
void rpc_session_info(struct rpc_session *s, struct rpc_session_info *ret);
/*
 * Ends it: long calls are waited for, then each device is quiesced before its buffers are zeroed and given
 * back, and its handles closed.
 */
void rpc_session_free(struct rpc_session *s);

#endif
