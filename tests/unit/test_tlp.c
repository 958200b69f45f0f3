/* SPDX-License-Identifier: BSD-3-Clause */
/* The adapter of PCIe SS streams: what an AFU asks for is what the host does, and what comes back. */
#include <string.h>

#include "sim/tlp/check.h"
#include "sim/tlp/writes.h"
#include "tests/unit/check.h"
#include "tests/unit/tlp-rig.h"

static struct tlp_rig rig;
static const struct tlp_options plain;

static int up(void **state)
{
	(void)state;
	tlp_rig_up(&rig, &plain);
	for (unsigned int i = 0; i < FAKE_MEMORY; i++) {
		rig.fake->low[i] = (uint8_t)(i * 7 + 1);
		rig.fake->high[i] = (uint8_t)(i * 13 + 5);
	}
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
		.vf_active = true, .first_be = 0xf, .last_be = length > TLP_DW ? 0xf : 0,
		.requester = 0x123 };
}

static void no_errors(void)
{
	assert_string_equal(rig.fake->rule, "");
	assert_int_equal(rig.fake->errors, 0);
	assert_int_equal(rig.fake->warnings, 0);
}

/* ---- reads ---- */

static void a_read_is_completed(void **state)
{
	struct tlp_header h = request(TLP_MRD64, FAKE_HIGH + 0x140, 512 - 0x140);

	(void)state;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, NULL);
	tlp_rig_await_a(&rig, 1);
	assert_int_equal(rig.last_a.header.type, TLP_CPLD);
	assert_int_equal(rig.last_a.header.tag, 5);
	assert_int_equal(rig.last_a.header.requester, 0x123);
	assert_int_equal(rig.last_a.header.length, h.length);
	assert_int_equal(rig.last_a.header.byte_count, h.length);
	assert_int_equal(rig.last_a.header.low_address, 0x40);
	assert_int_equal(rig.last_a.bytes, h.length);
	assert_memory_equal(rig.last_a.data, rig.fake->high + 0x140, h.length);
	no_errors();
}

static void a_read_of_32_bits_has_its_address_elsewhere(void **state)
{
	struct tlp_header h = request(TLP_MRD32, 0x1004, 4);

	(void)state;
	h.tag = 0xff;
	tlp_rig_send(&rig, &rig.pins.tx_b, &h, NULL);
	tlp_rig_await_a(&rig, 1);
	assert_int_equal(rig.last_a.header.tag, 0xff);
	assert_int_equal(rig.last_a.bytes, 4);
	assert_memory_equal(rig.last_a.data, rig.fake->low + 0x1004, 4);
	no_errors();
}

static void byte_enables_show_in_a_completion(void **state)
{
	struct tlp_header h = request(TLP_MRD32, 0x1000, 12);

	(void)state;
	h.first_be = 0xc;
	h.last_be = 0x1;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, NULL);
	tlp_rig_await_a(&rig, 1);
	assert_int_equal(rig.last_a.header.byte_count, 7);
	assert_int_equal(rig.last_a.header.low_address, 2);
	assert_int_equal(rig.last_a.header.length, 12);
	no_errors();
}

static void a_read_of_nothing_is_completed(void **state)
{
	struct tlp_header h = request(TLP_MRD32, 0x1000, 4);

	(void)state;
	h.first_be = 0;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, NULL);
	tlp_rig_await_a(&rig, 1);
	assert_int_equal(rig.last_a.header.byte_count, 1);
	assert_int_equal(rig.last_a.bytes, 4);
	no_errors();
}

static void a_data_movers_read_counts_bytes(void **state)
{
	struct tlp_header h = request(TLP_MRD64, FAKE_HIGH + 0xff3, 77);

	(void)state;
	h.dm = true;
	tlp_rig_send(&rig, &rig.pins.tx_b, &h, NULL);
	tlp_rig_await_a(&rig, 1);
	assert_int_equal(rig.last_a.user, AXIS_USER_DM);
	assert_int_equal(rig.last_a.header.length, 77);
	assert_int_equal(rig.last_a.header.low_address, (FAKE_HIGH + 0xff3) & 0xffffff);
	assert_true(rig.last_a.header.final);
	assert_memory_equal(rig.last_a.data, rig.fake->high + 0xff3, 77);
	no_errors();
}

static void what_is_not_mapped_is_an_unsupported_request(void **state)
{
	struct tlp_header h = request(TLP_MRD64, FAKE_HIGH + FAKE_MEMORY, 64);

	(void)state;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, NULL);
	tlp_rig_await_a(&rig, 1);
	assert_int_equal(rig.last_a.header.type, TLP_CPL);
	assert_int_equal(rig.last_a.header.status, TLP_UNSUPPORTED);
	assert_int_equal(rig.last_a.bytes, 0);

	h.address = FAKE_HIGH; /* the tag is free again */
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, NULL);
	tlp_rig_await_a(&rig, 2);
	assert_int_equal(rig.last_a.header.type, TLP_CPLD);
	no_errors();
}

static void completions_are_split_at_lines(void **state)
{
	struct tlp_options options = { .seed = 3, .split = 99 };
	struct tlp_header h = request(TLP_MRD64, FAKE_HIGH + 0x1010, 240);
	uint32_t at = 0;

	down(state);
	tlp_rig_up(&rig, &options);
	memset(rig.fake->high, 0x5a, FAKE_MEMORY);
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, NULL);
	for (unsigned int n = 1; at < h.length; n++) {
		tlp_rig_await_a(&rig, n);
		assert_int_equal(rig.last_a.header.byte_count, h.length - at);
		assert_int_equal(rig.last_a.header.low_address, (h.address + at) & 0x7f);
		at += rig.last_a.bytes;
		assert_true(at == h.length || (h.address + at) % HOST_LINE == 0);
	}
	assert_true(rig.num_a > 1);
	no_errors();
}

/* ---- writes ---- */

static void a_write_is_in_memory_and_committed(void **state)
{
	struct tlp_header h = request(TLP_MWR64, FAKE_HIGH + 0x220, 480);
	uint8_t data[480];

	(void)state;
	memset(data, 0xa5, sizeof(data));
	h.metadata = UINT64_C(0x1122334455667788);
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, data);
	tlp_rig_await_b(&rig, 1);
	assert_memory_equal(rig.fake->high + 0x220, data, sizeof(data));
	assert_int_equal(rig.last_b.header.type, TLP_CPL);
	assert_int_equal(rig.last_b.header.tag, 5);
	assert_int_equal(rig.last_b.header.length, 480);
	assert_int_equal(rig.last_b.header.metadata, h.metadata);
	assert_int_equal(rig.fake->num_writes, 8); /* lines that it touches */
	assert_true(rig.fake->all_ordered);
	no_errors();
}

static void byte_enables_leave_bytes_alone(void **state)
{
	struct tlp_header h = request(TLP_MWR32, 0x800, 12);
	static const uint8_t data[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
	uint8_t due[12];

	(void)state;
	memcpy(due, rig.fake->low + 0x800, 12);
	memcpy(due + 3, data + 3, 7);
	h.first_be = 0x8;
	h.last_be = 0x3;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, data);
	tlp_rig_await_b(&rig, 1);
	assert_memory_equal(rig.fake->low + 0x800, due, 12);
	assert_int_equal(rig.fake->enables, 0x3f8);
	no_errors();
}

static void a_commit_can_be_declined(void **state)
{
	struct tlp_header h = request(TLP_MWR32, 0x800, 4);
	struct axis_beat b = { .last = true, .user = AXIS_USER_NO_COMMIT, .keep = axis_keep(36) };

	(void)state;
	tlp_header_pack(&h, b.data);
	tlp_rig_beat(&rig, &rig.pins.tx_a, &b);
	tlp_rig_run(&rig, 50);
	assert_int_equal(rig.fake->num_writes, 1);
	assert_int_equal(rig.num_b, 0);
	no_errors();
}

static void a_commit_waits_for_the_last_line(void **state)
{
	struct tlp_header h = request(TLP_MWR32, 0x800, 512);
	static const uint8_t data[512];

	(void)state;
	rig.fake->hold_writes = true;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, data);
	tlp_rig_run(&rig, 50);
	assert_int_equal(rig.num_b, 0);
	rig.fake->hold_writes = false;
	tlp_rig_run(&rig, 7);
	assert_int_equal(rig.num_b, 0);
	tlp_rig_run(&rig, 2);
	assert_int_equal(rig.num_b, 1);
}

#define TAGS 1024u /* of ten bits */

static void as_many_writes_as_slots(void **state)
{
	struct tlp_header h = request(TLP_MWR32, 0, 4);

	(void)state;
	rig.pins.rx_b.ready = false; /* no commit leaves, so no slot becomes free */
	for (unsigned int i = 0; i < TLP_WRITES; i++) {
		h.tag = i % TAGS;
		h.address = i * 4;
		tlp_rig_send(&rig, &rig.pins.tx_a, &h, "word");
	}
	tlp_rig_run(&rig, 2 * TLP_WRITES);
	assert_false(rig.pins.tx_a.ready);
	rig.pins.rx_b.ready = true;
	tlp_rig_await_b(&rig, TLP_WRITES);
	assert_int_equal(rig.last_b.header.tag, (TLP_WRITES - 1) % TAGS);
	assert_true(rig.pins.tx_a.ready);
	no_errors();
}

static void an_interrupt_is_committed(void **state)
{
	struct tlp_header h = { .dm = true, .type = TLP_INTERRUPT, .vector = 3, .vf_active = true };

	(void)state;
	tlp_rig_send(&rig, &rig.pins.tx_b, &h, NULL);
	tlp_rig_await_b(&rig, 1);
	assert_int_equal(rig.fake->vector, 3);
	assert_false(rig.fake->vector_ordered);
	assert_true(rig.last_b.header.of_interrupt);
	assert_int_equal(rig.last_b.header.metadata, 3);

	h.vector = 4;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, NULL);
	tlp_rig_await_b(&rig, 2);
	assert_int_equal(rig.fake->vector, 4);
	assert_true(rig.fake->vector_ordered);
	no_errors();
}

/* A host that has no room, against what it said: each is told, and answered, so that the AFU goes on. */
static void what_the_host_refuses_is_told(void **state)
{
	struct tlp_header irq = { .dm = true, .type = TLP_INTERRUPT, .vector = 3, .vf_active = true };
	struct tlp_header write = request(TLP_MWR32, 0x1000, 64), read = request(TLP_MRD32, 0x1000, 64);

	(void)state;
	rig.fake->full = true;
	tlp_rig_send(&rig, &rig.pins.tx_b, &irq, NULL);
	tlp_rig_await_b(&rig, 1);
	assert_string_equal(rig.fake->rule, "tlp-lost");
	assert_int_equal(rig.fake->errors, 1);
	tlp_rig_send(&rig, &rig.pins.tx_a, &write, rig.fake->low);
	tlp_rig_await_b(&rig, 2);
	assert_int_equal(rig.fake->errors, 2);
	tlp_rig_send(&rig, &rig.pins.tx_a, &read, NULL);
	tlp_rig_await_a(&rig, 1);
	assert_int_equal(rig.last_a.header.status, TLP_UNSUPPORTED);
	assert_int_equal(rig.fake->errors, 3);
	assert_string_equal(rig.fake->rule, "tlp-lost");
}

/* ---- order ---- */

static void a_read_behind_a_write_waits_when_shuffled(void **state)
{
	struct tlp_header w = request(TLP_MWR32, 0x800, 64), r = request(TLP_MRD32, 0x800, 64);
	uint8_t data[64];

	(void)state;
	rig.fake->port.shuffle = true;
	rig.fake->hold_writes = true;
	memset(data, 0x77, sizeof(data));
	tlp_rig_send(&rig, &rig.pins.tx_a, &w, data);
	tlp_rig_send(&rig, &rig.pins.tx_a, &r, NULL);
	tlp_rig_run(&rig, 50);
	assert_int_equal(rig.fake->num_reads, 0);
	assert_false(rig.pins.tx_a.ready);

	r.tag = 6; /* TX-B may overtake */
	tlp_rig_send(&rig, &rig.pins.tx_b, &r, NULL);
	tlp_rig_await_a(&rig, 1);
	assert_int_equal(rig.last_a.header.tag, 6);

	rig.fake->hold_writes = false;
	tlp_rig_await_a(&rig, 2);
	assert_int_equal(rig.last_a.header.tag, 5);
	assert_true(rig.pins.tx_a.ready);
	no_errors();
}

/* ---- atomics ---- */

static void atomic(uint8_t type, const void *operands, uint32_t length, uint64_t old, uint64_t due)
{
	struct tlp_header h = request(type, type & 0x20 ? FAKE_HIGH + 0x100 : 0x100, length);
	uint8_t *memory = fake_port_memory(rig.fake, h.address, 8);
	uint32_t n = type == TLP_CAS32 || type == TLP_CAS64 ? length / 2 : length;
	unsigned int before = rig.num_a;

	memset(memory, 0xee, 8);
	memcpy(memory, &old, n);
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, operands);
	tlp_rig_await_a(&rig, before + 1);
	assert_int_equal(rig.last_a.header.type, TLP_CPLD);
	assert_int_equal(rig.last_a.bytes, n);
	assert_memory_equal(rig.last_a.data, &old, n);
	assert_memory_equal(memory, &due, n);
	assert_true(n == 8 || memory[4] == 0xee);
}

static void atomics_change_memory(void **state)
{
	static const uint32_t one[2] = { 1, 0 }, pair[2] = { 7, 9 };
	static const uint64_t big[2] = { UINT64_C(0x1ffffffff), 5 };

	(void)state;
	atomic(TLP_FETCH_ADD32, one, 4, 0xffffffff, 0);
	atomic(TLP_FETCH_ADD64, one, 8, 0xffffffff, UINT64_C(0x100000000));
	atomic(TLP_SWAP32, one, 4, 5, 1);
	atomic(TLP_SWAP64, big, 8, 5, UINT64_C(0x1ffffffff));
	atomic(TLP_CAS32, pair, 8, 7, 9);
	atomic(TLP_CAS32, pair, 8, 8, 8);
	atomic(TLP_CAS64, big, 16, UINT64_C(0x1ffffffff), 5);
	atomic(TLP_CAS64, big, 16, UINT64_C(0xffffffff), UINT64_C(0xffffffff));
	no_errors();
}

static void many_atomics_are_under_way(void **state)
{
	struct tlp_header h = request(TLP_FETCH_ADD32, 0x100, 4);
	uint32_t one = 1, sum = 0;

	(void)state;
	memset(rig.fake->low + 0x100, 0, 4);
	rig.fake->hold_reads = true;
	for (h.tag = 0; h.tag < 20; h.tag++)
		tlp_rig_send(&rig, &rig.pins.tx_a, &h, &one);
	assert_int_equal(rig.fake->num_reads, 20);
	rig.fake->hold_reads = false;
	tlp_rig_await_a(&rig, 20);
	memcpy(&sum, rig.fake->low + 0x100, 4);
	assert_int_equal(sum, 20);
	no_errors();
}

static void an_atomic_behind_a_write_waits_when_shuffled(void **state)
{
	struct tlp_header w = request(TLP_MWR32, 0x100, 4), h = request(TLP_SWAP32, 0x100, 4);
	uint32_t one = 1, two = 2;

	(void)state;
	rig.fake->port.shuffle = true;
	rig.fake->hold_writes = true;
	tlp_rig_send(&rig, &rig.pins.tx_a, &w, &one);
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, &two);
	tlp_rig_run(&rig, 50);
	assert_int_equal(rig.fake->num_reads, 0);
	rig.fake->hold_writes = false;
	tlp_rig_await_a(&rig, 1);
	assert_memory_equal(rig.last_a.data, &one, 4);
	assert_memory_equal(rig.fake->low + 0x100, &two, 4);
	no_errors();
}

static void an_atomic_of_what_is_not_mapped(void **state)
{
	struct tlp_header h = request(TLP_FETCH_ADD64, FAKE_HIGH + FAKE_MEMORY, 8);

	(void)state;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, "12345678");
	tlp_rig_await_a(&rig, 1);
	assert_int_equal(rig.last_a.header.status, TLP_UNSUPPORTED);
	assert_true(rig.pins.tx_a.ready);
	no_errors();
}

/* ---- registers ---- */

static void access_register(bool write, uint32_t address, uint32_t bytes, uint32_t tag)
{
	rig.fake->access_waits = true;
	rig.fake->access = (struct host_mmio){ .write = write, .address = address, .bytes = bytes,
		.tag = tag };
	memset(rig.fake->access.data, 0x3c, bytes);
	tlp_rig_await_a(&rig, rig.num_a + 1);
}

static void a_register_is_written(void **state)
{
	(void)state;
	access_register(true, 0x3ffc0, 64, 0);
	assert_int_equal(rig.last_a.header.type, TLP_MWR32);
	assert_int_equal(rig.last_a.header.address, 0x3ffc0);
	assert_int_equal(rig.last_a.header.first_be, 0xf);
	assert_int_equal(rig.last_a.header.last_be, 0xf);
	assert_int_equal(rig.last_a.bytes, 64);
	assert_memory_equal(rig.last_a.data, rig.fake->access.data, 64);
	assert_true(rig.last_a.header.vf_active);
	access_register(true, 0x44, 4, 0);
	assert_int_equal(rig.last_a.header.last_be, 0);
	assert_int_equal(rig.last_a.bytes, 4);
}

static void a_register_is_read(void **state)
{
	struct tlp_header c;
	uint64_t value = UINT64_C(0x1122334455667788);

	(void)state;
	access_register(false, 0x88, 8, 63);
	assert_int_equal(rig.last_a.header.type, TLP_MRD32);
	assert_int_equal(rig.last_a.header.tag, 63);
	c = (struct tlp_header){ .type = TLP_CPLD, .tag = 63, .requester = rig.last_a.header.requester,
		.length = 8, .byte_count = 8, .low_address = 0x08 };
	tlp_rig_send(&rig, &rig.pins.tx_a, &c, &value);
	assert_int_equal(rig.fake->answers, 1);
	assert_int_equal(rig.fake->answer_tag, 63);
	assert_int_equal(rig.fake->answer, value);

	access_register(false, 0x8c, 4, 1);
	c = (struct tlp_header){ .type = TLP_CPL, .tag = 1, .requester = TLP_HOST_ID,
		.status = TLP_UNSUPPORTED };
	tlp_rig_send(&rig, &rig.pins.tx_a, &c, NULL);
	assert_int_equal(rig.fake->answers, 2);
	assert_int_equal(rig.fake->answer, UINT64_MAX);
	no_errors();
}

/* ---- streams ---- */

static void a_beat_stays_until_it_is_taken(void **state)
{
	struct axis_beat b;

	(void)state;
	rig.pins.rx_a.ready = false;
	rig.fake->access_waits = true;
	rig.fake->access = (struct host_mmio){ .write = true, .address = 8, .bytes = 64 };
	tlp_rig_cycle(&rig);
	assert_true(rig.pins.rx_a.valid);
	b = rig.pins.rx_a.beat;
	for (unsigned int i = 0; i < 20; i++) {
		tlp_rig_cycle(&rig);
		assert_true(rig.pins.rx_a.valid);
		assert_memory_equal(&b.data, rig.pins.rx_a.beat.data, AXIS_BYTES);
		assert_false(rig.pins.rx_a.beat.last);
	}
	rig.pins.rx_a.ready = true;
	tlp_rig_await_a(&rig, 1);
}

/* Of reads, TX-B alone: behind one on TX-A may be the answer to a register. */
static void nothing_is_taken_while_the_host_is_full(void **state)
{
	(void)state;
	rig.fake->port.write_full = true;
	tlp_rig_cycle(&rig);
	assert_false(rig.pins.tx_a.ready);
	assert_false(rig.pins.tx_b.ready);
	rig.fake->port.write_full = false;
	rig.fake->port.read_full = true;
	tlp_rig_cycle(&rig);
	assert_true(rig.pins.tx_a.ready);
	assert_false(rig.pins.tx_b.ready);
	rig.fake->port.read_full = false;
	tlp_rig_cycle(&rig);
	assert_true(rig.pins.tx_a.ready);
	assert_true(rig.pins.tx_b.ready);
}

static void reset_forgets(void **state)
{
	struct tlp_header h = request(TLP_MRD32, 0x1000, 512);
	struct axis_beat half = { .keep = UINT64_MAX };

	(void)state;
	rig.fake->hold_reads = true;
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, NULL);
	h.type = TLP_MWR32;
	tlp_header_pack(&h, half.data);
	tlp_rig_beat(&rig, &rig.pins.tx_a, &half);
	rig.fake->port.reset = true;
	tlp_rig_run(&rig, 40);
	rig.fake->port.reset = false;
	rig.fake->read_num = 0;
	rig.fake->hold_reads = false;

	h.type = TLP_MRD32; /* the same tag, and not the middle of a packet */
	tlp_rig_send(&rig, &rig.pins.tx_a, &h, NULL);
	tlp_rig_await_a(&rig, 1);
	assert_int_equal(rig.last_a.bytes, 512);
	no_errors();
}

/* With pauses both ways, everything still comes and is right. */
static void pauses_change_nothing(void **state)
{
	struct tlp_options options = { .seed = 11, .stall = 60, .split = 50 };
	struct tlp_header h = request(TLP_MWR64, FAKE_HIGH, 512);
	uint8_t data[512];

	down(state);
	tlp_rig_up(&rig, &options);
	for (unsigned int i = 0; i < 20; i++) {
		memset(data, (int)i + 1, sizeof(data));
		h.address = FAKE_HIGH + i * 512;
		tlp_rig_send(&rig, &rig.pins.tx_a, &h, data);
	}
	tlp_rig_await_b(&rig, 20);
	for (unsigned int i = 0; i < 20 * 512; i++)
		assert_int_equal(rig.fake->high[i], i / 512 + 1);
	h.type = TLP_MRD64;
	rig.fake->hold_reads = true;
	for (h.tag = 0; h.tag < 20; h.tag++) {
		h.address = FAKE_HIGH + h.tag * 512;
		tlp_rig_send(&rig, &rig.pins.tx_b, &h, NULL);
	}
	rig.fake->hold_reads = false;
	for (uint32_t got = 0; got < 20 * 512; got += rig.last_a.bytes) {
		tlp_rig_await_a(&rig, rig.num_a + 1);
		assert_int_equal(rig.last_a.data[0], rig.last_a.header.tag + 1);
		assert_int_equal(rig.last_a.data[rig.last_a.bytes - 1], rig.last_a.header.tag + 1);
	}
	no_errors();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_read_is_completed), RIGGED(a_read_of_32_bits_has_its_address_elsewhere),
		RIGGED(byte_enables_show_in_a_completion), RIGGED(a_read_of_nothing_is_completed),
		RIGGED(a_data_movers_read_counts_bytes),
		RIGGED(what_is_not_mapped_is_an_unsupported_request),
		RIGGED(completions_are_split_at_lines), RIGGED(a_write_is_in_memory_and_committed),
		RIGGED(byte_enables_leave_bytes_alone), RIGGED(a_commit_can_be_declined),
		RIGGED(a_commit_waits_for_the_last_line), RIGGED(as_many_writes_as_slots),
		RIGGED(an_interrupt_is_committed), RIGGED(what_the_host_refuses_is_told),
		RIGGED(a_read_behind_a_write_waits_when_shuffled),
		RIGGED(atomics_change_memory), RIGGED(many_atomics_are_under_way),
		RIGGED(an_atomic_behind_a_write_waits_when_shuffled), RIGGED(an_atomic_of_what_is_not_mapped),
		RIGGED(a_register_is_written), RIGGED(a_register_is_read),
		RIGGED(a_beat_stays_until_it_is_taken), RIGGED(nothing_is_taken_while_the_host_is_full),
		RIGGED(reset_forgets), RIGGED(pauses_change_nothing),
	};

	return RUN(tests);
}
