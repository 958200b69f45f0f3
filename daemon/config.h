/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opaed's configuration: JSON text becomes plain data, or lines that each name what is wrong and the fix.
 * docs/daemon.md is the reference of the keys. Nothing is opened here but the file.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/config-cards.h"
#include "daemon/plugin-set.h"
#include "daemon/policy.h"
#include "transport/address.h"

#define CONFIG_DEFAULT_FILE "/etc/opae/opaed.cfg"
#define CONFIG_LISTEN_MAX 32
#define CONFIG_FILE_MAX (1u << 20) /* bytes */

struct config_listen {
	struct address address;
	bool rdma;		     /* its connections are a fabric's; the address is of tcp's form */
	char text[ADDRESS_TEXT_MAX]; /* for people */
	char principal[POLICY_PRINCIPAL_MAX]; /* who all of its peers are; "": as the kernel says */
	mode_t mode;			      /* unix */
	/* Files by which both ends show who they are; NULL: nothing is encrypted. One block; free() it. */
	struct tls_config *tls;
};

struct config_limits {
	uint32_t connections, per_principal;
	/* Peers at a time that are shaking hands over TLS, and nobody knows who they are. */
	uint32_t preauth_connections;
	uint32_t preauth_ms; /* how long one may take to it */
	uint32_t hello_ms;   /* how long a peer may take to introduce itself */
	uint32_t spin_us;		  /* of a wait of a session before it sleeps */
	uint32_t handles, objects, calls; /* of a session */
	uint32_t events;		  /* of a session */
	uint64_t buffer_bytes;		  /* of a session */
	uint64_t worker_bytes;		  /* memory of a session's worker, beside them */
	uint64_t watch_bytes;		  /* of them, those that are kept equal at both ends */
};

struct daemon_config {
	unsigned int held; /* by sessions, beside who has it in force */
	struct config_listen *listen;
	size_t num_listen;
	struct policy policy;
	struct config_limits limits;
	/* JSON text in opae.cfg's form for the workers. */
	char *plugins;
	struct plugin_set *plugin_set; /* NULL until it is in force */
	/* Absolute paths that it names: sockets that a worker may connect to. Ends with NULL. */
	char **paths;
	char rdma[8];	    /* the fabric's provider; "": content goes by the connections alone */
	uint32_t rdma_least; /* bytes that are worth it */
	bool rdma_in_clear; /* also where other machines can read along */
	uint32_t rdma_spare; /* workers of a listener that are ready before their peers come */
	char rdma_address[64]; /* of this machine's fabric; "": a listener's own */
	bool has_metrics;
	struct config_listen metrics; /* where they can be scraped */
	/* Where they are, of those that are cards' sockets. */
	struct config_card *cards;
	size_t num_cards;
	bool sandbox_required; /* or nobody is served */
	uid_t worker_uid; /* whom a worker becomes, when this is root */
	gid_t worker_gid;
};

/*
 * 0; -EINVAL: *problems has one line for each mistake, "listen[1]: ...", each with its newline, and *ret is
 * empty; -ENOMEM. The caller frees *problems.
 */
int config_parse_text(const char *text, size_t len, struct daemon_config *ret, char **problems);
/* The same of a file; its name is in front of each problem. */
int config_read_file(const char *path, struct daemon_config *ret, char **problems);
/* Without a file: the unix socket of opaed_socket_path(), for this user alone. 0, -ENOMEM, -ENAMETOOLONG. */
int config_default(struct daemon_config *ret);
void config_done(struct daemon_config *c);
/* One of its own, from malloc(), stays until all who hold it have let it go, and one more has. */
struct daemon_config *config_hold(struct daemon_config *c);
void config_let_go(struct daemon_config *c);

#endif
