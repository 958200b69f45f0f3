/* SPDX-License-Identifier: BSD-3-Clause */
#include <opae/fpga.h>
#include <stdio.h>
#include <string.h>

#include "lib/host.h"

/* The version of the OPAE C API that is implemented, not that of this project. */
#define API_MAJOR 2
#define API_MINOR 14
#define API_PATCH 0

fpga_result fpgaGetOPAECVersion(fpga_version *version)
{
	if (!version)
		return fail(FPGA_INVALID_PARAM, "fpgaGetOPAECVersion: version is NULL");
	*version = (fpga_version){ .major = API_MAJOR, .minor = API_MINOR, .patch = API_PATCH };
	return FPGA_OK;
}

static fpga_result copy_text(char *out, size_t len, const char *text, const char *call)
{
	if (!out)
		return fail(FPGA_INVALID_PARAM, "%s: the buffer is NULL", call);
	if (len <= strlen(text) + 1)
		return fail(FPGA_INVALID_PARAM, "%s: %zu bytes are too few, %zu are needed", call,
			    len, strlen(text) + 2);
	memcpy(out, text, strlen(text) + 1);
	return FPGA_OK;
}

fpga_result fpgaGetOPAECVersionString(char *version_str, size_t len)
{
	char text[16];

	snprintf(text, sizeof(text), "%d.%d.%d", API_MAJOR, API_MINOR, API_PATCH);
	return copy_text(version_str, len, text, "fpgaGetOPAECVersionString");
}

fpga_result fpgaGetOPAECBuildString(char *build_str, size_t len)
{
	if (!build_str || !len)
		return fail(FPGA_INVALID_PARAM,
			    "fpgaGetOPAECBuildString: the buffer is NULL or empty");
	snprintf(build_str, len, "%s", OPAE_BUILD);
	return FPGA_OK;
}

const char *fpgaErrStr(fpga_result e)
{
	static const char *const texts[] = {
		[FPGA_OK] = "success",
		[FPGA_INVALID_PARAM] = "invalid parameter",
		[FPGA_BUSY] = "resource busy",
		[FPGA_EXCEPTION] = "exception",
		[FPGA_NOT_FOUND] = "not found",
		[FPGA_NO_MEMORY] = "no memory",
		[FPGA_NOT_SUPPORTED] = "not supported",
		[FPGA_NO_DRIVER] = "no driver available",
		[FPGA_NO_DAEMON] = "no fpga daemon running",
		[FPGA_NO_ACCESS] = "insufficient privileges",
		[FPGA_RECONF_ERROR] = "reconfiguration error",
	};

	if ((unsigned int)e >= sizeof(texts) / sizeof(texts[0]))
		return "unknown error";
	return texts[e];
}
