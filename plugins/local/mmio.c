/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MMIO regions, mapped from open to close. Aligned accesses are made by the shell in the window that it is
 * given; what comes here is the rest, and what is wrong.
 */
#include <errno.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <linux/fpga-dfl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "dev/ones.h"
#include "plugins/local/mmio.h"

/* TSan: the device is no thread of ours. */
#define DEVICE_ACCESS __attribute__((no_sanitize_thread))

/* ---- mapping ---- */

static int map(struct handle *h, struct mmio *m, uint64_t offset)
{
	int prot = (m->read ? PROT_READ : 0) | (m->write ? PROT_WRITE : 0);
	void *at;
	int rc = sys_mmap(NULL, m->size, prot, MAP_SHARED, h->fd, (off_t)offset, &at);

	if (!rc) {
		rc = ones_watch(at, m->size, &h->dead, -1);
		if (rc)
			sys_munmap(at, m->size);
	}
	if (!rc)
		m->at = at;
	return rc;
}

static int add_region(struct handle *h, uint32_t index)
{
	struct dfl_fpga_port_region_info info = { .argsz = sizeof(info), .index = index };
	struct mmio *m = &h->mmio[index];
	int rc = sys_ioctl(h->fd, DFL_FPGA_PORT_GET_REGION_INFO, &info);

	if (rc < 0)
		return rc;
	m->size = info.size;
	m->read = info.flags & DFL_PORT_REGION_READ;
	m->write = info.flags & DFL_PORT_REGION_WRITE;
	h->num_mmio = index + 1;
	if (!(info.flags & DFL_PORT_REGION_MMAP) || !info.size || !(m->read || m->write))
		return 0; /* told by the first access */
	return map(h, m, info.offset);
}

int mmio_open(struct handle *h)
{
	struct dfl_fpga_port_info info = { .argsz = sizeof(info) };
	uint32_t n;
	int rc = ones_prepare();

	if (!rc)
		rc = sys_ioctl(h->fd, DFL_FPGA_PORT_GET_INFO, &info);
	if (rc < 0)
		return rc;
	n = info.num_regions < MAX_MMIO ? info.num_regions : MAX_MMIO;
	for (uint32_t i = 0; i < n; i++) {
		rc = add_region(h, i);
		if (rc)
			return rc;
	}
#if defined(__x86_64__)
	h->avx512 = __builtin_cpu_supports("avx512f");
#endif
	return 0;
}

void mmio_close(struct handle *h)
{
	for (uint32_t i = 0; i < MAX_MMIO; i++) {
		if (!h->mmio[i].at)
			continue;
		ones_unwatch(h->mmio[i].at);
		sys_munmap(h->mmio[i].at, h->mmio[i].size);
		h->mmio[i].at = NULL;
	}
}

int mmio_cover(struct handle *h)
{
	int rc = 0;

	for (uint32_t i = 0; i < MAX_MMIO; i++) {
		int one = h->mmio[i].at ? ones_cover(h->mmio[i].at, h->mmio[i].size) : 0;

		rc = rc ? rc : one;
	}
	return rc;
}

/* ---- accesses ---- */

static fpga_result bad_region(const struct handle *h, uint32_t num, const char *call)
{
	if (is_fme(h))
		return say(FPGA_NOT_SUPPORTED,
			   "%s: the kernel keeps the registers of an FPGA_DEVICE to itself; they are in "
			   "sysfs, for fpgaHandleGetObject", call);
	return say(FPGA_INVALID_PARAM, "%s: MMIO region %u: the accelerator has %u", call, num, h->num_mmio);
}

static fpga_result bad_access(const struct handle *h, uint32_t num, uint64_t offset, unsigned int bytes,
			      const char *call)
{
	const struct mmio *m = &h->mmio[num < h->num_mmio ? num : 0];

	if (num >= h->num_mmio)
		return bad_region(h, num, call);
	if (!m->at)
		return say(FPGA_NO_ACCESS, "%s: the kernel does not let region %u be mapped", call, num);
	if (offset % bytes)
		return say(FPGA_INVALID_PARAM, "%s: offset 0x%llx is not a multiple of %u", call,
			   (unsigned long long)offset, bytes);
	return say(FPGA_INVALID_PARAM, "%s: %u bytes at 0x%llx are not in region %u, which has 0x%llx", call,
		   bytes, (unsigned long long)offset, num, (unsigned long long)m->size);
}

static inline bool good_access(const struct handle *h, uint32_t num, uint64_t offset, unsigned int bytes)
{
	return num < h->num_mmio && h->mmio[num].at && !(offset % bytes) && h->mmio[num].size >= bytes &&
	       offset <= h->mmio[num].size - bytes;
}

#define READ(name, type, call)                                                                             \
	DEVICE_ACCESS static fpga_result name(fpga_handle handle, uint32_t num, uint64_t offset,           \
					      type *value)                                                 \
	{                                                                                                  \
		const struct handle *h = handle;                                                           \
                                                                                                           \
		if (!good_access(h, num, offset, sizeof(type)))                                            \
			return bad_access(h, num, offset, sizeof(type), call);                             \
		if (!h->mmio[num].read)                                                                    \
			return say(FPGA_NO_ACCESS, call ": region %u cannot be read", num);                \
		*value = *(const volatile type *)(const void *)(h->mmio[num].at + offset);                 \
		return alive(h, call);                                                                     \
	}

#define WRITE(name, type, call)                                                                            \
	DEVICE_ACCESS static fpga_result name(fpga_handle handle, uint32_t num, uint64_t offset,           \
					      type value)                                                  \
	{                                                                                                  \
		const struct handle *h = handle;                                                           \
                                                                                                           \
		if (!good_access(h, num, offset, sizeof(type)))                                            \
			return bad_access(h, num, offset, sizeof(type), call);                             \
		if (!h->mmio[num].write)                                                                   \
			return say(FPGA_NO_ACCESS, call ": region %u cannot be written", num);             \
		*(volatile type *)(void *)(h->mmio[num].at + offset) = value;                              \
		return alive(h, call);                                                                     \
	}

READ(read64, uint64_t, "fpgaReadMMIO64")
READ(read32, uint32_t, "fpgaReadMMIO32")
WRITE(write64, uint64_t, "fpgaWriteMMIO64")
WRITE(write32, uint32_t, "fpgaWriteMMIO32")

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

static fpga_result write512(fpga_handle handle, uint32_t num, uint64_t offset, const void *value)
{
	const struct handle *h = handle;

	if (!good_access(h, num, offset, 64))
		return bad_access(h, num, offset, 64, "fpgaWriteMMIO512");
	if (!h->mmio[num].write)
		return say(FPGA_NO_ACCESS, "fpgaWriteMMIO512: region %u cannot be written", num);
	if (!h->avx512)
		return say(FPGA_NOT_SUPPORTED, "fpgaWriteMMIO512: this processor has no AVX-512F, so 64 "
			   "bytes cannot be stored at once");
	store512(h->mmio[num].at + offset, value);
	return alive(h, "fpgaWriteMMIO512");
}

/* ---- the other calls ---- */

static fpga_result map_mmio(fpga_handle handle, uint32_t num, uint64_t **ptr)
{
	const struct handle *h = handle;
	fpga_result r;

	if (num >= h->num_mmio)
		return bad_region(h, num, "fpgaMapMMIO");
	r = alive(h, "fpgaMapMMIO");
	if (r != FPGA_OK)
		return r;
	if (!h->mmio[num].at)
		return say(FPGA_NO_ACCESS, "fpgaMapMMIO: the kernel does not let region %u be mapped", num);
	if (ptr)
		*ptr = (uint64_t *)(void *)h->mmio[num].at;
	return FPGA_OK;
}

static fpga_result unmap_mmio(fpga_handle handle, uint32_t num)
{
	const struct handle *h = handle;

	return num < h->num_mmio ? FPGA_OK : bad_region(h, num, "fpgaUnmapMMIO");
}

static fpga_result mmio_info(fpga_handle handle, uint32_t num, struct opaex_mmio_info *info)
{
	const struct handle *h = handle;
	const struct mmio *m;

	if (num >= h->num_mmio)
		return bad_region(h, num, "opaex_mmio_info");
	m = &h->mmio[num];
	*info = (struct opaex_mmio_info){ .size = m->size,
					  .flags = (m->at ? OPAEX_MMIO_MAPPED : 0u) |
						   (m->read ? OPAEX_MMIO_READ : 0u) |
						   (m->write ? OPAEX_MMIO_WRITE : 0u) };
	return FPGA_OK;
}

static fpga_result gone(fpga_handle handle)
{
	return alive(handle, "MMIO");
}

_Static_assert(sizeof(atomic_bool) == 1, "the shell looks at the flag as a byte");

static fpga_result mmio_window(fpga_handle handle, uint32_t num, struct opae_mmio_window *window)
{
	const struct handle *h = handle;
	const struct mmio *m = &h->mmio[num < MAX_MMIO ? num : 0];

	if (num >= h->num_mmio || !m->at || !m->read || !m->write || m->size % 64)
		return FPGA_NOT_SUPPORTED;
	*window = (struct opae_mmio_window){
		.at = m->at,
		.len = m->size,
		.dead = (const volatile unsigned char *)(uintptr_t)&h->dead,
		.gone = gone,
	};
	return FPGA_OK;
}

void fill_mmio(opae_api_adapter_table *t)
{
	t->fpgaReadMMIO64 = read64;
	t->fpgaWriteMMIO64 = write64;
	t->fpgaReadMMIO32 = read32;
	t->fpgaWriteMMIO32 = write32;
	t->fpgaWriteMMIO512 = write512;
	t->fpgaMapMMIO = map_mmio;
	t->fpgaUnmapMMIO = unmap_mmio;
	t->mmio_info = mmio_info;
	t->mmio_window = mmio_window;
}
