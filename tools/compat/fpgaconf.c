/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fpgaconf: loads a GBS into slot 0 of the device that it is for, with the options and exit codes of
 * OPAE's program of this name. `opae load` does the same and tells more.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uuid/uuid.h>

#include "args.h"
#include "gbs/gbs.h"

/* What scripts know it by. */
enum {
	DONE = 0,
	BAD_ARGUMENTS = 1, /* and -h, and -v */
	BAD_BITSTREAM = 2,
	NOT_ENUMERATED = 3,
	NO_MATCH = 4,
	NOT_PROGRAMMED = 5, /* or several match */
	NO_PROPERTIES = 6,
	BAD_ADDRESS = 7,
	NO_FILTER = 8,
};

#define SLOT 0u
#define MAX_DEVICES 64u

struct options {
	struct compat_address address;
	bool verbose, dry_run;
	int flags; /* enum fpga_reconf_flags */
	const char *file;
};

struct bitstream {
	uint8_t *data;
	size_t len;
	struct gbs gbs;
};

static void print_usage(void)
{
	printf("usage: fpgaconf [-hvVn] [--force] [--skip-usrclk] [-S SEGMENT] [-B BUS] [-D DEVICE]\n"
	       "                [-F FUNCTION] [PCI_ADDRESS] FILE\n\n"
	       "Loads a bitstream (GBS) into the FPGA that it is for.\n\n"
	       "  -V, --verbose      tells each step\n"
	       "  -n, --dry-run      looks for the device, and loads nothing\n"
	       "      --force        loads even while a program uses the accelerator\n"
	       "      --skip-usrclk  leaves the user clock as it is\n"
	       "  -S, --segment, -B, --bus, -D, --device, -F, --function NUMBER, or\n"
	       "  PCI_ADDRESS, [ssss:]bb:dd.f\n"
	       "                     the device, when several could take it\n"
	       "  -v, --version; -h, --help\n");
}

static void tell(const struct options *o, const char *what)
{
	if (o->verbose)
		printf("%s\n", what);
}

/* DONE, or how the program ends. */
static int parse(int argc, char *argv[], struct options *o)
{
	static const struct option all[] = {
		{ "help", no_argument, NULL, 'h' },    { "version", no_argument, NULL, 'v' },
		{ "verbose", no_argument, NULL, 'V' }, { "dry-run", no_argument, NULL, 'n' },
		{ "force", no_argument, NULL, 'f' },   { "skip-usrclk", no_argument, NULL, 's' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "hvVn", all, NULL)) != -1) {
		switch (c) {
		case 'V': o->verbose = true; break;
		case 'n': o->dry_run = true; break;
		case 'f': o->flags |= FPGA_RECONF_FORCE; break;
		case 's': o->flags |= FPGA_RECONF_SKIP_USRCLK; break;
		case 'h': print_usage(); return BAD_ARGUMENTS;
		case 'v': compat_print_version(); return BAD_ARGUMENTS;
		default: return BAD_ARGUMENTS; /* getopt has said what it is */
		}
	}
	if (optind == argc)
		compat_complain("the bitstream's file is missing; -h shows how");
	else if (optind + 1 < argc)
		compat_complain("'%s' is too much: one file is loaded", argv[optind + 1]);
	else
		o->file = argv[optind];
	return o->file ? DONE : BAD_ARGUMENTS;
}

/* ---- the bitstream ---- */

static int read_bitstream(const struct options *o, struct bitstream *b)
{
	char why[GBS_WHY_MAX];

	tell(o, "Reading the bitstream");
	if (gbs_read_file(o->file, &b->data, &b->len, why) ||
	    gbs_parse(b->data, b->len, &b->gbs, why)) {
		compat_complain("%s: %s", o->file, why);
		return BAD_BITSTREAM;
	}
	if (!b->gbs.has_metadata) {
		compat_complain("%s: it has no metadata, and does not say which interface it is for",
				o->file);
		return BAD_BITSTREAM;
	}
	return DONE;
}

/* ---- the device ---- */

static bool interface_of(fpga_token token, fpga_guid ret)
{
	fpga_properties p;
	fpga_result r;

	if (fpgaGetProperties(token, &p) != FPGA_OK)
		return false;
	r = fpgaPropertiesGetGUID(p, (fpga_guid *)ret);
	fpgaDestroyProperties(&p);
	return r == FPGA_OK;
}

static void print_address(FILE *out, fpga_token token)
{
	uint8_t bus = 0, device = 0, function = 0;
	uint16_t segment = 0;
	fpga_properties p;

	if (fpgaGetProperties(token, &p) == FPGA_OK) {
		fpgaPropertiesGetSegment(p, &segment);
		fpgaPropertiesGetBus(p, &bus);
		fpgaPropertiesGetDevice(p, &device);
		fpgaPropertiesGetFunction(p, &function);
		fpgaDestroyProperties(&p);
	}
	fprintf(out, "%04x:%02x:%02x.%x", segment, bus, device, function);
}

static void print_device(fpga_token token)
{
	char text[UUID_STR_LEN] = "-";
	fpga_guid guid;

	if (interface_of(token, guid))
		uuid_unparse_lower(guid, text);
	fprintf(stderr, "  ");
	print_address(stderr, token);
	fprintf(stderr, ": interface %s\n", text);
}

/* Moves the tokens that the bitstream is for to the front; returns how many they are. */
static uint32_t sort_out(fpga_token *list, uint32_t n, const struct gbs *g)
{
	uint32_t fit = 0;
	fpga_guid guid;

	for (uint32_t i = 0; i < n; i++) {
		fpga_token t = list[i];

		if (!interface_of(t, guid) || memcmp(guid, g->interface_id, sizeof(guid)))
			continue;
		list[i] = list[fit];
		list[fit++] = t;
	}
	return fit;
}

static int program(const struct options *o, const struct bitstream *b, fpga_token device)
{
	fpga_handle h;
	fpga_result r;

	tell(o, "Opening the device");
	if (!compat_ok(fpgaOpen(device, &h, 0), "open"))
		return NOT_PROGRAMMED;
	tell(o, "Loading the bitstream");
	r = fpgaReconfigureSlot(h, SLOT, b->data, b->len, o->flags);
	if (compat_ok(r, "load"))
		tell(o, "Done");
	fpgaClose(h);
	return r == FPGA_OK ? DONE : NOT_PROGRAMMED;
}

static int choose(const struct options *o, const struct bitstream *b, fpga_token *list, uint32_t n)
{
	uint32_t fit = sort_out(list, n, &b->gbs);
	char want[UUID_STR_LEN];

	uuid_unparse_lower(b->gbs.interface_id, want);
	if (fit == 1 && o->dry_run) {
		printf("%s would be loaded into ", o->file);
		print_address(stdout, list[0]);
		printf("; with --dry-run nothing is\n");
		return DONE;
	}
	if (fit == 1)
		return program(o, b, list[0]);
	if (fit)
		compat_complain("%u devices could take %s; name one by its address:", fit, o->file);
	else
		compat_complain("no device takes %s, which is for the interface %s%s", o->file, want,
				n ? "; these have others:" : "");
	for (uint32_t i = 0; i < (fit ? fit : n); i++)
		print_device(list[i]);
	return fit ? NOT_PROGRAMMED : NO_MATCH;
}

static int find(const struct options *o, const struct bitstream *b, fpga_properties filter)
{
	fpga_token list[MAX_DEVICES];
	uint32_t n = 0;
	int rc;

	if (!compat_ok(fpgaPropertiesSetObjectType(filter, FPGA_DEVICE), "filter") ||
	    !compat_ok(compat_filter(filter, &o->address), "filter"))
		return NO_FILTER;
	tell(o, "Looking for the device");
	if (!compat_ok(fpgaEnumerate(&filter, 1, list, MAX_DEVICES, &n), "enumerate"))
		return NOT_ENUMERATED;
	n = n < MAX_DEVICES ? n : MAX_DEVICES;
	rc = choose(o, b, list, n);
	for (uint32_t i = 0; i < n; i++)
		fpgaDestroyToken(&list[i]);
	return rc;
}

static int load(const struct options *o, const struct bitstream *b)
{
	fpga_properties filter;
	int rc;

	if (!compat_ok(fpgaGetProperties(NULL, &filter), "properties"))
		return NO_PROPERTIES;
	rc = find(o, b, filter);
	fpgaDestroyProperties(&filter);
	return rc;
}

int main(int argc, char *argv[])
{
	struct options o = { 0 };
	struct bitstream b = { 0 };
	int rc;

	if (!compat_take_address(&argc, argv, &o.address))
		return BAD_ADDRESS;
	rc = parse(argc, argv, &o);
	if (rc)
		return rc;
	rc = read_bitstream(&o, &b);
	if (!rc)
		rc = load(&o, &b);
	gbs_done(&b.gbs);
	free(b.data);
	return rc;
}
