/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server half of vfio-user: what a program needs to *be* a PCI device behind a unix socket.
 *
 * The device's author describes regions and interrupts, gives callbacks, and runs vu_server_run() on a
 * thread, or steps the server in a loop of his own. One client is served at a time; a second one is told
 * EBUSY at once. When a client leaves, its DMA maps and eventfds are dropped, `detached` is called, and the
 * next one may come. The callbacks run on the server's thread, one after the other. DMA and interrupt
 * functions may be called from any thread while the server exists; they answer -ENOTCONN when no client is
 * there. A range that the client unmaps is out of use when it gets its answer: the copies under way end
 * first.
 *
 * The client's memory is reached through its own files, which it may cut short at any time; the
 * library therefore handles SIGBUS (chained to the handler that was there) during its copies.
 */
#ifndef VFIO_USER_SERVER_H
#define VFIO_USER_SERVER_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio-user/atomic-op.h"

#define VU_NUM_REGIONS 9
#define VU_NUM_IRQS 5
#define VU_SERVER_MAX_AREAS 16
#define VU_SERVER_MAX_LATER 64 /* reads that wait for their author; more are refused with EBUSY */
#define VU_LATER 1

enum vu_region_index { VU_BAR0 = 0, VU_ROM = 6, VU_CONFIG = 7, VU_VGA = 8 };
enum vu_irq_index { VU_INTX = 0, VU_MSI = 1, VU_MSIX = 2, VU_ERR = 3, VU_REQ = 4 };

struct vu_server;

struct vu_server_area {
	uint64_t offset, size; /* bytes, multiples of 4096 */
};

struct vu_server_region {
	uint64_t size; /* bytes; 0: no such region */
	bool read, write;
	/* A file holding the region's mappable pages at fd_offset + area offset; -1 for none. The
	 * descriptor stays the author's and must outlive the server. No areas: nothing mappable. */
	int fd;
	uint64_t fd_offset;
	uint32_t num_areas;
	struct vu_server_area areas[VU_SERVER_MAX_AREAS];
};

struct vu_server_ops {
	/* One access inside the region, already bounds-checked. 0 or a negative errno. */
	int (*region_read)(void *dev, uint32_t region, uint64_t offset, void *buf, uint32_t len);
	int (*region_write)(void *dev, uint32_t region, uint64_t offset, const void *buf,
			    uint32_t len);
	void (*reset)(void *dev);    /* DEVICE_RESET */
	void (*attached)(void *dev); /* a client passed VERSION; may be NULL */
	void (*detached)(void *dev); /* a client left; its maps and eventfds are gone; may be NULL */
	/* A range of the client's memory was mapped, or all inside that range were unmapped; may be NULL. */
	void (*dma_mapped)(void *dev, uint64_t iova, uint64_t size, bool by_messages);
	void (*dma_unmapped)(void *dev, uint64_t iova, uint64_t size);
	/*
	 * Asked before region_read; may be NULL. 0: go on to region_read; VU_LATER: the author answers by
	 * vu_server_read_done() with this ticket; a negative errno refuses. What the client sends
	 * behind such a read is carried out meanwhile, in order.
	 */
	int (*region_read_later)(void *dev, uint32_t region, uint64_t offset, uint32_t len,
				 uint64_t ticket);
};

struct vu_server_config {
	const char *path; /* socket; a stale one (nobody listens) is replaced; NULL: none */
	struct vu_server_region regions[VU_NUM_REGIONS];
	uint32_t irq_count[VU_NUM_IRQS];
	unsigned int answer_ms; /* for the client's answer to a DMA message; 0: 5 seconds */
	unsigned int reply_delay_ms; /* each answer comes so much later: to test against slow devices */
	const struct vu_server_ops *ops;
	void *dev;
};

int vu_server_new(const struct vu_server_config *cfg, struct vu_server **ret);
/* Serves until vu_server_stop(); 0 or a negative errno. */
int vu_server_run(struct vu_server *s);
/* From any thread or a signal handler: makes run return. */
void vu_server_stop(struct vu_server *s);
void vu_server_free(struct vu_server *s); /* unlinks the socket; NULL is fine */
/* Serves the client at the other end of a connected socket, which is the server's from here on. -EBUSY:
 * there is a client. Before the server runs, or from the thread that steps it. */
int vu_server_adopt(struct vu_server *s, int socket);

/*
 * For an author with a loop of his own, instead of vu_server_run(): wants, poll, step. All of it and all
 * DMA happen on the loop's thread; vu_server_stop() wakes its poll and does no more.
 */
#define VU_SERVER_FDS 3
/* What to poll for; returns for how many milliseconds at most (-1: no limit). */
int vu_server_wants(struct vu_server *s, struct pollfd fds[VU_SERVER_FDS]);
/* Does what poll has found, and of the client's commands no more than max. Returns how many replies it has
 * made: who waits for one may wait for this very core. */
unsigned int vu_server_step(struct vu_server *s, const struct pollfd fds[VU_SERVER_FDS],
			    unsigned int max);
/* Takes commands that the client has sent, without poll: what a busy loop does now and then. A new client
 * is not noticed by it. Returns as vu_server_step() does. */
unsigned int vu_server_glance(struct vu_server *s, unsigned int max);

/* From a callback of a stepped server: of the commands that have come, this step takes no more. */
void vu_server_pause(struct vu_server *s);

/*
 * The answer to a read that was put off: data (as long as was asked for), or rc, a negative errno. On the
 * server's thread. -ENOENT: no such ticket, for its client has left.
 */
int vu_server_read_done(struct vu_server *s, uint64_t ticket, int rc, const void *data);

/*
 * DMA of the device: copies between buf and the client's memory. Mapped descriptors are used
 * directly, other ranges by messages of at most 64 KiB, never from inside a region callback. A stepped server
 * without a twin socket carries out the client's commands while it waits for the answer; a client that
 * gives none is let go (-ETIMEDOUT), for its author's loop stands still meanwhile. After vu_server_stop()
 * it does not wait (-ECANCELED). Nor does it wait while a read of this client is to be answered later
 * (-EINPROGRESS): the message is under way, and has buf until vu_server_dma_resume() says how it ended.
 * -EFAULT: not mapped, or mapped without that direction; nothing past the first bad byte is moved.
 */
int vu_server_dma_read(struct vu_server *s, uint64_t iova, void *buf, size_t len);
int vu_server_dma_write(struct vu_server *s, uint64_t iova, const void *buf, size_t len);
/* Whether an address is reached by such messages. Of a stepped server, on the loop's thread. */
bool vu_server_dma_asks(struct vu_server *s, uint64_t iova);
/* How the one message that is in progress ended, or -EINPROGRESS still. What an access has behind it is not
 * moved: who may meet this moves no more than lies in one page. On the loop's thread. */
int vu_server_dma_resume(struct vu_server *s);
/*
 * The range round iova, for the loop of a stepped server to reach by itself until dma_mapped, dma_unmapped or
 * detached is called. False: it is to be read and written by the functions above, which find out why: it is
 * not mapped, or not with that direction, or of a file without F_SEAL_SHRINK.
 */
struct vu_window {
	uint64_t iova, size;
	unsigned char *at;
};
bool vu_server_dma_window(struct vu_server *s, uint64_t iova, bool write, struct vu_window *ret);
/*
 * Copies inside the client's memory without a bounce where both ends are mapped.
 * *fault_iova is the first address that could not be reached when -EFAULT is returned.
 */
int vu_server_dma_copy(struct vu_server *s, uint64_t dst, uint64_t src, size_t len,
		       uint64_t *fault_iova);
/*
 * One word of 4 or 8 bytes, changed in one go as seen by every thread and process that has it
 * mapped; *old is what was there. The word must be readable and writable for the device. -EINVAL: not
 * naturally aligned, or of another size; -EFAULT: not reachable. -EOPNOTSUPP: the range is reached by
 * messages, which have no such operation; the caller may read and write in its place.
 */
int vu_server_dma_atomic(struct vu_server *s, uint64_t iova, enum vu_atomic_op op,
			 unsigned int bytes, uint64_t operand, uint64_t compare, uint64_t *old);

/* Makes a DMA message under way fail at once (-ECANCELED), so that a reset need not wait for it. */
void vu_server_dma_cancel(struct vu_server *s);

/* Signals the eventfd bound to a vector; 0 also when none is bound, -EINVAL for no such vector. */
int vu_server_irq(struct vu_server *s, uint32_t index, uint32_t vector);
bool vu_server_irq_bound(struct vu_server *s, uint32_t index, uint32_t vector);
bool vu_server_has_client(struct vu_server *s);
/* Somebody is at the socket, who may not have said VERSION yet. On the server's thread. */
bool vu_server_connected(const struct vu_server *s);

/* Since the server began: messages taken from clients, and connections accepted. */
struct vu_server_counts {
	uint64_t messages, clients;
};
void vu_server_counts(struct vu_server *s, struct vu_server_counts *out);

#endif
