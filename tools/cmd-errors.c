/* SPDX-License-Identifier: BSD-3-Clause */
/* opae errors: the error registers of devices and accelerators, what is in them, and clearing them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "error-bits.h"
#include "opae.h"

struct options {
	struct selector sel;
	bool clear, json;
};

/* What came of all that was looked at. */
struct outcome {
	bool errors, failed;
};

/* One register; what could not be done is in problem. */
struct reg {
	uint32_t index;
	struct fpga_error_info info;
	bool read, cleared; /* cleared: fpgaClearError was successful */
	uint64_t value, now; /* now: after it was cleared */
	char problem[512];
};

/* Which error came first is told of errors that others tell of; it stays when these are cleared. */
static bool is_error(const struct reg *r)
{
	return strncmp(r->info.name, "first_", 6) && strncmp(r->info.name, "next_", 5);
}

static void set_problem(struct reg *r, fpga_result code)
{
	snprintf(r->problem, sizeof(r->problem), "%s: %s", fpgaErrStr(code), error_reason());
}

static void read_register(fpga_token token, uint32_t index, struct reg *r)
{
	fpga_result code;

	memset(r, 0, sizeof(*r));
	r->index = index;
	code = fpgaGetErrorInfo(token, index, &r->info);
	if (code == FPGA_OK)
		code = fpgaReadError(token, index, &r->value);
	if (code != FPGA_OK)
		set_problem(r, code);
	r->read = code == FPGA_OK;
	r->now = r->value;
}

/* Of all at once, after all were read: clearing one changes what others show. */
static void clear_register(fpga_token token, struct reg *r)
{
	fpga_result code;

	if (!r->read || !r->value || !r->info.can_clear)
		return;
	code = fpgaClearError(token, r->index);
	r->cleared = code == FPGA_OK;
	if (code != FPGA_OK)
		set_problem(r, code);
}

static void read_again(fpga_token token, struct reg *r)
{
	fpga_result code = r->read ? fpgaReadError(token, r->index, &r->now) : FPGA_OK;

	if (code != FPGA_OK && !*r->problem)
		set_problem(r, code);
}

/* ---- as text ---- */

static void print_bits(fpga_objtype type, const struct reg *r, int layout)
{
	for (unsigned int bit = 0; bit < 64; bit++) {
		const char *means = error_bit(type, r->info.name, layout, bit);

		if (r->value >> bit & 1 && *means)
			printf("    bit %-2u  %s\n", bit, means);
	}
}

static void print_register(fpga_objtype type, const struct reg *r, int layout, bool cleared)
{
	char value[24] = "?", then[32] = "";
	const char *more = r->problem;

	if (r->read)
		snprintf(value, sizeof(value), "0x%" PRIx64, r->value);
	if (cleared && r->value != r->now)
		snprintf(then, sizeof(then), "now 0x%" PRIx64, r->now);
	if (!*more)
		more = !cleared && r->info.can_clear ? "can be cleared" : then;
	printf("  %-20s %-*s%s%s\n", *r->info.name ? r->info.name : "?", *more ? 18 : 0, value,
	       *more ? " " : "", more);
	print_bits(type, r, layout);
}

/* ---- as JSON ---- */

static struct json_object *bits_json(fpga_objtype type, const struct reg *r, int layout)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int bit = 0; bit < 64; bit++) {
		const char *means = error_bit(type, r->info.name, layout, bit);
		struct json_object *o;

		if (!(r->value >> bit & 1))
			continue;
		o = json_object_new_object();
		json_object_object_add(o, "bit", json_object_new_int((int)bit));
		if (*means)
			json_object_object_add(o, "means", json_object_new_string(means));
		json_object_array_add(array, o);
	}
	return array;
}

static struct json_object *register_json(fpga_objtype type, const struct reg *r, int layout, bool cleared)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(r->info.name));
	json_object_object_add(o, "can_clear", json_object_new_boolean(r->info.can_clear));
	if (r->read) {
		json_object_object_add(o, "value", json_u64(r->value));
		json_object_object_add(o, "bits", bits_json(type, r, layout));
	}
	if (r->read && cleared)
		json_object_object_add(o, "now", json_u64(r->now));
	if (*r->problem)
		json_object_object_add(o, "problem", json_object_new_string(r->problem));
	return o;
}

/* ---- one device or accelerator ---- */

#define MAX_REGISTERS 256u

static struct json_object *device_json(const struct token_row *row)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "address", json_object_new_string(row->address));
	json_object_object_add(o, "type", json_object_new_string(type_name(row->type)));
	json_object_object_add(o, "guid", json_object_new_string(row->guid));
	if (row->object_id)
		json_add_object_id(o, row->object_id);
	return o;
}

static void show_registers(fpga_token token, const struct token_row *row, const struct options *o, uint32_t n,
			   struct json_object *device, struct outcome *out)
{
	static struct reg regs[MAX_REGISTERS];
	struct json_object *array = device ? json_object_new_array() : NULL;
	int layout = error_layout(token);

	n = n < MAX_REGISTERS ? n : MAX_REGISTERS;
	for (uint32_t i = 0; i < n; i++)
		read_register(token, i, &regs[i]);
	for (uint32_t i = 0; o->clear && i < n; i++)
		clear_register(token, &regs[i]);
	for (uint32_t i = 0; i < n; i++) {
		if (o->clear)
			read_again(token, &regs[i]);
		out->errors |= regs[i].now && is_error(&regs[i]);
		out->failed |= *regs[i].problem;
		if (device)
			json_object_array_add(array, register_json(row->type, &regs[i], layout, o->clear));
		else
			print_register(row->type, &regs[i], layout, o->clear);
	}
	if (device)
		json_object_object_add(device, "errors", array);
}

/* The device's entry for the JSON array; NULL for text. */
static struct json_object *show(fpga_token token, const struct options *o, struct outcome *out)
{
	struct json_object *device = NULL;
	struct token_row row;
	fpga_properties p;
	uint32_t n = 0;

	if (!ok(fpgaGetProperties(token, &p), "properties")) {
		out->failed = true;
		return o->json ? json_object_new_object() : NULL;
	}
	token_row_read(p, &row);
	if (fpgaPropertiesGetNumErrors(p, &n) != FPGA_OK)
		n = 0;
	fpgaDestroyProperties(&p);
	if (o->json)
		device = device_json(&row);
	else
		printf("%s %s %s%s\n", row.address, type_name(row.type), row.guid,
		       n ? "" : ": no error registers");
	show_registers(token, &row, o, n, device, out);
	return device;
}

static int parse(int argc, char *argv[], struct options *o)
{
	int rc = EXIT_OK;

	o->sel.type = -1;
	for (int i = 1; i < argc && !rc; i++) {
		if (!strcmp(argv[i], "--json"))
			o->json = true;
		else if (!strcmp(argv[i], "--clear"))
			o->clear = true;
		else if (argv[i][0] == '-')
			rc = usage_error("%s has no option '%s'", argv[0], argv[i]);
		else
			rc = selector_add(&o->sel, argv[i]);
	}
	return rc;
}

int cmd_errors(int argc, char *argv[])
{
	struct options o = { 0 };
	struct outcome out = { 0 };
	struct json_object *array;
	fpga_token *list;
	uint32_t n;
	int rc = parse(argc, argv, &o);

	if (rc)
		return rc;
	if (!tokens_find(&o.sel, &list, &n))
		return EXIT_FAILED;
	array = o.json ? json_object_new_array() : NULL;
	for (uint32_t i = 0; i < n; i++) {
		struct json_object *device = show(list[i], &o, &out);

		if (device)
			json_object_array_add(array, device);
	}
	tokens_free(list, n);
	if (o.json)
		print_json("devices", array);
	else if (!n)
		fprintf(stderr, "Nothing that fits was found. `opae list` shows what there is; `opae doctor` "
				"tells why a card is not shown.\n");
	return !n ? EXIT_NOTHING_FOUND : out.failed || out.errors ? EXIT_FAILED : EXIT_OK;
}
