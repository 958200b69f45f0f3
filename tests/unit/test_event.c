/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/fake-device.h"

static struct fake_device dev;
static struct handle h;

static int up(void **state)
{
	(void)state;
	fake_init(&dev, 4096);
	memset(&h, 0, sizeof(h));
	h.dev = &dev.base;
	h.sink = -1;
	pthread_mutex_init(&h.event_lock, NULL);
	return events_init(&h);
}

static int down(void **state)
{
	(void)state;
	events_done(&h);
	pthread_mutex_destroy(&h.event_lock);
	return 0;
}

static fpga_event_handle event(int *fd)
{
	fpga_event_handle eh = NULL;

	assert_int_equal(vfio_create_event(NULL, &eh), FPGA_OK);
	assert_int_equal(vfio_event_fd(eh, fd), FPGA_OK);
	return eh;
}

static void types_and_vectors(void **state)
{
	fpga_event_handle eh;
	int fd;

	(void)state;
	eh = event(&fd);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_ERROR, eh, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_POWER_THERMAL, eh, 0),
			 FPGA_NOT_SUPPORTED);
	assert_int_equal(vfio_register_event(&h, (fpga_event_type)3, eh, 0), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, eh, 4), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, eh, UINT32_MAX),
			 FPGA_INVALID_PARAM);
	assert_int_equal(dev.binds, 0);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, eh, 3), FPGA_OK);
	assert_int_equal(dev.bound[3], fd);
	assert_int_equal(vfio_destroy_event(&eh), FPGA_OK);
}

/* The next one takes the vector; the one before is as if it had been unregistered. */
static void a_vector_is_taken_over(void **state)
{
	fpga_event_handle a, b;
	int fd_a, fd_b;

	(void)state;
	a = event(&fd_a);
	b = event(&fd_b);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, a, 1), FPGA_OK);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, b, 1), FPGA_OK);
	assert_int_equal(dev.bound[1], fd_b);
	assert_int_equal(vfio_unregister_event(&h, FPGA_EVENT_INTERRUPT, a), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_unregister_event(&h, FPGA_EVENT_INTERRUPT, b), FPGA_OK);
	assert_int_equal(vfio_destroy_event(&a), FPGA_OK);
	assert_int_equal(vfio_destroy_event(&b), FPGA_OK);
}

/* One event on several vectors: unregistering takes it off all, and disturbs no other. */
static void several_vectors(void **state)
{
	fpga_event_handle a, b;
	int fd_a, fd_b;

	(void)state;
	a = event(&fd_a);
	b = event(&fd_b);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, a, 0), FPGA_OK);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, a, 2), FPGA_OK);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, b, 1), FPGA_OK);
	assert_int_equal(vfio_unregister_event(&h, FPGA_EVENT_INTERRUPT, a), FPGA_OK);
	assert_true(dev.bound[0] != fd_a && dev.bound[2] != fd_a);
	assert_int_equal(dev.bound[1], fd_b);
	assert_int_equal(vfio_destroy_event(&a), FPGA_OK);
	assert_int_equal(fcntl(fd_a, F_GETFD), -1); /* nobody holds it any more */
	assert_int_equal(vfio_destroy_event(&b), FPGA_OK);
	assert_true(fcntl(fd_b, F_GETFD) >= 0); /* the vector still does */
}

static void a_device_that_refuses(void **state)
{
	fpga_event_handle eh;
	int fd;

	(void)state;
	eh = event(&fd);
	dev.fail = -EIO;
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, eh, 0), FPGA_EXCEPTION);
	assert_int_equal(vfio_unregister_event(&h, FPGA_EVENT_INTERRUPT, eh), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_destroy_event(&eh), FPGA_OK);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(types_and_vectors),
		RIGGED(a_vector_is_taken_over),
		RIGGED(several_vectors),
		RIGGED(a_device_that_refuses),
	};

	return RUN(tests);
}
