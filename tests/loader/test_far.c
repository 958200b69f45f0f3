/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The calls of opae/remote.h as the shell makes them, for plugins that help with them and for those that do
 * not.
 */
#include <opae/remote.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/loader/rig.h"
#include "tests/unit/check.h"

#define NEAR 1
#define FAR 2

static fpga_token token;

static fpga_handle open_in(uint16_t segment)
{
	fpga_handle h;

	token = rig_token(segment, FPGA_ACCELERATOR, 0);
	assert_int_equal(fpgaOpen(token, &h, 0), FPGA_OK);
	return h;
}

static void close_it(fpga_handle h)
{
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&token), FPGA_OK);
}

static uint64_t asked(fpga_handle h, unsigned int i)
{
	uint64_t v = 0;

	assert_int_equal(fpgaReadMMIO64(h, 0, ODD_ASKED + 8 * i, &v), FPGA_OK);
	return v;
}

/* Nothing is to be moved, but what is asked for must be there. */
static void local_memory_is_the_devices(void **state)
{
	fpga_handle h = open_in(NEAR);
	uint64_t w;
	void *p = NULL;

	(void)state;
	assert_int_equal(fpgaPrepareBuffer(h, ODD_BUFFER, &p, &w, 0), FPGA_OK);
	assert_int_equal(opaex_push(h, w, 0, ODD_BUFFER), FPGA_OK);
	assert_int_equal(opaex_pull(h, w, 0, ODD_BUFFER), FPGA_OK);
	assert_int_equal(opaex_pull(h, w, ODD_BUFFER - 1, 1), FPGA_OK);
	assert_int_equal(opaex_push(h, w, ODD_BUFFER, 0), FPGA_OK);
	assert_int_equal(opaex_push(h, w, 1, ODD_BUFFER), FPGA_INVALID_PARAM);
	assert_non_null(strstr(opaex_error_detail(), "opaex_push: 1048576 bytes at 1 are not inside"));
	assert_int_equal(opaex_pull(h, w, ODD_BUFFER + 1, 0), FPGA_INVALID_PARAM);
	assert_int_equal(opaex_pull(h, w, UINT64_MAX, 2), FPGA_INVALID_PARAM);
	assert_int_equal(opaex_pull(h, w, 2, UINT64_MAX), FPGA_INVALID_PARAM);
	assert_int_equal(opaex_push(h, w + 1, 0, 1), FPGA_NOT_FOUND);
	assert_int_equal(opaex_pull(h, 0, 0, 0), FPGA_NOT_FOUND);
	assert_int_equal(fpgaReleaseBuffer(h, w), FPGA_OK);
	assert_int_equal(opaex_push(h, w, 0, 1), FPGA_NOT_FOUND);
	close_it(h);
}

static void a_plugin_moves_what_is_not(void **state)
{
	fpga_handle h = open_in(FAR);

	(void)state;
	assert_int_equal(opaex_push(h, 7, 8, 9), FPGA_OK);
	assert_int_equal(asked(h, 1), 7);
	assert_int_equal(asked(h, 2), 8);
	assert_int_equal(asked(h, 3), 9);
	assert_int_equal(opaex_pull(h, 17, 18, 19), FPGA_RECONF_ERROR);
	assert_int_equal(asked(h, 1), 17);
	assert_int_equal(asked(h, 3), 19);
	close_it(h);
}

static void a_buffer_is_given_to_another_accelerator(void **state)
{
	fpga_handle h = open_in(NEAR);
	char buf[8];

	(void)state;
	assert_int_equal(opaex_pin_buffer(h, buf, sizeof(buf), 0x5000), FPGA_OK);
	assert_int_equal(asked(h, 1), 0);
	assert_int_equal(asked(h, 2), sizeof(buf));
	assert_int_equal(asked(h, 3), 0x5000);
	assert_int_equal(opaex_unpin_buffer(h, buf, sizeof(buf), 0x6000), FPGA_OK);
	assert_int_equal(asked(h, 1), 1);
	assert_int_equal(asked(h, 3), 0x6000);
	close_it(h);
}

/* A plugin polls in slices, whatever the time in all; the value and the end are the program's. */
static void a_plugin_polls_in_slices(void **state)
{
	fpga_handle h = open_in(FAR);
	uint64_t v = 0;

	(void)state;
	assert_int_equal(fpgaWriteMMIO64(h, 0, 8, 0x1234), FPGA_OK);
	assert_int_equal(opaex_poll_mmio(h, 0, 8, 0xff, 0x34, 0, 0, &v), FPGA_OK);
	assert_int_equal(v, 0x1234);
	assert_int_equal(opaex_poll_mmio(h, 0, 8, 0xff, 0x35, 0, 250000, &v), FPGA_BUSY);
	assert_int_equal(v, 0x1234);
	assert_in_range(asked(h, 0), 1, 100000);
	assert_int_equal(opaex_poll_mmio(h, 0, 3, 0xff, 0x35, 0, 250000, &v), FPGA_INVALID_PARAM);
	/* What is to be read each second is not read ten times as often. */
	assert_int_equal(opaex_poll_mmio(h, 0, 8, 0xff, 0x35, 1000000, 20000, &v), FPGA_BUSY);
	close_it(h);
}

static void *poll_for_long(void *arg)
{
	return (void *)(uintptr_t)opaex_poll_mmio(arg, 0, 8, UINT64_MAX, 12345, 0, 600000000, NULL);
}

static void *write_later(void *arg)
{
	usleep(150000); /* in the second slice */
	return (void *)(uintptr_t)fpgaWriteMMIO64(arg, 0, 8, 12345);
}

static void a_later_slice_finds_it(void **state)
{
	fpga_handle h = open_in(FAR);
	pthread_t writer;
	void *r;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, write_later, h), 0);
	assert_ptr_equal(poll_for_long(h), (void *)FPGA_OK);
	pthread_join(writer, &r);
	assert_ptr_equal(r, (void *)FPGA_OK);
	close_it(h);
}

/* Ten minutes were asked for; the plugin never learns of the close, but is not asked again. */
static void close_ends_a_plugins_poll(void **state)
{
	fpga_handle h = open_in(FAR);
	time_t begin = time(NULL);
	pthread_t thread;
	void *r;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, poll_for_long, h), 0);
	while (!asked(h, 0))
		usleep(1000);
	close_it(h);
	pthread_join(thread, &r);
	assert_ptr_equal(r, (void *)FPGA_INVALID_PARAM);
	assert_true(time(NULL) - begin < 5);
}

static int up(void **state)
{
	static const char *const two[] = { "near:good:{\"segment\": 1}", "far:far_away:{\"segment\": 2}",
					   NULL };

	(void)state;
	rig_start(two);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(local_memory_is_the_devices),
		RIGGED(a_plugin_moves_what_is_not),
		RIGGED(a_buffer_is_given_to_another_accelerator),
		RIGGED(a_plugin_polls_in_slices),
		RIGGED(a_later_slice_finds_it),
		RIGGED(close_ends_a_plugins_poll),
	};

	return RUN(tests);
}
