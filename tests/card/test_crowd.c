/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many processes look at the cards while one opens and closes them in turn: nobody who looks misses a
 * card, and nobody who opens hears that somebody who only looks has it.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/card/card.h"

#define MOST_LOOKERS 32
#define OPENS 4 /* of each */
#define CARDS 3
#define ROOM 16u

static pid_t cards[CARDS];
static atomic_bool *ended; /* in memory that all share */

static const char *const boards[CARDS] = { "nlb0", "hello", "a10" };
#define TOKENS 4u /* a10 has a management engine too */

static bool has_guid(fpga_token t)
{
	fpga_properties p = NULL;
	fpga_objtype type;
	fpga_guid guid;
	bool known;

	if (fpgaGetProperties(t, &p) != FPGA_OK)
		return false;
	known = fpgaPropertiesGetObjectType(p, &type) == FPGA_OK &&
		fpgaPropertiesGetGUID(p, &guid) == FPGA_OK;
	fpgaDestroyProperties(&p);
	return known;
}

/* ---- what a child does; it says what went wrong by its exit status ---- */

static int look_once(bool known)
{
	fpga_token list[ROOM];
	uint32_t n = 0;

	if (fpgaEnumerate(NULL, 0, list, ROOM, &n) != FPGA_OK)
		return 1;
	if (known ? n != TOKENS : n < CARDS || n > TOKENS) {
		fprintf(stderr, "%u tokens: %s\n", n, opaex_error_detail());
		return 2;
	}
	for (uint32_t k = 0; k < n; k++)
		if ((known && !has_guid(list[k])) || fpgaDestroyToken(&list[k]) != FPGA_OK)
			return 3;
	return 0;
}

/* Ends after who opens. The pause leaves the others a part of the machine, however small it is. */
static int look(bool known)
{
	int rc = 0;

	while (!rc && !atomic_load(ended)) {
		rc = look_once(known);
		usleep(2000);
	}
	return rc;
}

static int open_once(fpga_token t)
{
	fpga_result r;
	fpga_handle h;
	uint64_t v;

	r = fpgaOpen(t, &h, 0);
	if (r != FPGA_OK)
		fprintf(stderr, "fpgaOpen: %s: %s\n", fpgaErrStr(r), opaex_error_detail());
	if (r != FPGA_OK)
		return 5;
	r = fpgaReadMMIO64(h, 0, 8, &v);
	if (r == FPGA_NOT_SUPPORTED && card_by_driver())
		r = FPGA_OK; /* it keeps the registers of an FPGA_DEVICE */
	return fpgaClose(h) == FPGA_OK && r == FPGA_OK ? 0 : 6;
}

static int open_in_turn(void)
{
	fpga_token list[ROOM];
	uint32_t n = 0;
	int rc = 0;

	if (fpgaEnumerate(NULL, 0, list, ROOM, &n) != FPGA_OK || n < CARDS)
		return 4;
	for (uint32_t i = 0; i < card_times(OPENS) * n && !rc; i++)
		rc = open_once(list[i % n]);
	while (n)
		fpgaDestroyToken(&list[--n]);
	return rc;
}

static pid_t child(bool opens, bool known, const char *config)
{
	pid_t pid = fork();
	int rc;

	if (pid)
		return pid;
	alarm(100);
	if (fpgaInitialize(config) != FPGA_OK)
		_exit(7);
	rc = opens ? open_in_turn() : look(known);
	fpgaFinalize();
	if (opens)
		atomic_store(ended, true);
	_exit(rc);
}

static const char *write_config(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/crowd.cfg", card_dir());
	library_configure(path, "{}");
	return path;
}

static void crowd(bool known)
{
	const char *config = write_config();
	unsigned int lookers = card_times(MOST_LOOKERS);
	pid_t all[MOST_LOOKERS + 1];
	int status;

	atomic_store(ended, false);
	for (unsigned int i = 0; i <= lookers; i++)
		all[i] = child(!i, known, config);
	for (unsigned int i = 0; i <= lookers; i++) {
		assert_int_equal(waitpid(all[i], &status, 0), all[i]);
		assert_int_equal(status, 0);
	}
	unlink(config);
}

static void nothing_is_known(void **state)
{
	(void)state;
	crowd(false);
}

static void all_is_known(void **state)
{
	fpga_token list[ROOM];
	uint32_t n = 0;
	pid_t pid = fork();
	int status;

	(void)state;
	if (!pid) { /* not here: what was forked of a library that runs is another test */
		library_start("{}");
		fpgaEnumerate(NULL, 0, list, ROOM, &n);
		_exit(n == TOKENS ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	crowd(true);
}

static int up(void **state)
{
	char path[128], name[16];

	(void)state;
	for (unsigned int i = 0; i < CARDS; i++) {
		snprintf(name, sizeof(name), "card%u", i);
		cards[i] = card_start(name, boards[i], "trap");
	}
	snprintf(path, sizeof(path), "%s/inventory", card_dir());
	unlink(path);
	return 0;
}

static int down(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < CARDS; i++)
		card_end(cards[i], SIGTERM);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { RIGGED(nothing_is_known), RIGGED(all_is_known) };

	ended = mmap(NULL, sizeof(*ended), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return ended == MAP_FAILED ? 1 : CARD_RUN(tests);
}
