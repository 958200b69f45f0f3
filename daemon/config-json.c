/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/config-json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_DEPTH 32

void problem(struct problems *p, const char *fmt, ...)
{
	char *line = NULL, *all = NULL;
	va_list ap;
	int n;

	if (p->count++ >= PROBLEMS_MAX)
		return;
	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n < 0 || asprintf(&all, "%s%s\n", p->text ? p->text : "", line) < 0) {
		p->no_memory = true;
		all = NULL;
	}
	if (n >= 0)
		free(line);
	if (!all)
		return;
	free(p->text);
	p->text = all;
}

static unsigned int line_of(const char *text, size_t at)
{
	unsigned int line = 1;

	for (size_t i = 0; i < at; i++)
		line += text[i] == '\n';
	return line;
}

struct json_object *json_read_text(struct problems *p, const char *text, size_t len)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH);
	struct json_object *top;
	enum json_tokener_error e;

	if (!tok) {
		p->no_memory = true;
		return NULL;
	}
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	/* One byte more than the text: its NUL tells the parser that a number has ended. */
	top = json_tokener_parse_ex(tok, text, (int)len + 1);
	e = json_tokener_get_error(tok);
	if (e != json_tokener_success) {
		problem(p, "line %u: not JSON: %s", line_of(text, json_tokener_get_parse_end(tok)),
			e == json_tokener_continue ? "it ends too early" : json_tokener_error_desc(e));
		json_object_put(top);
		top = NULL;
	}
	json_tokener_free(tok);
	return top;
}

static bool is_known(const char *key, const char *const *known)
{
	for (; *known; known++)
		if (!strcmp(key, *known))
			return true;
	return false;
}

static void unknown_key(struct problems *p, const char *where, const char *key, const char *const *known)
{
	char list[256] = "";
	size_t used = 0;

	for (; *known && used < sizeof(list); known++) {
		int n = snprintf(list + used, sizeof(list) - used, "%s\"%s\"", used ? ", " : "", *known);

		used += n > 0 ? (size_t)n : 0;
	}
	problem(p, "%s: there is no key \"%.64s\"; the keys are %s", where, key, list);
}

bool json_check_keys(struct problems *p, const char *where, struct json_object *o, const char *const *known)
{
	if (!json_object_is_type(o, json_type_object)) {
		problem(p, "%s: it must be an object, {...}", where);
		return false;
	}
	json_object_object_foreach(o, key, value)
	{
		(void)value;
		if (!is_known(key, known))
			unknown_key(p, where, key, known);
	}
	return true;
}

void json_get_bool(struct problems *p, const char *where, struct json_object *o, const char *key, bool *ret)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v))
		return;
	if (json_object_is_type(v, json_type_boolean))
		*ret = json_object_get_boolean(v);
	else
		problem(p, "%s: \"%s\" must be true or false", where, key);
}

/* JSON knows no unsigned numbers of 64 bits; what is larger than a signed one is no sensible limit. */
void json_get_u64(struct problems *p, const char *where, struct json_object *o, const char *key, uint64_t max,
		  uint64_t *ret)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v))
		return;
	if (json_object_is_type(v, json_type_int) && json_object_get_int64(v) >= 0 &&
	    (uint64_t)json_object_get_int64(v) <= max)
		*ret = (uint64_t)json_object_get_int64(v);
	else
		problem(p, "%s: \"%s\" must be a whole number from 0 to %" PRIu64, where, key, max);
}

void json_get_u32(struct problems *p, const char *where, struct json_object *o, const char *key, uint32_t min,
		  uint32_t max, uint32_t *ret)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v))
		return;
	if (json_object_is_type(v, json_type_int) && json_object_get_int64(v) >= min &&
	    json_object_get_int64(v) <= max)
		*ret = (uint32_t)json_object_get_int64(v);
	else
		problem(p, "%s: \"%s\" must be a whole number from %u to %u", where, key, min, max);
}

static const char *text_of(struct json_object *v)
{
	const char *text;

	if (!json_object_is_type(v, json_type_string))
		return NULL;
	text = json_object_get_string(v);
	return strlen(text) == (size_t)json_object_get_string_len(v) ? text : NULL;
}

void json_get_text(struct problems *p, const char *where, struct json_object *o, const char *key,
		   const char **ret)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v))
		return;
	if (text_of(v))
		*ret = text_of(v);
	else
		problem(p, "%s: \"%s\" must be text, \"...\"", where, key);
}

struct json_object *json_get_array(struct problems *p, const char *where, struct json_object *o,
				   const char *key, size_t min, size_t max)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v))
		return NULL;
	if (!json_object_is_type(v, json_type_array) || json_object_array_length(v) < min) {
		problem(p, "%s: \"%s\" must be a list%s, [...]", where, key,
			min ? " with something in it" : "");
		return NULL;
	}
	if (json_object_array_length(v) > max) {
		problem(p, "%s: \"%s\" has %zu entries; %zu are the limit", where, key,
			(size_t)json_object_array_length(v), max);
		return NULL;
	}
	return v;
}

const char *json_text_at(struct problems *p, const char *where, const char *key, struct json_object *array,
			 size_t i)
{
	const char *text = text_of(json_object_array_get_idx(array, i));

	if (!text)
		problem(p, "%s: \"%s\"[%zu] must be text, \"...\"", where, key, i);
	return text;
}
