/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header's layout: a device feature header of version 1 and type AFU, then at 0x20 whether there
 * are parameters, then from 0x28 parameter blocks, each with an id, an end mark and the distance to
 * the next. Id 2 of an AFU is the list of children: 16 bytes each, the GUID's low half first.
 */
#include "lib/children.h"

#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "lib/ask.h"
#include "lib/host.h"
#include "lib/props.h"

#define HEAD_TYPE(h) ((h) >> 60)
#define HEAD_VERSION(h) ((h) >> 52 & 0xff)
#define HEAD_ID(h) ((h) & 0xfff)
#define TYPE_AFU 1u
#define GROUP_AT 0x20u
#define HAS_PARAMS (UINT64_C(1) << 31)
#define PARAMS_AT 0x28u
#define PARAM_ID(p) ((p) & 0xffff)
#define PARAM_END(p) ((p) >> 32 & 1)
#define PARAM_WORDS(p) ((p) >> 35) /* of 8 bytes, from this block's start to the next */
#define PARAM_CHILDREN 2u
#define PARAMS_MAX 64u /* a chain that is longer is not believed */
#define CHILDREN_MAX 64u

struct child {
	void *id;
	fpga_guid guid;
};

struct children {
	uint32_t num;
	struct child list[CHILDREN_MAX];
};

/* ---- what is declared ---- */

static bool get(const struct wrapped_handle *w, uint64_t offset, uint64_t *v)
{
	return w->table->fpgaReadMMIO64(w->plugin, 0, offset, v) == FPGA_OK;
}

/* False: a list that says more than there can be is no list. */
static bool read_list(const struct wrapped_handle *w, uint64_t at, uint64_t words,
		      struct children *ret)
{
	uint64_t n = words / 2; /* a word of header, then two each */

	if (n > CHILDREN_MAX || !(words & 1))
		return false;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t low, high;

		if (!get(w, at + 8 + 16 * i, &low) || !get(w, at + 16 + 16 * i, &high))
			return false;
		guid_from_halves(high, low, ret->list[i].guid);
	}
	ret->num = (uint32_t)n;
	return true;
}

/* The chain only leads forward; one that does not move on has come to its end. */
static void read_declared(const struct wrapped_handle *w, struct children *ret)
{
	uint64_t head, group, param, at = PARAMS_AT;

	ret->num = 0;
	if (!get(w, 0, &head) || HEAD_TYPE(head) != TYPE_AFU || !HEAD_VERSION(head) ||
	    HEAD_ID(head) || head == UINT64_MAX)
		return;
	if (!get(w, GROUP_AT, &group) || !(group & HAS_PARAMS))
		return;
	for (unsigned int i = 0; i < PARAMS_MAX && get(w, at, &param); i++) {
		if (PARAM_ID(param) == PARAM_CHILDREN) {
			if (!read_list(w, at, PARAM_WORDS(param), ret)) {
				ret->num = 0;
				opae_print(OPAE_LOG_DEBUG, "fpgaOpen: the accelerator's list of "
							   "children makes no sense\n");
			}
			return;
		}
		if (PARAM_END(param) || !PARAM_WORDS(param))
			return;
		at += 8 * PARAM_WORDS(param);
	}
}

/* ---- which accelerators they are ---- */

struct candidate {
	fpga_token token; /* the plugin's; NULL: taken */
	struct opae_props v;
	unsigned int distance; /* from the parent: the same function first, then the same device */
	bool held;	       /* by somebody; was tried */
};

struct family {
	struct wrapped_handle *parent;
	struct opae_props v;
	struct candidate *candidates;
	uint32_t num;
};

#define FAR UINT32_MAX

static unsigned int distance(const struct opae_props *parent, const struct opae_props *v)
{
	if (parent->segment != v->segment || parent->bus != v->bus ||
	    strcmp(parent->hostname, v->hostname))
		return FAR; /* another card: one of the same GUID there is another's child */
	if (parent->device != v->device)
		return 2;
	return parent->function != v->function;
}

static void read_candidate(struct family *f, fpga_token token, fpga_properties scratch)
{
	const struct adapter *a = f->parent->adapter;
	struct candidate *c = &f->candidates[f->num];

	if (token_properties(a, token, scratch) == FPGA_OK &&
	    props_read(scratch, &c->v) == FPGA_OK && c->v.objtype == FPGA_ACCELERATOR &&
	    (c->v.valid & OPAE_PROP_GUID) && !token_same(f->parent->token, a, token)) {
		c->distance = distance(&f->v, &c->v);
		if (c->distance != FAR) {
			c->token = token;
			f->num++;
			return;
		}
	}
	a->table->fpgaDestroyToken(&token);
}

static void family_free(struct family *f)
{
	for (uint32_t i = 0; f->candidates && i < f->num; i++)
		if (f->candidates[i].token)
			f->parent->adapter->table->fpgaDestroyToken(&f->candidates[i].token);
	free(f->candidates);
}

static fpga_result family_read(struct family *f)
{
	const struct adapter *a = f->parent->adapter;
	fpga_properties scratch;
	fpga_token *list = NULL;
	uint32_t n = 0;
	fpga_result r = props_new(&scratch);

	if (r != FPGA_OK)
		return r;
	r = token_properties(a, f->parent->token->plugin, scratch);
	if (r == FPGA_OK)
		r = props_read(scratch, &f->v);
	if (r == FPGA_OK)
		r = ask_tokens(a, NULL, 0, &list, &n);
	if (r == FPGA_OK) {
		f->candidates = calloc((size_t)n + 1, sizeof(*f->candidates));
		for (uint32_t i = 0; i < n; i++)
			if (f->candidates)
				read_candidate(f, list[i], scratch);
			else
				a->table->fpgaDestroyToken(&list[i]);
		r = f->candidates ? FPGA_OK : FPGA_NO_MEMORY;
	}
	free(list);
	fpgaDestroyProperties(&scratch);
	return r;
}

/* The nearest that is left. */
static struct candidate *nearest(struct family *f, const uint8_t *guid)
{
	struct candidate *best = NULL;

	for (uint32_t i = 0; i < f->num; i++) {
		struct candidate *c = &f->candidates[i];

		if (c->token && !memcmp(c->v.guid, guid, sizeof(c->v.guid)) &&
		    (!best || c->distance < best->distance))
			best = c;
	}
	return best;
}

/* ---- opening ---- */

/* Takes the candidate's token over. */
static fpga_result open_candidate(struct wrapped_handle *parent, struct candidate *c, int flags,
				  void **id)
{
	struct wrapped_token *t = token_wrap(parent->adapter, c->token);
	struct wrapped_handle *w = calloc(1, sizeof(*w));
	fpga_result r = FPGA_NO_MEMORY;

	c->token = NULL;
	if (t && w) {
		*w = (struct wrapped_handle){ .table = parent->table, .adapter = parent->adapter,
					      .token = t, .plugin = parent->plugin, .is_child = true };
		r = w->table->fpgaOpen(t->plugin, &w->plugin, flags | FPGA_OPEN_HAS_PARENT_AFU);
	}
	if (r == FPGA_OK) {
		handle_get_windows(w);
		*id = id_add(&handles, w);
		if (*id)
			return FPGA_OK;
		w->table->fpgaClose(w->plugin);
		r = FPGA_NO_MEMORY;
	}
	token_unref(t);
	free(w);
	return r;
}

static bool any_held(const struct family *f, const uint8_t *guid)
{
	for (uint32_t i = 0; i < f->num; i++)
		if (f->candidates[i].held && !memcmp(f->candidates[i].v.guid, guid, sizeof(fpga_guid)))
			return true;
	return false;
}

/* One that is held is passed over for its like. */
static fpga_result open_child(struct family *f, struct child *child, int flags)
{
	struct candidate *c;

	while ((c = nearest(f, child->guid))) {
		fpga_result r = open_candidate(f->parent, c, flags, &child->id);

		c->held = r == FPGA_BUSY;
		if (!c->held)
			return r;
	}
	return any_held(f, child->guid) ? FPGA_BUSY : FPGA_NOT_FOUND;
}

static fpga_result cannot_open(fpga_result r, const struct child *c)
{
	const uint8_t *g = c->guid;

	if (r == FPGA_NO_MEMORY)
		return fail(r, "fpgaOpen: no memory for the accelerator's children");
	return fail(r,
		    "fpgaOpen: the accelerator's child %02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		    "%02x%02x%02x%02x%02x%02x %s", g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7],
		    g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15],
		    r == FPGA_NOT_FOUND ? "is not on its card" :
		    r == FPGA_BUSY	? "is held by somebody" :
					  "cannot be opened");
}

fpga_result children_open(struct wrapped_handle *w, int flags)
{
	struct children *c = calloc(1, sizeof(*c));
	struct family f = { .parent = w };
	fpga_result r;

	if (!c)
		return fail(FPGA_NO_MEMORY, "fpgaOpen: no memory");
	read_declared(w, c);
	detail_clear();
	if (!c->num) {
		free(c);
		return FPGA_OK;
	}
	w->children = c;
	r = family_read(&f);
	for (uint32_t i = 0; i < c->num && r == FPGA_OK; i++) {
		r = open_child(&f, &c->list[i], flags);
		if (r != FPGA_OK)
			cannot_open(r, &c->list[i]);
	}
	family_free(&f);
	if (r != FPGA_OK)
		children_close(w);
	return r;
}

/* fpgaFinalize may have closed some already. */
void children_close(struct wrapped_handle *w)
{
	for (uint32_t i = 0; w->children && i < w->children->num; i++) {
		void *id = w->children->list[i].id;
		struct wrapped_handle *child = NULL;

		pthread_mutex_lock(&handles.lock);
		if (id)
			child = id_remove_locked(&handles, id);
		pthread_mutex_unlock(&handles.lock);
		if (child)
			handle_close_entered(id, child);
	}
	free(w->children);
	w->children = NULL;
}

uint32_t children_list(const struct wrapped_handle *w, fpga_handle *ids, uint32_t max)
{
	uint32_t n = w->children ? w->children->num : 0;

	for (uint32_t i = 0; i < n && i < max; i++)
		ids[i] = w->children->list[i].id;
	return n;
}

/* ---- buffers ---- */

struct shared_buffer {
	void *at;
	uint64_t len, io;
};

static fpga_result pin_one(const struct child *c, const struct shared_buffer *b, bool pin)
{
	struct wrapped_handle *w = handle_enter(c->id);
	fpga_result r;

	if (!w)
		return fail(FPGA_INVALID_PARAM, "a child of the accelerator was closed");
	r = pin ? w->table->pin_buffer(w->plugin, b->at, b->len, b->io) :
		  w->table->unpin_buffer(w->plugin, b->at, b->len, b->io);
	handle_leave();
	return r;
}

static fpga_result find_buffer(const struct wrapped_handle *w, uint64_t wsid,
			       struct shared_buffer *ret)
{
	return w->table->get_ws_info(w->plugin, wsid, &ret->io, &ret->at, &ret->len);
}

fpga_result children_pin(const struct wrapped_handle *w, uint64_t wsid)
{
	struct shared_buffer b;
	fpga_result r;

	if (!w->children)
		return FPGA_OK;
	r = find_buffer(w, wsid, &b);
	for (uint32_t i = 0; i < w->children->num && r == FPGA_OK; i++) {
		r = pin_one(&w->children->list[i], &b, true);
		while (r != FPGA_OK && i > 0)
			pin_one(&w->children->list[--i], &b, false);
	}
	return detail_finish(r, "fpgaPrepareBuffer", w->adapter->name);
}

void children_unpin(const struct wrapped_handle *w, uint64_t wsid)
{
	struct shared_buffer b;

	if (!w->children || find_buffer(w, wsid, &b) != FPGA_OK)
		return;
	for (uint32_t i = 0; i < w->children->num; i++)
		pin_one(&w->children->list[i], &b, false);
}

fpga_result children_bind_sva(const struct wrapped_handle *w)
{
	fpga_result r = FPGA_OK;

	for (uint32_t i = 0; w->children && i < w->children->num && r == FPGA_OK; i++) {
		struct wrapped_handle *child = handle_enter(w->children->list[i].id);

		if (!child)
			continue;
		r = detail_finish(child->table->fpgaBindSVA(child->plugin, NULL), "fpgaBindSVA",
				  child->adapter->name);
		handle_leave();
	}
	return r;
}
