/* SPDX-License-Identifier: BSD-3-Clause */
/* What the verbs of `opae mmio` share: their arguments, and the device that they open. */
#ifndef TOOLS_MMIO_H
#define TOOLS_MMIO_H

#include "opae.h"

struct mmio_args {
	bool json, write;
	struct selector sel;
	const char *words[3]; /* what is no option: verb, offset, value */
	int num_words;
	uint64_t region, offset, width, count, value;
	const char *format, *file; /* NULL: the verb's own */
	unsigned int given;	   /* bit i: option i of the table in cmd-mmio.c */
};

/* One open device and one region of it. */
struct mmio_region {
	fpga_handle handle;
	uint32_t index;
	uint64_t size; /* bytes */
};

/* The verbs. They return an exit code; what is wrong is said by then. */
int mmio_access(const struct mmio_region *r, struct mmio_args *a);
int mmio_walk(const struct mmio_region *r, struct mmio_args *a);
int mmio_dump(const struct mmio_region *r, struct mmio_args *a);

/* Says so and returns false unless the offset is inside the region. */
bool mmio_offset_ok(const struct mmio_region *r, uint64_t offset);

#endif
