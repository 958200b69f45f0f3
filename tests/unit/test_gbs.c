/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "gbs/gbs.h"
#include "tests/unit/check.h"

#define ID "E9A1CA2D-c0de-4d5a-9c3f-00000000a001"
#define AFU "d8424dc4-a4a3-c413-f89e-433683f9040b"
#define MAGIC "\"magic-no\": 488605312"
#define INTERFACE "\"interface-uuid\": \"" ID "\""
#define CLUSTER "{\"name\": \"nlb\", \"total-contexts\": 2, \"accelerator-type-uuid\": \"" AFU "\"}"
#define IMAGE(more) "{\"afu-image\": {" MAGIC ", " INTERFACE more "}}"

static const uint8_t format[16] = "XeonFPGA\xb7GBSv001"; /* and not its NUL */
static const uint8_t interface_id[16] = { 0xe9, 0xa1, 0xca, 0x2d, 0xc0, 0xde, 0x4d, 0x5a,
					  0x9c, 0x3f, 0,    0,	  0,	0,    0xa0, 0x01 };

static char why[GBS_WHY_MAX];

struct file {
	uint8_t *at;
	size_t len;
};

/* A GBS of `n` bytes of metadata whose head says `says`, in memory of exactly its length. */
static struct file file_of(const void *text, size_t n, uint32_t says, const char *payload)
{
	struct file f = { .len = 20 + n + strlen(payload) };

	f.at = malloc(f.len);
	assert_non_null(f.at);
	memcpy(f.at, format, 16);
	for (int i = 0; i < 4; i++)
		f.at[16 + i] = (uint8_t)(says >> 8 * i);
	memcpy(f.at + 20, text, n);
	memcpy(f.at + 20 + n, payload, strlen(payload));
	return f;
}

static int parse_bytes(const void *text, size_t n, struct gbs *g)
{
	struct file f = file_of(text, n, (uint32_t)n, "payload");
	int rc = gbs_parse(f.at, f.len, g, why);

	free(f.at);
	return rc;
}

/* The metadata are refused, and the reason has this in it. */
static void refuses(const char *text, const char *word)
{
	struct gbs g;

	memset(why, 0, sizeof(why));
	if (parse_bytes(text, strlen(text), &g) != -EINVAL)
		fail_msg("accepted: %s", text);
	if (!strstr(why, word))
		fail_msg("%s: the reason is: %s", text, why);
}

static struct gbs accepts(const char *text)
{
	struct gbs g;

	if (parse_bytes(text, strlen(text), &g))
		fail_msg("%s: %s", text, why);
	return g;
}

static const char whole[] =
	"{\"version\": 640, \"platform-name\": \"DCP\", \"unknown\": [{\"name\": 1}], \"afu-image\": {" MAGIC
	", " INTERFACE ", \"power\": 12, \"clock-frequency-high\": 312, \"clock-frequency-low\": 156.25, "
	"\"accelerator-clusters\": [" CLUSTER ", {\"accelerator-type-uuid\": \"" ID "\"}]}}";

static void every_field(void **state)
{
	struct gbs g = accepts(whole);

	(void)state;
	assert_true(g.has_metadata);
	assert_memory_equal(g.interface_id, interface_id, 16);
	assert_int_equal(g.num_accelerators, 2);
	assert_int_equal(g.accelerators[0].guid[0], 0xd8);
	assert_string_equal(g.accelerators[0].name, "nlb");
	assert_int_equal(g.accelerators[0].contexts, 2);
	assert_memory_equal(g.accelerators[1].guid, interface_id, 16);
	assert_string_equal(g.accelerators[1].name, "");
	assert_int_equal(g.clock_high.mhz, 312);
	assert_int_equal(g.clock_low.mhz, 156);
	assert_null(g.clock_high.text);
	assert_int_equal(g.power, 12);
	assert_int_equal(g.version, 640);
	assert_string_equal(g.platform, "DCP");
	assert_int_equal(g.payload_len, 7);
	gbs_done(&g);
	gbs_done(&g); /* of zeros */
}

static void the_payload_is_not_copied(void **state)
{
	struct file f = file_of(whole, strlen(whole), (uint32_t)strlen(whole), "bits");
	struct gbs g;

	(void)state;
	assert_int_equal(gbs_parse(f.at, f.len, &g, why), 0);
	assert_ptr_equal(g.payload, f.at + f.len - 4);
	assert_int_equal(g.payload_len, 4);
	gbs_done(&g);
	free(f.at);
}

static void what_is_missing_is_empty(void **state)
{
	struct gbs g = accepts(IMAGE(""));

	(void)state;
	assert_int_equal(g.num_accelerators, 0);
	assert_int_equal(g.clock_high.mhz, 0);
	assert_null(g.clock_high.text);
	assert_int_equal(g.power, 0);
	assert_string_equal(g.platform, "");
	gbs_done(&g);
}

static void no_metadata_at_all(void **state)
{
	struct gbs g = accepts("");

	(void)state;
	assert_false(g.has_metadata);
	assert_null(g.metadata);
	assert_string_equal(g.platform, "");
	assert_int_equal(g.payload_len, 7);
	gbs_done(&g);
}

static void a_clock_may_be_left_to_the_tools(void **state)
{
	struct gbs g = accepts(IMAGE(", \"clock-frequency-high\": \"auto-300\", \"clock-frequency-low\": 0"));

	(void)state;
	assert_int_equal(g.clock_high.mhz, 0);
	assert_string_equal(g.clock_high.text, "auto-300");
	assert_null(g.clock_low.text);
	gbs_done(&g);
}

/* Each beginning of a file is refused, but for those that only end within the payload. */
static void cut_off_at_every_byte(void **state)
{
	struct file f = file_of(whole, strlen(whole), (uint32_t)strlen(whole), "bits");
	size_t payload = f.len - 4;
	struct gbs g;

	(void)state;
	for (size_t len = 0; len <= payload; len++) {
		uint8_t *cut = malloc(len ? len : 1);

		assert_non_null(cut);
		memcpy(cut, f.at, len);
		memset(why, 0, sizeof(why));
		assert_int_equal(gbs_parse(cut, len, &g, why), -EINVAL);
		assert_non_null(strstr(why, "byte"));
		free(cut);
	}
	free(f.at);
}

static void at_every_alignment(void **state)
{
	struct file f = file_of(whole, strlen(whole), (uint32_t)strlen(whole), "bits");
	uint8_t *room = malloc(f.len + 8);
	struct gbs g;

	(void)state;
	assert_non_null(room);
	for (size_t i = 0; i < 8; i++) {
		memcpy(room + i, f.at, f.len);
		assert_int_equal(gbs_parse(room + i, f.len, &g, why), 0);
		gbs_done(&g);
	}
	free(room);
	free(f.at);
}

static void another_format(void **state)
{
	struct file f = file_of(whole, strlen(whole), (uint32_t)strlen(whole), "bits");
	struct gbs g;

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		f.at[i] ^= 0x20;
		assert_int_equal(gbs_parse(f.at, f.len, &g, why), -EINVAL);
		assert_non_null(strstr(why, "byte 0"));
		f.at[i] ^= 0x20;
	}
	free(f.at);
}

static void lengths_past_the_end(void **state)
{
	static const struct {
		uint32_t says;
		const char *word;
	} all[] = { { 12, "ends where the bitstream should begin" }, { 13, "only 12 bytes follow" },
		    { 8191, "only 12 bytes follow" },		     { 8192, "8191 is the most" },
		    { 0x80000000, "8191 is the most" },		     { 0xffffffff, "8191 is the most" } };
	struct gbs g;

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct file f = file_of("{}   ", 5, all[i].says, "payload");

		assert_int_equal(gbs_parse(f.at, f.len, &g, why), -EINVAL);
		assert_non_null(strstr(why, all[i].word));
		free(f.at);
	}
}

static void the_longest_metadata(void **state)
{
	char text[8192 + 1];
	struct gbs g;

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, whole, strlen(whole));
	assert_int_equal(parse_bytes(text, 8191, &g), 0);
	gbs_done(&g);
	assert_int_equal(parse_bytes(text, 8192, &g), -EINVAL);
}

static void wrong_types(void **state)
{
	static const struct {
		const char *text, *word;
	} all[] = {
		{ "1", "type int" },
		{ "null", "type null" },
		{ "[]", "type array" },
		{ "{}", "no \"afu-image\"" },
		{ "{\"afu-image\": []}", "\"afu-image\" must be an object" },
		{ "{\"afu-image\": null}", "\"afu-image\" must be an object" },
		{ "{\"afu-image\": {" INTERFACE "}}", "no \"magic-no\"" },
		{ "{\"afu-image\": {" INTERFACE ", \"magic-no\": \"488605312\"}}", "must be an integer" },
		{ "{\"afu-image\": {" INTERFACE ", \"magic-no\": 488605312.0}}", "must be an integer" },
		{ "{\"afu-image\": {" INTERFACE ", \"magic-no\": 488605313}}", "488605313" },
		{ "{\"afu-image\": {" INTERFACE ", \"magic-no\": 4783572608}}", "4783572608" },
		{ "{\"afu-image\": {" INTERFACE ", \"magic-no\": 99999999999999999999}}",
		  "must be 488605312" },
		{ "{\"afu-image\": {" MAGIC "}}", "no \"interface-uuid\"" },
		{ "{\"afu-image\": {" MAGIC ", \"interface-uuid\": 7}}", "must be a text" },
		{ IMAGE(", \"power\": \"12\""), "\"power\" must be a number" },
		{ IMAGE(", \"power\": -1"), "\"power\" must be from 0" },
		{ IMAGE(", \"power\": 1e300"), "\"power\" must be from 0" },
		{ IMAGE(", \"power\": null"), "\"power\" must be a number" },
		{ IMAGE(", \"clock-frequency-high\": true"), "\"clock-frequency-high\" must be a number" },
		{ IMAGE(", \"clock-frequency-high\": \"fast\""), "does not begin with \"auto\"" },
		{ IMAGE(", \"clock-frequency-high\": 10001"), "from 0 to 10000" },
		{ IMAGE(", \"clock-frequency-low\": []"), "\"clock-frequency-low\"" },
		{ IMAGE(", \"clock-frequency-low\": \"\""), "does not begin with \"auto\"" },
		{ IMAGE(", \"accelerator-clusters\": {}"), "must be an array" },
		{ IMAGE(", \"accelerator-clusters\": [1]"), "an array of objects" },
		{ IMAGE(", \"accelerator-clusters\": [null]"), "an array of objects" },
		{ IMAGE(", \"accelerator-clusters\": [{}]"), "no \"accelerator-type-uuid\"" },
		{ IMAGE(", \"accelerator-clusters\": [" CLUSTER ", 7]"), "an array of objects" },
		{ IMAGE(", \"accelerator-clusters\": [{\"accelerator-type-uuid\": \"" AFU
			"\", \"name\": 5}]"), "\"name\" must be a text" },
		{ IMAGE(", \"accelerator-clusters\": [{\"accelerator-type-uuid\": \"" AFU
			"\", \"total-contexts\": \"1\"}]"), "\"total-contexts\" must be a number" },
		{ "{\"version\": \"1\", \"afu-image\": {" MAGIC ", " INTERFACE "}}",
		  "\"version\" must be a number" },
		{ "{\"platform-name\": 1, \"afu-image\": {" MAGIC ", " INTERFACE "}}",
		  "\"platform-name\" must be a text" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		refuses(all[i].text, all[i].word);
}

static void no_json(void **state)
{
	static const struct {
		const char *text, *word;
	} all[] = {
		{ " ", "they end too early" },
		{ "{", "they end too early" },
		{ "\"x", "they end too early" },
		{ IMAGE("") "x", "byte 116" },
		{ "{\"a\": }", "byte 26" },
		{ "{'a': 1}", "byte 21" },
		{ IMAGE(", 'a\"': 1, 'b': 1, 'b': 1"), "no JSON" },
		{ "{\"a\": 1,}", "no JSON" },
		{ "{\"a\": 1 /* : */}", "no JSON" },
		{ "{\"a\": \"\xff\"}", "no JSON" },
		{ "{\"a\": \"\xc3(\"}", "no JSON" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		refuses(all[i].text, all[i].word);
}

static char *nested(unsigned int depth)
{
	static char text[1024];
	size_t n = (size_t)snprintf(text, sizeof(text),
				    "{\"afu-image\": {" MAGIC ", " INTERFACE "}, \"x\": ");

	memset(text + n, '[', depth);
	memset(text + n + depth, ']', depth);
	snprintf(text + n + 2 * (size_t)depth, 2, "}");
	return text;
}

static void depth_has_a_limit(void **state)
{
	struct gbs g = accepts(nested(24));

	(void)state;
	gbs_done(&g);
	refuses(nested(33), "no JSON");
	refuses(nested(400), "no JSON");
}

static void a_name_that_stands_twice(void **state)
{
	struct gbs g = accepts(IMAGE(", \"a:\\\":b\": {\"x\": \":\"}, \"c\": {\"x\": \"\\\\\"}"));

	(void)state;
	gbs_done(&g);
	refuses(IMAGE(", " INTERFACE), "two members have one name");
	refuses(IMAGE(", " MAGIC), "two members have one name");
	refuses(IMAGE(", \"x\": [{\"y\": 1, \"y\": 1}]"), "two members have one name");
	refuses(IMAGE(", \"x\": 1, \"\\u0078\": 2"), "two members have one name");
}

static void nul_in_it(void **state)
{
	char text[] = IMAGE(", \"x\": \"?\"");
	struct gbs g;

	(void)state;
	*strchr(text, '?') = 0;
	assert_int_equal(parse_bytes(text, sizeof(text) - 1, &g), -EINVAL);
	assert_non_null(strstr(why, "a NUL"));
	refuses("{\"platform-name\": \"x\\u0000y\", \"afu-image\": {" MAGIC ", " INTERFACE "}}", "0x00");
	refuses("{\"platform-name\": \"\\u001b[2J\", \"afu-image\": {" MAGIC ", " INTERFACE "}}", "0x1b");
	refuses("{\"afu-image\": {" MAGIC ", \"interface-uuid\": \"" ID "\\u0000\"}}", "no GUID");
}

static void text_of_guids(void **state)
{
	static const char *const wrong[] = {
		"",
		"e9a1ca2dc0de4d5a9c3f00000000a001",
		"{e9a1ca2d-c0de-4d5a-9c3f-00000000a001}",
		"e9a1ca2d-c0de-4d5a-9c3f-00000000a00",
		"e9a1ca2d-c0de-4d5a-9c3f-00000000a0011",
		"e9a1ca2d-c0de-4d5a-9c3f-00000000a00g",
		"e9a1ca2-dc0de-4d5a-9c3f-00000000a001",
		"e9a1ca2d_c0de_4d5a_9c3f_00000000a001",
		" 9a1ca2d-c0de-4d5a-9c3f-00000000a001",
		"+9a1ca2d-c0de-4d5a-9c3f-00000000a001",
		"0xa1ca2d-c0de-4d5a-9c3f-00000000a001",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "{\"afu-image\": {" MAGIC ", \"interface-uuid\": \"%s\"}}",
			 wrong[i]);
		refuses(text, "\"interface-uuid\" is no GUID");
		snprintf(text, sizeof(text),
			 IMAGE(", \"accelerator-clusters\": [{\"accelerator-type-uuid\": \"%s\"}]"),
			 wrong[i]);
		refuses(text, "\"accelerator-type-uuid\" is no GUID");
	}
}

/* ---- making ---- */

static const struct gbs_recipe recipe = {
	.interface_id = { 0xe9, 0xa1, 0xca, 0x2d, 0xc0, 0xde, 0x4d, 0x5a, 0x9c, 0x3f, 0, 0, 0, 0, 0xa0, 1 },
	.accelerator = { 1, 2, 3 },
	.name = "a \"b\" \xc3\xa9/\\",
	.platform = "emu",
	.clock_high = 300,
	.power = 7,
};

static void what_is_made_is_read(void **state)
{
	uint8_t *head, *all;
	struct gbs g;
	size_t len;

	(void)state;
	assert_int_equal(gbs_head(&recipe, &head, &len, why), 0);
	all = malloc(len + 3);
	assert_non_null(all);
	memcpy(all, head, len);
	memcpy(all + len, "abc", 3);
	assert_int_equal(gbs_parse(all, len + 3, &g, why), 0);
	assert_memory_equal(g.interface_id, recipe.interface_id, 16);
	assert_int_equal(g.num_accelerators, 1);
	assert_memory_equal(g.accelerators[0].guid, recipe.accelerator, 16);
	assert_string_equal(g.accelerators[0].name, recipe.name);
	assert_string_equal(g.platform, "emu");
	assert_int_equal(g.clock_high.mhz, 300);
	assert_int_equal(g.clock_low.mhz, 0);
	assert_int_equal(g.power, 7);
	assert_int_equal(g.version, 1);
	assert_ptr_equal(g.payload, all + len);
	assert_int_equal(g.payload_len, 3);
	gbs_done(&g);
	free(all);
	free(head);
}

static void what_cannot_be_read_is_not_made(void **state)
{
	struct gbs_recipe r = recipe;
	char name[9000] = "";
	uint8_t *head;
	size_t len;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	r.name = name;
	assert_int_equal(gbs_head(&r, &head, &len, why), -EINVAL);
	assert_non_null(strstr(why, "8191 are the most"));
	r.name = "line\nline";
	assert_int_equal(gbs_head(&r, &head, &len, why), -EINVAL);
	assert_non_null(strstr(why, "\"name\""));
	r.name = "\xff";
	assert_int_equal(gbs_head(&r, &head, &len, why), -EINVAL);
	r = recipe;
	r.clock_low = 10001;
	assert_int_equal(gbs_head(&r, &head, &len, why), -EINVAL);
	assert_non_null(strstr(why, "\"clock-frequency-low\""));
}

/* ---- files ---- */

static char path[] = "/tmp/opae-gbs.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	unlink(path);
	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	return 0;
}

static int read_back(uint8_t **data, size_t *len)
{
	memset(why, 0, sizeof(why));
	return gbs_read_file(path, data, len, why);
}

static void a_file_is_read_whole(void **state)
{
	FILE *f = fopen(path, "wb");
	uint8_t *data;
	size_t len;

	(void)state;
	assert_non_null(f);
	for (int i = 0; i < 70000; i++)
		fputc(i % 251, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(read_back(&data, &len), 0);
	assert_int_equal(len, 70000);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(data[i], i % 251);
	free(data);
}

static void files_that_are_none(void **state)
{
	uint8_t *data;
	size_t len;

	(void)state;
	assert_int_equal(read_back(&data, &len), -EINVAL);
	assert_non_null(strstr(why, "empty"));
	assert_int_equal(truncate(path, (off_t)GBS_FILE_MAX + 1), 0);
	assert_int_equal(read_back(&data, &len), -EINVAL);
	assert_non_null(strstr(why, "1073741825 bytes"));
	unlink(path);
	assert_int_equal(read_back(&data, &len), -ENOENT);
	assert_non_null(strstr(why, "No such file"));
	assert_int_equal(mkfifo(path, 0600), 0); /* and nobody writes to it */
	assert_int_equal(read_back(&data, &len), -EINVAL);
	assert_non_null(strstr(why, "no regular file"));
	assert_int_equal(gbs_read_file("/tmp", &data, &len, why), -EINVAL);
}

/* The file ends before what fstat said. */
static int longer_fstat(int fd, struct stat *st)
{
	int rc = sys_kernel.fstat(fd, st);

	st->st_size += 10;
	return rc;
}

static void a_file_that_becomes_shorter(void **state)
{
	struct sys_ops ops = sys_kernel;
	FILE *f = fopen(path, "wb");
	uint8_t *data;
	size_t len;

	(void)state;
	assert_non_null(f);
	fputs("12345", f);
	assert_int_equal(fclose(f), 0);
	ops.fstat = longer_fstat;
	sys_set(&ops);
	assert_int_equal(read_back(&data, &len), -EIO);
	sys_set(NULL);
	assert_non_null(strstr(why, "5 of 15 bytes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field),
		cmocka_unit_test(the_payload_is_not_copied),
		cmocka_unit_test(what_is_missing_is_empty),
		cmocka_unit_test(no_metadata_at_all),
		cmocka_unit_test(a_clock_may_be_left_to_the_tools),
		cmocka_unit_test(cut_off_at_every_byte),
		cmocka_unit_test(at_every_alignment),
		cmocka_unit_test(another_format),
		cmocka_unit_test(lengths_past_the_end),
		cmocka_unit_test(the_longest_metadata),
		cmocka_unit_test(wrong_types),
		cmocka_unit_test(no_json),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(a_name_that_stands_twice),
		cmocka_unit_test(nul_in_it),
		cmocka_unit_test(text_of_guids),
		cmocka_unit_test(what_is_made_is_read),
		cmocka_unit_test(what_cannot_be_read_is_not_made),
		cmocka_unit_test_setup_teardown(a_file_is_read_whole, make_file, remove_file),
		cmocka_unit_test_setup_teardown(files_that_are_none, make_file, remove_file),
		cmocka_unit_test_setup_teardown(a_file_that_becomes_shorter, make_file, remove_file),
	};

	return RUN(tests);
}
