/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * "devices" of the configuration: which of the devices that are bound to vfio-pci are ours. Looking at one
 * opens it and reads its registers, and not everything that is bound there takes that well.
 */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "plugins/vfio/v-opae.h"

#define MAX_DEVICES 0x1000u

static const char *text_of(struct json_object *o)
{
	return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
}

static fpga_result set_which(struct rule *rule, const char *text, size_t i)
{
	if (pci_rule_parse(text, &rule->which))
		return FPGA_OK;
	return say(FPGA_INVALID_PARAM,
		   "\"devices\"[%zu]: \"%s\" is neither an address, like \"0000:b1:00.0\", nor ids, like "
		   "\"8086:bcce\" or \"8086:bcce:8086:1771\"", i, text);
}

static fpga_result set_uuid(const char *key, struct json_object *value, size_t i, bool *has,
			    uint8_t ret[16])
{
	*has = !uuid_parse(text_of(value), ret);
	return *has ? FPGA_OK :
		      say(FPGA_INVALID_PARAM,
			  "\"devices\"[%zu]: \"%s\" must be of the form "
			  "\"d8424dc4-a4a3-c413-f89e-433683f9040b\"", i, key);
}

static fpga_result read_member(struct rule *rule, const char *key, struct json_object *value, size_t i)
{
	if (!strcmp(key, "device"))
		return set_which(rule, text_of(value), i);
	if (!strcmp(key, "guid"))
		return set_uuid(key, value, i, &rule->has_guid, rule->guid);
	if (!strcmp(key, "vf_token"))
		return set_uuid(key, value, i, &rule->has_token, rule->vf_token);
	return say(FPGA_INVALID_PARAM,
		   "\"devices\"[%zu]: \"%s\" is unknown; there are \"device\", \"guid\" and \"vf_token\"", i,
		   key);
}

static fpga_result read_rule(struct rule *rule, struct json_object *o, size_t i)
{
	fpga_result r = FPGA_OK;

	if (json_object_is_type(o, json_type_string))
		return set_which(rule, text_of(o), i);
	if (!json_object_is_type(o, json_type_object) || !json_object_object_get(o, "device"))
		return say(FPGA_INVALID_PARAM,
			   "\"devices\"[%zu]: an address, ids, or an object with \"device\" is needed", i);
	json_object_object_foreach(o, key, value)
	{
		r = read_member(rule, key, value, i);
		if (r != FPGA_OK)
			break;
	}
	return r;
}

fpga_result config_devices(struct v_opae *v, struct json_object *list)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	fpga_result r = FPGA_OK;

	if (!json_object_is_type(list, json_type_array) || n > MAX_DEVICES)
		return say(FPGA_INVALID_PARAM, "\"devices\" must be an array of at most %u", MAX_DEVICES);
	free(v->rules);
	v->rules = calloc(n ? n : 1, sizeof(*v->rules));
	if (!v->rules)
		return say(FPGA_NO_MEMORY, "no memory for %zu devices", n);
	v->num_rules = n;
	v->known_ids = false;
	for (size_t i = 0; i < n && r == FPGA_OK; i++)
		r = read_rule(&v->rules[i], json_object_array_get_idx(list, i), i);
	return r;
}
