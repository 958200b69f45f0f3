/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers: memory, an address of the IOMMU's for it, and the mapping that brings the two together. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/meminfo.h"
#include "base/sys.h"
#include "opaevfio/opaevfio.h"

enum { NULL_OR_FLAG = 1, NO_SIZE = 2, NO_LOCK = 3, NOT_MAPPED = 4, NOT_KEPT = 5 };

#define BUCKETS 19441u /* OPAE's number */
#define SMALL_PAGE ((size_t)4096)
#define HUGE_2MIB ((size_t)2 << 20)
#define HUGE_1GIB ((size_t)1 << 30)

/* log2 of the size is in the flags (linux/mman.h: MAP_HUGE_SHIFT). */
static const struct page_kind {
	size_t page, more_than; /* for what is larger than that */
	int flags;
} kinds[] = {
	{ HUGE_1GIB, HUGE_2MIB, MAP_HUGETLB | 30 << 26 },
	{ HUGE_2MIB, SMALL_PAGE, MAP_HUGETLB | 21 << 26 },
	{ SMALL_PAGE, 0, 0 },
};

static struct iommu *iommu_of(struct opae_vfio *v)
{
	return hold_of(v) ? &hold_of(v)->d.space->iommu : NULL;
}

/*
 * If the kernel does not take the mapping back its address stays taken, and its pages stay the device's,
 * until the device is closed.
 */
static void forget_mapping(struct opae_vfio *v, const struct opae_vfio_buffer *b)
{
	struct iommu *m = iommu_of(v);

	if (!m->ops->unmap(m, b->buffer_iova, b->buffer_size))
		mem_alloc_put(&v->iova_alloc, b->buffer_iova);
}

static void free_memory(const struct opae_vfio_buffer *b)
{
	if (!(b->flags & OPAE_VFIO_BUF_PREALLOCATED))
		sys_munmap(b->buffer_ptr, b->buffer_size);
}

/* When one leaves the map of buffers. */
static void buffer_gone(void *value, void *context)
{
	const struct hold *h = context;

	forget_mapping(h->v, value);
	free_memory(value);
	free(value);
}

int buffers_make(struct opae_vfio *v)
{
	/* Which keys are in it is looked at before. */
	return opae_hash_map_init(&v->cont_buffers, BUCKETS, 0, OPAE_HASH_MAP_UNIQUE_KEYSPACE,
				  opae_u64_key_hash, opae_u64_key_compare, NULL, buffer_gone) ? -ENOMEM : 0;
}

static int map(struct opae_vfio *v, struct opae_vfio_buffer *b)
{
	struct iommu *m = iommu_of(v);
	int rc;

	if (mem_alloc_get(&v->iova_alloc, &b->buffer_iova, b->buffer_size))
		return -ENOSPC;
	rc = m->ops->map(m, b->buffer_iova, b->buffer_ptr, b->buffer_size, true);
	if (rc)
		mem_alloc_put(&v->iova_alloc, b->buffer_iova);
	return rc;
}

static int make_of(struct opae_vfio *v, const struct page_kind *k, size_t size,
		   struct opae_vfio_buffer *b)
{
	void *at;
	int rc;

	if (size <= k->more_than || __builtin_add_overflow(size, k->page - 1, &size))
		return -ENOMEM;
	b->buffer_size = size & ~(k->page - 1);
	if (!k->flags && !meminfo_has(b->buffer_size))
		return -ENOMEM;
	rc = sys_mmap(NULL, b->buffer_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | k->flags,
		      -1, 0, &at);
	if (rc)
		return rc;
	b->buffer_ptr = at;
	rc = map(v, b);
	if (rc)
		free_memory(b);
	return rc;
}

/* Which pages it is in is no matter to the device: the next smaller ones may fit a limit, or a gap. */
static int make(struct opae_vfio *v, size_t size, struct opae_vfio_buffer *b)
{
	int rc = -ENOMEM;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && rc; i++)
		rc = make_of(v, &kinds[i], size, b);
	return rc;
}

static int adopt(struct opae_vfio *v, size_t size, uint8_t *at, struct opae_vfio_buffer *b)
{
	if (__builtin_add_overflow(size, SMALL_PAGE - 1, &size))
		return -ENOMEM;
	b->buffer_ptr = at;
	b->buffer_size = size & ~(SMALL_PAGE - 1);
	return map(v, b);
}

/* Lock held. *ret is the map's. */
static int allocate(struct opae_vfio *v, size_t size, uint8_t *given, int flags,
		    struct opae_vfio_buffer **ret)
{
	struct opae_vfio_buffer *b;

	if (given && !opae_hash_map_find(&v->cont_buffers, given, NULL))
		return NOT_KEPT;
	b = calloc(1, sizeof(*b));
	if (!b)
		return NOT_KEPT;
	b->flags = flags;
	if (given ? adopt(v, size, given, b) : make(v, size, b)) {
		free(b);
		return NOT_MAPPED;
	}
	if (opae_hash_map_add(&v->cont_buffers, b->buffer_ptr, b)) {
		buffer_gone(b, hold_of(v));
		return NOT_KEPT;
	}
	*ret = b;
	return 0;
}

int opae_vfio_buffer_allocate_ex(struct opae_vfio *v, size_t *size, uint8_t **buf, uint64_t *iova, int flags)
{
	bool given = flags & OPAE_VFIO_BUF_PREALLOCATED;
	struct opae_vfio_buffer *b = NULL;
	int code;

	if (!v || !hold_of(v) || !size || flags & ~OPAE_VFIO_BUF_PREALLOCATED || (given && (!buf || !*buf)))
		return NULL_OR_FLAG;
	if (!*size)
		return NO_SIZE;
	if (pthread_mutex_lock(&v->lock))
		return NO_LOCK;
	code = allocate(v, *size, given ? *buf : NULL, flags, &b);
	if (!code) {
		*size = b->buffer_size;
		if (buf)
			*buf = b->buffer_ptr;
		if (iova)
			*iova = b->buffer_iova;
	}
	pthread_mutex_unlock(&v->lock);
	return code;
}

int opae_vfio_buffer_allocate(struct opae_vfio *v, size_t *size, uint8_t **buf, uint64_t *iova)
{
	return opae_vfio_buffer_allocate_ex(v, size, buf, iova, 0);
}

struct opae_vfio_buffer *opae_vfio_buffer_info(struct opae_vfio *v, uint8_t *vaddr)
{
	void *b = NULL;

	if (!v || !hold_of(v) || pthread_mutex_lock(&v->lock))
		return NULL;
	opae_hash_map_find(&v->cont_buffers, vaddr, &b);
	pthread_mutex_unlock(&v->lock);
	return b;
}

int opae_vfio_buffer_free(struct opae_vfio *v, uint8_t *buf)
{
	fpga_result res;

	if (!v || !hold_of(v))
		return 1;
	if (pthread_mutex_lock(&v->lock))
		return 2;
	res = opae_hash_map_remove(&v->cont_buffers, buf);
	pthread_mutex_unlock(&v->lock);
	return res ? 3 : 0;
}

/* The kernel has a lock for these. */
int opae_vfio_buffer_map(struct opae_vfio *v, size_t size, uint8_t *buf, uint64_t iova)
{
	struct iommu *m = v ? iommu_of(v) : NULL;

	return m && buf ? m->ops->map(m, iova, buf, size, true) : 1;
}

int opae_vfio_buffer_unmap(struct opae_vfio *v, size_t size, uint64_t iova)
{
	struct iommu *m = v ? iommu_of(v) : NULL;

	return m ? m->ops->unmap(m, iova, size) : 1;
}
