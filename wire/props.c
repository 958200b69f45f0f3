/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/props.h"

#include <string.h>

#include "wire/bytes.h"

#define BLOCK_MAX (128u + OPAEX_HOSTNAME_MAX)

/*
 * The values of those that are set alone, all else zero: who filled the structure may have left there what is
 * nobody's business.
 */
static void take_set(const struct opae_props *p, struct opae_props *o)
{
	memset(o, 0, sizeof(*o));
	o->valid = p->valid & ~(uint32_t)OPAE_PROP_PARENT;
#define COPY(bit, member)                                                      \
	do {                                                                   \
		if (p->valid & OPAE_PROP_##bit)                                \
			memcpy(&o->member, &p->member, sizeof(o->member));     \
	} while (0)
	COPY(OBJTYPE, objtype);
	COPY(SEGMENT, segment);
	COPY(BUS, bus);
	COPY(DEVICE, device);
	COPY(FUNCTION, function);
	COPY(SOCKET_ID, socket_id);
	COPY(VENDOR_ID, vendor_id);
	COPY(DEVICE_ID, device_id);
	COPY(SUBSYSTEM_VENDOR_ID, subsystem_vendor_id);
	COPY(SUBSYSTEM_DEVICE_ID, subsystem_device_id);
	COPY(GUID, guid);
	COPY(OBJECT_ID, object_id);
	COPY(NUM_ERRORS, num_errors);
	COPY(INTERFACE, interface);
	COPY(NUM_SLOTS, num_slots);
	COPY(BBS_VERSION, bbs_version);
	COPY(BBS_ID, bbs_id);
	COPY(STATE, state);
	COPY(NUM_MMIO, num_mmio);
	COPY(NUM_INTERRUPTS, num_interrupts);
	COPY(HOSTNAME, hostname);
#undef COPY
}

void wire_put_props(struct wire_writer *w, const struct opae_props *props)
{
	struct opae_props set, *p = &set;
	unsigned char block[BLOCK_MAX];
	struct wire_writer b;

	take_set(props, &set);
	wire_writer_init(&b, block, sizeof(block), NULL);
	wire_put_u32(&b, p->valid);
	wire_put_u32(&b, (uint32_t)p->objtype);
	wire_put_u16(&b, p->segment);
	wire_put_u8(&b, p->bus);
	wire_put_u8(&b, p->device);
	wire_put_u8(&b, p->function);
	wire_put_u8(&b, p->socket_id);
	wire_put_u16(&b, p->vendor_id);
	wire_put_u16(&b, p->device_id);
	wire_put_u16(&b, p->subsystem_vendor_id);
	wire_put_u16(&b, p->subsystem_device_id);
	wire_put_guid(&b, p->guid);
	wire_put_u64(&b, p->object_id);
	wire_put_u32(&b, p->num_errors);
	wire_put_u32(&b, (uint32_t)p->interface);
	wire_put_u32(&b, p->num_slots);
	wire_put_u8(&b, p->bbs_version.major);
	wire_put_u8(&b, p->bbs_version.minor);
	wire_put_u16(&b, p->bbs_version.patch);
	wire_put_u64(&b, p->bbs_id);
	wire_put_u32(&b, (uint32_t)p->state);
	wire_put_u32(&b, p->num_mmio);
	wire_put_u32(&b, p->num_interrupts);
	wire_put_text(&b, p->hostname);
	wire_put_block(w, block, b.len);
}

void wire_get_props(struct wire_reader *r, struct opae_props *ret)
{
	struct opae_props all, *p = &all;
	struct wire_reader b;
	size_t len;
	const void *block = wire_get_block(r, &len);

	memset(ret, 0, sizeof(*ret));
	memset(&all, 0, sizeof(all)); /* behind the hostname's end, too */
	if (!block)
		return;
	wire_reader_init(&b, block, len, NULL);
	p->valid = wire_get_u32(&b) & ~(uint32_t)OPAE_PROP_PARENT;
	p->objtype = (fpga_objtype)wire_get_u32(&b);
	p->segment = wire_get_u16(&b);
	p->bus = wire_get_u8(&b);
	p->device = wire_get_u8(&b);
	p->function = wire_get_u8(&b);
	p->socket_id = wire_get_u8(&b);
	p->vendor_id = wire_get_u16(&b);
	p->device_id = wire_get_u16(&b);
	p->subsystem_vendor_id = wire_get_u16(&b);
	p->subsystem_device_id = wire_get_u16(&b);
	wire_get_guid(&b, p->guid);
	p->object_id = wire_get_u64(&b);
	p->num_errors = wire_get_u32(&b);
	p->interface = (fpga_interface)wire_get_u32(&b);
	p->num_slots = wire_get_u32(&b);
	p->bbs_version.major = wire_get_u8(&b);
	p->bbs_version.minor = wire_get_u8(&b);
	p->bbs_version.patch = wire_get_u16(&b);
	p->bbs_id = wire_get_u64(&b);
	p->state = (fpga_accelerator_state)wire_get_u32(&b);
	p->num_mmio = wire_get_u32(&b);
	p->num_interrupts = wire_get_u32(&b);
	wire_get_string(&b, p->hostname, sizeof(p->hostname));
	take_set(&all, ret);
	if (b.bad || (unsigned int)ret->objtype > FPGA_ACCELERATOR ||
	    (unsigned int)ret->interface > FPGA_IFC_UIO ||
	    (unsigned int)ret->state > FPGA_ACCELERATOR_UNASSIGNED) {
		r->bad = true;
		memset(ret, 0, sizeof(*ret));
	}
}
