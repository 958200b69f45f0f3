/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/props-host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char host_detail[512];
static const struct sys_ops *seam_in_use;

static void vlog(int level, const char *plugin, const char *fmt, va_list ap)
{
	char line[512];

	(void)level;
	(void)plugin;
	vsnprintf(line, sizeof(line), fmt, ap); /* a bad format is found here */
}

static void vdetail(const char *fmt, va_list ap)
{
	vsnprintf(host_detail, sizeof(host_detail), fmt, ap);
}

static fpga_result props_new(fpga_properties *ret)
{
	*ret = calloc(1, sizeof(struct host_props));
	return *ret ? FPGA_OK : FPGA_NO_MEMORY;
}

static fpga_result props_write(fpga_properties prop, const struct opae_props *values)
{
	struct host_props *p = prop;

	memset(p, 0, sizeof(*p));
	p->v = *values;
	return FPGA_OK;
}

static fpga_result props_read(fpga_properties prop, struct opae_props *values)
{
	*values = ((const struct host_props *)prop)->v;
	return FPGA_OK;
}

static fpga_result props_unset(fpga_properties prop, uint32_t bits, const char *why)
{
	struct host_props *p = prop;
	uint32_t i = p->num++ % OPAE_PROPS_REASONS;

	p->unset |= bits;
	p->bits[i] = bits;
	snprintf(p->why[i], sizeof(p->why[i]), "%s", why);
	return FPGA_OK;
}

const char *props_host_why(const struct host_props *p, uint32_t bit)
{
	for (uint32_t i = 0; i < OPAE_PROPS_REASONS; i++)
		if (p->bits[i] & bit)
			return p->why[i];
	return "";
}

static const void *find(const char *name, uint32_t version)
{
	return !strcmp(name, "sys") && version == SYS_OPS_VERSION ? seam_in_use : NULL;
}

const struct opae_host *props_host(const struct sys_ops *seam)
{
	static const struct opae_host host = {
		.size = sizeof(host),
		.vlog = vlog,
		.vdetail = vdetail,
		.props_new = props_new,
		.props_write = props_write,
		.props_read = props_read,
		.find = find,
		.props_unset = props_unset,
	};

	seam_in_use = seam;
	return &host;
}
