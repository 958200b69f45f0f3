/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "opae.h"

bool ok(fpga_result r, const char *what)
{
	if (r == FPGA_OK)
		return true;
	fprintf(stderr, "opae: %s: %s: %s\n", what, fpgaErrStr(r), opaex_error_detail());
	return false;
}

int usage_error(const char *fmt, ...)
{
	va_list ap;

	fputs("opae: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("; `opae --help` shows how\n", stderr);
	return EXIT_USAGE;
}

bool parse_u64(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	return !errno && end != text && !*end && text[0] != '-';
}

static bool filter_address(fpga_properties filter, const char *text)
{
	unsigned int segment = 0, bus, device, function;
	int used = 0;

	if (sscanf(text, "%x:%x:%x.%x%n", &segment, &bus, &device, &function, &used) != 4 ||
	    text[used]) {
		segment = 0;
		used = 0;
		if (sscanf(text, "%x:%x.%x%n", &bus, &device, &function, &used) != 3 ||
		    text[used])
			return false;
	}
	if (segment > 0xffff || bus > 0xff || device > 0x1f || function > 7)
		return false;
	return ok(fpgaPropertiesSetSegment(filter, (uint16_t)segment), "segment") &&
	       ok(fpgaPropertiesSetBus(filter, (uint8_t)bus), "bus") &&
	       ok(fpgaPropertiesSetDevice(filter, (uint8_t)device), "device") &&
	       ok(fpgaPropertiesSetFunction(filter, (uint8_t)function), "function");
}

bool select_filter(const struct selector *sel, fpga_properties filter)
{
	fpga_guid guid;

	if (sel->type >= 0 &&
	    !ok(fpgaPropertiesSetObjectType(filter, (fpga_objtype)sel->type), "type"))
		return false;
	if (sel->guid) {
		if (uuid_parse(sel->guid, guid)) {
			fprintf(stderr, "opae: '%s' is no GUID\n", sel->guid);
			return false;
		}
		if (!ok(fpgaPropertiesSetGUID(filter, guid), "guid"))
			return false;
	}
	if (sel->address && !filter_address(filter, sel->address)) {
		fprintf(stderr, "opae: '%s' is no PCI address ([ssss:]bb:dd.f) and no GUID\n",
			sel->address);
		return false;
	}
	return true;
}

static bool enumerate(fpga_properties filter, fpga_token **list, uint32_t *n)
{
	uint32_t room = 0, found = 0;
	fpga_token *tokens = NULL;

	/* Devices may come and go between two calls, so ask until all fit. */
	do {
		tokens_free(tokens, found < room ? found : room);
		room = found + 16;
		tokens = calloc(room, sizeof(*tokens));
		if (!tokens || !ok(fpgaEnumerate(&filter, 1, tokens, room, &found), "enumerate")) {
			free(tokens);
			return false;
		}
	} while (found > room);
	*list = tokens;
	*n = found;
	return true;
}

bool tokens_find(const struct selector *sel, fpga_token **list, uint32_t *n)
{
	fpga_properties filter;
	bool good;

	if (!ok(fpgaGetProperties(NULL, &filter), "properties"))
		return false;
	good = select_filter(sel, filter) && enumerate(filter, list, n);
	fpgaDestroyProperties(&filter);
	return good;
}

void tokens_free(fpga_token *list, uint32_t n)
{
	for (uint32_t i = 0; list && i < n; i++)
		fpgaDestroyToken(&list[i]);
	free(list);
}

struct json_object *json_u64(uint64_t v)
{
	return json_object_new_uint64(v);
}

int print_json(const char *key, struct json_object *value)
{
	struct json_object *top = json_object_new_object();

	json_object_object_add(top, "schema", json_object_new_int(OPAE_JSON_SCHEMA));
	json_object_object_add(top, key, value);
	puts(json_object_to_json_string_ext(top, JSON_C_TO_STRING_PRETTY |
							 JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(top);
	return EXIT_OK;
}
