/* SPDX-License-Identifier: BSD-3-Clause */
#include "opae.h"

#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
	{ "list", "[--json] [ADDRESS | GUID]", "the accelerators and devices there are", cmd_list },
	{ "info", "[--json] [ADDRESS | GUID]", "every property of them", cmd_info },
	{ "mmio", "[--json] read|write [-w 32|64] [-r REGION] [-d ADDRESS|GUID] OFFSET [VALUE]",
	  "one access to an accelerator's registers", cmd_mmio },
	{ "plugins", "[--json]", "the plugins, their state, and the configuration in force",
	  cmd_plugins },
	{ "emu", "start [--name NAME] [--board BOARD] [--mmio trap|map] | stop NAME|--all | "
		 "list [--json]",
	  "emulated cards of this user", cmd_emu },
	{ "bench", "local [--json]", "how fast the local path is beside the bare machine",
	  cmd_bench },
};

#define NUM_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *out)
{
	fprintf(out, "usage: opae COMMAND ...\n\n");
	for (size_t i = 0; i < NUM_COMMANDS; i++)
		fprintf(out, "  opae %s %s\n        %s\n", commands[i].name, commands[i].usage,
			commands[i].help);
	fprintf(out, "\nADDRESS is [ssss:]bb:dd.f. --json prints {\"schema\": %d, ...}.\n",
		OPAE_JSON_SCHEMA);
}

int main(int argc, char *argv[])
{
	if (argc < 2) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_usage(stdout);
		return EXIT_OK;
	}
	for (size_t i = 0; i < NUM_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return usage_error("there is no command '%s'", argv[1]);
}
