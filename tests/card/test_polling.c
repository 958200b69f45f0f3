/* SPDX-License-Identifier: BSD-3-Clause */
/* The poller by way of the library: commands and completions in memory, and no register between. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "emu/afu-poller.h"
#include "tests/card/card.h"

#define STRIDE 256u
#define SLOTS 16u
#define BLOCK 65536u

static int up_trap(void **state)
{
	(void)state;
	return card_up("poller", "trap");
}

static int up_map(void **state)
{
	(void)state;
	return card_up("poller", "map");
}

struct rig {
	fpga_handle h;
	struct shared mailbox, src, dst;
};

static struct rig rig_open(void)
{
	struct rig r = { .h = open_only() };

	r.mailbox = shared_new(r.h, SLOTS * STRIDE);
	r.src = shared_new(r.h, BLOCK);
	r.dst = shared_new(r.h, BLOCK);
	return r;
}

static void start(struct rig *r, uint64_t interrupt)
{
	write64(r->h, POLLER_MAILBOX, r->mailbox.io);
	write64(r->h, POLLER_SLOTS, SLOTS);
	write64(r->h, POLLER_STRIDE, STRIDE);
	write64(r->h, POLLER_INTERRUPT, interrupt);
	write32(r->h, POLLER_CTL, POLLER_START);
	await_register(r->h, POLLER_STATE, UINT64_MAX, POLLER_POLLING);
}

static void stop(struct rig *r)
{
	write32(r->h, POLLER_CTL, POLLER_STOP);
	await_register(r->h, POLLER_STATE, UINT64_MAX, POLLER_STOPPED);
	assert_int_equal(read64(r->h, POLLER_ERROR), POLLER_OK);
}

static void rig_close(struct rig *r)
{
	shared_free(r->h, &r->mailbox);
	shared_free(r->h, &r->src);
	shared_free(r->h, &r->dst);
	assert_int_equal(fpgaClose(r->h), FPGA_OK);
}

static struct poller_command *slot(struct rig *r, unsigned int n)
{
	return (struct poller_command *)(void *)((char *)r->mailbox.at + n * STRIDE);
}

static const struct poller_completion *completion(struct rig *r, unsigned int n)
{
	return (const struct poller_completion *)(const void *)((char *)slot(r, n) +
							       POLLER_COMPLETION);
}

static void command(struct rig *r, unsigned int n, uint64_t sequence, uint32_t opcode,
		    uint32_t length)
{
	struct poller_command *c = slot(r, n);

	c->opcode = opcode;
	c->length = length;
	c->source = r->src.io;
	c->destination = r->dst.io;
	c->operand = sequence * 11;
	__atomic_store_n(&c->sequence, sequence, __ATOMIC_RELEASE);
}

static void await_completion(struct rig *r, unsigned int n, uint64_t sequence)
{
	await_memory(&completion(r, n)->sequence, UINT64_MAX, sequence);
	assert_int_equal(completion(r, n)->status, POLLER_DONE);
}

static void commands_without_a_register(void **state)
{
	struct rig r = rig_open();

	(void)state;
	card_needs(CARD_WATCHES);
	start(&r, 0);
	for (uint64_t n = 1; n <= 50; n++) {
		memset(r.src.at, (int)n, BLOCK);
		command(&r, 3, n, POLLER_COPY, BLOCK);
		await_completion(&r, 3, n);
		assert_memory_equal(r.src.at, r.dst.at, BLOCK);
		command(&r, 4, n, POLLER_SUM, BLOCK);
		await_completion(&r, 4, n);
		assert_int_equal(completion(&r, 4)->result, n * 11 + n * BLOCK);
	}
	await_register(r.h, POLLER_COMMANDS, UINT64_MAX, 100);
	stop(&r);
	rig_close(&r);
}

static void all_slots_at_once(void **state)
{
	struct rig r = rig_open();

	(void)state;
	card_needs(CARD_WATCHES);
	start(&r, 0);
	for (uint64_t n = 1; n <= 200; n++) {
		for (unsigned int s = 0; s < SLOTS; s++)
			command(&r, s, n + s, POLLER_ECHO, 0);
		for (unsigned int s = 0; s < SLOTS; s++) {
			await_completion(&r, s, n + s);
			assert_int_equal(completion(&r, s)->result, (n + s) * 11);
		}
	}
	await_register(r.h, POLLER_COMMANDS, UINT64_MAX, 200 * SLOTS);
	stop(&r);
	rig_close(&r);
}

static void an_interrupt_for_each(void **state)
{
	struct rig r = rig_open();
	fpga_event_handle eh;
	int fd = event_of(r.h, 2, &eh);

	(void)state;
	card_needs(CARD_WATCHES);
	start(&r, POLLER_INTERRUPT_ON | 2);
	for (uint64_t n = 1; n <= 50; n++) {
		command(&r, 0, n, POLLER_ECHO, 0);
		await_event(fd);
		assert_int_equal(completion(&r, 0)->sequence, n);
		assert_int_equal(completion(&r, 0)->result, n * 11);
	}
	stop(&r);
	assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_OK);
	rig_close(&r);
}

/* What comes after a long rest is seen all the same. */
static void it_rests_and_wakes(void **state)
{
	struct rig r = rig_open();

	(void)state;
	card_needs(CARD_WATCHES);
	start(&r, 0);
	for (uint64_t n = 1; n <= 3; n++) {
		uint64_t naps = read64(r.h, POLLER_NAPS);
		time_t end = time(NULL) + 10;

		while (read64(r.h, POLLER_NAPS) < naps + 5 && time(NULL) < end)
			usleep(500);
		assert_true(read64(r.h, POLLER_NAPS) >= naps + 5);
		command(&r, 15, n, POLLER_ECHO, 0);
		await_completion(&r, 15, n);
	}
	stop(&r);
	rig_close(&r);
}

static void a_stop_and_a_start(void **state)
{
	struct rig r = rig_open();

	(void)state;
	card_needs(CARD_WATCHES);
	start(&r, 0);
	command(&r, 0, 1, POLLER_ECHO, 0);
	await_completion(&r, 0, 1);
	stop(&r);
	command(&r, 1, 1, POLLER_ECHO, 0); /* waits */
	assert_int_equal(completion(&r, 1)->sequence, 0);
	start(&r, 0);
	await_completion(&r, 1, 1);
	assert_int_equal(read64(r.h, POLLER_COMMANDS), 1);
	stop(&r);
	rig_close(&r);
}

/* The program takes the mailbox away: one fault, and it is over. */
static void a_mailbox_that_is_released(void **state)
{
	struct rig r = rig_open();

	(void)state;
	card_needs(CARD_WATCHES);
	start(&r, 0);
	shared_free(r.h, &r.mailbox);
	await_register(r.h, POLLER_STATE, UINT64_MAX, POLLER_FAILED);
	assert_int_equal(read64(r.h, POLLER_ERROR), POLLER_ERROR_DMA);
	assert_true(read64(r.h, POLLER_FAULT_IOVA) - r.mailbox.io < SLOTS * STRIDE);
	r.mailbox = shared_new(r.h, SLOTS * STRIDE);
	start(&r, 0);
	command(&r, 5, 1, POLLER_COPY, 64);
	await_completion(&r, 5, 1);
	stop(&r);
	rig_close(&r);
}

static void a_command_with_a_bad_address(void **state)
{
	struct rig r = rig_open();

	(void)state;
	card_needs(CARD_WATCHES);
	start(&r, 0);
	r.src.io += UINT64_C(0xdead000000);
	command(&r, 7, 1, POLLER_SUM, 64);
	await_memory(&completion(&r, 7)->sequence, UINT64_MAX, 1);
	assert_int_equal(completion(&r, 7)->status, POLLER_FAULT);
	await_register(r.h, POLLER_STATE, UINT64_MAX, POLLER_FAILED);
	assert_int_equal(read64(r.h, POLLER_FAULT_IOVA), r.src.io);
	assert_int_equal(read64(r.h, POLLER_FAULT_SLOT), 7);
	rig_close(&r);
}

static void reset_and_close_end_it(void **state)
{
	(void)state;
	card_needs(CARD_WATCHES);
	for (int i = 0; i < 3; i++) {
		struct rig r = rig_open();

		assert_int_equal(read64(r.h, POLLER_STATE), POLLER_IDLE);
		start(&r, 0);
		assert_int_equal(fpgaReset(r.h), FPGA_OK);
		assert_int_equal(read64(r.h, POLLER_STATE), POLLER_IDLE);
		assert_int_equal(read64(r.h, POLLER_SLOTS), 0);
		command(&r, 0, 1, POLLER_ECHO, 0);
		start(&r, 0); /* it is seen by the one that was started, not by the one before */
		await_completion(&r, 0, 1);
		assert_int_equal(fpgaClose(r.h), FPGA_OK);
	}
}

int main(void)
{
#define BOTH(t) cmocka_unit_test_setup_teardown(t, up_trap, card_down),                           \
	cmocka_unit_test_setup_teardown(t, up_map, card_down)
	const struct CMUnitTest tests[] = {
		BOTH(commands_without_a_register),
		BOTH(all_slots_at_once),
		BOTH(an_interrupt_for_each),
		BOTH(it_rests_and_wakes),
		BOTH(a_stop_and_a_start),
		BOTH(a_mailbox_that_is_released),
		BOTH(a_command_with_a_bad_address),
		BOTH(reset_and_close_end_it),
	};

	return CARD_RUN(tests);
}
