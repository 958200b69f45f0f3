/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One function a command. Each checks its own payload: the fixed part's length, argsz, and every
 * count and range, before anything is done. Descriptors that no function took are closed by the
 * loop with the message.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "vfio-user/server-internal.h"

#define MAX_WRITES 4096u /* in one REGION_WRITE_MULTI */

typedef int (*handler)(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply);

/* Copies the fixed part of the payload out; -EINVAL when it is too short. */
static int fixed(const struct vu_inbox *in, void *to, size_t len)
{
	if (in->body_len < len)
		return -EINVAL;
	memcpy(to, in->body, len);
	return 0;
}

static int answer(struct vu_reply *reply, const void *body, size_t len)
{
	memcpy(reply->body, body, len);
	reply->len = len;
	return 0;
}

/* ---- VERSION ---- */

static int make_twin(struct vu_server *s, struct vu_reply *reply)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	s->twin = pair[0];
	reply->fd = pair[1];
	return 0;
}

/* Short, for QEMU takes no reply longer than its own request. */
static int version(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	const char *problem;
	struct vu_version v;
	int rc = fixed(in, &v, sizeof(v)), n;

	if (rc || v.major != VU_VERSION_MAJOR)
		return -EINVAL;
	rc = vu_caps_parse(in->body + sizeof(v), in->body_len - sizeof(v), &s->peer, &problem);
	if (rc)
		return rc;
	if (s->peer.twin_supported && s->peer.max_msg_fds) {
		rc = make_twin(s, reply);
		if (rc)
			return rc;
	}
	v.minor = VU_VERSION_MINOR;
	memcpy(reply->body, &v, sizeof(v));
	n = snprintf((char *)reply->body + sizeof(v), 256,
		     "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":%u,"
		     "\"max_dma_maps\":%u,\"pgsizes\":4096,\"write_multiple\":true%s}}",
		     VU_MAX_XFER, VU_MAX_DMA_MAPS,
		     reply->fd < 0 ? "" : ",\"twin_socket\":{\"supported\":true,\"fd_index\":0}");
	reply->len = sizeof(v) + (size_t)n + 1;
	return 0;
}

/* ---- what the device is ---- */

static int get_info(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	struct vu_info v;
	int rc = fixed(in, &v, sizeof(v));

	(void)s;
	if (rc || v.argsz < sizeof(v))
		return -EINVAL;
	v = (struct vu_info){ sizeof(v), VU_DEVICE_RESETS | VU_DEVICE_PCI, VU_NUM_REGIONS,
			      VU_NUM_IRQS };
	return answer(reply, &v, sizeof(v));
}

static bool whole_region(const struct vu_server_region *r)
{
	return r->num_areas == 1 && !r->areas[0].offset && r->areas[0].size == r->size;
}

static void put_areas(const struct vu_server_region *r, unsigned char *at)
{
	struct vu_cap_sparse cap = { .head = { .id = VU_CAP_SPARSE_MMAP, .version = 1 },
				     .num_areas = r->num_areas };

	memcpy(at, &cap, sizeof(cap));
	for (uint32_t i = 0; i < r->num_areas; i++) {
		struct vu_sparse_area a = { r->areas[i].offset, r->areas[i].size };

		memcpy(at + sizeof(cap) + i * sizeof(a), &a, sizeof(a));
	}
}

/* The short reply (no room for the capabilities) has neither CAPS nor a descriptor. */
static int get_region_info(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	struct vu_region_info v;
	const struct vu_server_region *r;
	size_t caps = 0;
	uint32_t room;
	int rc = fixed(in, &v, sizeof(v));

	if (rc || v.argsz < sizeof(v) || v.index >= VU_NUM_REGIONS)
		return -EINVAL;
	r = &s->cfg.regions[v.index];
	room = v.argsz;
	if (r->num_areas && !whole_region(r))
		caps = sizeof(struct vu_cap_sparse) + r->num_areas * sizeof(struct vu_sparse_area);
	v.argsz = (uint32_t)(sizeof(v) + caps);
	v.flags = (r->read ? VU_REGION_CAN_READ : 0u) | (r->write ? VU_REGION_CAN_WRITE : 0u) |
		  (r->num_areas ? VU_REGION_CAN_MMAP : 0u);
	v.cap_offset = 0;
	v.size = r->size;
	v.offset = r->num_areas ? r->fd_offset : 0;
	reply->len = sizeof(v);
	if (r->num_areas && v.argsz <= room) {
		reply->fd = fcntl(r->fd, F_DUPFD_CLOEXEC, 3);
		if (reply->fd < 0)
			return -errno;
		if (caps) {
			v.flags |= VU_REGION_HAS_CAPS;
			v.cap_offset = sizeof(v);
			put_areas(r, reply->body + sizeof(v));
			reply->len += caps;
		}
	}
	memcpy(reply->body, &v, sizeof(v));
	return 0;
}

static int get_region_io_fds(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	struct vu_region_io_fds v;
	int rc = fixed(in, &v, sizeof(v));

	(void)s;
	if (rc || v.argsz < sizeof(v) || v.flags || v.count || v.index >= VU_NUM_REGIONS)
		return -EINVAL;
	v.argsz = sizeof(v); /* no region has any */
	return answer(reply, &v, sizeof(v));
}

static int get_irq_info(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	static const uint32_t flags[VU_NUM_IRQS] = {
		[VU_INTX] = VU_IRQ_EVENTFD | VU_IRQ_MASKABLE | VU_IRQ_AUTOMASKED,
		[VU_MSI] = VU_IRQ_EVENTFD,
		[VU_MSIX] = VU_IRQ_EVENTFD,
		[VU_ERR] = VU_IRQ_EVENTFD,
		[VU_REQ] = VU_IRQ_EVENTFD,
	};
	struct vu_irq_info v;
	int rc = fixed(in, &v, sizeof(v));

	if (rc || v.argsz < sizeof(v) || v.index >= VU_NUM_IRQS)
		return -EINVAL;
	v.argsz = sizeof(v);
	v.flags = flags[v.index];
	v.count = s->cfg.irq_count[v.index];
	return answer(reply, &v, sizeof(v));
}

static int set_irqs(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	(void)reply;
	return vu_server_set_irqs(s, in);
}

static int reset(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	(void)in;
	(void)reply;
	s->cfg.ops->reset(s->cfg.dev);
	return 0;
}

/* ---- access ---- */

static int check_access(const struct vu_server *s, const struct vu_access *a)
{
	const struct vu_server_region *r;

	if (a->region >= VU_NUM_REGIONS || a->count > VU_MAX_XFER)
		return -EINVAL;
	r = &s->cfg.regions[a->region];
	return a->count <= r->size && a->offset <= r->size - a->count ? 0 : -EINVAL;
}

/* Asks the author whether he will answer later. */
static int read_later(struct vu_server *s, const struct vu_header *head, const struct vu_access *a)
{
	uint64_t ticket;
	int rc;

	if (!s->cfg.ops->region_read_later)
		return 0;
	ticket = vu_later_add(s, head, a);
	if (!ticket)
		return -EBUSY;
	rc = s->cfg.ops->region_read_later(s->cfg.dev, a->region, a->offset, a->count, ticket);
	if (rc != VU_LATER)
		vu_later_forget(s, ticket);
	return rc;
}

static int region_read(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	struct vu_access a;
	int rc = fixed(in, &a, sizeof(a));

	if (!rc)
		rc = check_access(s, &a);
	if (!rc && !s->cfg.regions[a.region].read)
		rc = -EPERM;
	if (!rc && a.count > s->peer.max_data_xfer_size)
		rc = -E2BIG;
	if (!rc && a.count)
		rc = read_later(s, &in->head, &a);
	if (!rc && a.count)
		rc = s->cfg.ops->region_read(s->cfg.dev, a.region, a.offset,
					     reply->body + sizeof(a), a.count);
	if (rc)
		return rc;
	answer(reply, &a, sizeof(a));
	reply->len += a.count;
	return 0;
}

static int write_one(struct vu_server *s, const struct vu_access *a, const void *data)
{
	int rc = check_access(s, a);

	if (!rc && !s->cfg.regions[a->region].write)
		rc = -EPERM;
	if (!rc && a->count)
		rc = s->cfg.ops->region_write(s->cfg.dev, a->region, a->offset, data, a->count);
	return rc;
}

static int region_write(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	struct vu_access a;
	int rc = fixed(in, &a, sizeof(a));

	if (rc || in->body_len - sizeof(a) != a.count)
		return -EINVAL;
	rc = write_one(s, &a, in->body + sizeof(a));
	return rc ? rc : answer(reply, &a, sizeof(a));
}

static int region_write_multi(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	struct vu_multi_write w;
	uint64_t count;
	int rc = fixed(in, &count, sizeof(count));

	if (rc || count > MAX_WRITES || in->body_len != sizeof(count) + count * sizeof(w))
		return -EINVAL;
	for (uint64_t i = 0; i < count; i++) {
		memcpy(&w, in->body + sizeof(count) + i * sizeof(w), sizeof(w));
		if (!w.count || w.count > sizeof(w.data))
			return -EINVAL;
		rc = write_one(s, &(struct vu_access){ w.offset, w.region, w.count }, w.data);
		if (rc)
			return rc;
	}
	return answer(reply, &count, sizeof(count));
}

/* ---- DMA ranges ---- */

static int dma_map(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	struct vu_dma_map m;
	int rc = fixed(in, &m, sizeof(m)), fd;

	(void)reply;
	if (rc || m.argsz < sizeof(m) || in->num_fds > 1)
		return -EINVAL;
	fd = vu_inbox_take_fd(in, 0);
	rc = vu_dma_map_add(&s->dma, &m, fd);
	if (!rc && s->cfg.ops->dma_mapped)
		s->cfg.ops->dma_mapped(s->cfg.dev, m.address, m.size, fd < 0);
	return rc;
}

static int dma_unmap(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	struct vu_dma_unmap u;
	int rc = fixed(in, &u, sizeof(u));

	if (rc || u.argsz < sizeof(u) || (u.flags & ~(uint32_t)VU_DMA_UNMAP_ALL))
		return -EINVAL;
	if (u.flags & VU_DMA_UNMAP_ALL) {
		if (u.address || u.size)
			return -EINVAL;
		vu_dma_clear(&s->dma);
	} else {
		rc = vu_dma_map_remove(&s->dma, u.address, u.size);
	}
	if (rc)
		return rc;
	if (s->cfg.ops->dma_unmapped)
		s->cfg.ops->dma_unmapped(s->cfg.dev, u.address,
					 u.flags & VU_DMA_UNMAP_ALL ? UINT64_MAX : u.size);
	return answer(reply, &u, sizeof(u));
}

/* ---- dispatch ---- */

static const struct {
	handler handle;
	bool takes_fds;
} commands[] = {
	[VU_VERSION] = { version, false },
	[VU_DMA_MAP] = { dma_map, true },
	[VU_DMA_UNMAP] = { dma_unmap, false },
	[VU_DEVICE_GET_INFO] = { get_info, false },
	[VU_DEVICE_GET_REGION_INFO] = { get_region_info, false },
	[VU_DEVICE_GET_REGION_IO_FDS] = { get_region_io_fds, false },
	[VU_DEVICE_GET_IRQ_INFO] = { get_irq_info, false },
	[VU_DEVICE_SET_IRQS] = { set_irqs, true },
	[VU_REGION_READ] = { region_read, false },
	[VU_REGION_WRITE] = { region_write, false },
	[VU_DEVICE_RESET] = { reset, false },
	[VU_REGION_WRITE_MULTI] = { region_write_multi, false },
};

int vu_server_dispatch(struct vu_server *s, struct vu_inbox *in, struct vu_reply *reply)
{
	uint16_t c = in->head.command;

	if (c >= sizeof(commands) / sizeof(commands[0]) || !commands[c].handle)
		return -ENOTSUP;
	if (in->num_fds && !commands[c].takes_fds)
		return -EINVAL;
	return commands[c].handle(s, in, reply);
}
