/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Start and end of the library. A program that links the library finds it initialized when main()
 * begins, unless OPAE_EXPLICIT_INITIALIZE is set; then it calls fpgaInitialize itself.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/guard.h"
#include "lib/host.h"
#include "lib/log.h"
#include "lib/parent.h"
#include "lib/pluginmgr.h"
#include "lib/wrapped.h"

fpga_result fpgaInitialize(const char *config_file)
{
	guard_init();
	if (opae_plugin_mgr_initialize(config_file))
		return fail(FPGA_NO_MEMORY, "fpgaInitialize: no memory");
	detail_clear();
	return FPGA_OK;
}

fpga_result fpgaFinalize(void)
{
	int failures;

	wrapped_drop_all();
	parent_drop_all();
	failures = opae_plugin_mgr_finalize_all();
	if (failures)
		return fail(FPGA_EXCEPTION, "fpgaFinalize: %d plugins failed to finalize", failures);
	return FPGA_OK;
}

static pid_t started_in;

__attribute__((constructor(1000))) static void start(void)
{
	started_in = getpid();
	log_open();
	guard_init();
	if (!secure_getenv("OPAE_EXPLICIT_INITIALIZE"))
		fpgaInitialize(NULL);
}

/* A forked child leaves everything alone: it is the parent's, and locks of threads that do not
 * exist in the child may be held. */
__attribute__((destructor)) static void end(void)
{
	if (getpid() != started_in)
		return;
	if (!secure_getenv("OPAE_EXPLICIT_INITIALIZE"))
		fpgaFinalize();
	log_close();
}

const char *opaex_config_path(void)
{
	return opae_plugin_mgr_config_path();
}

const char *opaex_config_problem(void)
{
	return opae_plugin_mgr_config_problem();
}

uint32_t opaex_plugin_count(void)
{
	uint32_t n = 0;

	for (struct adapter *a = opae_plugin_mgr_list(); a; a = a->next)
		n++;
	return n;
}

static struct adapter *nth(uint32_t index)
{
	struct adapter *a = opae_plugin_mgr_list();

	while (a && index--)
		a = a->next;
	return a;
}

const char *opaex_plugin_configuration(uint32_t index)
{
	struct adapter *a = nth(index);

	return a ? a->configuration : "";
}

fpga_result opaex_plugin_get(uint32_t index, struct opaex_plugin *plugin)
{
	static const char *const states[] = { [ADAPTER_READY] = "ready",
					      [ADAPTER_FAILED] = "failed",
					      [ADAPTER_DISABLED] = "disabled" };
	struct adapter *a = nth(index);

	if (!plugin)
		return fail(FPGA_INVALID_PARAM, "opaex_plugin_get: plugin is NULL");
	if (!a)
		return fail(FPGA_NOT_FOUND, "opaex_plugin_get: there is no plugin %u", index);
	*plugin = (struct opaex_plugin){
		.name = a->name,
		.file = a->file ? a->file : "",
		.description = a->info && a->info->description ? a->info->description : "",
		.state = states[a->state],
		.reason = a->reason ? a->reason : "",
		.abi_major = a->info ? a->info->abi_major : 0,
		.abi_minor = a->info ? a->info->abi_minor : 0,
	};
	return FPGA_OK;
}
