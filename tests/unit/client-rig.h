/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A remote client, and servers at unix sockets that serve the model (fake-served.h), or say what a test tells
 * them to.
 */
#ifndef TESTS_UNIT_CLIENT_RIG_H
#define TESTS_UNIT_CLIENT_RIG_H

#include "rpc/client/client.h"
#include "rpc/client/host.h"
#include "rpc/link.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-served.h"
#include "tests/unit/props-host.h"

#define RIG_SERVERS 4u
#define RIG_SESSIONS 16u

struct rig_server;

struct rig_session {
	struct rig_server *server;
	pthread_t thread;
	bool used;
	struct rpc_link link;	     /* of a script */
	struct rpc_session *session; /* of the model */
	int fd;			     /* the server's end */
};

struct rig_server {
	char path[ADDRESS_PATH_MAX];
	/* What is said in place of a session; the link ends when it returns. */
	void (*script)(struct rpc_link *l);
	bool silent; /* connections are taken by the kernel alone */
	int listener, stop;
	bool running;
	pthread_t acceptor;
	pthread_mutex_t lock; /* guards the sessions */
	struct rig_session sessions[RIG_SESSIONS];
	atomic_uint accepted;
};

struct client_rig {
	char dir[64];
	struct rig_server servers[RIG_SERVERS];
	struct rpc_client *client;
	opae_api_adapter_table t;
};

extern struct client_rig rig;

/* With so many hosts, of which none is served yet. */
void rig_up(unsigned int hosts, void (*change)(struct rpc_client_config *c));
void rig_down(void);
void server_start(struct rig_server *s);
void server_kick(struct rig_server *s); /* ends all connections; it listens on */
void server_stop(struct rig_server *s); /* and listens no more */
const char *detail(void);		/* the thread's last reason */

/* Enumerates accelerators alone, or everything with objtype -1; the number that there is. */
uint32_t rig_enumerate(int objtype, fpga_token *tokens, uint32_t max);
void rig_destroy(fpga_token *tokens, uint32_t n);
/* The first accelerator of the first host, open. */
fpga_handle rig_open(void);
struct opae_props rig_props(fpga_token t);
/* How long the calls of this handle's connection wait from now on: as a rule longer than any machine needs.
 */
void rig_set_patience(fpga_handle h, int64_t ns);

/* For scripts: the next request; false: the client has gone. */
bool script_next(struct rpc_link *l, struct rpc_frame *f);
void script_reply(struct rpc_link *l, const struct wire_head *to, const void *body, size_t len);
void script_fail(struct rpc_link *l, const struct wire_head *to, uint32_t result, const char *why);
void script_hello(struct rpc_link *l); /* takes HELLO, and greets back */
void script_hello_with(struct rpc_link *l, uint64_t features);
/* Answers ENUMERATE and OPEN with one accelerator of one region; false: it is neither. */
bool script_usual(struct rpc_link *l, const struct rpc_frame *f);

#endif
