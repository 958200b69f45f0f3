/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device that the client sees: the virtual function of an FPGA, with the AFU's registers in BAR0 and the
 * interrupt table in BAR4.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/sys.h"
#include "sim/host/host-internal.h"

#define MSIX_PBA 0x800u

static const struct vu_config_ids ids = { .vendor = 0x8086,
					  .device = 0xbccf,
					  .subsystem_vendor = 0x8086,
					  .subsystem_device = 0x1771,
					  .class_code = 0x120000 };

static bool trapped(struct host *h, uint32_t region)
{
	return region == VU_BAR0 && vu_config_memory_enabled(&h->config);
}

static int on_read_later(void *dev, uint32_t region, uint64_t offset, uint32_t len, uint64_t ticket)
{
	struct host *h = dev;

	return trapped(h, region) ? mmio_client_read(h, (uint32_t)offset, len, ticket) : 0;
}

static int on_read(void *dev, uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	struct host *h = dev;

	if (region == VU_CONFIG)
		vu_config_read(&h->config, offset, buf, len);
	else if (region == HOST_MSIX_BAR && vu_config_memory_enabled(&h->config))
		memcpy(buf, h->msix + offset, len);
	else
		memset(buf, 0xff, len); /* nobody claims it */
	return 0;
}

/*
 * A program that closes the device turns bus mastering off, whatever the AFU is doing with its buffers. When
 * it never had one, what the AFU does is wrong all the same.
 */
static void write_config(struct host *h, uint64_t offset, const void *buf, uint32_t len)
{
	bool was_master = vu_config_bus_master(&h->config), reset;

	reset = vu_config_write(&h->config, offset, buf, len);
	h->stopped = h->had_memory && (h->stopped || was_master) && !vu_config_bus_master(&h->config);
	if (reset)
		host_ask_reset(h);
	h->in_use |= vu_config_bus_master(&h->config);
}

static int on_write(void *dev, uint32_t region, uint64_t offset, const void *buf, uint32_t len)
{
	struct host *h = dev;

	if (region == VU_CONFIG) {
		write_config(h, offset, buf, len);
		host_memory_changed(h);
		return 0;
	}
	h->in_use = true;
	if (trapped(h, region))
		return mmio_client_write(h, (uint32_t)offset, buf, len);
	if (region == HOST_MSIX_BAR && vu_config_memory_enabled(&h->config))
		memcpy(h->msix + offset, buf, len);
	return 0;
}

static void on_reset(void *dev)
{
	host_ask_reset(dev);
}

static void on_attached(void *dev)
{
	struct host *h = dev;

	h->in_use = h->had_memory = h->by_messages = false;
	h->sessions++;
	h->last_active = h->port.cycle;
	log_say(h, "client %" PRIu64 " has come%s", h->sessions, h->set.run != RUN_PAUSED ? "" :
		"; the clock is paused, and registers answer after `opae ase step N` or `opae ase run free`");
	log_workspace(h, "client %" PRIu64, h->sessions);
}

/*
 * As the kernel does when a device is closed: the next one finds it clean. A program looks at the device
 * before it opens it, by a session that only reads: that is no test, and nothing ends with it.
 */
static void on_detached(void *dev)
{
	struct host *h = dev;

	host_ask_reset(h);
	h->ended_sessions += h->in_use;
	h->in_use = false;
	log_say(h, "client %" PRIu64 " has left", h->sessions);
	if (h->set.fd >= 0)
		host_end(h, "the program that started it has closed it");
	else if (h->set.mode == ASE_ONE_CLIENT && h->ended_sessions)
		host_end(h, "the client has left (ASE_MODE 3)");
	else if (h->set.mode == ASE_REGRESSION && h->ended_sessions >= h->set.num_tests)
		host_end(h, "all tests have run (ASE_MODE 4)");
}

static void on_mapped(void *dev, uint64_t iova, uint64_t size, bool by_messages)
{
	struct host *h = dev;

	h->in_use = h->had_memory = true;
	h->by_messages |= by_messages;
	host_memory_changed(h);
	log_workspace(h, "mapped 0x%" PRIx64 " bytes at 0x%" PRIx64 "%s", size, iova,
		      by_messages ? ", reached by messages" : "");
}

static void on_unmapped(void *dev, uint64_t iova, uint64_t size)
{
	host_memory_changed(dev);
	log_workspace(dev, "unmapped 0x%" PRIx64 " bytes at 0x%" PRIx64, size, iova);
}

static const struct vu_server_ops ops = {
	.region_read = on_read,
	.region_write = on_write,
	.reset = on_reset,
	.attached = on_attached,
	.detached = on_detached,
	.dma_mapped = on_mapped,
	.dma_unmapped = on_unmapped,
	.region_read_later = on_read_later,
};

static void make_config(struct vu_config_space *c)
{
	vu_config_init(c, &ids);
	vu_config_add_bar(c, 0, HOST_MMIO_BYTES, true);
	vu_config_add_bar(c, HOST_MSIX_BAR, HOST_MSIX_BYTES, false);
	vu_config_add_pm(c);
	vu_config_add_pcie(c);
	vu_config_add_msix(c, HOST_VECTORS, HOST_MSIX_BAR, 0, MSIX_PBA);
}

int device_new(struct host *h)
{
	const struct vu_server_config cfg = {
		.path = h->set.socket[0] ? h->set.socket : NULL,
		.regions = {
			[VU_BAR0] = { .size = HOST_MMIO_BYTES, .read = true, .write = true, .fd = -1 },
			[HOST_MSIX_BAR] = { .size = HOST_MSIX_BYTES, .read = true, .write = true,
					    .fd = -1 },
			[VU_CONFIG] = { .size = VU_CONFIG_SIZE, .read = true, .write = true,
					.fd = -1 },
		},
		.irq_count = { [VU_MSIX] = HOST_VECTORS, [VU_ERR] = 1, [VU_REQ] = 1 },
		.answer_ms = h->answer_ms,
		.ops = &ops,
		.dev = h,
	};
	int rc;

	make_config(&h->config);
	rc = vu_server_new(&cfg, &h->server);
	if (!rc && h->set.fd >= 0)
		rc = vu_server_adopt(h->server, h->set.fd);
	return rc;
}
