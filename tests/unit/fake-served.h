/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A model that tests serve to peers: cards with a device and an accelerator each, registers that fail, count
 * and wait, memory that the accelerator copies, events that fire when told to. What tests look at and set
 * stands in `fake`. Errors, objects, metrics and management are fake-served-manage.h's.
 */
#ifndef TESTS_UNIT_FAKE_SERVED_H
#define TESTS_UNIT_FAKE_SERVED_H

#include <pthread.h>
#include <stdatomic.h>

#include "rpc/server/server.h"

#define FAKE_CARDS 4u
#define FAKE_REGION 0x10000u  /* bytes of region 0 */
#define FAKE_REGION1 0x1000u  /* of region 1; there are no others */
#define FAKE_PAGE 4096u	      /* buffers are whole pages */
#define FAKE_LOG 4096u
#define FAKE_GHOST 0xe000u /* object id of the first ghost */

/* Registers of region 0 that are not plain memory. */
enum fake_register {
	FAKE_FAILS = 0x1000,  /* each access fails with FPGA_EXCEPTION */
	FAKE_COUNTS = 0x1008, /* each read gives one more than the one before */
	FAKE_WAITS = 0x1010,  /* a read takes until fake.hold is false */
	FAKE_SRC = 0x1100,    /* io addresses and a length: what a write to FAKE_GO copies */
	FAKE_DST = 0x1108,
	FAKE_LEN = 0x1110,
	FAKE_GO = 0x1118,   /* copies, then counts in FAKE_DONE */
	FAKE_DONE = 0x1120,
	FAKE_FIRE = 0x1128, /* a written n: the card's events of every type fire n times */
};

/* Calls that wait until fake.hold is false, where fake.slow has their bits. */
enum fake_slow { FAKE_SLOW_OPEN = 1, FAKE_SLOW_QUIESCE = 2, FAKE_SLOW_CLOSE = 4, FAKE_SLOW_ENUMERATE = 8 };

struct fake_card {
	atomic_bool gone;   /* enumeration does not find it */
	atomic_uchar guid0; /* first byte of its accelerator's GUID: what is programmed */
	atomic_uint opens[2], handles[2]; /* of the device and the accelerator: ever, and now */
	_Atomic uint64_t regs[FAKE_REGION / 8], regs1[FAKE_REGION1 / 8];
	atomic_uint resets, quiesced;
};

struct fake_token {
	uint32_t card; /* from FAKE_CARDS on: a ghost */
	bool accelerator;
};

struct fake_handle {
	struct fake_token of;
};

struct fake_buffer;
struct fake_event;

struct fake {
	atomic_uint num_cards; /* that there are; those beyond are not found */
	atomic_uint ghosts;    /* devices that can be listed, and nothing else */
	struct fake_card cards[FAKE_CARDS];
	_Atomic fpga_result quiesce_result; /* FPGA_OK: as usual */
	atomic_bool hold, held; /* calls that wait do until hold is false; one does */
	atomic_uint slow;	/* bits of enum fake_slow */
	_Atomic fpga_result enumerate_result, open_result; /* FPGA_OK: as usual */
	atomic_uint enumerations;
	/* What there is now, for leaks. */
	atomic_uint tokens, handles, props, buffers, events;
	atomic_uint_fast64_t pinned; /* bytes of buffers */

	pthread_mutex_t lock; /* guards what follows */
	struct fake_buffer *buffer_list;
	struct fake_event *event_list;
	char log[FAKE_LOG]; /* "open quiesce release close ": what happened to accelerators, in order */

	opae_api_adapter_table table;
	struct rpc_served served;
};

extern struct fake fake;

/* Two cards; nothing held, opened or logged. */
void fake_up(void);
/* Fails the test when something of the model's was not given back. */
void fake_down(void);
/* How many things of the model's were not given back. */
uint32_t fake_left(void);
uint64_t fake_device_id(uint32_t card);
uint64_t fake_accelerator_id(uint32_t card);

/* The device's own accesses to memory; false: nothing is pinned at all of that. */
bool fake_dma_write(uint64_t io, const void *data, size_t len);
bool fake_dma_read(uint64_t io, void *data, size_t len);
/* Fires the events of this type of the card's accelerator. */
void fake_fire(uint32_t card, fpga_event_type type, uint64_t count);
/* Waits until a call is held; the test fails if it takes long. */
void fake_await_held(void);

/* For the model's own files. */
fpga_result fake_say(fpga_result r, const char *what); /* sets the thread's detail */
void fake_log(const char *what);
void fake_log_locked(const char *what); /* with fake.lock held */
void fake_memory_fill(opae_api_adapter_table *t);
void fake_memory_unpin_all(const struct fake_handle *h); /* it is being closed */

#endif
