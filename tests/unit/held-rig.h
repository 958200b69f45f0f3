/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer that tracks buffers, on the session rig: short words for what it says and is told, and for what the
 * device does. They are about the buffer that was prepared last, and those without a result fail the test.
 */
#ifndef TESTS_UNIT_HELD_RIG_H
#define TESTS_UNIT_HELD_RIG_H

#include "tests/unit/session-rig.h"

#define PAGE FAKE_PAGE
#define READ_ONLY 1u
#define EXPLICIT 2u
#define TRACKED 4u

extern struct rig r;
extern uint64_t h, wsid, io;
extern struct rpc_counts counts; /* the session's; they stay behind it */

/* Setup and teardown: HELLO was said, and an accelerator is open. The first is without the watch. */
int up(void **state);
int up_watched(void **state);
int down(void **state);

fpga_result try_prepare(uint64_t len, uint32_t flags);
void prepare(uint64_t len, uint32_t flags);
/* The body of HOLD and DROP, and, cut short, of others. */
void put_part(uint64_t offset, uint64_t len, uint64_t seen);
fpga_result hold(uint64_t offset, uint64_t len, uint64_t seen);
void held(uint64_t offset, uint64_t len, uint64_t seen); /* all of it is given */
fpga_result drop(uint64_t offset, uint64_t len, uint64_t seen);
void put_back(uint64_t offset, uint64_t seen, const void *data, size_t len); /* the body of WRITEBACK */
void put_back_more(uint64_t offset, uint64_t seen, uint32_t more, const void *data, size_t len);
fpga_result write_back(uint64_t offset, uint64_t seen, const void *data, size_t len);
void look(void); /* reads a register */

void device(uint64_t offset, const void *data, size_t len);
void device_byte(uint64_t offset, unsigned char byte);
unsigned char device_has(uint64_t offset);

/* The next that was told, in order, is this. */
struct rig_frame told(uint16_t op);
void told_data(uint64_t id, uint64_t offset, const void *data, size_t len);
void told_byte(uint64_t offset, unsigned char byte);
void told_stale(uint64_t offset, uint64_t len);
void told_cut(uint64_t number);
void told_nothing(void);
/* Drops all that was told; how many there were of this kind. */
uint64_t forget_pushes(uint16_t op);

#endif
