/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Looking for a change without burning a core for ever: two milliseconds of it, then naps, the longer the
 * longer nothing has changed. So many idle cards together take little, and what comes late waits for a
 * sixteenth of the time that it took to come, or less.
 */
#ifndef EMU_IDLE_H
#define EMU_IDLE_H

#include <stdbool.h>

#include "base/clock.h"

#define IDLE_SPIN_NS (2 * NS_PER_MS)	  /* how long after a change one keeps looking */
#define IDLE_NAP_NS (200 * NS_PER_US)	  /* between two looks after that: at least, */
#define IDLE_NAP_MAX_NS (2 * NS_PER_MS)	  /* at most, */
#define IDLE_NAP_SHARE 16		  /* and otherwise this share of the time since */

/* Between two looks. True: it was a nap. */
static inline bool idle_pause(int64_t last_change)
{
	int64_t idle = clock_now_ns() - last_change, nap = idle / IDLE_NAP_SHARE;

	if (idle <= IDLE_SPIN_NS)
		return false;
	nap = nap < IDLE_NAP_NS ? IDLE_NAP_NS : nap > IDLE_NAP_MAX_NS ? IDLE_NAP_MAX_NS : nap;
	clock_sleep_ns(nap);
	return true;
}

#endif
