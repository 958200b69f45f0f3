/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/vfio/facts-read.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "plugins/vfio/card.h"
#include "plugins/vfio/dfl.h"

struct reader {
	struct vdev *d;
	int64_t end;
};

static int read_in_time(struct reader *r, uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	if (clock_now_ns() >= r->end)
		return -ETIME;
	return r->d->ops->read(r->d, region, offset, buf, len);
}

/* ---- the configuration space ---- */

#define CONFIG_BYTES 4096u
#define PIECE 64u /* is read at a time */

/* Read where it is looked at: behind the kernel each word is an access of the device. */
struct config {
	struct reader *reader;
	uint8_t bytes[CONFIG_BYTES];
	uint32_t len;
	uint64_t have; /* bit n: piece n is read */
};

static uint16_t at16(const uint8_t *config, unsigned int offset)
{
	return (uint16_t)(config[offset] | config[offset + 1] << 8);
}

static int config_word(void *ctx, uint32_t at, uint32_t *word)
{
	struct config *c = ctx;
	uint32_t from = at / PIECE * PIECE, len = c->len - from < PIECE ? c->len - from : PIECE;
	uint64_t bit = UINT64_C(1) << at / PIECE;
	int rc = 0;

	if (!(c->have & bit))
		rc = read_in_time(c->reader, VDEV_CONFIG, from, c->bytes + from, len);
	if (rc)
		return rc;
	c->have |= bit;
	*word = at16(c->bytes, at) | (uint32_t)at16(c->bytes, at + 2) << 16;
	return 0;
}

static int open_config(struct config *c, struct facts *f)
{
	struct vdev *d = c->reader->d;
	struct vdev_region space = { 0 };
	int rc = d->ops->region(d, VDEV_CONFIG, &space);

	c->len = space.size < CONFIG_BYTES ? (uint32_t)space.size : CONFIG_BYTES;
	if (!rc && c->len < PIECE) {
		snprintf(f->defect, sizeof(f->defect), "its configuration space has only %u bytes", c->len);
		return -ENODEV;
	}
	return rc;
}

/* Identity and lists. */
static int read_config(struct reader *r, struct facts *f, struct dfl_list *lists, unsigned int *n)
{
	struct config c = { .reader = r };
	struct dfl_config words = { .ctx = &c, .read = config_word };
	uint16_t command;
	uint32_t ids;
	int rc = open_config(&c, f);

	if (!rc)
		rc = config_word(&c, PCI_VENDOR_ID, &ids);
	if (rc)
		return rc;
	f->vendor = at16(c.bytes, PCI_VENDOR_ID);
	f->device = at16(c.bytes, PCI_DEVICE_ID);
	f->subsystem_vendor = at16(c.bytes, PCI_SUBSYSTEM_VENDOR_ID);
	f->subsystem_device = at16(c.bytes, PCI_SUBSYSTEM_ID);
	words.len = c.len;
	rc = dfl_find_lists(&words, lists, n);
	if (rc)
		return rc;
	command = (uint16_t)(at16(c.bytes, PCI_COMMAND) | PCI_COMMAND_MEMORY);
	return r->d->ops->write(r->d, VDEV_CONFIG, PCI_COMMAND, &command, sizeof(command));
}

/* ---- registers ---- */

static int io_read(void *ctx, uint32_t bar, uint64_t offset, uint64_t *value)
{
	return read_in_time(ctx, VDEV_BAR0 + bar, offset, value, sizeof(*value));
}

static int io_write(void *ctx, uint32_t bar, uint64_t offset, uint64_t value)
{
	struct reader *r = ctx;

	return r->d->ops->write(r->d, VDEV_BAR0 + bar, offset, &value, sizeof(value));
}

/* BAR0 is looked at first: of a device that is one accelerator nothing else is asked. */
static int read_bar_sizes(struct vdev *d, bool all, struct dfl_io *io)
{
	int rc = 0;

	for (uint32_t bar = all ? 1 : 0; bar < (all ? MAX_BARS : 1) && !rc; bar++) {
		struct vdev_region r;

		rc = d->ops->region(d, VDEV_BAR0 + bar, &r);
		io->bar_size[bar] = !rc && r.read ? r.size : 0;
	}
	return rc;
}

/* Its other BARs are not asked for, then. What cannot be told yet, or is no list, is left to dfl_read(). */
static int may_have_ports(struct dfl_io *io, unsigned int num_lists, bool *ret)
{
	uint64_t head = 0;
	int rc = 0;

	if (!num_lists && io->bar_size[0] >= sizeof(head))
		rc = io->read(io->ctx, 0, 0, &head);
	*ret = num_lists || dfl_is_unit(head);
	return rc;
}

/* The configuration knows: all of BAR0 is that, and its registers are left alone. */
static int tell_given(struct vdev *d, const fpga_guid guid, struct facts *ret)
{
	struct object *o = &ret->objects[0];
	struct vdev_region bar;
	int rc = d->ops->region(d, VDEV_BAR0, &bar);

	if (rc)
		return rc;
	if (!bar.size || !bar.read) {
		snprintf(ret->defect, sizeof(ret->defect), "it has no BAR0 that can be read");
		return -ENODEV;
	}
	o->type = FPGA_ACCELERATOR;
	memcpy(o->guid, guid, sizeof(o->guid));
	o->num_mmio = 1;
	o->mmio[0].size = bar.size;
	o->num_interrupts = ret->vectors;
	o->error_vector = NO_VECTOR;
	ret->num_objects = 1;
	return 0;
}

static int read_registers(struct reader *r, const struct dfl_list *lists, unsigned int n, struct facts *ret)
{
	struct dfl_io io = { .ctx = r, .read = io_read, .write = io_write };
	bool ports = false;
	int rc = read_bar_sizes(r->d, false, &io);

	if (!rc)
		rc = may_have_ports(&io, n, &ports);
	if (!rc && ports)
		rc = read_bar_sizes(r->d, true, &io);
	return rc ? rc : dfl_read(&io, lists, n, ret);
}

/* Programs look for the card, whose ids tell them that it is a simulation: OPAE's are these. */
static void add_card(struct facts *f)
{
	for (uint32_t i = 0; i < f->num_objects; i++)
		if (f->objects[i].type == FPGA_DEVICE)
			return;
	f->vendor = f->subsystem_vendor = 0x8086;
	f->device = f->subsystem_device = 0x0a5e;
	if (f->num_objects && f->num_objects < MAX_OBJECTS)
		f->objects[f->num_objects++] = (struct object){ .type = FPGA_DEVICE,
								.num_slots = 1,
								.error_vector = NO_VECTOR };
}

enum facts_source facts_source_of(const struct place *p)
{
	return p->has_guid ? FACTS_GIVEN : p->simulated ? FACTS_SIMULATED : FACTS_READ;
}

/* There each access is bounded by the bus. What takes long is a machine that emulates them and is busy. */
#define KERNEL_BUDGET_NS (30 * NS_PER_S)

int64_t facts_budget(const struct place *p, int64_t budget_ns)
{
	return p->kernel && budget_ns < KERNEL_BUDGET_NS ? KERNEL_BUDGET_NS : budget_ns;
}

int facts_read(struct vdev *d, const struct place *p, int64_t budget_ns, struct facts *ret)
{
	struct reader reader = { d, clock_deadline(facts_budget(p, budget_ns)) };
	struct dfl_list lists[DFL_MAX_LISTS];
	unsigned int n = 0;
	uint32_t index;
	int rc;

	memset(ret, 0, sizeof(*ret));
	ret->given = facts_source_of(p);
	rc = read_config(&reader, ret, lists, &n);
	if (!rc)
		rc = events_vectors(d, &index, &ret->vectors);
	if (!rc)
		rc = p->has_guid ? tell_given(d, p->guid, ret) : read_registers(&reader, lists, n, ret);
	if (!rc && p->simulated)
		add_card(ret);
	if (rc == -ETIME) {
		snprintf(ret->defect, sizeof(ret->defect),
			 "what is in it took longer than %lld ms",
			 (long long)(facts_budget(p, budget_ns) / NS_PER_MS));
		rc = -ETIMEDOUT;
	}
	return rc || ret->num_objects ? rc : -ENODEV;
}
