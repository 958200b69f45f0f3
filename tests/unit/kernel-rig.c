/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/kernel-rig.h"

#include "dev/ones.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-vfio.h"
#include "tests/unit/seam.h"

const enum vfio_way rig_ways[] = { VFIO_WAY_GROUP, VFIO_WAY_CDEV };

struct vfio_spaces rig_spaces;

static int fds_before;

void rig_well(void)
{
	fake_vfio_up();
	fake.cdev = fake.iommufd = true;
}

/* What stays open for good is opened here: the page of ones, and the fake's own file of a device. */
int rig_up(void **state)
{
	const struct vfio_request rq = { .address = FAKE_TWO, .way = VFIO_WAY_CDEV, .spaces = &rig_spaces };
	struct vfio_failure why;
	struct vfio_device d;

	(void)state;
	rig_well();
	assert_int_equal(ones_prepare(), 0);
	dev_vfio_spaces_init(&rig_spaces);
	assert_int_equal(dev_vfio_open(&rq, &why, &d), 0);
	dev_vfio_close(&d);
	fds_before = seam_count_fds();
	return 0;
}

void rig_nothing_stays(void)
{
	assert_int_equal(seam_count_fds(), fds_before);
	assert_int_equal(fake.mapped, 0);
	assert_int_equal(fake.mapped_dma, 0);
	for (size_t i = 0; i < COUNT(fake.irqs_on); i++)
		assert_int_equal(fake.irqs_on[i], 0);
}

int rig_down(void **state)
{
	(void)state;
	seam_disarm();
	rig_well();
	rig_nothing_stays();
	dev_vfio_spaces_done(&rig_spaces);
	return 0;
}

int rig_end(void **state)
{
	(void)state;
	fake_vfio_down();
	return 0;
}
