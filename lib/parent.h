/* SPDX-License-Identifier: BSD-3-Clause */
/* The parent of an accelerator, as its plugin tells it. */
#ifndef LIB_PARENT_H
#define LIB_PARENT_H

#include "lib/wrapped.h"

/* Asks the plugin for the parent of t and stores it in prop; without a parent, nothing is set. */
void parent_attach(struct wrapped_token *t, fpga_properties prop);
void parent_drop_all(void);

#endif
