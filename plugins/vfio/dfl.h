/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device feature lists: from registers to objects. The registers are believed in nothing: each offset
 * is checked against its BAR before it is used, each chain is bounded, and what is wrong is skipped
 * and told. Layouts: the kernel's Documentation/fpga/dfl.rst and drivers/fpga/dfl*.h; OPAE reference.
 */
#ifndef PLUGINS_VFIO_DFL_H
#define PLUGINS_VFIO_DFL_H

#include "plugins/vfio/facts.h"

#define DFL_MAX_FEATURES 256u /* in all lists of a device */
#define DFL_MAX_LISTS 8u

/* Registers of a device, 8 bytes each, aligned and inside the BAR. 0 or a negative errno. */
struct dfl_io {
	void *ctx;
	int (*read)(void *ctx, uint32_t bar, uint64_t offset, uint64_t *value);
	int (*write)(void *ctx, uint32_t bar, uint64_t offset, uint64_t value);
	uint64_t bar_size[MAX_BARS]; /* bytes; 0: absent, or cannot be read */
};

struct dfl_list {
	uint32_t bar;
	uint64_t offset;
};

/* The configuration space: words that are aligned and end inside its len bytes. 0 or a negative errno. */
struct dfl_config {
	void *ctx;
	int (*read)(void *ctx, uint32_t at, uint32_t *word);
	uint32_t len;
};

/*
 * The lists that Intel's vendor-specific extended capability names; *num is 0: there is no such
 * capability. Entries beyond DFL_MAX_LISTS are dropped. 0, or what reading came to.
 */
int dfl_find_lists(const struct dfl_config *c, struct dfl_list *ret, unsigned int *num);

/*
 * Fills facts->objects (facts->vectors must be set) from the lists; no lists: from BAR0's start. A
 * port that is held in reset is let go, so that its accelerator can be read. 0 also when nothing was
 * found; facts->defect then tells why. Negative: the device stopped answering.
 */
int dfl_read(const struct dfl_io *io, const struct dfl_list *lists, unsigned int num_lists,
	     struct facts *facts);

/* Is this the header of a management engine or a port? */
bool dfl_is_unit(uint64_t head);

/* Registers of a port. */
#define DFL_PORT_CONTROL 0x38u
#define DFL_PORT_RESET UINT64_C(0x1)
#define DFL_PORT_RESET_ACK UINT64_C(0x10)

#endif
