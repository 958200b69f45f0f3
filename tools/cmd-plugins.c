/* SPDX-License-Identifier: BSD-3-Clause */
/* opae plugins: which plugins were loaded, which were not and why, and from what configuration. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "opae.h"

static struct json_object *plugin_json(const struct opaex_plugin *p)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(p->name));
	json_object_object_add(o, "file", json_object_new_string(p->file));
	json_object_object_add(o, "description", json_object_new_string(p->description));
	json_object_object_add(o, "state", json_object_new_string(p->state));
	json_object_object_add(o, "reason", json_object_new_string(p->reason));
	json_object_object_add(o, "abi_major", json_u64(p->abi_major));
	json_object_object_add(o, "abi_minor", json_u64(p->abi_minor));
	return o;
}

/* As wide as the longest name. */
static int column(void)
{
	struct opaex_plugin p;
	size_t width = 10;

	for (uint32_t i = 0; opaex_plugin_get(i, &p) == FPGA_OK; i++)
		if (strlen(p.name) > width)
			width = strlen(p.name);
	return width < NAME_MAX ? (int)width : NAME_MAX;
}

/* What one says nothing of, as one that was not loaded of its description, has no line. */
static void print_plugin(const struct opaex_plugin *p, int width)
{
	const char *lines[] = { p->description, p->file, p->reason };
	bool first = true;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (!*lines[i])
			continue;
		printf("%-*s %-9s %s\n", width, first ? p->name : "", first ? p->state : "", lines[i]);
		first = false;
	}
}

int cmd_plugins(int argc, char *argv[])
{
	bool json = argc == 2 && !strcmp(argv[1], "--json");
	struct json_object *array;
	struct opaex_plugin p;

	if (argc > 1 && !json)
		return usage_error("plugins has no argument '%s'", argv[argc - 1]);
	array = json ? json_object_new_array() : NULL;
	if (!json)
		printf("configuration: %s\n", *opaex_config_path() ? opaex_config_path() :
								     "built in");
	if (!json && *opaex_config_problem())
		printf("problem: %s\n", opaex_config_problem());
	for (uint32_t i = 0; opaex_plugin_get(i, &p) == FPGA_OK; i++) {
		if (json)
			json_object_array_add(array, plugin_json(&p));
		else
			print_plugin(&p, column());
	}
	return json ? print_json("plugins", array) : EXIT_OK;
}
