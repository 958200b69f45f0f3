/* SPDX-License-Identifier: BSD-3-Clause */
/* opae-emu: an emulated FPGA card behind a vfio-user socket. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "emu/board.h"
#include "emu/card.h"

enum { EXIT_BAD_USE = 2 };

struct options {
	const char *socket, *board, *mmio;
};

static struct card *card;

static void on_signal(int sig)
{
	(void)sig;
	card_stop(card);
}

static void usage(FILE *out)
{
	fprintf(out, "usage: opae-emu --socket PATH [--board NAME] [--mmio trap|map]\n"
		     "       opae-emu --list-boards\n"
		     "\n"
		     "Plays an FPGA card for one client at a time, until SIGTERM or SIGINT.\n"
		     "  --socket PATH    unix socket to listen on\n"
		     "  --board NAME     which card; nlb0 without it\n"
		     "  --mmio trap|map  registers by messages in exact order, or as mapped memory\n"
		     "  --list-boards    the cards there are\n");
}

static int list_boards(void)
{
	for (unsigned int i = 0; i < num_boards; i++)
		printf("%-8s %04x:%04x  %s\n         %s; %s\n", boards[i].name,
		       boards[i].ids.vendor, boards[i].ids.device, boards[i].help,
		       boards[i].afu->help, boards[i].maps ? "mapped" : "trapped");
	return EXIT_SUCCESS;
}

static int wrong(const char *what, const char *value)
{
	fprintf(stderr, "opae-emu: %s '%s'; see --help and --list-boards\n", what, value);
	return EXIT_BAD_USE;
}

/* The log has the first ones singly; a user who wonders where data went reads this. */
static void report_faults(void)
{
	struct card_faults f;

	card_faults(card, &f);
	if (f.count)
		fprintf(stderr, "%" PRIu64 " DMA faults in all, the last one a %s at 0x%" PRIx64 "\n",
			f.count, f.last_was_write ? "write" : "read", f.last_iova);
}

static int serve(const struct options *o, const struct board *b, bool mapped)
{
	struct sigaction act = { .sa_handler = on_signal };
	int rc;

	umask(077); /* whoever can reach the socket owns the card */
	rc = card_new(b, o->socket, mapped, &card);
	if (rc) {
		fprintf(stderr, "opae-emu: %s: %s\n", o->socket,
			rc == -EADDRINUSE ? "another process serves this socket" : strerror(-rc));
		return EXIT_FAILURE;
	}
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	printf("card ready: board %s, %s registers, socket %s\n", b->name,
	       mapped ? "mapped" : "trapped", o->socket);
	fflush(stdout);
	rc = card_run(card);
	report_faults();
	card_free(card);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* -1: go on; otherwise the exit code. */
static int parse(int argc, char *argv[], struct options *o)
{
	static const struct option longs[] = { { "socket", required_argument, NULL, 's' },
					       { "board", required_argument, NULL, 'b' },
					       { "mmio", required_argument, NULL, 'm' },
					       { "list-boards", no_argument, NULL, 'l' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 's': o->socket = optarg; break;
		case 'b': o->board = optarg; break;
		case 'm': o->mmio = optarg; break;
		case 'l': return list_boards();
		case 'h': usage(stdout); return EXIT_SUCCESS;
		default: usage(stderr); return EXIT_BAD_USE;
		}
	}
	if (optind == argc && o->socket)
		return -1;
	usage(stderr);
	return EXIT_BAD_USE;
}

int main(int argc, char *argv[])
{
	struct options o = { 0 };
	int code = parse(argc, argv, &o);
	const struct board *b;

	if (code >= 0)
		return code;
	b = board_find(o.board);
	if (!b)
		return wrong("there is no board", o.board);
	if (o.mmio && strcmp(o.mmio, "trap") && strcmp(o.mmio, "map"))
		return wrong("--mmio is trap or map, not", o.mmio);
	return serve(&o, b, o.mmio ? !strcmp(o.mmio, "map") : b->maps);
}
