/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks one plugin for its tokens, and does not believe everything. */
#ifndef LIB_ASK_H
#define LIB_ASK_H

#include "lib/adapter.h"

/* All that the plugin lists; the caller frees the list and destroys or takes over the tokens. The
 * hints are filters, or none. On failure the thread's detail may tell why. */
fpga_result ask_tokens(const struct adapter *a, const fpga_properties *hints, uint32_t num_hints,
		       fpga_token **ret, uint32_t *n);

#endif
