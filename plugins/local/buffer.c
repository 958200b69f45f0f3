/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver maps what lies together in physical memory, and chooses the device's address itself (kernel:
 * drivers/fpga/dfl-afu-dma-region.c). So a buffer is one page or lies in one huge page: those that the
 * machine has set aside, or transparent ones, or, for longer buffers, several that happen to lie together.
 */
#include "plugins/local/buffer.h"

#include <errno.h>
#include <linux/fpga-dfl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/meminfo.h"
#include "plugins/local/local.h"

#define PAGE UINT64_C(4096)
#define MIB (UINT64_C(1) << 20)
#define HUGE_2MB (2 * MIB)
#define HUGE_1GB (1024 * MIB)
#define PAGES_2MB (MAP_HUGETLB | 21 << 26) /* MAP_HUGE_2MB, MAP_HUGE_1GB of linux/mman.h */
#define PAGES_1GB (MAP_HUGETLB | 30 << 26)
#define ALL_FLAGS (FPGA_BUF_PREALLOCATED | FPGA_BUF_QUIET | FPGA_BUF_READ_ONLY)
#define SLOTS_MAX (1u << 24)
/* Of the driver with OPAE's own patches: the device may read, and not write. Mainline knows no flags. */
#define MAP_READ_ONLY 1u

static uint64_t round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

/* ---- slots; lock held ---- */

void buffers_init(struct buffers *b)
{
	memset(b, 0, sizeof(*b));
	pthread_mutex_init(&b->lock, NULL);
}

static int make_room(struct buffers *b)
{
	uint32_t room = b->room * 2 + 16;
	struct buffer_slot *grown = room > SLOTS_MAX ? NULL : reallocarray(b->slots, room, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	memset(grown + b->room, 0, (room - b->room) * sizeof(*grown));
	for (uint32_t i = room; i-- > b->room;) {
		grown[i].next_free = b->free_head;
		b->free_head = i + 1;
	}
	b->slots = grown;
	b->room = room;
	return 0;
}

static int slot_add(struct buffers *b, const struct buffer_slot *from, uint64_t *wsid)
{
	uint32_t i, generation;
	SCOPED_LOCK(&b->lock);

	if (!b->free_head && make_room(b))
		return -ENOMEM;
	i = b->free_head - 1;
	b->free_head = b->slots[i].next_free;
	generation = b->slots[i].generation + 1;
	b->slots[i] = *from;
	b->slots[i].generation = generation;
	b->slots[i].used = true;
	*wsid = (uint64_t)generation << 32 | (i + 1);
	return 0;
}

static struct buffer_slot *slot_find(struct buffers *b, uint64_t wsid)
{
	uint32_t index = (uint32_t)wsid;
	struct buffer_slot *s = index && index <= b->room ? &b->slots[index - 1] : NULL;

	return s && s->used && s->generation == wsid >> 32 ? s : NULL;
}

/* False: there is no such buffer. */
static bool slot_take(struct buffers *b, uint64_t wsid, struct buffer_slot *ret)
{
	struct buffer_slot *s;
	SCOPED_LOCK(&b->lock);

	s = slot_find(b, wsid);
	if (!s)
		return false;
	*ret = *s;
	s->used = false;
	s->next_free = b->free_head;
	b->free_head = (uint32_t)(s - b->slots) + 1;
	return true;
}

/* ---- giving to the device ---- */

static int map_with(struct handle *h, struct buffer_slot *s, uint32_t flags)
{
	struct dfl_fpga_port_dma_map map = { .argsz = sizeof(map),
					     .flags = flags,
					     .user_addr = (uintptr_t)s->at,
					     .length = s->map_len };
	int rc = handle_ioctl(h, DFL_FPGA_PORT_DMA_MAP, &map);

	s->iova = map.iova;
	return rc < 0 ? rc : 0;
}

static int unmap(struct handle *h, const struct buffer_slot *s)
{
	struct dfl_fpga_port_dma_unmap args = { .argsz = sizeof(args), .iova = s->iova };
	int rc = handle_ioctl(h, DFL_FPGA_PORT_DMA_UNMAP, &args);

	return rc < 0 ? rc : 0;
}

/*
 * -ENOTSUP: the driver has no maps that the device can only read; it does not say so, so it is tried without.
 */
static int map(struct handle *h, struct buffer_slot *s, bool read_only)
{
	int rc = map_with(h, s, read_only ? MAP_READ_ONLY : 0);

	if (rc != -EINVAL || !read_only || map_with(h, s, 0))
		return rc;
	unmap(h, s);
	return -ENOTSUP;
}

/* ---- memory of ours ---- */

struct kind {
	uint64_t most; /* bytes of a buffer that this is for */
	uint64_t page;
	int flags;
	bool transparent;
};

/* In the order of trying. Beyond a page's length several of them must happen to lie together. */
static const struct kind kinds[] = {
	{ PAGE, PAGE, 0, false },
	{ HUGE_2MB, HUGE_2MB, PAGES_2MB, false },
	{ HUGE_2MB, HUGE_2MB, 0, true },
	{ UINT64_MAX, HUGE_1GB, PAGES_1GB, false },
	{ 64 * HUGE_2MB, HUGE_2MB, PAGES_2MB, false },
	{ 64 * HUGE_2MB, HUGE_2MB, 0, true },
};

static int make_transparent(uint64_t len, void **ret)
{
	void *at;
	uintptr_t begin, aligned;
	int rc = sys_mmap(NULL, len + HUGE_2MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0,
			  &at);

	if (rc)
		return rc;
	begin = (uintptr_t)at;
	aligned = round_up(begin, HUGE_2MB);
	if (aligned > begin)
		sys_munmap(at, aligned - begin);
	sys_munmap((char *)at + (aligned - begin) + len, HUGE_2MB - (aligned - begin));
	*ret = (char *)at + (aligned - begin);
	madvise(*ret, len, MADV_HUGEPAGE);
	for (uint64_t i = 0; i < len; i += HUGE_2MB)
		((volatile char *)*ret)[i] = 0; /* each page's first touch makes it */
	return 0;
}

static int make(const struct kind *k, uint64_t len, struct buffer_slot *s)
{
	uint64_t bytes = round_up(len, k->page);
	int rc = k->transparent ? make_transparent(bytes, &s->at) :
				  sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | k->flags, -1, 0,
						   &s->at);

	if (rc)
		return rc;
	s->ours = true;
	s->our_len = bytes;
	s->map_len = round_up(len, PAGE);
	return 0;
}

static void release_memory(struct buffer_slot *s)
{
	if (s->ours)
		sys_munmap(s->at, s->our_len);
	s->ours = false;
}

/*
 * The kinds that fit, one after the other, until the driver takes one. -EINVAL: there is none that lies
 * together; every other error is the driver's own, and not for want of such memory.
 */
static int make_and_map(struct handle *h, uint64_t len, bool read_only, struct buffer_slot *s)
{
	int rc = len > PAGE ? -EINVAL : -ENOMEM;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int one;

		if (len > kinds[i].most || (len <= PAGE && i) || (kinds[i].transparent && !meminfo_has(len)))
			continue;
		if (make(&kinds[i], len, s))
			continue;
		one = map(h, s, read_only);
		if (!one)
			return 0;
		release_memory(s);
		rc = one;
		if (rc != -EINVAL && rc != -EFAULT)
			return rc; /* other pages change nothing */
	}
	return rc;
}

/* ---- the calls ---- */

static fpga_result check_arguments(uint64_t len, void **at, int flags)
{
	const char *call = "fpgaPrepareBuffer";

	if (flags & ~ALL_FLAGS)
		return say(FPGA_INVALID_PARAM, "%s: unknown flags 0x%x", call,
			   (unsigned int)flags & ~(unsigned int)ALL_FLAGS);
	if (!at)
		return say(FPGA_INVALID_PARAM, "%s: buf_addr is NULL", call);
	if (!len)
		return say(FPGA_INVALID_PARAM, "%s: the length is 0", call);
	if (len > UINT64_MAX / 4)
		return say(FPGA_NO_MEMORY, "%s: there is no memory for %llu bytes", call,
			   (unsigned long long)len);
	if (!(flags & FPGA_BUF_PREALLOCATED))
		return FPGA_OK;
	if (!*at)
		return say(FPGA_INVALID_PARAM, "%s: FPGA_BUF_PREALLOCATED, but the address is NULL", call);
	if ((uintptr_t)*at % PAGE || len % PAGE)
		return say(FPGA_INVALID_PARAM, "%s: FPGA_BUF_PREALLOCATED: the kernel's driver maps whole "
			   "pages: address %p and length %llu must be multiples of %llu", call, *at,
			   (unsigned long long)len, (unsigned long long)PAGE);
	return FPGA_OK;
}

static fpga_result no_contiguous(uint64_t len, bool theirs)
{
	if (theirs)
		return say(FPGA_INVALID_PARAM, "fpgaPrepareBuffer: the kernel's driver maps what lies "
			   "together in physical memory: a page of 4 KiB, or what is inside one huge page; "
			   "the %llu bytes at that address do not", (unsigned long long)len);
	return say(FPGA_NO_MEMORY, "fpgaPrepareBuffer: no %s huge page is free, and %llu bytes must lie "
		   "together in physical memory for the kernel's driver; set some aside: "
		   "/sys/kernel/mm/hugepages/hugepages-%s/nr_hugepages", len > HUGE_2MB ? "1 GiB" : "2 MiB",
		   (unsigned long long)len, len > HUGE_2MB ? "1048576kB" : "2048kB");
}

static fpga_result refused(struct handle *h, int rc, uint64_t len, bool theirs)
{
	struct rlimit lock;

	if (rc == -ENODEV || atomic_load(&h->dead))
		return say_errno(h, rc, "fpgaPrepareBuffer");
	if (rc == -ENOTSUP)
		return say(FPGA_NOT_SUPPORTED, "fpgaPrepareBuffer: FPGA_BUF_READ_ONLY: this kernel's driver "
			   "has no maps that the device can only read");
	if (rc == -EINVAL)
		return no_contiguous(len, theirs);
	if (rc == -EFAULT)
		return say(FPGA_INVALID_PARAM, "fpgaPrepareBuffer: not all of the %llu bytes at that address "
			   "is memory that may be written", (unsigned long long)len);
	if ((rc == -ENOMEM || rc == -EPERM) && !getrlimit(RLIMIT_MEMLOCK, &lock) && lock.rlim_cur !=
	    RLIM_INFINITY)
		return say(FPGA_NO_MEMORY, "fpgaPrepareBuffer: %llu bytes are more than this process may "
			   "still lock of its %llu (ulimit -l)", (unsigned long long)len,
			   (unsigned long long)lock.rlim_cur);
	return say_errno(h, rc, "fpgaPrepareBuffer");
}

static fpga_result prepare_buffer(fpga_handle handle, uint64_t len, void **at, uint64_t *wsid, int flags)
{
	struct handle *h = handle;
	struct buffer_slot s = { .len = len };
	bool theirs = flags & FPGA_BUF_PREALLOCATED, read_only = flags & FPGA_BUF_READ_ONLY;
	fpga_result r;
	int rc;

	if (is_fme(h))
		return say(FPGA_NOT_SUPPORTED, "fpgaPrepareBuffer: buffers are an accelerator's");
	if (theirs && !(flags & ~ALL_FLAGS) && !len && !at)
		return FPGA_OK; /* the question whether it can be done */
	r = check_arguments(len, at, flags);
	if (r != FPGA_OK)
		return r;
	if (theirs) {
		s.at = *at;
		s.map_len = len;
		rc = map(h, &s, read_only);
	} else {
		rc = make_and_map(h, len, read_only, &s);
	}
	if (rc)
		return refused(h, rc, len, theirs);
	if (slot_add(&h->buffers, &s, wsid)) {
		unmap(h, &s);
		release_memory(&s);
		return say(FPGA_NO_MEMORY, "fpgaPrepareBuffer: too many buffers");
	}
	*at = s.at;
	return FPGA_OK;
}

static fpga_result release_buffer(fpga_handle handle, uint64_t wsid)
{
	struct handle *h = handle;
	struct buffer_slot s;
	int rc;

	if (!slot_take(&h->buffers, wsid, &s))
		return say(FPGA_INVALID_PARAM,
			   "fpgaReleaseBuffer: 0x%llx is no buffer of this handle, or was released",
			   (unsigned long long)wsid);
	rc = unmap(h, &s);
	release_memory(&s);
	return rc ? say_errno(h, rc, "fpgaReleaseBuffer") : FPGA_OK;
}

void buffers_done(struct handle *h)
{
	struct buffers *b = &h->buffers;

	for (uint32_t i = 0; i < b->room; i++)
		if (b->slots[i].used) {
			unmap(h, &b->slots[i]);
			release_memory(&b->slots[i]);
		}
	free(b->slots);
	pthread_mutex_destroy(&b->lock);
}

static fpga_result get_ws_info(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr, void **buf, uint64_t *len)
{
	struct handle *h = handle;
	struct buffer_slot *s;
	SCOPED_LOCK(&h->buffers.lock);

	s = slot_find(&h->buffers, wsid);
	if (!s)
		return say(FPGA_NOT_FOUND, "0x%llx is no buffer of this handle, or was released",
			   (unsigned long long)wsid);
	*ioaddr = s->iova;
	if (buf)
		*buf = s->at;
	if (len)
		*len = s->len;
	return FPGA_OK;
}

static fpga_result get_ioaddress(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr)
{
	return get_ws_info(handle, wsid, ioaddr, NULL, NULL);
}

static fpga_result pin_buffer(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr)
{
	(void)handle;
	(void)buf;
	(void)len;
	(void)ioaddr;
	return say(FPGA_NOT_SUPPORTED, "fpgaPrepareBuffer: the accelerator has children, which need the "
		   "buffer at one address, and the kernel's driver chooses each one's itself; bind the card "
		   "to vfio-pci, or open the accelerator alone (opaex_open_alone)");
}

void fill_buffers(opae_api_adapter_table *t)
{
	t->fpgaPrepareBuffer = prepare_buffer;
	t->fpgaReleaseBuffer = release_buffer;
	t->fpgaGetIOAddress = get_ioaddress;
	t->get_ws_info = get_ws_info;
	t->pin_buffer = pin_buffer;
	t->unpin_buffer = pin_buffer;
}
