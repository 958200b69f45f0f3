/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer of one accelerator for another, its child, at the same IO address. On one device they share
 * the addresses, and nothing is to be done; on another function of the card the same memory is mapped
 * there too.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "plugins/vfio/card.h"

/*
 * A copy of what the parent has there, or, for who opened the accelerator without its parent, any device that
 * this process holds. -EALREADY: one that shares its addresses, and nothing is to be done.
 */
static int find_buffer(const struct handle *h, const void *at, uint64_t ioaddr, struct buffer *ret)
{
	struct instance *inst = h->card->inst;
	int rc = -ENOENT;
	SCOPED_LOCK(&inst->lock);

	for (struct card *c = inst->cards; c && rc == -ENOENT; c = c->next) {
		if (!c->dev || (h->parent && h->parent->card != c))
			continue;
		rc = buffers_copy(&c->buffers, at, ioaddr, ret);
		if (rc || c->dev->addresses != h->dev->addresses)
			continue;
		memory_release(&ret->memory);
		return -EALREADY; /* one device, or one IOMMU group */
	}
	return rc;
}

fpga_result vfio_pin_buffer(fpga_handle handle, void *at, uint64_t len, uint64_t ioaddr)
{
	struct handle *h = handle;
	struct buffer buf;
	int rc = find_buffer(h, at, ioaddr, &buf);

	if (rc == -EALREADY)
		return FPGA_OK;
	if (rc || buf.len != len) {
		if (!rc)
			memory_release(&buf.memory);
		return say(rc == -ENOENT || !rc ? FPGA_INVALID_PARAM : FPGA_NO_MEMORY,
			   "%s no buffer of %llu bytes at 0x%llx for its child",
			   h->parent ? "fpgaPrepareBuffer: the parent has" :
				       "opaex_pin_buffer: no accelerator that is open has",
			   (unsigned long long)len, (unsigned long long)ioaddr);
	}
	buf.owner = h;
	rc = buffers_pin(&h->card->buffers, h->dev, &buf);
	if (rc)
		memory_release(&buf.memory);
	if (rc == -EBUSY)
		return say(FPGA_BUSY,
			   "fpgaPrepareBuffer: the address 0x%llx is in use on a child's device",
			   (unsigned long long)ioaddr);
	return rc && rc != -EEXIST ? say_device(h->dev, rc, "fpgaPrepareBuffer: a child") : FPGA_OK;
}

fpga_result vfio_unpin_buffer(fpga_handle handle, void *at, uint64_t len, uint64_t ioaddr)
{
	struct handle *h = handle;
	int rc = buffers_unpin(&h->card->buffers, h->dev, h, ioaddr);

	(void)at;
	(void)len;
	/* On the parent's own device, and on one that a brother has it on, there was nothing to pin. */
	return rc && rc != -ENOENT ? say_device(h->dev, rc, "fpgaReleaseBuffer: a child") : FPGA_OK;
}
