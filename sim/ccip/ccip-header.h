/* SPDX-License-Identifier: BSD-3-Clause */
/* Headers of CCI-P, as pins and as structs. */
#ifndef SIM_CCIP_CCIP_HEADER_H
#define SIM_CCIP_CCIP_HEADER_H

#include <stdbool.h>
#include <stdint.h>

enum ccip_c0_req { CCIP_RDLINE_I, CCIP_RDLINE_S, CCIP_RDLSPEC_I, CCIP_RDLSPEC_S };
enum ccip_c1_req { CCIP_WRLINE_I, CCIP_WRLINE_M, CCIP_WRPUSH_I, CCIP_WRFENCE = 4, CCIP_INTR = 6 };
enum ccip_vc { CCIP_VA, CCIP_VL0, CCIP_VH0, CCIP_VH1 };
enum { CCIP_LEN_BAD = 2 }; /* of the codes 0 to 3 for lengths, which are one less than the lines */

/* Of a fence and an interrupt only vc, type and mdata mean something; an interrupt's id is in mdata. */
struct ccip_request {
	unsigned int type, vc, len;
	uint64_t address; /* in lines */
	unsigned int mdata;
	/* of channel 1 alone */
	bool sop, byte_mode;
	unsigned int byte_start, byte_len;
};

static inline uint64_t ccip_header_low(const uint32_t *hdr)
{
	return (uint64_t)hdr[1] << 32 | hdr[0];
}

/* Field by field: what is written so and then copied whole has to wait until all of it is in the cache. */
static inline void ccip_c0_request(const uint32_t *hdr, struct ccip_request *ret)
{
	uint64_t low = ccip_header_low(hdr);

	ret->type = hdr[2] & 0xf;
	ret->len = hdr[2] >> 4 & 3;
	ret->vc = hdr[2] >> 8 & 3;
	ret->address = low >> 16 & ((UINT64_C(1) << 42) - 1);
	ret->mdata = low & 0xffff;
	ret->sop = ret->byte_mode = false;
	ret->byte_start = ret->byte_len = 0;
}

static inline void ccip_c1_request(const uint32_t *hdr, struct ccip_request *ret)
{
	ccip_c0_request(hdr, ret);
	ret->byte_mode = hdr[2] >> 6 & 1;
	ret->sop = hdr[2] >> 7 & 1;
	ret->byte_len = hdr[2] >> 10 & 0x3f;
	ret->byte_start = hdr[1] >> 26;
}

static inline bool ccip_is_write(unsigned int type)
{
	return type <= CCIP_WRPUSH_I;
}

/* A request on VA for which no other channel was chosen travels on VH0. */
static inline unsigned int ccip_vc_used(unsigned int vc)
{
	return vc == CCIP_VA ? CCIP_VH0 : vc;
}

static inline uint32_t ccip_c0_response(unsigned int vc, bool error, unsigned int cl_num, unsigned int mdata)
{
	return ccip_vc_used(vc) << 26 | (uint32_t)error << 23 | cl_num << 20 | mdata;
}

static inline uint32_t ccip_write_response(unsigned int vc, bool packed, unsigned int cl_num,
					   unsigned int mdata)
{
	return ccip_vc_used(vc) << 26 | (uint32_t)packed << 23 | cl_num << 20 | CCIP_WRLINE_I << 16 | mdata;
}

/* To a fence or an interrupt: no channel is named. */
static inline uint32_t ccip_other_response(unsigned int type, unsigned int mdata)
{
	return type << 16 | mdata;
}

/* A register access: the address is in bytes here, and in units of four on the pins. */
static inline uint32_t ccip_mmio_request(uint32_t address, uint32_t bytes, uint32_t tid)
{
	uint32_t length = bytes == 4 ? 0 : bytes == 8 ? 1 : 2;

	return (address / 4) << 12 | length << 10 | tid;
}

#endif
