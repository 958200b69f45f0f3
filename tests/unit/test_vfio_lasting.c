/* SPDX-License-Identifier: BSD-3-Clause */
/* Which of a client's files a server may touch without a guard: those of which no page can go away. */
#include <fcntl.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "tests/unit/check.h"
#include "vfio-user/message.h"
#include "vfio-user/server-internal.h"

#define BYTES (4 * (uint64_t)VU_PAGE)

static blksize_t block;	/* what a file says of its pages; 0: the truth */
static bool cut;	/* the client cuts it short, and seals it, when its size was looked at */

static int fstat_beside_a_client(int fd, struct stat *st)
{
	int rc = sys_kernel.fstat(fd, st);

	if (block)
		st->st_blksize = block;
	if (cut) {
		assert_int_equal(sys_kernel.ftruncate(fd, VU_PAGE), 0);
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	}
	return rc;
}

static bool is_lasting(int seals)
{
	struct vu_dma_map m = { sizeof(m), VU_DMA_CAN_READ | VU_DMA_CAN_WRITE, 0, 0x10000, BYTES };
	struct sys_ops ops = sys_kernel;
	struct vu_dma_table t = { 0 };
	bool lasting;
	int fd = sys_memfd("lasting", MFD_ALLOW_SEALING);

	ops.fstat = fstat_beside_a_client;
	assert_true(fd >= 0);
	assert_int_equal(sys_ftruncate(fd, (off_t)BYTES), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	assert_int_equal(vu_dma_table_init(&t), 0);
	sys_set(&ops);
	assert_int_equal(vu_dma_map_add(&t, &m, fd), 0);
	sys_set(NULL);
	lasting = t.ranges[0].lasting;
	vu_dma_table_done(&t);
	return lasting;
}

static int down(void **state)
{
	(void)state;
	sys_set(NULL);
	block = 0;
	cut = false;
	return 0;
}

static void what_is_sealed_lasts(void **state)
{
	(void)state;
	assert_true(is_lasting(F_SEAL_SHRINK));
	assert_false(is_lasting(0));
	assert_false(is_lasting(F_SEAL_GROW));
}

static void what_is_sealed_too_late_does_not(void **state)
{
	(void)state;
	cut = true;
	assert_false(is_lasting(0));
}

/* A hole in one gives its page back, and the next touch may find none. */
static void huge_pages_do_not(void **state)
{
	(void)state;
	block = 2 << 20;
	assert_false(is_lasting(F_SEAL_SHRINK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_sealed_lasts, down),
		cmocka_unit_test_teardown(what_is_sealed_too_late_does_not, down),
		cmocka_unit_test_teardown(huge_pages_do_not, down),
	};

	return RUN(tests);
}
