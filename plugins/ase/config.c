/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's "configuration" object. */
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugins/ase/ase.h"

/* A register read takes as long as the AFU does, of which there are slow ones on slow machines. */
#define TIMEOUT_MS 30000
#define START_MS 60000
#define END_MS 10000
#define SPIN_US 20

static const char *text_of(struct json_object *o)
{
	return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
}

static fpga_result set_text(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	return *to ? FPGA_OK : say(FPGA_NO_MEMORY, "no memory for the configuration");
}

static fpga_result set_address(struct ase *a, const char *text)
{
	if (pci_parse(text, &a->address))
		return FPGA_OK;
	return say(FPGA_INVALID_PARAM, "\"socket\": \"%s\" is no address; \"0000:5e:00.0\" is", text);
}

/* "/path", or {"path": "/path", "address": "0000:5e:00.0"}. */
static fpga_result set_socket(struct ase *a, struct json_object *o)
{
	const char *path = text_of(o);
	fpga_result r = FPGA_OK;

	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value)
		{
			if (!strcmp(key, "path"))
				path = text_of(value);
			else if (!strcmp(key, "address"))
				r = set_address(a, text_of(value));
			else
				r = say(FPGA_INVALID_PARAM, "\"socket\": \"%s\" is unknown; there are "
							    "\"path\" and \"address\"", key);
			if (r != FPGA_OK)
				return r;
		}
	}
	if (*path != '/')
		return say(FPGA_INVALID_PARAM,
			   "\"socket\": an absolute path, or an object with \"path\", is needed");
	if (strlen(path) >= ASE_SOCKET_MAX)
		return say(FPGA_INVALID_PARAM,
			   "\"socket\": the path has %zu bytes; a socket's has at most %d", strlen(path),
			   ASE_SOCKET_MAX - 1);
	return set_text(&a->socket, path);
}

static fpga_result set_time(const char *key, struct json_object *o, int64_t unit, int64_t min, int64_t max,
			    int64_t *ret)
{
	int64_t v = json_object_get_int64(o);

	if (!json_object_is_type(o, json_type_int) || v < min || v > max)
		return say(FPGA_INVALID_PARAM, "\"%s\" must be %lld to %lld", key, (long long)min,
			   (long long)max);
	*ret = v * unit;
	return FPGA_OK;
}

static fpga_result read_key(struct ase *a, const char *key, struct json_object *value)
{
	if (!strcmp(key, "socket"))
		return set_socket(a, value);
	if (!strcmp(key, "exec"))
		return *text_of(value) ? set_text(&a->exec, text_of(value)) :
					 say(FPGA_INVALID_PARAM, "\"exec\" must be a command");
	if (!strcmp(key, "devices")) /* OPAE's file has its ids; a simulation's are what they are */
		return FPGA_OK;
	if (!strcmp(key, "timeout_ms"))
		return set_time(key, value, NS_PER_MS, 1, 3600000, &a->core.call_ns);
	if (!strcmp(key, "start_ms"))
		return set_time(key, value, NS_PER_MS, 1, 3600000, &a->start_ns);
	if (!strcmp(key, "end_ms"))
		return set_time(key, value, NS_PER_MS, 1, 3600000, &a->end_ns);
	if (!strcmp(key, "spin_us"))
		return set_time(key, value, NS_PER_US, 0, 1000000, &a->core.spin_ns);
	return say(FPGA_INVALID_PARAM,
		   "\"%s\" is unknown; there are \"socket\", \"exec\", \"timeout_ms\", \"start_ms\", "
		   "\"end_ms\" and \"spin_us\"", key);
}

void ase_config_done(struct ase *a)
{
	free(a->socket);
	free(a->exec);
}

fpga_result ase_config_read(const char *json, struct ase *a)
{
	struct json_object *top = json_tokener_parse(json && *json ? json : "{}");
	fpga_result r = FPGA_OK;

	a->core.call_ns = TIMEOUT_MS * NS_PER_MS;
	a->core.spin_ns = SPIN_US * NS_PER_US;
	a->start_ns = START_MS * NS_PER_MS;
	a->end_ns = END_MS * NS_PER_MS;
	a->address.segment = ASE_SEGMENT;
	if (!json_object_is_type(top, json_type_object)) {
		json_object_put(top);
		return say(FPGA_INVALID_PARAM, "\"configuration\" must be a JSON object");
	}
	json_object_object_foreach(top, key, value)
	{
		r = read_key(a, key, value);
		if (r != FPGA_OK)
			break;
	}
	json_object_put(top);
	return r;
}
