/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as people write them. */
#include "transport/address.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/check.h"

static void addresses_are_read(void **state)
{
	static const struct {
		const char *in, *out;
		enum address_kind kind;
		bool loopback;
	} t[] = {
		{ "a:1", "a:1", ADDRESS_TCP, false },
		{ "a", "a:8447", ADDRESS_TCP, false },
		{ "10.0.0.1:8447", "10.0.0.1:8447", ADDRESS_TCP, false },
		{ "127.3.0.1", "127.3.0.1:8447", ADDRESS_TCP, true },
		{ "[::1]:5", "[::1]:5", ADDRESS_TCP, true },
		{ "[::1]", "[::1]:8447", ADDRESS_TCP, true },
		{ "::1", "[::1]:8447", ADDRESS_TCP, true },
		{ "::ffff:127.0.0.1", "[::ffff:127.0.0.1]:8447", ADDRESS_TCP, true },
		{ "fe80::1%lo", "[fe80::1%lo]:8447", ADDRESS_TCP, false },
		{ "[::]:0", "[::]:0", ADDRESS_TCP, false },
		{ "unix:x", "unix:x", ADDRESS_UNIX, true },
		{ "/run/x.sock", "unix:/run/x.sock", ADDRESS_UNIX, true },
		{ "unix:/a:b", "unix:/a:b", ADDRESS_UNIX, true },
		{ "vsock:3:77", "vsock:3:77", ADDRESS_VSOCK, false },
		{ "vsock:1", "vsock:1:8447", ADDRESS_VSOCK, true },
		{ "vsock:any:8447", "vsock:any:8447", ADDRESS_VSOCK, false },
		{ "vsock:4294967294:4294967294", "vsock:4294967294:4294967294", ADDRESS_VSOCK, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char text[ADDRESS_TEXT_MAX];
		const char *why = NULL;
		struct address a, again;

		assert_int_equal(address_parse(t[i].in, &a, &why), 0);
		assert_int_equal(a.kind, t[i].kind);
		assert_int_equal(address_is_loopback(&a), t[i].loopback);
		address_text(&a, text, sizeof(text));
		assert_string_equal(text, t[i].out);
		assert_int_equal(address_parse(text, &again, &why), 0);
		assert_memory_equal(&a, &again, sizeof(a));
	}
}

static void what_is_no_address_is_told(void **state)
{
	static const char *const bad[] = {
		"", ":8447", "a:", "a:x", "a:65536", "a:-1", "a:1 ", "a b:1", "[::1", "[::1]x", "[::1]8447",
		"[]:1", "[a]:1", "1:2:3", "::1:8447:zz", "unix:", "vsock:", "vsock:x:1", "vsock:3:",
		"vsock:3:4294967295", "vsock:4294967296:1", "vsock:99999999999999999999:1",
		"a:18446744073709551617",
	};
	char path[160], host[300];
	const char *why;
	struct address a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		if (address_parse(bad[i], &a, &why) != -EINVAL)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_non_null(why);
	}
	memset(path, '/', 108);
	path[108] = '\0';
	assert_int_equal(address_parse(path, &a, &why), -EINVAL);
	path[107] = '\0';
	assert_int_equal(address_parse(path, &a, &why), 0);
	memset(host, 'a', 256);
	host[256] = '\0';
	assert_int_equal(address_parse(host, &a, &why), -EINVAL);
	host[255] = '\0';
	assert_int_equal(address_parse(host, &a, &why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(what_is_no_address_is_told),
	};

	return RUN(tests);
}
