/* SPDX-License-Identifier: BSD-3-Clause */
/* The MMIO regions of a handle on a port. */
#ifndef PLUGINS_LOCAL_MMIO_H
#define PLUGINS_LOCAL_MMIO_H

#include "plugins/local/local.h"

/*
 * Learns of the regions and maps them; what it did stays for mmio_close() when it fails. 0 or a negative
 * errno.
 */
int mmio_open(struct handle *h);
void mmio_close(struct handle *h);
/* What is mapped reads as all-ones from now on, as a device does that is not there. */
int mmio_cover(struct handle *h);

#endif
