/* SPDX-License-Identifier: BSD-3-Clause */
/* The pins of a PCIe SS port: four AXI streams, each with one beat of 64 bytes a cycle. */
#ifndef SIM_TLP_AXIS_H
#define SIM_TLP_AXIS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AXIS_BYTES 64u
#define AXIS_USER_DM 0x001u        /* the header is the data mover's, not PCIe's own */
#define AXIS_USER_NO_COMMIT 0x200u /* no commit is wanted for this write or interrupt */

struct axis_beat {
	bool last;
	uint16_t user;
	uint64_t keep; /* bit n: byte n counts */
	uint8_t data[AXIS_BYTES];
};

/* A stream. `beat` counts only with `valid`, and is taken when both valid and ready are set. */
struct axis {
	bool valid;
	bool ready;
	struct axis_beat beat;
};

/* TX: from the AFU. RX: to it. */
struct tlp_pins {
	bool reset;
	struct axis tx_a, tx_b, rx_a, rx_b;
};

/* The lowest n bytes count. */
static inline uint64_t axis_keep(uint32_t n)
{
	return n >= AXIS_BYTES ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

#ifdef __cplusplus
}
#endif

#endif
