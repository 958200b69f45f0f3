/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fpgaReconfigureSlot of the local plugin, on a kernel that is made up: what is refused before anything is
 * touched, the order of what is done, and what the driver's answers become.
 */
#include <errno.h>
#include <linux/fpga-dfl.h>
#include <stdlib.h>
#include <string.h>

#include "gbs/gbs.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-dfl.h"
#include "tests/unit/local-rig.h"

#define MANAGER FAKE_FME "/dfl-fme-mgr.0/fpga_manager/fpga0"
#define USERCLK FAKE_PORT "/dfl_dev.3/userclk"
#define ERRORS FAKE_PORT "/errors/errors"
#define PAYLOAD 101u

static struct {
	uint8_t *at;
	size_t len;
} file;
static fpga_handle fme;

static void put(const char *path, const char *text)
{
	fake_dfl_put(path, text, strlen(text));
}

/* A GBS, anew; the first byte of the interface id can be another one. */
static void make_gbs(uint8_t first, uint32_t high, uint32_t low)
{
	struct gbs_recipe r = {
		.interface_id = { first, 0xcd, 0x68, 0x2f, 0x50, 0x93, 0xfc, 0x78, 0x80, 0xa1, 0xf5, 0xf4,
				  0xd8, 0xc5, 0xbf, 0x3d },
		.clock_high = high,
		.clock_low = low,
	};
	char why[GBS_WHY_MAX];

	free(file.at);
	assert_int_equal(gbs_head(&r, &file.at, &file.len, why), 0);
	file.at = realloc(file.at, file.len + PAYLOAD);
	assert_non_null(file.at);
	memset(file.at + file.len, 0x77, PAYLOAD);
	file.len += PAYLOAD;
}

static int begin(void **state)
{
	if (up(state))
		return -1;
	make_gbs(0x5b, 0, 0);
	fme = open_one(FPGA_DEVICE, 0);
	memset(fake.order, 0, sizeof(fake.order));
	return 0;
}

static int end(void **state)
{
	assert_int_equal(t.fpgaClose(fme), FPGA_OK);
	free(file.at);
	file.at = NULL;
	return down(state);
}

static fpga_result load(uint32_t slot, int flags)
{
	memset(host_detail, 0, sizeof(host_detail));
	return t.fpgaReconfigureSlot(fme, slot, file.at, file.len, flags);
}

/* It was refused, with this in the reason, and nothing was touched. */
static void refused(fpga_result got, fpga_result want, const char *word)
{
	assert_int_equal(got, want);
	if (!strstr(host_detail, word))
		fail_msg("the reason is: %s", host_detail);
	assert_string_equal(fake.order, "");
}

static void a_good_one(void **state)
{
	(void)state;
	assert_int_equal(load(0, 0), FPGA_OK);
	assert_int_equal(fake.pr.port, 0);
	assert_int_equal(fake.pr.size, PAYLOAD);
	assert_ptr_equal(fake.pr.at, file.at + file.len - PAYLOAD); /* where the program has it */
	assert_true(fake.pr.alone);
	assert_string_equal(fake.order, "Pc");
}

static void errors_are_cleared_before(void **state)
{
	(void)state;
	put(ERRORS, "0x12\n");
	assert_int_equal(load(0, 0), FPGA_OK);
	assert_string_equal(fake.order, "ePc");
	memset(fake.order, 0, sizeof(fake.order));
	fake_dfl_remove(FAKE_PORT "/errors"); /* a port need not have any */
	assert_int_equal(load(0, 0), FPGA_OK);
	assert_string_equal(fake.order, "Pc");
}

static void errors_that_stay(void **state)
{
	(void)state;
	put(ERRORS, "0x12\n");
	fake.clear_errno = EBUSY;
	assert_int_equal(load(0, 0), FPGA_BUSY);
	assert_non_null(strstr(host_detail, "errors/errors"));
	assert_string_equal(fake.order, "ec");
	put(ERRORS, "rubbish\n");
	assert_int_equal(load(0, 0), FPGA_EXCEPTION);
	assert_string_equal(fake.order, "ecc");
}

static void another_interface(void **state)
{
	(void)state;
	make_gbs(0x5c, 0, 0);
	refused(load(0, 0), FPGA_INVALID_PARAM, "5ccd682f-5093-fc78-80a1-f5f4d8c5bf3d");
	refused(load(0, FPGA_RECONF_FORCE), FPGA_INVALID_PARAM, "5bcd682f-5093-fc78-80a1-f5f4d8c5bf3d");
	put(FAKE_COMPAT_ID, "5ccd682f5093fc7880a1f5f4d8c5bf3d\n");
	assert_int_equal(load(0, 0), FPGA_OK);
	make_gbs(0x5b, 0, 0);
	memset(fake.order, 0, sizeof(fake.order));
	put(FAKE_COMPAT_ID, "unreadable\n");
	refused(load(0, 0), FPGA_NOT_SUPPORTED, "compat_id");
	fake_dfl_remove(FAKE_FME "/dfl-fme-region.9");
	refused(load(0, 0), FPGA_NOT_SUPPORTED, "no region for partial reconfiguration");
}

static void no_gbs(void **state)
{
	(void)state;
	for (size_t n = 0; n <= file.len - PAYLOAD; n++) {
		assert_int_equal(t.fpgaReconfigureSlot(fme, 0, file.at, n, 0), FPGA_INVALID_PARAM);
		assert_string_equal(fake.order, "");
	}
	file.at[0] ^= 1;
	refused(load(0, FPGA_RECONF_FORCE), FPGA_INVALID_PARAM, "no GBS");
}

/* As OPAE has it: what says nothing is taken at its caller's word. */
static void without_metadata(void **state)
{
	(void)state;
	memset(file.at + 16, 0, 4);
	file.len = 20 + 4;
	assert_int_equal(load(0, 0), FPGA_OK);
	assert_int_equal(fake.pr.size, 4);
}

static void arguments(void **state)
{
	fpga_handle port = open_one(FPGA_ACCELERATOR, FPGA_OPEN_SHARED);

	(void)state;
	memset(fake.order, 0, sizeof(fake.order));
	refused(t.fpgaReconfigureSlot(port, 0, file.at, file.len, 0), FPGA_INVALID_PARAM, "FPGA_DEVICE");
	refused(load(0, 4), FPGA_INVALID_PARAM, "unknown flags 0x4");
	refused(load(1, FPGA_RECONF_FORCE), FPGA_INVALID_PARAM, "slot 1; 0000:b0:00.0 has 1");
	refused(load(UINT32_MAX, 0), FPGA_INVALID_PARAM, "slot 4294967295");
	refused(load(0, 0), FPGA_BUSY, "/dev/dfl-port.0 is open");
	assert_int_equal(t.fpgaClose(port), FPGA_OK);
	memset(fake.order, 0, sizeof(fake.order));
	fake.node_errno = EACCES;
	refused(load(0, 0), FPGA_NO_ACCESS, "may not open it");
	fake.node_errno = ENXIO;
	refused(load(0, 0), FPGA_NO_DRIVER, "/dev/dfl-port.0");
	put(FAKE_FME "/ports_num", "many\n");
	refused(load(0, 0), FPGA_EXCEPTION, "ports_num");
}

static void with_force_users_stay(void **state)
{
	fpga_handle port = open_one(FPGA_ACCELERATOR, 0);

	(void)state;
	memset(fake.order, 0, sizeof(fake.order));
	assert_int_equal(load(0, FPGA_RECONF_FORCE), FPGA_OK);
	assert_string_equal(fake.order, "P");
	assert_int_equal(t.fpgaClose(port), FPGA_OK);
}

/* Not the first port that there is. */
static void the_slots_own_port(void **state)
{
	fpga_handle other;

	(void)state;
	put(FAKE_FME "/ports_num", "2\n");
	put(FAKE_PORT "/id", "1\n");
	other = open_one(FPGA_ACCELERATOR, FPGA_OPEN_SHARED);
	memset(fake.order, 0, sizeof(fake.order));
	refused(load(1, 0), FPGA_BUSY, "slot 1");
	refused(load(0, 0), FPGA_NOT_FOUND, "no accelerator in slot 0");
	assert_int_equal(load(0, FPGA_RECONF_FORCE), FPGA_OK);
	assert_int_equal(fake.pr.port, 0);
	assert_int_equal(t.fpgaClose(other), FPGA_OK);
}

static void a_released_port_has_no_clock(void **state)
{
	(void)state;
	make_gbs(0x5b, 200, 0);
	put(FAKE_PORT "/id", "3\n");
	refused(load(0, FPGA_RECONF_FORCE), FPGA_NOT_FOUND, "FPGA_RECONF_SKIP_USRCLK");
	assert_int_equal(load(0, FPGA_RECONF_FORCE | FPGA_RECONF_SKIP_USRCLK), FPGA_OK);
}

/* ---- the clock ---- */

static void give_clock(void)
{
	fake_dfl_folder(USERCLK);
	put(USERCLK "/frequency", "156250 312500\n");
}

/* Set behind the bitstream, by way of a slow one; then the design starts anew. */
static void the_clock_is_set_afterwards(void **state)
{
	fpga_handle port;

	(void)state;
	give_clock();
	make_gbs(0x5b, 200, 100);
	assert_int_equal(load(0, 0), FPGA_OK);
	assert_string_equal(fake.order, "Pkkrc");
	memset(fake.order, 0, sizeof(fake.order));
	assert_int_equal(load(0, FPGA_RECONF_SKIP_USRCLK), FPGA_OK);
	assert_string_equal(fake.order, "Pc");
	memset(fake.order, 0, sizeof(fake.order));
	assert_int_equal(load(0, FPGA_RECONF_FORCE), FPGA_OK);
	assert_string_equal(fake.order, "Pkkrc");
	port = open_one(FPGA_ACCELERATOR, 0);
	memset(fake.order, 0, sizeof(fake.order));
	assert_int_equal(load(0, FPGA_RECONF_FORCE), FPGA_OK); /* who has it alone resets it */
	assert_string_equal(fake.order, "Pkk");
	assert_int_equal(t.fpgaClose(port), FPGA_OK);
}

static void a_bitstream_that_fails_leaves_the_clock(void **state)
{
	(void)state;
	give_clock();
	make_gbs(0x5b, 200, 100);
	fake.fail_request = DFL_FPGA_FME_PORT_PR;
	fake.fail_errno = EIO;
	assert_int_equal(load(0, 0), FPGA_RECONF_ERROR);
	assert_string_equal(fake.order, "c");
}

static void a_clock_that_cannot_be(void **state)
{
	(void)state;
	make_gbs(0x5b, 200, 100);
	refused(load(0, 0), FPGA_NOT_SUPPORTED, "fpgaReconfigureSlot: dfl-port.0 shows no user clock");
	give_clock();
	make_gbs(0x5b, 10000, 0);
	refused(load(0, 0), FPGA_INVALID_PARAM, "10000");
	make_gbs(0x5b, 200, 100);
	fake.fail_request = DFL_FPGA_PORT_RESET;
	fake.fail_errno = ETIMEDOUT;
	assert_int_equal(load(0, 0), FPGA_EXCEPTION);
	assert_non_null(strstr(host_detail, "is loaded and its clock set, but not reset"));
}

/* ---- what the driver says ---- */

static void the_drivers_answers(void **state)
{
	static const struct {
		int error;
		fpga_result result;
		const char *word;
	} all[] = {
		{ EIO, FPGA_RECONF_ERROR, "reconfig CRC error;reconfig fifo overflow error" },
		{ ETIMEDOUT, FPGA_RECONF_ERROR, "in time: reconfig CRC error" },
		{ EBUSY, FPGA_BUSY, "another reconfiguration" },
		{ EINVAL, FPGA_INVALID_PARAM, "no region for slot 0" },
		{ ENOMEM, FPGA_NO_MEMORY, "dfl-fme.0" },
		{ EACCES, FPGA_NO_ACCESS, "dfl-fme.0" },
	};

	(void)state;
	fake_dfl_folder(MANAGER);
	put(MANAGER "/status", "reconfig CRC error\nreconfig fifo overflow error\n");
	fake.fail_request = DFL_FPGA_FME_PORT_PR;
	for (size_t i = 0; i < COUNT(all); i++) {
		fake.fail_errno = all[i].error;
		assert_int_equal(load(0, 0), all[i].result);
		if (!strstr(host_detail, all[i].word))
			fail_msg("the reason is: %s", host_detail);
	}
	fake.fail_errno = EIO;
	put(MANAGER "/status", "");
	put(MANAGER "/state", "write complete error\n");
	assert_int_equal(load(0, 0), FPGA_RECONF_ERROR);
	assert_non_null(strstr(host_detail, "write complete error"));
	fake_dfl_remove(FAKE_FME "/dfl-fme-mgr.0");
	assert_int_equal(load(0, 0), FPGA_RECONF_ERROR);
	assert_non_null(strstr(host_detail, "does not say why"));
}

/* As Linux leaves a port behind whose reconfiguration failed. */
static void a_port_that_stays_in_reset(void **state)
{
	(void)state;
	fake.fail_request = DFL_FPGA_FME_PORT_PR;
	fake.fail_errno = EIO;
	assert_int_equal(load(0, 0), FPGA_RECONF_ERROR);
	assert_null(strstr(host_detail, "dfl-pci"));
	fake.afu_id_errno = EBUSY;
	assert_int_equal(load(0, 0), FPGA_RECONF_ERROR);
	assert_non_null(strstr(host_detail, "unbind the card from dfl-pci"));
	fake.fail_request = 0;
	assert_int_equal(load(0, 0), FPGA_RECONF_ERROR);
	assert_non_null(strstr(host_detail, "is loaded, but"));
	fake.afu_id_errno = 0;
	assert_int_equal(load(0, 0), FPGA_OK);
}

static void a_device_that_has_gone(void **state)
{
	(void)state;
	fake_dfl_move("/sys/devices/pci0000:b0/0000:b0:00.0", "/sys/devices/gone");
	assert_int_equal(load(0, 0), FPGA_EXCEPTION);
	assert_string_equal(fake.order, "");
	fake_dfl_move("/sys/devices/gone", "/sys/devices/pci0000:b0/0000:b0:00.0");
}

#define IN_RIG(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_RIG(a_good_one),
		IN_RIG(errors_are_cleared_before),
		IN_RIG(errors_that_stay),
		IN_RIG(another_interface),
		IN_RIG(no_gbs),
		IN_RIG(without_metadata),
		IN_RIG(arguments),
		IN_RIG(with_force_users_stay),
		IN_RIG(the_slots_own_port),
		IN_RIG(a_released_port_has_no_clock),
		IN_RIG(the_clock_is_set_afterwards),
		IN_RIG(a_bitstream_that_fails_leaves_the_clock),
		IN_RIG(a_clock_that_cannot_be),
		IN_RIG(the_drivers_answers),
		IN_RIG(a_port_that_stays_in_reset),
		IN_RIG(a_device_that_has_gone),
	};

	return RUN(tests);
}
