/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/match.h"

#include <string.h>

bool match_values(const struct opae_props *f, const struct opae_props *d)
{
	uint32_t want = f->valid & ~(uint32_t)OPAE_PROP_PARENT;

	if ((want & d->valid) != want)
		return false;
#define SAME(bit, member)                                                                          \
	if ((want & (bit)) && f->member != d->member)                                              \
		return false
	SAME(OPAE_PROP_OBJTYPE, objtype);
	SAME(OPAE_PROP_SEGMENT, segment);
	SAME(OPAE_PROP_BUS, bus);
	SAME(OPAE_PROP_DEVICE, device);
	SAME(OPAE_PROP_FUNCTION, function);
	SAME(OPAE_PROP_SOCKET_ID, socket_id);
	SAME(OPAE_PROP_VENDOR_ID, vendor_id);
	SAME(OPAE_PROP_DEVICE_ID, device_id);
	SAME(OPAE_PROP_OBJECT_ID, object_id);
	SAME(OPAE_PROP_NUM_ERRORS, num_errors);
	SAME(OPAE_PROP_INTERFACE, interface);
	SAME(OPAE_PROP_SUBSYSTEM_VENDOR_ID, subsystem_vendor_id);
	SAME(OPAE_PROP_SUBSYSTEM_DEVICE_ID, subsystem_device_id);
	SAME(OPAE_PROP_NUM_SLOTS, num_slots);
	SAME(OPAE_PROP_BBS_ID, bbs_id);
	SAME(OPAE_PROP_BBS_VERSION, bbs_version.major);
	SAME(OPAE_PROP_BBS_VERSION, bbs_version.minor);
	SAME(OPAE_PROP_BBS_VERSION, bbs_version.patch);
	SAME(OPAE_PROP_STATE, state);
	SAME(OPAE_PROP_NUM_MMIO, num_mmio);
	SAME(OPAE_PROP_NUM_INTERRUPTS, num_interrupts);
#undef SAME
	if ((want & OPAE_PROP_GUID) && memcmp(f->guid, d->guid, sizeof(f->guid)))
		return false;
	if ((want & OPAE_PROP_HOSTNAME) && strcmp(f->hostname, d->hostname))
		return false;
	return true;
}
