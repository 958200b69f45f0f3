/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an opaed does that is reached by a fabric alone, in this process, by provider tcp over the loopback: a
 * listener that refuses, and a worker for each who is told to come.
 */
#ifndef TESTS_UNIT_DOOR_RIG_H
#define TESTS_UNIT_DOOR_RIG_H

#include <pthread.h>
#include <stdatomic.h>

#include "transport/fabric-door.h"
#include "transport/transport.h"

#define DOOR_WORKERS 8u

struct door_worker {
	struct door_rig *rig;
	struct fabric *fabric;
	struct fabric_listener *listener;
	struct door_answer answer;
	pthread_t thread;
};

struct door_rig {
	struct address address; /* where the listener is */
	/* What it does; set before door_start(). */
	unsigned int again;   /* so many knocks are told to come later */
	enum door_code code;  /* and these, what follows; DOOR_COME: a worker is there for them */
	bool nonsense;	      /* it answers with other bytes */
	bool gone;	      /* the first worker has died meanwhile */
	bool impostor;	      /* somebody else has the worker's port */
	void (*serve)(struct transport *t); /* takes it over; by a thread of the worker's */

	atomic_uint knocks, served;
	struct fabric *fabric;
	struct fabric_listener *listener;
	pthread_t thread;
	int stop; /* an eventfd */
	struct door_worker workers[DOOR_WORKERS];
	unsigned int num_workers;
};

void door_start(struct door_rig *r);
/* When what it serves has ended. */
void door_stop(struct door_rig *r);

#endif
