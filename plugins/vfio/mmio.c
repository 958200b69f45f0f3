/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MMIO: this module owns the mapping, so it alone checks region, bounds and alignment, for every
 * access. Then a mapped access is one volatile load or store and one look at the dead flag; there
 * is no lock and no allocation. What is not mapped goes to the device as a message.
 *
 * The flag is looked at after the access: a device that dies during it has its pages covered
 * with ones (ones.h), so the access itself never faults.
 */
#include <errno.h>
#include <string.h>

#include "plugins/vfio/vfio.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define likely(x) __builtin_expect(!!(x), 1)

/* ---- set-up ---- */

/* The longest mapped part becomes the window of the fast path. */
static void choose_window(struct mmio *m)
{
	for (uint32_t i = 0; i < m->map->num_areas; i++) {
		const struct vdev_area *a = &m->map->areas[i];
		uint64_t first = a->offset > m->base ? a->offset : m->base;
		uint64_t end = a->offset + a->size, region_end = m->base + m->size;

		if (end > region_end)
			end = region_end;
		/* Whole lines, so that an aligned access that begins in the window ends in it. */
		if (end <= first || ((end - first) & ~UINT64_C(63)) <= m->window_len)
			continue;
		m->window = first - m->base;
		m->window_len = (end - first) & ~UINT64_C(63);
		m->at = a->at + (first - a->offset);
	}
}

/*
 * What does not fit in the BAR is not there: who found the place had checked it, but long ago. One that
 * does not begin at a line is reached by messages: its aligned offsets are crooked addresses.
 */
void mmio_add(struct handle *h, const struct span *where, const struct vdev_region *bar)
{
	static const struct vdev_region unmapped = { .read = true, .write = true };
	struct mmio *m = &h->mmio[h->num_mmio];

#if defined(__x86_64__)
	h->avx512 = __builtin_cpu_supports("avx512f");
#endif
	if (!where->size || where->size > bar->size || where->offset > bar->size - where->size)
		return;
	*m = (struct mmio){ .size = where->size, .base = where->offset, .bar = where->bar,
			    .map = where->offset % 64 ? &unmapped : bar };
	choose_window(m);
	h->num_mmio++;
}

/* ---- what is wrong with an access ---- */

static __attribute__((cold, noinline)) fpga_result
bad_access(const struct handle *h, uint32_t num, uint64_t offset, unsigned int bytes)
{
	if (num >= h->num_mmio)
		return say(FPGA_INVALID_PARAM, "MMIO region %u: the accelerator has %u", num,
			   h->num_mmio);
	if (offset % bytes)
		return say(FPGA_INVALID_PARAM, "MMIO offset 0x%llx is not a multiple of %u",
			   (unsigned long long)offset, bytes);
	return say(FPGA_INVALID_PARAM,
		   "%u bytes at MMIO offset 0x%llx lie outside the region's 0x%llx bytes", bytes,
		   (unsigned long long)offset, (unsigned long long)h->mmio[num].size);
}

static __attribute__((cold, noinline)) fpga_result dead(const struct handle *h)
{
	return say_device(h->dev, -EIO, "MMIO access");
}

static inline bool good_access(const struct handle *h, uint32_t num, uint64_t offset,
			       unsigned int bytes)
{
	/* Subtraction: offsets near 2^64 must not wrap. */
	return likely(num < h->num_mmio) && likely(!(offset & (bytes - 1))) &&
	       likely(h->mmio[num].size >= bytes) && likely(offset <= h->mmio[num].size - bytes);
}

static inline bool is_dead(const struct handle *h)
{
	return atomic_load_explicit(&h->dev->dead, memory_order_relaxed);
}

/*
 * Is the access good, and inside the window? The window is whole lines of the region, so an aligned
 * access that begins in it ends in it.
 */
static inline bool in_window(const struct handle *h, uint32_t num, uint64_t offset,
			     unsigned int bytes)
{
	return likely(num < h->num_mmio) && likely(!(offset & (bytes - 1))) &&
	       likely(offset - h->mmio[num].window < h->mmio[num].window_len);
}

static inline uint8_t *window_at(const struct handle *h, uint32_t num, uint64_t offset)
{
	return h->mmio[num].at + (offset - h->mmio[num].window);
}

/* Where the access is mapped, or NULL. In bounds and aligned, so it never straddles a page. */
static uint8_t *mapped(const struct mmio *m, uint64_t offset)
{
	uint64_t in = offset + m->base;

	for (uint32_t i = 0; i < m->map->num_areas; i++)
		if (in - m->map->areas[i].offset < m->map->areas[i].size)
			return m->map->areas[i].at + (in - m->map->areas[i].offset);
	return NULL;
}

static __attribute__((noinline)) fpga_result by_message(const struct handle *h, uint32_t num,
							uint64_t offset, void *read_to,
							const void *write_from, uint32_t bytes)
{
	const struct mmio *m = &h->mmio[num];
	struct vdev *d = h->dev;
	uint64_t at = m->base + offset;
	int rc = read_to ? d->ops->read(d, VDEV_BAR0 + m->bar, at, read_to, bytes) :
			   d->ops->write(d, VDEV_BAR0 + m->bar, at, write_from, bytes);

	return rc ? say_device(d, rc, read_to ? "MMIO read" : "MMIO write") : FPGA_OK;
}

/* ---- accesses ---- */

/* The registers are the device's; that ones_cover() replaces their pages is no race of the program. */
#define DEVICE_ACCESS __attribute__((no_sanitize_thread))

/*
 * An access to the window is the short way. Every other one, be it bad, to another mapped part or a
 * message, is in a function of its own, so that the short way needs neither stack nor canary.
 */
#define READ(name, type)                                                                           \
	DEVICE_ACCESS static __attribute__((noinline)) fpga_result name##_elsewhere(               \
		const struct handle *h, uint32_t num, uint64_t offset, type *value)                \
	{                                                                                          \
		const uint8_t *at;                                                                 \
                                                                                                   \
		if (!good_access(h, num, offset, sizeof(type)))                                    \
			return bad_access(h, num, offset, sizeof(type));                           \
		at = mapped(&h->mmio[num], offset);                                                \
		if (!at)                                                                           \
			return by_message(h, num, offset, value, NULL, sizeof(type));              \
		*value = *(const volatile type *)(const void *)at;                                 \
		return is_dead(h) ? dead(h) : FPGA_OK;                                             \
	}                                                                                          \
                                                                                                   \
	DEVICE_ACCESS                                                                              \
	fpga_result name(fpga_handle handle, uint32_t num, uint64_t offset, type *value)           \
	{                                                                                          \
		const struct handle *h = handle;                                                   \
                                                                                                   \
		if (!in_window(h, num, offset, sizeof(type)))                                      \
			return name##_elsewhere(h, num, offset, value);                            \
		*value = *(const volatile type *)(const void *)window_at(h, num, offset);          \
		return likely(!is_dead(h)) ? FPGA_OK : dead(h);                                    \
	}

#define WRITE(name, type)                                                                          \
	DEVICE_ACCESS static __attribute__((noinline)) fpga_result name##_elsewhere(               \
		const struct handle *h, uint32_t num, uint64_t offset, type value)                 \
	{                                                                                          \
		uint8_t *at;                                                                       \
                                                                                                   \
		if (!good_access(h, num, offset, sizeof(type)))                                    \
			return bad_access(h, num, offset, sizeof(type));                           \
		at = mapped(&h->mmio[num], offset);                                                \
		if (!at)                                                                           \
			return by_message(h, num, offset, NULL, &value, sizeof(type));             \
		*(volatile type *)(void *)at = value;                                              \
		return is_dead(h) ? dead(h) : FPGA_OK;                                             \
	}                                                                                          \
                                                                                                   \
	DEVICE_ACCESS                                                                              \
	fpga_result name(fpga_handle handle, uint32_t num, uint64_t offset, type value)            \
	{                                                                                          \
		const struct handle *h = handle;                                                   \
                                                                                                   \
		if (!in_window(h, num, offset, sizeof(type)))                                      \
			return name##_elsewhere(h, num, offset, value);                            \
		*(volatile type *)(void *)window_at(h, num, offset) = value;                       \
		return likely(!is_dead(h)) ? FPGA_OK : dead(h);                                    \
	}

READ(vfio_read64, uint64_t)
READ(vfio_read32, uint32_t)
WRITE(vfio_write64, uint64_t)
WRITE(vfio_write32, uint32_t)

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void store512(uint8_t *at, const void *value)
{
	__m512i v = _mm512_loadu_si512(value);

	_mm512_store_si512((void *)at, v);
}
#else
static void store512(uint8_t *at, const void *value)
{
	(void)at;
	(void)value;
}
#endif

fpga_result vfio_write512(fpga_handle handle, uint32_t num, uint64_t offset, const void *value)
{
	const struct handle *h = handle;
	uint8_t *at;

	if (!good_access(h, num, offset, 64))
		return bad_access(h, num, offset, 64);
	at = mapped(&h->mmio[num], offset);
	if (!at)
		return by_message(h, num, offset, NULL, value, 64);
	if (!h->avx512)
		return say(FPGA_NOT_SUPPORTED, "fpgaWriteMMIO512: this processor has no AVX-512F, "
					       "so 64 bytes cannot be stored at once");
	store512(at, value);
	return is_dead(h) ? dead(h) : FPGA_OK;
}

/* ---- mapping ---- */

static bool wholly_mapped(const struct mmio *m)
{
	return !m->window && m->window_len == m->size;
}

static fpga_result bad_region(const struct handle *h, uint32_t num, const char *call)
{
	return say(FPGA_INVALID_PARAM, "%s: MMIO region %u: the accelerator has %u", call, num,
		   h->num_mmio);
}

fpga_result vfio_map_mmio(fpga_handle handle, uint32_t num, uint64_t **ptr)
{
	const struct handle *h = handle;

	if (num >= h->num_mmio)
		return bad_region(h, num, "fpgaMapMMIO");
	if (is_dead(h))
		return dead(h);
	if (!ptr)
		return FPGA_OK; /* regions are mapped from open to close */
	if (!wholly_mapped(&h->mmio[num]))
		return say(FPGA_NOT_SUPPORTED,
			   "fpgaMapMMIO: %s of region %u's 0x%llx bytes is mapped, so there is no "
			   "pointer to it; use fpgaReadMMIO and fpgaWriteMMIO",
			   h->mmio[num].window_len ? "only a part" : "nothing", num,
			   (unsigned long long)h->mmio[num].size);
	*ptr = (uint64_t *)(void *)h->mmio[num].at;
	return FPGA_OK;
}

fpga_result vfio_unmap_mmio(fpga_handle handle, uint32_t num)
{
	const struct handle *h = handle;

	return num < h->num_mmio ? FPGA_OK : bad_region(h, num, "fpgaUnmapMMIO");
}

fpga_result vfio_mmio_info(fpga_handle handle, uint32_t num, struct opaex_mmio_info *info)
{
	const struct handle *h = handle;
	const struct mmio *m;

	if (num >= h->num_mmio)
		return bad_region(h, num, "opaex_mmio_info");
	m = &h->mmio[num];
	*info = (struct opaex_mmio_info){
		.size = m->size,
		.flags = (wholly_mapped(m) ? OPAEX_MMIO_MAPPED : OPAEX_MMIO_TRAPPED) |
			 (m->map->read ? OPAEX_MMIO_READ : 0u) |
			 (m->map->write ? OPAEX_MMIO_WRITE : 0u)
	};
	return FPGA_OK;
}

static fpga_result gone(fpga_handle handle)
{
	return dead(handle);
}

_Static_assert(sizeof(atomic_bool) == 1, "the shell looks at the flag as a byte");

fpga_result vfio_mmio_window(fpga_handle handle, uint32_t num, struct opae_mmio_window *window)
{
	const struct handle *h = handle;
	const struct mmio *m = &h->mmio[num < MAX_MMIO ? num : 0];

	if (num >= h->num_mmio || !m->window_len || m->window % 64)
		return FPGA_NOT_SUPPORTED;
	*window = (struct opae_mmio_window){
		.at = m->at,
		.offset = m->window,
		.len = m->window_len,
		.dead = (const volatile unsigned char *)(uintptr_t)&h->dev->dead,
		.gone = gone,
	};
	return FPGA_OK;
}
