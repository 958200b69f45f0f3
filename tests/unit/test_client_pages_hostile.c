/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracked buffers of a server that is slow, goes, or does not keep to the protocol. */
#include <string.h>

#include "rpc/client/pages.h"
#include "tests/unit/pages-rig.h"
#include "tests/unit/trap-rig.h"

static void write64(uint64_t offset, uint64_t v)
{
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, offset, v), FPGA_OK);
}

static uint64_t load(const unsigned char *at)
{
	return __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);
}

static void fill(unsigned char *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)(i * 31 + (i >> 12) * 7 + 1);
}

static int up_small(void **state)
{
	(void)state;
	return pages_up(64 * PAGE);
}

/* ---- a server that is slow, or goes ---- */

static bool by_and_by(struct rpc_link *l, const struct rpc_frame *f, uint64_t offset, uint64_t len)
{
	if (pr.holds % 2) {
		say_granted(l, f, 0);
		return true;
	}
	say_data(l, offset, pr.memory + offset, PAGE);
	say_granted(l, f, PAGE);
	(void)len;
	return true;
}

static void less_than_asked_for_is_asked_for_again(void **state)
{
	unsigned char *at;

	(void)state;
	fill(pr.memory, pr.len);
	pr.on_hold = by_and_by;
	at = pages_prepare(0);
	assert_memory_equal(at, pr.memory, pr.len);
}

/* As when it did not know yet that the client had dropped the page. */
static bool stale_first(struct rpc_link *l, const struct rpc_frame *f, uint64_t offset, uint64_t len)
{
	say_stale(l, offset, PAGE);
	say_cut(l);
	say_data(l, offset, pr.memory + offset, len);
	say_granted(l, f, len);
	return true;
}

static bool make_stale(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	(void)offset;
	memcpy(pr.memory, &value, sizeof(value));
	say_stale(l, 0, PAGE);
	say_cut(l);
	return true;
}

static void what_is_given_after_it_was_stale_is_shown(void **state)
{
	unsigned char *at;
	uint64_t v;

	(void)state;
	fill(pr.memory, pr.len);
	pr.on_hold = stale_first;
	pr.on_write = make_stale;
	at = pages_prepare(0);
	assert_int_equal(load(at), pages_word(0));
	assert_int_equal(pr.holds, 1);
	for (unsigned int i = 2; i < 5; i++) {
		write64(8, i);
		assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_OK);
		assert_int_equal(load(at), i);
		assert_int_equal(pr.holds, i);
	}
	assert_int_equal(pr.drops, 0);
}

static bool go(struct rpc_link *l, const struct rpc_frame *f, uint64_t offset, uint64_t len)
{
	(void)l;
	(void)f;
	(void)offset;
	(void)len;
	return false;
}

static void a_lost_server_leaves_nobody_waiting(void **state)
{
	unsigned char *at;
	uint64_t v;

	(void)state;
	pr.on_hold = go;
	at = pages_prepare(0);
	assert_int_equal(load(at), 0);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, 0, 1), FPGA_EXCEPTION);
	memset(at, 1, pr.len);
}

static bool refuse(struct rpc_link *l, const struct rpc_frame *f, uint64_t offset, uint64_t len)
{
	script_fail(l, &f->head, FPGA_EXCEPTION, "no");
	(void)offset;
	(void)len;
	return true;
}

static void a_refusal_leaves_nobody_waiting(void **state)
{
	unsigned char *at;

	(void)state;
	pr.on_hold = refuse;
	at = pages_prepare(0);
	assert_int_equal(load(at), 0);
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, 0, 1), FPGA_EXCEPTION);
}

/* ---- a server that lies ---- */

static int lie;

static bool tell_lie(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	static unsigned char much[WIRE_BULK];

	(void)offset;
	(void)value;
	switch (lie) {
	case 0: /* a cut too many */
		pr.cut++;
		break;
	case 1:
		say_data(l, pr.len - 4, much, 8);
		break;
	case 2:
		say_data(l, UINT64_MAX - 3, much, 8);
		break;
	case 3:
		say_stale(l, pr.len, PAGE);
		break;
	case 4:
		say_stale(l, 0, PAGE - 1);
		break;
	case 5:
		say_stale(l, 0, 0);
		break;
	case 6: /* of pages that are shown, and too much for a cut */
		say_data(l, 0, much, PAGE);
		say_data(l, 0, much, sizeof(much));
		break;
	case 7:
		for (unsigned int i = 0; i < 100000; i++)
			say_stale(l, 0, PAGE);
		break;
	case 8:
		say_data(l, 0, much, 0);
		break;
	case 9: /* all of the buffer, over and over */
		for (uint64_t pages = 0; pages <= PAGES_HERE_MAX; pages += pr.len / PAGE)
			say_stale(l, 0, pr.len);
		break;
	case 10: /* too much for a cut, in short pieces */
		for (unsigned int i = 0; i <= WIRE_CUT_MAX; i++)
			say_data(l, 2 * (i % (PAGE / 2)), much, 1);
		break;
	default:
		break;
	}
	say_cut(l);
	return true;
}

static void lies_end_the_connection(void **state)
{
	uint64_t v = 0;

	(void)state;
	for (lie = 0; lie <= 10; lie++) {
		bool much = lie == 6 || lie == 7 || lie >= 9;
		unsigned char *at;

		pages_up(64 * PAGE);
		pr.on_write = tell_lie;
		at = pages_prepare(0);
		assert_int_equal(load(at), 0);
		write64(8, 1);
		if (rig.t.fpgaReadMMIO64(h, 0, 0, &v) != FPGA_EXCEPTION)
			fail_msg("lie %d is believed", lie);
		assert_non_null(strstr(detail(), "does not keep to the protocol"));
		if (!strstr(detail(), "too much of one cut") == much)
			fail_msg("lie %d: %s", lie, detail());
		memset(at, 1, pr.len);
		pages_down(NULL);
	}
}

static bool give_too_much(struct rpc_link *l, const struct rpc_frame *f, uint64_t offset, uint64_t len)
{
	(void)offset;
	say_granted(l, f, pr.holds ? len + PAGE : 100);
	return true;
}

/* As much as a server can have to say, of as many buffers as it holds pages of. */
static bool tell_all(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	static unsigned char much[WIRE_CUT_MAX];

	(void)offset;
	memset(much, (int)value, sizeof(much));
	for (size_t at = 0; at < sizeof(much); at += PAGE)
		say_data(l, at, much + at, PAGE);
	for (uint64_t pages = 0; pages < PAGES_HERE_MAX; pages += pr.len / PAGE)
		say_stale(l, 0, pr.len);
	say_cut(l);
	memcpy(pr.memory, much, sizeof(much));
	return true;
}

static void a_full_cut_is_taken(void **state)
{
	unsigned char *at;
	uint64_t v;

	(void)state;
	pr.on_write = tell_all;
	at = pages_prepare(0);
	for (unsigned int i = 1; i < 4; i++) {
		assert_int_equal(load(at), pages_word(0));
		write64(8, i);
		assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_OK);
		assert_memory_equal(at, pr.memory, pr.len);
	}
}

static void too_long_a_grant_ends_the_connection(void **state)
{
	unsigned char *at;
	uint64_t v;

	(void)state;
	pr.on_hold = give_too_much;
	at = pages_prepare(0);
	assert_int_equal(load(at), 0);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "does not keep to the protocol"));
}

/* Bytes that were kept for a buffer, when its number is that of a smaller one. */
static bool data_first_and_the_cut_later(struct rpc_link *l, uint64_t offset, uint64_t value)
{
	(void)offset;
	if (value == 1) {
		say_data(l, 60 * PAGE + 8, &value, 8);
		say_stale(l, 61 * PAGE, PAGE);
	} else {
		say_cut(l);
	}
	return true;
}

static void a_number_that_is_given_again(void **state)
{
	unsigned char *at;
	uint64_t v;

	(void)state;
	pr.on_write = data_first_and_the_cut_later;
	fill(pr.memory, pr.len);
	at = pages_prepare(0);
	assert_int_equal(load(at + 60 * PAGE), pages_word(60 * PAGE));
	assert_int_equal(load(at + 61 * PAGE), pages_word(61 * PAGE));
	write64(8, 1);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_OK);
	assert_int_equal(rig.t.fpgaReleaseBuffer(h, WSID), FPGA_OK);
	pr.len = 2 * PAGE;
	at = pages_prepare(0);
	memset(at, 7, pr.len);
	write64(8, 2);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_OK);
	for (size_t i = 0; i < pr.len; i++)
		if (at[i] != 7)
			fail_msg("byte %zu is %u", i, at[i]);
}

#define SMALL(f) cmocka_unit_test_setup_teardown(f, up_small, pages_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SMALL(less_than_asked_for_is_asked_for_again),
		SMALL(what_is_given_after_it_was_stale_is_shown),
		SMALL(a_lost_server_leaves_nobody_waiting),
		SMALL(a_refusal_leaves_nobody_waiting),
		SMALL(a_number_that_is_given_again),
		cmocka_unit_test(lies_end_the_connection),
		SMALL(a_full_cut_is_taken),
		SMALL(too_long_a_grant_ends_the_connection),
	};

	return trap_missing() ? 0 : RUN(tests);
}
