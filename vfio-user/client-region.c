/* SPDX-License-Identifier: BSD-3-Clause */
#include "vfio-user/client-region.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"

#define MAX_CAPS 16u /* links of a chain that are followed */
#define REPLY_ROOM 4096u

static bool add_area(struct vu_region *r, uint64_t offset, uint64_t size)
{
	struct vu_area *a = &r->areas[r->num_areas];

	if (r->num_areas == VU_MAX_AREAS || !size || offset % VU_PAGE || size % VU_PAGE ||
	    size > r->size || offset > r->size - size)
		return false;
	a->offset = offset;
	a->size = size;
	r->num_areas++;
	return true;
}

static int by_offset(const void *a, const void *b)
{
	const struct vu_area *x = a, *y = b;

	return (x->offset > y->offset) - (x->offset < y->offset);
}

static bool overlapping(const struct vu_region *r)
{
	for (uint32_t i = 1; i < r->num_areas; i++)
		if (r->areas[i].offset < r->areas[i - 1].offset + r->areas[i - 1].size)
			return true;
	return false;
}

/* The body of a sparse capability; at and len are what follows its head. */
static const char *read_sparse(const unsigned char *at, size_t len, struct vu_region *r)
{
	struct vu_cap_sparse cap;
	struct vu_sparse_area area;

	if (len < sizeof(cap))
		return "a sparse capability is cut short";
	memcpy(&cap, at, sizeof(cap));
	if (cap.num_areas > (len - sizeof(cap)) / sizeof(area))
		return "a sparse capability counts more areas than it holds";
	for (uint32_t i = 0; i < cap.num_areas; i++) {
		memcpy(&area, at + sizeof(cap) + i * sizeof(area), sizeof(area));
		if (!add_area(r, area.offset, area.size))
			return "a mappable area is not whole pages inside its region, or there are "
			       "too many";
	}
	return NULL;
}

/* Offsets of the chain count from the start of the fixed part. */
static const char *walk_caps(const struct vu_region_info *info, const unsigned char *caps,
			     size_t len, struct vu_region *r, bool *sparse)
{
	uint32_t at = info->cap_offset;
	struct vu_cap cap;

	for (unsigned int links = 0; at; links++) {
		const char *problem;
		size_t pos;

		if (links == MAX_CAPS)
			return "the chain of capabilities does not end";
		if (at < sizeof(*info) || at % 8 || at - sizeof(*info) > len ||
		    len - (at - sizeof(*info)) < sizeof(cap))
			return "a capability lies outside the reply";
		pos = at - sizeof(*info);
		memcpy(&cap, caps + pos, sizeof(cap));
		if (cap.id == VU_CAP_SPARSE_MMAP) {
			if (*sparse)
				return "two sparse capabilities";
			*sparse = true;
			problem = read_sparse(caps + pos, len - pos, r);
			if (problem)
				return problem;
		}
		at = cap.next;
	}
	return NULL;
}

int vu_region_areas(const struct vu_region_info *info, const void *caps, size_t caps_len,
		    struct vu_region *region, const char **problem)
{
	bool sparse = false;

	memset(region, 0, sizeof(*region));
	region->size = info->size;
	region->read = info->flags & VU_REGION_CAN_READ;
	region->write = info->flags & VU_REGION_CAN_WRITE;
	*problem = NULL;
	if (info->flags & VU_REGION_HAS_CAPS)
		*problem = walk_caps(info, caps, caps_len, region, &sparse);
	if (!(info->flags & VU_REGION_CAN_MMAP))
		region->num_areas = 0;
	else if (!*problem && !sparse && !add_area(region, 0, info->size))
		*problem = "the region is mappable but not whole pages";
	if (!*problem) {
		qsort(region->areas, region->num_areas, sizeof(region->areas[0]), by_offset);
		if (overlapping(region))
			*problem = "two mappable areas overlap";
	}
	return *problem ? -EPROTO : 0;
}

/* ---- mapping ---- */

static void unmap(struct vu_region *r)
{
	for (uint32_t i = 0; i < r->num_areas; i++)
		if (r->areas[i].map)
			sys_munmap(r->areas[i].map, r->areas[i].size);
	r->num_areas = 0;
}

void vu_client_regions_unmap(struct vu_client *c)
{
	for (uint32_t i = 0; i < VU_CLIENT_REGIONS; i++)
		unmap(&c->regions[i]);
}

/* A regular file must reach as far as the areas do, or the pages past its end would be SIGBUS. */
static bool file_long_enough(int fd, uint64_t base, const struct vu_area *a)
{
	struct stat st;
	uint64_t end;

	if (sys_fstat(fd, &st) || __builtin_add_overflow(base, a->offset, &end) ||
	    __builtin_add_overflow(end, a->size, &end) || end > INT64_MAX)
		return false;
	return !S_ISREG(st.st_mode) || (uint64_t)st.st_size >= end;
}

static int map(struct vu_client *c, struct vu_region *r, uint32_t index, int fd, uint64_t base)
{
	int prot = (r->read ? PROT_READ : 0) | (r->write ? PROT_WRITE : 0);

	if (r->num_areas && fd < 0)
		return vu_client_die(c, "region %u is mappable but came without a descriptor",
				     index);
	for (uint32_t i = 0; i < r->num_areas; i++) {
		struct vu_area *a = &r->areas[i];
		int rc;

		if (base % VU_PAGE || !file_long_enough(fd, base, a))
			return vu_client_die(c, "region %u: its file is shorter than the area of "
						"0x%llx bytes at 0x%llx",
					     index, (unsigned long long)a->size,
					     (unsigned long long)a->offset);
		rc = sys_mmap(NULL, a->size, prot, MAP_SHARED, fd, (off_t)(base + a->offset),
			      &a->map);
		if (rc) {
			vu_client_why_set(c, "region %u: 0x%llx bytes cannot be mapped: %s", index,
					  (unsigned long long)a->size, strerror(-rc));
			return rc;
		}
	}
	return 0;
}

static int ask(struct vu_client *c, uint32_t index, struct vu_region *r)
{
	struct vu_region_info want = { .argsz = REPLY_ROOM, .index = index }, info = { 0 };
	unsigned char caps[REPLY_ROOM - sizeof(info)];
	CLEANUP_CLOSE int fd = -1;
	struct vu_call call = { .command = VU_DEVICE_GET_REGION_INFO,
				.payload = { { &want, sizeof(want) } },
				.payloads = 1,
				.reply = &info,
				.reply_len = sizeof(info),
				.data = caps,
				.data_room = sizeof(caps),
				.reply_fd = &fd };
	const char *problem;
	int rc = vu_client_call(c, &call);

	if (rc)
		return rc;
	if (info.index != index || info.argsz > REPLY_ROOM ||
	    info.argsz > sizeof(info) + call.data_len)
		return vu_client_die(c, "the answer about region %u does not fit its own length",
				     index);
	rc = vu_region_areas(&info, caps, call.data_len, r, &problem);
	if (rc)
		return vu_client_die(c, "region %u: %s", index, problem);
	rc = map(c, r, index, fd, info.offset);
	if (rc)
		unmap(r);
	return rc;
}

int vu_client_region_known(struct vu_client *c, uint32_t index, struct vu_region *out)
{
	if (index >= VU_CLIENT_REGIONS || !atomic_load(&c->region_known[index]))
		return -ENOENT;
	*out = c->regions[index];
	return 0;
}

int vu_client_region(struct vu_client *c, uint32_t index, struct vu_region *out)
{
	int rc = 0;
	SCOPED_LOCK(&c->region_lock);

	if (index >= c->info.num_regions || index >= VU_CLIENT_REGIONS) {
		memset(out, 0, sizeof(*out));
		return 0;
	}
	if (!c->region_known[index]) {
		rc = ask(c, index, &c->regions[index]);
		atomic_store(&c->region_known[index], !rc);
	}
	if (!rc)
		*out = c->regions[index];
	return rc;
}
