/* SPDX-License-Identifier: BSD-3-Clause */
/* Every maximum of the wire protocol. What a peer may make grow is bounded by one of these. */
#ifndef WIRE_LIMITS_H
#define WIRE_LIMITS_H

#define WIRE_HEAD 32u			  /* bytes of a frame's header */
#define WIRE_HEAD_MAX 256u		  /* of one that has a tail we do not know */
#define WIRE_BULK (64u * 1024)		  /* data bytes of one frame, at most */
#define WIRE_FRAME_MIN (16u * 1024)	  /* a peer that takes less is refused */
#define WIRE_FRAME_MAX (128u * 1024)	  /* bytes of a frame, header included: what we take */
#define WIRE_CALLS_MAX 256u		  /* requests of a session that wait for their reply */
#define WIRE_STRING_MAX 4096u		  /* bytes of a string */
#define WIRE_REASON_MAX 512u		  /* bytes of a reason that we send */
#define WIRE_WRITES_MAX 2048u		  /* bytes of posted register writes in one frame */
#define WIRE_HOLD_MAX (1u << 20)	  /* bytes of one HOLD */
#define WIRE_CUT_MAX (64u * 1024)	  /* data bytes of the DATA frames of one cut */
#define WIRE_LANDING_HEAD 4096u		  /* bytes in front of a landing, and what stands there: */
#define WIRE_LANDING_TAKEN 0u		  /* u64, the server's: bytes of LANDED that it is done with */
#define WIRE_LANDING_FETCHED 64u	  /* u64, the client's: FETCHes that it is done with */
#define WIRE_BITSTREAM_MAX (256u << 20)	  /* bytes of a bitstream, and of all that a session takes in */

/* Bits of HELLO's features. */
#define WIRE_FEATURE_TRACKED 1u /* buffers whose pages the client tracks: HOLD, DROP, WRITEBACK, STALE, CUT */
#define WIRE_FEATURE_FABRIC 2u /* bytes go past the connection: FABRIC, EXPOSE, FETCH, LANDED */

#endif
