/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * v-opae: accelerators that are driven the VFIO way. The plugin's face: its constant, its
 * configuration, its table.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugins/vfio/v-opae.h"

#define VISIBLE __attribute__((visibility("default")))

static const struct opae_plugin_param params[] = {
	{ "sockets", "array of string or object",
	  "the sockets in the emulator directory, see `opae emu`",
	  "vfio-user devices: \"/path\" or {\"path\": \"/path\", \"address\": \"0000:b1:00.0\"}" },
	{ "devices", "array of string or object", "those whose ids are known as FPGAs'",
	  "devices bound to vfio-pci: \"0000:b1:00.0\", \"8086:bcce\" or {\"device\": one of them, \"guid\": "
	  "what all of BAR0 is, \"vf_token\": of its physical function}" },
	{ "kernel", "string", "auto",
	  "how these are reached: \"group\" (a type1 container), \"iommufd\", or \"auto\"" },
	{ "timeout_ms", "integer", "5000", "how long a device may take to answer" },
	{ "spin_us", "integer", "50", "how long a wait spins before it sleeps" },
	{ 0 },
};

extern const struct opae_plugin_info opae_plugin_info;
VISIBLE const struct opae_plugin_info opae_plugin_info = {
	.magic = OPAE_PLUGIN_MAGIC,
	.abi_major = OPAE_PLUGIN_ABI_MAJOR,
	.abi_minor = OPAE_PLUGIN_ABI_MINOR,
	.table_size = sizeof(opae_api_adapter_table),
	.name = "vfio",
	.description = "v-opae: accelerators behind VFIO, and emulated ones behind vfio-user",
	.params = params,
};

static bool supports_device(void *instance, const char *type)
{
	(void)instance;
	return !strcmp(type, "vfio");
}

static int finalize(void *instance)
{
	struct v_opae *v = instance;

	core_finalize(&v->core);
	if (!v->core.cards) { /* what is open still needs its spaces */
		dev_vfio_spaces_done(&v->spaces);
		dev_vfio_spaces_init(&v->spaces);
	}
	return 0;
}

/* Touches no file: that waits for the first enumeration. */
static int initialize(void *instance)
{
	struct v_opae *v = instance;

	return core_initialize(&v->core, false);
}

static int open_place(struct instance *inst, const struct place *p, struct vdev_options *opt, char *why,
		      size_t why_len, struct vdev **ret)
{
	if (p->kernel)
		return kernel_open(v_opae_of(inst), p, opt, why, why_len, ret);
	return way_vfio_user.open(p->path, opt, why, why_len, ret);
}

static const struct plugin_ways ways = {
	.list = places_list,
	.open = open_place,
	.first_word_ns = 2500 * NS_PER_MS, /* programs of other machines wait 3 s for all of this one */
	.first_look_ns = NS_PER_S,
	.look_ns = 200 * NS_PER_MS,
	.budget_ns = 4 * NS_PER_S, /* a machine may be busy */
};

VISIBLE int opae_plugin_configure(opae_api_adapter_table *table, const char *json)
{
	struct v_opae *v;
	fpga_result r;

	core_begin(table, "vfio");
	v = calloc(1, sizeof(*v));
	if (!v)
		return (int)say(FPGA_NO_MEMORY, "no memory for the instance");
	v->core.ways = &ways;
	pthread_mutex_init(&v->core.lock, NULL);
	dev_vfio_spaces_init(&v->spaces);
	r = config_read(json, v);
	if (r != FPGA_OK) {
		free(v->places);
		free(v->rules);
		free(v);
		return (int)r;
	}
	core_fill(table, &v->core);
	table->initialize = initialize;
	table->finalize = finalize;
	table->supports_device = supports_device;
	return 0;
}
