/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Headers to and from their bytes. A header is eight DWs, each with its lowest bits first:
 *
 *   0  type 31:24, tag[9] 23, traffic class 22:20, tag[8] 19, length 9:0 (DM: bits 11:2)
 *   1  request     requester 31:16, tag[7:0] 15:8, last enables 7:4, first enables 3:0
 *      DM request  address[1:0] 31:30, length[23:12] 29:18, length[1:0] 17:16, tag[7:0] 15:8
 *      completion  completer 31:16, status 15:13, byte count 11:0 (PU alone)
 *   2  request     address[63:32], or all of an address of 32 bits
 *      completion  requester 31:16, tag[7:0] 15:8, lower address 6:0
 *      DM          lower address[7:0]; of an interrupt the vector 15:0
 *   3  request     address[31:2] 31:2
 *      DM          tag 31:22, final 21, length[13:12] 19:18, length[1:0] 17:16, lower address[23:8] 15:0
 *   4  prefix
 *   5  VF active 14, VF 13:3, PF 2:0
 *   6, 7  metadata, upper and lower half
 */
#include "sim/tlp/header.h"

#include <string.h>

static uint32_t get(const uint8_t *bytes, unsigned dw)
{
	const uint8_t *b = bytes + dw * TLP_DW;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void put(uint8_t *bytes, unsigned dw, uint32_t v)
{
	for (unsigned i = 0; i < TLP_DW; i++)
		bytes[dw * TLP_DW + i] = (uint8_t)(v >> 8 * i);
}

static uint32_t bits(uint32_t v, unsigned high, unsigned low)
{
	return v >> low & (uint32_t)((UINT64_C(1) << (high - low + 1)) - 1);
}

bool tlp_is_read(uint8_t type)
{
	return type == TLP_MRD32 || type == TLP_MRD64;
}

bool tlp_is_write(uint8_t type)
{
	return type == TLP_MWR32 || type == TLP_MWR64;
}

bool tlp_is_atomic(uint8_t type)
{
	uint8_t kind = type & (uint8_t)~0x20;

	return kind == TLP_FETCH_ADD32 || kind == TLP_SWAP32 || kind == TLP_CAS32;
}

bool tlp_is_completion(uint8_t type)
{
	return type == TLP_CPL || type == TLP_CPLD;
}

bool tlp_has_data(uint8_t type)
{
	return type & 0x40;
}

bool tlp_is_64(uint8_t type)
{
	return type & 0x20;
}

static void unpack_request(const uint8_t *bytes, struct tlp_header *h)
{
	uint32_t dw1 = get(bytes, 1), dw2 = get(bytes, 2), dw3 = get(bytes, 3);

	h->tag = (uint16_t)(h->tag | bits(dw1, 15, 8));
	if (h->dm || tlp_is_64(h->type))
		h->address = (uint64_t)dw2 << 32 | (dw3 & ~UINT32_C(3));
	else
		h->address = dw2;
	if (h->dm) {
		h->address |= bits(dw1, 31, 30);
		h->length |= bits(dw1, 29, 18) << 12 | bits(dw1, 17, 16);
	} else {
		h->requester = (uint16_t)bits(dw1, 31, 16);
		h->last_be = (uint8_t)bits(dw1, 7, 4);
		h->first_be = (uint8_t)bits(dw1, 3, 0);
	}
}

static void unpack_completion(const uint8_t *bytes, struct tlp_header *h)
{
	uint32_t dw1 = get(bytes, 1), dw2 = get(bytes, 2), dw3 = get(bytes, 3);

	h->status = (uint8_t)bits(dw1, 15, 13);
	if (h->dm) {
		h->tag = (uint16_t)bits(dw3, 31, 22);
		h->final = bits(dw3, 21, 21);
		h->length |= bits(dw3, 19, 18) << 12 | bits(dw3, 17, 16);
		h->low_address = bits(dw3, 15, 0) << 8 | bits(dw2, 7, 0);
		h->of_interrupt = bits(get(bytes, 0), 20, 20);
	} else {
		h->completer = (uint16_t)bits(dw1, 31, 16);
		h->byte_count = (uint16_t)bits(dw1, 11, 0);
		h->requester = (uint16_t)bits(dw2, 31, 16);
		h->tag = (uint16_t)(h->tag | bits(dw2, 15, 8));
		h->low_address = bits(dw2, 6, 0);
	}
}

void tlp_header_unpack(const uint8_t *bytes, bool dm, struct tlp_header *ret)
{
	uint32_t dw0 = get(bytes, 0), dw5 = get(bytes, 5);

	*ret = (struct tlp_header){
		.dm = dm,
		.type = (uint8_t)bits(dw0, 31, 24),
		.tag = (uint16_t)(bits(dw0, 23, 23) << 9 | bits(dw0, 19, 19) << 8),
		.length = bits(dw0, 9, 0) * TLP_DW,
		.vf_active = bits(dw5, 14, 14),
		.vf = (uint16_t)bits(dw5, 13, 3),
		.pf = (uint8_t)bits(dw5, 2, 0),
		.metadata = (uint64_t)get(bytes, 6) << 32 | get(bytes, 7),
	};
	if (ret->type == TLP_INTERRUPT)
		ret->vector = (uint16_t)get(bytes, 2);
	else if (tlp_is_completion(ret->type))
		unpack_completion(bytes, ret);
	else
		unpack_request(bytes, ret);
}

static void pack_request(const struct tlp_header *h, uint8_t *bytes)
{
	uint32_t dw1 = (uint32_t)(h->tag & 0xff) << 8;

	if (h->dm)
		dw1 |= (uint32_t)(h->address & 3) << 30 | bits(h->length, 23, 12) << 18 |
		       bits(h->length, 1, 0) << 16;
	else
		dw1 |= (uint32_t)h->requester << 16 | (uint32_t)h->last_be << 4 | h->first_be;
	put(bytes, 1, dw1);
	if (h->dm || tlp_is_64(h->type)) {
		put(bytes, 2, (uint32_t)(h->address >> 32));
		put(bytes, 3, (uint32_t)h->address & ~UINT32_C(3));
	} else {
		put(bytes, 2, (uint32_t)h->address);
	}
}

static void pack_completion(const struct tlp_header *h, uint8_t *bytes)
{
	uint32_t dw1 = (uint32_t)h->status << 13;

	if (h->dm) {
		put(bytes, 1, dw1);
		put(bytes, 2, h->low_address & 0xff);
		put(bytes, 3, (uint32_t)h->tag << 22 | (uint32_t)h->final << 21 |
			      bits(h->length, 13, 12) << 18 | bits(h->length, 1, 0) << 16 |
			      bits(h->low_address, 23, 8));
	} else {
		put(bytes, 1, dw1 | (uint32_t)h->completer << 16 | (h->byte_count & 0xfffu));
		put(bytes, 2, (uint32_t)h->requester << 16 | (uint32_t)(h->tag & 0xff) << 8 |
			      (h->low_address & 0x7f));
	}
}

void tlp_header_pack(const struct tlp_header *h, uint8_t *bytes)
{
	uint32_t dw0 = (uint32_t)h->type << 24 | bits(h->length, 11, 2);
	bool dm_completion = h->dm && tlp_is_completion(h->type);

	memset(bytes, 0, TLP_HEADER);
	if (!dm_completion)
		dw0 |= bits(h->tag, 9, 9) << 23 | bits(h->tag, 8, 8) << 19;
	if (dm_completion && h->of_interrupt)
		dw0 |= UINT32_C(1) << 20;
	put(bytes, 0, dw0);
	if (h->type == TLP_INTERRUPT)
		put(bytes, 2, h->vector);
	else if (tlp_is_completion(h->type))
		pack_completion(h, bytes);
	else
		pack_request(h, bytes);
	put(bytes, 5, (uint32_t)h->vf_active << 14 | (uint32_t)h->vf << 3 | h->pf);
	put(bytes, 6, (uint32_t)(h->metadata >> 32));
	put(bytes, 7, (uint32_t)h->metadata);
}

uint32_t tlp_byte_offset(const struct tlp_header *h)
{
	uint32_t n = 0;

	while (h->first_be && !(h->first_be >> n & 1))
		n++;
	return n;
}

uint32_t tlp_byte_count(const struct tlp_header *h)
{
	uint8_t last = h->length == TLP_DW ? h->first_be : h->last_be;
	uint32_t n = h->length - tlp_byte_offset(h);

	if (!h->first_be)
		return 1; /* a read of nothing, which has one byte by the book */
	for (; last && !(last & 8); last = (uint8_t)(last << 1))
		n--;
	return n;
}
