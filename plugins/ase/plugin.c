/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ASE plugin: an AFU in simulation, driven as v-opae drives a card behind a socket. Its own are where the
 * simulation is, and that it may have to be started.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugins/ase/ase.h"

#define VISIBLE __attribute__((visibility("default")))

static const struct opae_plugin_param params[] = {
	{ "socket", "string or object", "none; OPAE_ASE_SOCKET and ASE_WORKDIR come first",
	  "a simulation that runs: \"/path\" or {\"path\": \"/path\", \"address\": \"0000:5e:00.0\"}" },
	{ "exec", "string", "none; OPAE_ASE_EXEC comes first",
	  "the command that starts one, of which this program then has its own" },
	{ "timeout_ms", "integer", "30000", "how long it may take to answer" },
	{ "start_ms", "integer", "60000", "how long one that was started may take until it speaks" },
	{ "end_ms", "integer", "10000", "how long it has to end by itself after the last close" },
	{ "spin_us", "integer", "20", "how long a wait spins before it sleeps" },
	{ 0 },
};

extern const struct opae_plugin_info opae_plugin_info;
VISIBLE const struct opae_plugin_info opae_plugin_info = {
	.magic = OPAE_PLUGIN_MAGIC,
	.abi_major = OPAE_PLUGIN_ABI_MAJOR,
	.abi_minor = OPAE_PLUGIN_ABI_MINOR,
	.table_size = sizeof(opae_api_adapter_table),
	.name = "ase",
	.description = "an AFU in simulation",
	.params = params,
};

static bool supports_device(void *instance, const char *type)
{
	(void)instance;
	return !strcmp(type, "sim_vfio");
}

static int finalize(void *instance)
{
	struct ase *a = instance;

	spawned_finalize(a);
	core_finalize(&a->core);
	return 0;
}

static int initialize(void *instance)
{
	struct ase *a = instance;

	if (ase_decide(a))
		return (int)say(FPGA_NO_MEMORY, "no memory for the command");
	return core_initialize(&a->core, a->command);
}

static const struct plugin_ways ways = {
	.list = ase_list,
	.open = ase_open,
	.first_word_ns = 5 * NS_PER_S,
	.first_look_ns = 5 * NS_PER_S,
	.look_ns = 2 * NS_PER_S,
	.budget_ns = 60 * NS_PER_S, /* register reads of a simulation that may be large */
};

VISIBLE int opae_plugin_configure(opae_api_adapter_table *table, const char *json)
{
	struct ase *a;
	fpga_result r;

	core_begin(table, "ase");
	a = calloc(1, sizeof(*a));
	if (!a)
		return (int)say(FPGA_NO_MEMORY, "no memory for the instance");
	a->core.ways = &ways;
	pthread_mutex_init(&a->core.lock, NULL);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->moved, NULL);
	r = ase_config_read(json, a);
	if (r != FPGA_OK) {
		ase_config_done(a);
		free(a);
		return (int)r;
	}
	core_fill(table, &a->core);
	table->initialize = initialize;
	table->finalize = finalize;
	table->supports_device = supports_device;
	return 0;
}
