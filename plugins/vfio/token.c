/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "plugins/vfio/card.h"
#include "plugins/vfio/errors.h"
#include "plugins/vfio/look.h"

#define FRESH_NS (5 * NS_PER_MS) /* how long what enumeration saw of others is taken for the present */

/* ---- facts ---- */

struct shared_facts *facts_share(const struct facts *f)
{
	struct shared_facts *s = malloc(sizeof(*s));

	if (!s)
		return NULL;
	atomic_init(&s->refs, 1);
	s->f = *f;
	return s;
}

struct shared_facts *facts_ref(struct shared_facts *s)
{
	if (s)
		atomic_fetch_add(&s->refs, 1);
	return s;
}

void facts_unref(struct shared_facts *s)
{
	if (s && atomic_fetch_sub(&s->refs, 1) == 1)
		free(s);
}

const struct object *token_object(const struct token *t)
{
	return t->facts && t->object < t->facts->f.num_objects ? &t->facts->f.objects[t->object] :
								 NULL;
}

/* ---- properties ---- */

/* Stable across runs: FNV-1a of the path, and of where in the device it is unless it is all of it. */
static uint64_t object_id(const struct token *t)
{
	uint64_t h = hash_text(HASH_START, t->place.path);
	const struct object *o = token_object(t);
	char where[40];

	if (o && !o->head.size && o->type == FPGA_DEVICE)
		return hash_text(h, "/card");
	if (!o || !o->head.size)
		return h;
	snprintf(where, sizeof(where), "/%s%u:%llx", o->type == FPGA_DEVICE ? "fme" : "port",
		 o->head.bar, (unsigned long long)o->head.offset);
	return hash_text(h, where);
}

/* Bits as the original's properties take them from the bitstream id. */
static fpga_version bitstream_version(uint64_t id)
{
	return (fpga_version){ .major = id >> 56 & 0xf, .minor = id >> 52 & 0xf,
			       .patch = id >> 48 & 0xf };
}

static void describe_object(const struct object *o, struct opae_props *v)
{
	static const fpga_guid none;
	const struct error_register *errors;

	v->objtype = o->type;
	v->num_errors = errors_of(o, &errors);
	if (v->num_errors)
		v->valid |= OPAE_PROP_NUM_ERRORS;
	if (o->type == FPGA_ACCELERATOR || memcmp(o->guid, none, sizeof(none)))
		v->valid |= OPAE_PROP_GUID;
	memcpy(v->guid, o->guid, sizeof(v->guid));
	if (o->type == FPGA_DEVICE) {
		v->valid &= ~(uint32_t)OPAE_PROP_STATE;
		v->valid |= OPAE_PROP_NUM_SLOTS | OPAE_PROP_BBS_ID | OPAE_PROP_BBS_VERSION;
		v->num_slots = o->num_slots;
		v->bbs_id = o->bitstream_id;
		v->bbs_version = bitstream_version(o->bitstream_id);
		return;
	}
	v->valid |= OPAE_PROP_NUM_MMIO | OPAE_PROP_NUM_INTERRUPTS;
	v->num_mmio = o->num_mmio;
	v->num_interrupts = o->num_interrupts;
}

static void describe(const struct token *t, struct opae_props *v)
{
	const struct object *o = token_object(t);

	*v = (struct opae_props){
		.valid = OPAE_PROP_OBJTYPE | OPAE_PROP_SEGMENT | OPAE_PROP_BUS | OPAE_PROP_DEVICE |
			 OPAE_PROP_FUNCTION | OPAE_PROP_OBJECT_ID | OPAE_PROP_INTERFACE |
			 OPAE_PROP_STATE | OPAE_PROP_SOCKET_ID,
		.objtype = FPGA_ACCELERATOR,
		.segment = t->place.segment,
		.bus = t->place.bus,
		.device = t->place.device,
		.function = t->place.function,
		.socket_id = t->place.socket_id,
		.object_id = object_id(t),
		.interface = t->place.simulated ? FPGA_IFC_SIM_VFIO : FPGA_IFC_VFIO,
		.state = t->held || card_object_held(t->inst, t->place.path, t->object) ?
				 FPGA_ACCELERATOR_ASSIGNED :
				 FPGA_ACCELERATOR_UNASSIGNED,
	};
	if (!o)
		return;
	v->valid |= OPAE_PROP_VENDOR_ID | OPAE_PROP_DEVICE_ID | OPAE_PROP_SUBSYSTEM_VENDOR_ID |
		    OPAE_PROP_SUBSYSTEM_DEVICE_ID;
	v->vendor_id = t->facts->f.vendor;
	v->device_id = t->facts->f.device;
	v->subsystem_vendor_id = t->facts->f.subsystem_vendor;
	v->subsystem_device_id = t->facts->f.subsystem_device;
	describe_object(o, v);
}

fpga_result vfio_update_properties(fpga_token token, fpga_properties prop)
{
	struct token now = *(const struct token *)token;
	struct opae_props v;

	if (clock_now_ns() - now.looked_at > FRESH_NS) {
		struct look l = { .place = &now.place };

		look_at(now.inst, &l, 1);
		now.held = l.held;
		facts_unref(l.facts);
	}
	describe(&now, &v);
	return vfio_host()->props_write(prop, &v);
}

fpga_result vfio_get_properties(fpga_token token, fpga_properties *prop)
{
	fpga_result r = vfio_host()->props_new(prop);

	return r == FPGA_OK ? vfio_update_properties(token, *prop) : r;
}

fpga_result vfio_properties_from_handle(fpga_handle handle, fpga_properties *prop)
{
	const struct handle *h = handle;
	struct opae_props v;
	fpga_result r = vfio_host()->props_new(prop);

	if (r != FPGA_OK)
		return r;
	describe(&h->token, &v);
	return vfio_host()->props_write(*prop, &v);
}

/* ---- tokens ---- */

static fpga_result new_token(const struct token *from, fpga_token *ret)
{
	struct token *t = malloc(sizeof(*t));

	if (!t)
		return say(FPGA_NO_MEMORY, "no memory for a token");
	*t = *from;
	facts_ref(t->facts);
	*ret = t;
	return FPGA_OK;
}

struct listing {
	struct instance *inst;
	fpga_token *tokens;
	uint32_t max, found;
	int64_t now;
};

/* A token for each object; of a device of which nothing is known, one for what may be in it. */
static fpga_result list_device(struct listing *g, const struct look *l)
{
	uint32_t n = l->facts ? l->facts->f.num_objects : 1;

	for (uint32_t i = 0; i < n; i++, g->found++) {
		const struct token t = { .inst = g->inst,
					 .place = *l->place,
					 .facts = l->facts,
					 .object = i,
					 .held = l->held,
					 .looked_at = g->now };

		if (g->found >= g->max)
			continue;
		if (new_token(&t, &g->tokens[g->found]) != FPGA_OK)
			return FPGA_NO_MEMORY;
	}
	return FPGA_OK;
}

/* Filters do not find them, and a program is to hear why not. */
static void tell_unknown(const struct look *looks, size_t n)
{
	unsigned int there = 0, unknown = 0;
	char text[512] = "";
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		there += looks[i].there;
		if (!looks[i].there || looks[i].facts)
			continue;
		unknown++;
		if (len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s: %s", len ? "; " : "",
						looks[i].place->path, looks[i].why);
	}
	if (unknown)
		say(FPGA_OK, "%u of %u devices did not tell what is in them: %s", unknown, there, text);
}

static fpga_result list_all(struct listing *g, const struct place *places, size_t n)
{
	struct look *looks = calloc(n + 1, sizeof(*looks));
	fpga_result r = looks ? FPGA_OK : FPGA_NO_MEMORY;

	for (size_t i = 0; looks && i < n; i++)
		looks[i].place = &places[i];
	if (looks)
		look_at(g->inst, looks, n);
	g->now = clock_now_ns();
	if (looks)
		tell_unknown(looks, n);
	for (size_t i = 0; looks && i < n; i++) {
		if (looks[i].there && r == FPGA_OK)
			r = list_device(g, &looks[i]);
		facts_unref(looks[i].facts);
	}
	free(looks);
	return r;
}

fpga_result vfio_enumerate(void *instance, const fpga_properties *filters, uint32_t num_filters,
			   fpga_token *tokens, uint32_t max_tokens, uint32_t *num_matches)
{
	struct listing g = { .inst = instance, .tokens = tokens, .max = max_tokens };
	struct place *places = NULL;
	fpga_result r;
	size_t n = 0;

	(void)filters; /* all are listed: looking is what costs, and it tells what filters ask */
	(void)num_filters;
	if (g.inst->ways->list(g.inst, &places, &n))
		return say(FPGA_NO_MEMORY, "no memory for the list of sockets");
	r = list_all(&g, places, n);
	free(places);
	if (r != FPGA_OK) {
		while (g.found > 0)
			if (--g.found < max_tokens)
				vfio_destroy_token(&tokens[g.found]);
		return say(r, "no memory for the list of devices");
	}
	*num_matches = g.found;
	return FPGA_OK;
}

fpga_result vfio_clone_token(fpga_token src, fpga_token *dst)
{
	return new_token(src, dst);
}

fpga_result vfio_destroy_token(fpga_token *token)
{
	struct token *t = *token;

	if (t)
		facts_unref(t->facts);
	free(t);
	*token = NULL;
	return FPGA_OK;
}

bool vfio_same_token(fpga_token a, fpga_token b)
{
	const struct token *x = a, *y = b;

	return !strcmp(x->place.path, y->place.path) && object_id(x) == object_id(y);
}

/* ---- parents ---- */

static bool find_device(const struct token *of, const struct place *p, struct shared_facts *facts,
			struct token *ret)
{
	for (uint32_t i = 0; facts && i < facts->f.num_objects; i++)
		if (facts->f.objects[i].type == FPGA_DEVICE) {
			*ret = *of;
			ret->place = *p;
			ret->facts = facts;
			ret->object = i;
			ret->looked_at = 0;
			return true;
		}
	return false;
}

/* A physical function says so; several functions of one device may be at any of its numbers. */
static bool may_be_parent(const struct place *p, const struct place *of, const char *physfn)
{
	if (*physfn && p->kernel)
		return !strcmp(p->path, physfn);
	return p->segment == of->segment && p->bus == of->bus && p->device == of->device &&
	       p->function != of->function;
}

/*
 * The FPGA_DEVICE of the same device, or of another function of it: of a virtual function it is in
 * the physical one. Addresses of one instance's devices are unique, so they tell.
 */
fpga_result vfio_parent_of(fpga_token token, fpga_token *parent)
{
	const struct token *t = token;
	const struct object *o = token_object(t);
	struct place *places = NULL;
	struct token found;
	fpga_result r = FPGA_NOT_FOUND;
	struct pci_info info = { 0 };
	size_t n = 0;

	if (o && o->type == FPGA_DEVICE)
		return say(FPGA_NOT_FOUND, "an FPGA_DEVICE has no parent");
	if (find_device(t, &t->place, t->facts, &found))
		return new_token(&found, parent);
	if (t->inst->ways->list(t->inst, &places, &n))
		return say(FPGA_NO_MEMORY, "no memory for the list of devices");
	if (t->place.kernel && pci_read(t->place.path, &info))
		*info.physfn = 0;
	for (size_t i = 0; i < n && r == FPGA_NOT_FOUND; i++) {
		struct look l = { .place = &places[i] };

		if (!may_be_parent(&places[i], &t->place, info.physfn))
			continue;
		look_at(t->inst, &l, 1);
		if (l.there && find_device(t, &places[i], l.facts, &found))
			r = new_token(&found, parent);
		facts_unref(l.facts);
	}
	free(places);
	return r == FPGA_NOT_FOUND ? say(r, "there is no FPGA_DEVICE of this accelerator") : r;
}
