/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An FPGA through the kernel's DFL driver, by bare sysfs and ioctls (linux/fpga-dfl.h). Nothing of ours is
 * in it. What fails is said on standard error and ends the program, unless the call returns a code.
 */
#ifndef RAW_DFL_H
#define RAW_DFL_H

#include <stddef.h>
#include <stdint.h>

#include "tests/raw/tap.h"

struct dfl {
	char path[512]; /* the feature device in sysfs: ...:00.0/fpga_region/region0/dfl-port.0 */
	char node[64];	/* /dev/dfl-port.0 */
};

/* kind: "dfl-fme" or "dfl-port". The n-th of a PCI device, by its number; false: there is none. */
bool dfl_find(const char *address, const char *kind, unsigned int n, struct dfl *ret);

/* An attribute under the feature device, as for glob(), up to its line end; the length or negative errno. */
int dfl_read(const struct dfl *d, const char *attribute, char *buf, size_t size);
int dfl_write(const struct dfl *d, const char *attribute, const char *text);
/* Whether the attribute can be read and says that. */
bool dfl_says(const struct dfl *d, const char *attribute, const char *text);

/* A descriptor. */
int dfl_open(const struct dfl *d, int flags);
/* Without dying: a descriptor or negative errno. */
int dfl_try_open(const struct dfl *d, int flags);

/* As ioctl(), but failures are negative errno. */
int dfl_ioctl(int fd, unsigned long request, void *arg);

/* Region of the port, mapped. */
unsigned char *dfl_map_region(int fd, uint32_t index, uint64_t *size);

/* 0 or negative errno. */
int dfl_map(int fd, void *at, uint64_t length, uint64_t *iova);
int dfl_unmap(int fd, uint64_t iova);

/* Zeroed pages of the program; flags: more of mmap()'s. */
void *dfl_memory(uint64_t size, int flags);

/* Partial reconfiguration with so many bytes that begin with that GUID (32 digits). 0 or negative errno. */
int dfl_reconfigure(int fme_fd, const char *guid, uint32_t size, int32_t port);

/* An eventfd given to the index-th interrupt; request: a ..._SET_IRQ. */
int dfl_interrupt(int fd, unsigned long request, uint32_t index);

static inline uint64_t dfl_load64(const unsigned char *region, size_t at)
{
	return *(const volatile uint64_t *)(const void *)(region + at);
}

static inline void dfl_store64(unsigned char *region, size_t at, uint64_t v)
{
	*(volatile uint64_t *)(void *)(region + at) = v;
}

static inline void dfl_store32(unsigned char *region, size_t at, uint32_t v)
{
	*(volatile uint32_t *)(void *)(region + at) = v;
}

#endif
