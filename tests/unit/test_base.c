/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sys.h"

static void deadline_saturates(void **state)
{
	(void)state;
	assert_int_equal(clock_deadline(INT64_MAX), INT64_MAX);
	assert_int_equal(clock_left_ms(clock_now_ns() - 1), 0);
	assert_int_equal(clock_left_ms(INT64_MAX), INT32_MAX);
}

static void left_rounds_up(void **state)
{
	(void)state;
	/* A poll must not wake before the deadline: a fraction of a millisecond counts as one. */
	assert_true(clock_left_ms(clock_now_ns() + NS_PER_S) >= 1);
	assert_true(clock_left_ms(clock_now_ns() + 10 * NS_PER_S) <= 10000);
}

static void descriptors_are_cloexec(void **state)
{
	int fds[] = { sys_open("/dev/null", O_RDONLY, 0), sys_memfd("t", 0), sys_eventfd(0, 0),
		      sys_socket(AF_UNIX, SOCK_STREAM, 0) };

	(void)state;
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		assert_true(fds[i] > 2);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(sys_close(fds[i]), 0);
	}
}

static void errors_are_negative_errno(void **state)
{
	void *at;

	(void)state;
	assert_int_equal(sys_open("/nonexistent/x", O_RDONLY, 0), -ENOENT);
	assert_int_equal(sys_close(-1), -EBADF);
	assert_int_equal(sys_mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at),
			 -EINVAL);
}

static int refuse_open(const char *path, int flags, mode_t mode)
{
	(void)path;
	(void)flags;
	(void)mode;
	return -EMFILE;
}

static void seam_can_be_swapped(void **state)
{
	struct sys_ops ops = sys_kernel;

	(void)state;
	ops.open = refuse_open;
	sys_set(&ops);
	assert_int_equal(sys_open("/dev/null", O_RDONLY, 0), -EMFILE);
	sys_set(NULL);
	CLEANUP_CLOSE int fd = sys_open("/dev/null", O_RDONLY, 0);
	assert_true(fd > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadline_saturates),
		cmocka_unit_test(left_rounds_up),
		cmocka_unit_test(descriptors_are_cloexec),
		cmocka_unit_test(errors_are_negative_errno),
		cmocka_unit_test(seam_can_be_swapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
