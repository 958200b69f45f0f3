/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two ends of a fabric in one process: by provider tcp over the loopback, or as OPAE_TEST_FABRIC says, "verbs
 * 10.8.0.1".
 */
#ifndef TESTS_UNIT_FABRIC_RIG_H
#define TESTS_UNIT_FABRIC_RIG_H

#include "base/clock.h"
#include "transport/fabric.h"

#define SOON clock_deadline(60 * NS_PER_S)

struct fabric_end {
	struct fabric *fabric;
	struct fabric_conn *conn;
};

struct fabric_rig {
	struct fabric_end client, server;
	struct fabric_listener *listener;
	struct address address; /* where it listens */
};

const char *rig_provider(void);
/* Where both ends are, with port 0. */
struct address rig_address(void);
/* Soft RoCE on an emulated processor: what is repeated, or large, may be less. */
bool rig_is_slow(void);
/* Fails the test when it does not come about. */
void rig_listen(struct fabric_rig *r);
void rig_connect(struct fabric_rig *r);
/* A connection in place of one that has been freed. */
void rig_connect_again(struct fabric_rig *r);
void rig_free(struct fabric_rig *r);
struct fabric *rig_client(const struct address *a);
/* The next who wants to connect, by the deadline. */
struct fabric_request *rig_next(struct fabric_listener *l, int64_t deadline);

/* A thread that makes the connection's other end move, until it is lost, and receives nothing. */
struct fabric_mover;
struct fabric_mover *rig_move(struct fabric_conn *c);
/* Ends it by fabric_shutdown(); what the connection was lost by. */
int rig_moved(struct fabric_mover *m);
/* The same when it has been lost by itself, which may take a moment. */
int rig_lost(struct fabric_mover *m);

#endif
