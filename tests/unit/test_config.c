/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/config-devices.h"
#include "lib/config.h"
#include "tests/unit/check.h"

static struct config parse(const char *text)
{
	struct config c;

	assert_int_equal(config_parse(text, strlen(text), &c), 0);
	return c;
}

static void word_for_word(void **state)
{
	struct config c = parse(
		"{\"configurations\": {\"vfio\": {\"configuration\": {}, \"enabled\": true, "
		"\"plugin\": \"libv-opae.so\"}}, \"plugins\": [\"vfio\"]}");

	(void)state;
	assert_null(c.problem);
	assert_int_equal(c.num_plugins, 1);
	assert_string_equal(c.plugins[0].name, "vfio");
	assert_string_equal(c.plugins[0].module, "libv-opae.so");
	assert_string_equal(c.plugins[0].configuration, "{}");
	assert_true(c.plugins[0].enabled);
	assert_null(c.plugins[0].problem);
	config_done(&c);
}

static void order_is_that_of_the_list(void **state)
{
	struct config c = parse(
		"{\"plugins\": [\"b\", \"a\"], \"configurations\": {"
		"\"a\": {\"plugin\": \"liba.so\", \"enabled\": false},"
		"\"b\": {\"plugin\": \"/x/libb.so\", \"enabled\": true, "
		"\"configuration\": {\"k\": [1, 2]}}, \"c\": {}}}");

	(void)state;
	assert_int_equal(c.num_plugins, 2);
	assert_string_equal(c.plugins[0].name, "b");
	assert_string_equal(c.plugins[0].module, "/x/libb.so");
	assert_string_equal(c.plugins[0].configuration, "{\"k\":[1,2]}");
	assert_string_equal(c.plugins[1].name, "a");
	assert_false(c.plugins[1].enabled);
	config_done(&c);
}

static void one_instance_may_be_there_twice(void **state)
{
	struct config c = parse("{\"plugins\": [\"x\", \"y\"], \"configurations\": {"
				"\"x\": {\"plugin\": \"libp.so\", \"enabled\": true},"
				"\"y\": {\"plugin\": \"libp.so\", \"enabled\": true}}}");

	(void)state;
	assert_int_equal(c.num_plugins, 2);
	assert_null(c.plugins[1].problem);
	config_done(&c);
}

static void bad_entries_spoil_themselves_alone(void **state)
{
	struct config c = parse(
		"{\"plugins\": [7, \"none\", \"nameless\", \"relative\", \"text\", \"good\"], "
		"\"configurations\": {\"nameless\": {\"enabled\": true},"
		"\"relative\": {\"enabled\": true, \"plugin\": \"../evil.so\"},"
		"\"text\": {\"enabled\": \"yes\", \"plugin\": \"libx.so\"},"
		"\"good\": {\"enabled\": true, \"plugin\": \"libx.so\"}}}");

	(void)state;
	assert_null(c.problem);
	assert_int_equal(c.num_plugins, 6);
	for (size_t i = 0; i < 5; i++)
		assert_non_null(c.plugins[i].problem);
	assert_non_null(strstr(c.plugins[1].problem, "none"));
	assert_non_null(strstr(c.plugins[3].problem, "../evil.so"));
	assert_null(c.plugins[5].problem);
	config_done(&c);
}

static void newer_form(void **state)
{
	struct config c = parse(
		"{\"configs\": [\"ofs\", \"off\", \"n6000\", \"gone\"], \"configurations\": {"
		"\"ofs\": {\"enabled\": true, \"devices\": [{\"name\": \"d\", \"id\": "
		"[\"0x8086\", \"0xbccf\", \"*\", \"*\"]}], \"opae\": {\"plugin\": ["
		"{\"enabled\": true, \"module\": \"libxfpga.so\", \"devices\": [\"d\"], "
		"\"configuration\": {}},"
		"{\"enabled\": true, \"module\": \"libopae-v.so\", \"devices\": [\"d\"], "
		"\"configuration\": {\"a\": 1}}, {\"enabled\": false, \"module\": \"libz.so\"}]}},"
		"\"off\": {\"enabled\": false, \"opae\": {\"plugin\": [{\"enabled\": true, "
		"\"module\": \"liboff.so\"}]}},"
		"\"n6000\": {\"enabled\": true, \"opae\": {\"plugin\": [{\"enabled\": true, "
		"\"module\": \"libopae-v.so\", \"configuration\": {}}]}}}}");

	(void)state;
	assert_null(c.problem);
	assert_int_equal(c.num_plugins, 3);
	assert_string_equal(c.plugins[0].module, "libxfpga.so");
	assert_string_equal(c.plugins[1].module, "libopae-v.so");
	assert_string_equal(c.plugins[1].configuration, "{\"a\":1}");
	assert_string_equal(c.plugins[1].devices, "[\"8086:bccf\"]");
	assert_null(c.plugins[1].problem);
	/* One module, another configuration: not used, and it is told. */
	assert_non_null(strstr(c.plugins[2].problem, "earlier board"));
	config_done(&c);
}

static void boards_add_their_devices_to_one_module(void **state)
{
	static const char board[] =
		"\"%s\": {\"enabled\": true, \"devices\": [{\"name\": \"pf\", \"id\": [%s]}], "
		"\"opae\": {\"plugin\": [{\"enabled\": true, \"module\": \"libopae-v.so\", "
		"\"devices\": [\"%s\"], \"configuration\": {}}]}}";
	char text[2048], one[512], two[512], three[512];
	struct config c;
	char *with;

	(void)state;
	snprintf(one, sizeof(one), board, "one", "\"0x8086\", \"0xbcce\", \"0x8086\", \"0x1771\"", "pf");
	snprintf(two, sizeof(two), board, "two", "\"0x1c2c\", \"4096\", \"*\", \"*\"", "pf");
	snprintf(three, sizeof(three), board, "three", "\"0x1c2c\", \"*\", \"*\", \"*\"", "pf");
	snprintf(text, sizeof(text),
		 "{\"configs\": [\"one\", \"two\", \"three\"], \"configurations\": {%s, %s, %s}}", one, two,
		 three);
	c = parse(text);
	assert_int_equal(c.num_plugins, 2);
	assert_string_equal(c.plugins[0].devices, "[\"8086:bcce:8086:1771\",\"1c2c:1000\"]");
	assert_null(c.plugins[0].problem);
	assert_non_null(strstr(c.plugins[1].problem, "\"pf\"")); /* a vendor has no wildcard */
	with = config_with_devices(c.plugins[0].configuration, c.plugins[0].devices);
	assert_string_equal(with, "{\"devices\":[\"8086:bcce:8086:1771\",\"1c2c:1000\"]}");
	free(with);
	/* What the configuration says itself is in force, and what is no object stays what it is. */
	assert_null(config_with_devices("{\"devices\": []}", c.plugins[0].devices));
	assert_null(config_with_devices("7", c.plugins[0].devices));
	config_done(&c);
	snprintf(one, sizeof(one), board, "one", "\"0x8086\", \"0xbcce\", \"*\", \"*\"", "vf");
	snprintf(text, sizeof(text), "{\"configs\": [\"one\"], \"configurations\": {%s}}", one);
	c = parse(text);
	assert_int_equal(c.num_plugins, 2);
	assert_non_null(strstr(c.plugins[1].problem, "\"vf\""));
	config_done(&c);
}

static void what_is_no_configuration(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "{}", "7", "nul", "{\"plugins\": []}", "{\"configurations\": {}}",
		"{\"configurations\": [], \"plugins\": []}",
		"{\"configurations\": {}, \"plugins\": {}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct config c = parse(texts[i]);

		assert_non_null(c.problem);
		assert_int_equal(c.num_plugins, 0);
		config_done(&c);
	}
}

static void deep_and_large_files(void **state)
{
	size_t len = (2u << 20);
	char *text = malloc(len + 1);
	struct config c;

	(void)state;
	assert_non_null(text);
	memset(text, '[', len);
	text[len] = 0;
	assert_int_equal(config_parse(text, len, &c), 0); /* too large */
	assert_non_null(c.problem);
	config_done(&c);
	assert_int_equal(config_parse(text, 1000, &c), 0); /* too deep */
	assert_non_null(c.problem);
	config_done(&c);
	free(text);
}

static void search_and_default(void **state)
{
	char home[] = "/tmp/opae-test-home.XXXXXX", path[256];
	const char text[] = "{\"plugins\": [\"p\"], \"configurations\": {\"p\": {\"plugin\": "
			    "\"libp.so\", \"enabled\": true}}}";
	struct config c;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(home));
	setenv("HOME", home, 1);
	unsetenv("LIBOPAE_CFGFILE");
	assert_int_equal(config_load(NULL, &c), 0);
	assert_string_equal(c.path, ""); /* built in, unless the machine has one */
	assert_int_equal(c.num_plugins, 2);
	assert_string_equal(c.plugins[0].module, "libxfpga.so");
	assert_string_equal(c.plugins[1].module, "libv-opae.so");
	config_done(&c);

	snprintf(path, sizeof(path), "%s/own.cfg", home);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	setenv("LIBOPAE_CFGFILE", path, 1);
	assert_int_equal(config_load(NULL, &c), 0);
	assert_string_equal(c.path, path);
	assert_string_equal(c.plugins[0].module, "libp.so");
	assert_null(c.passed);
	config_done(&c);
	unlink(path);

	assert_int_equal(config_load(NULL, &c), 0); /* the variable names what is not there */
	assert_null(c.problem);
	assert_non_null(c.passed);
	assert_non_null(strstr(c.passed, path));
	assert_string_equal(c.path, "");
	config_done(&c);
	unsetenv("LIBOPAE_CFGFILE");

	assert_int_equal(config_load(path, &c), 0); /* named, but not there */
	assert_non_null(c.problem);
	assert_non_null(strstr(c.problem, path));
	assert_int_equal(c.num_plugins, 2);
	config_done(&c);
	rmdir(home);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(word_for_word),
		cmocka_unit_test(order_is_that_of_the_list),
		cmocka_unit_test(one_instance_may_be_there_twice),
		cmocka_unit_test(bad_entries_spoil_themselves_alone),
		cmocka_unit_test(newer_form),
		cmocka_unit_test(boards_add_their_devices_to_one_module),
		cmocka_unit_test(what_is_no_configuration),
		cmocka_unit_test(deep_and_large_files),
		cmocka_unit_test(search_and_default),
	};

	return RUN(tests);
}
