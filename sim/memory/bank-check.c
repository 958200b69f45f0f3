/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/memory/bank-check.h"

#include <inttypes.h>
#include <string.h>

/* What is on its way through an AFU's registers when the reset rises may still come out. */
#define RESET_GRACE 8u

static bool asks(const struct bank_request *r)
{
	return r->read || r->write;
}

static bool changed(const struct bank_check *k, const struct bank_request *r)
{
	const struct bank_request *w = &k->waiting;

	if (r->read != w->read || r->write != w->write || r->address != w->address || r->burst != w->burst)
		return true;
	return r->write && (r->enables != w->enables || memcmp(r->data, k->data, sizeof(k->data)));
}

static void check_waiting(const struct bank_check *k, struct host_port *p, const struct bank_request *r)
{
	if (!asks(r))
		host_error(p, "lm-withdrawn", "a %s of line 0x%" PRIx64 " is withdrawn before it was taken",
			   k->waiting.read ? "read" : "write", k->waiting.address);
	else if (changed(k, r))
		host_error(p, "lm-changed", "a %s of line 0x%" PRIx64 " changes while it waits",
			   k->waiting.read ? "read" : "write", k->waiting.address);
}

void bank_check_edge(struct bank_check *k, struct host_port *p, const struct bank_request *r, bool wait)
{
	k->reset_edges = !r->reset ? 0 : k->reset_edges <= RESET_GRACE ? k->reset_edges + 1 : k->reset_edges;
	if (r->reset) {
		if (k->reset_edges > RESET_GRACE && asks(r))
			host_warning(p, "lm-reset", "a %s during reset", r->read ? "read" : "write");
		k->waiting = (struct bank_request){ 0 };
		return;
	}
	if (asks(&k->waiting))
		check_waiting(k, p, r);
	k->waiting = wait ? *r : (struct bank_request){ 0 };
	if (k->waiting.write)
		memcpy(k->data, r->data, sizeof(k->data));
}

bool bank_check_burst(struct host_port *p, const struct bank_request *r, uint64_t lines)
{
	if (r->read && r->write) {
		host_error(p, "lm-both", "a read and a write of line 0x%" PRIx64 " at once", r->address);
		return false;
	}
	if (!r->burst || r->burst > BANK_MAX_BURST) {
		host_error(p, "lm-burst", "a burst of %u lines at line 0x%" PRIx64 ": 1 to %d are possible",
			   r->burst, r->address, BANK_MAX_BURST);
		return false;
	}
	if (r->address >= lines || r->burst > lines - r->address)
		host_error(p, "lm-address",
			   "%u lines from line 0x%" PRIx64 " on: the bank has 0x%" PRIx64 " lines", r->burst,
			   r->address, lines);
	return true;
}

bool bank_check_beat(struct host_port *p, const struct bank_request *r, uint32_t burst)
{
	if (r->read) {
		host_error(p, "lm-read-in-burst", "a read of line 0x%" PRIx64 " within a write of %u lines",
			   r->address, burst);
		return false;
	}
	if (r->burst != burst)
		host_warning(p, "lm-burst-changed", "burst count %u within a write of %u lines", r->burst,
			     burst);
	return true;
}
