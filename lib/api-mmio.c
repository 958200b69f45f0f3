/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MMIO. The shell asks one thing: is the handle ours and open. Region, bounds and alignment are
 * the business of the plugin, which owns the mapping; what it has mapped it may have said (struct
 * opae_mmio_window), and an access inside that is made right here. Everything else, and every access
 * that is not as it should be, is a call of the plugin. No lock and no allocation here.
 */
#include <string.h>

#include "base/clock.h"
#include "lib/host.h"
#include "lib/wrapped.h"

/* The detail is settled only for failures. */
static inline fpga_result leave(fpga_result r, const struct wrapped_handle *w, const char *call)
{
	if (__builtin_expect(r != FPGA_OK, 0))
		detail_finish(r, call, w->adapter->name);
	handle_leave();
	return r;
}

static fpga_result no_value(const char *call)
{
	handle_leave();
	return fail(FPGA_INVALID_PARAM, "%s: value is NULL", call);
}

/* After handle_enter_fast(), with the handle as the record's object. */
static __attribute__((cold, noinline)) fpga_result leave_failed(fpga_result r,
								struct guard_thread *t,
								const char *call)
{
	const struct wrapped_handle *w = t->object;

	r = detail_finish(r, call, w->adapter->name);
	guard_leave_fast(t);
	return r;
}

/* The registers are the device's, and their pages are replaced when it dies: no race of the program. */
#define DEVICE_ACCESS __attribute__((no_sanitize_thread))

/*
 * Is the access in the region's window, and aligned? The bits that must be 0 become the highest, so that one
 * comparison finds both.
 */
static inline __attribute__((always_inline)) bool in_window(const struct wrapped_handle *w, uint32_t num,
							    uint64_t offset, unsigned int shift)
{
	uint64_t in;

	if (__builtin_expect(num >= HANDLE_WINDOWS, 0))
		return false;
	in = offset - w->windows[num].offset;
	return __builtin_expect((in >> shift | in << (64 - shift)) < w->windows[num].len >> shift, 1);
}

static inline __attribute__((always_inline)) volatile void *
window_at(const struct wrapped_handle *w, uint32_t num, uint64_t offset)
{
	return w->windows[num].at + (offset - w->windows[num].offset);
}

static inline __attribute__((always_inline)) bool is_gone(const struct wrapped_handle *w, uint32_t num)
{
	return __builtin_expect(__atomic_load_n(w->windows[num].dead, __ATOMIC_RELAXED), 0);
}

/* What came of an access to a window. */
static fpga_result after(const struct wrapped_handle *w, uint32_t num)
{
	return is_gone(w, num) ? w->windows[num].gone(w->plugin) : FPGA_OK;
}

/* After an access to a window whose device is no more. */
static __attribute__((cold, noinline)) fpga_result
leave_gone(struct guard_thread *t, const struct wrapped_handle *w, uint32_t num, const char *call)
{
	fpga_result r = w->windows[num].gone(w->plugin);

	t->object = w;
	return leave_failed(r, t, call);
}

/*
 * Each access is there twice: the short way, which keeps one register across one call, and in a
 * function of its own all that is rare, which would otherwise make the short way save more.
 */
#define READ(name, type, shift)                                                                         \
	DEVICE_ACCESS static __attribute__((noinline)) fpga_result name##_slowly(                  \
		fpga_handle handle, uint32_t mmio_num, uint64_t offset, type *value)               \
	{                                                                                          \
		struct wrapped_handle *w = handle_enter(handle);                                   \
                                                                                                   \
		if (!w)                                                                            \
			return handle_bad(#name);                                                  \
		if (!value)                                                                        \
			return no_value(#name);                                                    \
		if (in_window(w, mmio_num, offset, shift)) {                                       \
			*value = *(const volatile type *)window_at(w, mmio_num, offset);           \
			return leave(after(w, mmio_num), w, #name);                                \
		}                                                                                  \
		return leave(w->table->name(w->plugin, mmio_num, offset, value), w, #name);        \
	}                                                                                          \
                                                                                                   \
	DEVICE_ACCESS                                                                              \
	fpga_result name(fpga_handle handle, uint32_t mmio_num, uint64_t offset, type *value)      \
	{                                                                                          \
		const struct wrapped_handle *w;                                                    \
		struct guard_thread *t = value ? handle_enter_fast(handle, &w) : NULL;             \
		fpga_result r;                                                                     \
                                                                                                   \
		if (__builtin_expect(!t, 0))                                                       \
			return name##_slowly(handle, mmio_num, offset, value);                     \
		if (in_window(w, mmio_num, offset, shift)) {                                       \
			*value = *(const volatile type *)window_at(w, mmio_num, offset);           \
			if (is_gone(w, mmio_num))                                                  \
				return leave_gone(t, w, mmio_num, #name);                          \
			guard_leave_fast(t);                                                       \
			return FPGA_OK;                                                            \
		}                                                                                  \
		t->object = w;                                                                     \
		r = w->table->name(w->plugin, mmio_num, offset, value);                            \
		if (__builtin_expect(r != FPGA_OK, 0))                                             \
			return leave_failed(r, t, #name);                                          \
		guard_leave_fast(t);                                                               \
		return FPGA_OK;                                                                    \
	}

#define WRITE(name, type, shift)                                                                        \
	DEVICE_ACCESS static __attribute__((noinline)) fpga_result name##_slowly(                  \
		fpga_handle handle, uint32_t mmio_num, uint64_t offset, type value)                \
	{                                                                                          \
		struct wrapped_handle *w = handle_enter(handle);                                   \
                                                                                                   \
		if (!w)                                                                            \
			return handle_bad(#name);                                                  \
		if (in_window(w, mmio_num, offset, shift)) {                                       \
			*(volatile type *)window_at(w, mmio_num, offset) = value;                  \
			return leave(after(w, mmio_num), w, #name);                                \
		}                                                                                  \
		return leave(w->table->name(w->plugin, mmio_num, offset, value), w, #name);        \
	}                                                                                          \
                                                                                                   \
	DEVICE_ACCESS                                                                              \
	fpga_result name(fpga_handle handle, uint32_t mmio_num, uint64_t offset, type value)       \
	{                                                                                          \
		const struct wrapped_handle *w;                                                    \
		struct guard_thread *t = handle_enter_fast(handle, &w);                            \
		fpga_result r;                                                                     \
                                                                                                   \
		if (__builtin_expect(!t, 0))                                                       \
			return name##_slowly(handle, mmio_num, offset, value);                     \
		if (in_window(w, mmio_num, offset, shift)) {                                       \
			*(volatile type *)window_at(w, mmio_num, offset) = value;                  \
			if (is_gone(w, mmio_num))                                                  \
				return leave_gone(t, w, mmio_num, #name);                          \
			guard_leave_fast(t);                                                       \
			return FPGA_OK;                                                            \
		}                                                                                  \
		t->object = w;                                                                     \
		r = w->table->name(w->plugin, mmio_num, offset, value);                            \
		if (__builtin_expect(r != FPGA_OK, 0))                                             \
			return leave_failed(r, t, #name);                                          \
		guard_leave_fast(t);                                                               \
		return FPGA_OK;                                                                    \
	}

READ(fpgaReadMMIO64, uint64_t, 3)
READ(fpgaReadMMIO32, uint32_t, 2)
WRITE(fpgaWriteMMIO64, uint64_t, 3)
WRITE(fpgaWriteMMIO32, uint32_t, 2)

fpga_result fpgaWriteMMIO512(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
			     const void *value)
{
	struct wrapped_handle *w = handle_enter(handle);

	if (!w)
		return handle_bad("fpgaWriteMMIO512");
	if (!value)
		return no_value("fpgaWriteMMIO512");
	return leave(w->table->fpgaWriteMMIO512(w->plugin, mmio_num, offset, value), w,
		     "fpgaWriteMMIO512");
}

fpga_result fpgaMapMMIO(fpga_handle handle, uint32_t mmio_num, uint64_t **mmio_ptr)
{
	struct wrapped_handle *w = handle_enter(handle);

	if (!w)
		return handle_bad("fpgaMapMMIO");
	return leave(w->table->fpgaMapMMIO(w->plugin, mmio_num, mmio_ptr), w, "fpgaMapMMIO");
}

fpga_result fpgaUnmapMMIO(fpga_handle handle, uint32_t mmio_num)
{
	struct wrapped_handle *w = handle_enter(handle);

	if (!w)
		return handle_bad("fpgaUnmapMMIO");
	return leave(w->table->fpgaUnmapMMIO(w->plugin, mmio_num), w, "fpgaUnmapMMIO");
}

fpga_result opaex_mmio_info(fpga_handle handle, uint32_t mmio_num, struct opaex_mmio_info *info)
{
	struct wrapped_handle *w = handle_enter(handle);

	if (!w)
		return handle_bad("opaex_mmio_info");
	if (!info) {
		handle_leave();
		return fail(FPGA_INVALID_PARAM, "opaex_mmio_info: info is NULL");
	}
	return leave(w->table->mmio_info(w->plugin, mmio_num, info), w, "opaex_mmio_info");
}

#define NAP_NS (10 * NS_PER_MS) /* longest sleep before a look at whether the handle was closed */

/* True: the handle is being closed, and close waits for us. */
static bool sleep_unless_closed(fpga_handle handle, int64_t until)
{
	for (;;) {
		int64_t left = until - clock_now_ns();

		if (!id_get(&handles, handle))
			return true;
		if (left <= 0)
			return false;
		clock_sleep_ns(left < NAP_NS ? left : NAP_NS);
	}
}

/* Longest that a plugin polls in one call. */
#define SLICE_NS (100 * NS_PER_MS)

struct poll {
	uint32_t mmio_num;
	uint64_t offset, mask, expected;
	int64_t interval, deadline;
	bool by_plugin; /* in slices; what is read more seldom than that is read by us */
};

/* FPGA_BUSY: not equal so far. */
static fpga_result poll_some(const struct wrapped_handle *w, const struct poll *p, uint64_t *value)
{
	int64_t left = p->deadline - clock_now_ns();
	fpga_result r;

	if (p->by_plugin) {
		left = left < 0 ? 0 : left < SLICE_NS ? left : SLICE_NS;
		return w->table->poll_mmio(w->plugin, p->mmio_num, p->offset, p->mask, p->expected,
					   (uint64_t)(p->interval / NS_PER_US), (uint64_t)(left / NS_PER_US),
					   value);
	}
	r = w->table->fpgaReadMMIO64(w->plugin, p->mmio_num, p->offset, value);
	return r != FPGA_OK || (*value & p->mask) == p->expected ? r : FPGA_BUSY;
}

static fpga_result poll_to_the_end(fpga_handle handle, const struct wrapped_handle *w,
				   const struct poll *p, uint64_t *value)
{
	for (;;) {
		fpga_result r = poll_some(w, p, value);
		int64_t next = clock_deadline(p->by_plugin ? 0 : p->interval);

		if (r != FPGA_BUSY)
			return r;
		if (clock_now_ns() >= p->deadline)
			break;
		detail_clear(); /* that it was not equal yet is no failure */
		if (sleep_unless_closed(handle, next < p->deadline ? next : p->deadline)) {
			detail_set("opaex_poll_mmio: the handle was closed meanwhile");
			return FPGA_INVALID_PARAM;
		}
	}
	if (!p->by_plugin)
		detail_set("opaex_poll_mmio: offset 0x%llx still reads 0x%llx at the end of the time",
			   (unsigned long long)p->offset, (unsigned long long)*value);
	return FPGA_BUSY;
}

static int64_t us_to_ns(uint64_t us)
{
	return us > (uint64_t)INT64_MAX / 1000 ? INT64_MAX : (int64_t)us * NS_PER_US;
}

fpga_result opaex_poll_mmio(fpga_handle handle, uint32_t mmio_num, uint64_t offset, uint64_t mask,
			    uint64_t expected, uint64_t interval_us, uint64_t timeout_us,
			    uint64_t *value)
{
	struct wrapped_handle *w = handle_enter(handle);
	struct poll p = { mmio_num, offset, mask, expected, us_to_ns(interval_us),
			  clock_deadline(us_to_ns(timeout_us)), false };
	uint64_t last = 0;
	fpga_result r;

	if (!w)
		return handle_bad("opaex_poll_mmio");
	p.by_plugin = w->table->poll_mmio && p.interval <= SLICE_NS;
	r = poll_to_the_end(handle, w, &p, &last);
	if (value && (r == FPGA_OK || r == FPGA_BUSY))
		*value = last;
	return leave(r, w, "opaex_poll_mmio");
}

static fpga_result block_by_words(const struct wrapped_handle *w, uint32_t mmio_num,
				  uint64_t offset, unsigned char *out, size_t len)
{
	uint64_t word;
	fpga_result r;

	for (size_t done = 0; done < len; done += sizeof(word)) {
		r = w->table->fpgaReadMMIO64(w->plugin, mmio_num, offset + done, &word);
		if (r != FPGA_OK)
			return r;
		memcpy(out + done, &word, sizeof(word));
	}
	return FPGA_OK;
}

fpga_result opaex_read_mmio_block(fpga_handle handle, uint32_t mmio_num, uint64_t offset,
				  void *buffer, size_t len)
{
	struct wrapped_handle *w = handle_enter(handle);
	struct opaex_mmio_info info;
	fpga_result r;

	if (!w)
		return handle_bad("opaex_read_mmio_block");
	r = w->table->mmio_info(w->plugin, mmio_num, &info);
	if (r != FPGA_OK)
		return leave(r, w, "opaex_read_mmio_block");
	if (!buffer || offset % 8 || len % 8 || len > info.size || offset > info.size - len) {
		handle_leave();
		return fail(FPGA_INVALID_PARAM,
			    "opaex_read_mmio_block: %zu bytes at 0x%llx: multiples of 8 inside the "
			    "region's 0x%llx bytes, and a buffer, are needed",
			    len, (unsigned long long)offset, (unsigned long long)info.size);
	}
	if (w->table->read_mmio_block)
		r = w->table->read_mmio_block(w->plugin, mmio_num, offset, buffer, len);
	else
		r = block_by_words(w, mmio_num, offset, buffer, len);
	return leave(r, w, "opaex_read_mmio_block");
}
