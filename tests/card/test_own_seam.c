/* SPDX-License-Identifier: BSD-3-Clause */
/* A program that puts itself between the library and the kernel: opaex_set_seam(). */
#include <errno.h>
#include <stdatomic.h>

#include <opae/seam.h>

#include "base/sys.h"
#include "tests/card/card.h"

static atomic_uint opens, connects;
static atomic_bool shut; /* nothing is opened any more */
static struct sys_ops ops;

static int counted_open(const char *path, int flags, mode_t mode)
{
	atomic_fetch_add(&opens, 1);
	return atomic_load(&shut) ? -EACCES : sys_kernel.open(path, flags, mode);
}

static int counted_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	atomic_fetch_add(&connects, 1);
	return atomic_load(&shut) ? -EACCES : sys_kernel.connect(fd, addr, len);
}

/* Before the library loads the first plugin, which keeps what it gets. */
static int up(void **state)
{
	ops = sys_kernel;
	ops.open = counted_open;
	ops.connect = counted_connect;
	assert_int_equal(opaex_set_seam(&ops, SYS_OPS_VERSION), FPGA_OK);
	return card_up_trap(state);
}

static void plugins_go_through_it(void **state)
{
	unsigned int before;
	fpga_handle h;
	fpga_token t;

	(void)state;
	h = open_only();
	assert_true(atomic_load(&opens) + atomic_load(&connects) > 0);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	t = only_token();
	before = atomic_load(&opens) + atomic_load(&connects);
	atomic_store(&shut, true);
	assert_int_not_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	atomic_store(&shut, false);
	assert_true(atomic_load(&opens) + atomic_load(&connects) > before);
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	fpgaDestroyToken(&t);
}

static void tables_that_do_not_fit(void **state)
{
	struct sys_ops shorter = sys_kernel;

	(void)state;
	shorter.size -= sizeof(void *);
	assert_int_equal(opaex_set_seam(&shorter, SYS_OPS_VERSION), FPGA_NOT_SUPPORTED);
	assert_int_equal(opaex_set_seam(NULL, SYS_OPS_VERSION + 1), FPGA_NOT_SUPPORTED);
	assert_true(*opaex_error_detail());
	assert_int_equal(opaex_set_seam(NULL, SYS_OPS_VERSION), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(plugins_go_through_it, up, card_down),
		cmocka_unit_test(tables_that_do_not_fit),
	};

	return CARD_RUN(tests);
}
