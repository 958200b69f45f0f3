/* SPDX-License-Identifier: BSD-3-Clause */
#include "opae.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct command commands[] = {
	{ "list", "[--json] [ADDRESS] [GUID] [OBJECT]", "the accelerators and devices there are",
	  cmd_list },
	{ "info", "[--json] [ADDRESS] [GUID] [OBJECT]", "every property of them", cmd_info },
	{ "mmio", "read OFFSET | write OFFSET VALUE  [-w 32|64] [--json] [DEVICE]",
	  "one access to a register. A device is reset when its last handle closes, and so when\n"
	  "        the tool ends: a write is for doorbells; a setting does not outlive it", cmd_mmio },
	{ "mmio", "walk [-o OFFSET] [--json] [DEVICE]",
	  "the chain of device feature headers: what each is, and where it breaks", cmd_mmio },
	{ "mmio", "dump [-o OFFSET] [-c WORDS] [-f hex|bin] [-O FILE] [DEVICE]",
	  "many registers, in words of 64 bits; DEVICE is\n"
	  "        [-d ADDRESS|GUID|OBJECT]... [-t accelerator|device] [-r REGION]; where several\n"
	  "        -d are given, all must fit. Numbers are as in C: 0x10 is 16, 010 is 8", cmd_mmio },
	{ "doctor", "[--json] [ADDRESS | SOCKET | HOST]",
	  "why is my FPGA not shown: from the device to the token, and how to mend it", cmd_doctor },
	{ "bind", "[--user NAME|UID] [--vfs N] [--dry-run] [--json] ADDRESS...",
	  "gives devices to vfio-pci and their nodes to a user: who called sudo, unless told\n"
	  "        otherwise. How they were is noted. --vfs: the device keeps its driver, and N VFs\n"
	  "        of it are made and bound. --dry-run: tells the steps, and takes none", cmd_bind },
	{ "release", "[--dry-run] [--json] ADDRESS...",
	  "gives what `opae bind` has taken back as it was", cmd_release },
	{ "clock", "[--high MHZ] [--low MHZ] [--json] [ADDRESS] [GUID] [OBJECT]",
	  "the user clocks of accelerators, measured; or sets those of one, to what its PLL can do that is\n"
	  "        nearest and not above. Where one is given the other follows, at 2:1", cmd_clock },
	{ "plugins", "[--json]", "the plugins, their state, and the configuration in force",
	  cmd_plugins },
	{ "errors", "[--clear] [--json] [ADDRESS] [GUID] [OBJECT]",
	  "the error registers of devices and accelerators; --clear clears them, and shows what was.\n"
	  "        Exit code 1 when there are errors, or after --clear still are", cmd_errors },
	{ "emu", "start [--name NAME] [--board BOARD] [--afu AFU,...] [--mmio trap|map] "
		 "[--faults FAULT,...]",
	  "an emulated card of this user; card0, with board nlb0, unless told otherwise", cmd_emu },
	{ "emu", "stop NAME...|--all", "ends them", cmd_emu },
	{ "emu", "list [--json]", "those that run, and their addresses", cmd_emu },
	{ "emu", "boards", "what BOARD, AFU and FAULT can be", cmd_emu },
	{ "ase", "status [--json] [--socket SOCKET | --workdir DIR]",
	  "the simulation of an AFU that runs: what it does, and what it found wrong. It is the one that\n"
	  "        OPAE_ASE_SOCKET, ASE_WORKDIR or the configuration names, or that runs in this folder,\n"
	  "        unless told otherwise", cmd_ase },
	{ "ase", "wave on FILE | wave off", "its waves go to the file, from now on; or to none", cmd_ase },
	{ "ase", "step CYCLES", "its clock makes so many cycles, whether it stands or runs", cmd_ase },
	{ "ase", "run idle-stop[:CYCLES] | free | lockstep[:CYCLES] | paused", "when its clock runs",
	  cmd_ase },
	{ "ase", "end", "it ends, as by SIGTERM", cmd_ase },
	{ "temp", "[--json] [ADDRESS] [GUID] [OBJECT]",
	  "the temperatures of cards, with their limits and what has reached one", cmd_temp },
	{ "power", "[--json] [ADDRESS] [GUID] [OBJECT]",
	  "the same of power, voltages and currents", cmd_power },
	{ "load", "[--slot N] [--force] [--skip-clock] [--dry-run] [-y] FILE\n"
		  "               [ADDRESS] [GUID] [OBJECT]",
	  "loads a bitstream (GBS): into slot 0 of the device that it is for, unless told otherwise.\n"
	  "        --force: even while a program uses the slot. --skip-clock: the user clock stays as\n"
	  "        it is. --dry-run: tells what would be done. -y: does not ask, as where there is no\n"
	  "        terminal", cmd_load },
	{ "gbs", "show [--json] FILE", "what a bitstream for partial reconfiguration says of itself",
	  cmd_gbs },
	{ "gbs", "make --interface-id GUID --afu-id GUID [--name NAME] [--clock-high MHZ] [--clock-low MHZ]\n"
		 "               [--power WATTS] [--platform NAME] --payload FILE OUT",
	  "makes one of what the FPGA takes", cmd_gbs },
	{ "gbs", "payload FILE OUT", "what the FPGA takes, without the metadata; OUT may be -", cmd_gbs },
	{ "sessions", "[--to DAEMON] [--json]",
	  "who uses accelerators through opaed: this user's, or root's, unless told otherwise.\n"
	  "        ID is what `opae kick` takes; PRINCIPAL: whom the policy takes it for; PEER: where it\n"
	  "        comes from; TIME: since it connected; REQUESTS: that came from it; OPEN: handles, of\n"
	  "        accelerators and devices; BUFFERS: memory that it has for them; PROGRAM: what it calls\n"
	  "        itself",
	  cmd_sessions },
	{ "kick", "ID [--to DAEMON]", "ends the session with this ID; its program's calls then fail",
	  cmd_kick },
	{ "policy", "check --principal PRINCIPAL [--config FILE] [--json] [ADDRESS | guid:GUID]",
	  "what opaed's policy lets a principal do, and why: the rule that decides, what it allows, and\n"
	  "        which of this machine's accelerators it shows. FILE: /etc/opae/opaed.cfg where that is,\n"
	  "        unless told otherwise. Exit code 0: allowed; 1: refused", cmd_policy },
	{ "policy", "list [--config FILE] [--json]", "its rules, in the order in which they are tried",
	  cmd_policy },
	{ "cert", "init [--dir DIR] [--name SITE] [--days N]",
	  "makes a certificate authority for TLS: a folder, /etc/opae/pki as root and otherwise\n"
	  "        ~/.config/opae/pki, unless told otherwise. It is good for 3650 days", cmd_cert },
	{ "cert", "issue NAME... [--server] [--client] [--days N] [--out DIR] [--renew] [--dir DIR]",
	  "makes a key and a certificate. NAME: DNS names and IP addresses of a machine, or with\n"
	  "        --client a user's name. Without --server and --client it is for both: the machine is\n"
	  "        an opaed's, and a client by its first name. It is good for 365 days. --out: where it is\n"
	  "        put, in place of issued/NAME. --renew: in place of what is there", cmd_cert },
	{ "cert", "revoke NAME|SERIAL [--dir DIR]",
	  "those that have the name, or one, are good no more where ca.crl is known", cmd_cert },
	{ "cert", "show [--json] [FILE] [--dir DIR]",
	  "what there is, until when, and what is revoked; or one file, and whether it is revoked where\n"
	  "        the authority is at hand. Exit code 1 when something needed ends within 14 days, or has",
	  cmd_cert },
	{ "bench", "local [--json]", "how fast the local path is beside the bare machine", cmd_bench },
	{ "bench", "remote [--transport unix|tcp|tls|both|all|rdma] [--only ROW,...] [--json]",
	  "how fast the path through opaed is beside bare sockets. ROW: a row's name, or how it begins",
	  cmd_bench },
	{ "bench", "ase [--sim PROGRAM] [--bare PROGRAM] [--build] [--only ROW,...] [--json]",
	  "how fast a simulation is beside its design in a bare loop. --sim, --bare: the copy engine\n"
	  "        as `ase-build --sample copy` and `... --bare` have built it; they are built for this\n"
	  "        otherwise. --build: how long building hello_afu takes as well", cmd_bench },
};

#define NUM_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static bool speaks_of(const struct command *c, const char *word)
{
	return strstr(c->usage, word) || strstr(c->help, word);
}

/* The command's usage or help, or any when it is NULL. */
static bool any_speaks_of(const char *command, const char *word)
{
	for (size_t i = 0; i < NUM_COMMANDS; i++)
		if ((!command || !strcmp(command, commands[i].name)) && speaks_of(&commands[i], word))
			return true;
	return false;
}

/* Explains the words that stand in the usage, and no others. */
static void print_words(FILE *out, const char *command)
{
	static const struct {
		const char *word, *is;
	} words[] = {
		{ "ADDRESS", "ADDRESS is [ssss:]bb:dd.f" },
		{ "OBJECT", "OBJECT is an object_id as `opae info` prints it, 0x..." },
		{ "SOCKET", "SOCKET is the path of a card's socket" },
		{ "| HOST", "HOST is a name or an address in \"hosts\" of the configuration, or HOST:PORT" },
		{ "DAEMON", "DAEMON is HOST[:PORT], the path of a unix socket, or vsock:CID[:PORT]" },
	};

	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
		if (any_speaks_of(command, words[w].word))
			fprintf(out, "%s\n", words[w].is);
}

static void print_version(void)
{
	char api[32] = "?";

	fpgaGetOPAECVersionString(api, sizeof(api));
	printf("opae " PROJECT_VERSION ", of the OPAE C API %s\n", api);
}

/* Of one command, or of all when it is NULL. */
static void print_usage(FILE *out, const char *command)
{
	fprintf(out, "usage: opae %s ...\n\n", command ? command : "COMMAND");
	for (size_t i = 0; i < NUM_COMMANDS; i++)
		if (!command || !strcmp(command, commands[i].name))
			fprintf(out, "  opae %s %s\n        %s\n", commands[i].name,
				commands[i].usage, commands[i].help);
	fprintf(out, "\n");
	print_words(out, command);
	if (any_speaks_of(command, "--json"))
		fprintf(out, "--json prints {\"schema\": %d, ...}\n", OPAE_JSON_SCHEMA);
	fprintf(out, "exit codes: 0 done; 1 it failed, was refused, or something is wrong; 2 the arguments "
		     "are not understood;\n            3 nothing was found\n");
	if (!command)
		fprintf(out, "`opae --version` tells the version\n");
}

/* Output that did not get out is a failure: a script must not take half a list for the whole. */
static int finish(int rc)
{
	if (!fflush(stdout) && !ferror(stdout))
		return rc;
	fprintf(stderr, "opae: the output could not be written: %s\n", strerror(errno));
	return EXIT_FAILED;
}

static bool asks_for_help(const char *arg)
{
	return !strcmp(arg, "--help") || !strcmp(arg, "-h");
}

static int run(const struct command *c, int argc, char *argv[])
{
	for (int i = 1; i < argc; i++)
		if (asks_for_help(argv[i])) {
			print_usage(stdout, c->name);
			return EXIT_OK;
		}
	usage_is_of(c->name);
	return c->run(argc, argv);
}

/*
 * A standard descriptor that is closed is taken by something that fails whoever uses it; by the next file
 * that is opened, otherwise, and the output would go there.
 */
static void take_closed_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
			exit(EXIT_FAILED);
}

int main(int argc, char *argv[])
{
	take_closed_descriptors();
	if (getenv("OPAE_EXPLICIT_INITIALIZE")) /* then the library waits for this */
		fpgaInitialize(NULL);
	if (argc < 2) {
		print_usage(stderr, NULL);
		return EXIT_USAGE;
	}
	if (asks_for_help(argv[1]) || !strcmp(argv[1], "help")) {
		print_usage(stdout, NULL);
		return finish(EXIT_OK);
	}
	if (!strcmp(argv[1], "--version")) {
		print_version();
		return finish(EXIT_OK);
	}
	for (size_t i = 0; i < NUM_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return finish(run(&commands[i], argc - 1, argv + 1));
	return usage_error("there is no command '%s'", argv[1]);
}
