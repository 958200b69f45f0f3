/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known of GUIDs, and for how long: by the device that is there, and by nobody who was not asked. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/scout.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-tree.h"

static const struct pci_address at = { .segment = 0x8001 }, other = { .segment = 0x8002 };
static const struct scout_report report = { .segment = 0x8001, .guid = "0123456789abcde" };
static struct scout scout, idle;
static char path[160];

static int up(void **state)
{
	(void)state;
	fake_tree_begin();
	fake_tree_file("", "card", "");
	snprintf(path, sizeof(path), "%s/card", fake_tree_root());
	memset(&scout, 0, sizeof(scout));
	return 0;
}

static int down(void **state)
{
	(void)state;
	scout_done(&scout);
	fake_tree_remove();
	return 0;
}

static void a_scout_goes(const struct scout_report *tells)
{
	scout_started(&scout);
	if (tells)
		scout_hear(&scout, tells);
	scout_ended(&scout);
}

static void asks_once(void **state)
{
	struct scout_guids found;

	(void)state;
	assert_false(scout_wanted(&scout));
	assert_int_equal(scout_ask(&scout, &at, path, &found), -EINPROGRESS);
	assert_true(scout_wanted(&scout));
	scout_started(&scout);
	assert_false(scout_wanted(&scout));
	assert_int_equal(scout_ask(&scout, &at, path, &found), -EINPROGRESS);
	scout_hear(&scout, &report);
	scout_ended(&scout);
	assert_int_equal(scout_ask(&scout, &at, path, &found), 0);
	assert_int_equal(found.num, 1);
	assert_memory_equal(found.guids[0], report.guid, 16);
	assert_false(scout_wanted(&scout));
}

/* Who is asked for while the scout is out is not answered by it: it may have been there before. */
static void too_late(void **state)
{
	struct scout_guids found;

	(void)state;
	assert_int_equal(scout_ask(&scout, &other, path, &found), -EINPROGRESS);
	scout_started(&scout);
	assert_int_equal(scout_ask(&scout, &at, path, &found), -EINPROGRESS);
	scout_hear(&scout, &report);
	scout_ended(&scout);
	assert_int_equal(scout_ask(&scout, &at, path, &found), -EINPROGRESS);
	assert_false(scout_wanted(&scout)); /* not at once */
	scout.rests_until = 0;
	assert_true(scout_wanted(&scout));
	assert_int_equal(scout_ask(&scout, &other, path, &found), 0);
	assert_int_equal(found.num, 0);
}

static void another_in_its_place(void **state)
{
	struct scout_guids found;

	(void)state;
	scout_ask(&scout, &at, path, &found);
	a_scout_goes(&report);
	assert_int_equal(scout_ask(&scout, &at, path, &found), 0);
	fake_tree_file("", "next", "");
	unlink(path);
	assert_int_equal(scout_ask(&scout, &at, path, &found), -ENOENT);
	fake_tree_file("", "card", "");
	assert_int_equal(scout_ask(&scout, &at, path, &found), -EINPROGRESS);
	a_scout_goes(NULL);
	assert_int_equal(scout_ask(&scout, &at, path, &found), 0);
	assert_int_equal(found.num, 0);
}

static void what_nobody_asked_for(void **state)
{
	struct scout_guids found;

	(void)state;
	scout_hear(&scout, &report);
	assert_int_equal(scout_ask(&scout, &at, path, &found), -EINPROGRESS);
	scout_hear(&scout, &report); /* by none that was sent */
	a_scout_goes(NULL);
	assert_int_equal(scout_ask(&scout, &at, path, &found), 0);
	assert_int_equal(found.num, 0);
	scout_started(&scout);
	for (int i = 0; i < 100; i++)
		scout_hear(&scout, &report);
	scout_ended(&scout);
	assert_int_equal(scout_ask(&scout, &at, path, &found), 0);
	assert_int_equal(found.num, 0);
}

/* A scout finds nothing: for how long nobody need look again. */
static int64_t nothing_holds(bool changed)
{
	struct scout_guids found;
	int64_t since;

	scout_ask(&scout, &at, path, &found);
	scout_started(&scout);
	since = clock_now_ns();
	scout_ended(&scout);
	if (changed)
		scout_look_again(&scout);
	assert_int_equal(scout_ask(&scout, &at, path, &found), 0);
	assert_int_equal(found.num, 0);
	while (!scout_ask(&scout, &at, path, &found)) {
		scout_look_again(changed ? &scout : &idle); /* all the time */
		clock_sleep_ns(NS_PER_MS);
	}
	return clock_now_ns() - since;
}

/* It was held, and is asked for again when something was closed; but whoever waits is told before. */
static void nothing_is_asked_again(void **state)
{
	struct scout_guids found;
	int64_t changed = nothing_holds(true), quiet = nothing_holds(false);

	(void)state;
	assert_true(changed >= 500 * NS_PER_MS);
	assert_true(quiet >= 2 * NS_PER_S);
	assert_true(changed < quiet);
	a_scout_goes(&report);
	scout_look_again(&scout);
	assert_int_equal(scout_ask(&scout, &at, path, &found), 0);
	assert_int_equal(found.num, 1);
}

/* It goes for one, and answers for all that are as old. */
static void one_for_all(void **state)
{
	const struct scout_report of_other = { .segment = 0x8002, .guid = "0123456789abcde" };
	struct scout_guids found;

	(void)state;
	scout_ask(&scout, &at, path, &found);
	scout_ask(&scout, &other, path, &found);
	a_scout_goes(NULL);
	scout_look_again(&scout);
	while (!scout_ask(&scout, &at, path, &found))
		clock_sleep_ns(NS_PER_MS);
	a_scout_goes(&of_other);
	assert_int_equal(scout_ask(&scout, &other, path, &found), 0);
	assert_int_equal(found.num, 1);
}

static void too_many(void **state)
{
	struct scout_guids found;
	struct pci_address a = at;

	(void)state;
	scout_ask(&scout, &at, path, &found);
	scout_started(&scout);
	for (int i = 0; i < 100; i++)
		scout_hear(&scout, &report);
	scout_ended(&scout);
	assert_int_equal(scout_ask(&scout, &at, path, &found), 0);
	assert_int_equal(found.num, SCOUT_GUIDS_MAX);
	for (unsigned int i = 0; i < 5000; i++) {
		a.segment = (uint16_t)i;
		scout_ask(&scout, &a, path, &found);
	}
	assert_int_equal(scout.num, 1024);
	assert_int_equal(scout_ask(&scout, &a, path, &found), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(asks_once),	      RIGGED(too_late), RIGGED(another_in_its_place),
		RIGGED(what_nobody_asked_for), RIGGED(too_many),	RIGGED(nothing_is_asked_again),
		RIGGED(one_for_all),
	};

	return RUN(tests);
}
