/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/ccip/ccip-check.h"

#include <inttypes.h>

/* Requests that may follow after almost full was raised. */
#define SLACK 8u
/* What is on its way through an AFU's registers when the reset rises may still come out. */
#define RESET_GRACE 8u

static unsigned int count_up(unsigned int n)
{
	return n < UINT32_MAX ? n + 1 : n;
}

void ccip_check_cycle(struct ccip_check *k, struct host_port *p)
{
	k->reset_cycles = p->reset ? count_up(k->reset_cycles) : 0;
	if (!p->read_full)
		k->c0_late = 0;
	if (!p->write_full)
		k->c1_late = 0;
	if (p->reset)
		k->left = 0;
}

/* Nothing that comes in reset is carried out. */
static bool in_reset(const struct ccip_check *k, struct host_port *p, const char *rule, const char *what)
{
	if (!k->reset_cycles)
		return false;
	if (k->reset_cycles > RESET_GRACE)
		host_warning(p, rule, "%s during reset", what);
	return true;
}

static bool known_length(struct host_port *p, const char *rule, const struct ccip_request *r)
{
	if (r->len != CCIP_LEN_BAD)
		return true;
	host_error(p, rule, "a request for 3 lines at line 0x%" PRIx64 ": 1, 2 and 4 are possible",
		   r->address);
	return false;
}

static void check_alignment(struct host_port *p, const char *rule, const struct ccip_request *r)
{
	if (r->address & r->len)
		host_error(p, rule, "line address 0x%" PRIx64 " of a request for %u lines, not aligned to %u",
			   r->address, r->len + 1, r->len + 1);
}

static void check_zero(struct host_port *p, const char *rule, const struct ccip_request *r)
{
	if (!r->address)
		host_warning(p, rule, "a request to address 0, mdata 0x%04x", r->mdata);
}

static void check_overflow(struct host_port *p, bool full, unsigned int *late, const char *rule)
{
	if (!full)
		return;
	*late = count_up(*late);
	if (*late > SLACK)
		host_error(p, rule, "request %u after almost full was raised: %u may follow", *late, SLACK);
}

bool ccip_check_c0(struct ccip_check *k, struct host_port *p, const struct ccip_request *r)
{
	if (in_reset(k, p, "c0-reset", "a read request"))
		return false;
	check_overflow(p, p->read_full, &k->c0_late, "c0-overflow");
	if (r->type > CCIP_RDLSPEC_S) {
		host_error(p, "c0-reqtype", "request type %u is no read", r->type);
		return false;
	}
	if (!known_length(p, "c0-length", r))
		return false;
	check_alignment(p, "c0-align", r);
	check_zero(p, "c0-address-zero", r);
	return true;
}

static void check_byte_range(const struct ccip_check *k, struct host_port *p, const struct ccip_request *r)
{
	if (!r->byte_mode) {
		if (ccip_is_write(r->type) && (r->byte_start || r->byte_len))
			host_error(p, "c1-byte-mode", "a range of %u bytes from %u on without mode eMOD_BYTE",
				   r->byte_len, r->byte_start);
		return;
	}
	if (!ccip_is_write(r->type)) {
		host_error(p, "c1-byte-nonwrite", "mode eMOD_BYTE on request type %u, which is no write",
			   r->type);
		return;
	}
	if (k->no_byte_range)
		host_error(p, "c1-byte-unsupported", "a byte range, which this card does not have");
	if (r->len)
		host_error(p, "c1-byte-multiline", "a byte range on a write of %u lines", r->len + 1);
	if (!r->byte_len || r->byte_start + r->byte_len > HOST_LINE)
		host_error(p, "c1-byte-range", "a range of %u bytes from %u on is not within a line",
			   r->byte_len, r->byte_start);
}

static void check_next_beat(struct ccip_check *k, struct host_port *p, const struct ccip_request *r)
{
	const struct ccip_request *first = &k->first;
	uint64_t due = k->last_address + 1;

	if (r->sop)
		host_error(p, "c1-sop-again", "sop on beat %u of a packet of %u lines",
			   first->len + 2 - k->left, first->len + 1);
	if (r->type != first->type)
		host_error(p, "c1-reqtype-changed", "request type %u within a packet of type %u", r->type,
			   first->type);
	if ((r->address & 3) != (due & 3)) /* the other bits mean nothing here */
		host_error(p, "c1-address-step", "line address 0x%" PRIx64 " within a packet where 0x%" PRIx64
			   " is next", r->address, due);
	if (r->vc != first->vc)
		host_warning(p, "c1-vc-changed", "channel %u within a packet on %u", r->vc, first->vc);
	if (r->mdata != first->mdata)
		host_warning(p, "c1-mdata-changed", "mdata 0x%04x within a packet of 0x%04x", r->mdata,
			     first->mdata);
	if (r->len != first->len)
		host_warning(p, "c1-length-changed", "length %u within a packet of %u lines", r->len + 1,
			     first->len + 1);
}

static bool check_first_beat(struct ccip_check *k, struct host_port *p, const struct ccip_request *r)
{
	check_overflow(p, p->write_full, &k->c1_late, "c1-overflow");
	if (!known_length(p, "c1-length", r))
		return false;
	if (!r->sop)
		host_error(p, "c1-no-sop", "the first beat of a packet has no sop, line address 0x%" PRIx64,
			   r->address);
	check_alignment(p, "c1-align", r);
	check_zero(p, "c1-address-zero", r);
	k->left = r->len + 1;
	if (r->len)
		k->first = *r;
	return true;
}

static bool check_write(struct ccip_check *k, struct host_port *p, const struct ccip_request *r)
{
	if (k->left)
		check_next_beat(k, p, r);
	else if (!check_first_beat(k, p, r))
		return false;
	k->last_address = r->address;
	k->left--;
	return true;
}

static void check_other(struct ccip_check *k, struct host_port *p, const struct ccip_request *r)
{
	check_overflow(p, p->write_full, &k->c1_late, "c1-overflow");
	if (r->type == CCIP_WRFENCE && r->sop)
		host_error(p, "c1-fence-sop", "sop on a fence");
	if (k->left && r->type == CCIP_WRFENCE)
		host_error(p, "c1-fence-in-packet", "a fence in a packet that lacks %u lines", k->left);
	else if (k->left)
		host_error(p, "c1-reqtype-changed", "request type %u within a packet of type %u", r->type,
			   k->first.type);
}

bool ccip_check_c1(struct ccip_check *k, struct host_port *p, const struct ccip_request *r)
{
	if (in_reset(k, p, "c1-reset", "a write request"))
		return false;
	if (!ccip_is_write(r->type) && r->type != CCIP_WRFENCE && r->type != CCIP_INTR) {
		host_error(p, "c1-reqtype", "request type %u is no write, fence or interrupt", r->type);
		return false;
	}
	check_byte_range(k, p, r);
	if (ccip_is_write(r->type))
		return check_write(k, p, r);
	check_other(k, p, r);
	return true;
}

bool ccip_check_c2(struct ccip_check *k, struct host_port *p, uint32_t tid)
{
	if (!k->reset_cycles)
		return true;
	if (k->reset_cycles > RESET_GRACE)
		host_warning(p, "mmio-reset", "an answer to register read %u during reset", tid);
	return false;
}
