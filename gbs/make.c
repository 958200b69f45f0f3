/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "gbs/gbs-internal.h"

static void add_guid(struct json_object *o, const char *name, const uint8_t guid[16])
{
	char text[UUID_STR_LEN];

	uuid_unparse_lower(guid, text);
	json_object_object_add(o, name, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *name, uint32_t value)
{
	if (value)
		json_object_object_add(o, name, json_object_new_int64(value));
}

static struct json_object *clusters(const struct gbs_recipe *r)
{
	struct json_object *list = json_object_new_array(), *one = json_object_new_object();

	json_object_object_add(one, "name", json_object_new_string(r->name ? r->name : ""));
	json_object_object_add(one, "total-contexts", json_object_new_int(1));
	add_guid(one, "accelerator-type-uuid", r->accelerator);
	json_object_array_add(list, one);
	return list;
}

static struct json_object *metadata(const struct gbs_recipe *r)
{
	struct json_object *top = json_object_new_object(), *image = json_object_new_object();

	json_object_object_add(top, "version", json_object_new_int(1));
	if (r->platform)
		json_object_object_add(top, "platform-name", json_object_new_string(r->platform));
	json_object_object_add(image, "magic-no", json_object_new_int(GBS_MAGIC_NO));
	add_guid(image, "interface-uuid", r->interface_id);
	add_number(image, "clock-frequency-high", r->clock_high);
	add_number(image, "clock-frequency-low", r->clock_low);
	add_number(image, "power", r->power);
	json_object_object_add(image, "accelerator-clusters", clusters(r));
	json_object_object_add(top, "afu-image", image);
	return top;
}

/* What we make, we read: with one byte behind it for a payload. */
static int prove(const uint8_t *head, size_t len, char why[GBS_WHY_MAX])
{
	struct gbs g;
	int rc = gbs_parse(head, len + 1, &g, why);

	if (!rc)
		gbs_done(&g);
	return rc;
}

static int put_together(const char *text, uint8_t **ret, size_t *len, char why[GBS_WHY_MAX])
{
	size_t n = strlen(text);
	uint8_t *head;
	int rc;

	if (n > GBS_METADATA_MAX)
		return gbs_refuse(why, "the metadata would have %zu bytes, and %u are the most", n,
				  GBS_METADATA_MAX);
	head = calloc(1, GBS_HEAD_BYTES + n + 1);
	if (!head)
		return gbs_fail(why, -ENOMEM);
	memcpy(head, gbs_format, sizeof(gbs_format));
	head[16] = (uint8_t)n;
	head[17] = (uint8_t)(n >> 8);
	memcpy(head + GBS_HEAD_BYTES, text, n);
	rc = prove(head, GBS_HEAD_BYTES + n, why);
	if (rc) {
		free(head);
		return rc;
	}
	*ret = head;
	*len = GBS_HEAD_BYTES + n;
	return 0;
}

int gbs_head(const struct gbs_recipe *r, uint8_t **ret, size_t *len, char why[GBS_WHY_MAX])
{
	struct json_object *top = metadata(r);
	const char *text = json_object_to_json_string_ext(top, JSON_C_TO_STRING_PLAIN |
								       JSON_C_TO_STRING_NOSLASHESCAPE);
	int rc = text ? put_together(text, ret, len, why) : gbs_fail(why, -ENOMEM);

	json_object_put(top);
	return rc;
}
