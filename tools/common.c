/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "dev/pci.h"
#include "opae.h"

static const char *command; /* NULL: none yet */

void usage_is_of(const char *name)
{
	command = name;
}

const char *error_reason(void)
{
	const char *detail = opaex_error_detail(), *colon = strstr(detail, ": ");

	if (!colon || strncmp(detail, "fpga", 4) || memchr(detail, ' ', (size_t)(colon - detail)))
		return detail;
	return colon + 2;
}

const char *driver_hint(fpga_result r, const struct token_row *row)
{
	bool other = r == FPGA_NOT_SUPPORTED && !strcmp(row->interface, "vfio");

	return other ? "; a card that the kernel's FPGA driver has can do it: docs/binding.md" : "";
}

bool ok(fpga_result r, const char *what)
{
	const char *reason = error_reason();
	size_t len = strlen(what);

	if (r == FPGA_OK)
		return true;
	if (!strncmp(reason, what, len) && !strncmp(reason + len, ": ", 2))
		reason += len + 2;
	fprintf(stderr, "opae: %s: %s%s%s\n", what, fpgaErrStr(r), *reason ? ": " : "", reason);
	return false;
}

/* That a host is lost concerns all its devices, and is said once. */
static bool was_said(fpga_result r, const struct token_row *row)
{
	static char last[512];
	bool same = r == FPGA_EXCEPTION && *row->host && !strcmp(last, error_reason());

	snprintf(last, sizeof(last), "%s", error_reason());
	return same;
}

bool ok_at(fpga_result r, const char *what, const struct token_row *row)
{
	if (r != FPGA_OK && !was_said(r, row))
		fprintf(stderr, "opae: %s: %s: %s%s\n", what, fpgaErrStr(r), error_reason(),
			driver_hint(r, row));
	return r == FPGA_OK;
}

int usage_error(const char *fmt, ...)
{
	va_list ap;

	fputs("opae: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; `opae %s%s--help` shows how\n", command ? command : "", command ? " " : "");
	return EXIT_USAGE;
}

bool parse_u64(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 0);
	return !errno && end != text && !*end && text[0] != '-';
}

bool address_normal(const char *text, char *out, size_t len)
{
	char address[PCI_ADDRESS_LEN];
	struct pci_address a;

	if (!pci_parse(text, &a))
		return false;
	pci_format(&a, address);
	snprintf(out, len, "%s", address);
	return true;
}

int selector_add(struct selector *sel, const char *text)
{
	/* In JSON an object id is a decimal number. */
	bool number = !strncmp(text, "0x", 2) || (*text && !text[strspn(text, "0123456789")]);
	const char **kind = strlen(text) == UUID_STR_LEN - 1 ? &sel->guid :
			    number			     ? &sel->object :
							       &sel->address;
	char address[24];
	fpga_guid guid;

	if (*kind && strcmp(*kind, text))
		return usage_error("nothing is both '%s' and '%s'", *kind, text);
	*kind = text;
	if (kind == &sel->object && !parse_u64(text, &sel->object_id))
		return usage_error("'%s' is no object id", text);
	if (kind == &sel->guid && uuid_parse(text, guid))
		return usage_error("'%s' is no GUID", text);
	if (kind == &sel->address && !address_normal(text, address, sizeof(address)))
		return usage_error("'%s' is no PCI address ([ssss:]bb:dd.f), no GUID and no object id "
				   "(0x...)", text);
	return EXIT_OK;
}

static bool filter_address(fpga_properties filter, const char *text)
{
	unsigned int segment, bus, device, function;
	char address[24];

	if (!address_normal(text, address, sizeof(address)) ||
	    sscanf(address, "%x:%x:%x.%x", &segment, &bus, &device, &function) != 4)
		return false;
	return ok(fpgaPropertiesSetSegment(filter, (uint16_t)segment), "segment") &&
	       ok(fpgaPropertiesSetBus(filter, (uint8_t)bus), "bus") &&
	       ok(fpgaPropertiesSetDevice(filter, (uint8_t)device), "device") &&
	       ok(fpgaPropertiesSetFunction(filter, (uint8_t)function), "function");
}

/* Fills the filter from the selector, whose words selector_add() has judged. */
static bool select_filter(const struct selector *sel, fpga_properties filter)
{
	fpga_guid guid;

	if (sel->type >= 0 &&
	    !ok(fpgaPropertiesSetObjectType(filter, (fpga_objtype)sel->type), "type"))
		return false;
	if (sel->guid && uuid_parse(sel->guid, guid))
		return false;
	return (!sel->guid || ok(fpgaPropertiesSetGUID(filter, guid), "guid")) &&
	       (!sel->object || ok(fpgaPropertiesSetObjectID(filter, sel->object_id), "object id")) &&
	       (!sel->address || filter_address(filter, sel->address));
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

struct ordered {
	struct token_row row;
	fpga_token token;
	uint32_t place; /* as it was enumerated */
};

/* This machine's first, then host by host. */
static int by_address(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;
	int rc = strcmp(x->row.host, y->row.host);

	if (!rc)
		rc = strcmp(x->row.address, y->row.address);
	if (rc)
		return rc;
	if (x->row.type != y->row.type)
		return x->row.type == FPGA_DEVICE ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

/* One that does not tell what it is any more has the last place. */
static bool sort(fpga_token *list, uint32_t n)
{
	struct ordered *all = calloc(n ? n : 1, sizeof(*all));

	if (!all)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		fpga_properties p;

		all[i] = (struct ordered){ { .address = "~", .host = "~" }, list[i], i };
		if (fpgaGetProperties(list[i], &p) != FPGA_OK)
			continue;
		token_row_read(p, &all[i].row);
		fpgaDestroyProperties(&p);
	}
	qsort(all, n, sizeof(*all), by_address);
	for (uint32_t i = 0; i < n; i++)
		list[i] = all[i].token;
	free(all);
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
	if (!good || sort(*list, *n))
		return good;
	tokens_free(*list, *n);
	fprintf(stderr, "opae: there is no memory left\n");
	return false;
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

void json_add_object_id(struct json_object *o, uint64_t id)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%016" PRIx64, id);
	json_object_object_add(o, "object_id", json_u64(id));
	json_object_object_add(o, "object_id_hex", json_object_new_string(text));
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
