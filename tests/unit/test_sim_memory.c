/* SPDX-License-Identifier: BSD-3-Clause */
/* What an AFU reaches after its client has changed what there is. */
#include <linux/pci_regs.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sys.h"
#include "tests/unit/check.h"
#include "tests/unit/sim-rig.h"
#include "vfio-user/message.h"

#define DST (RIG_BYTES / 2)
#define LINES 16u
#define BYTES (LINES * HOST_LINE)

static struct sim_rig rig;
static struct sigaction library_sigbus; /* cmocka puts its own over it for each test */

/* Each begins with a copy that has gone well: what the host keeps of it must not outlive the change. */
static int up(void **state)
{
	sim_rig_up_default(&rig);
	if (!library_sigbus.sa_sigaction)
		sigaction(SIGBUS, NULL, &library_sigbus);
	sim_rig_copy(&rig, 0, DST, LINES, 0);
	sim_rig_settle(&rig);
	assert_true(sim_rig_copied(&rig, DST, LINES));
	assert_int_equal(rig.h.readable.size, RIG_BYTES);
	assert_int_equal(rig.h.writable.size, RIG_BYTES);
	memset(rig.mem + DST, 0, BYTES);
	*state = &rig;
	return 0;
}

static int down(void **state)
{
	sim_rig_down(*state);
	return 0;
}

static void map(struct sim_rig *r, uint32_t flags, int fd)
{
	struct vu_dma_map m = { sizeof(m), flags, 0, RIG_IOVA, RIG_BYTES };

	sim_rig_command(r, VU_DMA_MAP, &m, sizeof(m), fd);
}

static void unmap(struct sim_rig *r)
{
	struct vu_dma_unmap u = { sizeof(u), 0, RIG_IOVA, RIG_BYTES };

	sim_rig_command(r, VU_DMA_UNMAP, &u, sizeof(u), -1);
}

static void copy(struct sim_rig *r)
{
	sim_rig_copy(r, 0, DST, LINES, 0);
	sim_rig_settle(r);
}

static bool untouched(const struct sim_rig *r)
{
	for (unsigned int i = 0; i < BYTES; i++)
		if (r->mem[DST + i])
			return false;
	return true;
}

static void reaches(struct sim_rig *r, uint64_t unread, uint64_t unwritten)
{
	copy(r);
	assert_int_equal(sim_rig_rule(r, "memory-read"), unread);
	assert_int_equal(sim_rig_rule(r, "memory-write"), unwritten);
}

static void what_is_unmapped_is_out_of_reach(void **state)
{
	struct sim_rig *r = *state;

	unmap(r);
	reaches(r, LINES, LINES);
	assert_true(untouched(r));
	map(r, VU_DMA_CAN_READ | VU_DMA_CAN_WRITE, r->mem_fd);
	reaches(r, LINES, LINES);
	assert_true(sim_rig_copied(r, DST, LINES));
}

static void what_may_only_be_read_is_not_written(void **state)
{
	struct sim_rig *r = *state;

	unmap(r);
	map(r, VU_DMA_CAN_READ, r->mem_fd);
	reaches(r, 0, LINES);
	assert_true(untouched(r));
}

/* Which is how a program closes it, so nobody blames the AFU. */
static void a_device_that_is_no_bus_master_any_more_reaches_nothing(void **state)
{
	struct sim_rig *r = *state;
	uint16_t off = PCI_COMMAND_MEMORY;

	sim_rig_write(r, VU_CONFIG, PCI_COMMAND, &off, sizeof(off));
	reaches(r, 0, 0);
	assert_true(untouched(r));
}

/* A range that is mapped once more, as after a reset, is that of the new file. */
static void the_newer_of_two_files_is_reached(void **state)
{
	struct sim_rig *r = *state;
	int fd = sys_memfd("newer", 0);
	void *at;

	assert_int_equal(sys_ftruncate(fd, RIG_BYTES), 0);
	assert_int_equal(sys_mmap(NULL, RIG_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &at), 0);
	memset(at, 0x5a, BYTES);
	map(r, VU_DMA_CAN_READ | VU_DMA_CAN_WRITE, fd);
	reaches(r, 0, 0);
	assert_true(untouched(r));
	assert_memory_equal((char *)at + DST, at, BYTES);
	sys_munmap(at, RIG_BYTES);
	close(fd);
}

/* Its owner may cut it short at any time, which is an error and no end. */
static void a_file_that_is_cut_short_is_out_of_reach(void **state)
{
	struct sim_rig *r = *state;
	int fd = sys_memfd("short", 0);

	sigaction(SIGBUS, &library_sigbus, NULL);
	assert_int_equal(sys_ftruncate(fd, RIG_BYTES), 0);
	unmap(r);
	map(r, VU_DMA_CAN_READ | VU_DMA_CAN_WRITE, fd);
	reaches(r, 0, 0);
	assert_int_equal(sys_ftruncate(fd, 0), 0);
	reaches(r, LINES, LINES);
	close(fd);
}

static void the_next_client_has_memory_of_its_own(void **state)
{
	struct sim_rig *r = *state;

	sim_rig_leave(r);
	assert_int_equal(r->h.readable.size + r->h.writable.size, 0);
	sim_rig_join(r);
	sim_rig_settle(r);
	reaches(r, 0, 0);
	assert_true(sim_rig_copied(r, DST, LINES));
}

#define RIGGED(t) cmocka_unit_test_setup_teardown(t, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(what_is_unmapped_is_out_of_reach),
		RIGGED(what_may_only_be_read_is_not_written),
		RIGGED(a_device_that_is_no_bus_master_any_more_reaches_nothing),
		RIGGED(the_newer_of_two_files_is_reached),
		RIGGED(a_file_that_is_cut_short_is_out_of_reach),
		RIGGED(the_next_client_has_memory_of_its_own),
	};

	return RUN(tests);
}
