/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * v-opae as it is installed, on emulated cards, with this program for its host: the n-th call to the
 * kernel fails, for every n from the first look at a device to its close. Before the failure every call
 * works; from it on each works or says so with a code that fits; nothing stays open or mapped; and
 * without a failure all of it works again.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/card/card.h"
#include "tests/card/plugin-host.h"
#include "tests/unit/check.h"
#include "tests/unit/seam.h"

#define SCRATCH 0x108u
#define MAX_TOKENS 16u
#define HUGE_BYTES (2u << 20) /* from here on huge pages are tried first */
#define NOTHING_FAILED 2

static int error; /* which the call fails with now */

/* ---- one life, in which a call may fail ---- */

/* Every code that comes back is judged here. */
static bool fine(const char *call, fpga_result r)
{
	if (r == FPGA_OK)
		return true;
	if (!seam_failed())
		fail_msg("%s: %d before anything failed: %s", call, (int)r, detail);
	if (r != FPGA_EXCEPTION && r != FPGA_NO_MEMORY)
		fail_msg("%s: %d after %s: %s", call, (int)r, strerror(error), detail);
	return false;
}

/* The accelerator among what is found; NULL: the failure hid it. Frees the rest. */
static fpga_token find_accelerator(void)
{
	fpga_token list[MAX_TOKENS], found = NULL;
	uint32_t n = 0;

	if (!fine("enumerate", table.enumerate(table.instance, NULL, 0, list, MAX_TOKENS, &n)))
		return NULL;
	assert_true(n <= MAX_TOKENS);
	for (uint32_t i = 0; i < n; i++) {
		struct opae_props *p;
		fpga_properties prop = NULL;

		if (fine("properties", table.fpgaGetProperties(list[i], &prop))) {
			p = prop;
			if (p->objtype == FPGA_ACCELERATOR && p->valid & OPAE_PROP_GUID && !found) {
				assert_int_equal(p->guid[0], 0xd8);
				found = list[i];
			}
		}
		free(prop);
		if (found != list[i])
			assert_int_equal(table.fpgaDestroyToken(&list[i]), FPGA_OK);
	}
	if (!found && !seam_failed())
		fail_msg("the accelerator is not found");
	return found;
}

static void registers(fpga_handle h)
{
	uint64_t v = 0;

	if (fine("write", table.fpgaWriteMMIO64(h, 0, SCRATCH, 0x1122334455667788)) &&
	    fine("read", table.fpgaReadMMIO64(h, 0, SCRATCH, &v)) &&
	    fine("write32", table.fpgaWriteMMIO32(h, 0, SCRATCH, 9)))
		assert_int_equal(v, 0x1122334455667788);
}

static void own_buffer(fpga_handle h, uint64_t len)
{
	uint64_t id = 0, io = 0;
	void *at = NULL;

	if (!fine("prepare", table.fpgaPrepareBuffer(h, len, &at, &id, 0)))
		return;
	memset(at, 7, len);
	assert_int_equal(table.fpgaGetIOAddress(h, id, &io), FPGA_OK);
	assert_true(io);
	fine("release", table.fpgaReleaseBuffer(h, id));
}

/* The caller's bytes are there in the end, whatever failed. */
static void given_buffer(fpga_handle h)
{
	bool was = seam_pause();
	uint64_t id;
	void *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *given = pages;

	assert_ptr_not_equal(pages, MAP_FAILED);
	memset(pages, 3, 8192);
	seam_resume(was);
	if (fine("adopt", table.fpgaPrepareBuffer(h, 8192, &given, &id, FPGA_BUF_PREALLOCATED))) {
		memset(pages, 4, 8192);
		fine("release", table.fpgaReleaseBuffer(h, id));
		assert_int_equal(((char *)pages)[8191], 4);
	} else {
		assert_int_equal(((char *)pages)[8191], 3);
	}
	munmap(pages, 8192);
}

static void interrupts(fpga_handle h)
{
	fpga_event_handle e = NULL;

	if (!fine("create event", table.create_event(table.instance, &e)))
		return;
	if (fine("register", table.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, e, 0)))
		fine("unregister", table.fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, e));
	assert_int_equal(table.fpgaDestroyEventHandle(&e), FPGA_OK);
}

static void use(fpga_handle h)
{
	registers(h);
	own_buffer(h, 4096);
	own_buffer(h, HUGE_BYTES);
	given_buffer(h);
	interrupts(h);
	fine("reset", table.fpgaReset(h));
	registers(h);
}

static void open_and_use(void)
{
	fpga_token t = find_accelerator();
	fpga_handle h = NULL;

	if (!t)
		return;
	if (fine("open", table.fpgaOpen(t, &h, 0))) {
		use(h);
		fine("close", table.fpgaClose(h));
	}
	assert_int_equal(table.fpgaDestroyToken(&t), FPGA_OK);
}

/* Nothing is known; then this process knows; then only the file does. */
static void life(void)
{
	fpga_token t;

	open_and_use();
	t = find_accelerator();
	if (t)
		table.fpgaDestroyToken(&t);
	table.finalize(table.instance);
	assert_int_equal(table.initialize(table.instance), 0);
	t = find_accelerator();
	if (t)
		table.fpgaDestroyToken(&t);
}

/* ---- every call in turn ---- */

static void forget(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/inventory", card_dir());
	unlink(path);
}

/* What is behind a device that nobody has is the same before and after. */
static void start(void)
{
	forget();
	assert_int_equal(table.initialize(table.instance), 0);
}

static void end(int fds, int maps)
{
	table.finalize(table.instance);
	assert_int_equal(seam_count_fds(), fds);
	assert_int_equal(seam_count_maps(), maps);
}

/* Each call fails with one of the errors; `turn` says which begins. Returns how many calls there are. */
static int fail_each(void (*job)(void), unsigned int turn, bool any_thread)
{
	static const int errors[] = { ENOMEM, EMFILE, EIO };
	int fds, maps, n = 0;
	bool failed;

	start();
	job(); /* what a process has once is there from now on */
	table.finalize(table.instance);
	fds = seam_count_fds();
	maps = seam_count_maps();
	do {
		assert_true(++n < 20000);
		error = errors[((unsigned int)n + turn) % 3];
		start();
		seam_arm(n, error, any_thread);
		job();
		seam_disarm();
		failed = seam_failed();
		end(fds, maps);
		start();
		seam_arm(0, 0, false); /* nothing fails: all must work */
		job();
		seam_disarm();
		end(fds, maps);
	} while (failed);
	return n;
}

/* In a process of its own, for the first open prepares what the process has once. */
static int first_open(int n)
{
	fpga_token t;
	fpga_handle h;
	bool failed;

	alarm(20);
	start();
	t = find_accelerator();
	error = EMFILE;
	seam_arm(n, error, false);
	if (fine("open", table.fpgaOpen(t, &h, 0)))
		table.fpgaClose(h);
	seam_disarm();
	failed = seam_failed();
	if (table.fpgaOpen(t, &h, 0) != FPGA_OK) {
		fprintf(stderr, "the first open's call %d failed, and so does the next: %s\n", n, detail);
		return EXIT_FAILURE;
	}
	table.fpgaClose(h);
	return failed ? EXIT_SUCCESS : NOTHING_FAILED;
}

static void the_first_open_fails_and_the_next_works(void **state)
{
	int status, n = 0;

	(void)state;
	do {
		pid_t child = fork();

		n++;
		if (!child)
			_exit(first_open(n));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(status == 0 || status == NOTHING_FAILED << 8);
	} while (!status);
	assert_true(n > 20);
}

static void a_trapped_card(void **state)
{
	(void)state;
	assert_true(fail_each(life, 0, false) > 100);
}

static void a_mapped_card(void **state)
{
	(void)state;
	assert_true(fail_each(life, 1, false) > 100);
}

static void a_card_with_ports(void **state)
{
	(void)state;
	assert_true(fail_each(life, 2, false) > 300);
}

/* ---- several cards, looked at by several threads ---- */

static void enumerate_only(void)
{
	fpga_token list[MAX_TOKENS];
	uint32_t n = 0;

	if (!fine("enumerate", table.enumerate(table.instance, NULL, 0, list, MAX_TOKENS, &n)))
		return;
	assert_true(n <= 3);
	if (!seam_failed())
		assert_int_equal(n, 3);
	while (n)
		assert_int_equal(table.fpgaDestroyToken(&list[--n]), FPGA_OK);
}

static void three_cards(void **state)
{
	pid_t more[2] = { card_start("card1", "hello", "trap"), card_start("card2", "bench", "map") };

	(void)state;
	assert_true(fail_each(enumerate_only, 0, true) > 100);
	card_end(more[0], SIGTERM);
	card_end(more[1], SIGTERM);
}

static int up(const char *board, const char *mmio)
{
	card = card_start("card0", board, mmio);
	return 0;
}

static int up_trap(void **state)
{
	(void)state;
	return up("nlb0", "trap");
}

static int up_map(void **state)
{
	(void)state;
	return up("nlb0", "map");
}

static int up_ports(void **state)
{
	(void)state;
	return up("a10", "trap");
}

static int down(void **state)
{
	(void)state;
	card_end(card, SIGTERM);
	return 0;
}

#define ON(board, test) cmocka_unit_test_setup_teardown(test, up_##board, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(map, the_first_open_fails_and_the_next_works),
		ON(trap, a_trapped_card),
		ON(map, a_mapped_card),
		ON(ports, a_card_with_ports),
		ON(trap, three_cards),
	};

	card_dir();
	/* spin_us 0: a wait that spins makes as many calls as it likes. */
	plugin_up("{\"spin_us\": 0, \"timeout_ms\": 3000}", seam_table());
	return RUN(tests);
}
