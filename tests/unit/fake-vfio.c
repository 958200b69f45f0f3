/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake-vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dev/uapi/iommufd.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-tree.h"
#include "tests/unit/seam.h"

#define MOST_FILES 64

struct fake_vfio fake;

static bool has_tree;
static struct sys_ops seam;
static struct sys_ops table;
static int device = -1; /* the fake's own descriptor of it */
static uint32_t group;	/* the one that was opened last */
static struct {
	int fd;	       /* the container's, or the iommufd's */
	uint32_t ioas; /* 0: of a container */
	uint64_t iova, len;
} dma[FAKE_MOST_DMA];

enum kind { CLOSED, GROUP, NODE, IOMMUFD, DEVICE };
static struct file {
	enum kind kind;
	int fd;
	uint32_t number; /* of a group or node; of an iommufd, the newest IOAS */
	bool bound;	 /* a node: to this iommufd, */
	int iommufd;
	uint32_t ioas; /* and attached to that; 0: not yet */
} files[MOST_FILES];

/* By the number of a node. */
static const uint32_t groups[] = { 7, 7, 8 };

/* ---- what is open ---- */

static struct file *find_file(int fd)
{
	for (int i = 0; i < MOST_FILES; i++)
		if (files[i].kind && files[i].fd == fd)
			return &files[i];
	return NULL;
}

static void add_file(int fd, enum kind kind, uint32_t number)
{
	int i = 0;

	while (i < MOST_FILES && files[i].kind)
		i++;
	assert_true(i < MOST_FILES);
	files[i] = (struct file){ .kind = kind, .fd = fd, .number = number };
}

/* A file of that kind that is open; of nodes, one that is bound. */
static bool is_open(enum kind kind, uint32_t number)
{
	for (int i = 0; i < MOST_FILES; i++)
		if (files[i].kind == kind && files[i].number == number && (kind != NODE || files[i].bound))
			return true;
	return false;
}

/* ---- what the kernel answers ---- */

static int get_device(const char *name)
{
	int fd;

	snprintf(fake.opened, sizeof(fake.opened), "%s", name);
	if (device >= 0)
		close(device);
	device = memfd_create("fake-device", MFD_CLOEXEC);
	assert_true(device >= 0);
	assert_int_equal(ftruncate(device, FAKE_DEVICE_SIZE), 0);
	fd = fcntl(device, F_DUPFD_CLOEXEC, 3);
	assert_true(fd >= 0);
	add_file(fd, DEVICE, 0);
	return fd;
}

static void put_parts(struct vfio_region_info *r)
{
	const uint32_t need = (uint32_t)(sizeof(*r) + sizeof(struct vfio_region_info_cap_sparse_mmap) +
					 3 * sizeof(struct vfio_region_sparse_mmap_area));
	struct vfio_region_info_cap_sparse_mmap *cap = (void *)(r + 1);

	r->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	if (r->argsz >= need) {
		r->cap_offset = sizeof(*r);
		memset(cap, 0, sizeof(*cap));
		cap->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
		cap->header.version = 1;
		cap->nr_areas = 3;
		cap->areas[0].offset = 0x1000;
		cap->areas[0].size = 0x1000;
		cap->areas[1].offset = 0x4000;
		cap->areas[1].size = 0x2000;
		cap->areas[2].offset = 0x7000;
		cap->areas[2].size = 0x1000;
	}
	r->argsz = need;
}

static int get_region(struct vfio_region_info *r)
{
	static const uint64_t sizes[] = { [0] = FAKE_BAR0_SIZE, [2] = FAKE_BAR2_SIZE, [4] = 0x1000,
					  [7] = 0x1000, [8] = 0 };
	static const uint64_t offsets[] = { [2] = FAKE_BAR2_AT, [4] = 0x180000, [7] = FAKE_CONFIG_AT,
					    [8] = 0 };

	if (r->index >= 8)
		return -EINVAL;
	r->size = sizes[r->index];
	r->offset = r->index == 7 && fake.no_config ? FAKE_DEVICE_SIZE : offsets[r->index];
	r->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (r->index == 0 || r->index == 2)
		r->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (r->index == 2)
		put_parts(r);
	return 0;
}

static int get_irq(struct vfio_irq_info *i)
{
	static const uint32_t counts[] = { 1, 0, FAKE_MSIX, 1, 1 };

	if (i->index >= 4)
		return -EINVAL; /* the last kind is one that this device has not */
	i->count = counts[i->index];
	i->flags = i->index ? VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE :
			      VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	return 0;
}

static int set_irqs(const struct vfio_irq_set *s)
{
	uint32_t *on = &fake.irqs_on[s->index];

	if (s->flags & (VFIO_IRQ_SET_ACTION_MASK | VFIO_IRQ_SET_ACTION_UNMASK))
		return s->index || !*on ? -ENOTTY : 0;
	if (s->flags & VFIO_IRQ_SET_DATA_NONE) {
		*on = 0;
		return 0;
	}
	if (*on && s->start + s->count > *on)
		return -EINVAL;
	if (!*on && s->count > fake.vectors)
		return fake.vectors ? (int)fake.vectors : -ENOSPC;
	if (!*on)
		*on = s->count;
	if (s->index == VFIO_PCI_MSIX_IRQ_INDEX)
		memcpy(fake.bound + s->start, s->data, s->count * sizeof(int32_t));
	return 0;
}

static int get_iommu(struct vfio_iommu_type1_info *i)
{
	struct vfio_iommu_type1_info_cap_iova_range *cap = (void *)(i + 1);
	const uint32_t need = (uint32_t)(sizeof(*i) + sizeof(*cap) + 2 * sizeof(cap->iova_ranges[0]));

	i->flags = VFIO_IOMMU_INFO_CAPS;
	if (i->argsz >= need) {
		i->cap_offset = sizeof(*i);
		memset(cap, 0, sizeof(*cap));
		cap->header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
		cap->header.version = 1;
		cap->nr_iovas = group == 8 ? 1 : 2;
		cap->iova_ranges[0].end = group == 8 ? 0x1fffff : 0xfedfffff;
		cap->iova_ranges[1].start = 0xfef00000;
		cap->iova_ranges[1].end = (UINT64_C(1) << 39) - 1;
	}
	i->argsz = need;
	return 0;
}

/* Memory that is there, which the kernel would pin. */
static bool is_memory(uint64_t at, uint64_t len)
{
	return !msync((void *)(uintptr_t)at, (size_t)len, MS_ASYNC);
}

static int add_dma(int fd, uint32_t ioas, uint64_t iova, uint64_t at, uint64_t len)
{
	int room = -1;

	if (!len || (len | iova | at) % 4096)
		return -EINVAL;
	for (int i = 0; i < FAKE_MOST_DMA; i++) {
		if (!dma[i].len)
			room = i;
		else if (dma[i].fd == fd && dma[i].ioas == ioas && iova < dma[i].iova + dma[i].len &&
			 dma[i].iova < iova + len)
			return -EEXIST;
	}
	if (room < 0)
		return -ENOSPC;
	if (!is_memory(at, len))
		return -EFAULT;
	dma[room].fd = fd;
	dma[room].ioas = ioas;
	dma[room].iova = iova;
	dma[room].len = len;
	fake.mapped_dma++;
	return 0;
}

static bool remove_dma(int fd, uint32_t ioas, uint64_t iova, uint64_t len)
{
	for (int i = 0; i < FAKE_MOST_DMA; i++)
		if (dma[i].fd == fd && dma[i].ioas == ioas && dma[i].len && dma[i].len == len &&
		    dma[i].iova == iova) {
			dma[i].len = 0;
			fake.mapped_dma--;
			return true;
		}
	return false;
}

static int unmap_dma(int fd, struct vfio_iommu_type1_dma_unmap *u)
{
	if (!remove_dma(fd, 0, u->iova, u->size))
		u->size = 0;
	return 0;
}

/* ---- iommufd ---- */

/* Linux 6.17 is the first that knows tokens here; before, the flag is as wrong as any. */
static int check_bind(const struct uapi_vfio_bind_iommufd *b)
{
	const void *token = (const void *)(uintptr_t)b->vf_token; /* not there without the flag */

	if (b->size < UAPI_VFIO_BIND_SIZE_V1 || b->iommufd < 0)
		return -EINVAL;
	if (b->flags & ~(fake.tokens ? UAPI_VFIO_BIND_TOKEN : 0))
		return -EINVAL;
	if (b->flags)
		assert_true(b->size >= sizeof(*b));
	if (!fake.tokens)
		return 0;
	if (b->flags && !fake.wants_token)
		return -EINVAL; /* neither a virtual function nor one that has some */
	return fake.wants_token && (!b->flags || memcmp(token, FAKE_TOKEN, 16)) ? -EACCES : 0;
}

static int bind_node(struct file *f, struct uapi_vfio_bind_iommufd *b)
{
	int rc = check_bind(b);
	struct file *to = rc ? NULL : find_file(b->iommufd);

	if (!rc && is_open(GROUP, groups[f->number]))
		rc = -EBUSY;
	if (!rc && (!to || to->kind != IOMMUFD))
		rc = -EBADF;
	if (!rc && is_open(NODE, f->number)) /* the device can be had once */
		rc = -EINVAL;
	if (!rc && (!fake.viable || fake.foreign))
		rc = -EPERM;
	if (rc)
		return rc;
	f->bound = true;
	f->iommufd = b->iommufd;
	b->device = f->number + 1;
	snprintf(fake.opened, sizeof(fake.opened), "vfio%u", f->number);
	return 0;
}

static bool is_ioas(const struct file *f, uint32_t ioas)
{
	return f && f->kind == IOMMUFD && ioas && ioas <= f->number;
}

static int attach_node(struct file *f, const struct uapi_vfio_attach *a)
{
	if (a->size != sizeof(*a) || a->flags || !f->bound)
		return -EINVAL;
	if (!is_ioas(find_file(f->iommufd), a->page_table))
		return -ENOENT;
	f->ioas = a->page_table;
	return 0;
}

/* The group of a device that is attached to it; 0: there is none. */
static uint32_t group_in(int fd, uint32_t ioas)
{
	for (int i = 0; i < MOST_FILES; i++)
		if (files[i].kind == NODE && files[i].bound && files[i].iommufd == fd &&
		    files[i].ioas == ioas)
			return groups[files[i].number];
	return 0;
}

static struct uapi_iommu_range range_of(uint32_t in_group, uint32_t i)
{
	struct uapi_iommu_range all = { 0, UINT64_MAX }, little = { 0, 0x1fffff };
	struct uapi_iommu_range low = { 0, 0xfedfffff };
	struct uapi_iommu_range high = { 0xfef00000, (UINT64_C(1) << 39) - 1 };

	if (fake.ranges)
		return (struct uapi_iommu_range){ (i + 1) * 0x1000000ull, (i + 1) * 0x1000000ull + 0xfffff };
	return in_group == 7 ? i ? high : low : in_group ? little : all;
}

/* What does not fit is counted all the same. */
static int get_ranges(int fd, struct uapi_iommu_ioas_iova_ranges *a)
{
	uint32_t in_group = group_in(fd, a->ioas), n = fake.ranges ? fake.ranges : in_group == 7 ? 2 : 1;
	struct uapi_iommu_range *out = (void *)(uintptr_t)a->ranges;
	uint32_t room = a->num;

	if (a->size != sizeof(*a) || a->reserved)
		return -EOPNOTSUPP;
	for (uint32_t i = 0; i < n && i < room; i++)
		out[i] = range_of(in_group, i);
	a->num = n;
	a->alignment = 4096;
	return n > room ? -EMSGSIZE : 0;
}

static int map_ioas(int fd, const struct uapi_iommu_ioas_map *m)
{
	if (m->size != sizeof(*m) || m->reserved || !(m->flags & UAPI_IOMMU_MAP_READABLE) ||
	    !(m->flags & UAPI_IOMMU_MAP_FIXED_IOVA))
		return -EOPNOTSUPP;
	return add_dma(fd, m->ioas, m->iova, m->address, m->length);
}

/* Each of its requests but the first begins with its size; where the space is named differs. */
static int answer_iommufd(struct file *f, unsigned long request, void *arg)
{
	const struct uapi_iommu_ioas_unmap *u = arg;
	const struct uapi_iommu_ioas_iova_ranges *r = arg;
	const struct uapi_iommu_ioas_map *m = arg;
	struct uapi_iommu_ioas_alloc *a = arg;

	switch (request) {
	case UAPI_IOMMU_IOAS_ALLOC:
		if (a->size != sizeof(*a) || a->flags)
			return -EOPNOTSUPP;
		a->ioas = ++f->number;
		return 0;
	case UAPI_IOMMU_IOAS_IOVA_RANGES: return is_ioas(f, r->ioas) ? get_ranges(f->fd, arg) : -ENOENT;
	case UAPI_IOMMU_IOAS_MAP: return is_ioas(f, m->ioas) ? map_ioas(f->fd, arg) : -ENOENT;
	case UAPI_IOMMU_IOAS_UNMAP:
		if (u->size != sizeof(*u) || !is_ioas(f, u->ioas))
			return -ENOENT;
		return remove_dma(f->fd, u->ioas, u->iova, u->length) ? 0 : -ENOENT;
	default: fail_msg("ioctl %lx on an iommufd", request); return -ENOTTY;
	}
}

static int answer(int fd, unsigned long request, void *arg)
{
	struct vfio_device_info *info = arg;
	const struct vfio_iommu_type1_dma_map *m = arg;
	struct file *f = find_file(fd);

	if (f && f->kind == IOMMUFD)
		return answer_iommufd(f, request, arg);
	if (f && f->kind == NODE && request == UAPI_VFIO_DEVICE_BIND_IOMMUFD)
		return bind_node(f, arg);
	if (f && f->kind == NODE && request == UAPI_VFIO_DEVICE_ATTACH_IOMMUFD_PT)
		return attach_node(f, arg);
	if (f && f->kind == NODE && !f->bound)
		return -EINVAL; /* it answers nothing else before */
	switch (request) {
	case VFIO_GET_API_VERSION: return fake.api;
	case VFIO_CHECK_EXTENSION: return fake.type1;
	case VFIO_GROUP_GET_STATUS:
		((struct vfio_group_status *)arg)->flags = fake.viable ? VFIO_GROUP_FLAGS_VIABLE : 0;
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
	case VFIO_SET_IOMMU: return 0;
	case VFIO_GROUP_GET_DEVICE_FD: return get_device(arg);
	case VFIO_DEVICE_GET_INFO:
		info->flags = VFIO_DEVICE_FLAGS_PCI;
		info->num_regions = 9;
		info->num_irqs = 5;
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO: return get_region(arg);
	case VFIO_DEVICE_GET_IRQ_INFO: return get_irq(arg);
	case VFIO_DEVICE_SET_IRQS: return set_irqs(arg);
	case VFIO_IOMMU_GET_INFO: return get_iommu(arg);
	case VFIO_IOMMU_MAP_DMA: return add_dma(fd, 0, m->iova, m->vaddr, m->size);
	case VFIO_IOMMU_UNMAP_DMA: return unmap_dma(fd, arg);
	default: fail_msg("ioctl %lx on %d", request, fd); return -ENOTTY;
	}
}

/* The seam's turn to fail comes first; what it lets through does nothing. */
static int fake_ioctl(int fd, unsigned long request, void *arg)
{
	int rc = seam.ioctl(fd, FIOCLEX, NULL);

	if (rc)
		return rc;
	return request == fake.fail_request ? -fake.fail_errno : answer(fd, request, arg);
}

/* Also keeps the device's file, for the test. */
static int open_node(const char *path, int flags, uint32_t number)
{
	int fd = !fake.cdev ? -ENOENT : fake.node_errno ? -fake.node_errno : seam.open(path, flags, 0);

	if (fd < 0)
		return fd;
	add_file(fd, NODE, number);
	if (device >= 0)
		close(device);
	device = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	assert_true(device >= 0);
	return fd;
}

static int open_iommufd(const char *path, int flags)
{
	int fd = !fake.iommufd ? -ENOENT : fake.iommu_errno ? -fake.iommu_errno : seam.open(path, flags, 0);

	if (fd >= 0)
		add_file(fd, IOMMUFD, 0);
	return fd;
}

/* One at a time has a group, and nobody while a device of it was taken by its node. */
static int open_group(const char *path, int flags, uint32_t number)
{
	int fd;

	if (fake.no_group_node)
		return -fake.fail_errno;
	if (fake.foreign || is_open(GROUP, number))
		return -EBUSY;
	for (uint32_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i] == number && is_open(NODE, i))
			return -EBUSY;
	fd = seam.open(path, flags, 0);
	if (fd < 0)
		return fd;
	group = number;
	add_file(fd, GROUP, number);
	return fd;
}

static int fake_open(const char *path, int flags, mode_t mode)
{
	const char *name = strrchr(path, '/');

	if (strstr(path, "/dev/vfio/devices/"))
		return open_node(path, flags, (uint32_t)strtoul(name + strlen("/vfio"), NULL, 10));
	if (strstr(path, "/dev/iommu"))
		return open_iommufd(path, flags);
	if (strstr(path, "/dev/vfio/") && strcmp(name, "/vfio"))
		return open_group(path, flags, (uint32_t)strtoul(name + 1, NULL, 10));
	if (strstr(path, "/dev/vfio/") && fake.no_container)
		return -fake.fail_errno;
	return seam.open(path, flags, mode);
}

static int fake_list(const char *dir, char **ret)
{
	return strstr(dir, "/vfio-dev") && !fake.cdev ? -ENOENT : seam.list(dir, ret);
}

static int fake_mmap(void *hint, size_t len, int prot, int flags, int fd, off_t off, void **out)
{
	int rc = flags & MAP_HUGETLB && !fake.huge ? -ENOMEM : 0;

	if (!rc)
		rc = seam.mmap(hint, len, prot, flags & (int)~(MAP_HUGETLB | 63u << 26), fd, off, out);
	if (!rc && !(flags & MAP_FIXED))
		fake.mapped++;
	return rc;
}

/* With the container all that is mapped in it goes, and with the device its interrupts. */
static int fake_close(int fd)
{
	struct file *f = find_file(fd);

	for (int i = 0; i < FAKE_MOST_DMA; i++)
		if (dma[i].len && dma[i].fd == fd) {
			dma[i].len = 0;
			fake.mapped_dma--;
		}
	if (f && (f->kind == NODE || f->kind == DEVICE))
		memset(fake.irqs_on, 0, sizeof(fake.irqs_on));
	if (f)
		f->kind = CLOSED;
	return seam.close(fd);
}

static int fake_munmap(void *at, size_t len)
{
	fake.mapped--;
	return sys_kernel.munmap(at, len);
}

void fake_vfio_read(uint64_t at, void *to, size_t len)
{
	assert_int_equal(pread(device, to, len, (off_t)at), len);
}

void fake_vfio_write(uint64_t at, const void *from, size_t len)
{
	assert_int_equal(pwrite(device, from, len, (off_t)at), len);
}

void fake_vfio_up(void)
{
	if (!has_tree)
		fake_tree_make();
	has_tree = true;
	fake = (struct fake_vfio){ .api = VFIO_API_VERSION, .type1 = 1, .viable = true,
				   .vectors = 64,
				   .mapped = fake.mapped, .mapped_dma = fake.mapped_dma };
	table = seam = *seam_table();
	table.ioctl = fake_ioctl;
	table.open = fake_open;
	table.list = fake_list;
	table.close = fake_close;
	table.mmap = fake_mmap;
	table.munmap = fake_munmap;
	sys_set(&table);
}

void fake_vfio_down(void)
{
	sys_set(NULL);
	if (device >= 0)
		close(device);
	device = -1;
	if (has_tree)
		fake_tree_remove();
	has_tree = false;
}
