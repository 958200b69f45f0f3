/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/counted.h"

#include <string.h>

#include "base/clock.h"
#include "daemon/counts-page.h"

int counted_new(struct counted *c, uint64_t max_pinned, uint32_t max_handles)
{
	memset(c, 0, sizeof(*c));
	c->began = clock_now_ns();
	c->most[RPC_PINNED_BYTES] = max_pinned;
	/* at most what is pinned; the last page of a buffer counts whole */
	c->most[RPC_WATCHED_BYTES] = max_pinned;
	c->most[RPC_OPEN_HANDLES] = max_handles;
	return counts_page_new(&c->page);
}

void counted_done(struct counted *c)
{
	counts_page_free(c->page);
	c->page = NULL;
}

static bool read_totals(struct counted *c)
{
	for (size_t i = 0; i < RPC_TOTALS; i++) {
		uint64_t now = atomic_load_explicit(&c->page->total[i], memory_order_relaxed);

		if (now < c->total[i] || now > COUNTED_MAX)
			return false;
		c->total[i] = now;
	}
	return true;
}

static bool read_gauges(struct counted *c)
{
	for (size_t i = 0; i < RPC_GAUGES; i++) {
		c->gauge[i] = atomic_load_explicit(&c->page->gauge[i], memory_order_relaxed);
		if (c->gauge[i] > c->most[i])
			return false;
	}
	return true;
}

bool counted_read(struct counted *c)
{
	if (!c->page || c->wrong)
		return true;
	c->wrong = !read_totals(c) || !read_gauges(c);
	if (c->wrong)
		memset(c->gauge, 0, sizeof(c->gauge));
	return !c->wrong;
}

int64_t counted_since_end(const struct counted *c, int64_t now)
{
	uint64_t ended = c->page ? atomic_load_explicit(&c->page->ended, memory_order_relaxed) : 0;

	if (!ended || c->wrong || ended < (uint64_t)c->began || ended > (uint64_t)now)
		return -1;
	return now - (int64_t)ended;
}
