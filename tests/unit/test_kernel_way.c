/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of vfio-pci, by their group and by their own node: which of the two is chosen, what is said of
 * each thing that the kernel refuses, and that nothing stays open when it does. The kernel is
 * tests/unit/fake-vfio.c.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dev/uapi/iommufd.h"
#include "dev/vfio.h"
#include "plugins/vfio/device.h"
#include "plugins/vfio/ones.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-vfio.h"
#include "tests/unit/seam.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TOKEN ((const uint8_t *)FAKE_TOKEN)
#define BY_NODE(d) ((d)->space->way == VFIO_WAY_CDEV)

static const enum vfio_way both[] = { VFIO_WAY_GROUP, VFIO_WAY_CDEV };

static struct vfio_spaces spaces;
static struct vfio_spaces *in = &spaces; /* where devices are opened */
static struct vfio_failure why;
static int fds_before;

/* ---- the rig ---- */

static int open_by(enum vfio_way way, const char *address, const uint8_t *token, struct vfio_device *d)
{
	const struct vfio_request rq = { .address = address, .way = way, .vf_token = token,
					 .spaces = in };

	memset(&why, 0, sizeof(why));
	return dev_vfio_open(&rq, &why, d);
}

/* All that a test may have broken is well again. */
static void well(void)
{
	fake_vfio_up();
	fake.cdev = fake.iommufd = true;
}

static int up(void **state)
{
	struct vfio_device d;

	(void)state;
	well();
	assert_int_equal(ones_prepare(), 0); /* what stays open for good is opened here: its page, */
	in = &spaces;
	dev_vfio_spaces_init(&spaces);
	assert_int_equal(open_by(VFIO_WAY_CDEV, FAKE_TWO, NULL, &d), 0); /* and the fake's own file */
	dev_vfio_close(&d);
	fds_before = seam_count_fds();
	return 0;
}

static void nothing_stays(void)
{
	assert_int_equal(seam_count_fds(), fds_before);
	assert_int_equal(fake.mapped, 0);
	assert_int_equal(fake.mapped_dma, 0);
	for (size_t i = 0; i < COUNT(fake.irqs_on); i++)
		assert_int_equal(fake.irqs_on[i], 0);
}

static int down(void **state)
{
	(void)state;
	seam_disarm();
	well();
	nothing_stays();
	dev_vfio_spaces_done(&spaces);
	return 0;
}

static void opens(enum vfio_way way, const uint8_t *token, bool by_node)
{
	struct vfio_device d;

	assert_int_equal(open_by(way, FAKE_ONE, token, &d), 0);
	assert_int_equal(BY_NODE(&d), by_node);
	assert_int_equal(!strncmp(fake.opened, "vfio0", 5), by_node);
	assert_true(d.fd > 2);
	assert_int_equal(d.num_regions, 9);
	dev_vfio_close(&d);
	nothing_stays();
}

/* It fails with rc at that step, a text that has `about` in it, and nothing left. */
static void refuses(enum vfio_way way, const uint8_t *token, int rc, enum vfio_step step, const char *about)
{
	struct vfio_device d;

	assert_int_equal(open_by(way, FAKE_ONE, token, &d), rc);
	assert_int_equal(why.step, step);
	if (!strstr(why.text, about))
		fail_msg("\"%s\" is not in \"%s\"", about, why.text);
	assert_int_equal(d.fd, -1);
	assert_null(d.space);
	nothing_stays();
}

/* ---- which way ---- */

static void the_node_where_it_is_there(void **state)
{
	(void)state;
	opens(VFIO_WAY_ANY, NULL, true);
	opens(VFIO_WAY_CDEV, NULL, true);
	opens(VFIO_WAY_GROUP, NULL, false);
	fake.no_group_node = fake.no_container = true; /* a kernel that has no groups for programs */
	fake.fail_errno = ENOENT;
	opens(VFIO_WAY_ANY, NULL, true);
	refuses(VFIO_WAY_GROUP, NULL, -ENOENT, VFIO_STEP_CONTAINER, "/dev/vfio/vfio is missing");
	well();
	fake.cdev = false;
	opens(VFIO_WAY_ANY, NULL, false);
	refuses(VFIO_WAY_CDEV, NULL, -ENOENT, VFIO_STEP_NODE, "no VFIO node of its own");
	fake.iommufd = false; /* as before Linux 6.2 */
	opens(VFIO_WAY_ANY, NULL, false);
	refuses(VFIO_WAY_CDEV, NULL, -ENOENT, VFIO_STEP_CONTAINER, "/dev/iommu is missing");
	fake.cdev = true;
	opens(VFIO_WAY_ANY, NULL, false);
}

static void the_group_where_the_node_is_closed(void **state)
{
	static const int errors[] = { EACCES, EPERM, ENOENT, ENXIO, ENODEV };

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		well();
		fake.node_errno = errors[i];
		opens(VFIO_WAY_ANY, NULL, false);
		refuses(VFIO_WAY_CDEV, NULL, -errors[i], VFIO_STEP_NODE, "/dev/vfio/devices/vfio0");
		well();
		fake.iommu_errno = errors[i];
		opens(VFIO_WAY_ANY, NULL, false);
		refuses(VFIO_WAY_CDEV, NULL, -errors[i], VFIO_STEP_CONTAINER, "/dev/iommu");
	}
}

static void nothing_may_be_opened(void **state)
{
	(void)state;
	fake.node_errno = fake.fail_errno = EACCES;
	fake.no_group_node = true;
	refuses(VFIO_WAY_ANY, NULL, -EACCES, VFIO_STEP_NODE, "/dev/vfio/7");
	assert_non_null(strstr(why.text, "opae bind " FAKE_ONE));
}

/* The group's way would fail of the same, and say less of it. */
static void what_the_process_lacks_is_no_reason_for_the_group(void **state)
{
	static const int errors[] = { EMFILE, ENFILE, ENOMEM };

	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		well();
		fake.node_errno = errors[i];
		refuses(VFIO_WAY_ANY, NULL, -errors[i], VFIO_STEP_CONTAINER, strerror(errors[i]));
		well();
		fake.iommu_errno = errors[i];
		refuses(VFIO_WAY_ANY, NULL, -errors[i], VFIO_STEP_CONTAINER, strerror(errors[i]));
	}
}

/* ---- spaces ---- */

static uint64_t address_of(struct vfio_device *d, uint64_t len)
{
	uint64_t iova = 0;

	assert_int_equal(iova_pool_get(&d->space->addresses, len, 0x1000, &iova), 0);
	return iova;
}

static void devices_of_a_group_share_a_space(void **state)
{
	static uint8_t page[4096] __attribute__((aligned(4096)));
	struct vfio_device one, twin, two;
	uint64_t first, second;

	(void)state;
	for (size_t i = 0; i < COUNT(both); i++) {
		assert_int_equal(open_by(both[i], FAKE_ONE, NULL, &one), 0);
		assert_int_equal(open_by(VFIO_WAY_ANY, FAKE_TWIN, NULL, &twin), 0);
		assert_int_equal(open_by(both[i], FAKE_TWO, NULL, &two), 0);
		assert_ptr_equal(one.space, twin.space);
		assert_ptr_not_equal(one.space, two.space);
		assert_int_equal(BY_NODE(&twin), both[i] == VFIO_WAY_CDEV); /* the space's way */
		first = address_of(&one, 4096);
		second = address_of(&twin, 4096);
		assert_true(first != second);
		assert_int_equal(address_of(&two, 4096), first); /* another space begins anew */
		assert_int_equal(one.space->iommu.ops->map(&one.space->iommu, first, page, 4096, true), 0);
		dev_vfio_close(&one);
		assert_int_equal(fake.mapped_dma, 1); /* the space is the twin's still */
		assert_int_equal(open_by(both[i], FAKE_ONE, NULL, &one), 0);
		assert_ptr_equal(one.space, twin.space);
		dev_vfio_close(&twin);
		dev_vfio_close(&one);
		dev_vfio_close(&two);
		nothing_stays();
	}
}

/* What a device can reach is what its space gives, from the first address to the last. */
static void reaches(enum vfio_way way, const char *address, uint64_t low, uint64_t last, unsigned int holes)
{
	struct vfio_device d;
	struct iova_space *s;

	assert_int_equal(open_by(way, address, NULL, &d), 0);
	s = &d.space->addresses.space;
	assert_int_equal(s->num, holes);
	assert_int_equal(s->holes[0].first, low);
	assert_int_equal(s->holes[s->num - 1].last, last);
	dev_vfio_close(&d);
	nothing_stays();
}

static void addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(both); i++) {
		reaches(both[i], FAKE_ONE, 0x100000, (UINT64_C(1) << 39) - 1, 2);
		reaches(both[i], FAKE_TWO, 0x100000, 0x1fffff, 1);
	}
	fake.ranges = IOMMU_MAX_RANGES;
	reaches(VFIO_WAY_CDEV, FAKE_ONE, 0x1000000, IOMMU_MAX_RANGES * 0x1000000ull + 0xfffff, 64);
	fake.ranges = IOMMU_MAX_RANGES + 1; /* -EMSGSIZE: those that have room are used */
	reaches(VFIO_WAY_CDEV, FAKE_ONE, 0x1000000, IOMMU_MAX_RANGES * 0x1000000ull + 0xfffff, 64);
}

/* ---- who has the device ---- */

static void a_device_is_had_once(void **state)
{
	struct vfio_spaces others;
	struct vfio_device first, second;

	(void)state;
	for (size_t i = 0; i < COUNT(both); i++) {
		assert_int_equal(open_by(both[i], FAKE_ONE, NULL, &first), 0);
		dev_vfio_spaces_init(&others); /* as another process */
		in = &others;
		for (size_t k = 0; k < COUNT(both); k++) {
			assert_int_equal(open_by(both[k], FAKE_ONE, NULL, &second), -EBUSY);
			assert_int_equal(why.step, VFIO_STEP_NODE);
			assert_non_null(strstr(why.text, "in another process"));
		}
		in = &spaces;
		dev_vfio_spaces_done(&others);
		dev_vfio_close(&first);
		nothing_stays();
	}
}

/* Who is to blame is told elsewhere; here, that it is told as one of the two. */
static void is_eperm_or_busy(void)
{
	struct vfio_device d;
	int rc = open_by(VFIO_WAY_CDEV, FAKE_ONE, NULL, &d);

	assert_true(rc == -EPERM || rc == -EBUSY);
	assert_true(why.step != VFIO_STEP_NONE && *why.text);
	assert_int_equal(d.fd, -1);
	nothing_stays();
}

static void groups_that_cannot_be_had(void **state)
{
	(void)state;
	fake.viable = false;
	is_eperm_or_busy();
	refuses(VFIO_WAY_GROUP, NULL, -EPERM, VFIO_STEP_VIABLE, "IOMMU group 7 is not whole");
	well();
	fake.foreign = true;
	is_eperm_or_busy();
	refuses(VFIO_WAY_GROUP, NULL, -EBUSY, VFIO_STEP_NODE, "in another process");
}

static void tokens(void **state)
{
	static const uint8_t wrong[16] = { 1 };

	(void)state;
	opens(VFIO_WAY_CDEV, NULL, true);
	opens(VFIO_WAY_CDEV, TOKEN, true); /* the kernel knows no flag, and asks for none */
	fake.tokens = true;
	opens(VFIO_WAY_CDEV, NULL, true);
	opens(VFIO_WAY_CDEV, TOKEN, true); /* the device needs none */
	fake.wants_token = true;
	opens(VFIO_WAY_CDEV, TOKEN, true);
	opens(VFIO_WAY_ANY, TOKEN, true);
	refuses(VFIO_WAY_CDEV, NULL, -EKEYREJECTED, VFIO_STEP_TOKEN, "VF token");
	refuses(VFIO_WAY_CDEV, wrong, -EKEYREJECTED, VFIO_STEP_TOKEN, "VF token");
	refuses(VFIO_WAY_ANY, wrong, -EKEYREJECTED, VFIO_STEP_TOKEN, "VF token"); /* not by the group */
	opens(VFIO_WAY_GROUP, TOKEN, false);
	assert_string_equal(fake.opened, FAKE_ONE " vf_token=30313233-3435-3637-3839-616263646566");
}

/* ---- what the kernel refuses ---- */

struct refusal {
	enum vfio_way way;
	unsigned long request;
	enum vfio_step step;
	const char *about;
};

static const struct refusal refusals[] = {
	{ VFIO_WAY_CDEV, UAPI_IOMMU_IOAS_ALLOC, VFIO_STEP_TYPE1, "gives no address space" },
	{ VFIO_WAY_CDEV, UAPI_VFIO_DEVICE_BIND_IOMMUFD, VFIO_STEP_GET_DEVICE, "cannot be bound to an iommufd" },
	{ VFIO_WAY_CDEV, UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT, VFIO_STEP_SET_CONTAINER, "cannot be attached" },
	{ VFIO_WAY_CDEV, UAPI_IOMMU_IOAS_IOVA_RANGES, VFIO_STEP_INFO, "does not tell which addresses" },
	{ VFIO_WAY_CDEV, VFIO_DEVICE_GET_INFO, VFIO_STEP_INFO, "does not tell what it has" },
	{ VFIO_WAY_GROUP, VFIO_GET_API_VERSION, VFIO_STEP_API, "version" },
	{ VFIO_WAY_GROUP, VFIO_CHECK_EXTENSION, VFIO_STEP_TYPE1, "no type1 IOMMU" },
	{ VFIO_WAY_GROUP, VFIO_GROUP_GET_STATUS, VFIO_STEP_STATUS, "does not tell its status" },
	{ VFIO_WAY_GROUP, VFIO_GROUP_SET_CONTAINER, VFIO_STEP_SET_CONTAINER, "cannot be put into a container" },
	{ VFIO_WAY_GROUP, VFIO_SET_IOMMU, VFIO_STEP_SET_IOMMU, "" },
	{ VFIO_WAY_GROUP, VFIO_GROUP_GET_DEVICE_FD, VFIO_STEP_GET_DEVICE, "cannot be opened" },
	{ VFIO_WAY_GROUP, VFIO_IOMMU_GET_INFO, VFIO_STEP_INFO, "does not tell which addresses" },
	{ VFIO_WAY_GROUP, VFIO_DEVICE_GET_INFO, VFIO_STEP_INFO, "does not tell what it has" },
};

/* Those that mean something of their own. */
static void refuses_with(const struct refusal *r, int error)
{
	bool binding = r->request == UAPI_VFIO_DEVICE_BIND_IOMMUFD;
	bool getting = r->request == VFIO_GROUP_GET_DEVICE_FD;

	fake.fail_request = r->request;
	fake.fail_errno = error;
	if (binding && error == EPERM)
		is_eperm_or_busy();
	else if (binding && (error == EINVAL || error == EBUSY))
		refuses(r->way, NULL, -EBUSY, VFIO_STEP_NODE, FAKE_ONE " is open already, in another process");
	else if ((binding || getting) && error == EACCES)
		refuses(r->way, NULL, -EKEYREJECTED, VFIO_STEP_TOKEN, "VF token");
	else
		refuses(r->way, NULL, -error, r->step, r->about);
	fake.fail_request = 0;
}

static void each_refusal_is_told(void **state)
{
	static const int errors[] = { EINVAL, EBUSY, EACCES, EPERM, ENOMEM, ENODEV, EIO, ENOTTY, ENOENT,
				      EOPNOTSUPP };

	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++)
		for (size_t e = 0; e < COUNT(errors); e++)
			refuses_with(&refusals[i], errors[e]);
	opens(VFIO_WAY_ANY, NULL, true); /* and none of it lasts */
	opens(VFIO_WAY_GROUP, NULL, false);
}

/* ---- as the plugin has it ---- */

static int plug(enum vfio_way way, struct vdev **d)
{
	const struct vdev_options opt = { .to_use = true, .kernel_way = way, .spaces = &spaces };

	memset(why.text, 0, sizeof(why.text));
	return way_kernel.open(FAKE_ONE, &opt, why.text, sizeof(why.text), d);
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
	for (size_t i = 0; i < COUNT(both); i++) {
		assert_int_equal(plug(both[i], &d), 0);
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
		nothing_stays();
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
	char number[32];
	struct vdev *d;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &was), 0);
	limit = was;
	limit.rlim_cur = 64 << 10;
	for (size_t i = 0; i < COUNT(both); i++) {
		assert_int_equal(plug(both[i], &d), 0);
		fake.fail_request = both[i] == VFIO_WAY_CDEV ? UAPI_IOMMU_IOAS_MAP : VFIO_IOMMU_MAP_DMA;
		assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
		snprintf(number, sizeof(number), "limit is %llu KiB", (unsigned long long)limit.rlim_cur >> 10);
		maps(d, ENOMEM, -ENOMEM, number);
		says(d, "RLIMIT_MEMLOCK");
		says(d, "4 KiB more");
		assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &was), 0);
		maps(d, ENOSPC, -ENOMEM, "takes no more mappings");
		maps(d, EFAULT, -EFAULT, "cannot be mapped for the device at 0x200000");
		maps(d, EEXIST, -EEXIST, "cannot be mapped");
		maps(d, EINVAL, -EIO, "cannot be mapped");
		fake.fail_request = 0;
		d->ops->close(d);
		nothing_stays();
	}
}

/* As the fake finds by itself, and not because it was told to. */
static void mapping(void **state)
{
	static uint8_t pages[3 * 4096] __attribute__((aligned(4096)));
	void *gone = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t most = FAKE_MOST_DMA;
	struct vdev *d;

	(void)state;
	assert_int_equal(munmap(gone, 4096), 0);
	for (size_t i = 0; i < COUNT(both); i++) {
		assert_int_equal(plug(both[i], &d), 0);
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
		nothing_stays();
	}
}

/* ---- interrupts ---- */

static void few_vectors(void **state)
{
	struct vdev *d;
	uint32_t n;
	int fd;

	(void)state;
	for (size_t i = 0; i < COUNT(both); i++) {
		assert_int_equal(plug(both[i], &d), 0);
		fd = eventfd(0, EFD_CLOEXEC);
		assert_int_equal(d->ops->irq_count(d, VDEV_MSIX, &n), 0);
		assert_int_equal(n, FAKE_MSIX);
		fake.vectors = 3;
		assert_int_equal(d->ops->irq_bind(d, VDEV_MSIX, 3, fd), -ENOSPC); /* one that is not to be had */
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
		nothing_stays();
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
		assert_true(*why.text);
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
		nothing_stays();
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

static int end(void **state)
{
	(void)state;
	fake_vfio_down();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(the_node_where_it_is_there),
		RIGGED(the_group_where_the_node_is_closed),
		RIGGED(nothing_may_be_opened),
		RIGGED(what_the_process_lacks_is_no_reason_for_the_group),
		RIGGED(devices_of_a_group_share_a_space),
		RIGGED(addresses),
		RIGGED(a_device_is_had_once),
		RIGGED(groups_that_cannot_be_had),
		RIGGED(tokens),
		RIGGED(each_refusal_is_told),
		RIGGED(registers),
		RIGGED(what_mapping_is_refused_for),
		RIGGED(mapping),
		RIGGED(few_vectors),
		RIGGED(any_call_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
