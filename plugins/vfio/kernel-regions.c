/* SPDX-License-Identifier: BSD-3-Clause */
/* The registers and the configuration space of a device behind the kernel's vfio-pci. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "plugins/vfio/kernel-device.h"
#include "dev/ones.h"

static int map_areas(struct device *d, struct region *r)
{
	for (uint32_t a = 0; a < r->r.num_areas; a++) {
		size_t len = dev_vfio_area_length(r->r.areas[a].size);
		void *at;
		int rc = dev_vfio_region_map(&d->d, &r->r, a, &at);

		if (!rc) {
			rc = ones_watch(at, len, &d->base.dead, d->wakes[WAKE_DEAD]);
			if (rc)
				sys_munmap(at, len);
		}
		if (rc)
			return rc;
		r->maps[a] = at;
	}
	return 0;
}

static void forget_areas(struct region *r)
{
	for (uint32_t a = 0; a < r->r.num_areas && r->maps[a]; a++) {
		ones_unwatch(r->maps[a]);
		sys_munmap(r->maps[a], dev_vfio_area_length(r->r.areas[a].size));
		r->maps[a] = NULL;
	}
}

/* What is not mapped is reached by calls; so is a BAR of which not all could be mapped. Lock held. */
static int learn(struct device *d, uint32_t index, struct region **ret)
{
	struct region *r = &d->regions[index];
	int rc;

	if (!r->known) {
		rc = dev_vfio_region(&d->d, index, &r->r);
		if (!rc && r->r.read && r->r.write && map_areas(d, r)) {
			forget_areas(r);
			r->r.num_areas = 0;
		}
		if (rc)
			return kernel_note(d, rc, "region %u cannot be learned of: %s", index, strerror(-rc));
		if (!r->maps[0])
			r->r.num_areas = 0;
		r->known = true;
	}
	*ret = r;
	return 0;
}

int kernel_region(struct vdev *v, uint32_t index, struct vdev_region *out)
{
	struct device *d = of(v);
	struct region *r = NULL;
	int rc;
	SCOPED_LOCK(&d->lock);

	if (index >= REGIONS)
		return -EINVAL;
	rc = learn(d, index, &r);
	if (rc)
		return rc;
	*out = (struct vdev_region){ .size = r->r.size, .read = r->r.read, .write = r->r.write };
	for (uint32_t a = 0; a < r->r.num_areas && a < VDEV_MAX_AREAS; a++)
		out->areas[out->num_areas++] = (struct vdev_area){ r->r.areas[a].offset,
								   r->r.areas[a].size, r->maps[a] };
	return 0;
}

/* Where a register is mapped; NULL: it is not. */
static void *mapped(const struct region *r, uint64_t offset, uint32_t len)
{
	for (uint32_t a = 0; a < r->r.num_areas; a++) {
		uint64_t in = offset - r->r.areas[a].offset;

		if (offset >= r->r.areas[a].offset && in < r->r.areas[a].size &&
		    len <= r->r.areas[a].size - in)
			return (char *)r->maps[a] + in;
	}
	return NULL;
}

static bool is_register(uint64_t offset, uint32_t len)
{
	return (len == 4 || len == 8) && !(offset % len);
}

/* The region, checked; a copy, so that the access is made without the lock. */
static int find_region(struct device *d, uint32_t index, uint64_t offset, uint32_t len,
		       struct region *ret)
{
	struct region *r = NULL;
	int rc;
	SCOPED_LOCK(&d->lock);

	if (index >= REGIONS)
		return -EINVAL;
	rc = learn(d, index, &r);
	if (!rc && (offset > r->r.size || len > r->r.size - offset))
		rc = kernel_note(d, -EINVAL, "%u bytes at 0x%llx are not in region %u, which has 0x%llx", len,
			  (unsigned long long)offset, index, (unsigned long long)r->r.size);
	if (!rc)
		*ret = *r;
	return rc;
}

static int failed_io(struct device *d, ssize_t n, uint32_t index, uint64_t offset, const char *what)
{
	SCOPED_LOCK(&d->lock);

	return kernel_note(d, n < 0 ? (int)n : -EIO, "%s at 0x%llx of region %u: %s", what,
		    (unsigned long long)offset, index, strerror(n < 0 ? (int)-n : EIO));
}

__attribute__((no_sanitize_thread)) int kernel_read(struct vdev *v, uint32_t index, uint64_t offset,
						   void *buf, uint32_t len)
{
	struct device *d = of(v);
	struct region r;
	const void *at;
	ssize_t n;
	int rc = find_region(d, index, offset, len, &r);

	if (rc)
		return rc;
	at = is_register(offset, len) ? mapped(&r, offset, len) : NULL;
	if (at && len == 8)
		*(uint64_t *)buf = *(const volatile uint64_t *)at;
	else if (at)
		*(uint32_t *)buf = *(const volatile uint32_t *)at;
	if (at)
		return is_dead(d) ? -ENODEV : 0;
	n = sys_pread(d->d.fd, buf, len, (off_t)(r.r.offset + offset));
	return n == (ssize_t)len ? 0 : failed_io(d, n, index, offset, "a read");
}

__attribute__((no_sanitize_thread)) int kernel_write(struct vdev *v, uint32_t index, uint64_t offset,
						   const void *buf, uint32_t len)
{
	struct device *d = of(v);
	struct region r;
	void *at;
	ssize_t n;
	int rc = find_region(d, index, offset, len, &r);

	if (rc)
		return rc;
	at = is_register(offset, len) ? mapped(&r, offset, len) : NULL;
	if (at && len == 8)
		*(volatile uint64_t *)at = *(const uint64_t *)buf;
	else if (at)
		*(volatile uint32_t *)at = *(const uint32_t *)buf;
	if (at)
		return is_dead(d) ? -ENODEV : 0;
	n = sys_pwrite(d->d.fd, buf, len, (off_t)(r.r.offset + offset));
	return n == (ssize_t)len ? 0 : failed_io(d, n, index, offset, "a write");
}

void kernel_cover(struct device *d)
{
	/* To the end of the array: bounded by num_areas, gcc 12.2 takes this function for one without effects
	 * and drops the calls of it. */
	for (uint32_t i = 0; i < REGIONS; i++)
		for (uint32_t a = 0; a < VFIO_MAX_AREAS; a++)
			if (d->regions[i].maps[a])
				ones_cover(d->regions[i].maps[a],
					   dev_vfio_area_length(d->regions[i].r.areas[a].size));
}

void kernel_unmap_all(struct device *d)
{
	for (uint32_t i = 0; i < REGIONS; i++)
		for (uint32_t a = 0; a < d->regions[i].r.num_areas; a++) {
			void *at = d->regions[i].maps[a];

			if (!at)
				continue;
			ones_unwatch(at);
			sys_munmap(at, dev_vfio_area_length(d->regions[i].r.areas[a].size));
		}
}
