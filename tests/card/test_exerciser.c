/* SPDX-License-Identifier: BSD-3-Clause */
/* The host exercisers by way of the library: as OPAE's own program drives them, and as it does not. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/card/card.h"

#define LINE 64u
#define LINES 1024u
#define BYTES ((uint64_t)LINES * LINE)

#define CTL 0x138
#define STATUS0 0x160
#define STATUS1 0x168
#define SWTEST 0x158
#define ERROR 0x170

#define CONTINUOUS 0x2u
#define READ_MODE (1u << 2)
#define WRITE_MODE (2u << 2)
#define THROUGHPUT (3u << 2)
#define LENGTH(log2) (((log2)&3u) << 5 | (log2) >> 2 << 30)
#define FETCH_ADD_8 (3u << 7)
#define SWAP_4 (5u << 7)
#define ON_END (1u << 29)

#define UP(name, board, mmio)                                                                      \
	static int name(void **state)                                                              \
	{                                                                                          \
		(void)state;                                                                       \
		return card_up(board, mmio);                                                       \
	}
UP(up_lb, "he-lb", "trap")
UP(up_lb_mapped, "he-lb", "map")
UP(up_mem, "he-mem", "trap")
UP(up_mem_mapped, "he-mem", "map")

static int up_lb_mortal(void **state)
{
	card_needs(CARD_MORTAL);
	return up_lb_mapped(state);
}

static int up_mem_mortal(void **state)
{
	card_needs(CARD_MORTAL);
	return up_mem(state);
}

struct he {
	fpga_handle h;
	struct shared src, dst, dsm;
};

static struct he he_open(fpga_token t)
{
	struct he e = { 0 };

	assert_int_equal(fpgaOpen(t, &e.h, 0), FPGA_OK);
	e.src = shared_new(e.h, BYTES);
	e.dst = shared_new(e.h, BYTES);
	e.dsm = shared_new(e.h, 2048);
	for (size_t i = 0; i < BYTES; i++)
		((uint8_t *)e.src.at)[i] = (uint8_t)(i * 13 + (i >> 7));
	return e;
}

static struct he he_open_only(void)
{
	fpga_token t = only_token();
	struct he e = he_open(t);

	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
	return e;
}

static void he_close(struct he *e)
{
	shared_free(e->h, &e->src);
	shared_free(e->h, &e->dst);
	shared_free(e->h, &e->dsm);
	assert_int_equal(fpgaClose(e->h), FPGA_OK);
}

static void he_start(struct he *e, uint32_t lines, uint32_t cfg)
{
	memset(e->dsm.at, 0, 2048);
	write32(e->h, CTL, 0);
	await_register(e->h, STATUS0, UINT64_MAX, 0); /* mapped: seen, and not one with what follows */
	write32(e->h, CTL, 1);
	write32(e->h, 0x110, (uint32_t)(e->dsm.io / LINE));
	write32(e->h, 0x114, (uint32_t)(e->dsm.io / LINE >> 32));
	write64(e->h, 0x120, e->src.io / LINE);
	write64(e->h, 0x128, e->dst.io / LINE);
	write64(e->h, 0x130, lines - 1);
	write64(e->h, 0x140, cfg);
	write32(e->h, CTL, 3);
}

static uint32_t dsm(const struct he *e, unsigned int word)
{
	return ((const uint32_t *)e->dsm.at)[word];
}

static void he_run(struct he *e, uint32_t lines, uint32_t cfg)
{
	he_start(e, lines, cfg);
	await_memory(e->dsm.at, 1, 1);
}

static void ended_well(struct he *e, uint64_t reads, uint64_t writes)
{
	assert_int_equal(dsm(e, 1), 0);
	assert_int_equal(dsm(e, 4), reads);
	assert_int_equal(dsm(e, 5), writes);
	assert_int_equal(read64(e->h, STATUS0), reads << 32 | (writes + 1));
	assert_int_equal(read64(e->h, STATUS1), 0);
	assert_int_equal(read64(e->h, SWTEST), 0);
	assert_int_equal(read64(e->h, ERROR), 0);
}

static void loopback_of_every_length(void **state)
{
	struct he e = he_open_only();

	(void)state;
	for (uint32_t log2 = 0; log2 <= 4; log2++) {
		memset(e.dst.at, 0, BYTES);
		he_run(&e, LINES, LENGTH(log2));
		ended_well(&e, LINES, LINES);
		assert_memory_equal(e.src.at, e.dst.at, BYTES);
		assert_true((dsm(&e, 2) | dsm(&e, 3)) != 0); /* it took some time */
	}
	he_close(&e);
}

static void one_way(void **state)
{
	struct he e = he_open_only();

	(void)state;
	memset(e.dst.at, 0x5a, BYTES);
	he_run(&e, LINES, READ_MODE | LENGTH(3));
	ended_well(&e, LINES, 0);
	assert_int_equal(((uint8_t *)e.dst.at)[BYTES - 1], 0x5a);
	he_run(&e, LINES - 2, WRITE_MODE | LENGTH(1));
	ended_well(&e, 0, LINES - 2);
	assert_int_equal(((uint64_t *)e.dst.at)[(LINES - 2) * 8 - 1], LINES - 3);
	assert_int_equal(((uint8_t *)e.dst.at)[BYTES - 1], 0x5a);
	he_run(&e, LINES, THROUGHPUT | LENGTH(4) | 2u << 20);
	ended_well(&e, LINES, LINES);
	he_close(&e);
}

/* ---- atomics ---- */

static void check_swaps(struct he *e)
{
	uint32_t *src = e->src.at, *dst = e->dst.at;

	for (uint32_t i = 0; i < 16; i++) {
		src[i * 16] = 1000 + i;
		src[i * 16 + 1] = 7;
	}
	memset(e->dst.at, 0, 16 * LINE);
	he_run(e, 16, SWAP_4);
	ended_well(e, 16, 16);
	for (uint32_t i = 0; i < 16; i++) {
		assert_int_equal(src[i * 16], i);
		assert_int_equal(src[i * 16 + 1], 7);
		assert_int_equal(dst[i * 16], 1000 + i);
		assert_int_equal(dst[i * 16 + 1], 0);
	}
}

/* Memory that is mapped, and memory that the card reaches by messages alone. */
static void atomics(void **state)
{
	struct he e = he_open_only();
	struct shared mapped = e.src;
	void *own = aligned_alloc(LINE, BYTES + LINE);

	(void)state;
	assert_non_null(own);
	check_swaps(&e);
	if (!card_by_driver()) { /* which maps all that there is */
		e.src = shared_own(e.h, (char *)own + LINE, BYTES);
		check_swaps(&e);
		shared_free(e.h, &e.src);
	}
	e.src = mapped;
	he_close(&e);
	free(own);
}

#define ADDS 100000u

/* Program and card count on the same word at the same time. */
static void counting_together(void **state)
{
	struct he e = he_open_only();
	uint64_t *word = (uint64_t *)e.src.at + 8; /* of line 1, to which 1 is added in each pass */

	(void)state;
	card_needs(CARD_ATOMICS);
	*word = 0;
	he_start(&e, 2, FETCH_ADD_8 | CONTINUOUS);
	for (time_t end = time(NULL) + 10; !__atomic_load_n(word, __ATOMIC_SEQ_CST);)
		assert_true(time(NULL) < end);
	for (unsigned int i = 0; i < ADDS; i++)
		__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	write32(e.h, CTL, 5);
	await_memory(e.dsm.at, 1, 1);
	assert_int_equal(dsm(&e, 1), 0);
	assert_true(dsm(&e, 4) >= 2);
	assert_int_equal(*word, ADDS + dsm(&e, 4) / 2);
	he_close(&e);
}

/* ---- interrupt, stop, errors ---- */

static void interrupt(void **state)
{
	struct he e = he_open_only();
	fpga_event_handle eh, other;
	struct pollfd quiet = { .events = POLLIN };
	int fd = event_of(e.h, 3, &eh);

	(void)state;
	quiet.fd = event_of(e.h, 0, &other);
	write32(e.h, 0x150, 3u << 16);
	for (int i = 0; i < 5; i++) {
		memset(e.dst.at, 0, BYTES);
		he_start(&e, LINES, ON_END | LENGTH(2));
		await_event(fd);
		assert_int_equal(dsm(&e, 0) & 1, 1); /* the line is there before the interrupt */
		assert_memory_equal(e.src.at, e.dst.at, BYTES);
	}
	assert_int_equal(poll(&quiet, 1, 0), 0);
	assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_OK);
	assert_int_equal(fpgaDestroyEventHandle(&other), FPGA_OK);
	he_close(&e);
}

static void continuous_until_it_is_stopped(void **state)
{
	static const uint32_t modes[] = { 0, READ_MODE, WRITE_MODE, THROUGHPUT | 1u << 20 };
	struct he e = he_open_only();

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		time_t end = time(NULL) + 10;
		uint64_t status;

		he_start(&e, LINES, modes[i] | CONTINUOUS | LENGTH(4));
		do
			status = read64(e.h, STATUS0);
		while ((status >> 32) + (status & UINT32_MAX) < 4 * LINES && time(NULL) < end);
		assert_int_equal(dsm(&e, 0), 0);
		write32(e.h, CTL, 5);
		await_memory(e.dsm.at, 1, 1);
		assert_int_equal(dsm(&e, 1), 0);
		if (dsm(&e, 4) + dsm(&e, 5) < 4 * LINES)
			fail_msg("mode 0x%x: %u reads, %u writes; the status before was 0x%llx", modes[i],
				 dsm(&e, 4), dsm(&e, 5), (unsigned long long)status);
	}
	he_close(&e);
}

/* A buffer that may be read, and not be changed. */
static void read_only(struct he *e)
{
	uint64_t id;
	void *p = NULL;

	assert_int_equal(fpgaPrepareBuffer(e->h, 4096, &p, &id, FPGA_BUF_READ_ONLY), FPGA_OK);
	assert_int_equal(fpgaGetIOAddress(e->h, id, &e->src.io), FPGA_OK);
	he_run(e, 16, 0);
	assert_int_equal(dsm(e, 1), 0);
	he_run(e, 16, SWAP_4);
	assert_int_equal(dsm(e, 1), 1);
	assert_int_equal(*(uint64_t *)p, 0);
	assert_int_equal(fpgaReleaseBuffer(e->h, id), FPGA_OK);
}

static void errors(void **state)
{
	struct he e = he_open_only();
	uint64_t good = e.src.io;

	(void)state;
	e.src.io = UINT64_C(0xdead000000);
	he_run(&e, LINES, 0);
	assert_int_equal(dsm(&e, 1), 1);
	assert_int_equal(read64(e.h, ERROR), 1);
	assert_int_equal(read64(e.h, SWTEST), 1);
	he_run(&e, LINES, SWAP_4);
	assert_int_equal(dsm(&e, 1), 1);
	if (!card_by_driver()) /* which has no such buffers */
		read_only(&e);
	e.src.io = good;
	he_run(&e, LINES - 1, LENGTH(2));
	assert_int_equal(dsm(&e, 1), 8);
	he_run(&e, LINES, SWAP_4 | READ_MODE);
	assert_int_equal(dsm(&e, 1), 0x10);
	he_run(&e, LINES, 0);
	ended_well(&e, LINES, LINES);
	he_close(&e);
}

/* ---- reset, close, death in mid-run ---- */

static void run_for_ever(struct he *e, uint32_t cfg)
{
	he_start(e, LINES, cfg | CONTINUOUS | ON_END);
	await_memory((uint8_t *)e->dst.at + BYTES - 8, UINT64_MAX,
		     ((uint64_t *)e->src.at)[BYTES / 8 - 1]);
}

static void reset_ends_it(void **state)
{
	struct he e = he_open_only();
	fpga_event_handle eh;
	struct pollfd p = { .events = POLLIN };

	(void)state;
	p.fd = event_of(e.h, 0, &eh);
	for (uint32_t i = 0; i < 4; i++) {
		memset(e.dst.at, 0, BYTES);
		run_for_ever(&e, LENGTH(i) | (i & 1)); /* with delays as well */
		assert_int_equal(fpgaReset(e.h), FPGA_OK);
		memset(e.dst.at, 0x11, BYTES);
		assert_int_equal(read64(e.h, STATUS0), 0);
		assert_int_equal(poll(&p, 1, 10), 0); /* in which time nothing may happen */
		for (size_t at = 0; at < BYTES; at++)
			assert_int_equal(((uint8_t *)e.dst.at)[at], 0x11);
		assert_int_equal(dsm(&e, 0), 0);
		he_run(&e, LINES, 0);
		ended_well(&e, LINES, LINES);
	}
	assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_OK);
	he_close(&e);
}

static void close_ends_it(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct he e = he_open_only();

		assert_int_equal(read64(e.h, STATUS0), 0);
		assert_int_equal(read64(e.h, 0x120), 0);
		run_for_ever(&e, 0);
		assert_int_equal(fpgaClose(e.h), FPGA_OK);
	}
}

static void a_card_that_dies(void **state)
{
	struct he e = he_open_only();
	uint64_t v = 0;

	(void)state;
	run_for_ever(&e, 0);
	card_end(card, SIGKILL);
	card = 0;
	for (time_t end = time(NULL) + 10; time(NULL) < end; usleep(1000))
		if (fpgaReadMMIO64(e.h, 0, 0x8, &v) == FPGA_EXCEPTION)
			break;
	assert_int_equal(fpgaReadMMIO64(e.h, 0, 0x8, &v), FPGA_EXCEPTION);
	memset(e.dst.at, 0x11, BYTES); /* its memory is still there, and nobody writes to it */
	assert_int_equal(dsm(&e, 0), 0);
	assert_int_equal(fpgaClose(e.h), FPGA_EXCEPTION);
}

/* ---- several cards ---- */

#define CARDS 4u

static void *exercise(void *arg)
{
	struct he *e = arg;

	for (uint32_t i = 0; i < 20; i++) {
		memset(e->dst.at, 0, BYTES);
		he_run(e, LINES, LENGTH(i % 5));
		ended_well(e, LINES, LINES);
		assert_memory_equal(e->src.at, e->dst.at, BYTES);
	}
	return NULL;
}

static void several_at_once(void **state)
{
	static const char *const boards[CARDS] = { "he-lb", "he-mem", "he-mem", "he-lb" };
	pid_t pids[CARDS];
	fpga_token tokens[CARDS];
	pthread_t threads[CARDS];
	struct he e[CARDS];
	uint32_t n;

	(void)state;
	for (unsigned int i = 0; i < CARDS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "card%u", i);
		pids[i] = card_start(name, boards[i], i % 2 ? "map" : "trap");
	}
	library_start("{\"timeout_ms\": 3000}");
	assert_int_equal(fpgaEnumerate(NULL, 0, tokens, CARDS, &n), FPGA_OK);
	assert_int_equal(n, CARDS);
	for (unsigned int i = 0; i < CARDS; i++)
		e[i] = he_open(tokens[i]);
	for (unsigned int i = 0; i < CARDS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, exercise, &e[i]), 0);
	for (unsigned int i = 0; i < CARDS; i++) {
		pthread_join(threads[i], NULL);
		he_close(&e[i]);
		fpgaDestroyToken(&tokens[i]);
	}
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	for (unsigned int i = 0; i < CARDS; i++)
		card_end(pids[i], SIGTERM);
}

int main(void)
{
#define ON(rig, t) cmocka_unit_test_setup_teardown(t, rig, card_down)
#define ALL(t) ON(up_lb, t), ON(up_lb_mapped, t), ON(up_mem, t), ON(up_mem_mapped, t)
	const struct CMUnitTest tests[] = {
		ALL(loopback_of_every_length),
		ALL(one_way),
		ON(up_lb, atomics),
		ON(up_mem_mapped, atomics),
		ON(up_lb, counting_together),
		ON(up_lb_mapped, counting_together),
		ALL(interrupt),
		ALL(continuous_until_it_is_stopped),
		ON(up_lb, errors),
		ON(up_mem_mapped, errors),
		ALL(reset_ends_it),
		ALL(close_ends_it),
		ON(up_lb_mortal, a_card_that_dies),
		ON(up_mem_mortal, a_card_that_dies),
		cmocka_unit_test(several_at_once),
	};

	return CARD_RUN(tests);
}
