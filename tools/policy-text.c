/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules and classes, as a configuration has them and in words. */
#include <stdio.h>
#include <string.h>

#include "policy.h"
#include "wire/ops.h"

static struct json_object *text_json(const char *text)
{
	return json_object_new_string(text);
}

struct json_object *policy_classes_json(uint32_t allow, bool are)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t right = 1; right & WIRE_RIGHTS_ALL; right <<= 1)
		if (!(allow & right) == !are)
			json_object_array_add(list, text_json(wire_right_name(right)));
	return list;
}

void policy_classes_text(uint32_t allow, bool are, char out[POLICY_ALLOW_TEXT_MAX])
{
	size_t used = 0;

	snprintf(out, POLICY_ALLOW_TEXT_MAX, "none");
	for (uint32_t right = 1; right & WIRE_RIGHTS_ALL; right <<= 1)
		if (!(allow & right) == !are && used < POLICY_ALLOW_TEXT_MAX)
			used += (size_t)snprintf(out + used, POLICY_ALLOW_TEXT_MAX - used, "%s%s",
						 used ? ", " : "", wire_right_name(right));
}

struct json_object *policy_rule_json(const struct policy_rule *rule)
{
	struct json_object *o = json_object_new_object(), *see = json_object_new_array(), *allow;
	char text[POLICY_PATTERN_MAX];

	for (uint32_t i = 0; i < rule->num_see; i++) {
		policy_see_text(&rule->see[i], text);
		json_object_array_add(see, text_json(text));
	}
	if (rule->allow == WIRE_RIGHTS_ALL) {
		allow = json_object_new_array();
		json_object_array_add(allow, text_json("*"));
	} else {
		allow = policy_classes_json(rule->allow, true);
	}
	json_object_object_add(o, "principal", text_json(rule->principal));
	json_object_object_add(o, "see", see);
	json_object_object_add(o, "allow", allow);
	return o;
}
