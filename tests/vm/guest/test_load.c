/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fpgaReconfigureSlot on the kernel's DFL driver, whose only card has one slot, with the native
 * loopback in it.
 *
 * $OPAE_TEST_GBS is a GBS that puts that loopback in again, $OPAE_TEST_HELLO one with hello_afu,
 * $OPAE_TEST_OTHER one for another interface. How long a reconfiguration takes, beside the bare ioctl
 * on the same bytes in turn, is printed; machines are too unlike for a limit.
 */
#include <fcntl.h>
#include <glob.h>
#include <linux/fpga-dfl.h>
#include <opae/ext.h>
#include <opae/fpga.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "tests/unit/check.h"

#define NLB0 "d8424dc4-a4a3-c413-f89e-433683f9040b"
#define HELLO "850adcc2-6ceb-4b22-9722-d43375b61c66"
#define ROUNDS 11

struct file {
	uint8_t *at;
	size_t len;
};

static struct file file_of(const char *variable)
{
	const char *path = getenv(variable);
	struct file f = { 0 };
	FILE *in = path ? fopen(path, "rbe") : NULL;
	long len;

	assert_non_null(in);
	assert_int_equal(fseek(in, 0, SEEK_END), 0);
	len = ftell(in);
	assert_true(len > 20);
	rewind(in);
	f.len = (size_t)len;
	f.at = malloc(f.len);
	assert_non_null(f.at);
	assert_int_equal(fread(f.at, 1, f.len, in), f.len);
	fclose(in);
	return f;
}

/* The only one of its type. */
static fpga_token token_of(fpga_objtype type)
{
	fpga_properties filter;
	fpga_token t = NULL;
	uint32_t n = 0;

	assert_int_equal(fpgaGetProperties(NULL, &filter), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetObjectType(filter, type), FPGA_OK);
	assert_int_equal(fpgaEnumerate(&filter, 1, &t, 1, &n), FPGA_OK);
	assert_int_equal(n, 1);
	fpgaDestroyProperties(&filter);
	return t;
}

static fpga_handle open_one(fpga_objtype type, int flags)
{
	fpga_token t = token_of(type);
	fpga_handle h;

	assert_int_equal(fpgaOpen(t, &h, flags), FPGA_OK);
	fpgaDestroyToken(&t);
	return h;
}

static void slot_has(const char *want)
{
	fpga_token t = token_of(FPGA_ACCELERATOR);
	char text[UUID_STR_LEN];
	fpga_properties p;
	fpga_guid guid;

	assert_int_equal(fpgaGetProperties(t, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetGUID(p, &guid), FPGA_OK);
	uuid_unparse_lower(guid, text);
	assert_string_equal(text, want);
	fpgaDestroyProperties(&p);
	fpgaDestroyToken(&t);
}

static fpga_result load(fpga_handle fme, const char *variable, int flags)
{
	struct file f = file_of(variable);
	fpga_result r = fpgaReconfigureSlot(fme, 0, f.at, f.len, flags);

	free(f.at);
	return r;
}

static void a_good_one(void **state)
{
	fpga_handle fme = open_one(FPGA_DEVICE, 0);

	(void)state;
	slot_has(NLB0);
	assert_int_equal(load(fme, "OPAE_TEST_HELLO", 0), FPGA_OK);
	slot_has(HELLO);
	assert_int_equal(load(fme, "OPAE_TEST_GBS", FPGA_RECONF_SKIP_USRCLK), FPGA_OK);
	slot_has(NLB0);
	fpgaClose(fme);
}

static void another_interface(void **state)
{
	fpga_handle fme = open_one(FPGA_DEVICE, 0);

	(void)state;
	assert_int_equal(load(fme, "OPAE_TEST_OTHER", FPGA_RECONF_FORCE), FPGA_INVALID_PARAM);
	assert_non_null(strstr(opaex_error_detail(), "11111111-2222-3333-4444-555555555555"));
	assert_non_null(strstr(opaex_error_detail(), "e9a1ca2d-c0de-4d5a-9c3f-00000000a001"));
	slot_has(NLB0);
	fpgaClose(fme);
}

static void somebody_uses_it(void **state)
{
	fpga_handle fme = open_one(FPGA_DEVICE, 0), user = open_one(FPGA_ACCELERATOR, FPGA_OPEN_SHARED);
	uint64_t v = 0;

	(void)state;
	assert_int_equal(load(fme, "OPAE_TEST_HELLO", 0), FPGA_BUSY);
	assert_non_null(strstr(opaex_error_detail(), "/dev/dfl-port.0"));
	slot_has(NLB0);
	assert_int_equal(load(fme, "OPAE_TEST_HELLO", FPGA_RECONF_FORCE), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(user, 0, 0x10, &v), FPGA_OK); /* the user's mapping is as it was */
	assert_true(v == 0x850adcc26ceb4b22);
	assert_int_equal(fpgaClose(user), FPGA_OK);
	assert_int_equal(load(fme, "OPAE_TEST_GBS", 0), FPGA_OK);
	slot_has(NLB0);
	fpgaClose(fme);
}

static void arguments(void **state)
{
	fpga_handle fme = open_one(FPGA_DEVICE, 0);
	struct file f = file_of("OPAE_TEST_GBS");

	(void)state;
	assert_int_equal(fpgaReconfigureSlot(fme, 1, f.at, f.len, FPGA_RECONF_FORCE), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaReconfigureSlot(fme, 0, f.at, f.len, 4), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaReconfigureSlot(fme, 0, f.at, 100, 0), FPGA_INVALID_PARAM);
	slot_has(NLB0);
	free(f.at);
	fpgaClose(fme);
}

/* ---- how long it takes ---- */

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int bare_node(void)
{
	glob_t found;
	int fd;

	assert_int_equal(glob("/dev/dfl-fme.*", 0, NULL, &found), 0);
	fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
	globfree(&found);
	assert_true(fd >= 0);
	return fd;
}

static double bare(int fd, const struct file *f)
{
	size_t head = 20 + (f->at[16] | (size_t)f->at[17] << 8);
	struct dfl_fpga_fme_port_pr pr = { .argsz = sizeof(pr), .buffer_size = (uint32_t)(f->len - head),
					   .buffer_address = (uintptr_t)(f->at + head) };
	double begin = now_ms();

	assert_int_equal(ioctl(fd, DFL_FPGA_FME_PORT_PR, &pr), 0);
	return now_ms() - begin;
}

static double ours(fpga_handle fme, const struct file *f)
{
	double begin = now_ms();

	assert_int_equal(fpgaReconfigureSlot(fme, 0, f->at, f->len, 0), FPGA_OK);
	return now_ms() - begin;
}

static double less(double a, double b)
{
	return a < b ? a : b;
}

/* The least of several: what else runs on the machine only adds to it. */
static void compare(fpga_handle fme, int fd, const char *variable)
{
	struct file f = file_of(variable);
	double a = 1e9, b = 1e9;

	for (int i = 0; i < ROUNDS; i++) {
		a = less(a, bare(fd, &f));
		b = less(b, ours(fme, &f));
	}
	printf("# %zu bytes: bare ioctl %.2f ms, fpgaReconfigureSlot %.2f ms, ratio %.3f\n", f.len, a, b,
	       b / a);
	free(f.at);
}

static void times(void **state)
{
	fpga_handle fme = open_one(FPGA_DEVICE, FPGA_OPEN_SHARED);
	int fd = bare_node();

	(void)state;
	compare(fme, fd, "OPAE_TEST_HELLO");
	compare(fme, fd, "OPAE_TEST_GBS");
	close(fd);
	fpgaClose(fme);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_one),
		cmocka_unit_test(another_interface),
		cmocka_unit_test(somebody_uses_it),
		cmocka_unit_test(arguments),
		cmocka_unit_test(times),
	};

	return RUN(tests);
}
