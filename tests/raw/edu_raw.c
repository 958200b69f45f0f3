/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's edu device by bare VFIO: shows that the rig's kernel, IOMMU and device do what they should,
 * whatever our own code does with them.
 *
 *     edu_raw ADDRESS      prints TAP; times are comments
 *
 * edu's registers are those of QEMU's docs/specs/edu.rst. It reaches addresses below 256 MiB, and a
 * transfer of its whole buffer of 4096 bytes ends some versions of QEMU, so all here are shorter.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/raw/vfio.h"

#define ID 0x00
#define LIVENESS 0x04
#define FACTORIAL 0x08
#define STATUS 0x20
#define IRQ_STATUS 0x24
#define IRQ_RAISE 0x60
#define IRQ_ACK 0x64
#define DMA_SOURCE 0x80
#define DMA_TARGET 0x88
#define DMA_COUNT 0x90
#define DMA_COMMAND 0x98
#define BUFFER 0x40000 /* as the device's DMA sees it */

#define STATUS_BUSY 0x01
#define STATUS_IRQ 0x80
#define DMA_RUN 0x1
#define DMA_TO_MEMORY 0x2
#define DMA_IRQ 0x4
#define DMA_IRQ_STATUS 0x100

#define IOVA 0x100000u
#define NOWHERE 0x5000000u
#define SIZE 65536u
#define HALF 2048u

static void registers(struct raw *r)
{
	double begin;

	raw_check((raw_load32(r, ID) & 0xffff) == 0x00ed, "it says that it is edu");
	raw_store32(r, LIVENESS, 0x12345678);
	raw_check(raw_load32(r, LIVENESS) == ~0x12345678u, "it inverts a value");
	begin = raw_now_us();
	for (int i = 0; i < 1000; i++)
		(void)raw_load32(r, ID);
	printf("# a load: %.3f us\n", (raw_now_us() - begin) / 1000);
}

static void interrupts(struct raw *r, int event)
{
	double begin;

	raw_store32(r, STATUS, STATUS_IRQ);
	begin = raw_now_us();
	raw_store32(r, FACTORIAL, 10);
	raw_check(raw_wait(event), "the factorial's end is an MSI");
	printf("# factorial and MSI: %.0f us\n", raw_now_us() - begin);
	raw_check(raw_load32(r, FACTORIAL) == 3628800, "10! = 3628800");
	raw_check(raw_load32(r, IRQ_STATUS) == 1, "the interrupt has its reason");
	raw_store32(r, IRQ_ACK, 1);
	raw_check(raw_load32(r, IRQ_STATUS) == 0, "which goes when it is acknowledged");
	raw_store32(r, IRQ_RAISE, 0x40);
	raw_check(raw_wait(event) && raw_load32(r, IRQ_STATUS) == 0x40, "an interrupt by hand");
	raw_store32(r, IRQ_ACK, 0x40);
}

static bool dma(struct raw *r, int event, uint64_t from, uint64_t to, uint32_t count, uint32_t direction)
{
	bool done;

	raw_store64(r, DMA_SOURCE, from);
	raw_store64(r, DMA_TARGET, to);
	raw_store64(r, DMA_COUNT, count);
	raw_store64(r, DMA_COMMAND, DMA_RUN | DMA_IRQ | direction);
	done = raw_wait(event) && raw_load32(r, IRQ_STATUS) == DMA_IRQ_STATUS;
	raw_store32(r, IRQ_ACK, DMA_IRQ_STATUS);
	return done;
}

/* From offsets within a page to others, by way of the device. */
static void copies(struct raw *r, int event, unsigned char *memory)
{
	bool same = true;

	for (uint32_t at = 0; at < SIZE / 2; at += SIZE / 4) {
		unsigned char *from = memory + at + 24, *to = memory + SIZE / 2 + at + 1000;

		for (uint32_t i = 0; i < HALF; i++)
			from[i] = (unsigned char)(i * 7 + at / 4096);
		memset(memory + SIZE / 2 + at, 0xee, SIZE / 4);
		same &= dma(r, event, IOVA + at + 24, BUFFER, HALF, 0) &&
			dma(r, event, BUFFER, IOVA + SIZE / 2 + at + 1000, HALF, DMA_TO_MEMORY) &&
			!memcmp(from, to, HALF) && to[-1] == 0xee && to[HALF] == 0xee;
	}
	raw_check(same, "DMA both ways: the same data, and nothing beside it");
}

static void to_nowhere(struct raw *r, int event, unsigned char *memory)
{
	memset(memory, 0x55, SIZE);
	raw_check(dma(r, event, BUFFER, NOWHERE, HALF, DMA_TO_MEMORY), "DMA to an unmapped address ends");
	for (uint32_t i = 0; i < SIZE; i++)
		if (memory[i] != 0x55) {
			raw_check(false, "and writes nothing");
			return;
		}
	raw_check(true, "and writes nothing");
	raw_check(raw_unmap(r, IOVA, SIZE) == 0, "the memory is unmapped");
	raw_check(dma(r, event, BUFFER, IOVA, HALF, DMA_TO_MEMORY) && memory[0] == 0x55,
		  "and then out of reach");
	raw_check(raw_map(r, memory, IOVA, SIZE) == 0 && dma(r, event, IOVA, BUFFER, HALF, 0) &&
			  dma(r, event, BUFFER, IOVA + 4096, HALF, DMA_TO_MEMORY) && memory[4096] == 0x55,
		  "mapped again the device reaches it");
}

static void bad_maps(struct raw *r, unsigned char *memory)
{
	raw_check(raw_map(r, memory, IOVA, SIZE) == -EEXIST, "an address can't be mapped twice");
	raw_check(raw_map(r, memory + 1, 2 * IOVA, 4096) == -EINVAL, "nor half a page");
	raw_check(raw_map(r, NULL, 2 * IOVA, 4096) == -EFAULT, "nor what is no memory");
}

int main(int argc, char *argv[])
{
	double begin = raw_now_us();
	unsigned char *memory;
	struct raw r;
	int event;

	if (argc != 2) {
		fprintf(stderr, "usage: edu_raw ADDRESS\n");
		return 2;
	}
	raw_open(&r, argv[1]);
	printf("# opened in %.1f ms\n", (raw_now_us() - begin) / 1000);
	event = raw_interrupt(&r, VFIO_PCI_MSI_IRQ_INDEX);
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	raw_check(memory != MAP_FAILED && raw_map(&r, memory, IOVA, SIZE) == 0, "memory is mapped");
	registers(&r);
	interrupts(&r, event);
	copies(&r, event, memory);
	bad_maps(&r, memory);
	to_nowhere(&r, event, memory);
	raw_close(&r);
	return raw_end();
}
