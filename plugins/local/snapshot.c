/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Properties from sysfs and the node. An attribute that is missing or broken costs its own properties alone:
 * they stay unset, and a note says why.
 */
#include "plugins/local/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fpga-dfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "dev/sysfs.h"
#include "plugins/local/errors.h"
#include "plugins/local/event.h"

#define MAX_PORTS INT32_MAX /* of the kernel's: an int; -1 is none */
#define NO_SOCKET 0xff /* as v-opae's: no NUMA node is near, or it is not known */

uint64_t snapshot_object_id(const struct dfl_device *d, uint32_t port)
{
	char where[40];

	if (d->kind == DFL_FME)
		snprintf(where, sizeof(where), "%s/fme", d->address);
	else
		snprintf(where, sizeof(where), "%s/port%u", d->address, port);
	return hash_text(HASH_START, where);
}

static void note(struct snapshot *s, uint32_t bits, const char *file, const char *why)
{
	struct note *n;

	if (s->num_notes == MAX_NOTES)
		return;
	n = &s->notes[s->num_notes++];
	n->bits = bits;
	snprintf(n->text, sizeof(n->text), "%s: %s", file, why);
}

static void note_attribute(struct snapshot *s, uint32_t bits, const struct dfl_device *d,
			   const char *attribute,
			   int rc)
{
	char file[64];

	snprintf(file, sizeof(file), "%s/%s", dfl_name(d), attribute);
	note(s, bits, file, rc == -EINVAL ? "it holds something else than was expected" :
			    rc == -ENAMETOOLONG ? "it holds more than was expected" : strerror(-rc));
}

static bool number(struct snapshot *s, uint32_t bits, const struct dfl_device *d, const char *attribute,
		   uint64_t max, uint64_t *ret)
{
	int rc = sysfs_number(ret, "%s/%s", d->dir, attribute);

	if (!rc && *ret > max)
		rc = -EINVAL;
	if (rc)
		note_attribute(s, bits, d, attribute, rc);
	else
		s->props.valid |= bits;
	return !rc;
}

/* 32 hexadecimal digits, the most significant first. */
static int parse_id(const char *text, fpga_guid ret)
{
	if (strlen(text) != 32 || strspn(text, "0123456789abcdefABCDEF") != 32)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(fpga_guid); i++) {
		const char digits[3] = { text[2 * i], text[2 * i + 1], 0 };

		ret[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return 0;
}

static void guid(struct snapshot *s, const struct dfl_device *d, const char *attribute)
{
	char text[64];
	int rc = sysfs_text(text, sizeof(text), "%s/%s", d->dir, attribute);

	if (!rc)
		rc = parse_id(text, s->props.guid);
	if (rc == -EBUSY) /* what the driver answers while the port is disabled */
		note(s, OPAE_PROP_GUID, dfl_name(d),
		     "the driver holds it in reset; if a load has failed, bind the card to dfl-pci anew");
	else if (rc)
		note_attribute(s, OPAE_PROP_GUID, d, attribute, rc);
	else
		s->props.valid |= OPAE_PROP_GUID;
}

/* ---- the card ---- */

void snapshot_read_card(const struct dfl_device *d, struct card *c)
{
	int node;

	if (!strcmp(c->address, d->address))
		return;
	memcpy(c->address, d->address, sizeof(c->address));
	c->id_rc = pci_read_id(d->address, &c->id);
	node = pci_numa_node(d->address);
	c->socket_id = node < 0 || node > NO_SOCKET ? NO_SOCKET : (uint8_t)node;
}

static void take_card(struct snapshot *s, const struct card *c)
{
	const uint32_t ids = OPAE_PROP_VENDOR_ID | OPAE_PROP_DEVICE_ID | OPAE_PROP_SUBSYSTEM_VENDOR_ID |
			     OPAE_PROP_SUBSYSTEM_DEVICE_ID;
	struct pci_address a;

	pci_parse(c->address, &a);
	s->props.segment = a.segment;
	s->props.bus = a.bus;
	s->props.device = a.device;
	s->props.function = a.function;
	s->props.socket_id = c->socket_id;
	s->props.valid |= OPAE_PROP_SEGMENT | OPAE_PROP_BUS | OPAE_PROP_DEVICE | OPAE_PROP_FUNCTION |
			  OPAE_PROP_SOCKET_ID;
	if (c->id_rc) {
		note(s, ids, "the card's PCI ids", strerror(-c->id_rc));
		return;
	}
	s->props.vendor_id = c->id.vendor;
	s->props.device_id = c->id.device;
	s->props.subsystem_vendor_id = c->id.subsystem_vendor;
	s->props.subsystem_device_id = c->id.subsystem_device;
	s->props.valid |= ids;
}

/* ---- the FME ---- */

static bool starts(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

/* The first name with a beginning, of a folder of the device's. */
static int first_name(char *out, size_t len, const char *beginning, const char *dir)
{
	CLEANUP_FREE char *names = NULL;
	const char *best = NULL;
	int rc = sysfs_list(&names, "%s", dir);

	if (rc)
		return rc;
	for (const char *at = names; *at; at += strlen(at) + 1)
		if (starts(at, beginning) && (!best || strcmp(at, best) < 0))
			best = at;
	if (!best)
		return -ENOENT;
	return snprintf(out, len, "%s", best) < (int)len ? 0 : -ENAMETOOLONG;
}

/* What a bitstream must have been made for: of the region for reconfiguration, below the FME. */
static void interface_id(struct snapshot *s, const struct dfl_device *d)
{
	char bridge[48], region[48], dir[DEV_PATH_MAX], attribute[DEV_PATH_MAX];
	int rc = first_name(bridge, sizeof(bridge), "dfl-fme-region.", d->dir);

	if (!rc) {
		snprintf(dir, sizeof(dir), "%s/%s/fpga_region", d->dir, bridge);
		rc = first_name(region, sizeof(region), "region", dir);
	}
	if (rc) {
		note(s, OPAE_PROP_GUID, "the interface id",
		     rc == -ENOENT ? "the card has no region for partial reconfiguration" : strerror(-rc));
		return;
	}
	snprintf(attribute, sizeof(attribute), "%s/fpga_region/%s/compat_id", bridge, region);
	guid(s, d, attribute);
}

/* Bits as the original's properties take them from the bitstream id. */
static fpga_version bitstream_version(uint64_t id)
{
	return (fpga_version){ .major = id >> 56 & 0xf, .minor = id >> 52 & 0xf, .patch = id >> 48 & 0xf };
}

static void read_slots(struct snapshot *s, const struct dfl_device *d)
{
	uint64_t v;

	if (number(s, OPAE_PROP_NUM_SLOTS, d, "ports_num", MAX_PORTS, &v))
		s->props.num_slots = (uint32_t)v;
	interface_id(s, d);
}

static void read_fme(struct snapshot *s, const struct dfl_device *d)
{
	uint64_t v;

	s->props.objtype = FPGA_DEVICE;
	s->props.object_id = snapshot_object_id(d, 0);
	s->props.valid |= OPAE_PROP_OBJECT_ID;
	if (number(s, OPAE_PROP_BBS_ID | OPAE_PROP_BBS_VERSION, d, "bitstream_id", UINT64_MAX, &v)) {
		s->props.bbs_id = v;
		s->props.bbs_version = bitstream_version(v);
	}
	read_slots(s, d);
}

/* ---- the port ---- */

#define OF_NODE (OPAE_PROP_NUM_MMIO | OPAE_PROP_NUM_INTERRUPTS)

static void take_node(struct snapshot *s, uint32_t regions, uint32_t vectors)
{
	s->props.num_mmio = regions;
	s->props.num_interrupts = vectors;
	s->props.valid |= OF_NODE;
}

/* This process has it open: what its handle knows. */
static bool held_here(struct instance *inst, struct snapshot *s, const struct dfl_device *d)
{
	SCOPED_LOCK(&inst->lock);

	for (const struct handle *h = inst->handles; h; h = h->next) {
		if (strcmp(h->token.dev.dir, d->dir) || atomic_load(&h->dead))
			continue;
		take_node(s, h->num_mmio, h->num_vectors);
		return true;
	}
	return false;
}

static void ask_node(struct snapshot *s, const struct dfl_device *d, int fd)
{
	struct dfl_fpga_port_info info = { .argsz = sizeof(info) };
	uint32_t vectors;
	int rc = sys_ioctl(fd, DFL_FPGA_PORT_GET_INFO, &info);

	if (rc < 0 || port_vectors(fd, &vectors))
		note(s, OF_NODE, d->node, strerror(rc < 0 ? -rc : EIO));
	else
		take_node(s, info.num_regions < MAX_MMIO ? info.num_regions : MAX_MMIO, vectors);
}

static void refused(struct snapshot *s, const struct dfl_device *d, int rc)
{
	if (rc == -EBUSY) {
		s->props.state = FPGA_ACCELERATOR_ASSIGNED;
		s->props.valid |= OPAE_PROP_STATE;
		note(s, OF_NODE, d->node, "another program has it open for itself alone");
	} else if (rc == -EACCES || rc == -EPERM) {
		note(s, OPAE_PROP_STATE | OF_NODE, d->node,
		     "this user may not open it: it needs permission to read and to write");
	} else {
		note(s, OPAE_PROP_STATE | OF_NODE, d->node,
		     rc == -ENXIO || rc == -ENODEV ? "the kernel has given it no driver; bind the card anew" :
						     strerror(-rc));
	}
}

/* Who has it cannot be read anywhere: opening it tells. */
static void look_at_node(struct instance *inst, struct snapshot *s, const struct dfl_device *d)
{
	bool here = held_here(inst, s, d);
	int fd = here ? -1 : sys_open(d->node, O_RDWR, 0);

	if (fd < 0 && !here) {
		refused(s, d, fd);
		return;
	}
	s->props.state = here ? FPGA_ACCELERATOR_ASSIGNED : FPGA_ACCELERATOR_UNASSIGNED;
	s->props.valid |= OPAE_PROP_STATE;
	if (here)
		return;
	ask_node(s, d, fd);
	sys_close(fd);
}

static void read_port(struct instance *inst, struct snapshot *s, const struct dfl_device *d)
{
	uint64_t id;

	s->props.objtype = FPGA_ACCELERATOR;
	if (number(s, OPAE_PROP_OBJECT_ID, d, "id", MAX_PORTS, &id))
		s->props.object_id = snapshot_object_id(d, (uint32_t)id);
	guid(s, d, "afu_id");
	look_at_node(inst, s, d);
}

/* ---- all ---- */

void snapshot_read(struct instance *inst, const struct dfl_device *d, struct card *card, struct snapshot *ret)
{
	uint32_t errors;
	int rc;

	memset(ret, 0, sizeof(*ret));
	ret->props.valid = OPAE_PROP_OBJTYPE | OPAE_PROP_INTERFACE;
	ret->props.interface = FPGA_IFC_DFL;
	snapshot_read_card(d, card);
	take_card(ret, card);
	if (d->kind == DFL_FME)
		read_fme(ret, d);
	else
		read_port(inst, ret, d);
	rc = errors_count(d, &errors);
	if (rc) {
		note_attribute(ret, OPAE_PROP_NUM_ERRORS, d, "errors", rc);
	} else {
		ret->props.num_errors = errors;
		ret->props.valid |= OPAE_PROP_NUM_ERRORS;
	}
	ret->read_at = clock_now_ns();
}

void snapshot_read_slots(const struct dfl_device *fme, struct snapshot *ret)
{
	memset(ret, 0, sizeof(*ret));
	read_slots(ret, fme);
	ret->read_at = clock_now_ns();
}

fpga_result snapshot_write(const struct snapshot *s, fpga_properties prop)
{
	const struct opae_host *host = local_host();
	fpga_result r = host->props_write(prop, &s->props);

	if (host->size < offsetof(struct opae_host, props_unset) + sizeof(host->props_unset) ||
	    !host->props_unset)
		return r; /* a host of before there were reasons */
	for (uint32_t i = 0; i < s->num_notes && r == FPGA_OK; i++)
		r = host->props_unset(prop, s->notes[i].bits, s->notes[i].text);
	return r;
}
