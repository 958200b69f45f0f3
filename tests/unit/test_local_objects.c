/* SPDX-License-Identifier: BSD-3-Clause */
/* The local plugin's sysobjects: what names and patterns stand for, and how much of it is loaded. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "plugins/local/object.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-tree.h"
#include "tests/unit/objects-rig.h"

#define up objects_up
#define down objects_down

/* ---- names ---- */

static void plain_names(void **state)
{
	(void)state;
	is_text(from_token("bitstream_id", 0), "0x501020222df1b7a\n");
	is_text(from_token("errors/fme_errors", 0), "0x4\n");
	is_text(from_token("errors//fme_errors", 0), "0x4\n");
	is_text(from_handle("hwmon/hwmon0/temp1_input", 0), "45000\n");
	assert_int_equal(try_name("nothing", 0), FPGA_NOT_FOUND);
	assert_string_equal(said, "fpgaTokenGetObject: dfl-fme.0 has no \"nothing\"");
	assert_int_equal(try_name("errors/nothing", 0), FPGA_NOT_FOUND);
	assert_int_equal(try_name("bitstream_id/inside", 0), FPGA_NOT_FOUND);
	assert_int_equal(try_name("errors/*", 0), FPGA_NOT_FOUND); /* a name, without GLOB */
	assert_int_equal(try_name("hwmon/**/temp1_input", 0), FPGA_NOT_FOUND);
}

static void names_that_are_none(void **state)
{
	static const char *const bad[] = { "", ".", "..", "./errors", "/errors", "../dfl-port.0", "errors/..",
					   "errors/../dev", ".hidden" };
	static char longest[5001];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(try_name(bad[i], 0), FPGA_INVALID_PARAM);
		assert_int_equal(try_name(bad[i], FPGA_OBJECT_GLOB), FPGA_INVALID_PARAM);
		assert_string_not_equal(said, "");
	}
	assert_int_equal(try_name("dev", 32), FPGA_INVALID_PARAM);
	assert_non_null(strstr(said, "unknown flags 0x20"));
	assert_int_equal(try_name("**/a/**/b", FPGA_OBJECT_GLOB), FPGA_INVALID_PARAM);
	assert_int_equal(try_name("a/**/b/**/c", FPGA_OBJECT_GLOB), FPGA_INVALID_PARAM);
	memset(longest, 'x', 5000);
	longest[5000] = 0;
	assert_int_equal(try_name(longest, 0), FPGA_INVALID_PARAM);
	assert_int_equal(try_name(longest, FPGA_OBJECT_GLOB), FPGA_INVALID_PARAM);
	memset(longest, '*', 5000);
	assert_int_equal(try_name(longest, FPGA_OBJECT_GLOB), FPGA_INVALID_PARAM);
	memset(longest + 1, '/', 4999);
	assert_int_equal(try_name(longest, FPGA_OBJECT_GLOB), FPGA_OK); /* it is "*" */
	memcpy(longest, "**/", 3);
	assert_int_equal(try_name(longest, FPGA_OBJECT_GLOB), FPGA_INVALID_PARAM);
}

static void odd_names(void **state)
{
	static const char *const names[] = { "a b", "a\nb", "a*b", "a?b", "[a]", "a\\b", "-", "\xff\xfe",
					     "a'b\"c", "%s%n" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[200], name[64];

		snprintf(path, sizeof(path), CARD_FME "/odd/%s", names[i]);
		put_text(path, names[i]);
		snprintf(name, sizeof(name), "odd/%s", names[i]);
		is_text(from_token(name, 0), names[i]);
		snprintf(name, sizeof(name), "odd/%s%s", names[i], "-not");
		assert_int_equal(try_name(name, 0), FPGA_NOT_FOUND);
	}
	is_text(from_token("odd/a\\*b", FPGA_OBJECT_GLOB), "a*b");
	is_text(from_token("odd/\\[a]", FPGA_OBJECT_GLOB), "[a]");
	assert_int_equal(try_name("odd/[", FPGA_OBJECT_GLOB), FPGA_NOT_FOUND);
	assert_int_equal(try_name("odd/\\", FPGA_OBJECT_GLOB), FPGA_NOT_FOUND);
}

/* They lead to other devices, and back. */
static void no_link_is_followed(void **state)
{
	fpga_object o, inner;

	(void)state;
	assert_int_equal(try_name("subsystem", 0), FPGA_NOT_FOUND);
	assert_int_equal(try_name("subsystem/region0", 0), FPGA_NOT_FOUND);
	assert_int_equal(try_name("hwmon/hwmon0/device/dev", 0), FPGA_NOT_FOUND);
	assert_int_equal(try_name("linked_id", 0), FPGA_NOT_FOUND);
	assert_int_equal(try_name("sub*", FPGA_OBJECT_GLOB), FPGA_NOT_FOUND);
	assert_int_equal(try_name("hwmon/*/device/dev", FPGA_OBJECT_GLOB), FPGA_NOT_FOUND);
	o = from_token("hwmon", FPGA_OBJECT_RECURSE_ALL);
	inner = child(o, 0);
	assert_int_equal(size_of(inner), 2); /* and not the link */
	destroy(inner);
	destroy(o);
}

/* ---- patterns ---- */

static void patterns(void **state)
{
	fpga_object o, inner;

	(void)state;
	is_text(from_token("bitstream*", FPGA_OBJECT_GLOB), "0x501020222df1b7a\n");
	is_text(from_token("hwmon/hwmon*/temp2_*", FPGA_OBJECT_GLOB), "-5000\n");
	is_text(from_token("hw*/*1/p*", FPGA_OBJECT_GLOB), "9000000\n");
	is_text(from_token("[b]itstream_i?", FPGA_OBJECT_GLOB), "0x501020222df1b7a\n");
	assert_int_equal(try_name("hwmon/*/fan*", FPGA_OBJECT_GLOB), FPGA_NOT_FOUND);
	assert_int_equal(try_name("dev/*", FPGA_OBJECT_GLOB), FPGA_NOT_FOUND);
	put_text(CARD_FME "/.dot", "x");
	assert_int_equal(try_name("?dot", FPGA_OBJECT_GLOB), FPGA_NOT_FOUND);

	o = from_token("hwmon/*/*_input", FPGA_OBJECT_GLOB);
	assert_true(is_container(o));
	assert_int_equal(size_of(o), 3);
	is_text(child(o, 0), "45000\n"); /* in the order of their names */
	is_text(child(o, 1), "-5000\n");
	is_text(child(o, 2), "9000000\n");
	assert_int_equal(table.fpgaObjectGetObjectAt(o, 3, &inner), FPGA_INVALID_PARAM);
	/* By name it is the folder before the first wildcard. */
	assert_int_equal(table.fpgaObjectGetObject(o, "hwmon1/power1_input", &inner, 0), FPGA_OK);
	is_text(inner, "9000000\n");
	destroy(o);
	o = from_token("errors/*", FPGA_OBJECT_GLOB);
	assert_int_equal(table.fpgaObjectGetObject(o, "fme_errors", &inner, 0), FPGA_OK);
	is_text(inner, "0x4\n");
	destroy(o);
}

static void deep_patterns(void **state)
{
	(void)state;
	put_text(CARD_FME "/a/b/c/d/e/five", "5");
	put_text(CARD_FME "/a/b/c/d/e/f/six", "6");
	put_text(CARD_FME "/a/x/same", "near");
	put_text(CARD_FME "/a/y/same", "second");
	put_text(CARD_FME "/a/b/c/same", "far");
	is_text(from_token("hwmon/**/temp1_input", FPGA_OBJECT_GLOB), "45000\n");
	is_text(from_token("**/temp1_input", FPGA_OBJECT_GLOB), "45000\n");
	is_text(from_token("**/fme_errors", FPGA_OBJECT_GLOB), "0x4\n");
	is_text(from_token("**/five", FPGA_OBJECT_GLOB), "5");
	is_text(from_token("a/**/same", FPGA_OBJECT_GLOB), "near"); /* the first of the nearest */
	assert_int_equal(try_name("**/six", FPGA_OBJECT_GLOB), FPGA_NOT_FOUND);
	is_text(from_token("a/**/six", FPGA_OBJECT_GLOB), "6");
	/* One folder at least. Not a part of its own, or with nothing behind it, it is "*". */
	assert_int_equal(try_name("**/bitstream_id", FPGA_OBJECT_GLOB), FPGA_NOT_FOUND);
	is_text(from_token("a**/b/c/sa**", FPGA_OBJECT_GLOB), "far");
	assert_int_equal(try_name("hwmon/**", FPGA_OBJECT_GLOB), FPGA_OK);
}

/* Files NAME0, NAME1, ... with their numbers in them; or, with size, as large as that. */
static void put_many(const char *folder, const char *name, int n, off_t size)
{
	fake_tree_folder(folder);
	for (int i = 0; i < n; i++) {
		char path[300];
		int fd;

		snprintf(path, sizeof(path), "%s%s/%s%d", fake_tree_root(), folder, name, i);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(fd >= 0);
		if (size)
			assert_int_equal(ftruncate(fd, size), 0);
		else
			assert_true(dprintf(fd, "%d", i) > 0);
		close(fd);
	}
}

static void thousand(void **state)
{
	fpga_object o;

	(void)state;
	put_many(CARD_FME "/many", "item", 1000, 0);
	o = from_token("many/item*", FPGA_OBJECT_GLOB);
	assert_int_equal(size_of(o), 1000);
	is_text(child(o, 0), "0");
	is_text(child(o, 2), "10"); /* by name */
	is_text(child(o, 999), "999");
	destroy(o);
	o = from_token("many", FPGA_OBJECT_RECURSE_ONE);
	assert_int_equal(size_of(o), 1000);
	is_text(child(o, 3), "100");
	destroy(o);
}

/* A folder of more than can be loaded, none of which can be read. */
static int many_list(const char *dir, char **ret)
{
	size_t used = 0;

	if (!strstr(dir, "/many"))
		return sys_kernel.list(dir, ret);
	*ret = calloc(OBJECT_MAX_FOUND + 2, 8);
	assert_non_null(*ret);
	for (unsigned int i = 0; i <= OBJECT_MAX_FOUND; i++)
		used += (size_t)snprintf(*ret + used, 8, "f%05u", i) + 1;
	return 0;
}

static int many_lstat(const char *path, struct stat *st)
{
	if (!strstr(path, "/many/"))
		return sys_kernel.lstat(path, st);
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFREG | 0644;
	return 0;
}

static int many_open(const char *path, int flags, mode_t mode)
{
	return strstr(path, "/many/") ? -EIO : sys_kernel.open(path, flags, mode);
}

static void too_many(void **state)
{
	static struct sys_ops ops;

	(void)state;
	fake_tree_folder(CARD_FME "/many");
	ops = sys_kernel;
	ops.list = many_list;
	ops.lstat = many_lstat;
	ops.open = many_open;
	sys_set(&ops);
	assert_int_equal(try_name("many/*", FPGA_OBJECT_GLOB), FPGA_INVALID_PARAM);
	assert_non_null(strstr(said, "more than can be loaded at once"));
	assert_int_equal(try_name("many", FPGA_OBJECT_RECURSE_ONE), FPGA_INVALID_PARAM);
	assert_int_equal(try_name("*", FPGA_OBJECT_GLOB | FPGA_OBJECT_RECURSE_ALL), FPGA_INVALID_PARAM);
	assert_int_equal(try_name("many/f000*", FPGA_OBJECT_GLOB), FPGA_OK);
	assert_int_equal(try_name("many", 0), FPGA_OK);
}

static void too_large(void **state)
{
	(void)state;
	put_many(CARD_FME "/large", "b", OBJECT_MAX_BYTES / OBJECT_MAX_ATTRIBUTE + 1, OBJECT_MAX_ATTRIBUTE);
	assert_int_equal(try_name("large/*", FPGA_OBJECT_GLOB), FPGA_INVALID_PARAM);
	assert_int_equal(try_name("large/b0", 0), FPGA_OK);
}

/* ---- containers ---- */

static void how_much_is_loaded(void **state)
{
	fpga_object o, inner, copy;

	(void)state;
	o = from_token("hwmon", 0);
	assert_true(is_container(o));
	assert_int_equal(size_of(o), 0);
	assert_int_equal(table.fpgaObjectGetObjectAt(o, 0, &inner), FPGA_INVALID_PARAM);
	assert_int_equal(table.fpgaObjectGetObject(o, "hwmon0/temp1_input", &inner, 0), FPGA_OK);
	is_text(inner, "45000\n");
	assert_int_equal(table.fpgaObjectGetObject(o, "*/power*", &inner, FPGA_OBJECT_GLOB), FPGA_OK);
	is_text(inner, "9000000\n");
	assert_int_equal(table.fpgaObjectGetObject(o, "../dev", &inner, 0), FPGA_INVALID_PARAM);
	destroy(o);

	o = from_token("hwmon", FPGA_OBJECT_RECURSE_ONE);
	assert_int_equal(size_of(o), 2);
	inner = child(o, 0);
	assert_true(is_container(inner));
	assert_int_equal(size_of(inner), 0);
	destroy(inner);
	destroy(o);

	o = from_token("hwmon", FPGA_OBJECT_RECURSE_ALL);
	assert_int_equal(size_of(o), 2);
	inner = child(o, 0);
	assert_int_equal(size_of(inner), 2);
	copy = child(inner, 1);
	destroy(inner); /* copies go on without what they were taken from */
	destroy(o);
	is_text(copy, "-5000\n");

	o = from_token("hwmon/*", FPGA_OBJECT_GLOB | FPGA_OBJECT_RECURSE_ONE);
	assert_int_equal(size_of(o), 2);
	inner = child(o, 1);
	assert_int_equal(size_of(inner), 1);
	destroy(inner);
	destroy(o);
}

static void empty_folders(void **state)
{
	fpga_object o, inner;

	(void)state;
	fake_tree_folder(CARD_FME "/empty");
	for (int flags = 0; flags <= (int)FPGA_OBJECT_RECURSE_ALL; flags += 8) {
		o = from_token("empty", flags);
		assert_true(is_container(o));
		assert_int_equal(size_of(o), 0);
		assert_int_equal(table.fpgaObjectGetObjectAt(o, 0, &inner), FPGA_INVALID_PARAM);
		destroy(o);
	}
	assert_int_equal(try_name("empty/*", FPGA_OBJECT_GLOB), FPGA_NOT_FOUND);
}

/* As deep as a path can be; what is below the limit is not loaded. */
static void deep_trees(void **state)
{
	char path[400] = CARD_FME "/deep";
	fpga_object o, inner;
	unsigned int levels = 0;

	(void)state;
	for (int i = 0; i < 40; i++)
		strncat(path, "/d", sizeof(path) - strlen(path) - 1);
	strncat(path, "/leaf", sizeof(path) - strlen(path) - 1);
	put_text(path, "leaf");
	for (int i = 0; i < 12; i++) /* too long for any path of ours */
		strncat(path, "-and-so-on-", sizeof(path) - strlen(path) - 1);
	put_text(path, "long");
	o = from_token("deep", FPGA_OBJECT_RECURSE_ALL);
	while (size_of(o)) {
		inner = child(o, 0);
		destroy(o);
		o = inner;
		levels++;
	}
	assert_int_equal(levels, OBJECT_MAX_DEPTH);
	assert_true(is_container(o));
	destroy(o);
	is_text(from_token("deep/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/"
			   "d/d/d/d/d/d/d/d/leaf", 0), "leaf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(plain_names),
		RIGGED(names_that_are_none),
		RIGGED(odd_names),
		RIGGED(no_link_is_followed),
		RIGGED(patterns),
		RIGGED(deep_patterns),
		RIGGED(thousand),
		RIGGED(too_many),
		RIGGED(too_large),
		RIGGED(how_much_is_loaded),
		RIGGED(empty_folders),
		RIGGED(deep_trees),
	};

	return RUN(tests);
}
