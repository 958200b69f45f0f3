/* SPDX-License-Identifier: BSD-3-Clause */
/* The greetings by which a client gets to its worker: what they are made of, and what is none. */
#include "transport/fabric-door.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/check.h"

static const uint8_t token[DOOR_SECRET] = "0123456789abcdef", proof[DOOR_SECRET] = "ghijklmnopqrstuv";

static struct fabric_greeting answer_of(enum door_code code)
{
	struct door_answer a = { .code = code, .port = 0x1234 };
	struct fabric_greeting g;

	memcpy(a.token, token, DOOR_SECRET);
	memcpy(a.proof, proof, DOOR_SECRET);
	door_put_answer(&g, &a);
	return g;
}

/* Other builds are at the other end: the bytes themselves. */
static void the_bytes(void **state)
{
	static const unsigned char come[] = "DOOR\1\0\2\0\x34\x12" "0123456789abcdef" "ghijklmnopqrstuv";
	struct fabric_greeting g;

	(void)state;
	door_put_knock(&g);
	assert_int_equal(g.len, 8);
	assert_memory_equal(g.data, "DOOR\1\0\1\0", 8);
	g = answer_of(DOOR_COME);
	assert_int_equal(g.len, sizeof(come) - 1);
	assert_memory_equal(g.data, come, sizeof(come) - 1);
	g = answer_of(DOOR_BUSY);
	assert_int_equal(g.len, 8);
	assert_memory_equal(g.data, "DOOR\1\0\2\2", 8);
	door_put_token(&g, token);
	assert_int_equal(g.len, 24);
	assert_memory_equal(g.data, "DOOR\1\0\3\0" "0123456789abcdef", 24);
	door_put_proof(&g, proof);
	assert_int_equal(g.len, 24);
	assert_memory_equal(g.data, "DOOR\1\0\4\0" "ghijklmnopqrstuv", 24);
}

static void each_is_read_as_it_was_written(void **state)
{
	struct fabric_greeting g;
	struct door_answer a;

	(void)state;
	door_put_knock(&g);
	assert_int_equal(door_get_knock(&g), 0);
	g = answer_of(DOOR_COME);
	assert_int_equal(door_get_answer(&g, &a), 0);
	assert_int_equal(a.code, DOOR_COME);
	assert_int_equal(a.port, 0x1234);
	assert_memory_equal(a.token, token, DOOR_SECRET);
	assert_memory_equal(a.proof, proof, DOOR_SECRET);
	for (enum door_code code = DOOR_AGAIN; code <= DOOR_OTHER; code++) {
		g = answer_of(code);
		assert_int_equal(door_get_answer(&g, &a), 0);
		assert_int_equal(a.code, code);
		assert_int_equal(a.port, 0);
	}
	door_put_token(&g, token);
	assert_true(door_is_token(&g, token));
	door_put_proof(&g, proof);
	assert_true(door_is_proof(&g, proof));
}

static void padding_does_not_matter(void **state)
{
	struct fabric_greeting g;
	struct door_answer a;

	(void)state;
	door_put_knock(&g);
	g.len = FABRIC_GREETING_MAX;
	assert_int_equal(door_get_knock(&g), 0);
	g = answer_of(DOOR_COME);
	g.len = FABRIC_GREETING_MAX;
	assert_int_equal(door_get_answer(&g, &a), 0);
	door_put_token(&g, token);
	g.len = FABRIC_GREETING_MAX;
	assert_true(door_is_token(&g, token));
}

static void what_is_cut_short_is_none(void **state)
{
	struct fabric_greeting knock, answer = answer_of(DOOR_COME), shown;
	struct door_answer a;

	(void)state;
	door_put_knock(&knock);
	for (knock.len = 0; knock.len < 8; knock.len++)
		assert_int_equal(door_get_knock(&knock), -EPROTO);
	for (answer.len = 0; answer.len < 42; answer.len++) {
		assert_int_equal(door_get_answer(&answer, &a), -EPROTO);
		assert_int_equal(a.port, 0);
	}
	door_put_token(&shown, token);
	for (shown.len = 0; shown.len < 24; shown.len++)
		assert_false(door_is_token(&shown, token));
}

static void one_kind_is_no_other(void **state)
{
	struct fabric_greeting g;
	struct door_answer a;

	(void)state;
	door_put_knock(&g);
	assert_int_equal(door_get_answer(&g, &a), -EPROTO);
	g = answer_of(DOOR_COME);
	assert_int_equal(door_get_knock(&g), -EPROTO);
	door_put_token(&g, token);
	assert_false(door_is_proof(&g, token));
	door_put_proof(&g, token);
	assert_false(door_is_token(&g, token));
}

static void each_byte_counts(void **state)
{
	struct fabric_greeting shown, g;
	struct door_answer a;

	(void)state;
	door_put_token(&shown, token);
	for (size_t i = 0; i < shown.len; i++) {
		g = shown;
		g.data[i] ^= 0x40;
		assert_int_equal(door_is_token(&g, token), i == 7); /* the code, of which a token has none */
	}
	g = answer_of(DOOR_COME);
	g.data[7] = DOOR_OTHER + 1;
	assert_int_equal(door_get_answer(&g, &a), -EPROTO);
	g = answer_of(DOOR_COME);
	g.data[8] = g.data[9] = 0; /* a port that is none */
	assert_int_equal(door_get_answer(&g, &a), -EPROTO);
}

static void another_version_is_told_apart(void **state)
{
	struct fabric_greeting g;
	struct door_answer a;

	(void)state;
	door_put_knock(&g);
	g.data[4] = 2;
	assert_int_equal(door_get_knock(&g), -EPROTONOSUPPORT);
	g.data[0] = 'd';
	assert_int_equal(door_get_knock(&g), -EPROTO);
	g = answer_of(DOOR_COME);
	g.data[5] = 1;
	assert_int_equal(door_get_answer(&g, &a), -EPROTONOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bytes),
		cmocka_unit_test(each_is_read_as_it_was_written),
		cmocka_unit_test(padding_does_not_matter),
		cmocka_unit_test(what_is_cut_short_is_none),
		cmocka_unit_test(one_kind_is_no_other),
		cmocka_unit_test(each_byte_counts),
		cmocka_unit_test(another_version_is_told_apart),
	};

	return RUN(tests);
}
