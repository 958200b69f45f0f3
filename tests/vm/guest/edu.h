/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's edu device (QEMU: docs/specs/edu.rst) by the public API, and what tests in a guest need around it.
 * $OPAE_TEST_WAY is the "kernel" of v-opae's configuration.
 */
#ifndef TESTS_VM_GUEST_EDU_H
#define TESTS_VM_GUEST_EDU_H

#include <opae/ext.h>
#include <opae/fpga.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define EDU_GUID "0a0b0c0d-1111-2222-3333-0123456789ab"
#define EDU_ADDRESS "0000:00:03.0"

enum {
	EDU_ID = 0x00,
	EDU_LIVENESS = 0x04, /* reads as the inverse of what was written */
	EDU_FACTORIAL = 0x08,
	EDU_STATUS = 0x20, /* 1: it computes; 0x80: an interrupt at the end */
	EDU_IRQ_STATUS = 0x24,
	EDU_IRQ_RAISE = 0x60,
	EDU_IRQ_ACK = 0x64,
	EDU_DMA_SRC = 0x80,
	EDU_DMA_DST = 0x88,
	EDU_DMA_COUNT = 0x90,
	EDU_DMA_CMD = 0x98,
};

#define EDU_ID_VALUE 0x010000edu
#define EDU_BAR_BYTES 0x100000u
#define EDU_BUFFER 0x40000u /* the device's own memory, as DMA sees it */
#define EDU_START 1u
#define EDU_TO_RAM 2u
#define EDU_WITH_IRQ 4u
#define EDU_DMA_IRQ 0x100u
#define EDU_DMA_MS 100 /* from the start of a transfer to when it happens */
#define EDU_REACH UINT64_C(0x10000000) /* the addresses that its DMA has bits for */

const char *edu_way(void);
/* The library with v-opae for edu, and (NULL: none) more members of "devices". */
void edu_library(const char *more);
/* An inventory for this process and those that it starts. */
void edu_own_inventory(void);
/* The n-th accelerator with that GUID, or NULL; *num: how many there are. */
fpga_token edu_token(const char *guid, uint32_t *num);
/* The only one with it, open. */
fpga_handle edu_open(const char *guid);
void edu_close(fpga_handle h);

uint32_t edu_read(fpga_handle h, uint64_t offset);
void edu_write(fpga_handle h, uint64_t offset, uint32_t v);
/* Starts a transfer between the device's memory and an IO address. */
void edu_start(fpga_handle h, uint64_t io, uint32_t bytes, uint32_t command);
void edu_wait(fpga_handle h);
void edu_dma(fpga_handle h, uint64_t io, uint32_t bytes, uint32_t command); /* both */
/* Sends bytes from one IO address to another by way of the device. */
void edu_copy(fpga_handle h, uint64_t from, uint64_t to, uint32_t bytes);

/* Fails unless r is that, and the reason in words has `text` (unless it is NULL) in it. */
void expect(fpga_result r, fpga_result want, const char *text);

/* Of /proc/self/status, in KiB: locked and pinned memory together. */
uint64_t pinned_kib(void);
int open_fds(void);
/* A descriptor of this process on the device with that vendor and device id; -1: there is none. */
int vfio_fd(uint16_t vendor, uint16_t device);
/* Switches the device's answers to memory accesses off behind the library's back. */
void memory_off(int fd);

/*
 * The program is started as root: a process that stays root is left behind, and this one becomes the
 * ordinary user. For what a test has to do as root.
 */
void root_leave(void);
int root(const char *script);	     /* runs it, and returns its exit code */
void root_begin(const char *script); /* the same in the background; one at a time */
bool root_wait(int timeout_ms, int *code); /* false: it is not done */

/* Scripts for root. */
#define EDU_SYSFS "/sys/bus/pci/devices/" EDU_ADDRESS

#define EDU_OWN                                                                                        \
	"g=$(readlink " EDU_SYSFS "/iommu_group); chown 1000 /dev/vfio/${g##*/}; "                     \
	"for c in " EDU_SYSFS "/vfio-dev/vfio*; do n=/dev/vfio/devices/${c##*/}; "                     \
	"if [ -e $n ]; then chown 1000 $n; fi; done"
#define EDU_BIND                                                                                       \
	"echo vfio-pci >" EDU_SYSFS "/driver_override && echo " EDU_ADDRESS                            \
	" >/sys/bus/pci/drivers_probe && [ -e " EDU_SYSFS "/driver ] && " EDU_OWN
#define EDU_UNBIND "echo " EDU_ADDRESS " >" EDU_SYSFS "/driver/unbind"
#define EDU_REMOVE "echo 1 >" EDU_SYSFS "/remove"
#define EDU_RESCAN "echo 1 >/sys/bus/pci/rescan; "

/* This program again, with that argument (and perhaps an environment variable), and a pipe from its
 * output. */
pid_t again(const char *argument, const char *variable, const char *value, int *out);
void await_line(int fd, const char *line); /* the next one must be that */

#endif
