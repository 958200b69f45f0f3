/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's memory as the device sees it: a sorted table of ranges. Ranges that came with a
 * descriptor are mapped here; the others are reached by messages (server-message.c).
 *
 * Copies hold the table's lock for reading, so an unmap, which takes it for writing, returns when
 * the last of them has ended. A message holds nothing: the client itself refuses what it unmapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "vfio-user/server-internal.h"

#define COPY_CHUNK (1u << 20) /* under one taking of the lock, so that unmaps get their turn */

int vu_dma_table_init(struct vu_dma_table *t)
{
	pthread_rwlockattr_t attr;
	int rc;

	pthread_rwlockattr_init(&attr);
	/* The writer is the server's thread: it must not starve behind a busy engine. */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	rc = pthread_rwlock_init(&t->lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	return -rc;
}

static void range_done(struct vu_dma_range *r)
{
	if (r->map)
		sys_munmap(r->map, r->map_len);
}

void vu_dma_clear(struct vu_dma_table *t)
{
	pthread_rwlock_wrlock(&t->lock);
	for (size_t i = 0; i < t->num; i++)
		range_done(&t->ranges[i]);
	t->num = 0;
	pthread_rwlock_unlock(&t->lock);
}

void vu_dma_table_done(struct vu_dma_table *t)
{
	vu_dma_clear(t);
	free(t->ranges);
	pthread_rwlock_destroy(&t->lock);
}

/* Index of the first range that ends behind iova. */
static size_t lower(const struct vu_dma_table *t, uint64_t iova)
{
	size_t lo = 0, hi = t->num;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->ranges[mid].iova + (t->ranges[mid].size - 1) < iova)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ---- adding ---- */

static bool cannot_shrink(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SHRINK);
}

static int map_file(const struct vu_dma_map *m, int fd, struct vu_dma_range *r)
{
	int prot = (r->can_read ? PROT_READ : 0) | (r->can_write ? PROT_WRITE : 0);
	uint64_t slack = m->offset % VU_PAGE, end;
	bool lasting = cannot_shrink(fd); /* before its size is looked at, and so since then */
	struct stat st;
	int rc = sys_fstat(fd, &st);

	if (rc)
		return rc;
	if (__builtin_add_overflow(m->offset, m->size, &end) || end > INT64_MAX)
		return -EINVAL;
	if (S_ISREG(st.st_mode)) {
		if ((uint64_t)st.st_size < end)
			return -EINVAL;
		if (st.st_blksize > (blksize_t)VU_PAGE && st.st_blksize <= (1 << 30))
			slack = m->offset % (uint64_t)st.st_blksize; /* hugetlbfs wants whole ones */
	}
	r->map_len = m->size + slack;
	rc = sys_mmap(NULL, r->map_len, prot, MAP_SHARED, fd, (off_t)(m->offset - slack), &r->map);
	if (rc)
		return rc;
	r->at = (unsigned char *)r->map + slack;
	/* A hole that is punched into huge pages may leave none to fill it with. */
	r->lasting = lasting && st.st_blksize <= (blksize_t)VU_PAGE;
	return 0;
}

static int make_room(struct vu_dma_table *t)
{
	struct vu_dma_range *grown;

	if (t->num >= VU_MAX_DMA_MAPS)
		return -ENOSPC;
	if (t->num < t->room)
		return 0;
	grown = reallocarray(t->ranges, t->room * 2 + 16, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	t->ranges = grown;
	t->room = t->room * 2 + 16;
	return 0;
}

static bool same_range(const struct vu_dma_range *a, const struct vu_dma_range *b)
{
	return a->iova == b->iova && a->size == b->size && a->can_read == b->can_read &&
	       a->can_write == b->can_write;
}

/* Replaces an identical range, as clients do that map again after a reset. */
static int insert(struct vu_dma_table *t, const struct vu_dma_range *r)
{
	size_t at = lower(t, r->iova);
	int rc;

	if (at < t->num && t->ranges[at].iova <= r->iova + (r->size - 1)) {
		if (!same_range(&t->ranges[at], r))
			return -EEXIST;
		range_done(&t->ranges[at]);
		t->ranges[at] = *r;
		return 0;
	}
	rc = make_room(t);
	if (rc)
		return rc;
	memmove(&t->ranges[at + 1], &t->ranges[at], (t->num - at) * sizeof(*r));
	t->ranges[at] = *r;
	t->num++;
	return 0;
}

int vu_dma_map_add(struct vu_dma_table *t, const struct vu_dma_map *m, int fd_taken)
{
	CLEANUP_CLOSE int fd = fd_taken;
	struct vu_dma_range r = { .iova = m->address,
				  .size = m->size,
				  .can_read = m->flags & VU_DMA_CAN_READ,
				  .can_write = m->flags & VU_DMA_CAN_WRITE };
	uint64_t last;
	int rc = 0;

	if (!m->size || (m->flags & ~(uint32_t)(VU_DMA_CAN_READ | VU_DMA_CAN_WRITE)) ||
	    __builtin_add_overflow(m->address, m->size - 1, &last) ||
	    (m->address | m->size) % VU_PAGE)
		return -EINVAL;
	if (fd >= 0)
		rc = map_file(m, fd, &r);
	if (rc)
		return rc;
	pthread_rwlock_wrlock(&t->lock);
	rc = insert(t, &r);
	pthread_rwlock_unlock(&t->lock);
	if (rc)
		range_done(&r);
	return rc;
}

/* ---- removing ---- */

/* Every range that lies inside goes; one that lies half inside is an error and nothing goes. */
static int remove_inside(struct vu_dma_table *t, uint64_t first, uint64_t last)
{
	size_t from = lower(t, first), to = from;

	while (to < t->num && t->ranges[to].iova <= last) {
		const struct vu_dma_range *r = &t->ranges[to++];

		if (r->iova < first || r->iova + (r->size - 1) > last)
			return -EINVAL;
	}
	for (size_t i = from; i < to; i++)
		range_done(&t->ranges[i]);
	memmove(&t->ranges[from], &t->ranges[to], (t->num - to) * sizeof(t->ranges[0]));
	t->num -= to - from;
	return 0;
}

int vu_dma_map_remove(struct vu_dma_table *t, uint64_t iova, uint64_t size)
{
	uint64_t last;
	int rc;

	if (!size || __builtin_add_overflow(iova, size - 1, &last))
		return -EINVAL;
	pthread_rwlock_wrlock(&t->lock);
	rc = remove_inside(t, iova, last);
	pthread_rwlock_unlock(&t->lock);
	return rc;
}

/* ---- access ---- */

/* A server that is stepped changes the table on the thread that copies; the lock costs more than a line. */
static void hold_table(struct vu_server *s)
{
	if (!s->stepped)
		pthread_rwlock_rdlock(&s->dma.lock);
}

static void release_table(struct vu_server *s)
{
	if (!s->stepped)
		pthread_rwlock_unlock(&s->dma.lock);
}

/* The range that holds iova, and how much of len lies in it. Lock held. */
static const struct vu_dma_range *find(const struct vu_dma_table *t, uint64_t iova, size_t *len)
{
	size_t i = lower(t, iova);
	const struct vu_dma_range *r;
	uint64_t left;

	if (i >= t->num || t->ranges[i].iova > iova)
		return NULL;
	r = &t->ranges[i];
	left = r->size - (iova - r->iova);
	if (*len > left)
		*len = left;
	return r;
}

int vu_dma_look(const struct vu_dma_table *t, uint64_t iova, size_t len, bool write,
		struct vu_spot *ret)
{
	const struct vu_dma_range *r = find(t, iova, &len);

	if (!r || !(write ? r->can_write : r->can_read))
		return -EFAULT;
	ret->at = r->at ? r->at + (iova - r->iova) : NULL;
	ret->len = len;
	return 0;
}

/* One step: up to a chunk, inside one range. Returns the bytes moved or a negative errno. */
static ssize_t step(struct vu_server *s, uint64_t iova, void *buf, size_t len, bool write)
{
	struct vu_spot spot;
	int rc;

	if (len > COPY_CHUNK)
		len = COPY_CHUNK;
	hold_table(s);
	rc = vu_dma_look(&s->dma, iova, len, write, &spot);
	if (!rc && spot.at)
		rc = write ? vu_copy(spot.at, buf, spot.len) : vu_copy(buf, spot.at, spot.len);
	release_table(s);
	if (!rc && !spot.at) {
		if (spot.len > VU_DMA_CHUNK)
			spot.len = VU_DMA_CHUNK;
		rc = vu_dma_message(s, iova, buf, spot.len, write);
	}
	return rc ? rc : (ssize_t)spot.len;
}

static int access_all(struct vu_server *s, uint64_t iova, void *buf, size_t len, bool write)
{
	uint64_t last;

	if (!vu_server_has_client(s))
		return -ENOTCONN;
	if (len && __builtin_add_overflow(iova, len - 1, &last))
		return -EFAULT;
	for (size_t done = 0; done < len;) {
		ssize_t n = step(s, iova + done, (char *)buf + done, len - done, write);

		if (n < 0)
			return (int)n;
		done += (size_t)n;
	}
	return 0;
}

int vu_server_dma_read(struct vu_server *s, uint64_t iova, void *buf, size_t len)
{
	return access_all(s, iova, buf, len, false);
}

int vu_server_dma_write(struct vu_server *s, uint64_t iova, const void *buf, size_t len)
{
	void *from;

	memcpy(&from, &buf, sizeof(from)); /* only read from when writing */
	return access_all(s, iova, from, len, true);
}

bool vu_server_dma_asks(struct vu_server *s, uint64_t iova)
{
	const struct vu_dma_range *r;
	size_t len = 1;

	if (!s->stepped || s->twin >= 0)
		return false;
	r = find(&s->dma, iova, &len);
	return r && !r->at;
}

bool vu_server_dma_window(struct vu_server *s, uint64_t iova, bool write, struct vu_window *ret)
{
	const struct vu_dma_range *r;
	size_t len = 1;

	if (!s->stepped || !vu_server_has_client(s))
		return false;
	r = find(&s->dma, iova, &len);
	if (!r || !r->lasting || !(write ? r->can_write : r->can_read))
		return false;
	*ret = (struct vu_window){ r->iova, r->size, r->at };
	return true;
}

/* Both ends mapped: straight across. Returns the bytes moved, 0 when a bounce is needed. */
static ssize_t copy_mapped(struct vu_server *s, uint64_t dst, uint64_t src, size_t len,
			   uint64_t *fault)
{
	struct vu_spot from, to;
	ssize_t n = 0;

	if (len > COPY_CHUNK)
		len = COPY_CHUNK;
	hold_table(s);
	if (vu_dma_look(&s->dma, src, len, false, &from)) {
		*fault = src;
		n = -EFAULT;
	} else if (vu_dma_look(&s->dma, dst, from.len, true, &to)) {
		*fault = dst;
		n = -EFAULT;
	} else if (from.at && to.at) {
		*fault = dst;
		n = vu_copy(to.at, from.at, to.len);
		if (!n)
			n = (ssize_t)to.len;
	}
	release_table(s);
	return n;
}

static ssize_t copy_bounced(struct vu_server *s, uint64_t dst, uint64_t src, size_t len,
			    uint64_t *fault)
{
	unsigned char buf[VU_DMA_CHUNK];
	int rc;

	if (len > sizeof(buf))
		len = sizeof(buf);
	*fault = src;
	rc = vu_server_dma_read(s, src, buf, len);
	if (rc)
		return rc;
	*fault = dst;
	rc = vu_server_dma_write(s, dst, buf, len);
	return rc ? rc : (ssize_t)len;
}

int vu_server_dma_copy(struct vu_server *s, uint64_t dst, uint64_t src, size_t len,
		       uint64_t *fault_iova)
{
	uint64_t end;

	if (!vu_server_has_client(s))
		return -ENOTCONN;
	*fault_iova = src;
	if (len && (__builtin_add_overflow(src, len - 1, &end) ||
		    __builtin_add_overflow(dst, len - 1, &end)))
		return -EFAULT;
	for (size_t done = 0; done < len;) {
		ssize_t n = copy_mapped(s, dst + done, src + done, len - done, fault_iova);

		if (!n)
			n = copy_bounced(s, dst + done, src + done, len - done, fault_iova);
		if (n < 0)
			return (int)n;
		done += (size_t)n;
	}
	return 0;
}
