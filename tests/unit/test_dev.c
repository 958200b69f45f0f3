/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dev/: what the kernel answers, and what sysfs shows, read with care. The answers here are the test's, given
 * at the seam, for a kernel that lies is not to be had; how a real one behaves is the business of
 * tests/vm.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "dev/capability.h"
#include "dev/pci.h"
#include "dev/sysfs.h"
#include "dev/vfio.h"
#include "tests/unit/check.h"

/* ---- a kernel that answers what it is told ---- */

static struct {
	unsigned char bytes[4096];
	uint32_t len;
	int rc;
	unsigned int asked;
} answer;

/* Copies as much as the caller says there is room for, as the kernel does, and tells the whole size. */
static int answering_ioctl(int fd, unsigned long request, void *arg)
{
	uint32_t room;

	(void)fd;
	(void)request;
	answer.asked++;
	if (answer.rc)
		return answer.rc;
	memcpy(&room, arg, sizeof(room));
	memcpy(arg, answer.bytes, room < answer.len ? room : answer.len);
	memcpy(arg, &answer.len, sizeof(answer.len));
	return 0;
}

static int up(void **state)
{
	static struct sys_ops ops;

	(void)state;
	memset(&answer, 0, sizeof(answer));
	ops = sys_kernel;
	ops.ioctl = answering_ioctl;
	sys_set(&ops);
	return 0;
}

static int down(void **state)
{
	(void)state;
	sys_set(NULL);
	dev_set_root(NULL);
	return 0;
}

static void put_cap(uint32_t at, uint16_t id, uint32_t next)
{
	const struct vfio_info_cap_header h = { .id = id, .version = 1, .next = next };

	memcpy(answer.bytes + at, &h, sizeof(h));
}

/* ---- capabilities ---- */

static void chains_of_capabilities(void **state)
{
	uint64_t room = 0;

	(void)state;
	put_cap(64, 7, 128);
	put_cap(128, 9, 0);
	assert_ptr_equal(capability_find(answer.bytes, 256, 64, 9, 8, &room), answer.bytes + 128);
	assert_int_equal(room, 128);
	assert_ptr_equal(capability_find(answer.bytes, 256, 64, 7, 8, &room), answer.bytes + 64);
	assert_null(capability_find(answer.bytes, 256, 64, 8, 8, &room));  /* none of that id */
	assert_null(capability_find(answer.bytes, 256, 0, 9, 8, &room));   /* no chain */
	assert_null(capability_find(answer.bytes, 132, 64, 9, 8, &room));  /* the second is cut off */
	assert_null(capability_find(answer.bytes, 256, 64, 9, 129, &room)); /* it is too short */
	assert_null(capability_find(answer.bytes, 256, 62, 9, 8, &room));  /* crooked */
	assert_null(capability_find(answer.bytes, 256, 4096, 9, 8, &room));
	assert_null(capability_find(answer.bytes, 256, UINT32_MAX & ~7u, 9, 8, &room));
	put_cap(128, 9, 64); /* a ring */
	assert_null(capability_find(answer.bytes, 256, 64, 8, 8, &room));
}

/* ---- regions ---- */

static const struct vfio_device device = { .fd = 5, .num_regions = 9, .num_irqs = 5 };

static void set_region(uint32_t flags, uint64_t size, uint32_t cap_offset, uint32_t len)
{
	const struct vfio_region_info r = { .argsz = len, .flags = flags, .cap_offset = cap_offset,
					    .size = size, .offset = UINT64_C(1) << 40 };

	memset(&answer, 0, sizeof(answer));
	memcpy(answer.bytes, &r, sizeof(r));
	answer.len = len;
}

#define ALL (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE | VFIO_REGION_INFO_FLAG_MMAP)

static void a_region_is_mapped_as_a_whole(void **state)
{
	struct vfio_region r;

	(void)state;
	set_region(ALL, 0x10000, 0, sizeof(struct vfio_region_info));
	assert_int_equal(dev_vfio_region(&device, 0, &r), 0);
	assert_int_equal(answer.asked, 1);
	assert_true(r.read && r.write);
	assert_int_equal(r.size, 0x10000);
	assert_int_equal(r.offset, UINT64_C(1) << 40);
	assert_int_equal(r.num_areas, 1);
	assert_int_equal(r.areas[0].offset, 0);
	assert_int_equal(r.areas[0].size, 0x10000);
	set_region(VFIO_REGION_INFO_FLAG_READ, 256, 0, sizeof(struct vfio_region_info));
	assert_int_equal(dev_vfio_region(&device, 7, &r), 0);
	assert_true(r.read && !r.write);
	assert_int_equal(r.num_areas, 0);
}

/* The areas of a sparse region; n is what the capability says, and may be more than follow. */
static uint64_t sparse_size = 0x10000;

static int sparse(uint32_t n, const uint64_t (*areas)[2], uint32_t given, struct vfio_region *ret)
{
	uint32_t at = 64, len = at + 16 + given * 16;

	set_region(ALL | VFIO_REGION_INFO_FLAG_CAPS, sparse_size, at, len);
	put_cap(at, VFIO_REGION_INFO_CAP_SPARSE_MMAP, 0);
	memcpy(answer.bytes + at + 8, &n, sizeof(n));
	memcpy(answer.bytes + at + 16, areas, given * 16);
	return dev_vfio_region(&device, 0, ret);
}

static void areas_of_a_sparse_region(void **state)
{
	static const uint64_t good[][2] = { { 0, 0x1000 }, { 0x3000, 0x2000 }, { 0xf000, 0x1000 } };
	struct vfio_region r;

	(void)state;
	assert_int_equal(sparse(3, good, 3, &r), 0);
	assert_int_equal(answer.asked, 2); /* once for the length, once for all of it */
	assert_int_equal(r.num_areas, 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(r.areas[i].offset, good[i][0]);
		assert_int_equal(r.areas[i].size, good[i][1]);
	}
	assert_int_equal(sparse(0, good, 0, &r), 0);
	assert_int_equal(r.num_areas, 0); /* sparse, and nothing of it may be mapped */
}

static void areas_that_cannot_be_are_left_out(void **state)
{
	static const uint64_t bad[][2] = {
		{ 0x100, 0x1000 },	     /* not at a page */
		{ 0x10000, 0x1000 },	     /* outside, */
		{ 0xf000, 0x2000 },	     /* in part, */
		{ UINT64_MAX & ~UINT64_C(0xfff), 0x2000 }, /* and round the end of all numbers */
		{ 0x2000, 0 },
		{ 0x4000, 0x2000 },	     /* this one is good */
		{ 0x5000, 0x1000 },	     /* and this one lies on it, */
		{ 0x1000, 0x1000 },	     /* or before it */
	};
	struct vfio_region r;

	(void)state;
	assert_int_equal(sparse(8, bad, 8, &r), 0);
	assert_int_equal(r.num_areas, 1);
	assert_int_equal(r.areas[0].offset, 0x4000);
	/* More than follow: those that do. */
	assert_int_equal(sparse(UINT32_MAX, &bad[5], 1, &r), 0);
	assert_int_equal(r.num_areas, 1);
}

static void more_areas_than_there_is_room_for(void **state)
{
	uint64_t many[40][2];
	struct vfio_region r;

	(void)state;
	for (uint64_t i = 0; i < 40; i++) {
		many[i][0] = i * 0x1000;
		many[i][1] = 0x1000;
	}
	sparse_size = 0x40000;
	assert_int_equal(sparse(40, (const uint64_t(*)[2])many, 40, &r), 0);
	sparse_size = 0x10000;
	assert_int_equal(r.num_areas, VFIO_MAX_AREAS); /* the rest is reached by calls */
}

static void regions_that_cannot_be_learned_of(void **state)
{
	struct vfio_region r;

	(void)state;
	set_region(ALL, 0x10000, 0, 1u << 20); /* an answer of a megabyte */
	assert_int_equal(dev_vfio_region(&device, 0, &r), -EPROTO);
	answer.rc = -EINVAL;
	assert_int_equal(dev_vfio_region(&device, 8, &r), 0); /* VGA, of a device without */
	assert_int_equal(r.size, 0);
	answer.rc = -ENODEV;
	assert_int_equal(dev_vfio_region(&device, 0, &r), -ENODEV);
	answer.asked = 0;
	assert_int_equal(dev_vfio_region(&device, 9, &r), 0); /* beyond those that there are */
	assert_int_equal(answer.asked, 0);
}

/* ---- interrupts ---- */

static void numbers_of_interrupts(void **state)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .flags = VFIO_IRQ_INFO_EVENTFD, .count = 3 };
	int32_t fds[1] = { -1 };
	uint32_t n = 77;

	(void)state;
	answer.len = sizeof(info);
	memcpy(answer.bytes, &info, sizeof(info));
	assert_int_equal(dev_vfio_irq_count(&device, 2, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(dev_vfio_irq_count(&device, 5, &n), 0); /* an index that the device has not */
	assert_int_equal(n, 0);
	info.flags = 0; /* one that no eventfd can be bound to */
	memcpy(answer.bytes, &info, sizeof(info));
	assert_int_equal(dev_vfio_irq_count(&device, 2, &n), 0);
	assert_int_equal(n, 0);
	answer.rc = -EIO;
	assert_int_equal(dev_vfio_irq_count(&device, 2, &n), -EIO);
	answer.asked = 0;
	assert_int_equal(dev_vfio_irq_set(&device, 2, 0, UINT32_MAX, fds), -EINVAL);
	assert_int_equal(answer.asked, 0);
	assert_int_equal(dev_vfio_reset(&device), -ENOTTY);
	assert_int_equal(answer.asked, 0);
}

/* ---- addresses ---- */

static void ranges_of_addresses(void **state)
{
	struct vfio_iommu_type1_info head = { .argsz = 0, .flags = VFIO_IOMMU_INFO_CAPS, .cap_offset = 32 };
	const uint64_t ranges[][2] = { { 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff } };
	struct iommu m = { .ops = &iommu_type1, .fd = 5 };
	struct iommu_range got[IOMMU_MAX_RANGES];
	uint32_t n = 0, says = 2;

	(void)state;
	answer.len = 32 + 16 + sizeof(ranges);
	memcpy(answer.bytes, &head, sizeof(head));
	put_cap(32, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, 0);
	memcpy(answer.bytes + 40, &says, sizeof(says));
	memcpy(answer.bytes + 48, ranges, sizeof(ranges));
	assert_int_equal(m.ops->ranges(&m, got, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(got[0].last, 0xfedfffff);
	assert_int_equal(got[1].first, 0xfef00000);
	says = UINT32_MAX; /* it says more than it gives */
	memcpy(answer.bytes + 40, &says, sizeof(says));
	assert_int_equal(m.ops->ranges(&m, got, &n), 0);
	assert_int_equal(n, 2);
	put_cap(32, 99, 0); /* a kernel that does not tell: never where the interrupts are */
	assert_int_equal(m.ops->ranges(&m, got, &n), 0);
	assert_int_equal(n, 2);
	assert_true(got[0].last < 0xfee00000 && got[1].first > 0xfeefffff);
	answer.len = 1u << 20;
	assert_int_equal(m.ops->ranges(&m, got, &n), -EPROTO);
}

/* ---- sysfs ---- */

static void make(const char *root, const char *path, const char *text)
{
	char whole[512];
	FILE *f;

	for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		snprintf(whole, sizeof(whole), "%s%.*s", root, (int)(at - path), path);
		mkdir(whole, 0700);
	}
	snprintf(whole, sizeof(whole), "%s%s", root, path);
	if (*text == '>') {
		assert_int_equal(symlink(text + 1, whole), 0);
		return;
	}
	f = fopen(whole, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

#define DEVICE "/sys/bus/pci/devices/0000:b1:00.0/"

static void a_device_in_sysfs(void **state)
{
	char root[] = "/tmp/opae-dev.XXXXXX", command[64];
	char(*bound)[PCI_ADDRESS_LEN] = NULL;
	uint64_t first[2], second[2];
	struct pci_info info;
	size_t n = 0;

	(void)state;
	assert_non_null(mkdtemp(root));
	dev_set_root(root);
	assert_int_equal(pci_read("0000:b1:00.0", &info), -ENOENT);
	make(root, DEVICE "vendor", "0x8086\n");
	make(root, DEVICE "device", "0xbcce\n");
	make(root, DEVICE "subsystem_vendor", "0x8086\n");
	make(root, DEVICE "subsystem_device", "0x1771\n");
	assert_int_equal(pci_read("0000:b1:00.0", &info), 0);
	assert_int_equal(info.id.subsystem_device, 0x1771);
	assert_int_equal(info.numa_node, -1);
	assert_int_equal(info.group, PCI_NO_GROUP);
	assert_string_equal(info.driver, "");
	assert_int_equal(pci_list_bound("vfio-pci", &bound, &n), 0); /* no such driver yet */
	assert_int_equal(n, 0);
	free(bound);
	make(root, DEVICE "numa_node", "1\n");
	make(root, DEVICE "iommu_group", ">../../../kernel/iommu_groups/17");
	make(root, DEVICE "driver", ">../../../bus/pci/drivers/vfio-pci");
	make(root, "/proc/sys/kernel/random/boot_id", "b00t\n");
	make(root, "/sys/bus/pci/drivers/vfio-pci/bind", "");
	/* Of a segment that an address has no room for. */
	make(root, "/sys/bus/pci/drivers/vfio-pci/10000:b1:00.0", ">x");
	make(root, "/sys/bus/pci/drivers/vfio-pci/0000:b1:00.0", ">x");
	assert_int_equal(pci_read("0000:b1:00.0", &info), 0);
	assert_int_equal(info.numa_node, 1);
	assert_int_equal(info.group, 17);
	assert_string_equal(info.driver, "vfio-pci");
	assert_int_equal(pci_list_bound("vfio-pci", &bound, &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(bound[0], "0000:b1:00.0");
	free(bound);
	assert_int_equal(pci_binding("vfio-pci", "0000:b1:00.0", first), 0);
	make(root, "/proc/sys/kernel/random/boot_id", "another\n");
	assert_int_equal(pci_binding("vfio-pci", "0000:b1:00.0", second), 0);
	assert_memory_not_equal(first, second, sizeof(first));
	assert_int_equal(pci_binding("vfio-pci", "0000:b2:00.0", second), -ENOENT);
	make(root, DEVICE "vendor", "what\n");
	assert_int_equal(pci_read("0000:b1:00.0", &info), -EINVAL);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

static void addresses_in_text(void **state)
{
	static const char *const bad[] = { "",		   "b1",	   "b1:00",	   "b1:00.8",
					   "b1:20.0",	   "0000:b1:00.0x", "0000:b1:00.0 ", "g1:00.0",
					   "00000:b1:00.0", "0000:b1:00",   "-1:00.0" };
	struct pci_address a;
	char text[PCI_ADDRESS_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(pci_parse(bad[i], &a));
	assert_true(pci_parse("b1:1f.7", &a));
	pci_format(&a, text);
	assert_string_equal(text, "0000:b1:1f.7");
	assert_true(pci_parse("8001:0:0.0", &a));
	assert_int_equal(a.segment, 0x8001);
}

static void what_is_wrong_with_a_device_is_told(void **state)
{
	char root[] = "/tmp/opae-dev.XXXXXX", command[64];
	struct vfio_spaces spaces;
	struct vfio_request rq = { .address = "0000:b1:00.0", .spaces = &spaces };
	struct vfio_failure why;
	struct vfio_device d;

	(void)state;
	assert_non_null(mkdtemp(root));
	dev_set_root(root);
	dev_vfio_spaces_init(&spaces);
	assert_int_equal(dev_vfio_open(&rq, &why, &d), -ENODEV);
	assert_int_equal(why.step, VFIO_STEP_DEVICE);
	make(root, DEVICE "vendor", "0x8086\n");
	make(root, DEVICE "device", "0xbcce\n");
	make(root, DEVICE "subsystem_vendor", "0x8086\n");
	make(root, DEVICE "subsystem_device", "0x1771\n");
	assert_int_equal(dev_vfio_open(&rq, &why, &d), -ENODEV);
	assert_int_equal(why.step, VFIO_STEP_DRIVER);
	assert_non_null(strstr(why.text, "without a driver"));
	make(root, DEVICE "driver", ">../../../bus/pci/drivers/vfio-pci");
	assert_int_equal(dev_vfio_open(&rq, &why, &d), -ENODEV);
	assert_int_equal(why.step, VFIO_STEP_IOMMU_OFF);
	make(root, DEVICE "iommu_group", ">../../../kernel/iommu_groups/17");
	assert_int_equal(dev_vfio_open(&rq, &why, &d), -ENOENT);
	assert_int_equal(why.step, VFIO_STEP_CONTAINER);
	rq.way = VFIO_WAY_CDEV;
	assert_int_equal(dev_vfio_open(&rq, &why, &d), -ENOENT);
	dev_vfio_close(&d); /* one that is not open */
	dev_vfio_spaces_done(&spaces);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(chains_of_capabilities, up, down),
		cmocka_unit_test_setup_teardown(a_region_is_mapped_as_a_whole, up, down),
		cmocka_unit_test_setup_teardown(areas_of_a_sparse_region, up, down),
		cmocka_unit_test_setup_teardown(areas_that_cannot_be_are_left_out, up, down),
		cmocka_unit_test_setup_teardown(more_areas_than_there_is_room_for, up, down),
		cmocka_unit_test_setup_teardown(regions_that_cannot_be_learned_of, up, down),
		cmocka_unit_test_setup_teardown(numbers_of_interrupts, up, down),
		cmocka_unit_test_setup_teardown(ranges_of_addresses, up, down),
		cmocka_unit_test_setup_teardown(a_device_in_sysfs, up, down),
		cmocka_unit_test_setup_teardown(addresses_in_text, up, down),
		cmocka_unit_test_setup_teardown(what_is_wrong_with_a_device_is_told, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
