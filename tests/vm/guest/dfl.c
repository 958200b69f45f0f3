/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/vm/guest/dfl.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *address(void)
{
	const char *a = getenv("OPAE_TEST_CARD");

	assert_non_null(a);
	return a;
}

void dfl_library(void)
{
	char path[] = "/tmp/opae.cfg.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	dprintf(fd, "{\"configurations\": {\"xfpga\": {\"enabled\": true, \"plugin\": \"libxfpga.so\", "
		    "\"configuration\": {}}}, \"plugins\": [\"xfpga\"]}");
	close(fd);
	assert_int_equal(fpgaInitialize(path), FPGA_OK);
	unlink(path);
}

static fpga_properties filter(void)
{
	unsigned int segment, bus, device, function;
	fpga_properties f = NULL;

	assert_int_equal(sscanf(address(), "%x:%x:%x.%x", &segment, &bus, &device, &function), 4);
	assert_int_equal(fpgaGetProperties(NULL, &f), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetSegment(f, (uint16_t)segment), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetBus(f, (uint8_t)bus), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetDevice(f, (uint8_t)device), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetFunction(f, (uint8_t)function), FPGA_OK);
	return f;
}

fpga_token dfl_token(fpga_objtype type)
{
	fpga_properties f = filter();
	fpga_token list[8] = { NULL };
	uint32_t n = 0;

	assert_int_equal(fpgaPropertiesSetObjectType(f, type), FPGA_OK);
	assert_int_equal(fpgaEnumerate((const fpga_properties *)&f, 1, list, 8, &n), FPGA_OK);
	for (uint32_t i = 1; i < n && i < 8; i++)
		fpgaDestroyToken(&list[i]);
	fpgaDestroyProperties(&f);
	return list[0];
}

fpga_handle dfl_open(fpga_objtype type, int flags)
{
	fpga_token token = dfl_token(type);
	fpga_handle h = NULL;

	assert_non_null(token);
	if (fpgaOpen(token, &h, flags) != FPGA_OK)
		fail_msg("fpgaOpen: %s", opaex_error_detail());
	fpgaDestroyToken(&token);
	return h;
}

uint32_t dfl_count(void)
{
	fpga_properties f = filter();
	uint32_t n = 0;

	assert_int_equal(fpgaEnumerate((const fpga_properties *)&f, 1, NULL, 0, &n), FPGA_OK);
	fpgaDestroyProperties(&f);
	return n;
}

int dfl_run(const char *script)
{
	char command[1024];
	int status;

	assert_true(snprintf(command, sizeof(command), "set -- %s; %s", address(),
			     script) < (int)sizeof(command));
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

char *dfl_path(const char *pattern)
{
	char path[512];
	glob_t found;
	char *copy;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address(), pattern);
	if (glob(path, 0, NULL, &found) || found.gl_pathc != 1)
		fail_msg("%s: no match, or several", path);
	copy = strdup(found.gl_pathv[0]);
	globfree(&found);
	assert_non_null(copy);
	return copy;
}

void dfl_read(const char *pattern, char *out, size_t len)
{
	char *path = dfl_path(pattern);
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	assert_non_null(fgets(out, (int)len, f));
	out[strcspn(out, "\n")] = 0;
	fclose(f);
	free(path);
}
