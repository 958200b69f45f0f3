/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The head is judged byte by byte, then the JSON as a whole (syntax, depth, names that stand twice),
 * then each field that is read. json-c keeps the last of several members of one name; as another reader
 * may keep the first, and the two would then load different things, such metadata are refused.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "base/cleanup.h"
#include "gbs/gbs-internal.h"

#define JSON_DEPTH 32
#define CLUSTERS "accelerator-clusters"

/* "XeonFPGA", 0xb7, "GBSv001" */
const uint8_t gbs_format[16] = { 0x58, 0x65, 0x6f, 0x6e, 0x46, 0x50, 0x47, 0x41,
				 0xb7, 0x47, 0x42, 0x53, 0x76, 0x30, 0x30, 0x31 };

int gbs_refuse(char why[GBS_WHY_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, GBS_WHY_MAX, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int gbs_fail(char why[GBS_WHY_MAX], int rc)
{
	gbs_refuse(why, "%s", strerror(-rc));
	return rc;
}

/* ---- fields ---- */

static int wrong_type(char *why, const char *name, struct json_object *o, const char *want)
{
	return gbs_refuse(why, "the metadata's \"%s\" must be %s, and is of type %s", name, want,
			  json_type_to_name(json_object_get_type(o)));
}

/* A member that must be there, of one type. */
static int need(struct json_object *in, const char *name, enum json_type type, struct json_object **ret,
		char *why)
{
	if (!json_object_object_get_ex(in, name, ret))
		return gbs_refuse(why, "the metadata have no \"%s\"", name);
	if (json_object_is_type(*ret, type))
		return 0;
	return wrong_type(why, name, *ret,
			  type == json_type_object ? "an object" :
			  type == json_type_string ? "a text" :
						     "an integer");
}

/* A number that may be missing, which is 0. A fraction is cut off. */
static int read_number(struct json_object *in, const char *name, uint32_t max, uint32_t *ret, char *why)
{
	struct json_object *o;
	double v;

	if (!json_object_object_get_ex(in, name, &o))
		return 0;
	if (!json_object_is_type(o, json_type_int) && !json_object_is_type(o, json_type_double))
		return wrong_type(why, name, o, "a number");
	v = json_object_get_double(o);
	if (!(v >= 0 && v <= max))
		return gbs_refuse(why, "the metadata's \"%s\" must be from 0 to %u", name, max);
	*ret = (uint32_t)v;
	return 0;
}

/* Text that may be missing, and that a terminal may be given. It lives as long as the metadata. */
static int read_text(struct json_object *in, const char *name, const char **ret, char *why)
{
	struct json_object *o;
	const char *text;
	size_t len;

	if (!json_object_object_get_ex(in, name, &o))
		return 0;
	if (!json_object_is_type(o, json_type_string))
		return wrong_type(why, name, o, "a text");
	text = json_object_get_string(o);
	len = (size_t)json_object_get_string_len(o);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return gbs_refuse(why, "the metadata's \"%s\" has the control character 0x%02x",
					  name, (unsigned int)text[i]);
	*ret = text;
	return 0;
}

static int read_guid(struct json_object *in, const char *name, uint8_t ret[16], char *why)
{
	struct json_object *o;
	int rc = need(in, name, json_type_string, &o, why);

	if (rc)
		return rc;
	/* The length too: what stands behind a NUL is text as well. */
	if (json_object_get_string_len(o) != UUID_STR_LEN - 1 || uuid_parse(json_object_get_string(o), ret))
		return gbs_refuse(why, "the metadata's \"%s\" is no GUID of the form "
				       "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx, of hexadecimal digits", name);
	return 0;
}

/* MHz, or the word that a packager should have replaced by them. */
static int read_clock(struct json_object *in, const char *name, struct gbs_clock *ret, char *why)
{
	struct json_object *o;
	int rc;

	if (!json_object_object_get_ex(in, name, &o) || !json_object_is_type(o, json_type_string))
		return read_number(in, name, GBS_CLOCK_MAX, &ret->mhz, why);
	rc = read_text(in, name, &ret->text, why);
	if (!rc && strncmp(ret->text, "auto", 4))
		return gbs_refuse(why, "the metadata's \"%s\" is a text that does not begin with \"auto\"",
				  name);
	return rc;
}

static int read_accelerator(struct json_object *o, struct gbs_accelerator *ret, char *why)
{
	int rc;

	if (!json_object_is_type(o, json_type_object))
		return wrong_type(why, CLUSTERS, o, "an array of objects");
	ret->name = "";
	rc = read_guid(o, "accelerator-type-uuid", ret->guid, why);
	if (!rc)
		rc = read_text(o, "name", &ret->name, why);
	return rc ? rc : read_number(o, "total-contexts", UINT32_MAX, &ret->contexts, why);
}

static int read_accelerators(struct json_object *image, struct gbs *g, char *why)
{
	struct json_object *list;
	int rc = 0;
	size_t n;

	if (!json_object_object_get_ex(image, CLUSTERS, &list))
		return 0;
	if (!json_object_is_type(list, json_type_array))
		return wrong_type(why, CLUSTERS, list, "an array");
	n = json_object_array_length(list);
	g->accelerators = n ? calloc(n, sizeof(*g->accelerators)) : NULL;
	if (n && !g->accelerators)
		return gbs_fail(why, -ENOMEM);
	for (size_t i = 0; !rc && i < n; i++)
		rc = read_accelerator(json_object_array_get_idx(list, i), &g->accelerators[i], why);
	g->num_accelerators = n;
	return rc;
}

static int read_magic(struct json_object *image, char *why)
{
	struct json_object *o;
	int rc = need(image, "magic-no", json_type_int, &o, why);

	if (rc || json_object_get_int64(o) == GBS_MAGIC_NO)
		return rc;
	return gbs_refuse(why, "the metadata's \"magic-no\" is %s, and must be %d",
			  json_object_get_string(o), GBS_MAGIC_NO);
}

static int read_image(struct json_object *image, struct gbs *g, char *why)
{
	int rc = read_magic(image, why);

	if (!rc)
		rc = read_guid(image, "interface-uuid", g->interface_id, why);
	if (!rc)
		rc = read_accelerators(image, g, why);
	if (!rc)
		rc = read_clock(image, "clock-frequency-high", &g->clock_high, why);
	if (!rc)
		rc = read_clock(image, "clock-frequency-low", &g->clock_low, why);
	return rc ? rc : read_number(image, "power", GBS_POWER_MAX, &g->power, why);
}

static int read_fields(struct gbs *g, char *why)
{
	struct json_object *image;
	int rc;

	if (!json_object_is_type(g->metadata, json_type_object))
		return gbs_refuse(why, "byte %u: the metadata are of type %s, and must be one object",
				  GBS_HEAD_BYTES, json_type_to_name(json_object_get_type(g->metadata)));
	rc = need(g->metadata, "afu-image", json_type_object, &image, why);
	if (!rc)
		rc = read_image(image, g, why);
	if (!rc)
		rc = read_text(g->metadata, "platform-name", &g->platform, why);
	return rc ? rc : read_number(g->metadata, "version", UINT32_MAX, &g->version, why);
}

/* ---- the JSON as a whole ---- */

static size_t count_members(struct json_object *o)
{
	size_t n = 0;

	if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			n += count_members(json_object_array_get_idx(o, i));
	} else if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, name, value) {
			(void)name;
			n += 1 + count_members(value);
		}
	}
	return n;
}

/*
 * How many members the text has: in JSON there is one colon outside strings for each. json-c takes strings
 * in apostrophes too, which JSON does not know, and which would hide colons here.
 */
static int count_colons(const char *text, size_t *ret, char *why)
{
	bool inside = false;
	size_t n = 0;

	for (const char *at = text; *at; at++) {
		if (*at == '"')
			inside = !inside;
		else if (inside)
			at += *at == '\\' && at[1];
		else if (*at == '\'')
			return gbs_refuse(why,
					  "byte %zu: the metadata are no JSON: no string is in apostrophes",
					  GBS_HEAD_BYTES + (size_t)(at - text));
		else
			n += *at == ':';
	}
	*ret = n;
	return 0;
}

/* `text` has a NUL behind its len bytes, which tells the parser that a number has ended. */
static int parse_json(const char *text, size_t len, struct json_object **ret, char *why)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH);
	struct json_object *top;
	enum json_tokener_error e;
	size_t end;

	if (!tok)
		return gbs_fail(why, -ENOMEM);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	top = json_tokener_parse_ex(tok, text, (int)len + 1);
	e = json_tokener_get_error(tok);
	end = json_tokener_get_parse_end(tok);
	json_tokener_free(tok);
	if (e == json_tokener_success) {
		*ret = top;
		return 0;
	}
	json_object_put(top);
	return gbs_refuse(why, "byte %zu: the metadata are no JSON: %s", GBS_HEAD_BYTES + end,
			  e == json_tokener_continue || end >= len ? "they end too early" :
								     json_tokener_error_desc(e));
}

static int read_metadata(const uint8_t *at, size_t len, struct gbs *g, char *why)
{
	const uint8_t *nul = memchr(at, 0, len);
	CLEANUP_FREE char *text = NULL;
	size_t colons = 0;
	int rc;

	if (nul)
		return gbs_refuse(why, "byte %zu: the metadata have a NUL in them",
				  GBS_HEAD_BYTES + (size_t)(nul - at));
	text = malloc(len + 1);
	if (!text)
		return gbs_fail(why, -ENOMEM);
	memcpy(text, at, len);
	text[len] = 0;
	rc = count_colons(text, &colons, why);
	if (!rc)
		rc = parse_json(text, len, &g->metadata, why);
	if (!rc && count_members(g->metadata) != colons)
		return gbs_refuse(why, "byte %u: in an object of the metadata two members have one name",
				  GBS_HEAD_BYTES);
	return rc ? rc : read_fields(g, why);
}

/* ---- the head ---- */

static uint32_t le32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Of a file that begins as a GBS does; *ret: how long the metadata are. */
static int read_head(const uint8_t *at, size_t len, size_t *ret, char *why)
{
	size_t n, rest;

	if (len < GBS_HEAD_BYTES)
		return gbs_refuse(why, "the file ends at byte %zu, within the head of %u bytes", len,
				  GBS_HEAD_BYTES);
	if (memcmp(at, gbs_format, sizeof(gbs_format)))
		return gbs_refuse(why, "byte 0: this is no GBS: it does not begin with the format's GUID");
	n = le32(at + sizeof(gbs_format));
	rest = len - GBS_HEAD_BYTES;
	if (n > GBS_METADATA_MAX)
		return gbs_refuse(why, "byte 16: the metadata's length is %zu, and %u is the most", n,
				  GBS_METADATA_MAX);
	if (n > rest)
		return gbs_refuse(why, "byte 16: the metadata's length is %zu, and only %zu bytes follow", n,
				  rest);
	if (n == rest)
		return gbs_refuse(why, "byte %zu: the file ends where the bitstream should begin", len);
	*ret = n;
	return 0;
}

int gbs_parse(const void *data, size_t len, struct gbs *ret, char why[GBS_WHY_MAX])
{
	struct gbs g = { .platform = "" };
	const uint8_t *at = data;
	size_t n = 0;
	int rc = read_head(at, len, &n, why);

	if (rc)
		return rc;
	g.has_metadata = n > 0;
	g.payload = at + GBS_HEAD_BYTES + n;
	g.payload_len = len - GBS_HEAD_BYTES - n;
	if (n)
		rc = read_metadata(at + GBS_HEAD_BYTES, n, &g, why);
	if (rc)
		gbs_done(&g);
	else
		*ret = g;
	return rc;
}

void gbs_done(struct gbs *g)
{
	json_object_put(g->metadata);
	free(g->accelerators);
	*g = (struct gbs){ 0 };
}
