/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's "configuration" object. */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugins/vfio/v-opae.h"

#define TIMEOUT_MS 5000
#define SPIN_US 50
#define MAX_SOCKETS 0x4000u
#define FIRST_SEGMENT 0x8000u /* of sockets without an address: no machine has so many */

static bool in_range(struct json_object *o, int64_t min, int64_t max)
{
	return json_object_is_type(o, json_type_int) && json_object_get_int64(o) >= min &&
	       json_object_get_int64(o) <= max;
}

static fpga_result set_path(struct place *p, struct json_object *o, size_t i)
{
	const char *path = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";

	if (*path != '/')
		return say(FPGA_INVALID_PARAM,
			   "\"sockets\"[%zu]: an absolute path, or an object with \"path\", is needed",
			   i);
	if (strlen(path) >= sizeof(p->path))
		return say(FPGA_INVALID_PARAM,
			   "\"sockets\"[%zu]: the path has %zu bytes; a socket's has at most %zu", i,
			   strlen(path), sizeof(p->path) - 1);
	memcpy(p->path, path, strlen(path) + 1);
	return FPGA_OK;
}

static fpga_result read_socket(struct place *p, struct json_object *o, size_t i)
{
	struct json_object *path = o, *address = NULL;
	struct pci_address a;
	const char *text;
	fpga_result r;

	*p = (struct place){ .segment = (uint16_t)(FIRST_SEGMENT + i), .socket_id = 0xff };
	if (json_object_is_type(o, json_type_object)) {
		path = NULL;
		json_object_object_foreach(o, key, value)
		{
			if (!strcmp(key, "path"))
				path = value;
			else if (!strcmp(key, "address"))
				address = value;
			else
				return say(FPGA_INVALID_PARAM,
					   "\"sockets\"[%zu]: \"%s\" is unknown; \"path\" and "
					   "\"address\" are not", i, key);
		}
	}
	r = set_path(p, path, i);
	if (r != FPGA_OK || !address)
		return r;
	text = json_object_is_type(address, json_type_string) ? json_object_get_string(address) : "";
	if (!pci_parse(text, &a))
		return say(FPGA_INVALID_PARAM,
			   "\"sockets\"[%zu]: \"%s\" is no address; \"0000:b1:00.0\" is", i, text);
	place_set_address(p, &a);
	return FPGA_OK;
}

static bool same_address(const struct place *a, const struct place *b)
{
	return a->segment == b->segment && a->bus == b->bus && a->device == b->device &&
	       a->function == b->function;
}

static fpga_result same_twice(const struct v_opae *v)
{
	for (size_t i = 0; i < v->num_places; i++)
		for (size_t j = 0; j < i; j++) {
			const struct place *a = &v->places[i], *b = &v->places[j];

			if (!strcmp(a->path, b->path))
				return say(FPGA_INVALID_PARAM, "\"sockets\": %s is there twice",
					   a->path);
			if (same_address(a, b))
				return say(FPGA_INVALID_PARAM,
					   "\"sockets\": %s and %s have one address, "
					   "%04x:%02x:%02x.%x", b->path, a->path, a->segment,
					   a->bus, a->device, a->function);
		}
	return FPGA_OK;
}

static fpga_result read_sockets(struct v_opae *v, struct json_object *list)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	fpga_result r = FPGA_OK;

	if (!json_object_is_type(list, json_type_array) || n > MAX_SOCKETS)
		return say(FPGA_INVALID_PARAM, "\"sockets\" must be an array of at most %u",
			   MAX_SOCKETS);
	v->places = calloc(n ? n : 1, sizeof(*v->places));
	if (!v->places)
		return say(FPGA_NO_MEMORY, "no memory for %zu sockets", n);
	v->num_places = n;
	v->scans = false;
	for (size_t i = 0; i < n && r == FPGA_OK; i++)
		r = read_socket(&v->places[i], json_object_array_get_idx(list, i), i);
	return r == FPGA_OK ? same_twice(v) : r;
}

static fpga_result read_kernel_way(struct v_opae *v, struct json_object *value)
{
	static const struct {
		const char *name;
		enum vfio_way way;
	} ways[] = { { "auto", VFIO_WAY_ANY }, { "group", VFIO_WAY_GROUP }, { "iommufd", VFIO_WAY_CDEV } };
	const char *text = json_object_is_type(value, json_type_string) ?
				   json_object_get_string(value) : "";

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(text, ways[i].name)) {
			v->kernel_way = ways[i].way;
			return FPGA_OK;
		}
	return say(FPGA_INVALID_PARAM, "\"kernel\" must be \"auto\", \"group\" or \"iommufd\"");
}

static fpga_result read_key(struct v_opae *v, const char *key, struct json_object *value)
{
	if (!strcmp(key, "sockets"))
		return read_sockets(v, value);
	if (!strcmp(key, "devices"))
		return config_devices(v, value);
	if (!strcmp(key, "kernel"))
		return read_kernel_way(v, value);
	if (!strcmp(key, "timeout_ms")) {
		if (!in_range(value, 1, 3600000))
			return say(FPGA_INVALID_PARAM, "\"timeout_ms\" must be 1 to 3600000");
		v->core.call_ns = json_object_get_int64(value) * NS_PER_MS;
		return FPGA_OK;
	}
	if (!strcmp(key, "spin_us")) {
		if (!in_range(value, 0, 1000000))
			return say(FPGA_INVALID_PARAM, "\"spin_us\" must be 0 to 1000000");
		v->core.spin_ns = json_object_get_int64(value) * NS_PER_US;
		return FPGA_OK;
	}
	return say(FPGA_INVALID_PARAM,
		   "\"%s\" is unknown; there are \"sockets\", \"devices\", \"kernel\", \"timeout_ms\" "
		   "and \"spin_us\"", key);
}

fpga_result config_read(const char *json, struct v_opae *v)
{
	struct json_object *top = json_tokener_parse(json && *json ? json : "{}");
	fpga_result r = FPGA_OK;

	v->core.call_ns = TIMEOUT_MS * NS_PER_MS;
	v->core.spin_ns = SPIN_US * NS_PER_US;
	v->scans = v->known_ids = true;
	if (!json_object_is_type(top, json_type_object)) {
		json_object_put(top);
		return say(FPGA_INVALID_PARAM, "\"configuration\" must be a JSON object");
	}
	json_object_object_foreach(top, key, value)
	{
		r = read_key(v, key, value);
		if (r != FPGA_OK)
			break;
	}
	json_object_put(top);
	return r;
}
