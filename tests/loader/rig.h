/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts the library with a configuration written by the test. */
#ifndef TESTS_LOADER_RIG_H
#define TESTS_LOADER_RIG_H

#include <opae/ext.h>
#include <opae/fpga.h>

/* What the variants with windows add to each value that the plugin itself reads. */
#define ODD_CALLED UINT64_C(0xca11ed0000000000)

#define ODD_BUFFER (1u << 20) /* bytes of each of its buffers */
/* Offset of the registers in which the variant far_away says what it was asked. */
#define ODD_ASKED 0x8000u

/* instances: "NAME:VARIANT:JSON" each, NULL-terminated; VARIANT names libodd-VARIANT.so. */
void rig_start(const char *const *instances);
void rig_stop(void);

/* The row of an instance; the test fails when there is none. */
struct opaex_plugin rig_row(const char *name);

/* How many tokens there are in all; with filter NULL for every one. */
uint32_t rig_count(fpga_properties filter);
/* The n-th token of a type in a segment. The test fails when there is none. */
fpga_token rig_token(uint16_t segment, fpga_objtype type, uint32_t n);

#endif
