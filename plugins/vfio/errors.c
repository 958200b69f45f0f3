/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/vfio/errors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "plugins/vfio/card.h"
#include "plugins/vfio/look.h"

static const struct error_register fme_registers[] = {
	{ "catfatal_errors", 0x60, false, false }, { "first_error", 0x38, false, false },
	{ "fme_errors", 0x10, true, false },	   { "inject_errors", 0x68, true, true },
	{ "next_error", 0x40, false, false },	   { "nonfatal_errors", 0x50, false, false },
	{ "pcie0_errors", 0x20, true, false },	   { "pcie1_errors", 0x30, true, false },
};

static const struct error_register port_registers[] = {
	{ "errors", 0x10, true, false },
	{ "first_error", 0x18, false, false },
	{ "first_malformed_req", 0x20, false, false },
};

uint32_t errors_of(const struct object *o, const struct error_register **ret)
{
	if (!o || !o->errors)
		return 0;
	*ret = o->type == FPGA_DEVICE ? fme_registers : port_registers;
	return o->type == FPGA_DEVICE ? sizeof(fme_registers) / sizeof(fme_registers[0]) :
					sizeof(port_registers) / sizeof(port_registers[0]);
}

/* ---- access ---- */

struct access {
	const struct error_register *reg;
	uint64_t value;
	bool write;
};

static int carry_out(struct vdev *d, const struct object *o, struct access *a)
{
	uint32_t bar = VDEV_BAR0 + o->head.bar;
	uint64_t at = o->errors + a->reg->offset;

	return a->write ? d->ops->write(d, bar, at, &a->value, sizeof(a->value)) :
			  d->ops->read(d, bar, at, &a->value, sizeof(a->value));
}

static fpga_result on_device(struct vdev *d, const struct object *o, struct access *a)
{
	int rc = carry_out(d, o, a);

	return rc ? say_device(d, rc, a->reg->name) : FPGA_OK;
}

/* What the token was of among what the device has now. */
static const struct object *find_like(const struct object *want, const struct facts *now)
{
	const struct error_register *list;

	for (uint32_t i = 0; i < now->num_objects; i++) {
		const struct object *o = &now->objects[i];

		if (object_same_place(o, want) && errors_of(o, &list))
			return o;
	}
	return NULL;
}

/* Nobody has it open: for this one access. What was read may be other than what the token was of. */
static fpga_result on_closed(struct token *t, struct access *a)
{
	struct facts facts;
	struct vdev *d = NULL;
	char why[VDEV_WHY_MAX] = "";
	bool locked;
	fpga_result r;
	int rc = look_enter(t->inst, &t->place, &facts, &d, &locked, why, sizeof(why));

	const struct object *o = rc ? NULL : find_like(token_object(t), &facts);

	r = o ? on_device(d, o, a) :
		say(rc ? err_to_result(rc) : FPGA_NOT_FOUND, "%s: %s: %s", a->reg->name,
		    t->place.path, rc ? why : "the device has no such register any more");
	look_leave(t->inst, t->place.path, d, locked);
	return r;
}

static fpga_result reach(struct handle *h, struct token *t, struct access *a)
{
	const struct object *o;
	struct card *c;
	fpga_result r;

	if (h)
		return on_device(h->dev, &h->object, a);
	c = card_find(t->inst, t->place.path);
	if (!c)
		return on_closed(t, a);
	o = find_like(token_object(t), &c->facts->f);
	r = o ? on_device(c->dev, o, a) :
		say(FPGA_NOT_FOUND, "%s: the device has no such register any more", a->reg->name);
	card_put(c);
	return r;
}

fpga_result errors_read(struct handle *h, struct token *t, const struct error_register *reg,
			uint64_t *value)
{
	struct access a = { .reg = reg };
	fpga_result r = reach(h, t, &a);

	if (r == FPGA_OK)
		*value = a.value;
	return r;
}

fpga_result errors_write(struct handle *h, struct token *t, const struct error_register *reg,
			 uint64_t value)
{
	struct access a = { .reg = reg, .value = value, .write = true };

	return reach(h, t, &a);
}

/* ---- the calls ---- */

static const struct error_register *find(const struct token *t, uint32_t n, fpga_result *why)
{
	const struct error_register *list = NULL;
	uint32_t num = errors_of(token_object(t), &list);

	if (n < num)
		return &list[n];
	*why = say(num ? FPGA_NOT_FOUND : FPGA_NOT_SUPPORTED,
		   num ? "error %u: there are %u error registers" :
			 "error %u: it has no error registers (%u)", n, num);
	return NULL;
}

fpga_result vfio_read_error(fpga_token token, uint32_t n, uint64_t *value)
{
	fpga_result r = FPGA_OK;
	const struct error_register *reg = find(token, n, &r);

	return reg ? errors_read(NULL, token, reg, value) : r;
}

/* Of a register that changed in between only what was seen is cleared. */
static fpga_result clear(struct token *t, const struct error_register *reg)
{
	uint64_t v = 0;
	fpga_result r = reg->injects ? FPGA_OK : errors_read(NULL, t, reg, &v);

	return r == FPGA_OK ? errors_write(NULL, t, reg, v) : r;
}

fpga_result vfio_clear_error(fpga_token token, uint32_t n)
{
	fpga_result r = FPGA_OK;
	const struct error_register *reg = find(token, n, &r);

	if (!reg)
		return r;
	if (!reg->clears)
		return say(FPGA_NOT_SUPPORTED, "%s cannot be cleared", reg->name);
	return clear(token, reg);
}

fpga_result vfio_clear_all_errors(fpga_token token)
{
	const struct error_register *list = NULL;
	uint32_t num = errors_of(token_object(token), &list);
	fpga_result r = FPGA_OK;

	if (!num)
		return say(FPGA_NOT_SUPPORTED, "it has no error registers");
	for (uint32_t i = 0; i < num; i++) {
		fpga_result one = list[i].clears ? clear(token, &list[i]) : FPGA_OK;

		if (r == FPGA_OK)
			r = one; /* one that cannot be cleared keeps none of the others */
	}
	return r;
}

fpga_result vfio_get_error_info(fpga_token token, uint32_t n, struct fpga_error_info *info)
{
	fpga_result r = FPGA_OK;
	const struct error_register *reg = find(token, n, &r);

	if (!reg)
		return r;
	memset(info, 0, sizeof(*info));
	snprintf(info->name, sizeof(info->name), "%s", reg->name);
	info->can_clear = reg->clears;
	return FPGA_OK;
}
