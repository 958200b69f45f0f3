/* SPDX-License-Identifier: BSD-3-Clause */
/* An open accelerator of the model behind a session, and what the tests of its buffers do all the time. */
#ifndef TESTS_UNIT_BUFFERS_RIG_H
#define TESTS_UNIT_BUFFERS_RIG_H

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/client-rig.h"

#define MIB (1u << 20)
#define BELL 0x2000u /* registers that a test's own device watches */
#define STOP UINT64_C(0x5709)

struct buffer {
	unsigned char *at;
	uint64_t wsid, io;
	size_t len;
};

extern fpga_handle h;

int up_with(void (*change)(struct rpc_client_config *c));
int up(void **state); /* with the tracker that OPAE_TEST_TRACKER names, or what there is */
int down(void **state);
struct buffer prepare(size_t len, int flags);
void release(const struct buffer *b);
void write64(uint64_t offset, uint64_t v);
uint64_t read64(uint64_t offset);
/* Until the program's memory has the value; nothing is called meanwhile. */
void poll_memory(const unsigned char *at, uint64_t want);
void fill(unsigned char *at, size_t len, unsigned int seed);
bool device_has(const struct buffer *b, size_t offset, const void *what, size_t len);

#endif
