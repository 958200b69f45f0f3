/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/config-cards.h"

#include <stdlib.h>
#include <string.h>

#include "base/ase-find.h"

#define FIRST_SEGMENT 0x8000u /* of a socket without an address, as the plugin counts */
#define SEGMENTS 0x4000u
#define DEPTH_MAX 32

static const char *text_of(struct json_object *o)
{
	return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
}

static bool add(struct json_object *o, size_t segment, struct config_card **list, size_t *n)
{
	struct config_card card = { .address = { .segment = (uint16_t)segment } }, *grown;
	struct json_object *address;
	const char *path = text_of(o);

	if (json_object_is_type(o, json_type_object)) {
		path = text_of(json_object_object_get(o, "path"));
		address = json_object_object_get(o, "address");
		if (address && !pci_parse(text_of(address), &card.address))
			return true;
	}
	if (*path != '/' || strlen(path) >= sizeof(card.path))
		return true;
	memcpy(card.path, path, strlen(path) + 1);
	grown = reallocarray(*list, *n + 1, sizeof(*grown));
	if (!grown)
		return false;
	*list = grown;
	grown[(*n)++] = card;
	return true;
}

static bool walk(struct json_object *o, const char *key, int depth, struct config_card **list, size_t *n)
{
	bool sockets = !strcmp(key, "sockets") && json_object_is_type(o, json_type_array);
	bool fine = true;

	if (depth > DEPTH_MAX)
		return true;
	if (!strcmp(key, "socket")) /* a simulation's */
		return add(o, ASE_SEGMENT, list, n);
	if (json_object_is_type(o, json_type_array))
		for (size_t i = 0; fine && i < json_object_array_length(o) && i < SEGMENTS; i++) {
			struct json_object *each = json_object_array_get_idx(o, i);

			fine = sockets ? add(each, FIRST_SEGMENT + i, list, n) :
					 walk(each, "", depth + 1, list, n);
		}
	if (!json_object_is_type(o, json_type_object))
		return fine;
	json_object_object_foreach(o, name, value)
	{
		fine = fine && walk(value, name, depth + 1, list, n);
	}
	return fine;
}

bool config_cards_add(struct json_object *plugins, struct config_card **ret, size_t *n)
{
	return walk(plugins, "", 0, ret, n);
}
