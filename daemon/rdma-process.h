/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the monitor and opaed-rdma say to each other, over a socketpair that keeps messages apart. That
 * process listens at one fabric: what strangers send there is read by libfabric, so it has no rights, nothing
 * of the monitor's, and one thing to ask it: where who knocks is to go.
 */
#ifndef DAEMON_RDMA_PROCESS_H
#define DAEMON_RDMA_PROCESS_H

#include <stdint.h>

#include "transport/fabric-door.h"

#define RDMA_CHANNEL 3 /* where the process finds it */
#define RDMA_FILES 1024 /* descriptors that it may have; silent strangers of provider tcp have one each */
#define RDMA_FULL 3	/* its exit code when it has them all: the next one has none of them */

/* The monitor's first message. */
struct rdma_start {
	uint32_t uid, gid; /* whom it becomes; UINT32_MAX: it stays who it is */
	uint32_t must;	   /* bits of enum sandbox_piece: without these it ends */
	uint32_t port;	   /* 0: any */
	char provider[8], host[64];
};

enum rdma_word {
	RDMA_LISTENS = 1, /* port: where; the first word, and it is in its sandbox */
	RDMA_KNOCKS,	  /* id, and peer, as "10.0.0.7:4711"; "": the provider does not tell */
};

struct rdma_says {
	uint32_t word, id, port;
	char peer[64];
};

struct rdma_answer {
	uint32_t id;
	struct door_answer answer;
};

#endif
