/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may what: patterns of principals and of objects, and which rule decides. */
#include <stdio.h>
#include <string.h>

#include "daemon/policy.h"
#include "tests/unit/check.h"
#include "wire/ops.h"

static const uint32_t place = OPAE_PROP_SEGMENT | OPAE_PROP_BUS | OPAE_PROP_DEVICE | OPAE_PROP_FUNCTION;

static void principals_that_are_wrong(void **state)
{
	static const char *const good[] = { "*",	   "unix:0",	"unix:1000",   "vsock:3",
					    "tcp:10.0.0.7", "tcp:::1",	"tcp:10.0.0.*", "unix:*",
					    "tcp:*",	   "vsock:4294967295", "tls:opae:alice",
					    "tls:alice@site.org", "tls:host.site.org", "tls:opae:*",
					    "tls:*",	   "tls:10.0.0.7" };
	static const char *const bad[] = { "",	      "unix:",	   "unix:root", "unix:-1", "unix:1 ",
					   "tcp:host",	"tcp:1.2.3.4:80", "tcp:[::1]", "nobody", "un*x:1",
					   "unix:4294967296", "vsock:", "tcp:\n", "tcp:::ffff:10.0.0.7",
					   "tls:", "tls:a b", "tls:a*b", "TLS:alice", "tls", "t*", "un*",
					   "tls*", "alice*" };
	char longer[POLICY_PRINCIPAL_MAX + 1], out[POLICY_PRINCIPAL_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_null(policy_principal_read(good[i], out));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(policy_principal_read(bad[i], out));
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 2] = '*';
	longer[sizeof(longer) - 1] = 0;
	assert_non_null(policy_principal_read(longer, out));
}

/* However it is written, a rule is found by what the kernel says of a peer. */
static void principals_have_one_form(void **state)
{
	static const char *const all[][2] = { { "unix:01000", "unix:1000" },
					      { "vsock:003", "vsock:3" },
					      { "tcp:10.0.0.7", "tcp:10.0.0.7" },
					      { "tcp:2001:DB8:0:0::1", "tcp:2001:db8::1" },
					      { "tcp:0:0:0:0:0:0:0:1", "tcp:::1" },
					      { "tcp:2001:DB8*", "tcp:2001:DB8*" },
					      { "tls:opae:Alice", "tls:opae:Alice" },
					      { "tls:opae:*", "tls:opae:*" },
					      { "*", "*" } };
	char out[POLICY_PRINCIPAL_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_null(policy_principal_read(all[i][0], out));
		assert_string_equal(out, all[i][1]);
	}
}

static void first_rule_decides(void **state)
{
	struct policy_rule rules[] = { { .principal = "unix:1000" },
				       { .principal = "tcp:10.0.0.*" },
				       { .principal = "unix:*" } };
	const struct policy p = { rules, 3 };

	(void)state;
	assert_ptr_equal(policy_find(&p, "unix:1000"), &rules[0]);
	assert_ptr_equal(policy_find(&p, "unix:10001"), &rules[2]);
	assert_ptr_equal(policy_find(&p, "unix:100"), &rules[2]);
	assert_ptr_equal(policy_find(&p, "tcp:10.0.0.77"), &rules[1]);
	assert_null(policy_find(&p, "tcp:10.0.1.77"));
	assert_null(policy_find(&p, "vsock:3"));
}

/* Whoever has an address, or a certificate that names one, is not what the other is. */
static void an_address_is_no_certificate(void **state)
{
	struct policy_rule rules[] = { { .principal = "tcp:10.0.0.7" }, { .principal = "tcp:*" },
				       { .principal = "tls:10.0.0.7" }, { .principal = "tls:opae:*" } };
	const struct policy p = { rules, 4 }, addresses = { rules, 2 }, names = { rules + 2, 2 };

	(void)state;
	assert_ptr_equal(policy_find(&p, "tcp:10.0.0.7"), &rules[0]);
	assert_ptr_equal(policy_find(&p, "tls:10.0.0.7"), &rules[2]);
	assert_ptr_equal(policy_find(&p, "tls:opae:alice"), &rules[3]);
	assert_null(policy_find(&p, "tls:opae"));
	assert_null(policy_find(&p, "tls:alice@site.org"));
	assert_null(policy_find(&addresses, "tls:10.0.0.7"));
	assert_null(policy_find(&names, "tcp:10.0.0.7"));
}

/* Who is no virtual machine is let in where he is named, or everybody is. */
static void this_machine_and_its_host(void **state)
{
	struct policy_rule rules[] = { { .principal = "vsock:*" }, { .principal = "v*" },
				       { .principal = "vsock:2" }, { .principal = "*" } };
	const struct policy some = { rules, 3 }, all = { rules, 4 };

	(void)state;
	assert_ptr_equal(policy_find(&some, "vsock:3"), &rules[0]);
	assert_ptr_equal(policy_find(&some, "vsock:22"), &rules[0]);
	assert_ptr_equal(policy_find(&some, "vsock:2"), &rules[2]);
	assert_null(policy_find(&some, "vsock:1"));
	assert_ptr_equal(policy_find(&all, "vsock:1"), &rules[3]);
}

static void rules_for_a_kind(void **state)
{
	static const struct {
		const char *principal, *kind;
		bool is;
	} all[] = { { "*", "tcp", true },	  { "tcp:*", "tcp", true },   { "tcp:1.2.3.4", "tcp", true },
		    { "tls:opae:alice", "tls", true }, { "tls:*", "tls", true }, { "tls:*", "tcp", false },
		    { "tcp:*", "tls", false }, { "tls:x", "tcp", false },
		    { "t*", "tcp", true },	  { "unix:*", "tcp", false }, { "unix:0", "tcp", false },
		    { "tcp:1.2.3.4", "unix", false }, { "u*", "tcp", false },	{ "tcp*", "tcp", true } };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct policy_rule rule = { 0 };

		snprintf(rule.principal, sizeof(rule.principal), "%s", all[i].principal);
		assert_int_equal(policy_rule_for_kind(&rule, all[i].kind), all[i].is);
	}
}

static void patterns_that_are_wrong(void **state)
{
	static const char *const bad[] = { "",		   "0000:b1:00",   "0000:b1:00.8", "b1:20.0",
					   "0000:b1:00.0 ", "0000:b1:00.00", "b1:00.",	   "guid:",
					   "guid:d8424dc4", "D8424DC4-A4A3-C413-F89E-433683F9040B",
					   "0000:b1:*",	   "**",	   "-001:b1:00.0" };
	struct policy_see see;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(policy_see_parse(bad[i], &see));
}

static uint32_t rights_by(const char *pattern, uint32_t allow, const struct opae_props *p)
{
	struct policy_see see;

	assert_true(policy_see_parse(pattern, &see));
	return policy_rights(&see, 1, allow, p);
}

static void by_address(void **state)
{
	struct opae_props p = { .valid = place, .bus = 0xb1, .device = 2, .function = 1 };

	(void)state;
	assert_int_equal(rights_by("0000:b1:02.1", WIRE_RIGHT_DMA, &p), WIRE_RIGHT_SEE | WIRE_RIGHT_DMA);
	assert_int_equal(rights_by("B1:02.1", 0, &p), WIRE_RIGHT_SEE);
	assert_int_equal(rights_by("b1:02.*", 0, &p), WIRE_RIGHT_SEE);
	assert_int_equal(rights_by("b1:02.0", WIRE_RIGHTS_ALL, &p), 0);
	assert_int_equal(rights_by("0001:b1:02.1", WIRE_RIGHTS_ALL, &p), 0);
	p.valid &= ~(uint32_t)OPAE_PROP_FUNCTION; /* what has no address is at none */
	assert_int_equal(rights_by("b1:02.*", WIRE_RIGHTS_ALL, &p), 0);
	assert_int_equal(rights_by("*", WIRE_RIGHTS_ALL, &p), WIRE_RIGHT_SEE | WIRE_RIGHTS_ALL);
}

static void patterns_have_one_form(void **state)
{
	static const char *const all[][2] = { { "*", "*" },
					      { "b1:00.7", "0000:b1:00.7" },
					      { "8001:B1:1f.*", "8001:b1:1f.*" },
					      { "guid:D8424DC4-a4a3-c413-f89e-433683f9040b",
						"guid:d8424dc4-a4a3-c413-f89e-433683f9040b" } };
	char text[POLICY_PATTERN_MAX];
	struct policy_see see;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_true(policy_see_parse(all[i][0], &see));
		policy_see_text(&see, text);
		assert_string_equal(text, all[i][1]);
	}
}

static void by_guid(void **state)
{
	static const uint8_t guid[16] = { 0xd8, 0x42, 0x4d, 0xc4, 0xa4, 0xa3, 0xc4, 0x13,
					  0xf8, 0x9e, 0x43, 0x36, 0x83, 0xf9, 0x04, 0x0b };
	struct opae_props p = { .valid = OPAE_PROP_GUID };

	(void)state;
	memcpy(p.guid, guid, sizeof(guid));
	assert_int_equal(rights_by("guid:D8424DC4-a4a3-c413-f89e-433683f9040b", 0, &p), WIRE_RIGHT_SEE);
	p.valid = 0;
	assert_int_equal(rights_by("guid:D8424DC4-a4a3-c413-f89e-433683f9040b", WIRE_RIGHTS_ALL, &p), 0);
	p.valid = OPAE_PROP_GUID;
	p.guid[15] ^= 1;
	assert_int_equal(rights_by("guid:D8424DC4-a4a3-c413-f89e-433683f9040b", WIRE_RIGHTS_ALL, &p), 0);
}

static void nothing_shown(void **state)
{
	const struct opae_props p = { .valid = place };

	(void)state;
	assert_int_equal(policy_rights(NULL, 0, WIRE_RIGHTS_ALL, &p), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(principals_that_are_wrong),
		cmocka_unit_test(principals_have_one_form), cmocka_unit_test(first_rule_decides),
		cmocka_unit_test(an_address_is_no_certificate), cmocka_unit_test(this_machine_and_its_host),
		cmocka_unit_test(rules_for_a_kind),	     cmocka_unit_test(patterns_that_are_wrong),
		cmocka_unit_test(by_address),		     cmocka_unit_test(by_guid),
		cmocka_unit_test(nothing_shown),	     cmocka_unit_test(patterns_have_one_form),
	};

	return RUN(tests);
}
