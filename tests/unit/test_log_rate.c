/* SPDX-License-Identifier: BSD-3-Clause */
/* How many lines the log takes, on a clock that the tests turn; and what of a line reaches a terminal. */
#include <stdio.h>
#include <string.h>

#include "daemon/log.h"
#include "tests/unit/check.h"
#include "wire/utf8.h"

static struct log_rate r;
static int64_t now;
static const char kinds[LOG_RATE_KEYS + 8][2]; /* addresses alone count */

static int up(void **state)
{
	(void)state;
	memset(&r, 0, sizeof(r));
	now = 1000 * NS_PER_S;
	return 0;
}

static int passed(const void *kind, const char *who, int tried)
{
	int n = 0;

	for (int i = 0; i < tried; i++)
		n += log_rate_take(&r, kind, LOG_WHOSE(who, ""), "a line", now);
	return n;
}

static void a_burst_and_then_a_rate(void **state)
{
	(void)state;
	assert_int_equal(passed(kinds[0], "a", 1000000), LOG_RATE_WHO_BURST);
	now += LOG_RATE_WHO_NS - 1;
	assert_int_equal(passed(kinds[0], "a", 10), 0);
	now += 1;
	assert_int_equal(passed(kinds[0], "a", 10), 1);
	now += 3 * LOG_RATE_WHO_NS;
	assert_int_equal(passed(kinds[0], "a", 10), 3);
	now += 1000 * NS_PER_S; /* no more than the burst is ever saved */
	assert_int_equal(passed(kinds[0], "a", 1000), LOG_RATE_WHO_BURST);
}

static void another_is_not_hidden(void **state)
{
	(void)state;
	passed(kinds[0], "a", 1000);
	assert_int_equal(passed(kinds[0], "b", 10), 10);
	assert_int_equal(passed(kinds[1], "a", 10), 10);
	assert_int_equal(passed(kinds[1], "", 10), 10);
}

/* Those who are known have a place each, whatever those do who find none. */
static void nobodys_flood_hides_others(void **state)
{
	char who[32];

	(void)state;
	for (int i = 0; i < LOG_RATE_KEYS - 1; i++) {
		snprintf(who, sizeof(who), "tcp:%d", i);
		assert_int_equal(passed(kinds[0], who, 1000), LOG_RATE_WHO_BURST);
	}
	assert_int_equal(passed(kinds[0], "b", 10), 10);
	assert_int_equal(passed(kinds[0], "c", 1000), LOG_RATE_KIND_BURST);
	assert_int_equal(passed(kinds[0], "d", 10), 0); /* as "c": there is no place */
	assert_int_equal(passed(kinds[0], "b", 10), 10);
}

static int passed_of(const char *who, const char *part, int tried)
{
	int n = 0;

	for (int i = 0; i < tried; i++)
		n += log_rate_take(&r, kinds[0], LOG_WHOSE(who, part), "a line", now);
	return n;
}

/* One session does not hide another of the same principal; all of them together hide no other's. */
static void sessions_are_told_apart(void **state)
{
	char part[32];

	(void)state;
	assert_int_equal(passed_of("a", "session 1", 1000), LOG_RATE_PART_BURST);
	assert_string_equal(r.parts[0].who, "session 1");
	assert_int_equal(passed_of("a", "session 2", 10), 10);
	for (int i = 3; i < 1000; i++) {
		snprintf(part, sizeof(part), "session %d", i);
		passed_of("a", part, 100);
	}
	assert_int_equal(passed_of("a", "session 1000", 10), 0);
	assert_int_equal(passed_of("b", "session 1001", 10), 10);
}

static void many_principals_are_no_way_round(void **state)
{
	char who[32];
	int n = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		snprintf(who, sizeof(who), "tcp:%d", i);
		n += log_rate_take(&r, kinds[0], LOG_WHOSE(who, ""), "a line", now);
	}
	assert_int_equal(n, LOG_RATE_KEYS + LOG_RATE_KIND_BURST);
}

/* More kinds than there are places: what is too much shares the last. */
static void many_kinds(void **state)
{
	int n = 0;

	(void)state;
	for (int k = 0; k < LOG_RATE_KEYS + 8; k++)
		n += passed(kinds[k], "", 1000);
	assert_int_equal(n, LOG_RATE_KEYS * LOG_RATE_KIND_BURST);
}

static void what_is_left_out_is_told(void **state)
{
	struct log_key *k;

	(void)state;
	assert_int_equal(log_rate_deadline(&r), INT64_MAX);
	passed(kinds[0], "a", LOG_RATE_WHO_BURST + 41);
	now += NS_PER_S / 10;
	assert_false(log_rate_take(&r, kinds[0], LOG_WHOSE("a", ""), "the last", now));
	assert_int_equal(log_rate_deadline(&r), now - NS_PER_S / 10 + LOG_RATE_TELL_NS);
	assert_null(log_rate_due(&r, now));
	now += LOG_RATE_TELL_NS;
	k = log_rate_due(&r, now);
	assert_non_null(k);
	assert_int_equal(k->left_out, 42);
	assert_string_equal(k->who, "a");
	assert_string_equal(k->example, "the last");
	log_rate_told(k);
	assert_null(log_rate_due(&r, now));
	assert_int_equal(log_rate_deadline(&r), INT64_MAX);
	assert_int_equal(r.left_out, 42); /* the sum goes on */
}

static void long_texts_are_cut(void **state)
{
	char line[1024], who[512];

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	memset(who, 'y', sizeof(who) - 1);
	line[sizeof(line) - 1] = who[sizeof(who) - 1] = 0;
	for (int i = 0; i < LOG_RATE_WHO_BURST + 1; i++)
		log_rate_take(&r, kinds[0], LOG_WHOSE(who, ""), line, now);
	assert_int_equal(r.whos[0].left_out, 1); /* it is one principal, cut or not */
	assert_int_equal(strlen(r.whos[0].example), LOG_RATE_EXAMPLE_MAX - 1);
}

static void nothing_steers_a_terminal(void **state)
{
	static const struct {
		const char *text, *escaped;
	} t[] = {
		{ "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80" },
		{ "\x1b[2J\r\n\t\x7f\\", "\\x1b[2J\\x0d\\x0a\\x09\\x7f\\x5c" },
		/* CSI in one character */
		{ "\xc2\x9b" "31m", "\\xc2\\x9b31m" },
		/* no UTF-8 */
		{ "\xff\xc3(\xe2\x82", "\\xff\\xc3(\\xe2\\x82" },
		/* ends of lines and paragraphs */
		{ "a\xe2\x80\xa8" "b\xe2\x80\xa9", "a\\xe2\\x80\\xa8b\\xe2\\x80\\xa9" },
		/* what follows would be read from right to left */
		{ "\xe2\x80\xae" "fdp", "\\xe2\\x80\\xaefdp" },
		{ "\xe2\x81\xa6\xe2\x81\xa9", "\\xe2\\x81\\xa6\\xe2\\x81\\xa9" },
		{ "\xe2\x80\x8f\xd8\x9c", "\\xe2\\x80\\x8f\\xd8\\x9c" },
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		utf8_escape(t[i].text, out, sizeof(out));
		assert_string_equal(out, t[i].escaped);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_burst_and_then_a_rate, up),
		cmocka_unit_test_setup(another_is_not_hidden, up),
		cmocka_unit_test_setup(nobodys_flood_hides_others, up),
		cmocka_unit_test_setup(sessions_are_told_apart, up),
		cmocka_unit_test_setup(many_principals_are_no_way_round, up),
		cmocka_unit_test_setup(many_kinds, up),
		cmocka_unit_test_setup(what_is_left_out_is_told, up),
		cmocka_unit_test_setup(long_texts_are_cut, up),
		cmocka_unit_test(nothing_steers_a_terminal),
	};

	return RUN(tests);
}
