/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/props.h"

#include <string.h>

#include "wire/bytes.h"

#define BLOCK_MAX (128u + OPAEX_HOSTNAME_MAX)

/* What is not set is whatever memory held before, and not the other end's business: it travels as zeros. */
#define GIVEN(bit, value) (p->valid & OPAE_PROP_##bit ? (value) : 0)

static void put_values(struct wire_writer *b, const struct opae_props *p)
{
	static const uint8_t no_guid[16];

	wire_put_u32(b, GIVEN(OBJTYPE, (uint32_t)p->objtype));
	wire_put_u16(b, GIVEN(SEGMENT, p->segment));
	wire_put_u8(b, GIVEN(BUS, p->bus));
	wire_put_u8(b, GIVEN(DEVICE, p->device));
	wire_put_u8(b, GIVEN(FUNCTION, p->function));
	wire_put_u8(b, GIVEN(SOCKET_ID, p->socket_id));
	wire_put_u16(b, GIVEN(VENDOR_ID, p->vendor_id));
	wire_put_u16(b, GIVEN(DEVICE_ID, p->device_id));
	wire_put_u16(b, GIVEN(SUBSYSTEM_VENDOR_ID, p->subsystem_vendor_id));
	wire_put_u16(b, GIVEN(SUBSYSTEM_DEVICE_ID, p->subsystem_device_id));
	wire_put_guid(b, p->valid & OPAE_PROP_GUID ? p->guid : no_guid);
	wire_put_u64(b, GIVEN(OBJECT_ID, p->object_id));
	wire_put_u32(b, GIVEN(NUM_ERRORS, p->num_errors));
	wire_put_u32(b, GIVEN(INTERFACE, (uint32_t)p->interface));
	wire_put_u32(b, GIVEN(NUM_SLOTS, p->num_slots));
	wire_put_u8(b, GIVEN(BBS_VERSION, p->bbs_version.major));
	wire_put_u8(b, GIVEN(BBS_VERSION, p->bbs_version.minor));
	wire_put_u16(b, GIVEN(BBS_VERSION, p->bbs_version.patch));
	wire_put_u64(b, GIVEN(BBS_ID, p->bbs_id));
	wire_put_u32(b, GIVEN(STATE, (uint32_t)p->state));
	wire_put_u32(b, GIVEN(NUM_MMIO, p->num_mmio));
	wire_put_u32(b, GIVEN(NUM_INTERRUPTS, p->num_interrupts));
}

void wire_put_props(struct wire_writer *w, const struct opae_props *p)
{
	unsigned char block[BLOCK_MAX];
	struct wire_writer b;

	wire_writer_init(&b, block, sizeof(block), NULL);
	wire_put_u32(&b, p->valid & ~(uint32_t)OPAE_PROP_PARENT);
	put_values(&b, p);
	wire_put_text(&b, p->valid & OPAE_PROP_HOSTNAME ? p->hostname : "");
	wire_put_block(w, block, b.len);
}

void wire_get_props(struct wire_reader *r, struct opae_props *p)
{
	struct wire_reader b;
	size_t len;
	const void *block = wire_get_block(r, &len);

	memset(p, 0, sizeof(*p));
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
	if (b.bad || (unsigned int)p->objtype > FPGA_ACCELERATOR ||
	    (unsigned int)p->interface > FPGA_IFC_UIO ||
	    (unsigned int)p->state > FPGA_ACCELERATOR_UNASSIGNED) {
		r->bad = true;
		memset(p, 0, sizeof(*p));
	}
}
