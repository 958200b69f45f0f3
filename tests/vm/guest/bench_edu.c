/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What v-opae adds on a device behind the kernel's vfio-pci: QEMU's edu, in the guest.
 *
 * The reference is the bare thing on the same device in the same process, taken in turn with ours: the
 * pointer into the mapped BAR; and the ioctl that maps memory, on the very address space that v-opae has
 * opened, found among the descriptors of this process. Medians, nanoseconds; less is better.
 */
#include <fcntl.h>
#include <linux/vfio.h>
#include <opae/fpga.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "dev/uapi/iommufd.h"

#define ROUNDS 41
#define ACCESSES 2000
#define MIB (UINT64_C(1) << 20)
#define BUFFER (64 * MIB)
#define BUFFER_ROUNDS 7
#define RAW_IOVA UINT64_C(0x40000000) /* nothing of v-opae's is there: it begins from below */

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench: %s failed\n", what);
	exit(1);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), by_value);
	return v[n / 2];
}

static void row(const char *name, double value, double reference)
{
	printf("%-34s %14.1f %14.1f %8.3f %12.1f\n", name, value, reference, value / reference,
	       value - reference);
}

/* ---- registers ---- */

static double read_ours(fpga_handle h)
{
	uint32_t v = 0;
	double t = now_ns();

	for (int i = 0; i < ACCESSES; i++)
		check(fpgaReadMMIO32(h, 0, 0, &v) == FPGA_OK, "fpgaReadMMIO32");
	return (now_ns() - t) / ACCESSES;
}

static double read_bare(volatile uint32_t *at)
{
	double t = now_ns();

	for (int i = 0; i < ACCESSES; i++)
		(void)*at;
	return (now_ns() - t) / ACCESSES;
}

static double write_ours(fpga_handle h)
{
	double t = now_ns();

	for (int i = 0; i < ACCESSES; i++)
		check(fpgaWriteMMIO32(h, 0, 4, (uint32_t)i) == FPGA_OK, "fpgaWriteMMIO32");
	return (now_ns() - t) / ACCESSES;
}

static double write_bare(volatile uint32_t *at)
{
	double t = now_ns();

	for (int i = 0; i < ACCESSES; i++)
		*at = (uint32_t)i;
	return (now_ns() - t) / ACCESSES;
}

static void registers(fpga_handle h)
{
	double ours[2][ROUNDS], bare[2][ROUNDS];
	uint64_t *map;
	volatile uint32_t *at;

	check(fpgaMapMMIO(h, 0, &map) == FPGA_OK, "fpgaMapMMIO");
	at = (volatile uint32_t *)map;
	for (int i = 0; i < ROUNDS; i++) {
		ours[0][i] = read_ours(h);
		bare[0][i] = read_bare(at);
		ours[1][i] = write_ours(h);
		bare[1][i] = write_bare(at + 1);
	}
	row("read a register, 32 bits", median(ours[0], ROUNDS), median(bare[0], ROUNDS));
	row("write a register, 32 bits", median(ours[1], ROUNDS), median(bare[1], ROUNDS));
}

/* ---- memory ---- */

/* v-opae's container, or its iommufd; there is one of them. */
static int find_space(bool *iommufd)
{
	char path[64], target[64];

	for (int fd = 3; fd < 256; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = 0;
		*iommufd = !strcmp(target, "/dev/iommu");
		if (*iommufd || !strcmp(target, "/dev/vfio/vfio"))
			return fd;
	}
	check(false, "finding the container");
	return -1;
}

static uint32_t ioas = 1; /* ids of an iommufd are given from 1 on */

static int map_iommufd(int fd, void *at)
{
	struct uapi_iommu_ioas_map m = { .size = sizeof(m), .flags = 7, .ioas = ioas,
					 .address = (uintptr_t)at, .length = BUFFER, .iova = RAW_IOVA };

	return ioctl(fd, UAPI_IOMMU_IOAS_MAP, &m);
}

static void bare_map(int fd, bool iommufd, void *at)
{
	struct vfio_iommu_type1_dma_map m = { .argsz = sizeof(m), .flags = 3, .vaddr = (uintptr_t)at,
					      .iova = RAW_IOVA, .size = BUFFER };

	while (iommufd && map_iommufd(fd, at) && ioas < 16)
		ioas++;
	check(iommufd ? ioas < 16 : !ioctl(fd, VFIO_IOMMU_MAP_DMA, &m), "the bare mapping");
}

static void bare_unmap(int fd, bool iommufd)
{
	struct vfio_iommu_type1_dma_unmap u = { .argsz = sizeof(u), .iova = RAW_IOVA, .size = BUFFER };
	struct uapi_iommu_ioas_unmap f = { .size = sizeof(f), .ioas = ioas, .iova = RAW_IOVA,
					   .length = BUFFER };

	check(!(iommufd ? ioctl(fd, UAPI_IOMMU_IOAS_UNMAP, &f) : ioctl(fd, VFIO_IOMMU_UNMAP_DMA, &u)),
	      "the bare unmapping");
}

static void *memory(int huge, bool touched)
{
	void *at = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB : 0), -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	if (touched)
		memset(at, 1, BUFFER);
	return at;
}

struct job {
	int fd;
	bool iommufd, huge, touched;
};

static double bare(const struct job *j, double *unmap)
{
	void *at = memory(j->huge, j->touched);
	double t = now_ns(), mapped;

	check(at != NULL, "memory for the bare mapping");
	bare_map(j->fd, j->iommufd, at);
	mapped = now_ns() - t;
	t = now_ns();
	bare_unmap(j->fd, j->iommufd);
	munmap(at, BUFFER);
	*unmap = now_ns() - t;
	return mapped;
}

/* Memory that was touched is the program's own: FPGA_BUF_PREALLOCATED. Otherwise v-opae makes it. */
static double ours(fpga_handle h, const struct job *j, double *unmap)
{
	void *at = j->touched ? memory(j->huge, true) : NULL;
	uint64_t id;
	double t = now_ns(), mapped;

	check(fpgaPrepareBuffer(h, BUFFER, &at, &id, j->touched ? FPGA_BUF_PREALLOCATED : 0) == FPGA_OK,
	      "fpgaPrepareBuffer");
	mapped = now_ns() - t;
	t = now_ns();
	check(fpgaReleaseBuffer(h, id) == FPGA_OK, "fpgaReleaseBuffer");
	if (j->touched)
		munmap(at, BUFFER);
	*unmap = now_ns() - t;
	return mapped;
}

static void buffers(fpga_handle h, bool huge, bool touched, const char *name)
{
	struct job j = { .huge = huge, .touched = touched };
	double v[4][BUFFER_ROUNDS];
	char text[64];

	j.fd = find_space(&j.iommufd);
	for (int i = 0; i < BUFFER_ROUNDS; i++) {
		v[0][i] = ours(h, &j, &v[1][i]);
		v[2][i] = bare(&j, &v[3][i]);
	}
	snprintf(text, sizeof(text), "map 64 MiB, %s", name);
	row(text, median(v[0], BUFFER_ROUNDS), median(v[2], BUFFER_ROUNDS));
	snprintf(text, sizeof(text), "unmap it, %s", name);
	row(text, median(v[1], BUFFER_ROUNDS), median(v[3], BUFFER_ROUNDS));
}

/* Does the machine have huge pages for one buffer? With fewer v-opae takes small ones. */
static bool has_huge(void)
{
	void *at = memory(1, false);

	if (at)
		munmap(at, BUFFER);
	return at != NULL;
}

int main(void)
{
	fpga_token t;
	fpga_handle h;
	uint32_t n = 0;

	check(fpgaEnumerate(NULL, 0, &t, 1, &n) == FPGA_OK && n == 1, "finding edu");
	check(fpgaOpen(t, &h, 0) == FPGA_OK, "fpgaOpen");
	printf("%-34s %14s %14s %8s %12s\n", "nanoseconds", "OPAE", "bare", "ratio", "difference");
	registers(h);
	if (has_huge()) {
		buffers(h, true, false, "huge, fresh");
	} else {
		buffers(h, false, false, "4 KiB, fresh");
		buffers(h, false, true, "4 KiB, the program's");
	}
	check(fpgaClose(h) == FPGA_OK, "fpgaClose");
	fpgaDestroyToken(&t);
	return 0;
}
