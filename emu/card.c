/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads: the server's (register accesses, resets) and an engine for each accelerator. One lock
 * guards blocks and the configuration space. Engines work without it; a reset first makes DMA
 * impossible, then waits until the engine is idle.
 */
#include "emu/card.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/sys.h"
#include "emu/card-internal.h"
#include "vfio-user/server.h"

#define MSIX_PBA 0x800u
#define FME_BYTES UINT64_C(0x8000)

static void lock(struct card *c)
{
	pthread_mutex_lock(&c->room.lock);
}

static void unlock(struct card *c)
{
	pthread_mutex_unlock(&c->room.lock);
}

const struct board *card_board(const struct card *c)
{
	return c->board;
}

const struct inject *card_inject(const struct card *c)
{
	return c->inject;
}

/* ---- reset ---- */

static void reset_block(struct block *b)
{
	if (b->engine)
		engine_quiet(b->engine);
	b->ops->reset(b);
	if (b->engine)
		engine_resume(b->engine);
}

void card_hold_port(struct card *c, unsigned int port, bool hold)
{
	struct block *b = &c->afus[port]->block;

	if (!hold) {
		engine_resume(b->engine);
		return;
	}
	engine_quiet(b->engine);
	b->ops->reset(b);
}

int card_replace_afu(struct card *c, unsigned int port, const struct block_ops *afu)
{
	struct block *b = &c->afus[port]->block;
	void *state;

	if (!engine_is_quiet(b->engine))
		return -EBUSY;
	if (b->mapped && (afu->map_offset != b->ops->map_offset || afu->map_size != b->ops->map_size))
		return -EINVAL; /* the client has other pages mapped */
	state = calloc(1, afu->state_size + 1);
	if (!state)
		return -ENOMEM;
	free(b->state);
	b->state = state;
	b->ops = afu;
	memset(b->regs, 0, b->size);
	b->ops->reset(b);
	/* Whoever remembers what the card was sees by its socket that it is another one. */
	utimensat(AT_FDCWD, c->socket, NULL, 0);
	return 0;
}

/* Lock held. */
static void reset_all(struct card *c)
{
	if (atomic_load(&c->gone))
		return;
	for (unsigned int i = 0; i < c->num_blocks; i++)
		reset_block(&c->blocks[i].block);
	vu_config_reset(&c->config);
	atomic_store(&c->bus_master, false);
	memset(c->msix, 0, sizeof(c->msix));
}

static void on_reset(void *dev)
{
	struct card *c = dev;

	lock(c);
	reset_all(c);
	unlock(c);
}

static void on_attached(void *dev)
{
	struct card *c = dev;

	lock(c);
	c->room.attached = true;
	pthread_cond_broadcast(&c->room.changed);
	unlock(c);
}

/* As the kernel does when the last descriptor of a device is closed: the next one finds it clean. */
static void on_detached(void *dev)
{
	struct card *c = dev;

	lock(c);
	c->room.attached = false;
	reset_all(c);
	unlock(c);
}

/* ---- accesses ---- */

static struct block *block_at(struct card *c, unsigned int bar, uint64_t offset, uint64_t *inside)
{
	for (unsigned int i = 0; i < c->num_blocks; i++) {
		struct card_block *p = &c->blocks[i];

		if (p->bar == bar && offset - p->offset < p->block.size) {
			*inside = offset - p->offset;
			return &p->block;
		}
	}
	return NULL;
}

/* Accelerators are what has an engine. */
static void count_access(const struct block *b, bool write)
{
	struct card_traffic *t = &b->card->traffic[b->port];

	if (b->engine)
		__atomic_add_fetch(write ? &t->mmio_writes : &t->mmio_reads, 1, __ATOMIC_RELAXED);
}

static void bar_read(struct card *c, unsigned int region, uint64_t offset, uint8_t *buf, uint32_t len)
{
	const uint8_t *at = c->bars[region].at + offset;
	uint64_t inside;
	struct block *b = block_at(c, region, offset, &inside);

	if (b)
		count_access(b, false);
	if (b && b->ops->reading)
		b->ops->reading(b, inside, len);
	if (len == 8 && offset % 8 == 0) {
		uint64_t v = __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_ACQUIRE);

		memcpy(buf, &v, sizeof(v));
	} else if (len == 4 && offset % 4 == 0) {
		uint32_t v = __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_ACQUIRE);

		memcpy(buf, &v, sizeof(v));
	} else {
		memcpy(buf, at, len);
	}
}

/* A wider or crooked write arrives as what the bus would make of it: 8 and 4 bytes; less is lost. */
static void bar_write(struct card *c, unsigned int bar, uint64_t offset, const uint8_t *buf,
		      uint32_t len)
{
	while (len >= 4 && offset % 4 == 0) {
		unsigned int bytes = len >= 8 && offset % 8 == 0 ? 8 : 4;
		uint64_t v = 0, inside;
		struct block *b = block_at(c, bar, offset, &inside);

		memcpy(&v, buf, bytes);
		if (b)
			count_access(b, true);
		if (b && !(b->engine && engine_is_quiet(b->engine))) {
			b->ops->written(b, inside, v, bytes);
			if (b->ops->has_work && b->ops->has_work(b))
				pthread_cond_broadcast(&c->room.changed);
		}
		offset += bytes;
		buf += bytes;
		len -= bytes;
	}
}

static int on_read(void *dev, uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	struct card *c = dev;

	lock(c);
	if (atomic_load(&c->gone))
		memset(buf, 0xff, len);
	else if (region == VU_CONFIG)
		vu_config_read(&c->config, offset, buf, len);
	else if (!vu_config_memory_enabled(&c->config))
		memset(buf, 0xff, len); /* as an access that no device claims */
	else if (region == CARD_MSIX_BAR)
		memcpy(buf, c->msix + offset, len);
	else
		bar_read(c, region, offset, buf, len);
	unlock(c);
	return 0;
}

static void config_write(struct card *c, uint64_t offset, const void *buf, uint32_t len)
{
	if (vu_config_write(&c->config, offset, buf, len))
		reset_all(c);
	atomic_store(&c->bus_master, vu_config_bus_master(&c->config));
}

static int on_write(void *dev, uint32_t region, uint64_t offset, const void *buf, uint32_t len)
{
	struct card *c = dev;

	lock(c);
	if (atomic_load(&c->gone))
		; /* nobody is there */
	else if (region == VU_CONFIG)
		config_write(c, offset, buf, len);
	else if (!vu_config_memory_enabled(&c->config))
		; /* nobody claims it */
	else if (region == CARD_MSIX_BAR)
		memcpy(c->msix + offset, buf, len);
	else
		bar_write(c, region, offset, buf, len);
	unlock(c);
	return 0;
}

static const struct vu_server_ops server_ops = {
	.region_read = on_read,
	.region_write = on_write,
	.reset = on_reset,
	.attached = on_attached,
	.detached = on_detached,
};

/* ---- faults that wait for a signal ---- */

/* Word by word, for clients and accelerators may be at them. */
static void all_ones(struct card_bar *bar)
{
	uint64_t *words = (void *)bar->at;

	for (uint64_t i = 0; bar->at && i < bar->size / sizeof(*words); i++)
		__atomic_store_n(&words[i], UINT64_MAX, __ATOMIC_RELAXED);
}

void card_raise(struct card *c)
{
	lock(c);
	for (unsigned int i = 0; i < c->num_blocks; i++) {
		struct block *b = &c->blocks[i].block;

		if (b->ops->raise)
			b->ops->raise(b);
	}
	if (c->inject->gone) {
		atomic_store(&c->gone, true);
		c->room.attached = false; /* nobody looks at these registers any more */
		for (unsigned int i = 0; i < BOARD_BARS; i++)
			all_ones(&c->bars[i]);
	}
	unlock(c);
}

/* ---- life ---- */

static int make_bar(struct card_bar *bar, uint64_t size)
{
	void *at;
	int rc;

	bar->fd = sys_memfd("opae-emu-bar", MFD_ALLOW_SEALING);
	if (bar->fd < 0)
		return bar->fd;
	rc = sys_ftruncate(bar->fd, (off_t)size);
	/* The client gets this file: it must not be able to cut it short under the card. */
	if (!rc && fcntl(bar->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		rc = -errno;
	if (!rc)
		rc = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, bar->fd, 0, &at);
	if (!rc) {
		bar->at = at;
		bar->size = size;
	}
	return rc;
}

static struct card_block *add_block(struct card *c, const struct block_ops *ops, unsigned int bar,
				    uint64_t offset, uint64_t size)
{
	struct card_block *p = &c->blocks[c->num_blocks++];

	p->bar = bar;
	p->offset = offset;
	p->block = (struct block){ .ops = ops,
				   .card = c,
				   .regs = c->bars[bar].at + offset,
				   .size = size,
				   .state = calloc(1, ops->state_size + 1) };
	return p;
}

static void add_port(struct card *c, unsigned int n, bool mapped)
{
	const struct board_port *p = &c->board->ports[n];
	unsigned int vector = board_has_fme(c->board) + n * BOARD_PORT_VECTORS;
	struct card_block *b;

	if (p->afu_offset) {
		b = add_block(c, &block_port, p->bar, p->offset, BOARD_PORT_BYTES);
		b->block.first_vector = vector++;
		b->block.num_vectors = 1;
		b->block.port = n;
	}
	b = add_block(c, p->afu, p->bar, p->offset + p->afu_offset, p->afu_size);
	b->block.first_vector = vector;
	b->block.num_vectors = BOARD_PORT_VECTORS - 1;
	b->block.port = n;
	b->block.mapped = mapped;
	c->afus[n] = b;
}

static int make_blocks(struct card *c, bool mapped)
{
	int rc = 0;

	for (unsigned int i = 0; i < BOARD_BARS && !rc; i++)
		if (c->board->bar_size[i])
			rc = make_bar(&c->bars[i], c->board->bar_size[i]);
	if (!rc && board_has_fme(c->board))
		add_block(c, &block_fme, 0, c->board->fme_offset, FME_BYTES)->block.num_vectors = 1;
	for (unsigned int i = 0; i < c->board->num_ports && !rc; i++)
		add_port(c, i, mapped);
	for (unsigned int i = 0; i < c->num_blocks && !rc; i++)
		if (!c->blocks[i].block.state)
			rc = -ENOMEM;
	for (unsigned int i = 0; i < c->num_blocks && !rc; i++)
		c->blocks[i].block.ops->reset(&c->blocks[i].block);
	for (unsigned int i = 0; i < c->board->num_ports && !rc; i++)
		rc = engine_new(&c->room, &c->afus[i]->block, &c->afus[i]->block.engine);
	return rc;
}

static void make_config(struct card *c)
{
	const struct board *b = c->board;
	uint32_t list[2] = { 1, (uint32_t)b->fme_offset }; /* one list, in BAR0 */

	vu_config_init(&c->config, &b->ids);
	for (unsigned int i = 0; i < BOARD_BARS; i++)
		if (b->bar_size[i])
			vu_config_add_bar(&c->config, i, b->bar_size[i], true);
	vu_config_add_bar(&c->config, CARD_MSIX_BAR, CARD_MSIX_BYTES, false);
	vu_config_add_pm(&c->config);
	vu_config_add_pcie(&c->config);
	vu_config_add_msix(&c->config, board_vectors(b), CARD_MSIX_BAR, 0, MSIX_PBA);
	if (b->layout == BOARD_VSEC)
		vu_config_add_vsec(&c->config, 0x43, 0, list, 2);
}

/* What of a block may be mapped becomes an area of its BAR's region. */
static void add_area(struct vu_server_region *r, const struct card_block *p)
{
	const struct block_ops *ops = p->block.ops;

	if (p->block.mapped && ops->map_size)
		r->areas[r->num_areas++] = (struct vu_server_area){
			p->offset + ops->map_offset,
			ops->map_size == UINT64_MAX ? p->block.size - ops->map_offset : ops->map_size
		};
}

static int make_server(struct card *c)
{
	struct vu_server_config cfg = {
		.path = c->socket,
		.regions = {
			[CARD_MSIX_BAR] = { .size = CARD_MSIX_BYTES, .read = true, .write = true,
					    .fd = -1 },
			[VU_CONFIG] = { .size = VU_CONFIG_SIZE, .read = true, .write = true,
					.fd = -1 },
		},
		.irq_count = { [VU_MSIX] = board_vectors(c->board), [VU_ERR] = 1, [VU_REQ] = 1 },
		.reply_delay_ms = c->inject->delay_ms,
		.ops = &server_ops,
		.dev = c,
	};

	for (unsigned int i = 0; i < BOARD_BARS; i++)
		if (c->board->bar_size[i])
			cfg.regions[i] = (struct vu_server_region){ .size = c->bars[i].size,
								    .read = true,
								    .write = true,
								    .fd = c->bars[i].fd };
	for (unsigned int i = 0; i < c->num_blocks; i++)
		add_area(&cfg.regions[c->blocks[i].bar], &c->blocks[i]);
	return vu_server_new(&cfg, &c->server);
}

/* The server may not exist yet: then nothing is under way. */
static void cancel_dma(void *card)
{
	struct card *c = card;

	if (c->server)
		vu_server_dma_cancel(c->server);
}

static struct card *card_alloc(const struct board *board, const char *socket,
			       const struct inject *inject)
{
	struct card *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	if (!c)
		return NULL;
	c->board = board;
	c->inject = inject;
	memcpy(c->socket, socket, strlen(socket) + 1);
	for (unsigned int i = 0; i < BOARD_BARS; i++)
		c->bars[i].fd = -1;
	c->room.cancel = cancel_dma;
	c->room.card = c;
	pthread_mutex_init(&c->room.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->room.changed, &attr);
	pthread_condattr_destroy(&attr);
	return c;
}

int card_new(const struct board *board, const char *socket, bool mapped,
	     const struct inject *inject, struct card **ret)
{
	struct card *c;
	int rc;

	if (strlen(socket) >= sizeof(c->socket))
		return -ENAMETOOLONG;
	c = card_alloc(board, socket, inject);
	rc = c ? make_blocks(c, mapped) : -ENOMEM;
	if (!rc) {
		make_config(c);
		rc = make_server(c);
	}
	if (rc) {
		card_free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

int card_run(struct card *c)
{
	return vu_server_run(c->server);
}

void card_stop(struct card *c)
{
	vu_server_stop(c->server);
}

void card_free(struct card *c)
{
	if (!c)
		return;
	for (unsigned int i = 0; i < c->num_blocks; i++)
		engine_free(c->blocks[i].block.engine);
	vu_server_free(c->server);
	for (unsigned int i = 0; i < c->num_blocks; i++)
		free(c->blocks[i].block.state);
	for (unsigned int i = 0; i < BOARD_BARS; i++) {
		if (c->bars[i].at)
			sys_munmap(c->bars[i].at, c->bars[i].size);
		if (c->bars[i].fd >= 0)
			sys_close(c->bars[i].fd);
	}
	pthread_cond_destroy(&c->room.changed);
	pthread_mutex_destroy(&c->room.lock);
	free(c);
}
