/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading JSON values for the configuration: each getter says what is wrong with its key and goes on, so that
 * one reading finds every mistake.
 */
#ifndef DAEMON_CONFIG_JSON_H
#define DAEMON_CONFIG_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROBLEMS_MAX 16 /* lines; who made more mistakes sees the rest next time */

struct problems {
	char *text; /* lines, each with its newline; NULL: none */
	size_t count;
	bool no_memory;
};

void problem(struct problems *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* NULL when the text is not JSON, which is then said. */
struct json_object *json_read_text(struct problems *p, const char *text, size_t len);

/* Is it an object? Each key of it that is none of the known (which NULL ends) is a problem. */
bool json_check_keys(struct problems *p, const char *where, struct json_object *o, const char *const *known);

/* Those leave *ret as it is where the key is missing, and say what is wrong where its value is. */
void json_get_bool(struct problems *p, const char *where, struct json_object *o, const char *key, bool *ret);
void json_get_u32(struct problems *p, const char *where, struct json_object *o, const char *key, uint32_t min,
		  uint32_t max, uint32_t *ret);
void json_get_u64(struct problems *p, const char *where, struct json_object *o, const char *key, uint64_t max,
		  uint64_t *ret);
/* Points into o. Text with a NUL in it is a problem. */
void json_get_text(struct problems *p, const char *where, struct json_object *o, const char *key,
		   const char **ret);
/* The array of this key, or NULL; one shorter than min, and one longer than max, is a problem. */
struct json_object *json_get_array(struct problems *p, const char *where, struct json_object *o,
				   const char *key, size_t min, size_t max);
/* The i-th element's text, or NULL and a problem. */
const char *json_text_at(struct problems *p, const char *where, const char *key, struct json_object *array,
			 size_t i);

#endif
