/* SPDX-License-Identifier: BSD-3-Clause */
/* Device feature headers: the bits of what begins every feature of a device feature list. */
#ifndef EMU_DFL_H
#define EMU_DFL_H

#include <stdint.h>

enum { DFH_AFU = 1, DFH_PRIVATE = 3, DFH_FIU = 4 };
enum { FIU_FME = 0, FIU_PORT = 1 };

#define DFH_EOL (UINT64_C(1) << 40)
#define DFH_V1 (UINT64_C(1) << 52)
#define DFH_REVISION(n) ((uint64_t)(n) << 12)

/* next: bytes to the next header; 0: this is the last one. */
static inline uint64_t dfh(unsigned int type, unsigned int id, uint64_t next)
{
	return (uint64_t)type << 60 | (next ? next << 16 : DFH_EOL) | id;
}

/* A version 1 header's words behind the GUID. */
#define DFH_V1_CSR 0x18	    /* offset from the header << 1, or an address | 1 */
#define DFH_V1_GROUP 0x20   /* size << 32 | has parameters << 31 | group << 16 | instance */
#define DFH_V1_PARAMS 0x28
#define DFH_V1_HAS_PARAMS (UINT64_C(1) << 31)
/* words: of 8 bytes, to the next parameter's header, from this one's. */
#define DFH_PARAM(id, words, last) ((uint64_t)(words) << 35 | (uint64_t)(last) << 32 | (id))

#endif
