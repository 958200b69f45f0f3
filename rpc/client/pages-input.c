/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers that the device only reads: nobody is asked for their pages. They could be shown once and for all,
 * but then the first store to each page after a release is a fault, which costs twice as much as hiding the
 * page and showing it as OPEN. So what is written in sequence is hidden and sent when he who writes goes on
 * in the next window, and what of it is left is hidden when it is released.
 */
#include "rpc/client/pages.h"

static void hide(struct pages *p, uint32_t from, uint32_t end)
{
	if (!pages_hide(p, from, end))
		pages_put(p, from, end, PAGE_OWED, PAGE_ABSENT);
}

void pages_input_released(struct pages *p)
{
	struct page_run run;
	uint32_t at = 0;

	while (pages_next(p, &at, UINT32_MAX, PAGE_STATE | PAGE_OWED | PAGE_OPEN, PAGE_HERE | PAGE_OWED,
			  &run))
		if (run.end - run.from >= PAGES_MANY)
			hide(p, run.from, run.end);
}

void pages_input_touched(struct pages *p, uint32_t page)
{
	struct stream *s = pages_stream(p, page);
	uint32_t end = page + 1, left = s->from;

	while (end < p->num && end - page < s->pages && page_state(p, end) != PAGE_HERE)
		end++;
	s->from = page;
	s->next = end;
	pages_put(p, page, end, PAGE_OWED, PAGE_HERE);
	pages_open(p, page, end);
	for (uint32_t to; left < page; left = to) {
		for (to = left + 1; to < page && page_state(p, to) == page_state(p, left);)
			to++;
		if (page_state(p, left) == PAGE_HERE)
			hide(p, left, to);
	}
}
