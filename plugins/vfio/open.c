/* SPDX-License-Identifier: BSD-3-Clause */
/* An accelerator from open to close. One unwinding function takes half-built handles as well. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "plugins/vfio/ones.h"
#include "plugins/vfio/vfio.h"

#define PATIENCE_NS (200 * NS_PER_MS) /* for others that only look */

/* Memory accesses on; DMA on or off. */
static int set_command(struct vdev *d, bool master)
{
	uint16_t command;
	int rc = d->ops->read(d, VDEV_CONFIG, PCI_COMMAND, &command, sizeof(command));

	if (rc)
		return rc;
	command = (uint16_t)(command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (!master)
		command = (uint16_t)(command & ~PCI_COMMAND_MASTER);
	return d->ops->write(d, VDEV_CONFIG, PCI_COMMAND, &command, sizeof(command));
}

static int dma_access(void *ctx, uint64_t iova, void *data, size_t len, bool write)
{
	struct handle *h = ctx;

	return buffers_access(&h->buffers, iova, data, len, write);
}

static struct handle *handle_new(const struct token *t)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->token = *t;
	h->sink = -1;
	pthread_mutex_init(&h->event_lock, NULL);
	buffers_init(&h->buffers);
	return h;
}

static void handle_free(struct handle *h)
{
	if (h->dev) {
		mmio_done(h);
		events_done(h);
		buffers_release_all(&h->buffers, h->dev);
		h->dev->ops->close(h->dev);
	}
	buffers_done(&h->buffers);
	pthread_mutex_destroy(&h->event_lock);
	free(h);
}

static int set_up(struct handle *h)
{
	int rc = buffers_attach(&h->buffers, h->dev);

	if (!rc)
		rc = events_init(h);
	if (!rc)
		rc = set_command(h->dev, true);
	if (!rc)
		rc = look_read_facts(h->dev, &h->token.facts);
	if (!rc)
		rc = mmio_init(h);
	return rc;
}

static void list_open(struct handle *h)
{
	SCOPED_LOCK(&h->token.inst->lock);

	h->next_open = h->token.inst->open;
	h->token.inst->open = h;
}

static void unlist_open(struct handle *h)
{
	SCOPED_LOCK(&h->token.inst->lock);

	for (struct handle **p = &h->token.inst->open; *p; p = &(*p)->next_open)
		if (*p == h) {
			*p = h->next_open;
			return;
		}
}

static fpga_result connect_device(struct handle *h)
{
	struct vdev_options opt = { .connect_ns = h->token.inst->call_ns,
				    .to_use = true,
				    .dma_access = dma_access,
				    .ctx = h };
	char why[160] = "";
	int rc = ones_prepare();

	if (rc)
		return say(FPGA_EXCEPTION, "fpgaOpen: SIGBUS cannot be handled: %s", strerror(-rc));
	rc = look_open(h->token.inst, h->token.place.path, &opt, PATIENCE_NS, why, sizeof(why),
		       &h->dev);
	return rc ? say(err_to_result(rc), "fpgaOpen: %s: %s", h->token.place.path, why) : FPGA_OK;
}

fpga_result vfio_open(fpga_token token, fpga_handle *handle, int flags)
{
	struct handle *h;
	fpga_result r;
	int rc;

	if (flags & ~FPGA_OPEN_SHARED)
		return say(FPGA_INVALID_PARAM, "fpgaOpen: unknown flags 0x%x",
			   (unsigned int)(flags & ~FPGA_OPEN_SHARED));
	h = handle_new(token);
	if (!h)
		return say(FPGA_NO_MEMORY, "fpgaOpen: no memory");
	r = connect_device(h);
	if (r != FPGA_OK) {
		handle_free(h);
		return r;
	}
	h->token.state = FPGA_ACCELERATOR_ASSIGNED;
	rc = set_up(h);
	if (rc) {
		r = say_device(h->dev, rc, "fpgaOpen");
		handle_free(h);
		return r;
	}
	list_open(h);
	*handle = h;
	return FPGA_OK;
}

fpga_result vfio_close(fpga_handle handle)
{
	struct handle *h = handle;
	bool dead = atomic_load(&h->dev->dead);
	fpga_result r = dead ? say_device(h->dev, -EIO, "fpgaClose: closed, but") : FPGA_OK;

	unlist_open(h);
	if (!dead)
		set_command(h->dev, false); /* no DMA into what the next lines give back */
	handle_free(h);
	return r;
}

fpga_result vfio_reset(fpga_handle handle)
{
	struct handle *h = handle;
	int rc = h->dev->ops->reset(h->dev);

	if (!rc)
		rc = set_command(h->dev, true); /* a reset turned both off */
	return rc ? say_device(h->dev, rc, "fpgaReset") : FPGA_OK;
}

fpga_result vfio_quiesce(fpga_handle handle)
{
	struct handle *h = handle;
	int rc = set_command(h->dev, false);

	return rc ? say_device(h->dev, rc, "opaex_quiesce") : FPGA_OK;
}
