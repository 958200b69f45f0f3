/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer of one accelerator for another, its child, at the same IO address. On one device they share
 * the addresses, and nothing is to be done; on another function of the card the same memory is mapped
 * there too.
 */
#include <errno.h>

#include "plugins/vfio/card.h"

fpga_result vfio_pin_buffer(fpga_handle handle, void *at, uint64_t len, uint64_t ioaddr)
{
	struct handle *h = handle;
	const struct handle *parent = h->parent;
	struct buffer buf;
	int rc;

	if (!parent)
		return say(FPGA_INVALID_PARAM, "the accelerator was not opened as another's child");
	if (parent->dev->addresses == h->dev->addresses)
		return FPGA_OK; /* one device, or one IOMMU group, and the same addresses */
	rc = buffers_copy(&parent->card->buffers, at, ioaddr, &buf);
	if (rc || buf.len != len) {
		if (!rc)
			memory_release(&buf.memory);
		return say(rc == -ENOENT || !rc ? FPGA_INVALID_PARAM : FPGA_NO_MEMORY,
			   "fpgaPrepareBuffer: the parent has no buffer of %llu bytes at 0x%llx for its "
			   "child", (unsigned long long)len, (unsigned long long)ioaddr);
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
