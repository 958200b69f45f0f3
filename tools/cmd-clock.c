/* SPDX-License-Identifier: BSD-3-Clause */
/* opae clock: the user clocks of accelerators, and setting those of one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "opae.h"

struct clock_args {
	struct selector sel;
	uint64_t high, low; /* MHz; 0: not given */
	bool json;
};

static int parse_mhz(const char *option, const char *text, uint64_t *ret)
{
	if (!text)
		return usage_error("%s needs a number of MHz", option);
	if (!parse_u64(text, ret) || !*ret)
		return usage_error("%s '%s' is no number of MHz", option, text);
	return EXIT_OK;
}

static int parse(int argc, char *argv[], struct clock_args *a)
{
	int rc = EXIT_OK;

	for (int i = 1; i < argc && !rc; i++) {
		bool high = !strcmp(argv[i], "--high");

		if (high || !strcmp(argv[i], "--low")) {
			rc = parse_mhz(argv[i], argv[i + 1], high ? &a->high : &a->low);
			i++;
		} else if (!strcmp(argv[i], "--json")) {
			a->json = true;
		} else if (argv[i][0] == '-') {
			rc = usage_error("clock has no option '%s'", argv[i]);
		} else {
			rc = selector_add(&a->sel, argv[i]);
		}
	}
	return rc;
}

static void print(const struct token_row *row, uint64_t high, uint64_t low)
{
	printf("%-14s high %7.2f MHz   low %7.2f MHz   %s%s%s\n", row->address, (double)high / 1e6,
	       (double)low / 1e6, row->guid, *row->name ? "  " : "", row->name);
}

static void add(struct json_object *array, const struct token_row *row, uint64_t high, uint64_t low)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "address", json_object_new_string(row->address));
	json_object_object_add(o, "guid", json_object_new_string(row->guid));
	json_add_object_id(o, row->object_id);
	json_object_object_add(o, "high_hz", json_u64(high));
	json_object_object_add(o, "low_hz", json_u64(low));
	json_object_array_add(array, o);
}

/* Sets, when that is asked for, and shows. */
static fpga_result one(fpga_token token, const struct clock_args *a, const struct token_row *row,
		       struct json_object *array)
{
	uint64_t high = 0, low = 0;
	fpga_handle h;
	fpga_result r = opaex_open_alone(token, &h, FPGA_OPEN_SHARED);

	if (!ok_at(r, row->address, row))
		return r;
	if (a->high || a->low)
		r = fpgaSetUserClock(h, a->high, a->low, 0);
	if (r == FPGA_OK)
		r = fpgaGetUserClock(h, &high, &low, 0);
	if (ok_at(r, row->address, row)) {
		if (array)
			add(array, row, high, low);
		else
			print(row, high, low);
	}
	fpgaClose(h);
	return r;
}

/* Accelerators whose clock is nobody's business are no failure beside one that has one. */
static int all(fpga_token *list, uint32_t n, const struct clock_args *a)
{
	struct json_object *array = a->json ? json_object_new_array() : NULL;
	bool failed = false, shown = false;

	for (uint32_t i = 0; i < n; i++) {
		struct token_row row;
		fpga_properties p;
		fpga_result r = fpgaGetProperties(list[i], &p);

		if (ok(r, "properties")) {
			token_row_read(p, &row);
			fpgaDestroyProperties(&p);
			r = one(list[i], a, &row, array);
		}
		shown |= r == FPGA_OK;
		failed |= r != FPGA_OK && r != FPGA_NOT_SUPPORTED;
	}
	if (a->json)
		print_json("clocks", array);
	return failed || !shown ? EXIT_FAILED : EXIT_OK;
}

int cmd_clock(int argc, char *argv[])
{
	struct clock_args a = { .sel.type = FPGA_ACCELERATOR };
	fpga_token *list;
	uint32_t n;
	int rc = parse(argc, argv, &a);

	if (rc)
		return rc;
	if (!tokens_find(&a.sel, &list, &n))
		return EXIT_FAILED;
	if (!n) {
		fprintf(stderr, "opae: no such accelerator; `opae list` shows what there is\n");
		rc = EXIT_NOTHING_FOUND;
	} else if (n > 1 && (a.high || a.low)) {
		rc = usage_error("%u accelerators fit, and the clocks of one are set: name it by address, "
				 "GUID and object id, which `opae info` prints", n);
	} else {
		rc = all(list, n, &a);
	}
	tokens_free(list, n);
	return rc;
}
