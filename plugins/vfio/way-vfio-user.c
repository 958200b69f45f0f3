/* SPDX-License-Identifier: BSD-3-Clause */
/* A device behind a vfio-user socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "dev/ones.h"
#include "plugins/vfio/device.h"
#include "vfio-user/client.h"

/* Below the first MiB programs see a NULL pointer; 0xfeeXXXXX are interrupts on x86. */
#define IOVA_FIRST UINT64_C(0x100000)
#define MSI_FIRST UINT64_C(0xfee00000)
#define MSI_LAST UINT64_C(0xfeefffff)
#define IOVA_LAST ((UINT64_C(1) << 39) - 1) /* what the smallest IOMMU address width allows */

struct device {
	struct vdev base;
	struct vu_client *client;
	struct iova_pool addresses;
	bool watched; /* mapped areas are covered when it dies */
};

static struct device *of(struct vdev *d)
{
	return (struct device *)d;
}

/* The areas stay valid memory when the server dies; what they would show is a device that is no more. */
static void cover(struct device *d)
{
	struct vu_region r;

	for (uint32_t i = 0; i <= VDEV_CONFIG; i++)
		if (!vu_client_region_known(d->client, i, &r))
			for (uint32_t a = 0; a < r.num_areas; a++)
				ones_cover(r.areas[a].map, r.areas[a].size);
}

static void on_dead(void *ctx)
{
	struct device *d = ctx;

	atomic_store(&d->base.dead, true);
	if (d->watched)
		cover(d);
}

static void way_close(struct vdev *d)
{
	vu_client_close(of(d)->client);
	iova_pool_done(&of(d)->addresses);
	free(d);
}

static int fill(struct iova_pool *p)
{
	int rc;

	iova_pool_init(p);
	rc = iova_pool_put(p, IOVA_FIRST, MSI_FIRST - 1);
	return rc ? rc : iova_pool_put(p, MSI_LAST + 1, IOVA_LAST);
}

/* By the path, or over the socket fd, which is taken over. */
static int open_either(const char *path, int fd, const struct vdev_options *opt, char *why, size_t why_len,
		       struct vdev **ret)
{
	struct device *d = calloc(1, sizeof(*d));
	struct vu_client_options o = { .connect_timeout_ns = opt->connect_ns,
				       .call_timeout_ns = opt->call_ns,
				       .spin_ns = opt->spin_ns,
				       .dma_access = opt->dma_access,
				       .dma_ctx = opt->ctx,
				       .on_dead = on_dead,
				       .dead_ctx = d };
	int rc;

	if (!d) {
		if (fd >= 0)
			sys_close(fd);
		return -ENOMEM;
	}
	d->base.ops = &way_vfio_user;
	d->watched = opt->to_use;
	d->base.addresses = &d->addresses;
	rc = fill(&d->addresses);
	if (!rc && path)
		rc = vu_client_connect(path, &o, why, why_len, &d->client);
	else if (!rc)
		rc = vu_client_adopt(fd, &o, why, why_len, &d->client);
	else if (fd >= 0)
		sys_close(fd);
	if (!rc && opt->to_use)
		rc = vu_client_watch(d->client);
	if (rc) {
		way_close(&d->base);
		return rc;
	}
	*ret = &d->base;
	return 0;
}

static int way_open(const char *path, const struct vdev_options *opt, char *why, size_t why_len,
		    struct vdev **ret)
{
	return open_either(path, -1, opt, why, why_len, ret);
}

int way_vfio_user_adopt(int fd, const struct vdev_options *opt, char *why, size_t why_len, struct vdev **ret)
{
	return open_either(NULL, fd, opt, why, why_len, ret);
}

static void way_why(struct vdev *d, char *out, size_t len)
{
	vu_client_why(of(d)->client, out, len);
}

static int way_reset(struct vdev *d)
{
	return vu_client_reset(of(d)->client);
}

static int way_region(struct vdev *d, uint32_t index, struct vdev_region *out)
{
	struct vu_region r;
	int rc = vu_client_region(of(d)->client, index, &r);

	if (rc)
		return rc;
	*out = (struct vdev_region){ .size = r.size, .read = r.read, .write = r.write };
	for (uint32_t i = 0; i < r.num_areas && i < VDEV_MAX_AREAS; i++)
		out->areas[out->num_areas++] = (struct vdev_area){ r.areas[i].offset,
								   r.areas[i].size,
								   r.areas[i].map };
	return 0;
}

static int way_read(struct vdev *d, uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	return vu_client_read(of(d)->client, region, offset, buf, len);
}

static int way_write(struct vdev *d, uint32_t region, uint64_t offset, const void *buf, uint32_t len)
{
	return vu_client_write(of(d)->client, region, offset, buf, len);
}

static int way_dma_map(struct vdev *d, uint64_t iova, void *at, uint64_t size, int fd,
		       bool device_writes)
{
	(void)at;
	return vu_client_dma_map(of(d)->client, iova, size, fd, 0, true, device_writes);
}

static int way_dma_unmap(struct vdev *d, uint64_t iova, uint64_t size, bool had_fd)
{
	return vu_client_dma_unmap(of(d)->client, iova, size, !had_fd);
}

static int way_irq_count(struct vdev *d, uint32_t index, uint32_t *count)
{
	return vu_client_irq_count(of(d)->client, index, count);
}

static int way_irq_bind(struct vdev *d, uint32_t index, uint32_t vector, int fd)
{
	return vu_client_irq_bind(of(d)->client, index, vector, fd);
}

const struct vdev_ops way_vfio_user = {
	.name = "vfio-user",
	.shares_by_fd = true,
	.open = way_open,
	.close = way_close,
	.why = way_why,
	.reset = way_reset,
	.region = way_region,
	.read = way_read,
	.write = way_write,
	.dma_map = way_dma_map,
	.dma_unmap = way_dma_unmap,
	.irq_count = way_irq_count,
	.irq_bind = way_irq_bind,
};
