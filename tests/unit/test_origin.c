/* SPDX-License-Identifier: BSD-3-Clause */
/* Which peers count as one: those that one machine, or one user of this one, can be. */
#include <stdio.h>

#include "daemon/origin.h"
#include "tests/unit/check.h"

static void addresses(void **state)
{
	static const struct {
		const char *peer, *origin;
	} cases[] = {
		{ "10.0.0.7:40122", "10.0.0.7" },
		{ "[2001:db8:1:2:3:4:5:6]:1", "2001:db8:1:2::/64" },
		{ "[2001:db8:1:2:ffff::1]:65535", "2001:db8:1:2::/64" },
		{ "[2001:db8:1:3::1]:1", "2001:db8:1:3::/64" },
		{ "[::1]:8447", "::/64" },
		{ "[fe80::1%eth0]:1", "fe80::/64" },
		/* of a socket that takes both kinds */
		{ "[::ffff:10.0.0.7]:1", "10.0.0.7" },
	};
	char text[ORIGIN_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct peer p = { .kind = ADDRESS_TCP };

		snprintf(p.text, sizeof(p.text), "%s", cases[i].peer);
		origin_of(&p, text);
		assert_string_equal(text, cases[i].origin);
	}
}

static void users_and_machines(void **state)
{
	const struct peer user = { .kind = ADDRESS_UNIX, .uid = 1000, .gid = 7, .pid = 77, .text = "x" };
	const struct peer machine = { .kind = ADDRESS_VSOCK, .cid = 4000000000u, .text = "y" };
	char text[ORIGIN_MAX];

	(void)state;
	origin_of(&user, text);
	assert_string_equal(text, "uid 1000");
	origin_of(&machine, text);
	assert_string_equal(text, "cid 4000000000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(users_and_machines),
	};

	return RUN(tests);
}
