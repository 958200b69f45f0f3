/* SPDX-License-Identifier: BSD-3-Clause */
/* The local plugin's sysobjects: what attributes hold, reading and writing them, and devices that go. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "plugins/local/object.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-tree.h"
#include "tests/unit/objects-rig.h"
#include "tests/unit/seam.h"

#define up objects_up
#define down objects_down

/* ---- attributes ---- */

static void bytes_of_all_kinds(void **state)
{
	uint8_t *data = malloc(3u << 20), *back = malloc(3u << 20);
	fpga_object o;
	uint64_t v;

	(void)state;
	assert_non_null(data);
	assert_non_null(back);
	for (size_t i = 0; i < 3u << 20; i++)
		data[i] = (uint8_t)(i * 31 + i / 4096);
	for (size_t n = 4094; n <= 4098; n++) {
		put_bytes(CARD_FME "/bytes", data, n);
		o = from_token("bytes", 0);
		assert_int_equal(size_of(o), n);
		assert_int_equal(table.fpgaObjectRead(o, back, 0, n, 0), FPGA_OK);
		assert_memory_equal(back, data, n);
		destroy(o);
	}
	put_bytes(CARD_FME "/bytes", data, 3u << 20);
	o = from_token("bytes", FPGA_OBJECT_RAW);
	assert_int_equal(size_of(o), 3u << 20);
	assert_int_equal(table.fpgaObjectRead(o, back, 1000, 1u << 20, 0), FPGA_OK);
	assert_memory_equal(back, data + 1000, 1u << 20);
	assert_int_equal(table.fpgaObjectRead(o, back, (3u << 20) - 1, 1, 0), FPGA_OK);
	assert_int_equal(table.fpgaObjectRead(o, back, 3u << 20, 0, 0), FPGA_OK);
	assert_int_equal(table.fpgaObjectRead(o, back, (3u << 20) - 1, 2, 0), FPGA_INVALID_PARAM);
	assert_int_equal(table.fpgaObjectRead(o, back, SIZE_MAX, 2, 0), FPGA_INVALID_PARAM);
	assert_int_equal(table.fpgaObjectRead(o, back, 2, SIZE_MAX, 0), FPGA_INVALID_PARAM);
	assert_int_equal(table.fpgaObjectRead64(o, &v, FPGA_OBJECT_RAW), FPGA_OK);
	assert_memory_equal(&v, data, 8);
	destroy(o);

	put_bytes(CARD_FME "/bytes", "", 0);
	o = from_token("bytes", 0);
	assert_int_equal(size_of(o), 0);
	assert_int_equal(table.fpgaObjectRead(o, back, 0, 0, 0), FPGA_OK);
	assert_int_equal(table.fpgaObjectRead(o, back, 0, 1, 0), FPGA_INVALID_PARAM);
	assert_int_equal(table.fpgaObjectRead64(o, &v, 0), FPGA_INVALID_PARAM);
	assert_int_equal(table.fpgaObjectRead64(o, &v, FPGA_OBJECT_RAW), FPGA_OK);
	assert_int_equal(v, 0);
	destroy(o);

	put_bytes(CARD_FME "/bytes", "a\0b\0c", 5);
	o = from_token("bytes", 0);
	assert_int_equal(size_of(o), 5);
	assert_int_equal(table.fpgaObjectRead(o, back, 0, 5, 0), FPGA_OK);
	assert_memory_equal(back, "a\0b\0c", 5);
	assert_int_equal(table.fpgaObjectRead64(o, &v, FPGA_OBJECT_RAW), FPGA_OK);
	assert_memory_equal(&v, "a\0b\0c\0\0\0", 8);
	destroy(o);
	free(data);
	free(back);
}

static void more_than_any(void **state)
{
	char *huge = malloc(OBJECT_MAX_ATTRIBUTE + 1);
	fpga_object o;
	uint32_t n;

	(void)state;
	assert_non_null(huge);
	memset(huge, '7', OBJECT_MAX_ATTRIBUTE + 1);
	put_bytes(CARD_FME "/big/huge", huge, OBJECT_MAX_ATTRIBUTE);
	assert_int_equal(try_name("big/huge", 0), FPGA_OK);
	put_bytes(CARD_FME "/big/huge", huge, OBJECT_MAX_ATTRIBUTE + 1);
	assert_int_equal(try_name("big/huge", 0), FPGA_EXCEPTION);
	assert_non_null(strstr(said, "big/huge is larger"));
	put_text(CARD_FME "/big/small", "1");
	o = from_token("big", FPGA_OBJECT_RECURSE_ONE); /* keeps none of the others */
	assert_int_equal(size_of(o), 2);
	is_text(child(o, 1), "1");
	fpga_object bad = child(o, 0);
	assert_int_equal(table.fpgaObjectGetSize(bad, &n, 0), FPGA_EXCEPTION);
	assert_non_null(strstr(said, "big/huge is larger"));
	destroy(bad);
	destroy(o);
	free(huge);
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		fpga_result want;
		uint64_t value;
	} cases[] = {
		{ "0x10\n", FPGA_OK, 16 },
		{ "010\n", FPGA_OK, 8 },
		{ "10", FPGA_OK, 10 },
		{ "156250 312500\n", FPGA_OK, 156250 },
		{ "-5\n", FPGA_OK, (uint64_t)-5 },
		{ "18446744073709551615\n", FPGA_OK, UINT64_MAX },
		{ "18446744073709551616\n", FPGA_INVALID_PARAM, 0 },
		{ "d8424dc4a4a3c413f89e433683f9040b\n", FPGA_INVALID_PARAM, 0 },
		{ "98b4d5bc98ba5f4b98d9a2841ccf11b0\n", FPGA_INVALID_PARAM, 0 },
		{ "240:0\n", FPGA_INVALID_PARAM, 0 },
		{ "-\n", FPGA_INVALID_PARAM, 0 },
		{ "\n", FPGA_INVALID_PARAM, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t v = 77;
		fpga_object o;

		put_text(CARD_FME "/number", cases[i].text);
		o = from_token("number", 0);
		assert_int_equal(table.fpgaObjectRead64(o, &v, 0), cases[i].want);
		assert_int_equal(v, cases[i].want == FPGA_OK ? cases[i].value : 77);
		destroy(o);
	}
}

static void read_anew(void **state)
{
	fpga_object o = from_token("errors/fme_errors", 0);
	uint64_t v = 0;
	uint32_t n = 0;

	(void)state;
	put_text(CARD_FME "/errors/fme_errors", "0x1234\n");
	assert_int_equal(table.fpgaObjectRead64(o, &v, 0), FPGA_OK);
	assert_int_equal(v, 4); /* what was there */
	assert_int_equal(table.fpgaObjectGetSize(o, &n, FPGA_OBJECT_SYNC), FPGA_OK);
	assert_int_equal(n, 7);
	assert_int_equal(table.fpgaObjectRead64(o, &v, 0), FPGA_OK);
	assert_int_equal(v, 0x1234);
	take_away(CARD_FME "/errors/fme_errors");
	assert_int_equal(table.fpgaObjectRead64(o, &v, FPGA_OBJECT_SYNC), FPGA_NOT_FOUND);
	assert_int_equal(table.fpgaObjectRead64(o, &v, 0), FPGA_OK);
	take_away(CARD_FME);
	assert_int_equal(table.fpgaObjectRead64(o, &v, FPGA_OBJECT_SYNC), FPGA_NOT_FOUND);
	assert_non_null(strstr(said, "no longer there"));
	assert_int_equal(table.fpgaObjectRead64(o, &v, 0), FPGA_OK);
	destroy(o);
}

/* sysfs takes a value anew each time; a plain file keeps what is behind it: each text here has its length. */
static void written(void **state)
{
	uint64_t v = 0x1122334455667788;
	fpga_object o;
	char *text;

	(void)state;
	put_text(CARD_FME "/inject", "0x0");
	o = from_handle("inject", 0);
	assert_int_equal(table.fpgaObjectWrite64(o, 5, 0), FPGA_OK);
	text = text_of(CARD_FME "/inject");
	assert_string_equal(text, "0x5");
	free(text);
	is_text(o, "0x5"); /* what was written is what is there now */
	o = from_handle("inject", 0);
	assert_int_equal(table.fpgaObjectWrite64(o, v, FPGA_OBJECT_RAW), FPGA_OK);
	assert_int_equal(size_of(o), 8);
	v = 0;
	assert_int_equal(table.fpgaObjectRead64(o, &v, FPGA_OBJECT_RAW), FPGA_OK);
	assert_int_equal(v, 0x1122334455667788);
	destroy(o);
	o = from_token("inject", 0);
	assert_int_equal(table.fpgaObjectWrite64(o, 1, 0), FPGA_INVALID_PARAM);
	assert_non_null(strstr(said, "from a token"));
	destroy(o);
	o = from_handle("*", FPGA_OBJECT_GLOB);
	assert_int_equal(table.fpgaObjectWrite64(o, 1, 0), FPGA_INVALID_PARAM);
	assert_int_equal(table.fpgaObjectRead64(o, &v, 0), FPGA_INVALID_PARAM);
	assert_int_equal(table.fpgaObjectRead(o, (uint8_t *)&v, 0, 1, FPGA_OBJECT_SYNC), FPGA_INVALID_PARAM);
	fpga_object inner = child(o, 0); /* an object inside may do what the whole may */
	assert_int_equal(table.fpgaObjectWrite64(inner, 0, 0), FPGA_OK);
	destroy(inner);
	destroy(o);
}

static void parents_that_are_none(void **state)
{
	fpga_object o = from_token("dev", 0), inner;

	(void)state;
	assert_int_equal(table.fpgaObjectGetObject(o, "x", &inner, 0), FPGA_INVALID_PARAM);
	assert_int_equal(table.fpgaObjectGetObjectAt(o, 0, &inner), FPGA_INVALID_PARAM);
	destroy(o);
}

/* ---- a kernel that refuses ---- */

static struct {
	int open_error, read_error, write_error;
} kernel;

static int refusing_open(const char *path, int flags, mode_t mode)
{
	return kernel.open_error ? kernel.open_error : sys_kernel.open(path, flags, mode);
}

static ssize_t refusing_pread(int fd, void *buf, size_t len, off_t off)
{
	return kernel.read_error ? kernel.read_error : sys_kernel.pread(fd, buf, len, off);
}

static ssize_t refusing_pwrite(int fd, const void *buf, size_t len, off_t off)
{
	return kernel.write_error ? kernel.write_error : sys_kernel.pwrite(fd, buf, len, off);
}

static void refuse(int open_error, int read_error, int write_error)
{
	static struct sys_ops ops;

	ops = sys_kernel;
	ops.open = refusing_open;
	ops.pread = refusing_pread;
	ops.pwrite = refusing_pwrite;
	kernel.open_error = open_error;
	kernel.read_error = read_error;
	kernel.write_error = write_error;
	sys_set(&ops);
}

static void refused(void **state)
{
	static const struct {
		int error;
		fpga_result read, write;
	} cases[] = {
		{ -ENOENT, FPGA_NOT_FOUND, FPGA_NOT_FOUND }, { -ENODEV, FPGA_NOT_FOUND, FPGA_NOT_FOUND },
		{ -EACCES, FPGA_NO_ACCESS, FPGA_NO_ACCESS }, { -ENOMEM, FPGA_NO_MEMORY, FPGA_NO_MEMORY },
		{ -EIO, FPGA_EXCEPTION, FPGA_EXCEPTION },    { -EINVAL, FPGA_EXCEPTION, FPGA_INVALID_PARAM },
		{ -EBUSY, FPGA_BUSY, FPGA_BUSY },
	};
	fpga_object o = from_handle("errors/fme_errors", 0);
	uint64_t v = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		refuse(0, cases[i].error, 0);
		assert_int_equal(try_name("dev", 0), cases[i].read);
		assert_string_not_equal(said, "");
		assert_int_equal(table.fpgaObjectRead64(o, &v, FPGA_OBJECT_SYNC), cases[i].read);
		refuse(0, 0, cases[i].error);
		assert_int_equal(table.fpgaObjectWrite64(o, 4, 0), cases[i].write);
		assert_int_equal(table.fpgaObjectRead64(o, &v, 0), FPGA_OK);
		assert_int_equal(v, 4);
	}
	refuse(-EACCES, 0, 0);
	assert_int_equal(try_name("errors/fme_errors", 0), FPGA_NO_ACCESS);
	assert_non_null(strstr(said, "dfl-fme.0/errors/fme_errors; root can allow it"));
	assert_int_equal(try_name("errors/fme*", FPGA_OBJECT_GLOB), FPGA_NO_ACCESS);
	assert_non_null(strstr(said, "dfl-fme.0/errors/fme_errors; root can allow it"));
	destroy(o);
}

static void made_for_one_way(void **state)
{
	fpga_object o;
	uint64_t v;

	(void)state;
	put_text(CARD_FME "/trigger", "0x0");
	put_mode(CARD_FME "/trigger", 0200);
	assert_int_equal(try_name("trigger", 0), FPGA_NO_ACCESS);
	assert_non_null(strstr(said, "trigger can only be written"));
	o = from_handle("trigger", 0);
	assert_int_equal(table.fpgaObjectRead64(o, &v, 0), FPGA_NO_ACCESS);
	assert_int_equal(table.fpgaObjectWrite64(o, 1, 0), FPGA_OK);
	destroy(o);
	put_mode(CARD_FME "/dev", 0444);
	o = from_handle("dev", 0);
	refuse(0, 0, -EACCES); /* the kernel refuses root, too */
	assert_int_equal(table.fpgaObjectWrite64(o, 1, 0), FPGA_NO_ACCESS);
	assert_non_null(strstr(said, "dev can only be read"));
	destroy(o);
}

/* ---- devices that go ---- */

static void gone(void **state)
{
	fpga_object o = from_handle("errors", FPGA_OBJECT_RECURSE_ONE), inner = child(o, 0), more;
	uint64_t v;

	(void)state;
	take_away(CARD_FME);
	assert_int_equal(try_name("dev", 0), FPGA_NOT_FOUND);
	assert_int_equal(table.fpgaHandleGetObject(&handle, "dev", &more, 0), FPGA_EXCEPTION);
	assert_int_equal(table.fpgaObjectGetObject(o, "fme_errors", &more, 0), FPGA_EXCEPTION);
	assert_int_equal(table.fpgaObjectRead64(inner, &v, FPGA_OBJECT_SYNC), FPGA_EXCEPTION);
	assert_int_equal(table.fpgaObjectWrite64(inner, 0, 0), FPGA_EXCEPTION);
	assert_int_equal(table.fpgaObjectRead64(inner, &v, 0), FPGA_OK); /* as it was */
	assert_int_equal(v, 4);
	/* One of that name is there again, but it is not the handle's. */
	put_text(CARD_FME "/errors/fme_errors", "0x1\n");
	assert_int_equal(table.fpgaObjectWrite64(inner, 7, 0), FPGA_EXCEPTION);
	assert_int_equal(try_name("errors/fme_errors", 0), FPGA_OK);
	destroy(inner);
	destroy(o);
}

/* Between the listing of a folder and the look at what is in it. */
static int vanishing_lstat(const char *path, struct stat *st)
{
	return strstr(path, "temp1_input") ? -ENOENT : sys_kernel.lstat(path, st);
}

static void gone_while_it_is_looked_for(void **state)
{
	static struct sys_ops ops;
	fpga_object o;

	(void)state;
	ops = sys_kernel;
	ops.lstat = vanishing_lstat;
	sys_set(&ops);
	is_text(from_token("hwmon/*/temp*", FPGA_OBJECT_GLOB), "-5000\n");
	o = from_token("hwmon/hwmon0", FPGA_OBJECT_RECURSE_ONE);
	assert_int_equal(size_of(o), 1);
	destroy(o);
}

/* ---- each call to the kernel fails ---- */

/* A code that is not FPGA_OK has a reason. */
static bool good(fpga_result r)
{
	if (r != FPGA_OK)
		assert_string_not_equal(said, "");
	memset(said, 0, sizeof(said));
	return r == FPGA_OK;
}

static void use_one(fpga_object o)
{
	fpga_object inner = NULL;
	uint32_t n = 0;
	uint64_t v;

	if (good(table.fpgaObjectGetSize(o, &n, 0)) && n && good(table.fpgaObjectGetObjectAt(o, 0, &inner)))
		destroy(inner);
	if (good(table.fpgaObjectGetObject(o, "hwmon0/temp1_input", &inner, 0))) {
		good(table.fpgaObjectRead64(inner, &v, FPGA_OBJECT_SYNC));
		good(table.fpgaObjectWrite64(inner, 45000, 0));
		destroy(inner);
	}
	destroy(o);
}

static void use_all(void)
{
	static const struct {
		const char *name;
		int flags;
	} ways[] = { { "hwmon", FPGA_OBJECT_RECURSE_ALL },
		     { "hwmon", 0 },
		     { "hwmon/*/temp*", FPGA_OBJECT_GLOB },
		     { "**/*_input", FPGA_OBJECT_GLOB } };
	fpga_object o;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (good(table.fpgaHandleGetObject(&handle, ways[i].name, &o, ways[i].flags)))
			use_one(o);
		if (good(table.fpgaTokenGetObject(&token, ways[i].name, &o, ways[i].flags)))
			destroy(o);
	}
}

static void the_nth_call_fails(void **state)
{
	static const int errors[] = { ENOMEM, EACCES, EIO, ENOENT, ENODEV, EMFILE };
	int fds = seam_count_fds();
	int calls = 0;

	(void)state;
	sys_set(seam_table());
	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++)
		for (int n = 1;; n++) {
			atomic_store(&handle.dead, false);
			seam_arm(n, errors[e], false);
			use_all();
			seam_disarm();
			if (!seam_failed())
				break;
			assert_int_equal(seam_count_fds(), fds);
			calls++;
		}
	assert_in_range(calls, 100, 100000);
	atomic_store(&handle.dead, false);
	is_text(from_handle("hwmon/hwmon0/temp2_input", 0), "-5000\n"); /* and nothing is left of it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(bytes_of_all_kinds),
		RIGGED(more_than_any),
		RIGGED(numbers),
		RIGGED(read_anew),
		RIGGED(written),
		RIGGED(parents_that_are_none),
		RIGGED(refused),
		RIGGED(made_for_one_way),
		RIGGED(gone),
		RIGGED(gone_while_it_is_looked_for),
		RIGGED(the_nth_call_fails),
	};

	return RUN(tests);
}
