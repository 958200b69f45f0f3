/* SPDX-License-Identifier: BSD-3-Clause */
/* FPGA_EVENT_POWER_THERMAL of the local plugin: alarms that are on, go on, and go away. */
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "tests/unit/check.h"
#include "tests/unit/fake-dfl.h"
#include "tests/unit/fake-sensors.h"
#include "tests/unit/local-rig.h"

#define ARRIVES_MS 10000 /* a deadline, long past what it takes */

static bool arrives(fpga_event_handle e, int within_ms)
{
	struct pollfd p = { .events = POLLIN };
	eventfd_t v;

	assert_int_equal(t.fpgaGetOSObjectFromEventHandle(e, &p.fd), FPGA_OK);
	return poll(&p, 1, within_ms) == 1 && !eventfd_read(p.fd, &v);
}

static fpga_event_handle new_event(void)
{
	fpga_event_handle e;

	assert_int_equal(t.create_event(t.instance, &e), FPGA_OK);
	return e;
}

static fpga_result watch(fpga_handle h, fpga_event_handle e)
{
	return t.fpgaRegisterEvent(h, FPGA_EVENT_POWER_THERMAL, e, 0);
}

static fpga_result unwatch(fpga_handle h, fpga_event_handle e)
{
	return t.fpgaUnregisterEvent(h, FPGA_EVENT_POWER_THERMAL, e);
}

static void an_alarm_goes_on(void **state)
{
	fpga_event_handle one = new_event(), two = new_event();
	fpga_handle h;

	(void)state;
	put_fme_sensors();
	h = open_one(FPGA_DEVICE, 0);
	assert_int_equal(watch(h, one), FPGA_OK);
	assert_int_equal(watch(h, one), FPGA_OK); /* once is enough */
	assert_int_equal(watch(h, two), FPGA_OK);
	put_text(HEAT, "temp1_crit_alarm", "rubbish\n");
	put_text(HEAT, "temp1_max_alarm", "1\n");
	assert_true(arrives(one, ARRIVES_MS));
	assert_true(arrives(two, ARRIVES_MS));
	assert_int_equal(unwatch(h, two), FPGA_OK);
	put_text(DRAW, "power1_max_alarm", "1\n"); /* another, while the first stays */
	assert_true(arrives(one, ARRIVES_MS));
	assert_false(arrives(two, 0));
	assert_false(arrives(one, 0)); /* once, not for as long as it is on */
	assert_int_equal(unwatch(h, one), FPGA_OK);
	assert_int_equal(unwatch(h, one), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
	t.fpgaDestroyEventHandle(&one);
	t.fpgaDestroyEventHandle(&two);
}

static void an_alarm_is_on_already(void **state)
{
	fpga_event_handle one = new_event(), two = new_event();
	fpga_handle h;

	(void)state;
	put_fme_sensors();
	put_text(DRAW, "power1_max_alarm", "1\n");
	h = open_one(FPGA_ACCELERATOR, 0); /* its card's FME is watched */
	assert_int_equal(watch(h, one), FPGA_OK);
	assert_true(arrives(one, 0));
	assert_int_equal(watch(h, two), FPGA_OK);
	assert_true(arrives(two, 0));
	assert_int_equal(t.fpgaClose(h), FPGA_OK); /* with both registered */
	t.fpgaDestroyEventHandle(&one);
	t.fpgaDestroyEventHandle(&two);
}

static void no_alarms(void **state)
{
	fpga_event_handle e = new_event();
	fpga_handle h = open_one(FPGA_DEVICE, 0);

	(void)state;
	assert_int_equal(watch(h, e), FPGA_NOT_SUPPORTED);
	assert_non_null(strstr(host_detail, "alarm"));
	t.fpgaClose(h);
	h = open_one(FPGA_ACCELERATOR, 0);
	fake_dfl_remove(DEVICE);
	assert_int_equal(watch(h, e), FPGA_NOT_SUPPORTED);
	assert_non_null(strstr(host_detail, "FME"));
	t.fpgaClose(h);
	t.fpgaDestroyEventHandle(&e);
}

static void the_sensors_go_away(void **state)
{
	fpga_event_handle e = new_event();
	fpga_handle h;

	(void)state;
	put_fme_sensors();
	h = open_one(FPGA_DEVICE, 0);
	assert_int_equal(watch(h, e), FPGA_OK);
	fake_dfl_remove(HEAT); /* what is open stays readable in a file system, as it does not in sysfs */
	put_text(DRAW, "power1_max_alarm", "1\n");
	assert_true(arrives(e, ARRIVES_MS));
	assert_int_equal(unwatch(h, e), FPGA_OK);
	t.fpgaClose(h);
	t.fpgaDestroyEventHandle(&e);
}

/* A program that never reads its event, or has filled its counter, is no reason to stand still. */
static void an_event_that_is_full(void **state)
{
	fpga_event_handle full = new_event(), e = new_event();
	fpga_handle h;
	int fd;

	(void)state;
	put_fme_sensors();
	h = open_one(FPGA_DEVICE, 0);
	assert_int_equal(t.fpgaGetOSObjectFromEventHandle(full, &fd), FPGA_OK);
	assert_int_equal(eventfd_write(fd, UINT64_MAX - 1), 0);
	assert_int_equal(watch(h, full), FPGA_OK);
	assert_int_equal(watch(h, e), FPGA_OK);
	put_text(HEAT, "temp1_max_alarm", "1\n");
	assert_true(arrives(e, ARRIVES_MS));
	t.fpgaClose(h);
	t.fpgaDestroyEventHandle(&full);
	t.fpgaDestroyEventHandle(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(an_alarm_goes_on),
		RIGGED(an_alarm_is_on_already),
		RIGGED(no_alarms),
		RIGGED(the_sensors_go_away),
		RIGGED(an_event_that_is_full),
	};

	return RUN(tests);
}
