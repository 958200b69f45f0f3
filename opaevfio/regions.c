/* SPDX-License-Identifier: BSD-3-Clause */
/* Every region that can be mapped is, when the device is opened; from then on the list is constant. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "opaevfio/opaevfio.h"

static bool is_whole(const struct vfio_region *r)
{
	return r->num_areas == 1 && !r->areas[0].offset && r->areas[0].size == r->size;
}

/* Memory that costs nothing until it is touched, and what is registers in place of it. */
static int map_parts(const struct vfio_device *d, const struct vfio_region *r, void **ret)
{
	int prot = (r->read ? PROT_READ : 0) | (r->write ? PROT_WRITE : 0);
	size_t len = dev_vfio_area_length(r->size);
	void *at, *part;
	int rc = sys_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			  -1, 0, &at);

	if (rc)
		return rc;
	for (uint32_t i = 0; i < r->num_areas && !rc; i++)
		rc = sys_mmap((char *)at + r->areas[i].offset, dev_vfio_area_length(r->areas[i].size), prot,
			      MAP_SHARED | MAP_FIXED, d->fd, (off_t)(r->offset + r->areas[i].offset), &part);
	if (rc)
		sys_munmap(at, len);
	else
		*ret = at;
	return rc;
}

static int list_parts(struct opae_vfio_device_region *at, const struct vfio_region *r)
{
	struct opae_vfio_sparse_info **end = &at->region_sparse;

	for (uint32_t i = 0; i < r->num_areas; i++) {
		if (r->areas[i].offset > UINT32_MAX || r->areas[i].size > UINT32_MAX)
			continue; /* the struct has no room for these numbers */
		*end = calloc(1, sizeof(**end));
		if (!*end)
			return -ENOMEM;
		**end = (struct opae_vfio_sparse_info){
			.index = i,
			.offset = (uint32_t)r->areas[i].offset,
			.size = (uint32_t)r->areas[i].size,
			.ptr = at->region_ptr + r->areas[i].offset,
		};
		end = &(*end)->next;
	}
	return 0;
}

static void region_free(struct opae_vfio_device_region *at)
{
	for (struct opae_vfio_sparse_info *s = at->region_sparse, *next; s; s = next) {
		next = s->next;
		free(s);
	}
	if (at->region_ptr)
		sys_munmap(at->region_ptr, dev_vfio_area_length(at->region_size));
	free(at);
}

static int region_make(const struct vfio_device *d, uint32_t index, const struct vfio_region *r,
		       struct opae_vfio_device_region **ret)
{
	struct opae_vfio_device_region *at = calloc(1, sizeof(*at));
	void *mapped = NULL;
	int rc;

	if (!at)
		return -ENOMEM;
	rc = is_whole(r) ? dev_vfio_region_map(d, r, 0, &mapped) : map_parts(d, r, &mapped);
	at->region_index = index;
	at->region_ptr = mapped;
	at->region_size = (size_t)r->size;
	if (!rc && !is_whole(r))
		rc = list_parts(at, r);
	if (rc)
		region_free(at);
	else
		*ret = at;
	return rc;
}

int regions_make(struct opae_vfio *v)
{
	struct opae_vfio_device_region **end = &v->device.regions;
	const struct vfio_device *d = &hold_of(v)->d;
	struct vfio_region r;
	int rc = 0;

	for (uint32_t i = 0; i < d->num_regions && !rc; i++) {
		rc = dev_vfio_region(d, i, &r);
		if (rc || !r.num_areas)
			continue;
		rc = region_make(d, i, &r, end);
		if (!rc)
			end = &(*end)->next;
	}
	return rc;
}

void regions_free(struct opae_vfio *v)
{
	for (struct opae_vfio_device_region *at = v->device.regions, *next; at; at = next) {
		next = at->next;
		region_free(at);
	}
	v->device.regions = NULL;
}

int opae_vfio_region_get(struct opae_vfio *v, uint32_t index, uint8_t **ptr, size_t *size)
{
	if (!v)
		return 1;
	for (struct opae_vfio_device_region *at = v->device.regions; at; at = at->next) {
		if (at->region_index != index)
			continue;
		if (ptr)
			*ptr = at->region_ptr;
		if (size)
			*size = at->region_size;
		return 0;
	}
	return 2;
}
