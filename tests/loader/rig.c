/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/loader/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/check.h"

static char path[64];

/*
 * The leak checker takes the word before a plugin's thread-local block for glibc 2.19's note of its
 * size whenever the block happens to begin a page, and dies of what it reads there.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "intercept_tls_get_addr=0";
}

static void write_config(const char *const *instances)
{
	FILE *f;
	int fd;

	snprintf(path, sizeof(path), "/tmp/opae-test-cfg.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	fprintf(f, "{\"plugins\": [");
	for (int i = 0; instances[i]; i++)
		fprintf(f, "%s\"%.*s\"", i ? "," : "", (int)strcspn(instances[i], ":"),
			instances[i]);
	fprintf(f, "], \"configurations\": {");
	for (int i = 0; instances[i]; i++) {
		const char *variant = strchr(instances[i], ':') + 1;
		const char *json = strchr(variant, ':') + 1;

		fprintf(f, "%s\"%.*s\": {\"enabled\": true, \"plugin\": \"libodd-%.*s.so\", "
			   "\"configuration\": %s}",
			i ? "," : "", (int)(variant - instances[i] - 1), instances[i],
			(int)(json - variant - 1), variant, *json ? json : "{}");
	}
	fprintf(f, "}}");
	fclose(f);
}

void rig_start(const char *const *instances)
{
	write_config(instances);
	assert_int_equal(fpgaInitialize(path), FPGA_OK);
	assert_string_equal(opaex_config_path(), path);
	unlink(path);
}

void rig_stop(void)
{
	assert_int_equal(fpgaFinalize(), FPGA_OK);
}

struct opaex_plugin rig_row(const char *name)
{
	struct opaex_plugin row = { 0 };

	for (uint32_t i = 0; i < opaex_plugin_count(); i++) {
		assert_int_equal(opaex_plugin_get(i, &row), FPGA_OK);
		if (!strcmp(row.name, name))
			return row;
	}
	fail_msg("there is no row for %s", name);
	return row;
}

uint32_t rig_count(fpga_properties filter)
{
	uint32_t n = 99999;

	assert_int_equal(fpgaEnumerate(filter ? &filter : NULL, filter ? 1 : 0, NULL, 0, &n),
			 FPGA_OK);
	return n;
}

fpga_token rig_token(uint16_t segment, fpga_objtype type, uint32_t n)
{
	fpga_properties filter;
	fpga_token list[16];
	uint32_t found;

	assert_int_equal(fpgaGetProperties(NULL, &filter), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetSegment(filter, segment), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetObjectType(filter, type), FPGA_OK);
	assert_int_equal(fpgaEnumerate(&filter, 1, list, 16, &found), FPGA_OK);
	fpgaDestroyProperties(&filter);
	assert_true(n < found && found <= 16);
	for (uint32_t i = 0; i < found; i++)
		if (i != n)
			assert_int_equal(fpgaDestroyToken(&list[i]), FPGA_OK);
	return list[n];
}
