/* SPDX-License-Identifier: BSD-3-Clause */
/* opae mmio read, opae mmio write: one access to a register. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opae.h"

struct access {
	bool json, write;
	uint64_t width, region, offset, value;
	struct selector sel;
};

static int parse_number(const char *what, const char *text, uint64_t *ret)
{
	if (text && parse_u64(text, ret))
		return EXIT_OK;
	return usage_error("%s '%s' is no number", what, text ? text : "");
}

static int parse_option(struct access *a, const char *opt, const char *arg)
{
	if (!strcmp(opt, "-w"))
		return parse_number("width", arg, &a->width);
	if (!strcmp(opt, "-r"))
		return parse_number("region", arg, &a->region);
	if (strcmp(opt, "-d") || !arg)
		return usage_error("mmio has no option '%s', or it needs an argument", opt);
	if (strlen(arg) == 36)
		a->sel.guid = arg;
	else
		a->sel.address = arg;
	return EXIT_OK;
}

static int parse(int argc, char *argv[], struct access *a)
{
	const char *words[3] = { 0 };
	int n = 0, rc;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			a->json = true;
		} else if (argv[i][0] == '-') {
			rc = parse_option(a, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
			if (rc)
				return rc;
			i++;
		} else if (n < 3) {
			words[n++] = argv[i];
		} else {
			return usage_error("'%s' is too much", argv[i]);
		}
	}
	if (!words[0] || (strcmp(words[0], "read") && strcmp(words[0], "write")))
		return usage_error("mmio needs read or write");
	a->write = !strcmp(words[0], "write");
	if (a->width != 32 && a->width != 64)
		return usage_error("the width is 32 or 64, not %u", (unsigned int)a->width);
	if (n != (a->write ? 3 : 2))
		return usage_error("mmio %s needs %s", words[0],
				   a->write ? "an offset and a value" : "an offset");
	rc = parse_number("offset", words[1], &a->offset);
	if (!rc && a->write)
		rc = parse_number("value", words[2], &a->value);
	if (!rc && a->width == 32 && a->value > UINT32_MAX)
		rc = usage_error("%s does not fit in 32 bits", words[2]);
	return rc;
}

static fpga_result carry_out(fpga_handle h, struct access *a)
{
	uint32_t region = (uint32_t)a->region, v32 = 0;
	fpga_result r;

	if (a->write)
		return a->width == 32 ?
			       fpgaWriteMMIO32(h, region, a->offset, (uint32_t)a->value) :
			       fpgaWriteMMIO64(h, region, a->offset, a->value);
	if (a->width == 64)
		return fpgaReadMMIO64(h, region, a->offset, &a->value);
	r = fpgaReadMMIO32(h, region, a->offset, &v32);
	a->value = v32;
	return r;
}

static int report(const struct access *a)
{
	struct json_object *o;

	if (!a->json) {
		if (!a->write)
			printf("0x%0*" PRIx64 "\n", (int)a->width / 4, a->value);
		return EXIT_OK;
	}
	o = json_object_new_object();
	json_object_object_add(o, "region", json_u64(a->region));
	json_object_object_add(o, "offset", json_u64(a->offset));
	json_object_object_add(o, "width", json_u64(a->width));
	json_object_object_add(o, a->write ? "written" : "value", json_u64(a->value));
	return print_json("mmio", o);
}

int cmd_mmio(int argc, char *argv[])
{
	struct access a = { .width = 64, .sel.type = FPGA_ACCELERATOR };
	int rc = parse(argc, argv, &a);
	fpga_token *list;
	fpga_handle h;
	uint32_t n;

	if (rc)
		return rc;
	if (a.region > UINT32_MAX)
		return usage_error("region %" PRIu64 " is out of range", a.region);
	if (!tokens_find(&a.sel, &list, &n))
		return EXIT_FAILED;
	rc = EXIT_FAILED;
	if (!n) {
		fprintf(stderr, "opae: no such accelerator; `opae list` shows what there is\n");
		rc = EXIT_NOTHING_FOUND;
	} else if (n > 1) {
		rc = usage_error("%u accelerators match; name one with -d", n);
	} else if (ok(fpgaOpen(list[0], &h, 0), "open")) {
		if (ok(carry_out(h, &a), a.write ? "write" : "read"))
			rc = report(&a);
		fpgaClose(h);
	}
	tokens_free(list, n);
	return rc;
}
