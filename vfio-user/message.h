/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vfio-user messages: their numbers and layouts, and sending and receiving them. Source: QEMU's
 * docs/interop/vfio-user.rst; region, interrupt and flag numbers are those of linux/vfio.h.
 *
 * Everything is in host byte order (both ends are on one machine) and naturally aligned, so the
 * layouts are plain structs whose sizes are asserted; they are copied to and from buffers, never
 * cast onto them.
 */
#ifndef VFIO_USER_MESSAGE_H
#define VFIO_USER_MESSAGE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define VU_VERSION_MAJOR 0
#define VU_VERSION_MINOR 0

#define VU_MAX_FDS 16u                   /* descriptors taken in one message */
#define VU_MAX_XFER (1024u * 1024)       /* bytes of data in one access */
#define VU_MAX_BODY (VU_MAX_XFER + 64u)  /* bytes after the header, at most */
#define VU_DMA_CHUNK (64u * 1024)        /* what one DMA message carries; QEMU hangs on more */
#define VU_MAX_DMA_MAPS 65535u
#define VU_PAGE 4096u
#define VU_LOOK 64u

enum vu_command {
	VU_VERSION = 1,
	VU_DMA_MAP = 2,
	VU_DMA_UNMAP = 3,
	VU_DEVICE_GET_INFO = 4,
	VU_DEVICE_GET_REGION_INFO = 5,
	VU_DEVICE_GET_REGION_IO_FDS = 6,
	VU_DEVICE_GET_IRQ_INFO = 7,
	VU_DEVICE_SET_IRQS = 8,
	VU_REGION_READ = 9,
	VU_REGION_WRITE = 10,
	VU_DMA_READ = 11,
	VU_DMA_WRITE = 12,
	VU_DEVICE_RESET = 13,
	VU_REGION_WRITE_MULTI = 15,
	VU_DEVICE_FEATURE = 16,
};

enum {
	VU_FLAG_TYPE = 0xf, /* 0 command, 1 reply */
	VU_FLAG_REPLY = 0x1,
	VU_FLAG_NO_REPLY = 0x10,
	VU_FLAG_ERROR = 0x20,

	VU_DEVICE_RESETS = 1, /* device info */
	VU_DEVICE_PCI = 2,

	VU_REGION_CAN_READ = 1, /* region info */
	VU_REGION_CAN_WRITE = 2,
	VU_REGION_CAN_MMAP = 4,
	VU_REGION_HAS_CAPS = 8,
	VU_CAP_SPARSE_MMAP = 1,

	VU_DMA_CAN_READ = 1, /* DMA map */
	VU_DMA_CAN_WRITE = 2,
	VU_DMA_UNMAP_ALL = 2,

	VU_IRQ_EVENTFD = 1, /* interrupt info */
	VU_IRQ_MASKABLE = 2,
	VU_IRQ_AUTOMASKED = 4,

	VU_IRQ_DATA_NONE = 1, /* SET_IRQS */
	VU_IRQ_DATA_BOOL = 2,
	VU_IRQ_DATA_EVENTFD = 4,
	VU_IRQ_DATA = 7,
	VU_IRQ_MASK = 8,
	VU_IRQ_UNMASK = 16,
	VU_IRQ_TRIGGER = 32,
	VU_IRQ_ACTION = 56,
};

struct vu_header {
	uint16_t id, command;
	uint32_t size; /* of the whole message */
	uint32_t flags;
	uint32_t error;
};

struct vu_version {
	uint16_t major, minor; /* then JSON text with its NUL */
};

struct vu_dma_map {
	uint32_t argsz, flags;
	uint64_t offset, address, size;
};

struct vu_dma_unmap {
	uint32_t argsz, flags;
	uint64_t address, size;
};

struct vu_info {
	uint32_t argsz, flags, num_regions, num_irqs;
};

struct vu_region_info {
	uint32_t argsz, flags, index, cap_offset;
	uint64_t size, offset;
};

struct vu_cap {
	uint16_t id, version;
	uint32_t next;
};

struct vu_cap_sparse {
	struct vu_cap head;
	uint32_t num_areas, reserved; /* then num_areas of struct vu_sparse_area */
};

struct vu_sparse_area {
	uint64_t offset, size;
};

struct vu_region_io_fds {
	uint32_t argsz, flags, index, count;
};

struct vu_irq_info {
	uint32_t argsz, flags, index, count;
};

struct vu_set_irqs {
	uint32_t argsz, flags, index, start, count; /* then data */
};

struct vu_access {
	uint64_t offset;
	uint32_t region, count; /* then data */
};

struct vu_dma_access {
	uint64_t address, count; /* then data */
};

struct vu_multi_write {
	uint64_t offset;
	uint32_t region, count;
	uint8_t data[8];
};

static_assert(sizeof(struct vu_header) == 16, "header");
static_assert(sizeof(struct vu_version) == 4, "version");
static_assert(sizeof(struct vu_dma_map) == 32, "DMA map");
static_assert(sizeof(struct vu_dma_unmap) == 24, "DMA unmap");
static_assert(sizeof(struct vu_info) == 16, "device info");
static_assert(sizeof(struct vu_region_info) == 32, "region info");
static_assert(sizeof(struct vu_cap_sparse) == 16, "sparse capability");
static_assert(sizeof(struct vu_sparse_area) == 16, "sparse area");
static_assert(sizeof(struct vu_irq_info) == 16, "interrupt info");
static_assert(sizeof(struct vu_set_irqs) == 20, "set interrupts");
static_assert(sizeof(struct vu_access) == 16, "region access");
static_assert(sizeof(struct vu_dma_access) == 16, "DMA access");
static_assert(sizeof(struct vu_multi_write) == 24, "write multiple");

/*
 * A message on its way in. It arrives in pieces of any size; the header is judged before room for
 * the body is made. Descriptors belong to the inbox until vu_inbox_take_fd() takes them.
 */
struct vu_inbox {
	struct vu_header head;
	unsigned char *body;
	size_t body_len; /* of the message that is complete */
	size_t got;      /* bytes so far, header included */
	size_t room;     /* allocated for body */
	int fds[VU_MAX_FDS];
	uint32_t num_fds;

	/*
	 * A first read may take `look` bytes where it would take a header, so that a short message is one
	 * call to the kernel. What it took of the next message waits in `ahead`: whoever sleeps
	 * in poll asks vu_inbox_has_more() first. At most VU_LOOK; 0: never more than a header.
	 */
	size_t look;
	bool no_fds; /* none is wanted: the kernel drops those that come */
	unsigned char ahead[VU_LOOK];
	size_t ahead_len;
	uint32_t ahead_fds; /* of fds[], those of the next message */
};

/*
 * The longest look. No message that brings descriptors is shorter, so those that come with the end
 * of one message and the beginning of another are the other's.
 */
#define VU_LOOK_AT_COMMANDS 32u

/* Takes what is there. 1: a message is complete; 0: more is to come; -ENOTCONN: the peer has gone;
 * -EPROTO: broken header or too many descriptors; other negative errno: the socket's. */
int vu_inbox_read(struct vu_inbox *in, int socket);
/* Closes descriptors that nobody took. */
void vu_inbox_close_fds(struct vu_inbox *in);
/* Forgets the message, its descriptors included. */
void vu_inbox_next(struct vu_inbox *in);
void vu_inbox_done(struct vu_inbox *in);
static inline bool vu_inbox_has_more(const struct vu_inbox *in)
{
	return in->ahead_len > 0;
}
int vu_inbox_take_fd(struct vu_inbox *in, uint32_t i);

/*
 * Sends what the socket takes now of a message given in pieces, descriptors with the first byte.
 * Returns the number of bytes sent, 0 when it would block, or a negative errno.
 */
ssize_t vu_send_some(int socket, const struct iovec *iov, size_t iovs, const int *fds,
		     uint32_t num_fds);
/* All of it by the deadline, or a negative errno (-ETIMEDOUT). iov is used up. */
int vu_send_all(int socket, struct iovec *iov, size_t iovs, const int *fds, uint32_t num_fds,
		int64_t deadline);
/* Advances iov past n bytes; returns how many entries have been used up. */
size_t vu_iov_skip(struct iovec *iov, size_t iovs, size_t n);

const char *vu_command_name(uint16_t command);

/* What the JSON of VERSION tells of its sender. */
struct vu_caps {
	uint64_t max_msg_fds, max_data_xfer_size, max_dma_maps;
	bool twin_supported;
	int64_t twin_fd_index; /* -1: not given */
};

/* text has len bytes; 0 or -EINVAL with a word for people in *problem. len 0: the defaults. */
int vu_caps_parse(const void *text, size_t len, struct vu_caps *caps, const char **problem);

#endif
