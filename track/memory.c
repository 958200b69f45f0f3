/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two mappings of a memfd. The program's is registered with the tracker for three kinds of faults: missing
 * pages are those that the file does not have yet; minor ones those that it has and this view does not; and
 * write-protected ones, which the kernel resolves by itself.
 */
#include "track/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "track/uapi.h"

#define PIECE ((size_t)256 * TRACK_PAGE) /* of what is hidden at once */
#define REGIONS 64 /* of a scan */
#define PATIENCE_NS NS_PER_S /* with what is short */
#define NAP_NS (100 * NS_PER_US)

unsigned char *track_program(const struct track *t)
{
	return t->program;
}

unsigned char *track_library(const struct track *t)
{
	return t->library;
}

size_t track_len(const struct track *t)
{
	return t->len;
}

bool track_any(const void *at, size_t len)
{
	CLEANUP_CLOSE int pagemap = sys_open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
	const uintptr_t mask = TRACK_PAGE - 1;
	struct page_region region;
	struct pm_scan_arg arg = { .size = sizeof(arg),
				   .start = (uintptr_t)at & ~mask,
				   .end = ((uintptr_t)at + len + mask) & ~mask,
				   .vec = (uintptr_t)&region,
				   .vec_len = 1,
				   .max_pages = 1,
				   .category_mask = PAGE_IS_WPALLOWED,
				   .return_mask = PAGE_IS_WPALLOWED };

	return pagemap >= 0 && sys_ioctl(pagemap, PAGEMAP_SCAN, &arg) > 0;
}

/* ---- life ---- */

static int map_views(struct track *t)
{
	CLEANUP_CLOSE int fd = sys_memfd("opae-buffer", 0);
	void *program, *library;
	int rc = fd < 0 ? fd : sys_ftruncate(fd, (off_t)t->len);

	if (!rc)
		rc = sys_mmap(NULL, t->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &program);
	if (rc)
		return rc;
	rc = sys_mmap(NULL, t->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &library);
	if (rc) {
		sys_munmap(program, t->len);
		return rc;
	}
	t->program = program;
	t->library = library;
	return 0;
}

static int unmap_pages(const struct track *t, size_t from, size_t end)
{
	return sys_madvise(t->program + from, end - from, MADV_DONTNEED_LOCKED);
}

static int register_view(struct track *t)
{
	struct uffdio_register r = { .range = { (uintptr_t)t->program, t->len },
				     .mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR |
					     UFFDIO_REGISTER_MODE_WP };

	int rc = sys_ioctl(t->tracker->fd, UFFDIO_REGISTER, &r);

	return rc ? rc : unmap_pages(t, 0, t->len); /* mlockall() has new memory filled at once */
}

int track_new(struct tracker *tr, size_t len, track_touched touched, void *ctx, struct track **ret)
{
	struct track *t;
	int rc;

	if (!len || len % TRACK_PAGE)
		return -EINVAL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct track){ .tracker = tr, .len = len, .touched = touched, .ctx = ctx };
	rc = map_views(t);
	if (rc) {
		free(t);
		return rc;
	}
	tracker_add(tr, t);
	rc = register_view(t);
	if (rc) {
		track_free(t);
		return rc;
	}
	*ret = t;
	return 0;
}

/*
 * It is plain memory from now on, for which nobody waits. Unmapping alone would leave those who do
 * waiting for ever. What fails here nobody can help.
 */
static void let_go(struct track *t)
{
	struct uffdio_range range = { (uintptr_t)t->program, t->len };

	sys_ioctl(t->tracker->fd, UFFDIO_UNREGISTER, &range);
	sys_ioctl(t->tracker->fd, UFFDIO_WAKE, &range);
}

void track_free(struct track *t)
{
	if (!t)
		return;
	tracker_remove(t->tracker, t);
	let_go(t);
	sys_munmap(t->program, t->len);
	sys_munmap(t->library, t->len);
	free(t);
}

/* ---- showing ---- */

/* The file has pages for [from, end), so that they can be shown. */
static int provide(const struct track *t, size_t from, size_t end)
{
	return sys_madvise(t->library + from, end - from, MADV_POPULATE_WRITE);
}

/* One that is shown already: who touched it before may still wait. */
static int wake(struct track *t, size_t from)
{
	struct uffdio_range range = { (uintptr_t)t->program + from, TRACK_PAGE };

	return sys_ioctl(t->tracker->fd, UFFDIO_WAKE, &range);
}

/* Of pages from `from` on; *from is behind those that are shown. 0: go on there. */
static int show_some(struct track *t, size_t *from, size_t end, __u64 mode, bool *provided)
{
	struct uffdio_continue c = { .range = { (uintptr_t)t->program + *from, end - *from }, .mode = mode };
	int rc = sys_ioctl(t->tracker->fd, UFFDIO_CONTINUE, &c);

	if (!rc || c.mapped > 0) {
		*from += rc ? (size_t)c.mapped : end - *from;
		return 0;
	}
	if (rc == -EEXIST) {
		rc = wake(t, *from);
		*from += TRACK_PAGE;
	} else if (rc == -EFAULT && !*provided) {
		rc = provide(t, *from, end);
		*provided = true;
	}
	return rc;
}

/* The other way in which nobody waits any more. */
static int give_up(struct track *t, int rc)
{
	atomic_store(&t->failed, rc);
	let_go(t);
	return rc;
}

static int show(struct track *t, size_t from, size_t end, __u64 mode)
{
	bool provided = false;
	int64_t until = 0;
	int rc = atomic_load_explicit(&t->failed, memory_order_relaxed);

	if (rc)
		return rc;
	while (from < end) {
		rc = show_some(t, &from, end, mode, &provided);
		if (!rc)
			continue;
		if (rc != -EAGAIN && rc != -ENOMEM) /* EAGAIN: the process's mappings are changing */
			return give_up(t, rc);
		until = until ? until : clock_deadline(PATIENCE_NS);
		if (clock_now_ns() > until)
			return give_up(t, rc);
		clock_sleep_ns(NAP_NS);
	}
	return 0;
}

int track_show(struct track *t, size_t from, size_t end)
{
	return show(t, from, end, UFFDIO_CONTINUE_MODE_WP);
}

int track_show_written(struct track *t, size_t from, size_t end)
{
	return show(t, from, end, 0);
}

/* ---- what was written ---- */

int track_written(struct track *t, size_t from, size_t end, track_run written, void *ctx)
{
	struct page_region regions[REGIONS];
	uintptr_t base = (uintptr_t)t->program;
	struct pm_scan_arg arg = { .size = sizeof(arg),
				   .flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
				   .start = base + from,
				   .end = base + end,
				   .vec = (uintptr_t)regions,
				   .vec_len = REGIONS,
				   .category_mask = PAGE_IS_WRITTEN,
				   .return_mask = PAGE_IS_WRITTEN };
	int failed = atomic_load_explicit(&t->failed, memory_order_relaxed);

	if (failed)
		return failed;
	while (arg.start < arg.end) {
		int num = sys_ioctl(t->tracker->pagemap, PAGEMAP_SCAN, &arg);

		if (num < 0)
			return num;
		for (int i = 0; i < num; i++)
			written(ctx, (size_t)(regions[i].start - base), (size_t)(regions[i].end - base));
		arg.start = arg.walk_end;
	}
	return 0;
}

/*
 * The question comes after the hiding: then there is no write between the two. The kernel keeps a page's mark
 * when it leaves the view.
 *
 * In pieces: of a page table that is emptied as a whole the kernel may keep nothing (CONFIG_PT_RECLAIM), and
 * so not which of its pages were written.
 */
int track_hide(struct track *t, size_t from, size_t end, track_run written, void *ctx)
{
	int rc = atomic_load_explicit(&t->failed, memory_order_relaxed);

	for (size_t to; from < end && !rc; from = to) {
		to = end - from < PIECE ? end : from + PIECE;
		rc = unmap_pages(t, from, to);
		if (!rc)
			rc = track_written(t, from, to, written, ctx);
	}
	return rc;
}
