/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules one by one, as far as a packet tells by itself: whether its tag is in use is known elsewhere. */
#include "sim/tlp/check.h"

#include <string.h>

#define PAGE 4096u
#define FOUR_GIB (UINT64_C(1) << 32)

/* ---- the handshake ---- */

static bool same_beat(const struct axis_beat *a, const struct axis_beat *b)
{
	if (a->last != b->last || a->user != b->user || a->keep != b->keep)
		return false;
	for (unsigned i = 0; i < AXIS_BYTES; i++)
		if (a->keep >> i & 1 && a->data[i] != b->data[i])
			return false;
	return true;
}

void tlp_check_handshake(struct tlp_handshake *s, struct host_port *p, bool reset, const struct axis *a)
{
	if (reset) {
		s->waiting = false;
		if (a->valid && ++s->reset_cycles == TLP_RESET_GRACE)
			host_error(p, "axis-reset", "%s: tvalid stays set in reset", s->name);
		return;
	}
	s->reset_cycles = 0;
	if (s->waiting && !a->valid)
		host_error(p, "axis-withdrawn", "%s: tvalid fell before tready was set", s->name);
	else if (s->waiting && !same_beat(&s->beat, &a->beat))
		host_error(p, "axis-changed", "%s: the beat changed while it waited for tready", s->name);
	s->waiting = a->valid && !a->ready;
	if (s->waiting)
		s->beat = a->beat;
}

/* ---- headers ---- */

/* False for the caller to return. */
static bool broken(struct host_port *p, const char *rule, const struct tlp_header *h, const char *what)
{
	host_error(p, rule, "%s (%s header, type 0x%02x, tag 0x%x, address 0x%llx, %u bytes)", what,
		   h->dm ? "DM" : "PU", h->type, h->tag, (unsigned long long)h->address, h->length);
	return false;
}

static bool known(uint8_t type)
{
	return tlp_is_read(type) || tlp_is_write(type) || tlp_is_atomic(type) || tlp_is_completion(type) ||
	       type == TLP_INTERRUPT;
}

static bool check_type(struct host_port *p, bool tx_b, const struct tlp_header *h)
{
	if (!known(h->type))
		return broken(p, "tlp-type", h, "fmt_type is none that the host takes");
	if (h->dm && h->type != TLP_MRD64 && h->type != TLP_MWR64 && h->type != TLP_INTERRUPT)
		return broken(p, "tlp-encoding", h, "fmt_type has no DM header: tuser bit 0 must be 0");
	if (!h->dm && h->type == TLP_INTERRUPT)
		return broken(p, "tlp-encoding", h, "an interrupt has a DM header: tuser bit 0 must be 1");
	if (tx_b && !tlp_is_read(h->type) && h->type != TLP_INTERRUPT)
		return broken(p, "tlp-channel", h, "TX-B takes reads and interrupts only");
	return true;
}

static bool check_length(struct host_port *p, const struct tlp_header *h)
{
	if (!h->length)
		return broken(p, "tlp-length", h, "the length is 0");
	if (h->length > TLP_MAX_PAYLOAD && tlp_has_data(h->type))
		return broken(p, "tlp-max-payload", h, "a packet has at most 512 bytes of data");
	if (h->length > TLP_MAX_PAYLOAD)
		return broken(p, "tlp-max-read", h, "a read asks for at most 512 bytes");
	return true;
}

static bool check_address(struct host_port *p, const struct tlp_header *h)
{
	if (!tlp_is_64(h->type) && h->address % TLP_DW)
		return broken(p, "tlp-address", h, "bits 1 and 0 of the address are set");
	if (tlp_is_64(h->type) && h->address < FOUR_GIB)
		return broken(p, "tlp-address", h, "an address below 4 GiB wants a type with 32 bits");
	if (h->address % PAGE + h->length > PAGE)
		return broken(p, "tlp-4k", h, "the request crosses a boundary of 4 KiB");
	return true;
}

/* Enables with a gap are for requests of one DW, or of two that lie in the same eight bytes. */
static bool check_enables(struct host_port *p, const struct tlp_header *h)
{
	static const uint16_t up_to_the_top = 1 << 0xf | 1 << 0xe | 1 << 0xc | 1 << 0x8;
	static const uint16_t from_the_bottom = 1 << 0xf | 1 << 0x7 | 1 << 0x3 | 1 << 0x1;

	if (h->length == TLP_DW) {
		if (h->last_be)
			return broken(p, "tlp-enables", h, "last_dw_be must be 0 when the length is 1");
		return true;
	}
	if (!h->first_be || !h->last_be)
		return broken(p, "tlp-enables", h, "first_dw_be and last_dw_be may be 0 only in one DW");
	if (h->length == 2 * TLP_DW && h->address % 8 == 0)
		return true;
	if (!(up_to_the_top >> h->first_be & 1) || !(from_the_bottom >> h->last_be & 1))
		return broken(p, "tlp-enables", h, "first_dw_be or last_dw_be has a gap");
	return true;
}

static bool check_atomic(struct host_port *p, const struct tlp_header *h)
{
	bool cas = h->type == TLP_CAS32 || h->type == TLP_CAS64;
	uint32_t operand = cas ? h->length / 2 : h->length;

	if (operand != 4 && operand != 8)
		return broken(p, "tlp-atomic", h, "an operand has 4 or 8 bytes");
	if (h->address % operand)
		return broken(p, "tlp-atomic", h, "the address is not aligned to the operand");
	if (h->first_be != 0xf || (h->length > TLP_DW && h->last_be != 0xf))
		return broken(p, "tlp-atomic", h, "all byte enables must be set");
	return true;
}

static bool check_request(struct host_port *p, const struct tlp_header *h)
{
	if (!check_length(p, h))
		return false;
	if (h->address > UINT64_MAX - (h->length - 1))
		return broken(p, "tlp-address", h, "the request goes on past the last address");
	if (!h->dm && (!check_address(p, h) || !check_enables(p, h)))
		return false;
	if (tlp_is_atomic(h->type) && !check_atomic(p, h))
		return false;
	if (!tlp_is_write(h->type) && h->tag >= TLP_TAGS)
		return broken(p, "tlp-tag", h, "the tag must be smaller than 256");
	if (h->pf || h->vf || !h->vf_active)
		host_warning(p, "tlp-function", "a request of PF %u, VF %u%s; the AFU is VF 0 of PF 0", h->pf,
			     h->vf, h->vf_active ? "" : " (not active)");
	return true;
}

static bool check_header(struct host_port *p, bool tx_b, const struct tlp_header *h)
{
	if (!check_type(p, tx_b, h))
		return false;
	if (h->type == TLP_INTERRUPT || h->type == TLP_CPL)
		return true;
	return tlp_is_completion(h->type) ? check_length(p, h) : check_request(p, h);
}

bool tlp_check_completion(struct host_port *p, const struct tlp_header *h, const struct tlp_asked *asked)
{
	if (!asked || !asked->waiting)
		return broken(p, "cpl-unexpected", h, "no register read waits for this completion");
	if (h->requester != TLP_HOST_ID)
		return broken(p, "cpl-requester", h, "req_id is not that of the read");
	if (h->type == TLP_CPL && h->status == TLP_SUCCESS)
		return broken(p, "cpl-status", h, "a completion of success has no data");
	if (h->type == TLP_CPLD && h->status != TLP_SUCCESS)
		return broken(p, "cpl-status", h, "a completion with data has a status of failure");
	if (h->type == TLP_CPL)
		return true;
	if (h->length != asked->bytes || h->byte_count != asked->bytes)
		return broken(p, "cpl-length", h, "length or byte_count is not what the read asked for");
	if (h->low_address != (asked->address & 0x7f))
		return broken(p, "cpl-address", h, "low_addr is not that of the read");
	return true;
}

/* ---- beats ---- */

static bool begin(struct tlp_packet *k, struct host_port *p, bool tx_b, const struct axis_beat *b)
{
	k->begun = true;
	k->bytes = 0;
	k->user = b->user;
	if ((b->keep & axis_keep(TLP_HEADER)) != axis_keep(TLP_HEADER)) {
		host_error(p, "tlp-keep", "tkeep of a packet's first beat leaves out bytes of the header");
		return false;
	}
	tlp_header_unpack(b->data, b->user & AXIS_USER_DM, &k->header);
	return check_header(p, tx_b, &k->header);
}

/* Adds the beat's bytes from `from` on. False: it broke a rule. */
static bool add(struct tlp_packet *k, struct host_port *p, const struct axis_beat *b, uint32_t from)
{
	const struct tlp_header *h = &k->header;
	uint32_t want = (tlp_has_data(h->type) ? h->length : 0) - k->bytes;
	uint32_t have = (uint32_t)__builtin_popcountll(b->keep) - from;

	if (b->keep & (b->keep + 1))
		return broken(p, "tlp-keep", h, "tkeep has a hole");
	if (b->last && have < want)
		return broken(p, "tlp-last-early", h, "tlast is set before the header's length is reached");
	if (!b->last && have >= want)
		return broken(p, "tlp-last-late", h, "tlast is not set where the header's length ends");
	if (!b->last && b->keep != UINT64_MAX)
		return broken(p, "tlp-keep", h, "tkeep of a beat before the last is not full");
	if (have > want) {
		host_warning(p, "tlp-keep-extra", "tkeep has %u bytes more than the header's length",
			     have - want);
		have = want;
	}
	memcpy(k->payload + k->bytes, b->data + from, have);
	k->bytes += have;
	return true;
}

bool tlp_packet_beat(struct tlp_packet *k, struct host_port *p, bool tx_b,
	const struct axis_beat *b)
{
	uint32_t from = k->begun ? 0 : TLP_HEADER;
	bool good;

	if (!k->begun)
		k->dropped = !begin(k, p, tx_b, b);
	if (!k->dropped)
		k->dropped = !add(k, p, b, from);
	good = b->last && !k->dropped;
	if (b->last)
		k->begun = false;
	return good;
}
