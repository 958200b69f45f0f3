/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two threads: the server's (register accesses, resets) and the engine's (the AFU's work). The lock
 * guards the AFU's state and the configuration space. The engine works without it; a reset first
 * makes DMA impossible, then waits until the engine is idle.
 */
#include "emu/card.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/sys.h"
#include "emu/board.h"
#include "vfio-user/server.h"

#define BAR_MSIX 4u
#define MSIX_BAR_BYTES 4096u
#define MSIX_PBA 0x800u
#define SPIN_NS (2 * NS_PER_MS)    /* how long after a change the engine keeps looking */
#define NAP_NS (200 * NS_PER_US)   /* between two looks after that */
#define FAULT_LINES 16u            /* faults told in the log; the rest are counted */
#define QUIET_NS (6 * NS_PER_S)    /* longest wait for the engine in a reset */

struct card {
	const struct board *board;
	struct vu_server *server;
	struct afu afu;
	int regs_fd; /* memfd behind the AFU's region */

	pthread_mutex_t lock; /* guards all below but atomics */
	pthread_cond_t changed;
	pthread_t engine;
	bool engine_started, quit, attached, working;
	struct vu_config_space config;
	uint8_t msix[MSIX_BAR_BYTES];
	atomic_bool dma_off; /* a reset is under way */
	atomic_bool bus_master;
	struct card_faults faults;
};

void afu_put_identity(struct afu *a, uint64_t guid_high, uint64_t guid_low)
{
	afu_put64(a, 0x00, AFU_DFH_LAST);
	afu_put64(a, 0x08, guid_low);
	afu_put64(a, 0x10, guid_high);
}

void card_lock(struct card *c)
{
	pthread_mutex_lock(&c->lock);
}

void card_unlock(struct card *c)
{
	pthread_mutex_unlock(&c->lock);
}

/* ---- what the AFU asks for ---- */

static int fault(struct card *c, uint64_t iova, size_t len, bool write, int rc)
{
	if (rc == -ECANCELED || rc == -ENOTCONN) /* a reset, or the client left */
		return rc;
	if (__atomic_add_fetch(&c->faults.count, 1, __ATOMIC_RELAXED) <= FAULT_LINES)
		fprintf(stderr, "DMA fault: %s of %zu bytes at 0x%" PRIx64 ": %s\n",
			write ? "write" : "read", len, iova,
			rc == -EFAULT ? "no such address, or no permission" :
			rc == -EPERM  ? "bus mastering is off" :
					strerror(-rc));
	__atomic_store_n(&c->faults.last_iova, iova, __ATOMIC_RELAXED);
	__atomic_store_n(&c->faults.last_was_write, write, __ATOMIC_RELAXED);
	return rc;
}

static int dma_allowed(struct card *c)
{
	if (atomic_load(&c->dma_off))
		return -ECANCELED;
	return atomic_load(&c->bus_master) ? 0 : -EPERM;
}

int card_dma_copy(struct card *c, uint64_t dst, uint64_t src, size_t len)
{
	uint64_t where = src;
	int rc = dma_allowed(c);

	if (!rc)
		rc = vu_server_dma_copy(c->server, dst, src, len, &where);
	return rc ? fault(c, where, len, where - dst < len, rc) : 0;
}

int card_dma_write(struct card *c, uint64_t iova, const void *data, size_t len)
{
	int rc = dma_allowed(c);

	if (!rc)
		rc = vu_server_dma_write(c->server, iova, data, len);
	return rc ? fault(c, iova, len, true, rc) : 0;
}

void card_interrupt(struct card *c, uint32_t vector)
{
	vu_server_irq(c->server, VU_MSIX, vector);
}

void card_faults(struct card *c, struct card_faults *out)
{
	out->count = __atomic_load_n(&c->faults.count, __ATOMIC_RELAXED);
	out->last_iova = __atomic_load_n(&c->faults.last_iova, __ATOMIC_RELAXED);
	out->last_was_write = __atomic_load_n(&c->faults.last_was_write, __ATOMIC_RELAXED);
}

/* ---- the engine ---- */

static bool polls(const struct card *c)
{
	return c->attached && c->afu.mapped && c->afu.ops->look;
}

static bool has_work(struct card *c)
{
	return c->afu.ops->has_work && c->afu.ops->has_work(&c->afu);
}

/* Lock held. Sleeps until something may have changed; a poller naps, or does not sleep at all. */
static void rest(struct card *c, int64_t last_change)
{
	if (!polls(c)) {
		pthread_cond_wait(&c->changed, &c->lock);
		return;
	}
	pthread_mutex_unlock(&c->lock);
	if (clock_now_ns() - last_change > SPIN_NS)
		clock_sleep_ns(NAP_NS);
	pthread_mutex_lock(&c->lock);
}

static void *engine(void *arg)
{
	struct card *c = arg;
	int64_t last_change = 0;

	pthread_mutex_lock(&c->lock);
	while (!c->quit) {
		if (polls(c) && c->afu.ops->look(&c->afu))
			last_change = clock_now_ns();
		if (!has_work(c)) {
			rest(c, last_change);
			continue;
		}
		c->working = true;
		pthread_mutex_unlock(&c->lock);
		c->afu.ops->work(&c->afu);
		pthread_mutex_lock(&c->lock);
		c->working = false;
		last_change = clock_now_ns();
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* ---- reset ---- */

/* Lock held. DMA is off and the engine idle when this returns. */
static void quiet(struct card *c)
{
	int64_t deadline = clock_deadline(QUIET_NS);

	atomic_store(&c->dma_off, true);
	while (c->working && clock_now_ns() < deadline) {
		struct timespec soon;
		int64_t at = clock_deadline(NS_PER_MS);

		soon = (struct timespec){ .tv_sec = at / NS_PER_S, .tv_nsec = at % NS_PER_S };
		vu_server_dma_cancel(c->server);
		pthread_cond_timedwait(&c->changed, &c->lock, &soon);
	}
}

static void reset_afu(struct card *c)
{
	quiet(c);
	c->afu.ops->reset(&c->afu);
	atomic_store(&c->dma_off, false);
}

/* Lock held. */
static void reset_all(struct card *c)
{
	reset_afu(c);
	vu_config_reset(&c->config);
	atomic_store(&c->bus_master, false);
	memset(c->msix, 0, sizeof(c->msix));
}

static void on_reset(void *dev)
{
	struct card *c = dev;

	card_lock(c);
	reset_all(c);
	card_unlock(c);
}

static void on_attached(void *dev)
{
	struct card *c = dev;

	card_lock(c);
	c->attached = true;
	pthread_cond_broadcast(&c->changed);
	card_unlock(c);
}

/* As the kernel does when the last descriptor of a device is closed: the next one finds it clean. */
static void on_detached(void *dev)
{
	struct card *c = dev;

	card_lock(c);
	c->attached = false;
	reset_all(c);
	card_unlock(c);
}

/* ---- accesses ---- */

static void afu_read(struct card *c, uint64_t offset, uint8_t *buf, uint32_t len)
{
	if (len == 8 && offset % 8 == 0) {
		uint64_t v = afu_get64(&c->afu, offset);

		memcpy(buf, &v, sizeof(v));
	} else if (len == 4 && offset % 4 == 0) {
		uint32_t v = afu_get32(&c->afu, offset);

		memcpy(buf, &v, sizeof(v));
	} else {
		memcpy(buf, c->afu.regs + offset, len);
	}
}

/* A wider or crooked write arrives as what the bus would make of it: 8 and 4 bytes; less is lost. */
static void afu_write(struct card *c, uint64_t offset, const uint8_t *buf, uint32_t len)
{
	while (len >= 4 && offset % 4 == 0) {
		unsigned int bytes = len >= 8 && offset % 8 == 0 ? 8 : 4;
		uint64_t v = 0;

		memcpy(&v, buf, bytes);
		c->afu.ops->written(&c->afu, offset, v, bytes);
		offset += bytes;
		buf += bytes;
		len -= bytes;
	}
	if (has_work(c))
		pthread_cond_broadcast(&c->changed);
}

static int on_read(void *dev, uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	struct card *c = dev;

	card_lock(c);
	if (region == VU_CONFIG)
		vu_config_read(&c->config, offset, buf, len);
	else if (!vu_config_memory_enabled(&c->config))
		memset(buf, 0xff, len); /* as an access that no device claims */
	else if (region == BAR_MSIX)
		memcpy(buf, c->msix + offset, len);
	else
		afu_read(c, offset, buf, len);
	card_unlock(c);
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

	card_lock(c);
	if (region == VU_CONFIG)
		config_write(c, offset, buf, len);
	else if (!vu_config_memory_enabled(&c->config))
		; /* nobody claims it */
	else if (region == BAR_MSIX)
		memcpy(c->msix + offset, buf, len);
	else
		afu_write(c, offset, buf, len);
	card_unlock(c);
	return 0;
}

static const struct vu_server_ops server_ops = {
	.region_read = on_read,
	.region_write = on_write,
	.reset = on_reset,
	.attached = on_attached,
	.detached = on_detached,
};

/* ---- life ---- */

static int make_registers(struct card *c)
{
	void *at;
	int rc;

	c->regs_fd = sys_memfd("opae-emu-bar0", MFD_ALLOW_SEALING);
	if (c->regs_fd < 0)
		return c->regs_fd;
	rc = sys_ftruncate(c->regs_fd, (off_t)c->board->bar0_size);
	/* The client gets this file: it must not be able to cut it short under the card. */
	if (!rc && fcntl(c->regs_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		rc = -errno;
	if (!rc)
		rc = sys_mmap(NULL, c->board->bar0_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			      c->regs_fd, 0, &at);
	if (!rc)
		c->afu.regs = at;
	return rc;
}

static void make_config(struct card *c)
{
	const struct board *b = c->board;

	vu_config_init(&c->config, &b->ids);
	vu_config_add_bar(&c->config, 0, b->bar0_size, true);
	vu_config_add_bar(&c->config, BAR_MSIX, MSIX_BAR_BYTES, false);
	vu_config_add_pcie(&c->config);
	vu_config_add_msix(&c->config, b->vectors, BAR_MSIX, 0, MSIX_PBA);
}

static int make_server(struct card *c, const char *socket)
{
	const struct afu_ops *ops = c->board->afu;
	struct vu_server_config cfg = {
		.path = socket,
		.regions = {
			[VU_BAR0] = { .size = c->board->bar0_size, .read = true, .write = true,
				      .fd = c->regs_fd },
			[BAR_MSIX] = { .size = MSIX_BAR_BYTES, .read = true, .write = true,
				       .fd = -1 },
			[VU_CONFIG] = { .size = VU_CONFIG_SIZE, .read = true, .write = true,
					.fd = -1 },
		},
		.irq_count = { [VU_MSIX] = c->board->vectors, [VU_ERR] = 1, [VU_REQ] = 1 },
		.ops = &server_ops,
		.dev = c,
	};

	if (c->afu.mapped && ops->map_size) {
		cfg.regions[VU_BAR0].num_areas = 1;
		cfg.regions[VU_BAR0].areas[0] = (struct vu_server_area){
			ops->map_offset, ops->map_size == UINT64_MAX ?
						 c->board->bar0_size - ops->map_offset :
						 ops->map_size
		};
	}
	return vu_server_new(&cfg, &c->server);
}

static struct card *card_alloc(const struct board *board, bool mapped)
{
	struct card *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	if (!c)
		return NULL;
	c->board = board;
	c->regs_fd = -1;
	c->afu = (struct afu){ .ops = board->afu,
			       .card = c,
			       .size = board->bar0_size,
			       .mapped = mapped,
			       .state = calloc(1, board->afu->state_size + 1) };
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
	return c;
}

int card_new(const struct board *board, const char *socket, bool mapped, struct card **ret)
{
	struct card *c = card_alloc(board, mapped);
	int rc = c && c->afu.state ? make_registers(c) : -ENOMEM;

	if (!rc) {
		make_config(c);
		c->afu.ops->reset(&c->afu);
		rc = make_server(c, socket);
	}
	if (!rc) {
		rc = -pthread_create(&c->engine, NULL, engine, c);
		c->engine_started = !rc;
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
	if (c->engine_started) {
		card_lock(c);
		quiet(c);
		c->quit = true;
		pthread_cond_broadcast(&c->changed);
		card_unlock(c);
		pthread_join(c->engine, NULL);
	}
	vu_server_free(c->server);
	if (c->afu.regs)
		sys_munmap(c->afu.regs, c->board->bar0_size);
	if (c->regs_fd >= 0)
		sys_close(c->regs_fd);
	free(c->afu.state);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
