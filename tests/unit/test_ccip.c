/* SPDX-License-Identifier: BSD-3-Clause */
/* The adapter of CCI-P on a played host: what needs no AFU. The rest is in tests/sim. */
#include <string.h>

#include "sim/ccip/ccip-header.h"
#include "sim/ccip/ccip.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-port.h"

#define LINE 0x10u /* address of a line that is aligned to four */

static struct fake_port fake;

/* What hdr[2] says of a request on channel 1, and a line of that byte. */
static void request(struct ccip *c, uint32_t what, uint64_t address, uint8_t byte)
{
	uint64_t low = address << 16;
	uint32_t hdr[CCIP_HDR_WORDS] = { (uint32_t)low, (uint32_t)(low >> 32), what };
	uint32_t data[CCIP_LINE_WORDS];
	struct ccip_tx tx = { .c1_valid = true, .c0_hdr = hdr, .c1_hdr = hdr, .c1_data = data };
	struct ccip_rx rx = { 0 };

	memset(data, byte, sizeof(data));
	fake_port_cycle(&fake);
	ccip_drive(c, &fake.port, &rx);
	ccip_sample(c, &fake.port, &tx);
}

/* A beat of a packet of `lines` lines. */
static void write_beat(struct ccip *c, bool sop, unsigned int lines, uint64_t address, uint8_t byte)
{
	request(c, CCIP_WRLINE_I | (lines - 1) << 4 | (uint32_t)sop << 7, address, byte);
}

/* A card takes two bits of the address of a later beat; the rest is that of the first. */
static void a_packet_lies_behind_its_first_line(void **state)
{
	struct ccip *c = ccip_new(&(struct ccip_options){ 0 });

	(void)state;
	assert_non_null(c);
	fake_port_init(&fake);
	write_beat(c, true, 2, LINE, 'a');
	write_beat(c, false, 2, LINE + 0x41, 'b');
	assert_int_equal(fake.errors, 0);
	assert_int_equal(fake.low[LINE * HOST_LINE], 'a');
	assert_int_equal(fake.low[(LINE + 1) * HOST_LINE], 'b');
	assert_int_equal(fake.low[(LINE + 0x41) * HOST_LINE], 0);
	write_beat(c, true, 2, LINE, 'c');
	write_beat(c, false, 2, LINE + 2, 'd');
	assert_int_equal(fake.errors, 1);
	assert_string_equal(fake.rule, "c1-address-step");
	assert_int_equal(fake.low[(LINE + 1) * HOST_LINE], 'd');
	assert_int_equal(fake.low[(LINE + 2) * HOST_LINE], 0);
	ccip_free(c);
}

/* The fence and what it orders, and later beats on that of their first. */
static void all_travel_on_their_channel(void **state)
{
	struct ccip *c = ccip_new(&(struct ccip_options){ 0 });

	(void)state;
	assert_non_null(c);
	fake_port_init(&fake);
	for (uint32_t vc = CCIP_VA; vc <= CCIP_VH1; vc++) {
		request(c, CCIP_WRLINE_I | 1 << 7 | vc << 8, LINE, 0);
		assert_int_equal(fake.channel, vc);
		request(c, CCIP_WRLINE_I | 1 << 4 | 1 << 7 | vc << 8, LINE, 0);
		fake.channel = HOST_CHANNELS;
		request(c, CCIP_WRLINE_I | 1 << 4 | vc << 8, LINE + 1, 0);
		assert_int_equal(fake.channel, vc);
		fake.channel = HOST_CHANNELS;
		request(c, CCIP_WRFENCE | vc << 8, 0, 0);
		assert_int_equal(fake.channel, vc);
		fake.channel = HOST_CHANNELS;
		request(c, CCIP_INTR | vc << 8, 0, 0);
		assert_int_equal(fake.channel, vc);
	}
	assert_int_equal(fake.errors, 0);
	ccip_free(c);
}

static void interrupts_have_four_vectors(void **state)
{
	struct ccip *c = ccip_new(&(struct ccip_options){ 0 });

	(void)state;
	assert_non_null(c);
	fake_port_init(&fake);
	for (uint32_t id = 0; id < 4; id++) {
		uint32_t hdr[CCIP_HDR_WORDS] = { id, 0, CCIP_INTR };
		struct ccip_tx tx = { .c1_valid = true, .c0_hdr = hdr, .c1_hdr = hdr };
		struct ccip_rx rx = { 0 };

		fake_port_cycle(&fake);
		ccip_drive(c, &fake.port, &rx);
		ccip_sample(c, &fake.port, &tx);
		assert_int_equal(fake.vector, id);
	}
	assert_int_equal(fake.errors, 0);
	ccip_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_lies_behind_its_first_line),
		cmocka_unit_test(all_travel_on_their_channel),
		cmocka_unit_test(interrupts_have_four_vectors),
	};

	return RUN(tests);
}
