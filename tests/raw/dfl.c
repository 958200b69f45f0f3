/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/raw/dfl.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/fpga-dfl.h>
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

/* glob() sorts by name, which is by number as long as there are no more than ten. */
bool dfl_find(const char *address, const char *kind, unsigned int n, struct dfl *ret)
{
	char pattern[256];
	glob_t found;
	bool there;

	snprintf(pattern, sizeof(pattern), "/sys/bus/pci/devices/%s/fpga_region/region*/%s.*", address, kind);
	there = glob(pattern, 0, NULL, &found) == 0 && n < found.gl_pathc;
	if (there) {
		snprintf(ret->path, sizeof(ret->path), "%s", found.gl_pathv[n]);
		snprintf(ret->node, sizeof(ret->node), "/dev/%.40s", strrchr(ret->path, '/') + 1);
	}
	globfree(&found);
	return there;
}

/* Some attributes stand in a folder whose number is nobody's business. */
static int open_attribute(const struct dfl *d, const char *attribute, int flags)
{
	char pattern[768];
	glob_t found;
	int fd = -ENOENT;

	snprintf(pattern, sizeof(pattern), "%s/%s", d->path, attribute);
	if (glob(pattern, 0, NULL, &found) == 0) {
		fd = open(found.gl_pathv[0], flags | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
	}
	globfree(&found);
	return fd;
}

int dfl_read(const struct dfl *d, const char *attribute, char *buf, size_t size)
{
	int fd = open_attribute(d, attribute, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, buf, size - 1);
	n = n < 0 ? -errno : n;
	close(fd);
	if (n < 0)
		return (int)n;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return (int)strlen(buf);
}

int dfl_write(const struct dfl *d, const char *attribute, const char *text)
{
	int fd = open_attribute(d, attribute, O_WRONLY), rc;

	if (fd < 0)
		return fd;
	rc = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

bool dfl_says(const struct dfl *d, const char *attribute, const char *text)
{
	char buf[256];
	int n = dfl_read(d, attribute, buf, sizeof(buf));

	if (n >= 0 && !strcmp(buf, text))
		return true;
	printf("# %s: %s, not %s\n", attribute, n < 0 ? strerror(-n) : buf, text);
	return false;
}

int dfl_try_open(const struct dfl *d, int flags)
{
	int fd = open(d->node, O_RDWR | O_CLOEXEC | flags);

	return fd < 0 ? -errno : fd;
}

int dfl_open(const struct dfl *d, int flags)
{
	int fd = dfl_try_open(d, flags);

	if (fd < 0) {
		errno = -fd;
		die(d->node);
	}
	return fd;
}

int dfl_ioctl(int fd, unsigned long request, void *arg)
{
	int rc = ioctl(fd, request, arg);

	return rc < 0 ? -errno : rc;
}

unsigned char *dfl_map_region(int fd, uint32_t index, uint64_t *size)
{
	struct dfl_fpga_port_region_info info = { .argsz = sizeof(info), .index = index };
	void *at;

	if (ioctl(fd, DFL_FPGA_PORT_GET_REGION_INFO, &info))
		die("a region");
	at = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)info.offset);
	if (at == MAP_FAILED)
		die("mapping a region");
	*size = info.size;
	return at;
}

int dfl_map(int fd, void *at, uint64_t length, uint64_t *iova)
{
	struct dfl_fpga_port_dma_map map = { .argsz = sizeof(map), .user_addr = (uintptr_t)at,
					     .length = length };
	int rc = dfl_ioctl(fd, DFL_FPGA_PORT_DMA_MAP, &map);

	*iova = map.iova;
	return rc;
}

int dfl_unmap(int fd, uint64_t iova)
{
	struct dfl_fpga_port_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = iova };

	return dfl_ioctl(fd, DFL_FPGA_PORT_DMA_UNMAP, &unmap);
}

int dfl_interrupt(int fd, unsigned long request, uint32_t index)
{
	char room[sizeof(struct dfl_fpga_irq_set) + sizeof(int32_t)];
	struct dfl_fpga_irq_set *set = (void *)room;
	int32_t event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (event < 0)
		die("eventfd");
	*set = (struct dfl_fpga_irq_set){ .start = index, .count = 1 };
	memcpy(set->evtfds, &event, sizeof(event));
	if (ioctl(fd, request, set))
		die("an interrupt");
	return event;
}

void *dfl_memory(uint64_t size, int flags)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (at == MAP_FAILED)
		die("memory");
	memset(at, 0, size);
	return at;
}

static void guid_bytes(const char *guid, unsigned char *to)
{
	for (int i = 0; i < 16; i++) {
		const char digits[3] = { guid[2 * i], guid[2 * i + 1], 0 };

		to[i] = (unsigned char)strtoul(digits, NULL, 16);
	}
}

int dfl_reconfigure(int fme_fd, const char *guid, uint32_t size, int32_t port)
{
	struct dfl_fpga_fme_port_pr pr = { .argsz = sizeof(pr), .port_id = (uint32_t)port,
					   .buffer_size = size };
	unsigned char *bits = dfl_memory(size, 0);
	double begin = raw_now_us();
	int rc;

	guid_bytes(guid, bits);
	pr.buffer_address = (uintptr_t)bits;
	rc = dfl_ioctl(fme_fd, DFL_FPGA_FME_PORT_PR, &pr);
	printf("# reconfiguration, %u bytes: %d, %.0f us\n", size, rc, raw_now_us() - begin);
	munmap(bits, size);
	return rc;
}
