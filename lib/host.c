/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/host.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <opae/seam.h>

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

/* What plugins reach the kernel by. */
static const struct sys_ops *_Atomic seam = &sys_kernel;

fpga_result opaex_set_seam(const struct sys_ops *ops, uint32_t version)
{
	if (version != SYS_OPS_VERSION || (ops && ops->size < sizeof(*ops)))
		return fail(FPGA_NOT_SUPPORTED,
			    "opaex_set_seam: the table is of another version of base/sys.h (%u) than this "
			    "library (%u)", version, SYS_OPS_VERSION);
	atomic_store(&seam, ops ? ops : &sys_kernel);
	return FPGA_OK;
}

static const void *host_find(const char *name, uint32_t version)
{
	if (name && !strcmp(name, "sys") && version == SYS_OPS_VERSION)
		return atomic_load(&seam);
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
