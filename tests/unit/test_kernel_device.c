/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device of vfio-pci as the plugin has it, by either way: registers, mappings, interrupts, what is said
 * when the kernel refuses them, and that nothing stays open whichever call fails. The kernel is
 * tests/unit/fake-vfio.c.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dev/uapi/iommufd.h"
#include "plugins/vfio/device.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-vfio.h"
#include "tests/unit/kernel-rig.h"
#include "tests/unit/seam.h"

static char why[256];

static int plug(enum vfio_way way, struct vdev **d)
{
	const struct vdev_options opt = { .to_use = true, .kernel_way = way, .spaces = &rig_spaces };

	memset(why, 0, sizeof(why));
	return way_kernel.open(FAKE_ONE, &opt, why, sizeof(why), d);
}

static void says(struct vdev *d, const char *about)
{
	char text[256] = "";

	d->ops->why(d, text, sizeof(text));
	if (!strstr(text, about))
		fail_msg("\"%s\" is not in \"%s\"", about, text);
}

static void registers(void **state)
{
	uint64_t v = 0, mark = 0x1122334455667788;
	struct vdev_region r;
	struct vdev *d;

	(void)state;
	for (size_t i = 0; i < COUNT(rig_ways); i++) {
		assert_int_equal(plug(rig_ways[i], &d), 0);
		assert_int_equal(d->ops->region(d, 0, &r), 0);
		assert_int_equal(r.size, FAKE_BAR0_SIZE);
		assert_int_equal(r.num_areas, 1);
		assert_int_equal(d->ops->region(d, 2, &r), 0);
		assert_int_equal(r.num_areas, 3);
		fake_vfio_write(FAKE_BAR2_AT + 0x2000, &mark, 8); /* not mapped: by a call */
		assert_int_equal(d->ops->read(d, 2, 0x2000, &v, 8), 0);
		assert_int_equal(v, mark);
		mark += i + 1;
		assert_int_equal(d->ops->write(d, 0, 0x88, &mark, 8), 0);
		fake_vfio_read(0x88, &v, 8);
		assert_int_equal(v, mark);
		assert_int_equal(d->ops->read(d, 2, FAKE_BAR2_SIZE - 4, &v, 8), -EIO);
		says(d, "are not in region 2");
		d->ops->close(d);
		rig_nothing_stays();
	}
}

static void maps(struct vdev *d, int error, int rc, const char *about)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));

	fake.fail_errno = error;
	assert_int_equal(d->ops->dma_map(d, 0x200000, page, 4096, -1, true), rc);
	says(d, about);
	assert_int_equal(fake.mapped_dma, 0);
}

static void what_mapping_is_refused_for(void **state)
{
	struct rlimit was, limit;
	struct vdev *d;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &was), 0);
	limit = was;
	limit.rlim_cur = 64 << 10;
	for (size_t i = 0; i < COUNT(rig_ways); i++) {
		assert_int_equal(plug(rig_ways[i], &d), 0);
		fake.fail_request = rig_ways[i] == VFIO_WAY_CDEV ? UAPI_IOMMU_IOAS_MAP : VFIO_IOMMU_MAP_DMA;
		assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
		maps(d, ENOMEM, -ENOMEM, "limit is 64 KiB");
		says(d, "RLIMIT_MEMLOCK");
		says(d, "4 KiB more");
		assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &was), 0);
		maps(d, ENOSPC, -ENOMEM, "takes no more mappings");
		maps(d, EFAULT, -EFAULT, "cannot be mapped for the device at 0x200000");
		maps(d, EEXIST, -EEXIST, "cannot be mapped");
		maps(d, EINVAL, -EIO, "cannot be mapped");
		fake.fail_request = 0;
		d->ops->close(d);
		rig_nothing_stays();
	}
}

/* As the fake finds by itself, and not because it was told to. */
static void mapping(void **state)
{
	static uint8_t pages[3 * 4096] __attribute__((aligned(4096)));
	/* The last page below the half of all addresses that is the kernel's: nothing is ever put there. */
	void *gone = (void *)(uintptr_t)UINT64_C(0x7ffffffff000);
	uint64_t most = FAKE_MOST_DMA;
	struct vdev *d;

	(void)state;
	for (size_t i = 0; i < COUNT(rig_ways); i++) {
		assert_int_equal(plug(rig_ways[i], &d), 0);
		assert_int_equal(d->ops->dma_map(d, 0x200000, pages + 4, 8192, -1, true), 0);
		assert_int_equal(d->ops->dma_map(d, 0x201000, pages, 4096, -1, false), -EEXIST);
		assert_int_equal(d->ops->dma_map(d, 0x300000, gone, 4096, -1, true), -EFAULT);
		assert_int_equal(d->ops->dma_unmap(d, 0x300000, 4096, false), -ENOENT);
		says(d, "at 0x300000 cannot be unmapped");
		assert_int_equal(d->ops->dma_unmap(d, 0x200000, 8192, false), 0);
		assert_int_equal(d->ops->dma_unmap(d, 0x200000, 8192, false), -ENOENT);
		for (uint64_t k = 0; k < most; k++)
			assert_int_equal(d->ops->dma_map(d, 0x400000 + k * 4096, pages, 4096, -1, true), 0);
		assert_int_equal(d->ops->dma_map(d, 0x200000, pages, 4096, -1, true), -ENOMEM);
		says(d, "takes no more mappings");
		d->ops->close(d); /* what is mapped goes with the space */
		rig_nothing_stays();
	}
}

/* ---- interrupts ---- */

static void few_vectors(void **state)
{
	struct vdev *d;
	uint32_t n;
	int fd;

	(void)state;
	for (size_t i = 0; i < COUNT(rig_ways); i++) {
		assert_int_equal(plug(rig_ways[i], &d), 0);
		fd = eventfd(0, EFD_CLOEXEC);
		assert_int_equal(d->ops->irq_count(d, VDEV_MSIX, &n), 0);
		assert_int_equal(n, FAKE_MSIX);
		fake.vectors = 3;
		assert_int_equal(d->ops->irq_bind(d, VDEV_MSIX, 3, fd), -ENOSPC);
		says(d, "no interrupt left for vector 3");
		assert_int_equal(fake.irqs_on[VDEV_MSIX], 0);
		assert_int_equal(d->ops->irq_bind(d, VDEV_MSIX, 1, fd), 0);
		assert_int_equal(fake.irqs_on[VDEV_MSIX], 3);
		assert_int_equal(fake.bound[0], -1);
		assert_int_equal(fake.bound[1], fd);
		assert_int_equal(d->ops->irq_bind(d, VDEV_MSIX, 2, fd), 0);
		assert_int_equal(d->ops->irq_bind(d, VDEV_MSIX, 3, fd), -ENOSPC);
		assert_int_equal(d->ops->irq_bind(d, VDEV_MSIX, 0, -1), 0); /* all are off */
		assert_int_equal(fake.irqs_on[VDEV_MSIX], 0);
		fake.vectors = 0;
		assert_int_equal(d->ops->irq_bind(d, VDEV_MSIX, 0, fd), -ENOSPC);
		fake.vectors = 64;
		assert_int_equal(d->ops->irq_bind(d, VDEV_MSIX, 7, fd), 0);
		assert_int_equal(fake.irqs_on[VDEV_MSIX], FAKE_MSIX);
		d->ops->close(d);
		close(fd);
		rig_nothing_stays();
	}
}

/* ---- the n-th call fails ---- */

static void has_told(struct vdev *d, int rc)
{
	assert_true(rc < 0 && rc != -EINVAL);
	says(d, " ");
}

/* What a program does with a device; what does not fail has done its work. */
static void use(struct vdev *d)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));
	uint64_t v = 0x42, seen = 0;
	int rc = d->ops->write(d, 0, 8, &v, 8);

	if (rc)
		has_told(d, rc);
	rc = rc ? rc : d->ops->read(d, 0, 8, &seen, 8);
	assert_true(rc || seen == v);
	rc = d->ops->dma_map(d, 0x200000, page, 4096, -1, true);
	assert_int_equal(fake.mapped_dma, !rc);
	if (!rc)
		rc = d->ops->dma_unmap(d, 0x200000, 4096, false);
	if (rc)
		has_told(d, rc);
	rc = d->ops->irq_bind(d, VDEV_MSIX, 0, 1);
	assert_true(rc || (fake.irqs_on[VDEV_MSIX] == FAKE_MSIX && fake.bound[0] == 1));
	if (rc)
		has_told(d, rc);
}

static void job(enum vfio_way way)
{
	struct vdev *d = NULL;
	int rc = plug(way, &d);

	if (rc) {
		assert_true(rc < 0 && rc != -EINVAL);
		assert_true(*why);
	} else {
		use(d);
		d->ops->close(d);
	}
}

static void fails_each(enum vfio_way way, int error, int least)
{
	int n = 0;

	do {
		assert_true(++n < 500);
		seam_arm(n, error, false);
		job(way);
		seam_disarm();
		rig_nothing_stays();
	} while (seam_failed());
	assert_true(n > least); /* something was there to fail */
}

static void any_call_may_fail(void **state)
{
	static const int errors[] = { ENOMEM, EMFILE, EIO,    EACCES, EPERM,	EBUSY,
				      ENODEV, EINVAL, ENOENT, ENOTTY, EMSGSIZE, ENOSPC };

	(void)state;
	for (size_t e = 0; e < COUNT(errors); e++) {
		fails_each(VFIO_WAY_CDEV, errors[e], 20);
		fails_each(VFIO_WAY_GROUP, errors[e], 20);
		fails_each(VFIO_WAY_ANY, errors[e], 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(registers),
		RIGGED(what_mapping_is_refused_for),
		RIGGED(mapping),
		RIGGED(few_vectors),
		RIGGED(any_call_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, rig_end);
}
