/* SPDX-License-Identifier: BSD-3-Clause */
/* The messages of the protocol as an enum and a table; wire/ops.def lists them. */
#ifndef WIRE_OPS_H
#define WIRE_OPS_H

#include <stdint.h>

enum wire_op {
#define OP(number, name, on, kind, right, req, rep) WIRE_##name = (number),
#include "wire/ops.def"
#undef OP
};

enum wire_on { WIRE_ON_NOTHING, WIRE_ON_TOKEN, WIRE_ON_HANDLE, WIRE_ON_OBJECT };
enum wire_kind { WIRE_KIND_CALL, WIRE_KIND_POST, WIRE_KIND_LONG, WIRE_KIND_WAIT, WIRE_KIND_PUSH };

/* The classes of a policy's "allow", as bits; ANY and SEE need none of them. */
enum wire_right {
	WIRE_RIGHT_ANY = 0,
	WIRE_RIGHT_MMIO_READ = 1u << 0,
	WIRE_RIGHT_MMIO_WRITE = 1u << 1,
	WIRE_RIGHT_DMA = 1u << 2,
	WIRE_RIGHT_EVENT = 1u << 3,
	WIRE_RIGHT_ERROR = 1u << 4,
	WIRE_RIGHT_RECONFIGURE = 1u << 5,
	WIRE_RIGHT_ADMIN = 1u << 6,
	WIRE_RIGHT_SEE = 1u << 7,
};
#define WIRE_RIGHTS_ALL 0x7fu /* every class of "allow" */

struct wire_op_info {
	uint16_t number;
	uint8_t on;    /* enum wire_on */
	uint8_t kind;  /* enum wire_kind */
	uint32_t right; /* enum wire_right */
	const char *name;
	const char *request, *reply; /* bodies; of a PUSH the second */
};

/* NULL: no such message. */
const struct wire_op_info *wire_op_info(uint16_t number);
/* All of them, in the order of ops.def. */
extern const struct wire_op_info wire_ops[];
extern const unsigned int wire_num_ops;

/* The class's name in a policy ("mmio-read"), and the reverse; NULL and 0: no such class. */
const char *wire_right_name(uint32_t right);
uint32_t wire_right_parse(const char *name);

#endif
