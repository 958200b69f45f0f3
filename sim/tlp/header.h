/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header of a packet: 32 bytes in front of its data. Two layouts: PCIe's own, which counts DWs and has
 * byte enables, and the data mover's (bit 0 of tuser), which counts bytes. Taken apart they are the same.
 */
#ifndef SIM_TLP_HEADER_H
#define SIM_TLP_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#define TLP_HEADER 32u       /* bytes */
#define TLP_MAX_PAYLOAD 512u /* bytes of data in a packet, or asked for by one */
#define TLP_TAGS 256u        /* of an AFU's requests */
#define TLP_DW 4u

enum tlp_type {
	TLP_MRD32 = 0x00,
	TLP_CPL = 0x0a,
	TLP_MRD64 = 0x20,
	TLP_INTERRUPT = 0x30,
	TLP_MWR32 = 0x40,
	TLP_CPLD = 0x4a,
	TLP_FETCH_ADD32 = 0x4c,
	TLP_SWAP32 = 0x4d,
	TLP_CAS32 = 0x4e,
	TLP_MWR64 = 0x60,
	TLP_FETCH_ADD64 = 0x6c,
	TLP_SWAP64 = 0x6d,
	TLP_CAS64 = 0x6e,
};

enum tlp_status { TLP_SUCCESS = 0, TLP_UNSUPPORTED = 1 };

struct tlp_header {
	bool dm;
	uint8_t type;       /* enum tlp_type, or what else the AFU sent */
	uint16_t tag;       /* 10 bits */
	uint32_t length;    /* bytes of data that the packet has or asks for */
	uint64_t address;   /* of a request; with DM to the byte */
	uint8_t first_be;   /* of a PU request */
	uint8_t last_be;
	uint16_t requester;
	uint16_t completer; /* of a PU completion, as what follows */
	uint8_t status;     /* of any completion */
	uint16_t byte_count; /* 12 bits; 0 stands for 4096 */
	uint32_t low_address;
	bool final;         /* of a DM completion: nothing comes after it */
	bool of_interrupt;  /* of a DM commit */
	uint16_t vector;    /* of an interrupt */
	uint8_t pf;
	uint16_t vf;
	bool vf_active;
	uint64_t metadata;  /* what the AFU gave along: back in a commit */
};

bool tlp_is_read(uint8_t type);
bool tlp_is_write(uint8_t type);
bool tlp_is_atomic(uint8_t type);
bool tlp_is_completion(uint8_t type);
bool tlp_has_data(uint8_t type);
bool tlp_is_64(uint8_t type);

void tlp_header_unpack(const uint8_t *bytes, bool dm, struct tlp_header *ret);
/* Fields that the type does not have are not looked at. */
void tlp_header_pack(const struct tlp_header *h, uint8_t *bytes);

/*
 * Of a PU request: the bytes from the first to the last one enabled; and how many before the first are
 * not.
 */
uint32_t tlp_byte_count(const struct tlp_header *h);
uint32_t tlp_byte_offset(const struct tlp_header *h);

#endif
