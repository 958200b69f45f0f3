/* SPDX-License-Identifier: BSD-3-Clause */
/* The local plugin's error registers, over files that stand for sysfs and a driver that the seam plays. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "plugins/local/errors.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-tree.h"
#include "tests/unit/local-host.h"

#define ERRORS CARD_FME "/errors"

static opae_api_adapter_table table;

/* ---- the driver: it takes back the value that the register has ---- */

static struct {
	int writes, refuse; /* the next so many are refused: other errors came in between */
	int error;	    /* or this is what it answers */
	char last[32];
} driver;

static ssize_t driver_pwrite(int fd, const void *data, size_t len, off_t off)
{
	char link[64], path[512] = "", has[64] = "", *name;

	(void)off;
	driver.writes++;
	assert_in_range(len, 1, sizeof(driver.last) - 1);
	memcpy(driver.last, data, len);
	driver.last[len] = 0;
	if (driver.error)
		return driver.error;
	if (driver.refuse && driver.refuse--)
		return -EINVAL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	assert_true(readlink(link, path, sizeof(path) - 1) > 0);
	name = strstr(path, "/sys/");
	assert_non_null(name);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	assert_non_null(fgets(has, sizeof(has), f));
	fclose(f);
	if (!strstr(path, "inject") && strtoull(has, NULL, 0) != strtoull(driver.last, NULL, 0))
		return -EINVAL;
	put_text(name, "0x0\n");
	return (ssize_t)len;
}

static int up(void **state)
{
	static struct sys_ops ops;

	(void)state;
	memset(&driver, 0, sizeof(driver));
	ops = sys_kernel;
	ops.pwrite = driver_pwrite;
	sys_set(&ops);
	fill_errors(&table);
	card_make();
	return 0;
}

static int down(void **state)
{
	(void)state;
	sys_set(NULL);
	fake_tree_remove();
	return 0;
}

static void make_fme(void)
{
	static const char *const zero[] = { "catfatal_errors", "first_error", "next_error", "nonfatal_errors",
					    "pcie1_errors" };

	for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
		char path[200];

		snprintf(path, sizeof(path), ERRORS "/%s", zero[i]);
		put_text(path, "0x0\n");
	}
	put_text(ERRORS "/pcie0_errors", "0x8000000000000001\n");
	put_text(ERRORS "/fme_errors", "0x4\n");
	put_text(ERRORS "/inject_errors", "0x2\n");
	put_text(ERRORS "/revision", "0\n"); /* none of these is a register */
	put_text(ERRORS "/uevent", "");
	put_text(ERRORS "/clear", "0\n");
	put_text(ERRORS "/.hidden", "0x1\n");
	put_text(ERRORS "/power/control", "auto\n");
	put_link(ERRORS "/device", "../../dfl-port.0");
	put_link(ERRORS "/linked", "fme_errors");
}

static uint32_t find(struct token *t, const char *name)
{
	struct fpga_error_info info;
	uint32_t i = 0;

	while (table.fpgaGetErrorInfo(t, i, &info) == FPGA_OK)
		if (!strcmp(info.name, name))
			return i;
		else
			i++;
	fail_msg("there is no %s", name);
	return 0;
}

static uint64_t value(struct token *t, const char *name)
{
	uint64_t v = 99;

	assert_int_equal(table.fpgaReadError(t, find(t, name), &v), FPGA_OK);
	return v;
}

/* ---- tests ---- */

static void named_and_in_order(void **state)
{
	static const struct {
		const char *name;
		bool clears;
	} want[] = { { "catfatal_errors", false }, { "first_error", false },	 { "fme_errors", true },
		     { "inject_errors", true },	   { "next_error", false },	 { "nonfatal_errors", false },
		     { "pcie0_errors", true },	   { "pcie1_errors", true } };
	struct token t = card_token(DFL_FME);
	struct fpga_error_info info;
	uint32_t n = 0;
	uint64_t v;

	(void)state;
	make_fme();
	assert_int_equal(errors_count(&t.dev, &n), 0);
	assert_int_equal(n, 8);
	for (uint32_t i = 0; i < n; i++) {
		memset(&info, 0xff, sizeof(info));
		assert_int_equal(table.fpgaGetErrorInfo(&t, i, &info), FPGA_OK);
		assert_string_equal(info.name, want[i].name);
		assert_int_equal(info.can_clear, want[i].clears);
	}
	assert_int_equal(table.fpgaGetErrorInfo(&t, n, &info), FPGA_NOT_FOUND);
	assert_non_null(strstr(said, "error 8: dfl-fme.0 has 8 error registers"));
	assert_int_equal(table.fpgaReadError(&t, UINT32_MAX, &v), FPGA_NOT_FOUND);
	assert_int_equal(value(&t, "pcie0_errors"), 0x8000000000000001);
	assert_int_equal(value(&t, "fme_errors"), 4);
	assert_int_equal(driver.writes, 0);
}

static void folders_inside(void **state)
{
	struct token t = card_token(DFL_FME);
	char deep[300] = ERRORS;
	uint32_t n;

	(void)state;
	put_text(ERRORS "/b/errors", "0x1\n");
	put_text(ERRORS "/a/x/first_error", "0x2\n");
	put_text(ERRORS "/c", "0x3\n");
	for (int i = 0; i < 8; i++)
		strncat(deep, "/deeper", sizeof(deep) - strlen(deep) - 1);
	strncat(deep, "/error", sizeof(deep) - strlen(deep) - 1);
	put_text(deep, "0x4\n"); /* too deep to be looked for */
	assert_int_equal(errors_count(&t.dev, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(find(&t, "a/x/first_error"), 0);
	assert_int_equal(find(&t, "b/errors"), 1);
	assert_int_equal(value(&t, "c"), 3);
	assert_int_equal(table.fpgaClearError(&t, 1), FPGA_OK);
	assert_int_equal(value(&t, "b/errors"), 0);
	assert_int_equal(table.fpgaClearError(&t, 0), FPGA_NOT_SUPPORTED);
	assert_non_null(strstr(said, "a/x/first_error cannot be cleared"));
}

static void cleared(void **state)
{
	struct token t = card_token(DFL_FME);

	(void)state;
	make_fme();
	assert_int_equal(table.fpgaClearError(&t, find(&t, "pcie0_errors")), FPGA_OK);
	assert_string_equal(driver.last, "0x8000000000000001");
	assert_int_equal(value(&t, "pcie0_errors"), 0);
	assert_int_equal(table.fpgaClearError(&t, find(&t, "inject_errors")), FPGA_OK);
	assert_string_equal(driver.last, "0x0");
	driver.writes = 0;
	assert_int_equal(table.fpgaClearError(&t, find(&t, "pcie1_errors")), FPGA_OK);
	assert_int_equal(driver.writes, 0); /* there was nothing in it */
	assert_int_equal(table.fpgaClearError(&t, find(&t, "first_error")), FPGA_NOT_SUPPORTED);
	assert_int_equal(table.fpgaClearError(&t, 8), FPGA_NOT_FOUND);
}

static void errors_that_come_meanwhile(void **state)
{
	struct token t = card_token(DFL_FME);
	uint32_t n;

	(void)state;
	make_fme();
	n = find(&t, "fme_errors");
	driver.refuse = 2;
	assert_int_equal(table.fpgaClearError(&t, n), FPGA_OK);
	assert_int_equal(driver.writes, 3);
	assert_int_equal(value(&t, "fme_errors"), 0);
	put_text(ERRORS "/fme_errors", "0x4\n");
	driver.refuse = 100;
	driver.writes = 0;
	assert_int_equal(table.fpgaClearError(&t, n), FPGA_BUSY);
	assert_in_range(driver.writes, 1, 10);
}

static void all_cleared(void **state)
{
	struct token t = card_token(DFL_FME);

	(void)state;
	make_fme();
	put_text(ERRORS "/errors", "rubbish\n"); /* keeps none of the others */
	assert_int_equal(table.fpgaClearAllErrors(&t), FPGA_EXCEPTION);
	assert_non_null(strstr(said, "errors/errors"));
	assert_int_equal(value(&t, "pcie0_errors"), 0);
	assert_int_equal(value(&t, "inject_errors"), 0);
	assert_int_equal(value(&t, "fme_errors"), 0);
	take_away(ERRORS "/errors");
	assert_int_equal(table.fpgaClearAllErrors(&t), FPGA_OK);
}

static void what_the_driver_answers(void **state)
{
	static const struct {
		int error;
		fpga_result want;
	} cases[] = { { -EBUSY, FPGA_BUSY },	  { -ETIMEDOUT, FPGA_EXCEPTION }, { -ENODEV, FPGA_NOT_FOUND },
		      { -EIO, FPGA_EXCEPTION }, { -ENOMEM, FPGA_NO_MEMORY },   { -EACCES, FPGA_NO_ACCESS } };
	struct token t = card_token(DFL_FME);

	(void)state;
	make_fme();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		driver.error = cases[i].error;
		memset(said, 0, sizeof(said));
		assert_int_equal(table.fpgaClearError(&t, find(&t, "fme_errors")), cases[i].want);
		assert_non_null(strstr(said, "errors/fme_errors"));
	}
	assert_non_null(strstr(said, "uid"));
	put_mode(ERRORS "/fme_errors", 0444);
	assert_int_equal(table.fpgaClearError(&t, find(&t, "fme_errors")), FPGA_NO_ACCESS);
	assert_non_null(strstr(said, "can only be read"));
}

static void texts_of_all_kinds(void **state)
{
	static const struct {
		const char *text;
		fpga_result want;
		uint64_t value;
	} cases[] = {
		{ "0x10\n", FPGA_OK, 16 },
		{ "12", FPGA_OK, 12 },
		{ "0xffffffffffffffff\n", FPGA_OK, UINT64_MAX },
		{ "0x00000000000000010000000000000002\n", FPGA_OK, 2 }, /* first_malformed_req */
		{ "0x123456789abcdef0123456789abcdef0\n", FPGA_OK, 0x123456789abcdef0 },
		{ "", FPGA_EXCEPTION, 0 },
		{ "\n", FPGA_EXCEPTION, 0 },
		{ "0x\n", FPGA_EXCEPTION, 0 },
		{ "-1\n", FPGA_EXCEPTION, 0 },
		{ "four\n", FPGA_EXCEPTION, 0 },
		{ "4 or 5\n", FPGA_EXCEPTION, 0 },
		{ "99999999999999999999\n", FPGA_EXCEPTION, 0 },
	};
	struct token t = card_token(DFL_PORT);
	char *huge = malloc(1 << 20);
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_text(CARD_PORT "/errors/errors", cases[i].text);
		v = 7;
		assert_int_equal(table.fpgaReadError(&t, 0, &v), cases[i].want);
		assert_int_equal(v, cases[i].want == FPGA_OK ? cases[i].value : 7);
	}
	assert_non_null(huge);
	memset(huge, '1', 1 << 20);
	put_bytes(CARD_PORT "/errors/errors", huge, 1 << 20);
	assert_int_equal(table.fpgaReadError(&t, 0, &v), FPGA_EXCEPTION);
	free(huge);
}

static void none_and_gone(void **state)
{
	struct token t = card_token(DFL_PORT);
	struct fpga_error_info info;
	uint64_t v;
	uint32_t n;

	(void)state;
	assert_int_equal(errors_count(&t.dev, &n), -ENOENT);
	assert_int_equal(table.fpgaReadError(&t, 0, &v), FPGA_NOT_SUPPORTED);
	assert_non_null(strstr(said, "dfl-port.0 has no error registers"));
	assert_int_equal(table.fpgaClearAllErrors(&t), FPGA_NOT_SUPPORTED);
	fake_tree_folder(CARD_PORT "/errors");
	assert_int_equal(errors_count(&t.dev, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(table.fpgaGetErrorInfo(&t, 0, &info), FPGA_NOT_SUPPORTED);
	take_away(CARD_PORT);
	assert_int_equal(table.fpgaReadError(&t, 0, &v), FPGA_NOT_FOUND);
	assert_non_null(strstr(said, "dfl-port.0 of 0000:b1:00.0 is no longer there"));
	assert_int_equal(table.fpgaClearAllErrors(&t), FPGA_NOT_FOUND);
}

/* The region's number is another card's now. */
static void another_card(void **state)
{
	struct token t = card_token(DFL_FME);
	uint64_t v;

	(void)state;
	make_fme();
	take_away("/sys/class/fpga_region/region0");
	put_text("/sys/devices/pci0000:00/0000:b2:00.0/fpga_region/region0/dfl-fme.0/errors/fme_errors",
		       "0x1\n");
	put_link("/sys/class/fpga_region/region0",
		       "../../devices/pci0000:00/0000:b2:00.0/fpga_region/region0");
	assert_int_equal(table.fpgaReadError(&t, 2, &v), FPGA_NOT_FOUND);
	assert_int_equal(table.fpgaClearAllErrors(&t), FPGA_NOT_FOUND);
	assert_int_equal(driver.writes, 0);
}

static void too_many(void **state)
{
	struct token t = card_token(DFL_FME);
	uint64_t v;
	uint32_t n;

	(void)state;
	for (int i = 0; i < 300; i++) {
		char path[200];

		snprintf(path, sizeof(path), ERRORS "/e%03d", i);
		put_text(path, "0x0\n");
	}
	assert_int_equal(errors_count(&t.dev, &n), -E2BIG);
	assert_int_equal(table.fpgaReadError(&t, 0, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(said, "more than 256"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(named_and_in_order),
		RIGGED(folders_inside),
		RIGGED(cleared),
		RIGGED(all_cleared),
		RIGGED(errors_that_come_meanwhile),
		RIGGED(what_the_driver_answers),
		RIGGED(texts_of_all_kinds),
		RIGGED(none_and_gone),
		RIGGED(another_card),
		RIGGED(too_many),
	};

	return RUN(tests);
}
