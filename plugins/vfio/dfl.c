/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One pass over the lists. A management engine (FIU 0) or a port (FIU 1) makes an object, and the
 * private features that follow it in its list belong to it.
 */
#include "plugins/vfio/dfl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/guid.h"

enum { TYPE_AFU = 1, TYPE_PRIVATE = 3, TYPE_FIU = 4 };
enum { FIU_FME = 0, FIU_PORT = 1 };
enum { FME_ERRORS = 0x4, FME_PR = 0x5, PORT_ERRORS = 0x10, PORT_USER_IRQ = 0x12, PORT_TAP = 0x13 };

#define HEAD_TYPE(h) ((h) >> 60)
#define HEAD_ID(h) ((h) & 0xfff)
#define HEAD_NEXT(h) ((h) >> 16 & 0xffffff)
#define HEAD_EOL(h) ((h) >> 40 & 1)
#define HEAD_VERSION(h) ((h) >> 52 & 0xff)

/* Words of a version 1 header behind the GUID. */
#define V1_REGISTERS 0x18u /* bits 63:1 are their offset from the header, unless bit 0 is set */
#define V1_GROUP 0x20u
#define V1_PARAMS 0x28u
#define V1_HAS_PARAMS(group) ((group) >> 31 & 1)
#define PARAM_ID(p) ((p) & 0xffff)
#define PARAM_END(p) ((p) >> 32 & 1)
#define PARAM_WORDS(p) ((p) >> 35) /* of 8 bytes, from this parameter's header to the next */
#define PARAM_MSIX 1u
#define PARAMS_MAX 64u

#define AFU_BYTES 0x18u
#define FME_BYTES 0x70u
#define PORT_BYTES 0x48u
#define PAGE 4096u

#define FME_PORTS 0x38u
#define FME_MAX_PORTS 4u
#define FME_BITSTREAM_ID 0x60u
#define FME_BITSTREAM_MD 0x68u
#define PORT_IMPLEMENTED(p) ((p) >> 60 & 1)
#define PORT_FOR_VF(p) ((p) >> 55 & 1)
#define PORT_BAR(p) ((uint32_t)((p) >> 32 & 7))
#define PORT_AT(p) ((p) & 0xffffff)
#define PORT_IN_LIST 7u /* instead of a BAR: the port is found along the list */

#define PORT_NEXT_AFU 0x18u
#define PORT_CAP 0x30u
#define RESET_NS (10 * NS_PER_MS)

struct walk {
	const struct dfl_io *io;
	struct facts *facts;
	struct object *owner; /* of the private features that come next; NULL: nobody */
	unsigned int features;
	int rc; /* the device stopped answering */
};

/* The first defect is told; it is often the cause of others. */
static void defect(struct walk *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void defect(struct walk *w, const char *fmt, ...)
{
	va_list ap;

	if (*w->facts->defect)
		return;
	va_start(ap, fmt);
	vsnprintf(w->facts->defect, sizeof(w->facts->defect), fmt, ap);
	va_end(ap);
}

static bool inside(const struct walk *w, uint32_t bar, uint64_t offset, uint64_t len)
{
	uint64_t size = bar < MAX_BARS ? w->io->bar_size[bar] : 0;

	return len <= size && offset <= size - len;
}

/* The caller knows that it is inside. After a failure reads give 0 and the walk ends. */
static uint64_t get(struct walk *w, uint32_t bar, uint64_t offset)
{
	uint64_t v = 0;

	if (!w->rc)
		w->rc = w->io->read(w->io->ctx, bar, offset, &v);
	return w->rc ? 0 : v;
}

static void get_guid(struct walk *w, uint32_t bar, uint64_t low_at, uint64_t high_at, fpga_guid ret)
{
	uint64_t high = get(w, bar, high_at);

	guid_from_halves(high, get(w, bar, low_at), ret);
}

static struct object *add(struct walk *w, fpga_objtype type)
{
	struct object *o;

	if (w->facts->num_objects == MAX_OBJECTS) {
		defect(w, "there are more than %u objects in it", MAX_OBJECTS);
		return NULL;
	}
	o = &w->facts->objects[w->facts->num_objects++];
	memset(o, 0, sizeof(*o));
	o->type = type;
	o->error_vector = NO_VECTOR;
	return o;
}

static void drop_last(struct walk *w)
{
	w->facts->num_objects--;
	w->owner = NULL;
}

/* ---- private features ---- */

/* Where a private feature's registers are (of version 0 they begin with its header), and its interrupts
 * if a version 1 header names them. */
struct private {
	uint32_t bar;
	uint64_t at, size;
	bool has_vectors;
	uint32_t first, number;
};

/* A chain of parameters only leads forward. */
static void find_vectors(struct walk *w, struct private *p, uint64_t header)
{
	uint64_t at = header + V1_PARAMS;

	for (unsigned int i = 0; i < PARAMS_MAX && inside(w, p->bar, at, 16) && !w->rc; i++) {
		uint64_t param = get(w, p->bar, at), v;

		if (PARAM_ID(param) == PARAM_MSIX) {
			v = get(w, p->bar, at + 8);
			p->first = (uint32_t)v;
			p->number = (uint32_t)(v >> 32);
			p->has_vectors = true;
			return;
		}
		if (PARAM_END(param) || !PARAM_WORDS(param))
			return;
		at += 8 * PARAM_WORDS(param);
	}
}

/* False: its registers are not where the device can be reached; told. */
static bool find_private(struct walk *w, uint32_t bar, uint64_t at, uint64_t head, struct private *p)
{
	uint64_t where, group;

	*p = (struct private){ .bar = bar, .at = at, .size = HEAD_NEXT(head) ? HEAD_NEXT(head) : PAGE };
	if (!HEAD_VERSION(head))
		return true;
	if (!inside(w, bar, at, V1_PARAMS)) {
		defect(w, "the header at 0x%llx ends past BAR%u", (unsigned long long)at, bar);
		return false;
	}
	where = get(w, bar, at + V1_REGISTERS);
	group = get(w, bar, at + V1_GROUP);
	if (where & 1) {
		defect(w, "the feature at 0x%llx has registers at an absolute address, not in BAR%u",
		       (unsigned long long)at, bar);
		return false;
	}
	p->at = at + (where >> 1);
	p->size = group >> 32;
	if (V1_HAS_PARAMS(group))
		find_vectors(w, p, at);
	return !(p->at % 8) && p->at >= at;
}

static bool has_registers(struct walk *w, const struct private *p, uint64_t bytes, const char *name)
{
	if (inside(w, p->bar, p->at, bytes))
		return true;
	defect(w, "the %s feature at 0x%llx ends past BAR%u", name, (unsigned long long)p->at, p->bar);
	return false;
}

static uint32_t error_vector(struct walk *w, const struct private *p, uint64_t cap)
{
	uint32_t v = p->has_vectors ? p->first : (uint32_t)(cap >> 1 & 0xfff);

	if (p->has_vectors ? !p->number : !(cap & 1))
		return NO_VECTOR;
	if (v < w->facts->vectors)
		return v;
	defect(w, "an error feature has interrupt %u, but the device has %u", v, w->facts->vectors);
	return NO_VECTOR;
}

static void errors(struct walk *w, const struct private *p, uint64_t cap_at)
{
	if (!has_registers(w, p, cap_at + 8, "error"))
		return;
	w->owner->errors = p->at;
	w->owner->error_vector = error_vector(w, p, get(w, p->bar, p->at + cap_at));
}

static void reconfiguration(struct walk *w, const struct private *p)
{
	if (has_registers(w, p, 0xb8, "reconfiguration"))
		get_guid(w, p->bar, p->at + 0xa8, p->at + 0xb0, w->owner->guid);
}

static void user_interrupts(struct walk *w, struct private *p)
{
	uint64_t v;

	if (!p->has_vectors) {
		if (!has_registers(w, p, 16, "interrupt"))
			return;
		v = get(w, p->bar, p->at + 8);
		p->number = (uint32_t)(v & 0xfff);
		p->first = (uint32_t)(v >> 12 & 0xfff);
	}
	if (!p->number)
		return;
	if (p->number > w->facts->vectors || p->first > w->facts->vectors - p->number) {
		defect(w, "a port has interrupts %u to %llu, but the device has %u", p->first,
		       (unsigned long long)p->first + p->number - 1, w->facts->vectors);
		return;
	}
	w->owner->first_vector = p->first;
	w->owner->num_interrupts = p->number;
}

static void signal_tap(struct walk *w, const struct private *p)
{
	struct object *o = w->owner;

	if (o->num_mmio == 1 && p->size && has_registers(w, p, p->size, "signal tap"))
		o->mmio[o->num_mmio++] = (struct span){ p->bar, 0, p->at, p->size };
}

static void private_feature(struct walk *w, uint32_t bar, uint64_t at, uint64_t head)
{
	bool fme = w->owner && w->owner->type == FPGA_DEVICE;
	struct private p;

	if (!w->owner || !find_private(w, bar, at, head, &p))
		return;
	switch (HEAD_ID(head)) {
	case FME_ERRORS: if (fme) errors(w, &p, 0x70); break;
	case FME_PR: if (fme) reconfiguration(w, &p); break;
	case PORT_ERRORS: if (!fme) errors(w, &p, 0x38); break;
	case PORT_USER_IRQ: if (!fme) user_interrupts(w, &p); break;
	case PORT_TAP: if (!fme) signal_tap(w, &p); break;
	default: break;
	}
}

/* ---- accelerators and ports ---- */

/* False: there is no accelerator; told. */
static bool read_afu(struct walk *w, struct object *o, uint32_t bar, uint64_t at)
{
	uint64_t head;

	if (at % 8) {
		defect(w, "an accelerator should begin at 0x%llx of BAR%u, which is unaligned",
		       (unsigned long long)at, bar);
		return false;
	}
	head = get(w, bar, at);
	if (w->rc)
		return false;
	if (head == UINT64_MAX || HEAD_TYPE(head) != TYPE_AFU) {
		defect(w, "at 0x%llx of BAR%u an accelerator should begin, but the header is 0x%llx",
		       (unsigned long long)at, bar, (unsigned long long)head);
		return false;
	}
	get_guid(w, bar, at + 8, at + 16, o->guid);
	return !w->rc;
}

/* While a port is in reset its accelerator can't be read. Nobody else has the device now. */
static void leave_reset(struct walk *w, uint32_t bar, uint64_t port, unsigned int number)
{
	uint64_t v = get(w, bar, port + DFL_PORT_CONTROL);
	int64_t end = clock_deadline(RESET_NS);

	if (w->rc || !(v & DFL_PORT_RESET))
		return;
	w->rc = w->io->write(w->io->ctx, bar, port + DFL_PORT_CONTROL, v & ~DFL_PORT_RESET);
	do
		v = get(w, bar, port + DFL_PORT_CONTROL);
	while (!w->rc && (v & DFL_PORT_RESET_ACK) && clock_now_ns() < end);
	if (v & DFL_PORT_RESET_ACK)
		defect(w, "port %u does not leave its reset", number);
}

static bool port_known(const struct walk *w, uint32_t bar, uint64_t at)
{
	for (unsigned int i = 0; i < w->facts->num_objects; i++) {
		const struct object *o = &w->facts->objects[i];

		if (o->head.size && o->head.bar == bar && o->head.offset == at)
			return true;
	}
	return false;
}

/* Does the port's accelerator fit? Told if not. */
static bool afu_fits(struct walk *w, uint32_t bar, uint64_t at, uint64_t size, unsigned int number)
{
	if (size >= AFU_BYTES && inside(w, bar, at, size))
		return true;
	defect(w, "port %u: an accelerator of 0x%llx bytes at 0x%llx does not fit in BAR%u", number,
	       (unsigned long long)size, (unsigned long long)at, bar);
	return false;
}

/* Not every port has an accelerator: of OFS boards they are in the VFs. */
static void port(struct walk *w, uint32_t bar, uint64_t at)
{
	uint64_t afu, cap, size;
	unsigned int number;
	struct object *o;

	w->owner = NULL;
	if (!inside(w, bar, at, PORT_BYTES)) {
		defect(w, "the port at 0x%llx ends past BAR%u", (unsigned long long)at, bar);
		return;
	}
	afu = get(w, bar, at + PORT_NEXT_AFU) & 0xffffff;
	cap = get(w, bar, at + PORT_CAP);
	size = (cap >> 8 & 0xffff) * 1024;
	number = (unsigned int)(cap & 3);
	if (w->rc || !afu || !afu_fits(w, bar, at + afu, size, number))
		return;
	leave_reset(w, bar, at, number);
	o = w->rc ? NULL : add(w, FPGA_ACCELERATOR);
	if (!o)
		return;
	w->owner = o;
	o->head = (struct span){ bar, 0, at, PORT_BYTES };
	o->port = number;
	o->num_interrupts = 0;
	o->mmio[o->num_mmio++] = (struct span){ bar, 0, at + afu, size };
	if (!read_afu(w, o, bar, at + afu))
		drop_last(w);
}

static void walk_list(struct walk *w, uint32_t bar, uint64_t at);

static void listed_port(struct walk *w, unsigned int n, uint64_t place)
{
	uint32_t bar = PORT_BAR(place);
	uint64_t at = PORT_AT(place), head;

	if (!PORT_IMPLEMENTED(place) || PORT_FOR_VF(place) || bar == PORT_IN_LIST)
		return;
	if (at % 8 || !inside(w, bar, at, PORT_BYTES)) {
		defect(w, "port %u should be at 0x%llx of BAR%u, which is not there", n,
		       (unsigned long long)at, bar);
		return;
	}
	if (port_known(w, bar, at)) {
		defect(w, "port %u is where something else is already, at 0x%llx of BAR%u", n,
		       (unsigned long long)at, bar);
		return;
	}
	head = get(w, bar, at);
	if (!w->rc && (HEAD_TYPE(head) != TYPE_FIU || HEAD_ID(head) != FIU_PORT))
		defect(w, "port %u should begin at 0x%llx of BAR%u, but the header is 0x%llx", n,
		       (unsigned long long)at, bar, (unsigned long long)head);
	else
		walk_list(w, bar, at);
}

/* ---- the management engine ---- */

static const struct object *find_fme(const struct walk *w)
{
	for (unsigned int i = 0; i < w->facts->num_objects; i++)
		if (w->facts->objects[i].type == FPGA_DEVICE)
			return &w->facts->objects[i];
	return NULL;
}

static void fme(struct walk *w, uint32_t bar, uint64_t at)
{
	struct object *o;

	w->owner = NULL;
	if (!inside(w, bar, at, FME_BYTES)) {
		defect(w, "the management engine at 0x%llx ends past BAR%u", (unsigned long long)at,
		       bar);
		return;
	}
	if (find_fme(w)) {
		defect(w, "there is a second management engine, at 0x%llx", (unsigned long long)at);
		return;
	}
	o = add(w, FPGA_DEVICE);
	if (!o)
		return;
	o->head = (struct span){ bar, 0, at, FME_BYTES };
	o->mmio[o->num_mmio++] = (struct span){ bar, 0, at, w->io->bar_size[bar] - at };
	o->bitstream_id = get(w, bar, at + FME_BITSTREAM_ID);
	o->bitstream_metadata = get(w, bar, at + FME_BITSTREAM_MD);
	for (unsigned int n = 0; n < FME_MAX_PORTS; n++)
		o->num_slots += (uint32_t)PORT_IMPLEMENTED(get(w, bar, at + FME_PORTS + 8 * n));
	w->owner = o;
}

/* After the FME's own list, so that its features find their owner. */
static void listed_ports(struct walk *w)
{
	const struct object *o = find_fme(w);

	for (unsigned int n = 0; o && n < FME_MAX_PORTS && !w->rc; n++)
		listed_port(w, n, get(w, o->head.bar, o->head.offset + FME_PORTS + 8 * n));
}

/* ---- lists ---- */

static void feature(struct walk *w, uint32_t bar, uint64_t at, uint64_t head)
{
	switch (HEAD_TYPE(head)) {
	case TYPE_FIU:
		if (HEAD_ID(head) == FIU_FME)
			fme(w, bar, at);
		else if (HEAD_ID(head) == FIU_PORT)
			port(w, bar, at);
		else
			w->owner = NULL;
		break;
	case TYPE_PRIVATE: private_feature(w, bar, at, head); break;
	default: break; /* accelerators are reached through their ports, building blocks are theirs */
	}
}

/* Offsets only grow, so a list ends at its BAR's end at the latest; the count bounds the time. */
static void walk_list(struct walk *w, uint32_t bar, uint64_t at)
{
	for (w->owner = NULL; !w->rc;) {
		uint64_t head;

		if (at % 8 || !inside(w, bar, at, 8)) {
			defect(w, "a feature list leads to 0x%llx of BAR%u, which is %s",
			       (unsigned long long)at, bar, at % 8 ? "unaligned" : "not there");
			return;
		}
		if (w->features == DFL_MAX_FEATURES) {
			defect(w, "its feature lists have more than %u features", DFL_MAX_FEATURES);
			return;
		}
		w->features++;
		head = get(w, bar, at);
		if (w->rc)
			return;
		if (!head || head == UINT64_MAX) {
			defect(w, "the feature header at 0x%llx of BAR%u is %s",
			       (unsigned long long)at, bar, head ? "all-ones" : "zero");
			return;
		}
		feature(w, bar, at, head);
		if (HEAD_EOL(head) || !HEAD_NEXT(head))
			return;
		at += HEAD_NEXT(head);
	}
}

/* Without ports BAR0 is one accelerator. */
static void whole_bar0(struct walk *w)
{
	struct object *o = add(w, FPGA_ACCELERATOR);

	o->num_interrupts = w->facts->vectors;
	o->mmio[o->num_mmio++] = (struct span){ 0, 0, 0, w->io->bar_size[0] };
	if (!read_afu(w, o, 0, 0))
		drop_last(w);
}

bool dfl_is_unit(uint64_t head)
{
	return head != UINT64_MAX && HEAD_TYPE(head) == TYPE_FIU;
}

int dfl_read(const struct dfl_io *io, const struct dfl_list *lists, unsigned int num_lists,
	     struct facts *facts)
{
	static const struct dfl_list bar0 = { 0, 0 };
	struct walk w = { .io = io, .facts = facts };
	uint64_t head;

	facts->num_objects = 0;
	facts->defect[0] = 0;
	if (!num_lists) {
		lists = &bar0;
		num_lists = 1;
		if (!inside(&w, 0, 0, AFU_BYTES)) {
			defect(&w, "it has no BAR0 in which a feature list could begin");
			return 0;
		}
		head = get(&w, 0, 0);
		if (!w.rc && !dfl_is_unit(head)) {
			whole_bar0(&w);
			return w.rc;
		}
	}
	for (unsigned int i = 0; i < num_lists && !w.rc; i++)
		walk_list(&w, lists[i].bar, lists[i].offset);
	listed_ports(&w);
	if (!w.rc && !facts->num_objects)
		defect(&w, "its feature lists lead to no management engine and no accelerator");
	return w.rc;
}

/* ---- which lists there are ---- */

#define EXTENDED 0x100u
#define CAP_VENDOR 0x0bu
#define VSEC_DFL 0x43u
#define INTEL 0x8086u

static int read_lists(const struct dfl_config *c, uint32_t cap, struct dfl_list *ret, unsigned int *num)
{
	uint32_t n = 0, word;
	int rc = cap + 12 <= c->len ? c->read(c->ctx, cap + 8, &n) : 0;

	if (n > DFL_MAX_LISTS)
		n = DFL_MAX_LISTS;
	if (n > (c->len - cap) / 4 - 3)
		n = (c->len - cap) / 4 - 3;
	for (uint32_t i = 0; i < n && !rc; i++) {
		rc = c->read(c->ctx, cap + 12 + 4 * i, &word);
		if (!rc)
			ret[i] = (struct dfl_list){ word & 7, word & ~7u };
	}
	*num = rc ? 0 : n;
	return rc;
}

int dfl_find_lists(const struct dfl_config *c, struct dfl_list *ret, unsigned int *num)
{
	uint32_t at = EXTENDED, head, vsec;
	int rc = 0;

	*num = 0;
	if (c->len < EXTENDED + 8)
		return 0;
	rc = c->read(c->ctx, 0, &head);
	if (rc || (head & 0xffff) != INTEL)
		return rc;
	/* The chain may go backwards; there are no more capabilities than words. */
	for (unsigned int i = 0; i < c->len / 4 && at >= EXTENDED && at + 8 <= c->len; i++) {
		rc = c->read(c->ctx, at, &head);
		if (!rc)
			rc = c->read(c->ctx, at + 4, &vsec);
		if (rc || !head || head == UINT32_MAX)
			return rc;
		if ((head & 0xffff) == CAP_VENDOR && (vsec & 0xffff) == VSEC_DFL)
			return read_lists(c, at, ret, num);
		at = head >> 20 & ~3u;
	}
	return 0;
}
