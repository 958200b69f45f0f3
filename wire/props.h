/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Properties on the wire: a block of this order behind its length (u16); who reads ignores what is behind
 * what he knows.
 *
 *	u32 valid	which are set: bits of enum opae_prop_bit (include/opae/plugin.h), less PARENT
 *	u32 objtype	fpga_objtype		u16 segment, u8 bus, u8 device
 *	u8 function, u8 socket_id		u16 vendor, u16 device, u16 subsystem vendor,
 *					u16 subsystem device
 *	u8[16] guid	u64 object_id		u32 num_errors
 *	u32 interface	fpga_interface		u32 num_slots
 *	u8 major, u8 minor, u16 patch		of the blue bitstream	u64 bbs_id
 *	u32 state	fpga_accelerator_state	u32 num_mmio, u32 num_interrupts
 *	string hostname
 */
#ifndef WIRE_PROPS_H
#define WIRE_PROPS_H

#include <opae/plugin.h>

#include "wire/codec.h"

/* What is not set travels as zeros, whatever p has there. */
void wire_put_props(struct wire_writer *w, const struct opae_props *p);
/*
 * What is not set is zero. Enumerations that are set and out of their range, and a hostname that is too long,
 * make the reader bad; parent is NULL.
 */
void wire_get_props(struct wire_reader *r, struct opae_props *p);

#endif
