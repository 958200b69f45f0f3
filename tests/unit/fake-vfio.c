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
#include <sys/stat.h>
#include <unistd.h>

#include "dev/sysfs.h"
#include "tests/unit/check.h"
#include "tests/unit/seam.h"

#define DEVICE_SIZE 0x400000u
#define MOST_DMA 64

struct fake_vfio fake;

static char root[64];
static struct sys_ops seam;
static struct sys_ops table;
static int device = -1; /* the fake's own descriptor of it */
static uint32_t group;	/* the one that was opened last */
static struct {
	int fd; /* the container's */
	uint64_t iova, len;
} dma[MOST_DMA];

/* ---- the tree ---- */

static void make_folder(const char *path)
{
	char at[256];

	snprintf(at, sizeof(at), "%s%s", root, path);
	for (char *p = at + strlen(root) + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			assert_true(!mkdir(at, 0755) || errno == EEXIST);
			*p = '/';
		}
	assert_true(!mkdir(at, 0755) || errno == EEXIST);
}

static void make_file(const char *folder, const char *name, const char *text)
{
	char at[320];
	FILE *f;

	snprintf(at, sizeof(at), "%s%s/%s", root, folder, name);
	f = fopen(at, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void make_link(const char *folder, const char *name, const char *to)
{
	char at[320];

	snprintf(at, sizeof(at), "%s%s/%s", root, folder, name);
	assert_int_equal(symlink(to, at), 0);
}

static void make_device(const char *address, const char *driver, const char *in_group)
{
	static const char *ids[] = { "vendor", "device", "subsystem_vendor", "subsystem_device" };
	char folder[128], to[128];

	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%s", address);
	make_folder(folder);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		make_file(folder, ids[i], "0x8086\n");
	snprintf(to, sizeof(to), "../../../bus/pci/drivers/%s", driver);
	make_link(folder, "driver", to);
	snprintf(to, sizeof(to), "../../../kernel/iommu_groups/%s", in_group);
	if (*in_group)
		make_link(folder, "iommu_group", to);
}

static void make_tree(void)
{
	snprintf(root, sizeof(root), "/tmp/opae-fake-vfio.XXXXXX");
	assert_non_null(mkdtemp(root));
	make_device(FAKE_ONE, "vfio-pci", "7");
	make_device(FAKE_TWO, "vfio-pci", "8");
	make_device(FAKE_OFF, "vfio-pci", "");
	make_device(FAKE_OTHER, "dfl-pci", "9");
	make_folder("/dev/vfio");
	make_file("/dev/vfio", "vfio", "");
	make_file("/dev/vfio", "7", "");
	make_file("/dev/vfio", "8", "");
	dev_set_root(root);
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
	assert_int_equal(ftruncate(device, DEVICE_SIZE), 0);
	fd = fcntl(device, F_DUPFD_CLOEXEC, 3);
	assert_true(fd >= 0);
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
	r->offset = r->index == 7 && fake.no_config ? DEVICE_SIZE : offsets[r->index];
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

static int map_dma(int fd, const struct vfio_iommu_type1_dma_map *m)
{
	int room = -1;

	if (!m->size || (m->size | m->iova | m->vaddr) % 4096)
		return -EINVAL;
	for (int i = 0; i < MOST_DMA; i++) {
		if (!dma[i].len)
			room = i;
		else if (dma[i].fd == fd && m->iova < dma[i].iova + dma[i].len &&
			 dma[i].iova < m->iova + m->size)
			return -EEXIST;
	}
	if (room < 0)
		return -ENOSPC;
	dma[room].fd = fd;
	dma[room].iova = m->iova;
	dma[room].len = m->size;
	fake.mapped_dma++;
	return 0;
}

static int unmap_dma(int fd, struct vfio_iommu_type1_dma_unmap *u)
{
	for (int i = 0; i < MOST_DMA; i++)
		if (dma[i].fd == fd && dma[i].len && dma[i].len == u->size && dma[i].iova == u->iova) {
			dma[i].len = 0;
			fake.mapped_dma--;
			return 0;
		}
	u->size = 0;
	return 0;
}

static int answer(int fd, unsigned long request, void *arg)
{
	struct vfio_device_info *info = arg;

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
	case VFIO_IOMMU_MAP_DMA: return map_dma(fd, arg);
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

static int fake_open(const char *path, int flags, mode_t mode)
{
	const char *name = strrchr(path, '/');

	if (strstr(path, "/dev/vfio/")) {
		if (!strcmp(name, "/vfio") ? fake.no_container : fake.no_group_node)
			return -fake.fail_errno;
		if (strcmp(name, "/vfio"))
			group = (uint32_t)strtoul(name + 1, NULL, 10);
	}
	return seam.open(path, flags, mode);
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

/* With the container all that is mapped in it goes. */
static int fake_close(int fd)
{
	for (int i = 0; i < MOST_DMA; i++)
		if (dma[i].len && dma[i].fd == fd) {
			dma[i].len = 0;
			fake.mapped_dma--;
		}
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
	if (!*root)
		make_tree();
	fake = (struct fake_vfio){ .api = VFIO_API_VERSION, .type1 = 1, .viable = true, .vectors = 64,
				   .mapped = fake.mapped, .mapped_dma = fake.mapped_dma };
	table = seam = *seam_table();
	table.ioctl = fake_ioctl;
	table.open = fake_open;
	table.close = fake_close;
	table.mmap = fake_mmap;
	table.munmap = fake_munmap;
	sys_set(&table);
}

void fake_vfio_down(void)
{
	char command[96];

	sys_set(NULL);
	if (device >= 0)
		close(device);
	device = -1;
	if (!*root)
		return;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	assert_int_equal(system(command), 0);
	*root = 0;
}
