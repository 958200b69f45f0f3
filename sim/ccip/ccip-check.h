/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rules of CCI-P that an AFU must keep. Each that is broken is reported under its name. Unknown values
 * are not among them: a simulator with two states cannot see those.
 */
#ifndef SIM_CCIP_CCIP_CHECK_H
#define SIM_CCIP_CCIP_CHECK_H

#include "sim/ccip/ccip-header.h"
#include "sim/ccip/ccip.h"

struct ccip_check {
	bool no_byte_range;
	unsigned int reset_cycles;        /* since the reset rose, as far as it matters */
	unsigned int c0_late, c1_late;    /* requests since almost full was raised */
	unsigned int left;                /* beats that the packet under way still needs */
	struct ccip_request first;        /* of that packet, when it has several */
	uint64_t last_address;
};

/* Once a cycle, before the others. */
void ccip_check_cycle(struct ccip_check *k, struct host_port *p);
/* These say whether the request can be carried out at all. */
bool ccip_check_c0(struct ccip_check *k, struct host_port *p, const struct ccip_request *r);
bool ccip_check_c1(struct ccip_check *k, struct host_port *p, const struct ccip_request *r);

/*
 * Nearly all requests are of one line and break no rule: seen at a glance, and the rest by those above. By |,
 * for a compiler may join two comparisons to one of both fields, which has to wait for them in the cache.
 */
static inline bool ccip_check_plain_read(const struct ccip_check *k, const struct host_port *p,
					 const struct ccip_request *r)
{
	return !(k->reset_cycles | p->read_full | r->len) && r->type <= CCIP_RDLSPEC_S && r->address;
}

static inline bool ccip_check_plain_write(const struct ccip_check *k, const struct host_port *p,
					  const struct ccip_request *r)
{
	return !(k->reset_cycles | p->write_full | k->left | r->len | r->byte_mode | r->byte_start |
		 r->byte_len | !r->sop) &&
	       ccip_is_write(r->type) && r->address;
}

/* Of an answer to a read of a register; the host finds what nobody asked for and what comes too late. */
bool ccip_check_c2(struct ccip_check *k, struct host_port *p, uint32_t tid);

#endif
