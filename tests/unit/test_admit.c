/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is let in: how peers are counted, and who makes room for a stranger. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/admit.h"
#include "tests/unit/check.h"

static struct policy_see everything;
static const struct policy_rule rule = { .see = &everything, .num_see = 1 };
static struct daemon_config config;
static struct sessions all;

static int up(void **state)
{
	(void)state;
	config.limits = (struct config_limits){ .connections = 100, .per_principal = 2,
						.preauth_connections = 4 };
	all.config = &config;
	return 0;
}

static int down(void **state)
{
	(void)state;
	while (all.first) {
		struct session *s = all.first;

		all.first = s->next;
		free(s);
	}
	return 0;
}

static struct session *comes(void)
{
	struct session *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->next = all.first;
	all.first = s;
	return s;
}

static void is_served(const char *principal)
{
	origin_of_principal(principal, comes()->counts_as);
}

static struct session *shakes_hands(const char *origin)
{
	struct session *s = comes();

	s->stranger = true;
	snprintf(s->origin, sizeof(s->origin), "%s", origin);
	return s;
}

/* The reason, or "". */
static const char *refused(const char *principal)
{
	static char why[CHANNEL_WHY_MAX];

	admit_why_not(&all, principal, &rule, why, sizeof(why));
	return why;
}

static void principals_are_counted(void **state)
{
	(void)state;
	is_served("tcp:10.0.0.7");
	assert_string_equal(refused("tcp:10.0.0.7"), "");
	is_served("tcp:10.0.0.7");
	assert_non_null(strstr(refused("tcp:10.0.0.7"), "tcp:10.0.0.7 has 2 connections"));
	assert_string_equal(refused("tcp:10.0.0.8"), "");
}

/* Who has one address of an IPv6 network may have as many as he likes. */
static void an_ipv6_network_is_one(void **state)
{
	(void)state;
	is_served("tcp:2001:db8:1:2::1");
	assert_string_equal(refused("tcp:2001:db8:1:2::2"), "");
	is_served("tcp:2001:db8:1:2:ffff::1");
	assert_non_null(strstr(refused("tcp:2001:db8:1:2::7"), "2001:db8:1:2::/64 has 2 connections"));
	assert_string_equal(refused("tcp:2001:db8:1:3::7"), "");
	/* a name that looks like one is a name */
	is_served("tls:2001:db8:1:9::1");
	is_served("tls:2001:db8:1:9::1");
	assert_string_equal(refused("tls:2001:db8:1:9::2"), "");
	assert_string_equal(refused("tcp:2001:db8:1:9::1"), "");
}

static void strangers_make_room(void **state)
{
	struct session *first = shakes_hands("a"), *second = shakes_hands("a");
	bool share;

	(void)state;
	assert_null(admit_in_the_way(&all, "b", &share));
	assert_false(share);
	assert_ptr_equal(admit_in_the_way(&all, "a", &share), first); /* half of the places */
	assert_true(share);
	second->stranger = false;
	second->dismissed = true;
	assert_ptr_equal(admit_in_the_way(&all, "a", &share), second);
	second->dismissed = false; /* he is somebody now */
	assert_null(admit_in_the_way(&all, "a", &share));
	shakes_hands("b");
	shakes_hands("c");
	shakes_hands("d");
	assert_ptr_equal(admit_in_the_way(&all, "e", &share), first);
	assert_false(share);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(principals_are_counted),
		RIGGED(an_ipv6_network_is_one),
		RIGGED(strangers_make_room),
	};

	return RUN(tests);
}
