/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events of a remote accelerator: a local eventfd counts what happens there, and no event comes before its
 * data.
 */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/client-rig.h"

static fpga_handle h;

static int up(void **state)
{
	(void)state;
	rig_up(1, NULL);
	server_start(&rig.servers[0]);
	h = rig_open();
	return 0;
}

static int down(void **state)
{
	(void)state;
	if (h)
		assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
	h = NULL;
	rig_down();
	return 0;
}

static fpga_event_handle event_new(int *fd)
{
	fpga_event_handle eh;

	assert_int_equal(rig.t.create_event(rig.t.instance, &eh), FPGA_OK);
	assert_int_equal(rig.t.fpgaGetOSObjectFromEventHandle(eh, fd), FPGA_OK);
	return eh;
}

static void event_free(fpga_event_handle eh)
{
	assert_int_equal(rig.t.fpgaDestroyEventHandle(&eh), FPGA_OK);
}

static bool is_ready(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) > 0;
}

/* Blocks as a program does. */
static uint64_t await(int fd)
{
	uint64_t count = 0;

	assert_true(is_ready(fd, 20000));
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	return count;
}

static uint64_t await_in_all(int fd, uint64_t want)
{
	uint64_t sum = 0;

	while (sum < want)
		sum += await(fd);
	return sum;
}

static void a_call(void)
{
	uint64_t v;

	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_OK);
}

static void events_are_counted(void **state)
{
	int fd;
	fpga_event_handle eh = event_new(&fd);

	(void)state;
	assert_int_equal(rig.t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, 0), FPGA_OK);
	assert_false(is_ready(fd, 0));
	fake_fire(0, FPGA_EVENT_INTERRUPT, 1);
	assert_int_equal(await(fd), 1);
	fake_fire(0, FPGA_EVENT_INTERRUPT, 5);
	assert_int_equal(await_in_all(fd, 5), 5);
	fake_fire(0, FPGA_EVENT_ERROR, 1); /* is not asked for */
	fake_fire(1, FPGA_EVENT_INTERRUPT, 1); /* of another card */
	a_call();
	assert_false(is_ready(fd, 20));
	assert_int_equal(rig.t.fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, eh), FPGA_OK);
	fake_fire(0, FPGA_EVENT_INTERRUPT, 1);
	a_call();
	assert_false(is_ready(fd, 20));
	assert_int_equal(rig.t.fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, eh), FPGA_INVALID_PARAM);
	assert_int_equal(atomic_load(&fake.events), 0);
	event_free(eh);
}

/* As hello_fpga with interrupts: the result is in memory when the event is there. */
static void data_are_there_before_the_event(void **state)
{
	unsigned char data[5000];
	uint64_t wsid, io;
	void *at = NULL;
	int fd;
	fpga_event_handle eh = event_new(&fd);

	(void)state;
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 8192, &at, &wsid, 0), FPGA_OK);
	assert_int_equal(rig.t.fpgaGetIOAddress(h, wsid, &io), FPGA_OK);
	assert_int_equal(rig.t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, 2), FPGA_OK);
	for (int round = 1; round < 200; round++) {
		memset(data, round, sizeof(data));
		assert_true(fake_dma_write(io + 100, data, sizeof(data)));
		fake_fire(0, FPGA_EVENT_INTERRUPT, 1);
		assert_int_equal(await(fd), 1);
		assert_memory_equal((char *)at + 100, data, sizeof(data));
	}
	assert_int_equal(rig.t.fpgaReleaseBuffer(h, wsid), FPGA_OK);
	assert_int_equal(rig.t.fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, eh), FPGA_OK);
	event_free(eh);
}

static void one_event_for_several(void **state)
{
	int fd;
	fpga_event_handle eh = event_new(&fd);

	(void)state;
	assert_int_equal(rig.t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, 0), FPGA_OK);
	assert_int_equal(rig.t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, 1), FPGA_OK);
	assert_int_equal(rig.t.fpgaRegisterEvent(h, FPGA_EVENT_ERROR, eh, 0), FPGA_OK);
	fake_fire(0, FPGA_EVENT_INTERRUPT, 1);
	fake_fire(0, FPGA_EVENT_ERROR, 1);
	assert_int_equal(await_in_all(fd, 3), 3);
	assert_int_equal(rig.t.fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, eh), FPGA_OK);
	assert_int_equal(atomic_load(&fake.events), 1);
	fake_fire(0, FPGA_EVENT_ERROR, 1);
	assert_int_equal(await(fd), 1);
	event_free(eh); /* while it is registered: its descriptor goes with the handle */
	fake_fire(0, FPGA_EVENT_ERROR, 1);
	a_call();
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
	h = NULL;
	assert_int_equal(atomic_load(&fake.events), 0);
}

static void too_many_events(void **state)
{
	enum { MAX = 256 };
	int fd;
	fpga_event_handle eh = event_new(&fd);

	(void)state;
	for (uint32_t i = 0; i < MAX; i++)
		assert_int_equal(rig.t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, i), FPGA_OK);
	assert_int_equal(rig.t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, 0), FPGA_NO_MEMORY);
	assert_non_null(strstr(detail(), "256 events are registered"));
	fake_fire(0, FPGA_EVENT_INTERRUPT, 2);
	assert_int_equal(await_in_all(fd, 2 * MAX), 2 * MAX);
	assert_int_equal(rig.t.fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, eh), FPGA_OK);
	assert_int_equal(atomic_load(&fake.events), 0);
	event_free(eh);
}

static void who_waits_wakes_when_the_server_goes(void **state)
{
	int fd;
	fpga_event_handle eh = event_new(&fd);

	(void)state;
	assert_int_equal(rig.t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, 0), FPGA_OK);
	server_stop(&rig.servers[0]);
	assert_int_equal(await(fd), 1);
	assert_int_equal(rig.t.fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, eh), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "the connection is lost"));
	assert_int_equal(rig.t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, 0), FPGA_EXCEPTION);
	event_free(eh);
	rig.t.fpgaClose(h);
	h = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(events_are_counted),
		RIGGED(data_are_there_before_the_event),
		RIGGED(one_event_for_several),
		RIGGED(too_many_events),
		RIGGED(who_waits_wakes_when_the_server_goes),
	};

	return RUN(tests);
}
