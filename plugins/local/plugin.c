/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The local plugin: accelerators that the kernel's DFL FPGA driver has. The plugin's face: its constant, its
 * table, and how it gives reasons.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/sys.h"
#include "plugins/local/forked.h"
#include "plugins/local/local.h"
#include "plugins/local/watch.h"

#define VISIBLE __attribute__((visibility("default")))

/* The same for every instance, and written once; all else is in the instance. */
static const struct opae_host *host;

static const struct opae_plugin_param params[] = {
	{ "devices", "array of string", "all that the driver has",
	  "cards that are shown: \"0000:b1:00.0\", \"8086:bcce\" or \"8086:bcce:8086:1771\"" },
	{ 0 },
};

extern const struct opae_plugin_info opae_plugin_info;
VISIBLE const struct opae_plugin_info opae_plugin_info = {
	.magic = OPAE_PLUGIN_MAGIC,
	.abi_major = OPAE_PLUGIN_ABI_MAJOR,
	.abi_minor = OPAE_PLUGIN_ABI_MINOR,
	.table_size = sizeof(opae_api_adapter_table),
	.name = "xfpga",
	.description = "local accelerators behind the kernel's DFL FPGA driver",
	.params = params,
};

const struct opae_host *local_host(void)
{
	return host;
}

fpga_result say(fpga_result r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host->vdetail(fmt, ap);
	va_end(ap);
	return r;
}

void debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host->vlog(OPAE_LOG_DEBUG, "xfpga", fmt, ap);
	va_end(ap);
}

fpga_result alive(const struct handle *h, const char *call)
{
	if (!atomic_load_explicit(&h->dead, memory_order_relaxed))
		return FPGA_OK;
	if (h->forked)
		return say(FPGA_EXCEPTION,
			   "%s: %s was opened by process %d, of which this one was forked; open it here as "
			   "well", call, dfl_name(&h->token.dev), (int)h->pid);
	return say(FPGA_EXCEPTION,
		   "%s: %s is gone: the card (%s) was removed, its port released, or its driver unbound; "
		   "close the handle and enumerate again", call, dfl_name(&h->token.dev),
		   h->token.dev.address);
}

fpga_result say_errno(const struct handle *h, int rc, const char *call)
{
	fpga_result r = alive(h, call);

	if (r != FPGA_OK)
		return r;
	return say(err_to_result(rc), "%s: %s: %s", call, dfl_name(&h->token.dev), strerror(-rc));
}

/* The driver's devices are of one kind, whatever they are in. */
static bool supports_device(void *instance, const char *type)
{
	(void)instance;
	return !strcmp(type, "dfl");
}

/* Touches no file: that waits for the first enumeration. */
static int initialize(void *instance)
{
	(void)instance;
	return 0;
}

/* What is still open goes on being watched. */
static int finalize(void *instance)
{
	forked_rest(instance);
	watch_rest(instance);
	return 0;
}

static void fill(opae_api_adapter_table *t)
{
	t->initialize = initialize;
	t->finalize = finalize;
	t->supports_device = supports_device;
	fill_tokens(t);
	fill_handles(t);
	fill_mmio(t);
	fill_buffers(t);
	fill_events(t);
	fill_manage(t);
	fill_reconf(t);
	fill_errors(t);
	fill_objects(t);
	fill_clock(t);
	fill_metrics(t);
}

VISIBLE int opae_plugin_configure(opae_api_adapter_table *table, const char *json)
{
	struct instance *inst;
	fpga_result r;

	if (!host) {
		host = table->host;
		sys_set(host->find("sys", SYS_OPS_VERSION));
	}
	inst = calloc(1, sizeof(*inst));
	if (!inst)
		return (int)say(FPGA_NO_MEMORY, "no memory for the instance");
	r = config_read(inst, json);
	if (r != FPGA_OK) {
		free(inst->rules);
		free(inst);
		return (int)r;
	}
	pthread_mutex_init(&inst->events_lock, NULL);
	pthread_mutex_init(&inst->lock, NULL);
	table->instance = inst;
	fill(table);
	return 0;
}
