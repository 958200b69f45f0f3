/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each rule of PCIe SS streams: a packet that breaks just that one is reported under its name, and
 * dropped.
 */
#include <string.h>

#include "sim/tlp/check.h"
#include "tests/unit/check.h"
#include "tests/unit/tlp-rig.h"

static struct tlp_rig rig;

static int up(void **state)
{
	static const struct tlp_options plain;

	(void)state;
	tlp_rig_up(&rig, &plain);
	return 0;
}

static int down(void **state)
{
	(void)state;
	tlp_rig_down(&rig);
	return 0;
}

static struct tlp_header request(uint8_t type, uint64_t address, uint32_t length)
{
	return (struct tlp_header){ .type = type, .address = address, .length = length, .tag = 5,
		.vf_active = true, .first_be = 0xf, .last_be = length > TLP_DW ? 0xf : 0 };
}

/* One error of this name, and nothing of the packet reached the host. Then: the streams go on. */
static void broke(const char *rule)
{
	struct tlp_header good = request(TLP_MRD32, 0x1000, 64);

	assert_string_equal(rig.fake->rule, rule);
	assert_int_equal(rig.fake->errors, 1);
	assert_int_equal(rig.fake->num_reads + rig.fake->num_writes + rig.fake->answers, 0);
	assert_int_equal(rig.fake->vector, -1);
	tlp_rig_send(&rig, &rig.pins.tx_a, &good, NULL);
	tlp_rig_await_a(&rig, rig.num_a + 1);
	assert_int_equal(rig.last_a.header.type, TLP_CPLD);
	assert_int_equal(rig.fake->errors, 1);
}

/* ---- headers ---- */

struct header_case {
	const char *rule;
	struct tlp_header h;
	bool tx_b;
};

#define CASE(r, b, ...) { r, { .vf_active = true, __VA_ARGS__ }, b }

static const struct header_case cases[] = {
	CASE("tlp-type", false, .type = 0x04, .length = 4, .first_be = 0xf),
	CASE("tlp-type", false, .type = 0x74, .dm = true),
	CASE("tlp-encoding", false, .type = TLP_MRD32, .dm = true, .length = 64, .address = 0x1000),
	CASE("tlp-encoding", false, .type = TLP_CPLD, .dm = true, .length = 8),
	CASE("tlp-encoding", false, .type = TLP_FETCH_ADD64, .dm = true, .length = 8, .address = FAKE_HIGH),
	CASE("tlp-encoding", false, .type = TLP_INTERRUPT),
	CASE("tlp-channel", true, .type = TLP_MWR32, .length = 4, .first_be = 0xf),
	CASE("tlp-channel", true, .type = TLP_CPLD, .length = 8, .byte_count = 8),
	CASE("tlp-length", false, .type = TLP_MRD32, .first_be = 0xf),
	CASE("tlp-length", false, .type = TLP_MWR64, .dm = true, .address = FAKE_HIGH),
	CASE("tlp-max-payload", false, .type = TLP_MWR32, .length = 516, .first_be = 0xf, .last_be = 0xf),
	CASE("tlp-max-payload", false, .type = TLP_MWR64, .dm = true, .length = 513, .address = FAKE_HIGH),
	CASE("tlp-max-read", false, .type = TLP_MRD32, .length = 516, .first_be = 0xf, .last_be = 0xf),
	CASE("tlp-max-read", true, .type = TLP_MRD64, .dm = true, .length = 0x200000, .address = FAKE_HIGH),
	CASE("tlp-4k", false, .type = TLP_MRD32, .length = 8, .address = 0xffc, .first_be = 0xf,
		     .last_be = 0xf),
	CASE("tlp-address", false, .type = TLP_MRD64, .length = 4, .address = 0x1000, .first_be = 0xf),
	CASE("tlp-address", false, .type = TLP_MRD32, .length = 4, .address = 0x1002, .first_be = 0xf),
	CASE("tlp-address", false, .type = TLP_MWR64, .dm = true, .length = 128, .address = UINT64_MAX - 63),
	CASE("tlp-address", true, .type = TLP_MRD64, .dm = true, .length = 65, .address = UINT64_MAX - 63),
	CASE("tlp-enables", false, .type = TLP_MRD32, .length = 4, .first_be = 0xf, .last_be = 0xf),
	CASE("tlp-enables", false, .type = TLP_MRD32, .length = 8, .first_be = 0xf),
	CASE("tlp-enables", false, .type = TLP_MWR32, .length = 8, .last_be = 0xf),
	CASE("tlp-enables", false, .type = TLP_MRD32, .length = 12, .first_be = 0xa, .last_be = 0xf),
	CASE("tlp-enables", false, .type = TLP_MRD32, .length = 12, .first_be = 0xf, .last_be = 0xe),
	CASE("tlp-enables", false, .type = TLP_MRD32, .length = 8, .address = 4, .first_be = 0x3,
		     .last_be = 0xf),
	CASE("tlp-atomic", false, .type = TLP_FETCH_ADD32, .length = 16, .first_be = 0xf, .last_be = 0xf),
	CASE("tlp-atomic", false, .type = TLP_CAS32, .length = 4, .first_be = 0xf),
	CASE("tlp-atomic", false, .type = TLP_SWAP32, .length = 8, .address = 4, .first_be = 0xf,
		     .last_be = 0xf),
	CASE("tlp-atomic", false, .type = TLP_SWAP32, .length = 4, .first_be = 0x3),
	CASE("tlp-tag", false, .tag = 256, .type = TLP_MRD32, .length = 4, .first_be = 0xf),
	CASE("cpl-unexpected", false, .type = TLP_CPLD, .length = 8, .byte_count = 8,
		     .requester = TLP_HOST_ID),
	CASE("cpl-unexpected", false, .tag = 64, .type = TLP_CPL, .requester = TLP_HOST_ID),
};

static void headers(void **state)
{
	static const uint8_t data[1024];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct header_case *c = &cases[i];

		if (i) {
			down(state);
			up(state);
		}
		tlp_rig_send(&rig, c->tx_b ? &rig.pins.tx_b : &rig.pins.tx_a, &c->h, data);
		broke(c->rule);
	}
}

/* What is near to a broken rule, and right. */
static void headers_that_are_right(void **state)
{
	static const struct header_case good[] = {
		CASE("", false, .type = TLP_MWR64, .dm = true, .length = 64, .address = UINT64_MAX - 63),
		CASE("", false, .type = TLP_MWR32, .length = 4, .first_be = 0x5),
		CASE("", false, .type = TLP_MWR32, .length = 4),
		CASE("", false, .type = TLP_MWR32, .length = 8, .address = 8, .first_be = 0x5,
		     .last_be = 0xa),
		CASE("", false, .type = TLP_MWR32, .length = 512, .address = 0xe00, .first_be = 0x8,
		     .last_be = 0x1),
		CASE("", false, .type = TLP_MWR64, .dm = true, .length = 512, .address = 0xfff),
		CASE("", false, .type = TLP_MWR64, .dm = true, .length = 1, .address = 0x10),
	};
	static const uint8_t data[512];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		tlp_rig_send(&rig, &rig.pins.tx_a, &good[i].h, data);
		tlp_rig_await_b(&rig, (unsigned int)i + 1);
	}
	assert_int_equal(rig.fake->errors + rig.fake->warnings, 0);
}

static void a_tag_that_is_in_use(void **state)
{
	struct tlp_header h = request(TLP_MRD32, 0x1000, 64);

	(void)state;
	rig.fake->hold_reads = true;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, NULL);
	tlp_rig_send(&rig, &rig.pins.tx_b, &h, NULL);
	assert_string_equal(rig.fake->rule, "tlp-tag-used");
	rig.fake->hold_reads = false;
	tlp_rig_await_a(&rig, 1);
	tlp_rig_send(&rig, &rig.pins.tx_b, &h, NULL);
	tlp_rig_await_a(&rig, 2);
	assert_int_equal(rig.fake->errors, 1);
}

static void another_function_is_a_warning(void **state)
{
	struct tlp_header h = request(TLP_MRD32, 0x1000, 64);

	(void)state;
	h.vf_active = false;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, NULL);
	tlp_rig_await_a(&rig, 1);
	assert_int_equal(rig.fake->errors, 0);
	assert_string_equal(rig.fake->warning, "tlp-function");
}

/* ---- completions ---- */

static void completion(const char *rule, struct tlp_header h)
{
	static const uint8_t data[16];

	rig.fake->access_waits = true;
	rig.fake->access = (struct host_mmio){ .address = 0x88, .bytes = 8, .tag = 9 };
	tlp_rig_await_a(&rig, rig.num_a + 1);
	h.tag = 9;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, data);
	broke(rule);

	h = (struct tlp_header){ .type = TLP_CPLD, .tag = 9, .length = 8, .byte_count = 8, .low_address = 8,
		.requester = TLP_HOST_ID };
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, data); /* the read still waits for its answer */
	assert_int_equal(rig.fake->answers, 1);
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, data);
	assert_string_equal(rig.fake->rule, "cpl-unexpected");
	assert_int_equal(rig.fake->answers, 1);
}

static void completions(void **state)
{
	const struct tlp_header h = { .type = TLP_CPLD, .length = 8, .byte_count = 8, .low_address = 8,
		.requester = TLP_HOST_ID };
	const char *rules[] = { "cpl-requester", "cpl-length", "cpl-length", "cpl-address", "cpl-status",
		"cpl-status" };
	struct tlp_header wrong[6] = { h, h, h, h, h, h };

	wrong[0].requester++;
	wrong[1].length = 4;
	wrong[2].byte_count = 4;
	wrong[3].low_address = 0;
	wrong[4].status = TLP_UNSUPPORTED;
	wrong[5].type = TLP_CPL;
	for (size_t i = 0; i < 6; i++) {
		if (i) {
			down(state);
			up(state);
		}
		completion(rules[i], wrong[i]);
	}
}

/* ---- beats ---- */

/* The beats of a write of 128 bytes: 32, 64, 32. */
static void write_beats(struct axis_beat *b)
{
	struct tlp_header h = request(TLP_MWR32, 0x1000, 128);

	memset(b, 0, 3 * sizeof(*b));
	tlp_header_pack(&h, b[0].data);
	b[0].keep = b[1].keep = UINT64_MAX;
	b[2].keep = axis_keep(32);
	b[2].last = true;
}

static void send_beats(const struct axis_beat *b, unsigned int num)
{
	for (unsigned int i = 0; i < num; i++)
		tlp_rig_beat(&rig, &rig.pins.tx_a, &b[i]);
}

static void tlast_too_early(void **state)
{
	struct axis_beat b[3];

	(void)state;
	write_beats(b);
	b[1].last = true;
	send_beats(b, 2);
	broke("tlp-last-early");
}

static void tlast_too_late(void **state)
{
	struct axis_beat b[4];

	(void)state;
	write_beats(b);
	b[3] = b[2];
	b[2].last = false;
	b[2].keep = UINT64_MAX;
	send_beats(b, 4);
	broke("tlp-last-late");
}

static void tkeep_with_a_hole(void **state)
{
	struct axis_beat b[3];

	(void)state;
	write_beats(b);
	b[2].keep ^= 1 << 7;
	send_beats(b, 3);
	broke("tlp-keep");
}

static void tkeep_not_full_in_the_middle(void **state)
{
	struct axis_beat b[3];

	(void)state;
	write_beats(b);
	b[1].keep = axis_keep(60);
	send_beats(b, 3);
	broke("tlp-keep");
}

static void tkeep_without_the_header(void **state)
{
	struct axis_beat b[3];

	(void)state;
	write_beats(b);
	b[0].keep = UINT64_MAX << 32;
	send_beats(b, 3);
	broke("tlp-keep");
}

static void tkeep_with_more_than_there_is(void **state)
{
	struct axis_beat b[3];

	(void)state;
	write_beats(b);
	b[2].keep = UINT64_MAX;
	send_beats(b, 3);
	tlp_rig_await_b(&rig, 1);
	assert_int_equal(rig.fake->errors, 0);
	assert_string_equal(rig.fake->warning, "tlp-keep-extra");
}

/* ---- the handshake ---- */

static void wait_with_a_beat(struct axis_beat *b)
{
	write_beats(b);
	rig.fake->port.write_full = true;
	rig.pins.tx_a.valid = true;
	rig.pins.tx_a.beat = b[0];
	tlp_rig_run(&rig, 3);
	assert_int_equal(rig.fake->errors, 0);
}

static void tvalid_withdrawn(void **state)
{
	struct axis_beat b[3];

	(void)state;
	wait_with_a_beat(b);
	rig.pins.tx_a.valid = false;
	tlp_rig_cycle(&rig);
	rig.fake->port.write_full = false;
	broke("axis-withdrawn");
}

static void a_beat_that_changes(void **state)
{
	struct axis_beat b[3];

	(void)state;
	wait_with_a_beat(b);
	rig.pins.tx_a.beat.data[50] ^= 1;
	tlp_rig_run(&rig, 3);
	assert_string_equal(rig.fake->rule, "axis-changed");
	assert_int_equal(rig.fake->errors, 1);
	rig.fake->port.write_full = false;
	tlp_rig_cycle(&rig); /* what is there now is taken */
	rig.pins.tx_a.valid = false;
	send_beats(b + 1, 2);
	tlp_rig_await_b(&rig, 1);
	assert_int_equal(rig.fake->errors, 1);
}

static void tvalid_in_reset(void **state)
{
	(void)state;
	rig.fake->port.reset = true;
	rig.pins.tx_b.valid = true;
	tlp_rig_run(&rig, TLP_RESET_GRACE - 1);
	assert_int_equal(rig.fake->errors, 0);
	tlp_rig_run(&rig, 100);
	rig.pins.tx_b.valid = false;
	rig.fake->port.reset = false;
	broke("axis-reset");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(headers), RIGGED(headers_that_are_right), RIGGED(a_tag_that_is_in_use),
		RIGGED(another_function_is_a_warning), RIGGED(completions), RIGGED(tlast_too_early),
		RIGGED(tlast_too_late), RIGGED(tkeep_with_a_hole), RIGGED(tkeep_not_full_in_the_middle),
		RIGGED(tkeep_without_the_header), RIGGED(tkeep_with_more_than_there_is),
		RIGGED(tvalid_withdrawn),
		RIGGED(a_beat_that_changes), RIGGED(tvalid_in_reset),
	};

	return RUN(tests);
}
