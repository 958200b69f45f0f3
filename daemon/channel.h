/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the monitor and a worker say to each other, over a socketpair that keeps messages apart
 * (SOCK_SEQPACKET). Every message is a struct of a fixed size, told by its type; descriptors travel from the
 * monitor to the worker alone. Both are of one build, so the structs travel as they are; but the monitor
 * believes nothing that a worker sends: type, direction and length are judged here, and text is ended here.
 */
#ifndef DAEMON_CHANNEL_H
#define DAEMON_CHANNEL_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "daemon/credentials.h"
#include "daemon/policy.h"
#include "daemon/scout.h"
#include "rpc/server/server.h"
#include "transport/fabric-door.h"

#define CHANNEL_PATH_MAX 1024 /* of a path that a worker asks for, with the NUL */
#define CHANNEL_WHY_MAX 256
#define CHANNEL_TEXT_MAX 4096 /* of what is found there; a longer list comes as a file */
#define CHANNEL_FILE_MAX 256

enum channel_type {
	/* monitor to worker */
	CHANNEL_START = 1, /* the first: struct channel_start */
	CHANNEL_ANSWER,	   /* of OPEN, CONNECT, LOCK, SESSIONS, KICK; maybe with a descriptor */
	CHANNEL_LOOK,	   /* another worker changed something; LOOKED answers */
	CHANNEL_ASK,	   /* INFO answers */
	CHANNEL_STOP,	   /* end the session */
	/* worker to monitor */
	CHANNEL_OPEN,	  /* struct channel_path */
	CHANNEL_CONNECT,  /* struct channel_path, of a unix socket */
	CHANNEL_SESSIONS, /* the answer brings a file with an array of struct rpc_session_info */
	CHANNEL_KICK,	  /* value: the session's id */
	CHANNEL_CHANGED,
	CHANNEL_LOOKED,
	CHANNEL_INFO, /* struct rpc_session_info */
	CHANNEL_END,  /* the last: struct channel_end */
	CHANNEL_SCOUTED, /* of a scout: struct scout_report, one for each object that it found */
	CHANNEL_READY, /* of a worker that waits for its peer; value: at this port of the fabric, or 0 */
	CHANNEL_PEER, /* of a stranger's worker: struct channel_peer; another START answers */
	/* What is at a path: struct channel_path. From UNLINK to LINK of a scout alone. */
	CHANNEL_STAT,
	CHANNEL_LSTAT,
	CHANNEL_READLINK,
	CHANNEL_LIST,
	CHANNEL_ACCESS, /* flags: as of access(2) */
	CHANNEL_UNLINK,
	CHANNEL_MKDIR,
	CHANNEL_RENAME, /* path and, behind its NUL, the new one */
	CHANNEL_LINK,	/* the same */
	CHANNEL_HOLDER, /* which process holds the device at the path; FOUND answers */
	CHANNEL_LOCK,	/* the inventory's lock `value` (enum inventory_lock) of the device at the path */
	/* Descriptors that no path leads to. */
	CHANNEL_UEVENTS, /* what the kernel says of devices that come and go */
	CHANNEL_PERF,	 /* struct channel_perf */
	/* A piece of the sandbox that there is not: value is an enum sandbox_piece, id an errno. */
	CHANNEL_MISSING,
	/* monitor to worker: an ANSWER to STAT, LSTAT, READLINK, LIST, HOLDER; struct channel_found */
	CHANNEL_FOUND,
};

/* All that a worker knows of its session. */
struct channel_start {
	uint32_t session; /* its number */
	uint32_t max_handles, max_objects, max_calls;
	uint32_t allow, num_see;
	uint32_t scout; /* 1: there is no peer, and what is there is to be told (daemon/scout.h) */
	int64_t spin_ns, hello_ns, preauth_ns;
	uint64_t max_pinned, max_watched;
	uint64_t data, locked; /* bytes of its own memory, and of what it may have pinned */
	uint64_t max_events;
	char rdma[8];	      /* the fabric's provider; "": none */
	uint32_t rdma_least;  /* bytes that are worth it */
	uint32_t rdma_in_clear; /* 1: also where other machines can read along */
	/*
	 * 1: it makes itself ready, and another START tells of its peer: comes with his connection, or
	 * (bearer) says what he shows who comes by the fabric.
	 */
	uint32_t spare, bearer;
	char fabric_at[64]; /* the address of its fabric */
	uint8_t token[DOOR_SECRET], proof[DOOR_SECRET];
	uint32_t uid, gid; /* whom it becomes; UINT32_MAX: it stays who it is */
	uint32_t must;	   /* bits of enum sandbox_piece: without these it serves nobody */
	char principal[POLICY_PRINCIPAL_MAX], peer[128], host[256];
	/* Names of the files of "tls", whose content is there as WORKER_TLS and so on; "": there is none. */
	char tls[CREDENTIALS][CHANNEL_FILE_MAX];
	char refuse[CHANNEL_WHY_MAX]; /* "": serve it; else why not, for the reply to HELLO */
	struct policy_see see[POLICY_SEE_MAX];
};

struct channel_peer {
	char principal[POLICY_PRINCIPAL_MAX];
};

struct channel_path {
	int32_t flags; /* of open; of connect: SOCK_NONBLOCK or 0 */
	uint32_t mode;
	char path[CHANNEL_PATH_MAX];
};

struct channel_found {
	struct stat st;
	uint32_t len; /* of text; with the NUL of a link, with all NULs of a list */
	uint32_t reserved;
	char text[CHANNEL_TEXT_MAX];
};

struct channel_perf {
	struct perf_event_attr attr;
	int32_t pid, cpu, group;
	uint32_t reserved;
	uint64_t flags;
};

struct channel_end {
	int32_t rc; /* as of rpc_session_run() */
	uint32_t reserved;
	char why[CHANNEL_WHY_MAX];
	struct rpc_session_info info;
};

struct channel_message {
	uint32_t type; /* enum channel_type */
	uint32_t id;   /* of a question, and in its answer; else 0 */
	int64_t value; /* of an answer: 0 or a negative errno */
	union {
		struct channel_start start;
		struct channel_path path;
		struct channel_found found;
		struct channel_perf perf;
		struct channel_peer peer;
		struct rpc_session_info info;
		struct channel_end end;
		struct scout_report scouted;
	};
};

/* The monitor's end, and the worker's; close-on-exec. 0 or a negative errno. */
int channel_pair(int *monitor, int *worker);
/*
 * Never waits. 0; -EAGAIN: the other end does not read; -EPIPE: it has gone. A descriptor (or -1) is
 * duplicated; when none can be passed on now, an answer goes without and has the value -ETOOMANYREFS.
 */
int channel_send(int fd, const struct channel_message *m, int pass);
/*
 * The next message that the monitor sends (fd is NULL: a worker sends). 1; 0: the other end has gone;
 * -EAGAIN: none is there; -EPROTO: it makes no sense, and the other end is not to be believed any more. *fd
 * is a descriptor that came with it, or -1.
 */
int channel_receive(int channel, struct channel_message *m, int *fd);
/*
 * The next one that a dead worker has left. At most CHANNEL_LEFT_MAX are taken, however fast somebody writes
 * who has got hold of the worker's end: *left is that many at first.
 */
bool channel_left(int channel, struct channel_message *m, int *left);
#define CHANNEL_LEFT_MAX 4096 /* more than a socket holds */
/* A worker: waits for START, at most so long. 0; -EPROTO: that did not come. *fd: as above. */
int channel_await_start(int channel, int64_t wait_ns, struct channel_start *ret, int *fd);

#endif
