/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/ops.h"

#include <stddef.h>
#include <string.h>

const struct wire_op_info wire_ops[] = {
#define OP(number, name, on, kind, right, req, rep) \
	{ number, WIRE_ON_##on, WIRE_KIND_##kind, WIRE_RIGHT_##right, #name, req, rep },
#include "wire/ops.def"
#undef OP
};
const unsigned int wire_num_ops = sizeof(wire_ops) / sizeof(wire_ops[0]);

/* By number, for the way of every frame; 0: none. */
static const uint8_t places[] = {
#define OP(number, name, on, kind, right, req, rep) [number] = __COUNTER__ + 1,
#include "wire/ops.def"
#undef OP
};

const struct wire_op_info *wire_op_info(uint16_t number)
{
	if (number >= sizeof(places) || !places[number])
		return NULL;
	return &wire_ops[places[number] - 1];
}

static const struct {
	uint32_t right;
	const char *name;
} rights[] = {
	{ WIRE_RIGHT_MMIO_READ, "mmio-read" },	     { WIRE_RIGHT_MMIO_WRITE, "mmio-write" },
	{ WIRE_RIGHT_DMA, "dma" },		     { WIRE_RIGHT_EVENT, "event" },
	{ WIRE_RIGHT_ERROR, "error" },		     { WIRE_RIGHT_RECONFIGURE, "reconfigure" },
	{ WIRE_RIGHT_ADMIN, "admin" },
};

const char *wire_right_name(uint32_t right)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		if (rights[i].right == right)
			return rights[i].name;
	return NULL;
}

uint32_t wire_right_parse(const char *name)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++)
		if (!strcmp(rights[i].name, name))
			return rights[i].right;
	return 0;
}
