/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/cards.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define START_NS (30 * NS_PER_S) /* all of them, on a machine that has other things to do */
#define END_NS (10 * NS_PER_S)

static bool start_one(struct program *p, const char *program, const char *socket,
		      const struct cards_kind *kind, int cpu)
{
	const char *argv[] = { "opae-emu",  "--socket", socket,	      "--board",    kind->board,
			       "--mmio",    kind->mmio, "--faults",   kind->faults, NULL };

	if (!kind->faults)
		argv[7] = NULL;
	return program_start(p, "the emulated card", program, argv,
			     &(struct program_frame){ .cpu = cpu });
}

bool cards_start(struct cards *c, const char *program, const struct cards_kind *kind,
		 unsigned int num, int cpu)
{
	int64_t deadline = clock_deadline(START_NS);
	char line[256];

	c->num = 0;
	for (unsigned int i = 0; i < num; i++) {
		char socket[CARDS_DIR_MAX + 24];

		snprintf(socket, sizeof(socket), "%s/card%u.sock", c->dir, i);
		if (!start_one(&c->card[i], program, socket, kind, cpu))
			return false;
		c->num++;
	}
	for (unsigned int i = 0; i < num; i++)
		if (!program_line(&c->card[i], line, sizeof(line), deadline))
			return false;
		else if (strncmp(line, "card ready", 10))
			return bench_fail("the emulated card says: %s", line);
	return true;
}

/* Its last words are "served N messages for M clients". */
static bool read_served(struct program *card, double *messages)
{
	int64_t deadline = clock_deadline(END_NS);
	char line[256];
	uint64_t n;

	do
		if (!program_line(card, line, sizeof(line), deadline))
			return false;
	while (sscanf(line, "served %" SCNu64 " messages", &n) != 1);
	*messages += (double)n;
	return true;
}

bool cards_end(struct cards *c, double *messages)
{
	bool good = true;

	if (messages)
		*messages = 0;
	for (unsigned int i = 0; i < c->num; i++)
		kill(c->card[i].pid, SIGTERM);
	for (unsigned int i = 0; i < c->num; i++) {
		good = good && (!messages || read_served(&c->card[i], messages));
		if (!program_end(&c->card[i]) && good)
			good = bench_fail("an emulated card did not end well");
	}
	c->num = 0;
	return good;
}
