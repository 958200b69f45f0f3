/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer of one accelerator for another, its child, at the same IO address. On one device they share
 * the addresses, and nothing is to be done; on another function of the card the same memory is mapped
 * there too.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "plugins/vfio/card.h"

/* The buffer among those of this process's devices. *here: it is on the handle's own device. */
static int find(struct handle *h, const void *at, uint64_t ioaddr, struct buffer *ret, bool *here)
{
	struct instance *inst = h->card->inst;
	int rc = -ENOENT;
	SCOPED_LOCK(&inst->lock);

	for (struct card *c = inst->cards; c && rc == -ENOENT; c = c->next) {
		rc = buffers_copy(&c->buffers, at, ioaddr, ret);
		*here = c == h->card;
	}
	return rc;
}

fpga_result vfio_pin_buffer(fpga_handle handle, void *at, uint64_t len, uint64_t ioaddr)
{
	struct handle *h = handle;
	struct buffer buf;
	bool here = false;
	int rc = find(h, at, ioaddr, &buf, &here);

	if (rc || buf.len != len) {
		if (!rc)
			memory_release(&buf.memory);
		return say(rc == -ENOENT || !rc ? FPGA_INVALID_PARAM : FPGA_NO_MEMORY,
			   "fpgaPrepareBuffer: the parent has no buffer of %llu bytes at 0x%llx for its "
			   "child", (unsigned long long)len, (unsigned long long)ioaddr);
	}
	buf.owner = h;
	rc = here ? 0 : buffers_pin(&h->card->buffers, h->dev, &buf);
	if (rc || here)
		memory_release(&buf.memory);
	if (rc == -EBUSY)
		return say(FPGA_BUSY,
			   "fpgaPrepareBuffer: the address 0x%llx is in use on a child's device",
			   (unsigned long long)ioaddr);
	return rc ? say_device(h->dev, rc, "fpgaPrepareBuffer: a child") : FPGA_OK;
}

fpga_result vfio_unpin_buffer(fpga_handle handle, void *at, uint64_t len, uint64_t ioaddr)
{
	struct handle *h = handle;
	int rc = buffers_unpin(&h->card->buffers, h->dev, h, ioaddr);

	(void)at;
	(void)len;
	/* On the parent's own device there was nothing to pin. */
	return rc && rc != -ENOENT ? say_device(h->dev, rc, "fpgaReleaseBuffer: a child") : FPGA_OK;
}
