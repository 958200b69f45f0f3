/* SPDX-License-Identifier: BSD-3-Clause */
#include "ase-plugin.h"

#include <stdio.h>

#include "doctor.h"

/* Parsed once, and kept: what is handed out points into it. */
static struct json_object *configuration(void)
{
	static struct json_object *kept;
	struct opaex_plugin p;
	const char *json;
	uint32_t first = 0;

	if (!kept && ase_plugin_next(&first, &p, &json))
		kept = json_tokener_parse(json);
	return kept;
}

static const char *text_of(struct json_object *o)
{
	return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
}

void ase_plugin_config(struct ase_config *ret)
{
	struct json_object *o = configuration(), *socket = NULL, *exec = NULL;

	json_object_object_get_ex(o, "socket", &socket);
	json_object_object_get_ex(o, "exec", &exec);
	if (json_object_is_type(socket, json_type_object))
		socket = json_object_object_get(socket, "path");
	*ret = (struct ase_config){ text_of(socket), text_of(exec) };
}

void ase_plugin_address(char *out, size_t len)
{
	struct json_object *socket = NULL;
	const char *given = NULL;

	json_object_object_get_ex(configuration(), "socket", &socket);
	if (json_object_is_type(socket, json_type_object))
		given = text_of(json_object_object_get(socket, "address"));
	if (!given || !address_normal(given, out, len))
		snprintf(out, len, "%04x:00:00.0", ASE_SEGMENT);
}
