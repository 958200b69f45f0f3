/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bounds and alignment of MMIO, by messages and by mapping: the last access that fits, the first
 * that does not, and offsets that would wrap. Each of these was wrong in one of OPAE's plugins.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sys.h"
#include "dev/ones.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-device.h"

#define SIZE 0x2000u

static const struct span whole = { .bar = 0, .offset = 0, .size = SIZE };

struct rig {
	struct fake_device dev;
	struct handle h;
	uint8_t *page;
};

static void rig_up(struct rig *r, uint64_t map_offset, uint64_t map_size)
{
	void *at = NULL;

	fake_init(&r->dev, SIZE);
	memset(&r->h, 0, sizeof(r->h));
	r->h.dev = &r->dev.base;
	assert_int_equal(posix_memalign(&at, 4096, SIZE), 0);
	r->page = at;
	memset(r->page, 0, SIZE);
	if (map_size) {
		r->dev.bar0.num_areas = 1;
		r->dev.bar0.areas[0] = (struct vdev_area){ map_offset, map_size, r->page };
	}
	mmio_add(&r->h, &whole, &r->dev.bar0);
	assert_int_equal(r->h.num_mmio, 1);
}

static void rig_down(struct rig *r)
{
	free(r->page);
	fake_done(&r->dev);
}

/* Nothing of this may reach the device or memory. */
static void refuse_all(struct rig *r)
{
	static const uint64_t bad64[] = { SIZE - 7, SIZE - 4, SIZE, SIZE + 8, 1, 4, 7,
					  UINT64_C(1) << 32, (UINT64_C(1) << 32) + 8,
					  UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 8 };
	static const uint64_t bad32[] = { SIZE - 3, SIZE, 1, 2, 3, UINT64_C(1) << 32, UINT64_MAX,
					  UINT64_MAX - 3 };
	static const uint64_t bad512[] = { SIZE - 32, SIZE, 8, 32, UINT64_MAX - 63 };
	static const uint8_t line[64];
	uint64_t v64;
	uint32_t v32;

	for (size_t i = 0; i < sizeof(bad64) / sizeof(bad64[0]); i++) {
		assert_int_equal(vfio_read64(&r->h, 0, bad64[i], &v64), FPGA_INVALID_PARAM);
		assert_int_equal(vfio_write64(&r->h, 0, bad64[i], 1), FPGA_INVALID_PARAM);
	}
	for (size_t i = 0; i < sizeof(bad32) / sizeof(bad32[0]); i++) {
		assert_int_equal(vfio_read32(&r->h, 0, bad32[i], &v32), FPGA_INVALID_PARAM);
		assert_int_equal(vfio_write32(&r->h, 0, bad32[i], 1), FPGA_INVALID_PARAM);
	}
	for (size_t i = 0; i < sizeof(bad512) / sizeof(bad512[0]); i++)
		assert_int_equal(vfio_write512(&r->h, 0, bad512[i], line), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_read64(&r->h, 1, 0, &v64), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_read64(&r->h, UINT32_MAX, 0, &v64), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_write32(&r->h, 1, 0, 0), FPGA_INVALID_PARAM);
	assert_int_equal(r->dev.reads + r->dev.writes, 0);
}

static void bounds_by_message(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, 0, 0);
	refuse_all(&r);
	rig_down(&r);
}

static void bounds_when_mapped(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, 0, SIZE);
	refuse_all(&r);
	rig_down(&r);
}

static void last_access_fits(void **state)
{
	struct rig r;
	uint64_t v64 = 0;
	uint32_t v32 = 0;

	(void)state;
	rig_up(&r, 0, 0);
	assert_int_equal(vfio_write64(&r.h, 0, SIZE - 8, 0x1122334455667788), FPGA_OK);
	assert_int_equal(vfio_read64(&r.h, 0, SIZE - 8, &v64), FPGA_OK);
	assert_int_equal(v64, 0x1122334455667788);
	assert_int_equal(vfio_read32(&r.h, 0, SIZE - 4, &v32), FPGA_OK);
	assert_int_equal(v32, 0x11223344);
	assert_int_equal(r.dev.last_len, 4);
	rig_down(&r);
}

static void a_small_region(void **state)
{
	struct rig r;
	uint64_t v;

	(void)state;
	rig_up(&r, 0, 0);
	r.h.mmio[0].size = 4; /* less than one access: the subtraction must not wrap */
	assert_int_equal(vfio_read64(&r.h, 0, 0, &v), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_read64(&r.h, 0, 8, &v), FPGA_INVALID_PARAM);
	rig_down(&r);
}

static void mapped_part_is_memory_and_the_rest_is_not(void **state)
{
	struct rig r;
	uint64_t v = 0, *ptr;

	(void)state;
	rig_up(&r, 0x1000, 0x1000);
	assert_int_equal(vfio_write64(&r.h, 0, 0x1008, 42), FPGA_OK);
	assert_int_equal(*(uint64_t *)(void *)(r.page + 8), 42);
	assert_int_equal(vfio_read64(&r.h, 0, 0x1008, &v), FPGA_OK);
	assert_int_equal(v, 42);
	assert_int_equal(r.dev.reads + r.dev.writes, 0);
	assert_int_equal(vfio_write64(&r.h, 0, 0xff8, 7), FPGA_OK);
	assert_int_equal(r.dev.writes, 1);
	assert_int_equal(r.dev.last_offset, 0xff8);
	assert_int_equal(vfio_map_mmio(&r.h, 0, NULL), FPGA_OK);
	assert_int_equal(vfio_map_mmio(&r.h, 0, &ptr), FPGA_NOT_SUPPORTED);
	assert_non_null(strstr(fake_said, "part"));
	rig_down(&r);
}

static void pointer_to_a_wholly_mapped_region(void **state)
{
	struct opaex_mmio_info info;
	struct rig r;
	uint64_t *ptr = NULL;

	(void)state;
	rig_up(&r, 0, SIZE);
	assert_int_equal(vfio_map_mmio(&r.h, 0, &ptr), FPGA_OK);
	assert_ptr_equal(ptr, r.page);
	assert_int_equal(vfio_mmio_info(&r.h, 0, &info), FPGA_OK);
	assert_int_equal(info.size, SIZE);
	assert_int_equal(info.flags, OPAEX_MMIO_MAPPED | OPAEX_MMIO_READ | OPAEX_MMIO_WRITE);
	assert_int_equal(vfio_map_mmio(&r.h, 1, &ptr), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_unmap_mmio(&r.h, 1), FPGA_INVALID_PARAM);
	rig_down(&r);
}

static void dead_is_an_exception(void **state)
{
	struct rig r;
	uint64_t v;

	(void)state;
	rig_up(&r, 0, SIZE);
	atomic_store(&r.dev.base.dead, true);
	assert_int_equal(vfio_read64(&r.h, 0, 0, &v), FPGA_EXCEPTION);
	assert_int_equal(vfio_write32(&r.h, 0, 0, 1), FPGA_EXCEPTION);
	rig_down(&r);
}

/* The pages of a file that was cut short: a load is SIGBUS, unless it becomes all-ones. */
static void a_page_that_vanishes_reads_as_ones(void **state)
{
	struct rig r;
	uint64_t v = 0;
	void *at;
	int fd = sys_memfd("test", 0), wake = sys_eventfd(0, 0);

	(void)state;
	assert_int_equal(ones_prepare(), 0);
	rig_up(&r, 0, 0);
	r.h.num_mmio = 0;
	assert_int_equal(sys_ftruncate(fd, SIZE), 0);
	assert_int_equal(sys_mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &at), 0);
	r.dev.bar0.num_areas = 1;
	r.dev.bar0.areas[0] = (struct vdev_area){ 0, SIZE, at };
	mmio_add(&r.h, &whole, &r.dev.bar0);
	assert_int_equal(ones_watch(at, SIZE, &r.dev.base.dead, wake), 0);
	assert_int_equal(vfio_write64(&r.h, 0, 8, 5), FPGA_OK);
	assert_int_equal(sys_ftruncate(fd, 0), 0);
	assert_int_equal(vfio_read64(&r.h, 0, 8, &v), FPGA_EXCEPTION);
	assert_int_equal(v, UINT64_MAX);
	assert_true(atomic_load(&r.dev.base.dead));
	assert_int_equal(vfio_write64(&r.h, 0, 0x1000, 5), FPGA_EXCEPTION); /* another page */
	assert_int_equal(eventfd_read(wake, &v), 0);
	assert_int_equal(v, 2); /* told of both */
	ones_unwatch(at);
	rig_down(&r);
	sys_munmap(at, SIZE);
	sys_close(fd);
	sys_close(wake);
}

static void wide_write(void **state)
{
	uint8_t line[64];
	struct rig r;
	fpga_result got;

	(void)state;
	for (unsigned int i = 0; i < sizeof(line); i++)
		line[i] = (uint8_t)i;
	rig_up(&r, 0, 0);
	assert_int_equal(vfio_write512(&r.h, 0, 64, line), FPGA_OK); /* one message */
	assert_int_equal(r.dev.last_len, 64);
	assert_memory_equal(r.dev.regs + 64, line, 64);
	rig_down(&r);
	rig_up(&r, 0, SIZE);
	got = vfio_write512(&r.h, 0, SIZE - 64, line);
	assert_int_equal(got, r.h.avx512 ? FPGA_OK : FPGA_NOT_SUPPORTED);
	if (got == FPGA_OK)
		assert_memory_equal(r.page + SIZE - 64, line, 64);
	rig_down(&r);
}

/* A region that begins inside its BAR, of which a part is mapped: offsets are the region's own. */
static void a_region_inside_a_bar(void **state)
{
	const struct span part = { .bar = 0, .offset = 0x800, .size = 0x1000 };
	const struct span outside = { .bar = 0, .offset = 0x1800, .size = 0x1000 };
	uint64_t v = 0;
	struct rig r;

	(void)state;
	rig_up(&r, 0x1000, 0x1000); /* the BAR's second page is mapped */
	mmio_add(&r.h, &part, &r.dev.bar0);
	assert_int_equal(r.h.num_mmio, 2);
	mmio_add(&r.h, &outside, &r.dev.bar0);
	assert_int_equal(r.h.num_mmio, 2); /* what ends past the BAR is not there */
	r.dev.reads = r.dev.writes = 0;
	assert_int_equal(vfio_write64(&r.h, 1, 0x7f8, 7), FPGA_OK); /* the last trapped word */
	assert_int_equal(r.dev.writes, 1);
	assert_int_equal(r.dev.last_offset, 0xff8);
	assert_int_equal(vfio_write64(&r.h, 1, 0x800, 8), FPGA_OK); /* the first mapped one */
	assert_int_equal(r.dev.writes, 1);
	assert_int_equal(*(uint64_t *)(void *)r.page, 8);
	assert_int_equal(vfio_read64(&r.h, 1, 0xff8, &v), FPGA_OK); /* the region's last */
	assert_int_equal(r.dev.reads, 0);
	assert_int_equal(vfio_read64(&r.h, 1, 0x1000, &v), FPGA_INVALID_PARAM);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_by_message),
		cmocka_unit_test(bounds_when_mapped),
		cmocka_unit_test(last_access_fits),
		cmocka_unit_test(a_small_region),
		cmocka_unit_test(mapped_part_is_memory_and_the_rest_is_not),
		cmocka_unit_test(pointer_to_a_wholly_mapped_region),
		cmocka_unit_test(dead_is_an_exception),
		cmocka_unit_test(a_page_that_vanishes_reads_as_ones),
		cmocka_unit_test(wide_write),
		cmocka_unit_test(a_region_inside_a_bar),
	};

	return RUN(tests);
}
