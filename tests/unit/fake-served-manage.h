/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * More of the model of fake-served.h: error registers, objects, metrics, slots and clocks, the same for each
 * of its tokens and handles. What a test sets stands in fake_manage, and so does what the model was told.
 */
#ifndef TESTS_UNIT_FAKE_SERVED_MANAGE_H
#define TESTS_UNIT_FAKE_SERVED_MANAGE_H

#include <opae/plugin.h>
#include <stdatomic.h>

#define FAKE_ERRORS 3u /* "first", "second", and "stuck", which cannot be cleared */
#define FAKE_LONG 150000u /* bytes of the attribute "long": i * 7 */
#define FAKE_CLOCK_MAX 1200u

struct fake_manage {
	uint64_t errors[FAKE_ERRORS];

	/*
	 * Objects: "num" (a number that handles may write), "long", "flags" (reads as the flags it was read
	 * with), "box" (a container of two, "a" and "b", which read as 1 and 2; loaded with RECURSE_ONE).
	 */
	atomic_int objects; /* that there are now */
	uint64_t num;
	int get_flags; /* of the last call that looked for one */

	/* Metrics: i has the name "metric<i>", the value i * 3 as bits; every 5th cannot be read. */
	uint64_t num_metrics;
	uint32_t num_limits;
	bool odd_labels; /* texts without an end that are not UTF-8 */

	/* Slots: what was loaded last. */
	atomic_bool hold; /* fpgaReconfigureSlot waits until it is false, */
	atomic_bool held; /* and says here that it does */
	fpga_result load_result;
	atomic_uint loads;
	uint32_t slot;
	int flags;
	uint8_t *bitstream;
	size_t bitstream_len;

	/* What the last call of this kind was given. */
	uint32_t interface, port;
	uint32_t assigned, released; /* the accelerator's card + 1; 0: none yet, or no accelerator's */
	uint64_t clock_high, clock_low;
};

extern struct fake_manage fake_manage;

/* As in the beginning; what was loaded is freed. */
void fake_manage_reset(void);
/* Puts these functions into the model's table, behind fake_up(). */
void fake_manage_fill(opae_api_adapter_table *t);

#endif
