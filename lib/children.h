/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accelerators with several ports: one declares others, its children, by GUID in its version 1 feature
 * header. They are opened and closed with it, and each of its buffers is theirs as well, at the same
 * IO address.
 */
#ifndef LIB_CHILDREN_H
#define LIB_CHILDREN_H

#include "lib/wrapped.h"

/*
 * At open, before the handle is published; the flags are the parent's. FPGA_OK also for an accelerator
 * without children and for
 * one that cannot be read. FPGA_NOT_FOUND: a child is not on the card; FPGA_BUSY: it is held.
 */
fpga_result children_open(struct wrapped_handle *w, int flags);
void children_close(struct wrapped_handle *w); /* fine without children */
/* How many there are; at most max of their ids are stored. */
uint32_t children_list(const struct wrapped_handle *w, fpga_handle *ids, uint32_t max);

/* Gives a buffer of the parent to every child, or to none. */
fpga_result children_pin(const struct wrapped_handle *w, uint64_t wsid);
void children_unpin(const struct wrapped_handle *w, uint64_t wsid);
fpga_result children_bind_sva(const struct wrapped_handle *w);

#endif
