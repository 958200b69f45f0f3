/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A frame: a header of 32 bytes and a body, little-endian, on every transport.
 *
 *	 0  u32  size	  bytes of the whole frame
 *	 4  u16  head	  bytes of the header: 32, or more when it has a tail that the reader skips
 *	 6  u16  op	  enum wire_op
 *	 8  u32  flags	  enum wire_flag; who does not know one of the lower 16 refuses the frame
 *	12  u32  id	  of the request, chosen by the client, in its reply too; 0 in one-way frames
 *	16  u64  object	  the token (an object id), handle or object that it is about; 0: none
 *	24  u32  budget	  request: milliseconds that the caller will wait, 0: no limit of his;
 *			  reply: the fpga_result
 *	28  u32  error	  reply: errno of the far side, where it has one; else 0
 *
 * A reply whose result is not FPGA_OK has one string as its body: the reason.
 * The header is judged before anything of the body is read.
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "wire/limits.h"

#define WIRE_MAGIC 0x4541504fu /* "OPAE": the first field of HELLO */
#define WIRE_VERSION 1u

enum wire_flag {
	WIRE_REPLY = 1u << 0,
	WIRE_ONE_WAY = 1u << 1, /* no reply follows: posted, or from the server */
	WIRE_MORE = 1u << 2,	/* a reply of several frames, and this is not the last */
	WIRE_FLAGS_MUST = 0xffffu, /* of these one that is not known makes a frame malformed */
};

struct wire_head {
	uint32_t size;
	uint16_t head, op;
	uint32_t flags, id;
	uint64_t object;
	uint32_t budget; /* or result */
	uint32_t error;
};

/* Writes a header; `head` is taken to be WIRE_HEAD. */
void wire_head_write(unsigned char at[WIRE_HEAD], const struct wire_head *h);
/*
 * Reads and judges the WIRE_HEAD bytes. 0; -EMSGSIZE: longer than max_frame; -EPROTO: a size that cannot be,
 * a flag that is not known, or flags that contradict each other.
 */
int wire_head_read(const unsigned char at[WIRE_HEAD], uint32_t max_frame, struct wire_head *ret);

#endif
