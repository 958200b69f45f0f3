/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening devices of vfio-pci, by their group and by their own node: which of the two is chosen, what is said
 * of each thing that the kernel refuses, and that nothing stays open when it does. The kernel is
 * tests/unit/fake-vfio.c; test_kernel_device.c goes on with what was opened.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "dev/uapi/iommufd.h"
#include "dev/vfio.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-vfio.h"
#include "tests/unit/kernel-rig.h"

#define TOKEN ((const uint8_t *)FAKE_TOKEN)
#define BY_NODE(d) ((d)->space->way == VFIO_WAY_CDEV)

static struct vfio_spaces *in; /* where devices are opened; NULL: in the rig's */
static struct vfio_failure why;

static int open_by(enum vfio_way way, const char *address, const uint8_t *token, struct vfio_device *d)
{
	const struct vfio_request rq = { .address = address, .way = way, .vf_token = token,
					 .spaces = in ? in : &rig_spaces };

	memset(&why, 0, sizeof(why));
	return dev_vfio_open(&rq, &why, d);
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
	rig_nothing_stays();
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
	rig_nothing_stays();
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
	rig_well();
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
		rig_well();
		fake.node_errno = errors[i];
		opens(VFIO_WAY_ANY, NULL, false);
		refuses(VFIO_WAY_CDEV, NULL, -errors[i], VFIO_STEP_NODE, "/dev/vfio/devices/vfio0");
		rig_well();
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
		rig_well();
		fake.node_errno = errors[i];
		refuses(VFIO_WAY_ANY, NULL, -errors[i], VFIO_STEP_CONTAINER, strerror(errors[i]));
		rig_well();
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
	for (size_t i = 0; i < COUNT(rig_ways); i++) {
		assert_int_equal(open_by(rig_ways[i], FAKE_ONE, NULL, &one), 0);
		assert_int_equal(open_by(VFIO_WAY_ANY, FAKE_TWIN, NULL, &twin), 0);
		assert_int_equal(open_by(rig_ways[i], FAKE_TWO, NULL, &two), 0);
		assert_ptr_equal(one.space, twin.space);
		assert_ptr_not_equal(one.space, two.space);
		assert_int_equal(BY_NODE(&twin), rig_ways[i] == VFIO_WAY_CDEV); /* the space's way */
		first = address_of(&one, 4096);
		second = address_of(&twin, 4096);
		assert_true(first != second);
		assert_int_equal(address_of(&two, 4096), first); /* another space begins anew */
		assert_int_equal(one.space->iommu.ops->map(&one.space->iommu, first, page, 4096, true), 0);
		dev_vfio_close(&one);
		assert_int_equal(fake.mapped_dma, 1); /* the space is the twin's still */
		assert_int_equal(open_by(rig_ways[i], FAKE_ONE, NULL, &one), 0);
		assert_ptr_equal(one.space, twin.space);
		dev_vfio_close(&twin);
		dev_vfio_close(&one);
		dev_vfio_close(&two);
		rig_nothing_stays();
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
	rig_nothing_stays();
}

static void addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rig_ways); i++) {
		reaches(rig_ways[i], FAKE_ONE, 0x100000, (UINT64_C(1) << 39) - 1, 2);
		reaches(rig_ways[i], FAKE_TWO, 0x100000, 0x1fffff, 1);
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
	for (size_t i = 0; i < COUNT(rig_ways); i++) {
		assert_int_equal(open_by(rig_ways[i], FAKE_ONE, NULL, &first), 0);
		dev_vfio_spaces_init(&others); /* as another process */
		in = &others;
		for (size_t k = 0; k < COUNT(rig_ways); k++) {
			assert_int_equal(open_by(rig_ways[k], FAKE_ONE, NULL, &second), -EBUSY);
			assert_int_equal(why.step, VFIO_STEP_NODE);
			assert_non_null(strstr(why.text, "in another process"));
		}
		in = NULL;
		dev_vfio_spaces_done(&others);
		dev_vfio_close(&first);
		rig_nothing_stays();
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
	rig_nothing_stays();
}

static void groups_that_cannot_be_had(void **state)
{
	(void)state;
	fake.viable = false;
	is_eperm_or_busy();
	refuses(VFIO_WAY_GROUP, NULL, -EPERM, VFIO_STEP_VIABLE, "IOMMU group 7 is not whole");
	rig_well();
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
	{ VFIO_WAY_CDEV, UAPI_VFIO_DEVICE_BIND_IOMMUFD, VFIO_STEP_GET_DEVICE, "cannot be bound" },
	{ VFIO_WAY_CDEV, UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT, VFIO_STEP_SET_CONTAINER, "cannot be attached" },
	{ VFIO_WAY_CDEV, UAPI_IOMMU_IOAS_IOVA_RANGES, VFIO_STEP_INFO, "does not tell which addresses" },
	{ VFIO_WAY_CDEV, VFIO_DEVICE_GET_INFO, VFIO_STEP_INFO, "does not tell what it has" },
	{ VFIO_WAY_GROUP, VFIO_GET_API_VERSION, VFIO_STEP_API, "version" },
	{ VFIO_WAY_GROUP, VFIO_CHECK_EXTENSION, VFIO_STEP_TYPE1, "no type1 IOMMU" },
	{ VFIO_WAY_GROUP, VFIO_GROUP_GET_STATUS, VFIO_STEP_STATUS, "does not tell its status" },
	{ VFIO_WAY_GROUP, VFIO_GROUP_SET_CONTAINER, VFIO_STEP_SET_CONTAINER, "cannot be put into" },
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
		refuses(r->way, NULL, -EBUSY, VFIO_STEP_NODE,
			FAKE_ONE " is open already, in another process");
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
	};

	return cmocka_run_group_tests(tests, NULL, rig_end);
}
