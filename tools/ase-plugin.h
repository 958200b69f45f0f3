/* SPDX-License-Identifier: BSD-3-Clause */
/* What the configuration in force says of simulations. */
#ifndef TOOLS_ASE_PLUGIN_H
#define TOOLS_ASE_PLUGIN_H

#include "base/ase-find.h"
#include "opae.h"

/* Its "socket" and "exec", which are good as long as the tool runs; NULL where it has none. */
void ase_plugin_config(struct ase_config *ret);
/* The address that its simulation has, ssss:bb:dd.f. */
void ase_plugin_address(char *out, size_t len);

#endif
