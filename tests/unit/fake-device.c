/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake-device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

char fake_said[512];

fpga_result say(fpga_result r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_said, sizeof(fake_said), fmt, ap);
	va_end(ap);
	return r;
}

fpga_result say_device(struct vdev *d, int rc, const char *what)
{
	return say(atomic_load(&d->dead) ? FPGA_EXCEPTION : err_to_result(rc), "%s: fake", what);
}

static struct fake_device *of(struct vdev *d)
{
	return (struct fake_device *)d;
}

static int next_failure(struct fake_device *f)
{
	int rc = f->fail;

	f->fail = 0;
	return rc;
}

static void why(struct vdev *d, char *out, size_t len)
{
	(void)d;
	snprintf(out, len, "fake");
}

static int region(struct vdev *d, uint32_t index, struct vdev_region *out)
{
	memset(out, 0, sizeof(*out));
	if (index == VDEV_BAR0)
		*out = of(d)->bar0;
	return 0;
}

static int device_read(struct vdev *d, uint32_t index, uint64_t offset, void *buf, uint32_t len)
{
	struct fake_device *f = of(d);

	f->reads++;
	f->last_len = len;
	f->last_offset = offset;
	if (index != VDEV_BAR0 || len > f->bar0.size || offset > f->bar0.size - len)
		return -EINVAL;
	memcpy(buf, f->regs + offset, len);
	return next_failure(f);
}

static int device_write(struct vdev *d, uint32_t index, uint64_t offset, const void *buf,
			uint32_t len)
{
	struct fake_device *f = of(d);

	f->writes++;
	f->last_len = len;
	f->last_offset = offset;
	if (index != VDEV_BAR0 || len > f->bar0.size || offset > f->bar0.size - len)
		return -EINVAL;
	memcpy(f->regs + offset, buf, len);
	return next_failure(f);
}

static int dma_map(struct vdev *d, uint64_t iova, void *at, uint64_t size, int fd,
		   bool device_writes)
{
	(void)iova;
	(void)at;
	(void)size;
	(void)fd;
	(void)device_writes;
	of(d)->maps++;
	return next_failure(of(d));
}

static int dma_unmap(struct vdev *d, uint64_t iova, uint64_t size, bool had_fd)
{
	(void)iova;
	(void)size;
	(void)had_fd;
	of(d)->unmaps++;
	return next_failure(of(d));
}

static int irq_count(struct vdev *d, uint32_t index, uint32_t *count)
{
	*count = index == VDEV_MSIX ? of(d)->vectors : 0;
	return 0;
}

static int irq_bind(struct vdev *d, uint32_t index, uint32_t vector, int fd)
{
	struct fake_device *f = of(d);

	(void)index;
	f->binds++;
	if (fd < 0)
		memset(f->bound, 0xff, sizeof(f->bound));
	else
		f->bound[vector] = fd;
	return next_failure(f);
}

const struct vdev_ops fake_ops = {
	.name = "fake",
	.shares_by_fd = true,
	.why = why,
	.region = region,
	.read = device_read,
	.write = device_write,
	.dma_map = dma_map,
	.dma_unmap = dma_unmap,
	.irq_count = irq_count,
	.irq_bind = irq_bind,
};

void fake_init(struct fake_device *f, uint64_t bar0_size)
{
	memset(f, 0, sizeof(*f));
	memset(f->bound, 0xff, sizeof(f->bound));
	f->base.ops = &fake_ops;
	f->bar0 = (struct vdev_region){ .size = bar0_size, .read = true, .write = true };
	iova_pool_init(&f->addresses);
	iova_pool_put(&f->addresses, 0x100000, UINT64_C(0x7fffffffff));
	f->base.addresses = &f->addresses;
	f->vectors = 4;
}

void fake_done(struct fake_device *f)
{
	iova_pool_done(&f->addresses);
}
