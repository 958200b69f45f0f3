/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration: which of the cards that the kernel's driver has are this instance's. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/local/local.h"
#include "plugins/local/snapshot.h"

#define MAX_RULES 0x1000u

static fpga_result read_devices(struct instance *inst, struct json_object *list)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	if (!json_object_is_type(list, json_type_array) || n > MAX_RULES)
		return say(FPGA_INVALID_PARAM, "\"devices\" must be an array of at most %u", MAX_RULES);
	inst->rules = calloc(n ? n : 1, sizeof(*inst->rules));
	if (!inst->rules)
		return say(FPGA_NO_MEMORY, "no memory for %zu devices", n);
	inst->num_rules = n;
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		bool text = json_object_is_type(o, json_type_string);

		if (!text || !pci_rule_parse(json_object_get_string(o), &inst->rules[i]))
			return say(FPGA_INVALID_PARAM, "\"devices\"[%zu]: %s is neither an address, like "
				   "\"0000:b1:00.0\", nor ids, like \"8086:bcce\" or "
				   "\"8086:bcce:8086:1771\"", i, json_object_to_json_string(o));
	}
	return FPGA_OK;
}

fpga_result config_read(struct instance *inst, const char *json)
{
	struct json_object *top = json_tokener_parse(json && *json ? json : "{}");
	fpga_result r = FPGA_OK;

	if (!json_object_is_type(top, json_type_object)) {
		r = say(FPGA_INVALID_PARAM, "\"configuration\" must be a JSON object");
	} else {
		json_object_object_foreach(top, key, value)
		{
			r = !strcmp(key, "devices") ?
				    read_devices(inst, value) :
				    say(FPGA_INVALID_PARAM, "\"%s\" is unknown; there is \"devices\"", key);
			if (r != FPGA_OK)
				break;
		}
	}
	json_object_put(top);
	return r;
}

bool config_has(const struct instance *inst, const struct card *card)
{
	struct pci_address a;

	if (!inst->rules)
		return true;
	if (!pci_parse(card->address, &a))
		return false;
	for (size_t i = 0; i < inst->num_rules; i++)
		if ((inst->rules[i].by_address || !card->id_rc) &&
		    pci_rule_fits(&inst->rules[i], &a, &card->id))
			return true;
	return false;
}
