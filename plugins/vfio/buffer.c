/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/vfio/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "plugins/vfio/card.h"

#define ALL_FLAGS (FPGA_BUF_PREALLOCATED | FPGA_BUF_QUIET | FPGA_BUF_READ_ONLY)
#define SLOTS_MAX (1u << 24)

void buffers_init(struct buffers *b)
{
	memset(b, 0, sizeof(*b));
	pthread_mutex_init(&b->lock, NULL);
	pthread_mutex_init(&b->served_lock, NULL);
}

void buffers_attach(struct buffers *b, struct vdev *dev)
{
	b->iova = dev->addresses;
}

/* ---- slots; lock held ---- */

static struct buffer_slot *slot_new(struct buffers *b)
{
	struct buffer_slot *s;

	if (b->free_head) {
		s = &b->slots[b->free_head - 1];
		b->free_head = s->next_free;
	} else {
		if (b->num == b->room) {
			uint32_t room = b->room * 2 + 16;

			s = room > SLOTS_MAX ? NULL : reallocarray(b->slots, room, sizeof(*s));
			if (!s)
				return NULL;
			b->slots = s;
			b->room = room;
		}
		s = &b->slots[b->num++];
		memset(s, 0, sizeof(*s));
	}
	s->generation++;
	s->used = true;
	return s;
}

static void slot_free(struct buffers *b, struct buffer_slot *s)
{
	s->used = false;
	s->next_free = b->free_head;
	b->free_head = (uint32_t)(s - b->slots) + 1;
}

static uint64_t slot_wsid(const struct buffers *b, const struct buffer_slot *s)
{
	return (uint64_t)s->generation << 32 | (uint64_t)(s - b->slots + 1);
}

static struct buffer_slot *slot_find(struct handle *h, uint64_t wsid)
{
	struct buffers *b = &h->card->buffers;
	uint32_t index = (uint32_t)wsid;
	struct buffer_slot *s;

	if (!index || index > b->num)
		return NULL;
	s = &b->slots[index - 1];
	return s->used && s->generation == wsid >> 32 && s->buffer.owner == h ? s : NULL;
}

/* ---- served by messages ---- */

static int served_add(struct buffers *b, const struct buffer *buf)
{
	struct buffer *grown;
	SCOPED_LOCK(&b->served_lock);

	grown = reallocarray(b->served, b->num_served + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	b->served = grown;
	b->served[b->num_served++] = *buf;
	return 0;
}

static void served_remove(struct buffers *b, uint64_t iova)
{
	SCOPED_LOCK(&b->served_lock);

	for (size_t i = 0; i < b->num_served; i++)
		if (b->served[i].iova == iova) {
			b->served[i] = b->served[--b->num_served];
			return;
		}
}

int buffers_access(struct buffers *b, uint64_t iova, void *data, size_t len, bool write)
{
	SCOPED_LOCK(&b->served_lock);

	for (size_t i = 0; i < b->num_served; i++) {
		const struct buffer *buf = &b->served[i];

		if (iova < buf->iova || len > buf->len || iova - buf->iova > buf->len - len)
			continue;
		if (write && !buf->device_writes)
			return -EPERM;
		return memory_copy((char *)buf->memory.at + (iova - buf->iova), data, len, write);
	}
	return -EFAULT;
}

/* ---- giving to the device ---- */

/* The addresses are the buffer's. They are put back on failure. */
static int map(struct buffers *b, struct vdev *dev, struct buffer *buf)
{
	int rc = 0;

	if (buf->memory.fd < 0 && dev->ops->shares_by_fd)
		rc = served_add(b, buf);
	if (!rc) {
		rc = dev->ops->dma_map(dev, buf->map_iova, buf->memory.at, buf->map_len,
				       buf->memory.fd, buf->device_writes);
		if (rc)
			served_remove(b, buf->iova);
	}
	if (rc)
		iova_pool_put(b->iova, buf->map_iova, buf->map_iova + buf->map_len - 1);
	return rc;
}

/* Finds addresses and maps. The caller keeps the memory on failure. */
static int attach(struct buffers *b, struct vdev *dev, struct buffer *buf)
{
	uint64_t skew = (uintptr_t)buf->memory.at % MEMORY_PAGE;
	uint64_t align = buf->memory.huge ? MEMORY_HUGE : MEMORY_PAGE;
	int rc;

	buf->map_len = (buf->memory.len + skew + MEMORY_PAGE - 1) & ~(uint64_t)(MEMORY_PAGE - 1);
	rc = iova_pool_get(b->iova, buf->map_len, align, &buf->map_iova);
	if (rc)
		return rc;
	buf->iova = buf->map_iova + skew;
	return map(b, dev, buf);
}

/* The addresses are used again only when the device has let go of them. */
static int detach(struct buffers *b, struct vdev *dev, struct buffer *buf)
{
	int rc = atomic_load(&dev->dead) && dev->ops->shares_by_fd ?
			 0 :
			 dev->ops->dma_unmap(dev, buf->map_iova, buf->map_len, buf->memory.fd >= 0);

	if (!rc)
		iova_pool_put(b->iova, buf->map_iova, buf->map_iova + buf->map_len - 1);
	served_remove(b, buf->iova);
	memory_release(&buf->memory);
	return rc;
}

void buffers_release_all(struct buffers *b, struct vdev *dev, const struct handle *owner)
{
	SCOPED_LOCK(&b->lock);

	for (uint32_t i = 0; i < b->num; i++)
		if (b->slots[i].used && (!owner || b->slots[i].buffer.owner == owner)) {
			detach(b, dev, &b->slots[i].buffer);
			slot_free(b, &b->slots[i]);
		}
}

void buffers_done(struct buffers *b)
{
	free(b->slots);
	free(b->served);
	pthread_mutex_destroy(&b->lock);
	pthread_mutex_destroy(&b->served_lock);
}

/* ---- a buffer of several devices ---- */

static struct buffer_slot *slot_at(struct buffers *b, const struct handle *owner, uint64_t iova)
{
	for (uint32_t i = 0; i < b->num; i++)
		if (b->slots[i].used && b->slots[i].buffer.iova == iova &&
		    (!owner || b->slots[i].buffer.owner == owner))
			return &b->slots[i];
	return NULL;
}

int buffers_copy(struct buffers *b, const void *at, uint64_t iova, struct buffer *ret)
{
	const struct buffer_slot *s;
	SCOPED_LOCK(&b->lock);

	s = slot_at(b, NULL, iova);
	if (!s || s->buffer.memory.at != at)
		return -ENOENT;
	*ret = s->buffer;
	ret->memory.kind = MEMORY_FOREIGN;
	if (ret->memory.fd >= 0)
		ret->memory.fd = fcntl(ret->memory.fd, F_DUPFD_CLOEXEC, 3);
	return s->buffer.memory.fd >= 0 && ret->memory.fd < 0 ? -errno : 0;
}

int buffers_pin(struct buffers *b, struct vdev *dev, struct buffer *buf)
{
	struct buffer_slot *s;
	int rc;
	SCOPED_LOCK(&b->lock);

	s = slot_at(b, NULL, buf->iova);
	if (s && s->buffer.memory.at == buf->memory.at && s->buffer.len == buf->len)
		return -EEXIST; /* for another child on this device: all go together */
	s = slot_new(b);
	if (!s)
		return -ENOMEM;
	rc = iova_pool_take(b->iova, buf->map_iova, buf->map_iova + buf->map_len - 1);
	if (!rc)
		rc = map(b, dev, buf);
	if (rc)
		slot_free(b, s);
	else
		s->buffer = *buf;
	return rc;
}

int buffers_unpin(struct buffers *b, struct vdev *dev, const struct handle *owner, uint64_t iova)
{
	struct buffer_slot *s;
	int rc;
	SCOPED_LOCK(&b->lock);

	s = slot_at(b, owner, iova);
	if (!s)
		return -ENOENT;
	rc = detach(b, dev, &s->buffer);
	slot_free(b, s);
	return rc;
}

/* ---- the calls ---- */

static fpga_result no_memory(uint64_t len, bool theirs)
{
	return say(theirs ? FPGA_INVALID_PARAM : FPGA_NO_MEMORY,
		   theirs ?
			   "fpgaPrepareBuffer: the %llu bytes at that address are not all memory of "
			   "this process" :
			   "fpgaPrepareBuffer: there is no memory for %llu bytes",
		   (unsigned long long)len);
}

static fpga_result check_arguments(uint64_t len, void **at, int flags)
{
	if (flags & ~ALL_FLAGS)
		return say(FPGA_INVALID_PARAM, "fpgaPrepareBuffer: unknown flags 0x%x",
			   (unsigned int)flags & ~(unsigned int)ALL_FLAGS);
	if (!at)
		return say(FPGA_INVALID_PARAM, "fpgaPrepareBuffer: buf_addr is NULL");
	if (!len)
		return say(FPGA_INVALID_PARAM, "fpgaPrepareBuffer: the length is 0");
	if ((flags & FPGA_BUF_PREALLOCATED) && !*at)
		return say(FPGA_INVALID_PARAM, "fpgaPrepareBuffer: FPGA_BUF_PREALLOCATED, but the "
					       "address is NULL");
	return FPGA_OK;
}

static fpga_result enter(struct handle *h, struct buffer *buf, uint64_t *wsid)
{
	struct buffers *b = &h->card->buffers;
	struct buffer_slot *s;
	int rc;
	SCOPED_LOCK(&b->lock);

	s = slot_new(b);
	if (!s)
		return say(FPGA_NO_MEMORY, "fpgaPrepareBuffer: too many buffers");
	rc = attach(b, h->dev, buf);
	if (rc) {
		slot_free(b, s);
		if (rc == -ENOSPC && !buf->map_iova)
			return say(FPGA_NO_MEMORY, "fpgaPrepareBuffer: the device has no %llu bytes "
						   "of addresses left",
				   (unsigned long long)buf->len);
		if (rc == -EFAULT && buf->memory.kind != MEMORY_OWN)
			return say(FPGA_INVALID_PARAM,
				   "fpgaPrepareBuffer: not all of the %llu bytes at that address is memory "
				   "that %s", (unsigned long long)buf->len,
				   buf->device_writes ? "may be written; with FPGA_BUF_READ_ONLY the device "
							"only reads" : "the device can be given");
		return say_device(h->dev, rc, "fpgaPrepareBuffer");
	}
	s->buffer = *buf;
	*wsid = slot_wsid(b, s);
	return FPGA_OK;
}

static fpga_result settle_and_enter(struct handle *h, struct buffer *buf, uint64_t *wsid)
{
	fpga_result r;

	if (!h->dev->ops->shares_by_fd && !buf->device_writes)
		memory_settle(buf->memory.at, buf->memory.len);
	r = enter(h, buf, wsid);
	if (r != FPGA_OK)
		memory_release(&buf->memory);
	return r;
}

/* Huge pages that are there may still not be this process's to take (cgroup), or more than it may lock. */
static fpga_result make_and_enter(struct handle *h, struct buffer *buf, uint64_t *wsid)
{
	bool shares = h->dev->ops->shares_by_fd;
	int rc = memory_make(buf->len, shares, false, &buf->memory);
	fpga_result r;

	if (rc)
		return no_memory(buf->len, false);
	r = settle_and_enter(h, buf, wsid);
	if (r == FPGA_OK || !buf->memory.huge || atomic_load(&h->dev->dead))
		return r;
	buf->map_iova = 0;
	rc = memory_make(buf->len, shares, true, &buf->memory);
	return rc ? no_memory(buf->len, false) : settle_and_enter(h, buf, wsid);
}

fpga_result vfio_prepare_buffer(fpga_handle handle, uint64_t len, void **at, uint64_t *wsid,
				int flags)
{
	struct handle *h = handle;
	bool preallocated = flags & FPGA_BUF_PREALLOCATED;
	struct buffer buf = { .owner = h, .len = len, .device_writes = !(flags & FPGA_BUF_READ_ONLY) };
	fpga_result r;
	int rc;

	if (preallocated && !(flags & ~ALL_FLAGS) && !len && !at)
		return FPGA_OK; /* the question whether it can be done */
	r = check_arguments(len, at, flags);
	if (r != FPGA_OK)
		return r;
	if (preallocated) {
		rc = memory_adopt(*at, len, h->dev->ops->shares_by_fd, &buf.memory);
		return rc ? no_memory(len, rc == -EFAULT) : settle_and_enter(h, &buf, wsid);
	}
	r = make_and_enter(h, &buf, wsid);
	if (r == FPGA_OK)
		*at = buf.memory.at;
	return r;
}

fpga_result vfio_release_buffer(fpga_handle handle, uint64_t wsid)
{
	struct handle *h = handle;
	struct buffer_slot *s;
	int rc;
	SCOPED_LOCK(&h->card->buffers.lock);

	s = slot_find(h, wsid);
	if (!s)
		return say(FPGA_INVALID_PARAM,
			   "fpgaReleaseBuffer: 0x%llx is no buffer of this handle, or was released",
			   (unsigned long long)wsid);
	rc = detach(&h->card->buffers, h->dev, &s->buffer);
	slot_free(&h->card->buffers, s);
	return rc ? say_device(h->dev, rc, "fpgaReleaseBuffer") : FPGA_OK;
}

fpga_result vfio_get_ws_info(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr, void **buf,
			     uint64_t *len)
{
	struct handle *h = handle;
	struct buffer_slot *s;
	SCOPED_LOCK(&h->card->buffers.lock);

	s = slot_find(h, wsid);
	if (!s)
		return say(FPGA_NOT_FOUND, "0x%llx is no buffer of this handle, or was released",
			   (unsigned long long)wsid);
	*ioaddr = s->buffer.iova;
	if (buf)
		*buf = s->buffer.memory.at;
	if (len)
		*len = s->buffer.len;
	return FPGA_OK;
}

fpga_result vfio_get_ioaddress(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr)
{
	return vfio_get_ws_info(handle, wsid, ioaddr, NULL, NULL);
}
