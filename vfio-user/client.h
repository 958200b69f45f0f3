/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client half of vfio-user: what a program needs to drive a device behind a socket.
 *
 * One connection is one device. Calls may come from several threads; they take turns on the
 * socket. Every call ends by its deadline; when one does not get its answer in time, or the peer
 * breaks the protocol, the connection is dead: that call and all later ones fail with -EIO (or the
 * more telling code that killed it), and vu_client_dead() is true.
 *
 * All functions return 0 or a negative errno. vu_client_why() tells what went wrong last, in
 * words for a person.
 */
#ifndef VFIO_USER_CLIENT_H
#define VFIO_USER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VU_MAX_AREAS 32

struct vu_client;

struct vu_client_options {
	int64_t connect_timeout_ns; /* connect and VERSION; a silent server is "held": -EBUSY */
	int64_t call_timeout_ns;    /* every later call */
	int64_t spin_ns;            /* how long a wait spins before it sleeps */
	/* Serves DMA_READ and DMA_WRITE of the server for ranges mapped without a descriptor.
	 * Called on the watcher's thread or inside a waiting call; 0 or a negative errno. */
	int (*dma_access)(void *ctx, uint64_t iova, void *data, size_t len, bool write);
	void *dma_ctx;
	/* Told once, by the thread that noticed, when the connection is dead. No call of this API may
	 * be made from it but vu_client_region_known(). */
	void (*on_dead)(void *ctx);
	void *dead_ctx;
};

struct vu_area {
	uint64_t offset; /* bytes from the region's start, page-aligned */
	uint64_t size;   /* bytes */
	void *map;       /* where it is mapped in this process; owned by the client */
};

struct vu_region {
	uint64_t size; /* bytes; 0: the device has no such region */
	bool read, write;
	uint32_t num_areas; /* mappable parts, all mapped, sorted by offset, never overlapping */
	struct vu_area areas[VU_MAX_AREAS];
};

struct vu_device_info {
	bool can_reset;
	uint32_t num_regions;
	uint32_t num_irqs;
};

/*
 * -EBUSY: another client holds the device, or the server is silent. -EIO: it broke the protocol.
 * Others: as connect(2). why (may be NULL) receives the reason in words.
 */
int vu_client_connect(const char *path, const struct vu_client_options *opt, char *why,
		      size_t why_len, struct vu_client **ret);
/* The same over a socket that leads to the server already, and does not block; it is the client's from now
 * on, also when this fails. */
int vu_client_adopt(int fd, const struct vu_client_options *opt, char *why, size_t why_len,
		    struct vu_client **ret);
void vu_client_close(struct vu_client *c); /* NULL is fine */

/*
 * Starts the thread that notices a server which goes away between calls and serves its DMA
 * messages. A client that only looks at a device needs none.
 */
int vu_client_watch(struct vu_client *c);

bool vu_client_dead(const struct vu_client *c);
/* Copies the words; "" when nothing went wrong. */
void vu_client_why(struct vu_client *c, char *out, size_t len);

void vu_client_device_info(const struct vu_client *c, struct vu_device_info *out);
/* Asks, checks and maps a region (VFIO index). The areas stay mapped until close. */
int vu_client_region(struct vu_client *c, uint32_t index, struct vu_region *out);
/* What vu_client_region() has learned so far, without asking; -ENOENT: nothing yet. */
int vu_client_region_known(struct vu_client *c, uint32_t index, struct vu_region *out);
/* Number of vectors of an interrupt index (VFIO index). */
int vu_client_irq_count(struct vu_client *c, uint32_t index, uint32_t *count);

int vu_client_read(struct vu_client *c, uint32_t region, uint64_t offset, void *buf, uint32_t len);
int vu_client_write(struct vu_client *c, uint32_t region, uint64_t offset, const void *buf,
		    uint32_t len);

/* fd < 0: the server reaches the range by messages alone. The descriptor stays the caller's. */
int vu_client_dma_map(struct vu_client *c, uint64_t iova, uint64_t size, int fd, uint64_t offset,
		      bool device_reads, bool device_writes);
/* Exactly a range that was mapped; by_messages: it was mapped with fd < 0. */
int vu_client_dma_unmap(struct vu_client *c, uint64_t iova, uint64_t size, bool by_messages);

/* Binds an eventfd to a vector; fd < 0 disables the whole index. */
int vu_client_irq_bind(struct vu_client *c, uint32_t index, uint32_t vector, int fd);
int vu_client_reset(struct vu_client *c);

#endif
