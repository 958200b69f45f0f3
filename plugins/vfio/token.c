/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugins/vfio/vfio.h"

#define FRESH_NS (100 * NS_PER_MS) /* how long what enumeration saw is taken for the present */

/* Stable across runs: FNV-1a of the path. One device has one object. */
static uint64_t object_id(const struct place *p)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (const char *c = p->path; *c; c++)
		h = (h ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	return h;
}

static void describe(const struct token *t, struct opae_props *v)
{
	const struct facts *f = &t->facts;

	*v = (struct opae_props){
		.valid = OPAE_PROP_OBJTYPE | OPAE_PROP_SEGMENT | OPAE_PROP_BUS | OPAE_PROP_DEVICE |
			 OPAE_PROP_FUNCTION | OPAE_PROP_OBJECT_ID | OPAE_PROP_INTERFACE |
			 OPAE_PROP_STATE | OPAE_PROP_SOCKET_ID,
		.objtype = FPGA_ACCELERATOR,
		.segment = t->place.segment,
		.bus = t->place.bus,
		.device = t->place.device,
		.function = t->place.function,
		.socket_id = 0xff, /* unknown: no NUMA node is near a socket */
		.object_id = object_id(&t->place),
		.interface = FPGA_IFC_VFIO,
		.state = t->state,
	};
	if (!f->known)
		return;
	v->valid |= OPAE_PROP_VENDOR_ID | OPAE_PROP_DEVICE_ID | OPAE_PROP_SUBSYSTEM_VENDOR_ID |
		    OPAE_PROP_SUBSYSTEM_DEVICE_ID | OPAE_PROP_GUID | OPAE_PROP_NUM_MMIO |
		    OPAE_PROP_NUM_INTERRUPTS;
	v->vendor_id = f->vendor;
	v->device_id = f->device;
	v->subsystem_vendor_id = f->subsystem_vendor;
	v->subsystem_device_id = f->subsystem_device;
	memcpy(v->guid, f->guid, sizeof(v->guid));
	v->num_mmio = f->num_mmio;
	v->num_interrupts = f->num_interrupts;
}

static fpga_result new_token(const struct token *from, fpga_token *ret)
{
	struct token *t = malloc(sizeof(*t));

	if (!t)
		return say(FPGA_NO_MEMORY, "no memory for a token");
	*t = *from;
	*ret = t;
	return FPGA_OK;
}

fpga_result vfio_enumerate(void *instance, const fpga_properties *filters, uint32_t num_filters,
			   fpga_token *tokens, uint32_t max_tokens, uint32_t *num_matches)
{
	struct instance *inst = instance;
	struct place *places = NULL;
	fpga_result r = FPGA_OK;
	uint32_t found = 0;
	size_t n = 0;

	(void)filters; /* all are listed: looking is what costs, and it tells what filters ask */
	(void)num_filters;
	if (places_list(inst, &places, &n))
		return say(FPGA_NO_MEMORY, "no memory for the list of sockets");
	for (size_t i = 0; i < n && r == FPGA_OK; i++) {
		struct token t;

		look_at(inst, &places[i], &t);
		if (!look_was_device(&t))
			continue;
		if (found < max_tokens)
			r = new_token(&t, &tokens[found]);
		found += r == FPGA_OK;
	}
	free(places);
	if (r != FPGA_OK) {
		while (found > 0)
			if (--found < max_tokens)
				vfio_destroy_token(&tokens[found]);
		return r;
	}
	*num_matches = found;
	return FPGA_OK;
}

fpga_result vfio_clone_token(fpga_token src, fpga_token *dst)
{
	return new_token(src, dst);
}

fpga_result vfio_destroy_token(fpga_token *token)
{
	free(*token);
	*token = NULL;
	return FPGA_OK;
}

bool vfio_same_token(fpga_token a, fpga_token b)
{
	const struct token *x = a, *y = b;

	return !strcmp(x->place.path, y->place.path);
}

fpga_result vfio_update_properties(fpga_token token, fpga_properties prop)
{
	struct token now = *(const struct token *)token;
	struct opae_props v;

	if (clock_now_ns() - now.looked_at > FRESH_NS)
		now.state = look_state(now.inst, &now.place);
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
