/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of `opae policy` share. */
#ifndef TOOLS_POLICY_H
#define TOOLS_POLICY_H

#include <json-c/json.h>

#include "daemon/config.h"
#include "opae.h"

#define POLICY_ALLOW_TEXT_MAX 96

/* An accelerator or device of this machine. */
struct policy_device {
	struct token_row row;
	struct opae_props props; /* address and GUID, as far as they are known */
};

/* Those that opaed's workers would find here, were they this user's; the caller frees. */
struct policy_device *policy_devices(const struct daemon_config *c, size_t *n);
bool policy_props_address(const char *address, struct opae_props *ret);
bool policy_props_guid(const char *guid, struct opae_props *ret);

/* The rule as a configuration has it; the caller puts it back. */
struct json_object *policy_rule_json(const struct policy_rule *rule);
/* A list of names of classes, those that are in `allow`, or those that are not. */
struct json_object *policy_classes_json(uint32_t allow, bool are);
/* The same in words, "none" when there are none. */
void policy_classes_text(uint32_t allow, bool are, char out[POLICY_ALLOW_TEXT_MAX]);

#endif
