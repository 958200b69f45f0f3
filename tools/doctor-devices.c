/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the configuration of v-opae says of PCI devices: "devices" tells which are ours, "kernel" by which
 * nodes they are opened. Of several plugins that would serve a device one is enough.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"

#define ANY_ID 0xffffu /* nobody's id: in an entry of "devices" it stands for any subsystem */
#define NAMES_MAX 160

static bool id_fits(unsigned int wanted, uint16_t is)
{
	return wanted == is || wanted == ANY_ID;
}

/* "0000:b1:00.0", "vvvv:dddd" or "vvvv:dddd:vvvv:dddd". */
static bool text_fits(const char *text, const char *address, const struct pci_id *id)
{
	char normal[PCI_ADDRESS_LEN];
	struct pci_address a;
	unsigned int v[4];
	int n;

	if (pci_parse(text, &a)) {
		pci_format(&a, normal);
		return !strcmp(normal, address);
	}
	n = sscanf(text, "%4x:%4x:%4x:%4x", &v[0], &v[1], &v[2], &v[3]);
	return n >= 2 && v[0] == id->vendor && v[1] == id->device &&
	       (n < 4 || (id_fits(v[2], id->subsystem_vendor) && id_fits(v[3], id->subsystem_device)));
}

/* Which device an entry names: it is a text, or has one. */
static const char *entry_text(struct json_object *entry)
{
	struct json_object *o = entry;

	if (json_object_is_type(entry, json_type_object))
		o = json_object_object_get(entry, "device");
	return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
}

static struct json_object *devices_of(struct json_object *configuration)
{
	struct json_object *list;

	return json_object_object_get_ex(configuration, "devices", &list) &&
	       json_object_is_type(list, json_type_array) ? list : NULL;
}

/* The first entry that fits, as the plugin takes it; NULL: none. */
static struct json_object *find_entry(struct json_object *list, const char *address, const struct pci_id *id)
{
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);

		if (text_fits(entry_text(entry), address, id))
			return entry;
	}
	return NULL;
}

static void add_way(struct doctor_said *said, struct json_object *configuration)
{
	struct json_object *o = json_object_object_get(configuration, "kernel");
	const char *way = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "auto";

	said->by_group |= strcmp(way, "iommufd") != 0;
	said->by_device |= strcmp(way, "group") != 0;
}

static void read_one(struct doctor_said *said, const char *json, const char *address, const struct pci_id *id)
{
	struct json_object *o = json_tokener_parse(json), *list = devices_of(o);
	struct json_object *entry = find_entry(list, address, id);
	bool exact;

	if (entry || (!list && pci_fpga_name(id, &exact))) {
		said->served = true;
		said->named |= entry != NULL;
		said->has_guid |= json_object_is_type(entry, json_type_object) &&
				  json_object_object_get_ex(entry, "guid", NULL);
		add_way(said, o);
	}
	json_object_put(o);
}

struct doctor_said doctor_said_of(const char *address, const struct pci_id *id)
{
	struct doctor_said said = { 0 };
	struct opaex_plugin p;
	const char *json;

	for (uint32_t i = 0; vfio_plugin_next(&i, &p, &json);)
		said.ready |= !strcmp(p.state, "ready");
	for (uint32_t i = 0; vfio_plugin_next(&i, &p, &json);)
		if (!said.ready || !strcmp(p.state, "ready"))
			read_one(&said, json, address, id);
	if (!said.served)
		said.by_group = said.by_device = true;
	return said;
}

/* ---- entries of no use ---- */

static bool fits_any(const char *text, char (*const all)[PCI_ADDRESS_LEN], size_t n)
{
	struct pci_id id;

	for (size_t i = 0; i < n; i++)
		if (!pci_read_id(all[i], &id) && text_fits(text, all[i], &id))
			return true;
	return false;
}

static void note_entries(struct subject *s, const struct opaex_plugin *p, struct json_object *list,
			 char (*const all)[PCI_ADDRESS_LEN], size_t n)
{
	size_t count = list ? json_object_array_length(list) : 0, unused = 0, used = 0;
	char names[NAMES_MAX] = "";

	for (size_t i = 0; i < count; i++) {
		const char *text = entry_text(json_object_array_get_idx(list, i));

		if (fits_any(text, all, n))
			continue;
		unused++;
		if (used + strlen(text) + sizeof(", \"\", ...") > sizeof(names))
			continue;
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s\"%s\"",
					 used ? ", " : "", text);
	}
	if (unused)
		step_note(s, "devices", "%zu of the %zu in \"devices\" of \"%s\" %s no PCI device that is "
					"there: %s", unused, count, p->name, unused == 1 ? "fits" : "fit",
			  names);
}

void doctor_note_devices(struct subject *s)
{
	char(*all)[PCI_ADDRESS_LEN];
	size_t n = doctor_pci_list(&all);
	struct opaex_plugin p;
	const char *json;

	for (uint32_t i = 0; vfio_plugin_next(&i, &p, &json);) {
		struct json_object *o = json_tokener_parse(json);

		note_entries(s, &p, devices_of(o), all, n);
		json_object_put(o);
	}
	free(all);
}
