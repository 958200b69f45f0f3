/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/card/plugin-host.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"

char detail[512];
opae_api_adapter_table table;
static const struct sys_ops *seam;

static void host_vlog(int level, const char *plugin, const char *fmt, va_list ap)
{
	(void)level;
	(void)plugin;
	(void)fmt;
	(void)ap;
}

static void host_vdetail(const char *fmt, va_list ap)
{
	vsnprintf(detail, sizeof(detail), fmt, ap);
}

static fpga_result host_props_new(fpga_properties *ret)
{
	*ret = calloc(1, sizeof(struct opae_props));
	return *ret ? FPGA_OK : FPGA_NO_MEMORY;
}

static fpga_result host_props_write(fpga_properties prop, const struct opae_props *values)
{
	memcpy(prop, values, sizeof(*values));
	return FPGA_OK;
}

static fpga_result host_props_read(fpga_properties prop, struct opae_props *values)
{
	memcpy(values, prop, sizeof(*values));
	return FPGA_OK;
}

static const void *host_find(const char *name, uint32_t version)
{
	return !strcmp(name, "sys") && version == SYS_OPS_VERSION ? seam : NULL;
}

static const struct opae_host host = {
	.size = sizeof(host),
	.vlog = host_vlog,
	.vdetail = host_vdetail,
	.props_new = host_props_new,
	.props_write = host_props_write,
	.props_read = host_props_read,
	.find = host_find,
};

void plugin_up(const char *configuration, const struct sys_ops *ops)
{
	int (*configure)(opae_api_adapter_table *, const char *);
	void *lib = dlopen(getenv("OPAE_TEST_PLUGIN"), RTLD_NOW | RTLD_LOCAL);
	void *at = lib ? dlsym(lib, "opae_plugin_configure") : NULL;

	if (!at)
		fail_msg("%s", dlerror());
	seam = ops;
	memcpy(&configure, &at, sizeof(at));
	table = (opae_api_adapter_table){ .size = sizeof(table),
					  .abi_major = OPAE_PLUGIN_ABI_MAJOR,
					  .abi_minor = OPAE_PLUGIN_ABI_MINOR,
					  .host = &host };
	assert_int_equal(configure(&table, configuration), 0);
}
