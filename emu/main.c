/* SPDX-License-Identifier: BSD-3-Clause */
/* opae-emu: an emulated FPGA card behind a vfio-user socket. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "emu/board.h"
#include "emu/card.h"
#include "emu/inject.h"

enum { EXIT_BAD_USE = 2 };

struct options {
	const char *socket, *board, *mmio, *afus, *faults;
};

static struct card *card;
static atomic_bool ending;

static void on_signal(int sig)
{
	(void)sig;
	card_stop(card);
}

static void usage(FILE *out)
{
	fprintf(out,
		"usage: opae-emu --socket PATH [--board NAME] [--afu NAME,...] [--mmio trap|map]\n"
		"                [--faults FAULT,...]\n"
		"       opae-emu --list-boards\n"
		"\n"
		"Plays an FPGA card for one client at a time, until SIGTERM or SIGINT.\n"
		"  --socket PATH    unix socket to listen on\n"
		"  --board NAME     which card; nlb0 without it\n"
		"  --afu NAME,...   which accelerators are in its ports, first to last\n"
		"  --mmio trap|map  registers by messages in exact order, or as mapped memory\n"
		"  --faults FAULT,...  what is wrong with it:\n"
		"%s"
		"  --list-boards    the cards, accelerators and faults there are\n",
		inject_help);
}

static int list_boards(void)
{
	for (unsigned int i = 0; i < num_boards; i++) {
		const struct board *b = &boards[i];

		printf("%-8s %04x:%04x  %s; %s\n        ", b->name, b->ids.vendor, b->ids.device,
		       b->help, b->maps ? "mapped" : "trapped");
		for (unsigned int p = 0; p < b->num_ports; p++)
			printf(" %s", b->ports[p].afu->name);
		printf("\n");
	}
	printf("\nAccelerators:\n");
	for (unsigned int i = 0; i < num_board_afus; i++)
		printf("%-8s %s\n", board_afus[i]->name, board_afus[i]->help);
	printf("\nFaults:\n%s", inject_help);
	return EXIT_SUCCESS;
}

static int wrong(const char *what, const char *value)
{
	fprintf(stderr, "opae-emu: %s '%s'; see --help and --list-boards\n", what, value);
	return EXIT_BAD_USE;
}

/* The log has the first faults singly; a user who wonders where data went reads this. */
static void report(void)
{
	struct card_counts n;

	card_counts(card, &n);
	printf("served %" PRIu64 " messages for %" PRIu64 " clients\n", n.messages, n.clients);
	fflush(stdout);
	if (n.dma_faults)
		fprintf(stderr, "%" PRIu64 " DMA faults in all, the last one a %s at 0x%" PRIx64 "\n",
			n.dma_faults, n.last_fault_was_write ? "write" : "read", n.last_fault_iova);
}

/* SIGUSR1 is blocked everywhere and waited for here: what it does takes locks. */
static void *wait_for_faults(void *arg)
{
	const sigset_t *set = arg;
	int sig;

	while (!sigwait(set, &sig) && !atomic_load(&ending))
		card_raise(card);
	return NULL;
}

static int run(const sigset_t *set)
{
	pthread_t waiter;
	void *arg;
	int rc;

	memcpy(&arg, &set, sizeof(arg)); /* only read */
	rc = -pthread_create(&waiter, NULL, wait_for_faults, arg);
	if (rc)
		return rc;
	rc = card_run(card);
	atomic_store(&ending, true);
	pthread_kill(waiter, SIGUSR1);
	pthread_join(waiter, NULL);
	return rc;
}

static int serve(const struct options *o, const struct board *b, bool mapped,
		 const struct inject *inject)
{
	struct sigaction act = { .sa_handler = on_signal };
	sigset_t set;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* whoever read the output may be gone */
	umask(077); /* whoever can reach the socket owns the card */
	rc = card_new(b, o->socket, mapped, inject, &card);
	if (rc) {
		fprintf(stderr, "opae-emu: %s: %s\n", o->socket,
			rc == -EADDRINUSE ? "another process serves this socket" : strerror(-rc));
		return EXIT_FAILURE;
	}
	sigaction(SIGTERM, &act, NULL); /* before anybody is told that there is something to be ended */
	sigaction(SIGINT, &act, NULL);
	printf("card ready: board %s, %s registers, socket %s\n", b->name,
	       mapped ? "mapped" : "trapped", o->socket);
	fflush(stdout);
	rc = run(&set);
	report();
	card_free(card);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* -1: go on; otherwise the exit code. */
static int parse(int argc, char *argv[], struct options *o)
{
	static const struct option longs[] = { { "socket", required_argument, NULL, 's' },
					       { "board", required_argument, NULL, 'b' },
					       { "mmio", required_argument, NULL, 'm' },
					       { "afu", required_argument, NULL, 'a' },
					       { "faults", required_argument, NULL, 'f' },
					       { "list-boards", no_argument, NULL, 'l' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 's': o->socket = optarg; break;
		case 'b': o->board = optarg; break;
		case 'm': o->mmio = optarg; break;
		case 'a': o->afus = optarg; break;
		case 'f': o->faults = optarg; break;
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
	const struct board *found;
	struct inject inject = { 0 };
	const char *bad;
	char why[160];
	struct board b;

	if (code >= 0)
		return code;
	found = board_find(o.board);
	if (!found)
		return wrong("there is no board", o.board);
	b = *found;
	if (o.afus && !board_set_afus(&b, o.afus, &bad))
		return wrong("there is no such accelerator, or no port left for it:", bad);
	if (o.mmio && strcmp(o.mmio, "trap") && strcmp(o.mmio, "map"))
		return wrong("--mmio is trap or map, not", o.mmio);
	if (o.faults && !inject_parse(o.faults, &inject, why, sizeof(why))) {
		fprintf(stderr, "opae-emu: --faults: %s; see --help\n", why);
		return EXIT_BAD_USE;
	}
	return serve(&o, &b, o.mmio ? !strcmp(o.mmio, "map") : b.maps, &inject);
}
