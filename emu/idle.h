/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking for a change without burning a core for ever: two milliseconds of it, then naps. */
#ifndef EMU_IDLE_H
#define EMU_IDLE_H

#include <stdbool.h>

#include "base/clock.h"

#define IDLE_SPIN_NS (2 * NS_PER_MS)  /* how long after a change one keeps looking */
#define IDLE_NAP_NS (200 * NS_PER_US) /* between two looks after that */

/* Between two looks. True: it was a nap. */
static inline bool idle_pause(int64_t last_change)
{
	if (clock_now_ns() - last_change <= IDLE_SPIN_NS)
		return false;
	clock_sleep_ns(IDLE_NAP_NS);
	return true;
}

#endif
