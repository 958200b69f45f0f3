/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which tracker a buffer gets, by configuration, server, kernel and user. The kernel and the user's rights
 * are played, so that this runs everywhere.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/sys.h"
#include "tests/unit/pages-rig.h"
#include "track/uapi.h"

#define LEN (16 * PAGE)

/* What becomes of /dev/userfaultfd. */
static atomic_int open_error, new_error, api_error;
static atomic_uint opened;

static int play_open(const char *path, int flags, mode_t mode)
{
	if (strcmp(path, "/dev/userfaultfd"))
		return sys_kernel.open(path, flags, mode);
	atomic_fetch_add(&opened, 1);
	return open_error ? -open_error : sys_kernel.eventfd(0, EFD_CLOEXEC);
}

static int play_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == USERFAULTFD_IOC_NEW)
		return new_error ? -new_error : sys_kernel.eventfd(0, EFD_CLOEXEC);
	return request == UFFDIO_API ? -api_error : sys_kernel.ioctl(fd, request, arg);
}

static int play(enum rpc_tracker wanted, int at_open, int at_new, int at_api)
{
	open_error = at_open;
	new_error = at_new;
	api_error = at_api;
	atomic_store(&opened, 0);
	return pages_up_with(LEN, wanted);
}

/* What is left is a connection that works. */
static void refused(const char *why)
{
	void *at = NULL;
	uint64_t wsid, v;

	assert_int_equal(rig.t.fpgaPrepareBuffer(h, LEN, &at, &wsid, 0), FPGA_NOT_SUPPORTED);
	if (!strstr(detail(), "\"tracker\" is \"trap\", which cannot be had: ") || !strstr(detail(), why))
		fail_msg("%s is not in: %s", why, detail());
	assert_int_equal(pr.prepare_flags, 0);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 8, &v), FPGA_OK);
}

/* Compared as a whole: its content travels without the kernel's help. */
static void eager(void)
{
	unsigned char *at = pages_prepare(0);

	assert_int_equal(pr.prepare_flags, 0);
	at[PAGE] = 5;
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, 8, 1), FPGA_OK);
	assert_int_equal(pr.holds + pr.writebacks, 0);
}

/* ---- "trap" ---- */

static void trap_says_why_it_cannot_be_had(void **state)
{
	static const struct {
		int at_open, at_new, at_api;
		const char *why;
	} cases[] = {
		{ EACCES, 0, 0, "gives it to the group fpga" },
		{ ENOENT, 0, 0, "Linux 6.1 and newer have it" },
		{ EMFILE, 0, 0, "/dev/userfaultfd: Too many open files" },
		{ 0, EPERM, 0, "/dev/userfaultfd: Operation not permitted" },
		{ 0, 0, EINVAL, "Linux 6.7 and newer do" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		play(RPC_TRACKER_TRAP, cases[i].at_open, cases[i].at_new, cases[i].at_api);
		refused(cases[i].why);
		pages_down(state);
	}
}

static void trap_is_not_for_a_server_of_before(void **state)
{
	(void)state;
	pr.untracked = true;
	play(RPC_TRACKER_TRAP, 0, 0, EINVAL);
	refused("update it");
	assert_int_equal(opened, 0);
}

/* It cannot have two views. */
static void memory_of_the_programs_needs_no_tracker(void **state)
{
	uint64_t wsid;
	void *at;

	(void)state;
	play(RPC_TRACKER_TRAP, EACCES, 0, 0);
	assert_int_equal(posix_memalign(&at, PAGE, LEN), 0);
	memset(at, 0, LEN);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, LEN, &at, &wsid, FPGA_BUF_PREALLOCATED), FPGA_OK);
	assert_int_equal(pr.prepare_flags, 0);
	assert_int_equal(rig.t.fpgaReleaseBuffer(h, wsid), FPGA_OK);
	free(at);
}

/* ---- "auto" and "eager" ---- */

static void auto_does_without(void **state)
{
	static const int errors[][3] = { { EACCES, 0, 0 }, { ENOENT, 0, 0 }, { 0, EPERM, 0 },
					 { 0, 0, EINVAL } };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		play(RPC_TRACKER_AUTO, errors[i][0], errors[i][1], errors[i][2]);
		eager();
		assert_int_equal(rig.t.fpgaReleaseBuffer(h, WSID), FPGA_OK);
		eager();
		assert_int_equal(opened, 1); /* and asks once */
		pages_down(state);
	}
}

static void auto_gives_a_server_of_before_what_it_knows(void **state)
{
	(void)state;
	pr.untracked = true;
	play(RPC_TRACKER_AUTO, 0, 0, EINVAL);
	eager();
	assert_int_equal(opened, 0);
}

static void eager_asks_nobody(void **state)
{
	(void)state;
	play(RPC_TRACKER_EAGER, 0, 0, 0);
	eager();
	assert_int_equal(opened, 0);
}

#define PLAYED(f) cmocka_unit_test_teardown(f, pages_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trap_says_why_it_cannot_be_had),
		PLAYED(trap_is_not_for_a_server_of_before),
		PLAYED(memory_of_the_programs_needs_no_tracker),
		cmocka_unit_test(auto_does_without),
		PLAYED(auto_gives_a_server_of_before_what_it_knows),
		PLAYED(eager_asks_nobody),
	};
	struct sys_ops ops = sys_kernel;

	ops.open = play_open;
	ops.ioctl = play_ioctl;
	sys_set(&ops); /* before there are threads */
	return RUN(tests);
}
