/* SPDX-License-Identifier: BSD-3-Clause */
/* Cards behind the guest's own DFL driver, by the public API. $OPAE_TEST_CARD is the address of one with an
 * FME and a port in which NLB0 is. */
#ifndef TESTS_VM_GUEST_DFL_H
#define TESTS_VM_GUEST_DFL_H

#include <opae/ext.h>
#include <opae/fpga.h>

#include "tests/unit/check.h"

/* The library with the local plugin. */
void dfl_library(void);
/* The card's FPGA_DEVICE or its first accelerator; NULL: it is not listed. */
fpga_token dfl_token(fpga_objtype type);
fpga_handle dfl_open(fpga_objtype type, int flags);
/* All that the library lists of the card. */
uint32_t dfl_count(void);
/* Runs a script with the card's address as $1 (as root, which the tests are); its exit code. */
int dfl_run(const char *script);
/* "/sys/bus/pci/devices/ADDRESS/..." by a pattern with one match: its path, which the caller frees. */
char *dfl_path(const char *pattern);
/* An attribute's text. */
void dfl_read(const char *pattern, char *out, size_t len);

#define DFL_UNBIND "echo $1 > /sys/bus/pci/drivers/dfl-pci/unbind"
#define DFL_BIND "echo $1 > /sys/bus/pci/drivers/dfl-pci/bind"
#define DFL_REMOVE "echo 1 > /sys/bus/pci/devices/$1/remove"
#define DFL_RESCAN "echo 1 > /sys/bus/pci/rescan"

#endif
