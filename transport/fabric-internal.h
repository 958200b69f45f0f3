/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of a fabric share. */
#ifndef TRANSPORT_FABRIC_INTERNAL_H
#define TRANSPORT_FABRIC_INTERNAL_H

#include <pthread.h>
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_eq.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>
#include <stdatomic.h>

#include "transport/alive.h"
#include "transport/fabric-lib.h"
#include "transport/fabric.h"
#include "transport/sockaddr.h"

#define API_VERSION FI_VERSION(1, 14)

/*
 * Receives that are always there: one for each message that the peer may send, and two for notes that carry
 * nothing but credits. There are never more of these: one is sent when half of the credits are owed, so those
 * that wait carry all credits there are.
 */
#define RECVS (FABRIC_CREDITS + 2)
#define SENDS 32
#define MOVES 2 /* operations of one read or write that are under way together */

#define FENCE_AT ((size_t)(RECVS + SENDS) * FABRIC_MESSAGE_MAX)
#define ROOM (FENCE_AT + 1)

#define OP_MAX (8u << 20)   /* bytes in one operation, which every provider can */
#define OP_USUAL (256u << 10) /* two of them keep it busy, and what is under way stays in the caches */

struct fabric {
	const struct fabric_lib *lib;
	struct fi_info *info;
	struct fid_fabric *fid;
	struct fid_domain *domain;
	enum fabric_side side;
	/*
	 * A listener's, for its next connection: provider verbs opens a device for each, which a process that
	 * has shut itself in since cannot.
	 */
	_Atomic(struct fid_eq *) spare;
	bool spares;
};

struct fabric_memory {
	struct fabric *fabric;
	struct fid_mr *mr;
	unsigned char *base;
	size_t len;
	uint64_t remote_base;
};

struct fabric_listener {
	struct fabric *fabric;
	struct fid_eq *eq;
	struct fid_pep *pep;
	int fd;
};

enum op_kind { OP_RECV, OP_SEND, OP_MOVE };

/* What the provider hands back when it has done something; it lives as long as the connection. */
struct op {
	enum op_kind kind;
	unsigned int index;
};

struct fabric_conn {
	struct fabric *fabric;
	struct fid_eq *eq;
	struct fid_cq *cq;
	struct fabric_memory *slots; /* RECVS receives, SENDS sends, and the byte that a fence reads into */
	unsigned char *room;
	int wait_fd;  /* an epoll of the queues' descriptors and of lost_fd */
	int lost_fd;  /* an eventfd, readable for good when it is lost */
	int outer_fd; /* an epoll of wait_fd and of bell_fd, for who polls by himself */
	int bell_fd;  /* an eventfd: a message is ready that another thread has taken from the queues */
	char peer[ADDRESS_TEXT_MAX];
	/* Of provider tcp: fabric-socket.c. */
	int socket; /* -1: it is not known */
	union sockaddr_any socket_own, socket_peer;
	struct alive alive;
	struct op recvs[RECVS], sends[SENDS], moves[MOVES];

	pthread_mutex_t lock; /* of all that follows */
	pthread_cond_t changed;
	struct fid_ep *ep; /* NULL: it is lost */
	int lost;
	char why[FABRIC_WHY_MAX];
	bool polled; /* somebody polls outer_fd, and has not been rung for since */
	bool rung;   /* bell_fd is readable */
	bool asleep; /* a thread sleeps until the provider has something, which nobody else takes from him */
	unsigned int idle_sends[SENDS], idle_send_count;
	unsigned int credits; /* messages that may be sent */
	unsigned int owed;    /* messages of the peer's that were taken, and of which it has not been told */
	/* What was received and not taken, in order. */
	struct { unsigned int recv; size_t len; } ready[FABRIC_CREDITS];
	unsigned int ready_first, ready_count;
	bool moving; /* a thread has a read or write under way */
	unsigned int idle_moves[MOVES], idle_move_count;
};

/* A negative errno of what libfabric says; it has codes of its own as well. */
int fabric_error(ssize_t rc);
bool fabric_wait_fd_of(struct fid *fid, int *ret);

/* Of a connection that has just come to stand. */
void fabric_socket_find(struct fabric_conn *c);

int fabric_eq_open(struct fabric *f, struct fid_eq **ret);
/* All but the endpoint. */
int fabric_conn_new(struct fabric *f, struct fabric_conn **ret);
/* The endpoint of `info`, ready to be connected or accepted; takes a request over, also on failure. */
int fabric_conn_open(struct fabric_conn *c, struct fi_info *info);

/* With c->lock held, all of these. */
int fabric_post_recv(struct fabric_conn *c, unsigned int recv);
/* Takes what the provider has done. */
void fabric_progress(struct fabric_conn *c);
/* Looks whether the other end has gone, which some providers tell in no other way. */
void fabric_look(struct fabric_conn *c);
/* Waits for something to happen, or for the deadline: -ETIMEDOUT. The caller looks again. */
int fabric_pause(struct fabric_conn *c, int64_t spin_until, int64_t deadline);
/* The same; and -EINTR when there is something to read at wake_fd (-1: none). */
int fabric_pause_or_wake(struct fabric_conn *c, int64_t spin_until, int64_t deadline, int wake_fd);
/* A message is ready: wakes who polls fabric_fd(). */
void fabric_ring(struct fabric_conn *c);
void fabric_lose(struct fabric_conn *c, int rc, const char *what);
void fabric_received(struct fabric_conn *c, unsigned int recv, const struct fi_cq_data_entry *e);
/* Tells the peer of what it may send again, when it is worth a message. */
void fabric_repay(struct fabric_conn *c);

#endif
