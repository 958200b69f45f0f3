/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fpgainfo: what OPAE's program of this name prints, in its form, for scripts that read it. `opae
 * info`, `opae errors` and their like tell the same for people and as JSON.
 */
#include "fpgainfo.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"

static bool info_mac(fpga_token token, const struct info_options *o);
static bool info_phy(fpga_token token, const struct info_options *o);
static bool info_security(fpga_token token, const struct info_options *o);
static bool info_events(fpga_token token, const struct info_options *o);

static const struct option errors_options[] = {
	{ "clear", no_argument, NULL, 'c' },
	{ "force", no_argument, NULL, 'f' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const struct option phy_options[] = {
	{ "group", required_argument, NULL, 'G' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static const struct option events_options[] = {
	{ "list", no_argument, NULL, 'l' },    { "boot", required_argument, NULL, 'b' },
	{ "count", required_argument, NULL, 'c' }, { "all", no_argument, NULL, 'a' },
	{ "sensors", no_argument, NULL, 's' }, { "bits", no_argument, NULL, 'i' },
	{ "help", no_argument, NULL, 'h' },    { 0 },
};

static const struct option help_alone[] = { { "help", no_argument, NULL, 'h' }, { 0 } };

#define OF_ALL (-1)

static const struct subcommand {
	const char *name;
	int type; /* fpga_objtype, or OF_ALL */
	bool (*print)(fpga_token token, const struct info_options *o);
	const char *letters;
	const struct option *options;
	const char *usage, *help;
} subcommands[] = {
	{ "errors", OF_ALL, info_errors, "cfh", errors_options,
	  " [all|fme|port] [-c|--clear] [--force]",
	  "prints the error registers; -c clears them before; --force tries that 64 times" },
	{ "power", FPGA_DEVICE, info_power, "h", help_alone, "", "sensors of power" },
	{ "temp", FPGA_DEVICE, info_temp, "h", help_alone, "", "sensors of temperature" },
	{ "fme", FPGA_DEVICE, info_fme, "h", help_alone, "", "the management engine" },
	{ "port", FPGA_ACCELERATOR, info_port, "h", help_alone, "", "the accelerators' ports" },
	{ "bmc", FPGA_DEVICE, info_bmc, "h", help_alone, "", "all sensors" },
	{ "mac", FPGA_DEVICE, info_mac, "h", help_alone, "", "MAC addresses" },
	{ "phy", FPGA_DEVICE, info_phy, "G:h", phy_options,
	  " [-G|--group 0|1|all]", "the PHYs of the network ports" },
	{ "security", FPGA_DEVICE, info_security, "h", help_alone, "", "keys and flash" },
	{ "events", FPGA_DEVICE, info_events, "lb:c:asih", events_options,
	  " [-l|--list] [-b|--boot N] [-c|--count N] [-a|--all] [-s|--sensors] [-i|--bits]",
	  "the log of the board's management controller" },
};

#define NUM_SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

static void print_subcommand(const struct subcommand *s)
{
	printf("  fpgainfo %s%s\n            %s\n", s->name, s->usage, s->help);
}

static void print_usage(void)
{
	printf("usage: fpgainfo [-hv] [-S SEGMENT] [-B BUS] [-D DEVICE] [-F FUNCTION] [PCI_ADDRESS]\n"
	       "                SUBCOMMAND ...\n\n"
	       "  -S, --segment, -B, --bus, -D, --device, -F, --function NUMBER, or\n"
	       "  PCI_ADDRESS, [ssss:]bb:dd.f   of which cards; without it of all\n"
	       "  -v, --version; -h, --help\n\n");
	for (size_t i = 0; i < NUM_SUBCOMMANDS; i++)
		print_subcommand(&subcommands[i]);
	printf("\nexit codes: 0 done; %d the arguments are not understood; %d nothing was found, or "
	       "something could not be read\n", EX_USAGE, EX_SOFTWARE);
}

/* ---- what no card has that this library knows ---- */

static bool not_supported(const char *headline, fpga_token token, const char *what)
{
	bool good = info_print_common(headline, token);

	printf("%s is not supported\n", what);
	return good;
}

static bool info_mac(fpga_token token, const struct info_options *o)
{
	(void)o;
	return not_supported("//****** MAC ******//", token, "mac info");
}

static bool info_phy(fpga_token token, const struct info_options *o)
{
	(void)o;
	return not_supported("//****** PHY ******//", token, "phy group info");
}

static bool info_security(fpga_token token, const struct info_options *o)
{
	(void)o;
	return not_supported("//****** SEC ******//", token, "Sec info");
}

/* The original ends with a failure here. */
static bool info_events(fpga_token token, const struct info_options *o)
{
	(void)o;
	not_supported("//****** EVENTS ******//", token, "event log");
	return false;
}

/* ---- arguments ---- */

enum { GO_ON = -1 };

/* Those before the subcommand. */
static int parse_first(int argc, char *argv[], const struct subcommand **ret)
{
	static const struct option all[] = { { "help", no_argument, NULL, 'h' },
					     { "version", no_argument, NULL, 'v' },
					     { 0 } };
	int c = getopt_long(argc, argv, "+hv", all, NULL);

	if (c == 'h')
		print_usage();
	else if (c == 'v')
		compat_print_version();
	if (c != -1)
		return c == '?' ? EX_USAGE : EX_OK;
	for (size_t i = 0; optind < argc && i < NUM_SUBCOMMANDS; i++)
		if (!strcmp(argv[optind], subcommands[i].name)) {
			*ret = &subcommands[i];
			return GO_ON;
		}
	if (optind == argc)
		compat_complain("a subcommand is missing; -h shows which there are");
	else
		compat_complain("there is no subcommand '%s'; -h shows which there are", argv[optind]);
	return EX_USAGE;
}

static bool take_word(const struct subcommand *s, const char *word, struct info_options *o)
{
	bool all = !strcmp(word, "all");

	if (strcmp(s->name, "errors") || (!all && strcmp(word, "fme") && strcmp(word, "port"))) {
		compat_complain("%s: '%s' is not understood; -h shows what is", s->name, word);
		return false;
	}
	o->fme = all || !strcmp(word, "fme");
	o->port = all || !strcmp(word, "port");
	return true;
}

/* A number, or the groups of PHYs. */
static bool is_value(int option, const char *text)
{
	bool number = *text && !text[strspn(text, "0123456789")];

	if (option == 'G' ? strcmp(text, "0") && strcmp(text, "1") && strcmp(text, "all") : !number) {
		compat_complain("'%s' is no %s", text, option == 'G' ? "group: 0, 1 or all" : "number");
		return false;
	}
	return true;
}

/* Those behind the subcommand, which is argv[0]. */
static int parse_rest(const struct subcommand *s, int argc, char *argv[], struct info_options *o)
{
	int c;

	optind = 0; /* getopt begins anew, and names the program */
	argv[0] = program_invocation_short_name;
	o->fme = o->port = true;
	while ((c = getopt_long(argc, argv, s->letters, s->options, NULL)) != -1) {
		if (c == 'h') {
			print_subcommand(s);
			return EX_OK;
		}
		if (c == '?' || (optarg && !is_value(c, optarg)))
			return EX_USAGE;
		o->clear |= c == 'c' || c == 'f';
		o->force |= c == 'f';
	}
	if (optind + 1 < argc) {
		compat_complain("%s: '%s' is too much", s->name, argv[optind + 1]);
		return EX_USAGE;
	}
	return optind == argc || take_word(s, argv[optind], o) ? GO_ON : EX_USAGE;
}

/* ---- what it is of ---- */

static bool enumerate(fpga_properties filter, fpga_token **list, uint32_t *n)
{
	uint32_t room = 0, found = 0;

	*list = NULL;
	do { /* cards may come between two calls */
		for (uint32_t i = 0; *list && i < (found < room ? found : room); i++)
			fpgaDestroyToken(&(*list)[i]);
		free(*list);
		room = found + 16;
		*list = calloc(room, sizeof(**list));
		if (!*list || !compat_ok(fpgaEnumerate(&filter, 1, *list, room, &found), "fpgaEnumerate")) {
			free(*list);
			return false;
		}
	} while (found > room);
	*n = found;
	return true;
}

static int type_of(const struct subcommand *s, const struct info_options *o)
{
	if (s->type != OF_ALL || (o->fme && o->port))
		return s->type;
	return o->fme ? FPGA_DEVICE : FPGA_ACCELERATOR;
}

static bool find(const struct subcommand *s, const struct info_options *o, const struct compat_address *a,
		 fpga_token **list, uint32_t *n)
{
	int type = type_of(s, o);
	fpga_properties filter;
	bool good;

	if (!compat_ok(fpgaGetProperties(NULL, &filter), "fpgaGetProperties"))
		return false;
	good = compat_ok(compat_filter(filter, a), "the address") &&
	       (type == OF_ALL ||
		compat_ok(fpgaPropertiesSetObjectType(filter, (fpga_objtype)type), "the type")) &&
	       enumerate(filter, list, n);
	fpgaDestroyProperties(&filter);
	return good;
}

static int run(const struct subcommand *s, const struct info_options *o, const struct compat_address *a)
{
	fpga_token *list;
	bool good = true;
	uint32_t n;

	if (!find(s, o, a, &list, &n))
		return EX_SOFTWARE;
	if (!n)
		compat_complain("No FPGA resources found. `opae doctor` tells why a card is not shown.");
	for (uint32_t i = 0; i < n; i++) {
		good &= s->print(list[i], o);
		fpgaDestroyToken(&list[i]);
	}
	free(list);
	return n && good ? EX_OK : EX_SOFTWARE;
}

int main(int argc, char *argv[])
{
	const struct subcommand *s = NULL;
	struct info_options o = { 0 };
	struct compat_address a;
	int rc;

	if (argc < 2) {
		print_usage();
		return EX_USAGE;
	}
	if (!compat_take_address(&argc, argv, &a))
		return EX_USAGE;
	rc = parse_first(argc, argv, &s);
	if (rc == GO_ON)
		rc = parse_rest(s, argc - optind, argv + optind, &o);
	if (rc == GO_ON)
		rc = run(s, &o, &a);
	if (fflush(stdout) || ferror(stdout)) {
		compat_complain("the output could not be written");
		return EX_SOFTWARE;
	}
	return rc;
}
