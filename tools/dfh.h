/* SPDX-License-Identifier: BSD-3-Clause */
/* Device feature headers, versions 0 and 1: what their bits say, and what the ids are called. */
#ifndef TOOLS_DFH_H
#define TOOLS_DFH_H

#include <stdbool.h>
#include <stdint.h>

enum dfh_type { DFH_AFU = 1, DFH_BBB = 2, DFH_PRIVATE = 3, DFH_FIU = 4 };
enum dfh_fiu { DFH_FME = 0, DFH_PORT = 1 };

/* Offsets from a header, in bytes. */
enum {
	DFH_GUID_LOW = 0x08,
	DFH_GUID_HIGH = 0x10,
	DFH_NEXT_AFU = 0x18, /* of an FIU, version 0 */
	DFH_CSR_ADDRESS = 0x18, /* the others are of version 1 */
	DFH_CSR_SIZE_GROUP = 0x20,
	DFH_PARAMS = 0x28,
};

/* Parameter ids of version 1. */
enum { DFH_PARAM_MSIX = 1, DFH_PARAM_CHILDREN = 2 };

struct dfh {
	unsigned int type, id, revision, version;
	uint32_t next; /* bytes from this header; 0: it is the last */
	bool eol;
};

struct dfh dfh_decode(uint64_t raw);
const char *dfh_type_name(unsigned int type);
/*
 * What the feature is; "" when nothing is known. Private ids mean one thing below an FME and another
 * below a port: fiu is the id of the last FIU seen, -1 when there was none.
 */
const char *dfh_name(const struct dfh *d, int fiu);

/* A parameter block's header. */
struct dfh_param {
	unsigned int id, version;
	bool last;
	uint64_t next; /* bytes from this block to the next, or to its end */
};

struct dfh_param dfh_decode_param(uint64_t raw);

#endif
