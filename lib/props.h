/* SPDX-License-Identifier: BSD-3-Clause */
/* Properties objects: values in a struct opae_props, and the parent as a reference to a token. */
#ifndef LIB_PROPS_H
#define LIB_PROPS_H

#include <opae/plugin.h>

#include "lib/wrapped.h"

/* Valid bits that exist only for one object type. */
#define PROPS_DEVICE_BITS (OPAE_PROP_NUM_SLOTS | OPAE_PROP_BBS_ID | OPAE_PROP_BBS_VERSION)
#define PROPS_ACCELERATOR_BITS                                                                     \
	(OPAE_PROP_STATE | OPAE_PROP_NUM_MMIO | OPAE_PROP_NUM_INTERRUPTS)

fpga_result props_new(fpga_properties *ret);
fpga_result props_write(fpga_properties prop, const struct opae_props *values);
/* Why some are not set, for who asks for one of them. */
fpga_result props_unset(fpga_properties prop, uint32_t bits, const char *why);
/* As plugins see it: the parent is the running plugin's own token, or NULL. */
fpga_result props_read(fpga_properties prop, struct opae_props *values);

/* As the shell sees it; *parent gets a reference (or NULL) that the caller gives back. */
fpga_result props_snapshot(fpga_properties prop, struct opae_props *values,
			   struct wrapped_token **parent);
/* Replaces the parent: takes its own reference; id is what fpgaPropertiesGetParent returns. */
fpga_result props_set_parent(fpga_properties prop, struct wrapped_token *parent, fpga_token id);
/* The adapter whose plugin runs on this thread, for props_read. */
extern _Thread_local const struct adapter *props_reader;

/* Every properties object of the program becomes invalid. */
void props_drop_all(void);

#endif
