/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "tests/unit/check.h"
#include "plugins/vfio/card.h"
#include "tests/unit/fake-device.h"

static struct fake_device dev;
static struct card card;
static struct handle h;

static int up(void **state)
{
	(void)state;
	fake_init(&dev, 4096);
	memset(&h, 0, sizeof(h));
	memset(&card, 0, sizeof(card));
	h.dev = &dev.base;
	h.card = &card;
	h.object = (struct object){ .type = FPGA_ACCELERATOR, .num_interrupts = 4,
				    .error_vector = NO_VECTOR };
	card.events.sink = -1;
	pthread_mutex_init(&card.events.lock, NULL);
	return events_init(&card.events, &dev.base);
}

static int down(void **state)
{
	(void)state;
	events_done(&card.events, &dev.base);
	pthread_mutex_destroy(&card.events.lock);
	fake_done(&dev);
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

/* A port's vectors are some of the device's, and its errors have one of their own. */
static void vectors_of_a_port(void **state)
{
	fpga_event_handle eh;
	int fd;

	(void)state;
	h.object.first_vector = 2;
	h.object.num_interrupts = 2;
	h.object.error_vector = 1;
	eh = event(&fd);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, eh, 2), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, eh, 1), FPGA_OK);
	assert_int_equal(dev.bound[3], fd);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_ERROR, eh, 0), FPGA_OK);
	assert_int_equal(dev.bound[1], fd);
	assert_int_equal(vfio_unregister_event(&h, FPGA_EVENT_INTERRUPT, eh), FPGA_OK);
	assert_int_not_equal(dev.bound[3], fd);
	assert_int_equal(dev.bound[1], fd); /* the error event is another registration */
	assert_int_equal(vfio_unregister_event(&h, FPGA_EVENT_ERROR, eh), FPGA_OK);
	assert_int_equal(vfio_destroy_event(&eh), FPGA_OK);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void an_fpga_device_has_error_events_alone(void **state)
{
	fpga_event_handle eh;
	int fd;

	(void)state;
	h.object = (struct object){ .type = FPGA_DEVICE, .error_vector = 0 };
	eh = event(&fd);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, eh, 0), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_ERROR, eh, 7), FPGA_OK);
	assert_int_equal(dev.bound[0], fd);
	assert_int_equal(vfio_destroy_event(&eh), FPGA_OK);
}

/* What a handle leaves behind when it closes is taken off; another's stays. */
static void a_closed_handle_leaves_its_vectors(void **state)
{
	struct handle other = h;
	fpga_event_handle a, b;
	int fd_a, fd_b;

	(void)state;
	a = event(&fd_a);
	b = event(&fd_b);
	assert_int_equal(vfio_register_event(&h, FPGA_EVENT_INTERRUPT, a, 0), FPGA_OK);
	assert_int_equal(vfio_register_event(&other, FPGA_EVENT_INTERRUPT, b, 1), FPGA_OK);
	assert_int_equal(vfio_unregister_event(&h, FPGA_EVENT_INTERRUPT, b), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_destroy_event(&a), FPGA_OK);
	assert_int_equal(vfio_destroy_event(&b), FPGA_OK);
	events_drop(&card.events, &dev.base, &h);
	assert_int_equal(fcntl(fd_a, F_GETFD), -1);
	assert_int_equal(dev.bound[1], fd_b);
	assert_true(fcntl(fd_b, F_GETFD) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(types_and_vectors),
		RIGGED(a_vector_is_taken_over),
		RIGGED(several_vectors),
		RIGGED(a_device_that_refuses),
		RIGGED(vectors_of_a_port),
		RIGGED(an_fpga_device_has_error_events_alone),
		RIGGED(a_closed_handle_leaves_its_vectors),
	};

	return RUN(tests);
}
