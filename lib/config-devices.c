/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A board has "devices": [{"name": "n6000_pf", "id": ["0x8086", "0xbcce", "*", "*"]}, ...], and each of its
 * plugin entries names those that the module serves.
 */
#include "lib/config-devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANY 0xffffu /* what OPAE takes "*" for */

/* Four numbers as strings; of a subsystem "*" is any. */
static bool read_id(struct json_object *id, unsigned int v[4])
{
	if (!json_object_is_type(id, json_type_array) || json_object_array_length(id) != 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		struct json_object *o = json_object_array_get_idx(id, i);
		const char *text = json_object_is_type(o, json_type_string) ?
					   json_object_get_string(o) : "";
		unsigned long n;
		char *end;

		if (i >= 2 && !strcmp(text, "*")) {
			v[i] = ANY;
			continue;
		}
		n = strtoul(text, &end, 0);
		if (*text < '0' || *text > '9' || *end || n > ANY)
			return false;
		v[i] = (unsigned int)n;
	}
	return true;
}

static struct json_object *find(struct json_object *devices, const char *name)
{
	struct json_object *d, *o;

	for (size_t i = 0; i < json_object_array_length(devices); i++) {
		d = json_object_array_get_idx(devices, i);
		if (json_object_is_type(d, json_type_object) &&
		    json_object_object_get_ex(d, "name", &o) &&
		    json_object_is_type(o, json_type_string) && !strcmp(json_object_get_string(o), name))
			return json_object_object_get(d, "id");
	}
	return NULL;
}

static bool add(struct json_object *list, struct json_object *devices, const char *name, char **problem)
{
	unsigned int v[4];
	char text[24];

	if (!read_id(find(devices, name), v)) {
		if (asprintf(problem,
			     "the device \"%s\" is not among the board's \"devices\" with an \"id\" of four "
			     "strings, like [\"0x8086\", \"0xbcce\", \"*\", \"*\"]", name) < 0)
			*problem = NULL;
		return false;
	}
	if (v[2] == ANY && v[3] == ANY)
		snprintf(text, sizeof(text), "%04x:%04x", v[0], v[1]);
	else
		snprintf(text, sizeof(text), "%04x:%04x:%04x:%04x", v[0], v[1], v[2], v[3]);
	json_object_array_add(list, json_object_new_string(text));
	return true;
}

bool config_add_devices(struct json_object *board, struct json_object *entry,
			struct json_object **list, char **problem)
{
	struct json_object *devices, *names;

	if (!json_object_object_get_ex(board, "devices", &devices) ||
	    !json_object_object_get_ex(entry, "devices", &names) ||
	    !json_object_is_type(devices, json_type_array) ||
	    !json_object_is_type(names, json_type_array))
		return true; /* none are said: the plugin knows itself */
	if (!*list)
		*list = json_object_new_array();
	for (size_t i = 0; i < json_object_array_length(names); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(names, i));

		if (!add(*list, devices, name ? name : "", problem))
			return false;
	}
	return true;
}

char *config_with_devices(const char *configuration, const char *list)
{
	struct json_object *o = json_tokener_parse(configuration);
	char *ret = NULL;

	if (json_object_is_type(o, json_type_object) && !json_object_object_get(o, "devices")) {
		json_object_object_add(o, "devices", json_tokener_parse(list));
		ret = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	}
	json_object_put(o);
	return ret;
}
