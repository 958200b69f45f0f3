/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The management engine's and the ports' registers, their card played by this file: what the kernel's
 * DFL driver reads and waits for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "emu/board.h"
#include "emu/card.h"
#include "emu/dfl.h"
#include "emu/inject.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-card.h"

#define NEXT(head) ((head) >> 16 & 0xffffff)

static const struct board *board;
static struct inject inject;
static unsigned int holds, releases;
static unsigned int replaced_port;
static const struct block_ops *replaced;
static int replace_result;
static struct card_traffic traffic[BOARD_MAX_PORTS];
static struct block fme, port;
static uint64_t fme_regs[0x8000 / 8], port_regs[0x10000 / 8];

const struct board *card_board(const struct card *c)
{
	(void)c;
	return board;
}

const struct inject *card_inject(const struct card *c)
{
	(void)c;
	return &inject;
}

void card_hold_port(struct card *c, unsigned int n, bool hold)
{
	(void)c;
	(void)n;
	*(hold ? &holds : &releases) += 1;
}

int card_replace_afu(struct card *c, unsigned int n, const struct block_ops *ops)
{
	(void)c;
	replaced_port = n;
	replaced = ops;
	return replace_result;
}

void card_traffic(const struct card *c, unsigned int n, struct card_traffic *out)
{
	(void)c;
	assert_true(n < board->num_ports);
	*out = traffic[n];
}

static void init_board(const char *name)
{
	board = board_find(name);
	assert_non_null(board);
	memset(fme_regs, 0xa5, sizeof(fme_regs));
	memset(port_regs, 0xa5, sizeof(port_regs));
	interrupts = holds = releases = 0;
	replaced = NULL;
	replace_result = 0;
	free(fme.state);
	free(port.state);
	fme = (struct block){ .ops = &block_fme, .regs = (uint8_t *)fme_regs,
			      .size = sizeof(fme_regs), .num_vectors = 1,
			      .state = calloc(1, block_fme.state_size) };
	port = (struct block){ .ops = &block_port, .regs = (uint8_t *)port_regs,
			       .size = sizeof(port_regs), .first_vector = 1, .num_vectors = 1,
			       .state = calloc(1, block_port.state_size) };
	assert_non_null(fme.state);
	assert_non_null(port.state);
	block_fme.reset(&fme);
	block_port.reset(&port);
}

static int up(void **state)
{
	(void)state;
	memset(&inject, 0, sizeof(inject));
	memset(traffic, 0, sizeof(traffic));
	init_board("a10");
	return 0;
}

static int down(void **state)
{
	(void)state;
	free(fme.state);
	free(port.state);
	fme.state = port.state = NULL;
	return 0;
}

static void put_in(struct block *b, uint64_t offset, uint64_t v)
{
	b->ops->written(b, offset, v, 8);
}

/* Follows a list; the ids in order, 0xfff after the last. */
static void list_of(const struct block *b, unsigned int *ids, uint64_t *end)
{
	uint64_t at = 0, head;

	for (unsigned int n = 0;; n++) {
		assert_true(n < 16 && at < b->size);
		head = block_get64(b, at);
		ids[n] = (unsigned int)(head & 0xfff);
		ids[n + 1] = 0xfff;
		*end = at + NEXT(head);
		if (head & DFH_EOL || *end >= b->size)
			return;
		assert_int_not_equal(NEXT(head), 0);
		at = *end;
	}
}

static void lists(void **state)
{
	static const unsigned int of_fme[] = { 0, 1, 2, 3, 4, 5, 0x15, 0xfff };
	static const unsigned int of_port[] = { 1, 0x10, 0x12, 0x13, 0xfff };
	static const unsigned int with_bridge[] = { 1, 0x10, 0x12, 0x13, 0x14, 0xff0, 0xfff };
	unsigned int ids[17];
	uint64_t end;

	(void)state;
	list_of(&fme, ids, &end);
	assert_memory_equal(ids, of_fme, sizeof(of_fme));
	assert_int_equal(block_get64(&fme, 0x08), 0x82fe38f0f9e17764);
	assert_int_equal(block_get64(&fme, 0x10), 0xbfaf2ae94a5246e3);
	assert_int_equal(block_get64(&fme, 0x5000) & DFH_V1, DFH_V1);
	list_of(&port, ids, &end);
	assert_memory_equal(ids, of_port, sizeof(of_port));
	init_board("n6000"); /* one list: the first port follows the FME, the second one the first */
	list_of(&fme, ids, &end);
	assert_int_equal(end, board->ports[0].offset);
	list_of(&port, ids, &end);
	assert_memory_equal(ids, with_bridge, sizeof(with_bridge));
	assert_int_equal(end, board->ports[1].offset - board->ports[0].offset);
}

static void where_the_ports_are(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(block_get64(&fme, 0x30) >> 17 & 7, 1);
	v = block_get64(&fme, 0x38);
	assert_int_equal(v >> 60 & 1, 1);
	assert_int_equal(v >> 32 & 7, 2);
	assert_int_equal(block_get64(&fme, 0x40), 0);
	put_in(&fme, 0x38, 1ull << 55); /* given to a VF: the rest stays */
	assert_int_equal(block_get64(&fme, 0x38), v | 1ull << 55);
	put_in(&fme, 0x40, 1ull << 55); /* a port that there is not */
	assert_int_equal(block_get64(&fme, 0x40), 0);
	v = block_get64(&port, 0x30);
	assert_int_equal(v & 3, 0);
	assert_int_equal((v >> 8 & 0xffff) * 1024, board->ports[0].afu_size);
	assert_int_equal(block_get64(&port, 0x18), board->ports[0].afu_offset);
	v = block_get64(&port, 0x2008);
	assert_int_equal(v & 0xfff, 4);
	assert_true((v >> 12 & 0xfff) + (v & 0xfff) <= board_vectors(board));
	init_board("n6000");
	assert_int_equal(block_get64(&fme, 0x38) >> 32 & 7, 7); /* along the list */
}

static void heat_and_power(void **state)
{
	(void)state;
	assert_int_equal(block_get64(&fme, 0x1010) & 0x7f, 45);
	assert_int_equal(block_get64(&fme, 0x2008) & 0x3ffff, 23);
	inject.temperature = 99;
	inject.power = 7;
	init_board("a10");
	assert_int_equal(block_get64(&fme, 0x1010) & 0x7f, 99);
	assert_int_equal(block_get64(&fme, 0x2008) & 0x3ffff, 7);
	put_in(&fme, 0x1010, 1);
	assert_int_equal(block_get64(&fme, 0x1010) & 0x7f, 99); /* only read */
}

#define HEAT_REACHED(v) ((v) >> 32 & 3)
#define POWER_REACHED(v) ((v) >> 16 & 3)

static void heat_that_comes_and_goes(void **state)
{
	(void)state;
	assert_int_equal(block_get64(&fme, 0x1008), 90 | 1 << 7 | 93 << 8 | 1 << 15 | 100 << 24);
	inject.heat = 91;
	block_fme.raise(&fme);
	assert_int_equal(block_get64(&fme, 0x1010), 91);
	assert_int_equal(HEAT_REACHED(block_get64(&fme, 0x1008)), 1);
	put_in(&fme, 0x1008, 80 | 1 << 7 | 91 << 8 | 1 << 15);
	assert_int_equal(HEAT_REACHED(block_get64(&fme, 0x1008)), 3);
	put_in(&fme, 0x1008, 80 | 91 << 8 | 3ull << 32); /* not in force; what is reached cannot be written */
	assert_int_equal(HEAT_REACHED(block_get64(&fme, 0x1008)), 0);
	put_in(&fme, 0x1008, 80 | 1 << 7);
	block_fme.raise(&fme);
	assert_int_equal(block_get64(&fme, 0x1010), 45);
	assert_int_equal(HEAT_REACHED(block_get64(&fme, 0x1008)), 0);
}

static void power_that_comes_and_goes(void **state)
{
	(void)state;
	assert_int_equal(block_get64(&fme, 0x2010), 75 | 100 << 8);
	inject.surge = 100;
	block_fme.raise(&fme);
	assert_int_equal(block_get64(&fme, 0x2008), 100);
	assert_int_equal(POWER_REACHED(block_get64(&fme, 0x2010)), 3);
	assert_int_equal(block_get64(&fme, 0x1010), 45); /* it has no heat to it */
	put_in(&fme, 0x2010, 101 | 0 << 8); /* 0 is no threshold */
	assert_int_equal(POWER_REACHED(block_get64(&fme, 0x2010)), 0);
	put_in(&fme, 0x2010, 50);
	assert_int_equal(POWER_REACHED(block_get64(&fme, 0x2010)), 1);
	block_fme.raise(&fme);
	assert_int_equal(block_get64(&fme, 0x2008), 23);
	assert_int_equal(POWER_REACHED(block_get64(&fme, 0x2010)), 0);
}

/* As the driver reads a counter: the event is put in, and the counter's register says whose it is. */
static uint64_t counted(uint64_t ctrl_at, uint64_t ctrl, unsigned int bits)
{
	uint64_t v, at = ctrl_at + 8;

	put_in(&fme, ctrl_at, ctrl);
	assert_int_equal(block_get64(&fme, ctrl_at), ctrl);
	block_fme.reading(&fme, at, 8);
	v = block_get64(&fme, at);
	assert_int_equal(v >> 60, ctrl >> 16 & 0xf);
	return v & ((1ull << bits) - 1);
}

static void counters(void **state)
{
	uint64_t clock;

	(void)state;
	init_board("n6000");
	traffic[0] = (struct card_traffic){ .dma_reads = 2, .dma_writes = 3, .read_lines = 40,
					    .write_lines = 50, .mmio_reads = 6, .mmio_writes = 7 };
	traffic[1] = (struct card_traffic){ .dma_reads = 1, .dma_writes = 1, .read_lines = 400,
					    .write_lines = 500, .mmio_reads = 60,
					    .mmio_writes = 1ull << 60 };
	assert_int_equal(counted(0x2820, 0ull << 16, 60), 440); /* of the card */
	assert_int_equal(counted(0x2820, 1ull << 16, 60), 550);
	assert_int_equal(counted(0x2820, 6ull << 16, 60), 66);
	assert_int_equal(counted(0x2820, 7ull << 16, 60), 7); /* wrapped */
	assert_int_equal(counted(0x2820, 4ull << 16, 60), 0);
	assert_int_equal(counted(0x2820, 1ull << 16 | 1ull << 20 | 1ull << 23, 60), 500); /* of a port */
	assert_int_equal(counted(0x2820, 1ull << 16 | 3ull << 20 | 1ull << 23, 60), 0);
	assert_int_equal(counted(0x2838, 0ull << 16, 48), 2);
	assert_int_equal(counted(0x2838, 1ull << 16, 48), 3);
	assert_int_equal(counted(0x2838, 8ull << 16, 48), 1); /* the second port's writes */
	assert_int_equal(counted(0x2838, 2ull << 16, 48), 0);
	assert_int_equal(counted(0x2838, 15ull << 16, 48), 0);
	assert_int_equal(counted(0x2808, 10ull << 16 | 1ull << 20, 48), 0);
	assert_int_equal(block_get64(&fme, 0x2818) >> 60, 10);
	assert_int_equal(counted(0x2848, 11ull << 16, 48), 0);
	clock = block_get64(&fme, 0x2830);
	assert_true(clock);
	put_in(&fme, 0x2830, 0);
	block_fme.reading(&fme, 0x2830, 8);
	assert_true(block_get64(&fme, 0x2830) >= clock);
	put_in(&fme, 0x2820, UINT64_MAX); /* bits that are none */
	assert_int_equal(block_get64(&fme, 0x2820), 0xffull << 16);
}

static void errors_clear_with_ones(void **state)
{
	(void)state;
	inject.fme_error = 6;
	block_fme.raise(&fme);
	assert_int_equal(interrupts, 1);
	assert_int_equal(block_get64(&fme, 0x3010), 6);
	assert_int_equal(block_get64(&fme, 0x3038), 6);
	block_fme.raise(&fme);
	assert_int_equal(block_get64(&fme, 0x3040), 6); /* the next one */
	block_fme.reset(&fme);
	assert_int_equal(block_get64(&fme, 0x3010), 6); /* a reset clears no error */
	put_in(&fme, 0x3010, 2);
	assert_int_equal(block_get64(&fme, 0x3010), 4);
	block_fme.written(&fme, 0x3010, 4, 4); /* a half clears nothing of the other */
	assert_int_equal(block_get64(&fme, 0x3010), 0);
	put_in(&fme, 0x3008, 6); /* masked: nothing is raised */
	interrupts = 0;
	block_fme.raise(&fme);
	assert_int_equal(block_get64(&fme, 0x3010), 0);
	assert_int_equal(interrupts, 0);
}

static void injected_errors(void **state)
{
	(void)state;
	put_in(&fme, 0x3068, 4);
	assert_int_equal(interrupts, 1);
	assert_int_not_equal(block_get64(&fme, 0x3050), 0);
	put_in(&fme, 0x3068, 4); /* the same again is none */
	assert_int_equal(interrupts, 1);
	put_in(&fme, 0x3068, 0xffff3);
	assert_int_equal(block_get64(&fme, 0x3068), 3);
	assert_int_equal(block_get64(&fme, 0x3050), 0);
	assert_int_not_equal(block_get64(&fme, 0x3060), 0);
	put_in(&fme, 0x3068, 0);
	assert_int_equal(block_get64(&fme, 0x3060), 0);
	assert_int_equal(interrupts, 2);
}

/* ---- partial reconfiguration ---- */

static void send(uint64_t high, uint64_t low, unsigned int words)
{
	uint8_t data[16];

	for (int i = 0; i < 8; i++) {
		data[i] = (uint8_t)(high >> (56 - 8 * i));
		data[8 + i] = (uint8_t)(low >> (56 - 8 * i));
	}
	for (unsigned int i = 0; i < words; i++)
		put_in(&fme, 0x4018, (uint64_t)data[4 * i] | (uint64_t)data[4 * i + 1] << 8 |
					  (uint64_t)data[4 * i + 2] << 16 |
					  (uint64_t)data[4 * i + 3] << 24);
}

/* As the kernel does it; the error register afterwards. */
static uint64_t reconfigure(unsigned int region, uint64_t high, uint64_t low, unsigned int words)
{
	uint64_t ctrl;

	put_in(&fme, 0x4008, 1);
	assert_int_equal(block_get64(&fme, 0x4008) & 0x10, 0x10);
	put_in(&fme, 0x4008, 0);
	assert_int_equal(block_get64(&fme, 0x4008) & 0x10, 0);
	assert_int_equal(block_get64(&fme, 0x4010) >> 16 & 1, 0); /* idle; the kernel waits 8 s for it */
	put_in(&fme, 0x4020, UINT64_MAX); /* old errors go */
	ctrl = (uint64_t)region << 7 | 1u << 12;
	put_in(&fme, 0x4008, ctrl);
	assert_true((block_get64(&fme, 0x4010) & 0x1ff) > 1); /* credits */
	send(high, low, words);
	put_in(&fme, 0x4008, ctrl | 1u << 13);
	assert_int_equal(block_get64(&fme, 0x4008) >> 12 & 3, 0);
	assert_int_equal(block_get64(&fme, 0x4010) >> 16 & 1, block_get64(&fme, 0x4020) != 0);
	return block_get64(&fme, 0x4020);
}

static void reconfiguration(void **state)
{
	(void)state;
	assert_int_equal(reconfigure(0, afu_hello.guid_high, afu_hello.guid_low, 4), 0);
	assert_ptr_equal(replaced, &afu_hello);
	assert_int_equal(replaced_port, 0);
	assert_int_equal(reconfigure(0, 1, 2, 4), 4); /* no accelerator of that GUID */
	assert_int_equal(reconfigure(0, afu_hello.guid_high, afu_hello.guid_low, 3), 4);
	assert_int_equal(reconfigure(5, afu_hello.guid_high, afu_hello.guid_low, 4), 1);
	replace_result = -EBUSY; /* the port is not in reset */
	assert_int_equal(reconfigure(0, afu_hello.guid_high, afu_hello.guid_low, 4), 1);
	inject.pr_error = 0x12;
	replace_result = 0;
	assert_int_equal(reconfigure(0, afu_hello.guid_high, afu_hello.guid_low, 4), 0x12);
	send(1, 2, 4); /* without a start nothing is taken */
	assert_int_equal(block_get64(&fme, 0x4018), 0);
}

/* ---- ports ---- */

static void a_ports_reset(void **state)
{
	(void)state;
	put_in(&port, 0x38, 5);
	assert_int_equal(block_get64(&port, 0x38), 0x15);
	assert_int_equal(holds, 1);
	put_in(&port, 0x38, 5);
	assert_int_equal(holds, 1);
	block_port.written(&port, 0x38, 4, 4);
	assert_int_equal(block_get64(&port, 0x38), 4);
	assert_int_equal(releases, 1);
	inject.reset_stuck = true;
	put_in(&port, 0x38, 1);
	assert_int_equal(block_get64(&port, 0x38), 1);
	assert_int_equal(holds, 2);
}

static void a_ports_errors(void **state)
{
	(void)state;
	inject.port_error = 0x30;
	block_port.raise(&port);
	assert_int_equal(interrupts, 1);
	assert_int_equal(block_get64(&port, 0x1010), 0x30);
	assert_int_equal(block_get64(&port, 0x1018), 0x30);
	put_in(&port, 0x1010, 0x10);
	assert_int_equal(block_get64(&port, 0x1010), 0x20);
	put_in(&port, 0x1018, 0x30);
	assert_int_equal(block_get64(&port, 0x1018), 0);
	assert_int_equal(block_get64(&port, 0x1038), 1 | 1 << 1); /* its vector is its first one */
}

static void a_ports_clock(void **state)
{
	uint64_t low = block_get64(&port, 0x68) & 0x1ffff, high;

	(void)state;
	put_in(&port, 0x58, 1ull << 32);
	high = block_get64(&port, 0x68) & 0x1ffff;
	assert_int_equal(high, 2 * low);
	assert_int_equal(block_get64(&port, 0x60) >> 60 & 1, 1);
	put_in(&port, 0x60, 0);
	assert_int_equal(block_get64(&port, 0x60) >> 60 & 1, 1);
}

/* A new port has it as a feature, and its header has none. */
static void a_clock_as_a_feature(void **state)
{
	(void)state;
	init_board("n6000");
	assert_int_equal(block_get64(&port, 0) >> 12 & 0xf, 1);
	assert_int_equal(block_get64(&port, 0x68), 0);
	put_in(&port, 0x58, 1ull << 32);
	assert_int_equal(block_get64(&port, 0x68), 0);
	assert_int_equal(block_get64(&port, 0x4000) >> 12 & 0xf, 1);
	assert_int_equal(block_get64(&port, 0x4018) >> 60 & 1, 1); /* locked */
	assert_int_equal(block_get64(&port, 0x4020) & 0x1ffff, 15625);
	put_in(&port, 0x4010, 1ull << 32);
	assert_int_equal(block_get64(&port, 0x4020) & 0x1ffffffff, 1ull << 32 | 31250);
	put_in(&port, 0x4008, 1ull << 57); /* the PLL in reset */
	assert_int_equal(block_get64(&port, 0x4018) >> 57 & 0xf, 1);
	assert_int_equal(block_get64(&port, 0x4020) & 0x1ffff, 0);
	put_in(&port, 0x4020, 77);
	assert_int_equal(block_get64(&port, 0x4020) & 0x1ffff, 0);
	put_in(&port, 0x4008, 0);
	assert_int_equal(block_get64(&port, 0x4018) >> 60 & 1, 1);
}

/* ---- what a user asks for ---- */

static void faults_are_parsed(void **state)
{
	static const char *const bad[] = { "nonsense", "delay", "delay=", "delay=0", "delay=-1",
					   "delay=10001", "delay=1x", "gone=1", ",", "delay=1,,gone",
					   "temperature=128", "heat=128", "surge=0x40000", "pr-error=0x20" };
	struct inject i;
	char why[160];

	(void)state;
	assert_true(inject_parse("", &i, why, sizeof(why)));
	assert_true(inject_parse("delay=2,gone,fme-error=0xffffffffffffffff", &i, why, sizeof(why)));
	assert_int_equal(i.delay_ms, 2);
	assert_true(i.gone);
	assert_int_equal(i.fme_error, UINT64_MAX);
	for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
		memset(why, 0, sizeof(why));
		if (inject_parse(bad[n], &i, why, sizeof(why)))
			fail_msg("'%s' was taken", bad[n]);
		assert_true(*why);
	}
}

static void accelerators_are_chosen(void **state)
{
	struct board b = *board_find("n6000");
	const char *bad = NULL;

	(void)state;
	assert_true(board_set_afus(&b, "hello", &bad));
	assert_ptr_equal(b.ports[0].afu, &afu_hello);
	assert_ptr_equal(b.ports[1].afu, &afu_hello); /* the board's own */
	assert_true(board_set_afus(&b, "nlb0,bench", &bad));
	assert_ptr_equal(b.ports[1].afu, &afu_bench);
	assert_false(board_set_afus(&b, "nlb0,nlb0,nlb0", &bad));
	assert_string_equal(bad, "nlb0");
	assert_false(board_set_afus(&b, "none", &bad));
	assert_null(board_find("none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(lists),
		RIGGED(where_the_ports_are),
		RIGGED(heat_and_power),
		RIGGED(heat_that_comes_and_goes),
		RIGGED(power_that_comes_and_goes),
		RIGGED(counters),
		RIGGED(errors_clear_with_ones),
		RIGGED(injected_errors),
		RIGGED(reconfiguration),
		RIGGED(a_ports_reset),
		RIGGED(a_ports_errors),
		RIGGED(a_ports_clock),
		RIGGED(a_clock_as_a_feature),
		RIGGED(faults_are_parsed),
		RIGGED(accelerators_are_chosen),
	};

	return RUN(tests);
}
