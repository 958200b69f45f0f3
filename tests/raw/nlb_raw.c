/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The emulated card's native loopback by bare VFIO: the card as a PCI device of a real kernel.
 *
 *     nlb_raw ADDRESS      prints TAP; times are comments
 *
 * The registers are those that OPAE's hello_fpga uses.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/raw/vfio.h"

#define GUID_LOW 0x08
#define DSM_BASE 0x110
#define SOURCE 0x120
#define TARGET 0x128
#define LINES 0x130
#define CONTROL 0x138
#define CONFIG 0x140
#define CONFIG_INTERRUPT (1u << 29)
#define STATUS_LINE 0x40 /* in the first page of the memory */

#define MIB (UINT64_C(1) << 20)
#define LINE 64
#define IOVA UINT64_C(0x10000000)
#define NOWHERE UINT64_C(0x70000000)

/* The first page is for the status; then what is copied; then where to. */
#define FROM 4096
#define TO (FROM + MIB)
#define ALL (TO + MIB + 4096)

static void start(struct raw *r, unsigned char *memory, uint64_t from, uint64_t to, uint32_t bytes)
{
	memset(memory, 0, FROM);
	raw_store64(r, DSM_BASE, IOVA);
	raw_store32(r, CONTROL, 0);
	raw_store32(r, CONTROL, 1);
	raw_store64(r, SOURCE, from / LINE);
	raw_store64(r, TARGET, to / LINE);
	raw_store32(r, LINES, bytes / LINE);
	raw_store32(r, CONFIG, CONFIG_INTERRUPT);
	raw_store32(r, CONTROL, 3);
}

/* The status word: bit 0 done, then a counter of runs; the upper half errors. */
static uint64_t status(const unsigned char *memory)
{
	return __atomic_load_n((const uint64_t *)(const void *)(memory + STATUS_LINE), __ATOMIC_ACQUIRE);
}

static void registers(struct raw *r)
{
	double begin;

	raw_check(raw_load64(r, GUID_LOW) == 0xf89e433683f9040b, "it is the native loopback");
	raw_store64(r, 0x108, 0x1122334455667788);
	raw_check(raw_load64(r, 0x108) == 0x1122334455667788, "a register keeps 64 bits");
	begin = raw_now_us();
	for (int i = 0; i < 1000; i++)
		(void)raw_load64(r, GUID_LOW);
	printf("# a load: %.1f us\n", (raw_now_us() - begin) / 1000);
}

static void copy(struct raw *r, int event, unsigned char *memory)
{
	double begin;

	for (uint64_t i = 0; i < MIB; i++)
		memory[FROM + i] = (unsigned char)(i * 31 + (i >> 8));
	memset(memory + TO, 0xee, MIB + 4096);
	begin = raw_now_us();
	start(r, memory, IOVA + FROM, IOVA + TO, MIB);
	raw_check(raw_wait(event), "the end of a copy is an MSI-X");
	printf("# copied 1 MiB in %.0f us\n", raw_now_us() - begin);
	raw_check((status(memory) & 1) && !(status(memory) >> 32), "and a status without errors");
	raw_check(!memcmp(memory + FROM, memory + TO, MIB) && memory[TO + MIB] == 0xee,
		  "the data is the same, and nothing behind it is written");
}

static void to_nowhere(struct raw *r, int event, unsigned char *memory)
{
	memset(memory + TO, 0x55, MIB);
	start(r, memory, IOVA + FROM, NOWHERE, 4096);
	raw_check(raw_wait(event) && status(memory) >> 32 == 1, "an unmapped target is a DMA error");
	start(r, memory, NOWHERE, IOVA + TO, 4096);
	raw_check(raw_wait(event) && status(memory) >> 32 == 1 && memory[TO] == 0x55,
		  "so is an unmapped source, and nothing is written");
	raw_check(raw_unmap(r, IOVA + TO, MIB + 4096) == 0, "the target is unmapped");
	start(r, memory, IOVA + FROM, IOVA + TO, 4096);
	raw_check(raw_wait(event) && status(memory) >> 32 == 1 && memory[TO] == 0x55,
		  "and then out of reach");
}

int main(int argc, char *argv[])
{
	unsigned char *memory;
	struct raw r;
	double begin;
	int event;

	if (argc != 2) {
		fprintf(stderr, "usage: nlb_raw ADDRESS\n");
		return 2;
	}
	raw_open(&r, argv[1]);
	event = raw_interrupt(&r, VFIO_PCI_MSIX_IRQ_INDEX);
	memory = mmap(NULL, ALL, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	begin = raw_now_us();
	raw_check(!raw_map(&r, memory, IOVA, TO) && !raw_map(&r, memory + TO, IOVA + TO, MIB + 4096),
		  "memory is mapped");
	printf("# mapped 2 MiB in %.0f us\n", raw_now_us() - begin);
	registers(&r);
	copy(&r, event, memory);
	to_nowhere(&r, event, memory);
	raw_store64(&r, 0x108, 1);
	raw_check(raw_reset(&r) == 0, "the function can be reset");
	raw_check(raw_load64(&r, 0x108) == 0, "after which a register is as at power-on");
	raw_close(&r);
	return raw_end();
}
