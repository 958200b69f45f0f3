/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/raw/vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_group(const char *address)
{
	char path[256], target[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		die(path);
	target[n] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

static void attach(struct raw *r, const char *address)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	r->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (r->container < 0)
		die("/dev/vfio/vfio");
	if (ioctl(r->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION ||
	    ioctl(r->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
		die("type 1 version 2");
	r->group = open_group(address);
	if (ioctl(r->group, VFIO_GROUP_GET_STATUS, &status))
		die("the group's status");
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		errno = EPERM;
		die("the group is not viable");
	}
	if (ioctl(r->group, VFIO_GROUP_SET_CONTAINER, &r->container) ||
	    ioctl(r->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		die("the container");
	r->device = ioctl(r->group, VFIO_GROUP_GET_DEVICE_FD, address);
	if (r->device < 0)
		die("the device");
}

static struct vfio_region_info region(struct raw *r, uint32_t index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(r->device, VFIO_DEVICE_GET_REGION_INFO, &info))
		die("a region");
	return info;
}

void raw_open(struct raw *r, const char *address)
{
	struct vfio_region_info bar;
	uint16_t command;
	off_t at;
	void *p;

	attach(r, address);
	bar = region(r, VFIO_PCI_BAR0_REGION_INDEX);
	p = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, r->device, (off_t)bar.offset);
	if (p == MAP_FAILED)
		die("BAR0");
	r->bar0 = p;
	r->bar0_size = bar.size;
	r->config = region(r, VFIO_PCI_CONFIG_REGION_INDEX).offset;
	at = (off_t)(r->config + PCI_COMMAND);
	if (pread(r->device, &command, sizeof(command), at) != sizeof(command))
		die("the command register");
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (pwrite(r->device, &command, sizeof(command), at) != sizeof(command))
		die("the command register");
}

void raw_close(struct raw *r)
{
	munmap(r->bar0, r->bar0_size);
	close(r->device);
	close(r->group);
	close(r->container);
}

int raw_map(struct raw *r, void *at, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)at,
		.iova = iova,
		.size = size,
	};

	return ioctl(r->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

int raw_unmap(struct raw *r, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = size,
	};

	return ioctl(r->container, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}

int raw_interrupt(struct raw *r, uint32_t kind)
{
	char room[sizeof(struct vfio_irq_set) + sizeof(int32_t)];
	struct vfio_irq_set *set = (void *)room;
	int32_t fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		die("eventfd");
	*set = (struct vfio_irq_set){
		.argsz = sizeof(room),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = kind,
		.count = 1,
	};
	memcpy(set->data, &fd, sizeof(fd));
	if (ioctl(r->device, VFIO_DEVICE_SET_IRQS, set))
		die("the interrupt");
	return fd;
}

int raw_reset(struct raw *r)
{
	return ioctl(r->device, VFIO_DEVICE_RESET) ? -errno : 0;
}
