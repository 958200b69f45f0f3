/* SPDX-License-Identifier: BSD-3-Clause */
/* The client's memory as an IOMMU would let the AFU see it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/host/host-internal.h"

struct host_line *host_lines_new(uint32_t num)
{
	struct host_line *lines = aligned_alloc(alignof(struct host_line), num * sizeof(*lines));

	if (lines)
		memset(lines, 0, num * sizeof(*lines));
	return lines;
}

int free_list_init(struct free_list *f, uint32_t num)
{
	f->slots = calloc(num, sizeof(*f->slots));
	if (!f->slots)
		return -ENOMEM;
	for (f->num = 0; f->num < num; f->num++)
		f->slots[f->num] = num - 1 - f->num;
	return 0;
}

static const char *why(const struct host *h, int rc)
{
	if (!vu_config_bus_master(&h->config))
		return "the program has prepared no buffer: the device is no bus master yet";
	return rc == -EFAULT ? "not mapped" : strerror(-rc);
}

bool host_memory_failed(struct host *h, bool write, uint64_t iova, uint32_t bytes, int rc)
{
	if (rc == -ETIMEDOUT)
		host_warning(&h->port, "client-silent",
			     "the client gave no answer for its memory at 0x%" PRIx64
			     " and is let go: was the program stopped, as by a debugger?",
			     iova);
	/* Of a client that has left, or has just reset or stopped the device, nobody wants to hear. */
	else if (rc != -ENOTCONN && rc != -ECANCELED && !h->reset_asked && !h->stopped)
		log_fault(h, write, iova, bytes, why(h, rc));
	return false;
}

/* What was asked for before a reset reaches nothing after it, though the device may be enabled again. */
int host_may_reach(const struct host *h)
{
	return vu_config_bus_master(&h->config) && !h->reset_asked ? 0 : -EACCES;
}

void host_memory_changed(struct host *h)
{
	h->readable.size = h->writable.size = 0;
}

/* What is next is often near; a message to the client may have changed what there is. */
static void keep_window(struct host *h, uint64_t iova, bool write, struct vu_window *w)
{
	if (host_may_reach(h) || !vu_server_dma_window(h->server, iova, write, w))
		w->size = 0;
}

bool host_memory_read(struct host *h, uint64_t iova, void *buf, uint32_t bytes)
{
	int rc = host_may_reach(h);

	if (!rc)
		rc = vu_server_dma_read(h->server, iova, buf, bytes);
	if (!rc) {
		keep_window(h, iova, false, &h->readable);
		return true;
	}
	memset(buf, 0xff, bytes);
	return host_memory_failed(h, false, iova, bytes, rc);
}

/* The first run of bytes from `at` on that are enabled; its length. */
static uint32_t enabled_run(uint64_t enables, uint32_t bytes, uint32_t *at)
{
	uint32_t end;

	while (*at < bytes && !(enables >> *at & 1))
		++*at;
	for (end = *at; end < bytes && (enables >> end & 1);)
		end++;
	return end - *at;
}

bool host_memory_write(struct host *h, uint64_t iova, const void *buf, uint32_t bytes, uint64_t enables)
{
	uint32_t at = 0, len;
	int rc = host_may_reach(h);

	if (!rc && enables == UINT64_MAX) {
		rc = vu_server_dma_write(h->server, iova, buf, bytes);
	} else {
		while (!rc && (len = enabled_run(enables, bytes, &at)) > 0) {
			rc = vu_server_dma_write(h->server, iova + at, (const uint8_t *)buf + at, len);
			at += len;
			if (!rc)
				rc = host_may_reach(h);
		}
	}
	if (rc)
		return host_memory_failed(h, true, iova, bytes, rc);
	keep_window(h, iova, true, &h->writable);
	return true;
}
