/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/match.h"

#include <string.h>

#include "tests/unit/check.h"

static struct opae_props device(void)
{
	struct opae_props v = { .valid = OPAE_PROP_OBJTYPE | OPAE_PROP_BUS | OPAE_PROP_GUID |
					 OPAE_PROP_HOSTNAME | OPAE_PROP_NUM_MMIO,
				.objtype = FPGA_ACCELERATOR,
				.bus = 3,
				.num_mmio = 1,
				.guid = { 1, 2, 3 },
				.hostname = "far" };

	return v;
}

static void nothing_asked_matches(void **state)
{
	struct opae_props f = { 0 }, d = device();

	(void)state;
	assert_true(match_values(&f, &d));
	memset(&d, 0, sizeof(d));
	assert_true(match_values(&f, &d));
}

static void all_that_is_asked_must_be_so(void **state)
{
	struct opae_props f = device(), d = device();

	(void)state;
	assert_true(match_values(&f, &d));
	f.guid[15] = 1;
	assert_false(match_values(&f, &d));
	f = device();
	memcpy(f.hostname, "near", 5);
	assert_false(match_values(&f, &d));
	f = device();
	f.bus = 4;
	assert_false(match_values(&f, &d));
	f.valid &= ~(uint32_t)OPAE_PROP_BUS; /* a value that is not set is not asked */
	assert_true(match_values(&f, &d));
}

/* A device that does not say is not one that says 0. */
static void what_a_device_does_not_have_does_not_match(void **state)
{
	struct opae_props f = { .valid = OPAE_PROP_SOCKET_ID }, d = device();

	(void)state;
	assert_false(match_values(&f, &d));
	d.valid |= OPAE_PROP_SOCKET_ID;
	assert_true(match_values(&f, &d));
}

/* The parent is compared elsewhere, by the plugin's word. */
static void the_parent_is_not_a_value(void **state)
{
	struct opae_props f = { .valid = OPAE_PROP_PARENT }, d = device();

	(void)state;
	assert_true(match_values(&f, &d));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked_matches),
		cmocka_unit_test(all_that_is_asked_must_be_so),
		cmocka_unit_test(what_a_device_does_not_have_does_not_match),
		cmocka_unit_test(the_parent_is_not_a_value),
	};

	return RUN(tests);
}
