/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz/model-track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOUCHES 64 /* of one page, until it must be shown */

enum { SHOWN = 1, WRITTEN = 2, SHOWN_BEFORE = 4 };

struct tracker {
	int unused;
};

struct track {
	unsigned char *memory, *pages;
	size_t len;
	track_touched touched;
	void *ctx;
	bool failed;
};

unsigned int model_track_fails;

static struct tracker only;
static unsigned int left;

static void must(bool fine)
{
	if (!fine)
		abort();
}

/* ---- the program ---- */

bool model_track_is_shown(const struct track *t, size_t page)
{
	return t->pages[page] & SHOWN;
}

bool model_track_failed(const struct track *t)
{
	return t->failed;
}

unsigned int model_track_left(void)
{
	return left;
}

void model_track_touch(struct track *t, size_t page, bool store)
{
	for (unsigned int i = 0; !model_track_is_shown(t, page); i++) {
		must(i < TOUCHES);
		t->touched(t->ctx, t, page * TRACK_PAGE);
	}
	if (!store)
		return;
	t->memory[page * TRACK_PAGE + page % TRACK_PAGE]++;
	t->pages[page] |= WRITTEN;
}

/* ---- the tracker ---- */

int tracker_new(int64_t spin_ns, struct tracker **ret, char why[TRACK_WHY_MAX])
{
	(void)spin_ns;
	*why = 0;
	*ret = &only;
	return 0;
}

void tracker_free(struct tracker *tr)
{
	must(!tr || !left);
}

void tracker_forked(struct tracker *tr)
{
	(void)tr;
}

/* ---- memory ---- */

int track_new(struct tracker *tr, size_t len, track_touched touched, void *ctx, struct track **ret)
{
	struct track *t = calloc(1, sizeof(*t));

	must(t && tr == &only && len && !(len % TRACK_PAGE));
	*t = (struct track){ .memory = calloc(1, len), .pages = calloc(1, len / TRACK_PAGE), .len = len,
			     .touched = touched, .ctx = ctx };
	must(t->memory && t->pages);
	left++;
	*ret = t;
	return 0;
}

void track_free(struct track *t)
{
	if (!t)
		return;
	left--;
	free(t->memory);
	free(t->pages);
	free(t);
}

unsigned char *track_program(const struct track *t)
{
	return t->memory;
}

unsigned char *track_library(const struct track *t)
{
	return t->memory;
}

size_t track_len(const struct track *t)
{
	return t->len;
}

bool track_any(const void *at, size_t len)
{
	(void)at;
	(void)len;
	return false;
}

/* ---- pages ---- */

static bool fails(void)
{
	return model_track_fails && !--model_track_fails;
}

static void check_range(const struct track *t, size_t from, size_t end)
{
	must(from < end && end <= t->len && !(from % TRACK_PAGE) && !(end % TRACK_PAGE));
}

static int show(struct track *t, size_t from, size_t end, unsigned int how)
{
	check_range(t, from, end);
	if (!t->failed && fails()) {
		t->failed = true;
		memset(t->pages, SHOWN | SHOWN_BEFORE, t->len / TRACK_PAGE);
	}
	if (t->failed)
		return -EIO;
	for (size_t i = from / TRACK_PAGE; i < end / TRACK_PAGE; i++)
		if (!(t->pages[i] & SHOWN))
			t->pages[i] = (unsigned char)(SHOWN | SHOWN_BEFORE | how);
	return 0;
}

int track_show(struct track *t, size_t from, size_t end)
{
	return show(t, from, end, 0);
}

int track_show_written(struct track *t, size_t from, size_t end)
{
	return show(t, from, end, WRITTEN);
}

/* Tells in runs, as the kernel does. */
int track_written(struct track *t, size_t from, size_t end, track_run written, void *ctx)
{
	size_t begin = from;

	check_range(t, from, end);
	if (t->failed || fails())
		return -EIO;
	for (size_t at = from; at <= end; at += TRACK_PAGE) {
		unsigned char *page = &t->pages[at / TRACK_PAGE];
		bool was = at < end && *page & WRITTEN;

		must(at == end || *page & SHOWN_BEFORE);
		if (was)
			*page &= (unsigned char)~WRITTEN;
		if (!was && begin < at)
			written(ctx, begin, at);
		if (!was)
			begin = at + TRACK_PAGE;
	}
	return 0;
}

int track_hide(struct track *t, size_t from, size_t end, track_run written, void *ctx)
{
	check_range(t, from, end);
	if (t->failed || fails())
		return -EIO;
	for (size_t i = from / TRACK_PAGE; i < end / TRACK_PAGE; i++)
		t->pages[i] &= (unsigned char)~SHOWN;
	return track_written(t, from, end, written, ctx);
}
