/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/host.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "lib/log.h"
#include "lib/props.h"

#define DETAIL_MAX 512

static _Thread_local char detail[DETAIL_MAX];
static _Thread_local bool fresh; /* set since the running call began */

static void detail_vset(const char *fmt, va_list ap)
{
	vsnprintf(detail, sizeof(detail), fmt, ap);
	fresh = true;
}

void detail_set(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	detail_vset(fmt, ap);
	va_end(ap);
}

void detail_clear(void)
{
	fresh = false;
}

fpga_result fail(fpga_result r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	detail_vset(fmt, ap);
	va_end(ap);
	fresh = false;
	return r;
}

fpga_result detail_finish(fpga_result r, const char *call, const char *plugin)
{
	if (r != FPGA_OK && !fresh)
		detail_set("%s: plugin %s answered \"%s\" and gave no reason", call, plugin,
			   fpgaErrStr(r));
	fresh = false;
	return r;
}

const char *opaex_error_detail(void)
{
	return detail;
}

static const void *host_find(const char *name, uint32_t version)
{
	if (name && !strcmp(name, "sys") && version == SYS_OPS_VERSION)
		return &sys_kernel;
	return NULL;
}

static const struct opae_host host = {
	.size = sizeof(struct opae_host),
	.vlog = log_plugin,
	.vdetail = detail_vset,
	.props_new = props_new,
	.props_write = props_write,
	.props_read = props_read,
	.find = host_find,
	.props_unset = props_unset,
};

const struct opae_host *lib_host(void)
{
	return &host;
}
