/* SPDX-License-Identifier: BSD-3-Clause */
/* Which channel an answer of CCI-P names, on a played host. */
#include <string.h>

#include "sim/ccip/ccip-header.h"
#include "sim/ccip/ccip.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-port.h"

#define LINE 0x10u
#define REQUESTS 60u
#define SOP (1u << 7)

static struct fake_port fake;
static struct ccip *adapter;

static void start(bool shuffle, uint64_t seed)
{
	ccip_free(adapter);
	adapter = ccip_new(&(struct ccip_options){ .seed = seed });
	assert_non_null(adapter);
	fake_port_init(&fake);
	fake.port.shuffle = shuffle;
}

static int down(void **state)
{
	(void)state;
	ccip_free(adapter);
	adapter = NULL;
	return 0;
}

/* kind: the upper bits of the header, which say what is asked for. */
static struct ccip_rx cycle(bool c0, bool c1, uint32_t kind, unsigned int line, unsigned int mdata)
{
	uint64_t low = (uint64_t)line << 16 | mdata;
	uint32_t hdr[CCIP_HDR_WORDS] = { (uint32_t)low, (uint32_t)(low >> 32), kind };
	static const uint32_t data[CCIP_LINE_WORDS];
	struct ccip_tx tx = { .c0_valid = c0, .c1_valid = c1, .c0_hdr = hdr, .c1_hdr = hdr, .c1_data = data };
	struct ccip_rx rx = { 0 };

	fake_port_cycle(&fake);
	ccip_drive(adapter, &fake.port, &rx);
	ccip_sample(adapter, &fake.port, &tx);
	return rx;
}

static struct ccip_rx idle(void)
{
	return cycle(false, false, 0, 0, 0);
}

static uint32_t header_bits(unsigned int vc, unsigned int lines)
{
	return vc << 8 | (lines - 1) << 4;
}

static unsigned int used(uint32_t hdr)
{
	return hdr >> 26;
}

/* All lines of a read name the same channel, which is returned. */
static unsigned int read_on(unsigned int vc, unsigned int lines)
{
	unsigned int channel = 0;
	struct ccip_rx rx;

	cycle(true, false, header_bits(vc, lines), LINE, 5);
	for (unsigned int i = 0; i < lines; i++) {
		rx = idle();
		assert_true(rx.c0_rsp);
		assert_int_equal(rx.c0_hdr & 0xffff, 5);
		assert_true(!i || used(rx.c0_hdr) == channel);
		channel = used(rx.c0_hdr);
	}
	assert_false(idle().c0_rsp);
	return channel;
}

/* On VL0 each line has an answer, elsewhere the packet. */
static unsigned int write_on(unsigned int vc, unsigned int lines)
{
	struct ccip_rx rx[5] = { 0 };
	unsigned int answers = 0, channel, expected;

	for (unsigned int i = 0; i < lines + 1; i++) {
		bool sent = i < lines;

		rx[answers] = cycle(false, sent, header_bits(vc, lines) | (i ? 0 : SOP), LINE + i, 6);
		answers += rx[answers].c1_rsp;
	}
	assert_in_range(answers, 1, lines);
	channel = used(rx[0].c1_hdr);
	expected = channel == CCIP_VL0 ? lines : 1;
	assert_int_equal(answers, expected);
	for (unsigned int i = 0; i < answers; i++) {
		assert_int_equal(used(rx[i].c1_hdr), channel);
		assert_int_equal(rx[i].c1_hdr >> 23 & 1, lines > 1 && channel != CCIP_VL0);
	}
	assert_int_equal(fake.errors, 0);
	return channel;
}

static void in_strict_order_va_is_vh0(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 10; seed++) {
		start(false, seed);
		assert_int_equal(read_on(CCIP_VA, 1), CCIP_VH0);
		assert_int_equal(read_on(CCIP_VA, 4), CCIP_VH0);
		assert_int_equal(write_on(CCIP_VA, 1), CCIP_VH0);
		assert_int_equal(write_on(CCIP_VA, 2), CCIP_VH0);
	}
}

static void all_come(unsigned int (*request)(unsigned int vc, unsigned int lines), unsigned int lines)
{
	unsigned int times[4] = { 0 };

	start(true, 1);
	for (unsigned int i = 0; i < REQUESTS; i++)
		times[request(CCIP_VA, lines)]++;
	assert_int_equal(times[CCIP_VA], 0);
	assert_true(times[CCIP_VL0] && times[CCIP_VH0] && times[CCIP_VH1]);
}

static void shuffled_va_is_any(void **state)
{
	(void)state;
	all_come(read_on, 1);
	all_come(read_on, 4);
	all_come(write_on, 1);
	all_come(write_on, 2);
}

static void a_channel_that_is_asked_for_is_kept(void **state)
{
	(void)state;
	start(true, 1);
	for (unsigned int vc = CCIP_VL0; vc <= CCIP_VH1; vc++)
		for (unsigned int i = 0; i < 10; i++) {
			assert_int_equal(read_on(vc, 2), vc);
			assert_int_equal(write_on(vc, 1), vc);
			assert_int_equal(write_on(vc, 2), vc);
		}
}

static uint64_t list_of(uint64_t seed)
{
	uint64_t list = 0;

	start(true, seed);
	for (unsigned int i = 0; i < 32; i++)
		list = list << 2 | read_on(CCIP_VA, 1);
	return list;
}

static void the_seed_says_which(void **state)
{
	(void)state;
	assert_true(list_of(7) == list_of(7));
	assert_true(list_of(7) != list_of(8));
}

static void answers_to_fences_and_interrupts_name_none(void **state)
{
	(void)state;
	for (unsigned int shuffle = 0; shuffle < 2; shuffle++) {
		start(shuffle, 3);
		for (unsigned int vc = CCIP_VA; vc <= CCIP_VH1; vc++) {
			cycle(false, true, header_bits(vc, 1) | CCIP_WRFENCE, 0, 0xfe);
			assert_int_equal(idle().c1_hdr, CCIP_WRFENCE << 16 | 0xfe);
			cycle(false, true, header_bits(vc, 1) | CCIP_INTR, 0, 3);
			assert_int_equal(idle().c1_hdr, CCIP_INTR << 16 | 3);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(in_strict_order_va_is_vh0, down),
		cmocka_unit_test_teardown(shuffled_va_is_any, down),
		cmocka_unit_test_teardown(a_channel_that_is_asked_for_is_kept, down),
		cmocka_unit_test_teardown(the_seed_says_which, down),
		cmocka_unit_test_teardown(answers_to_fences_and_interrupts_name_none, down),
	};

	return RUN(tests);
}
