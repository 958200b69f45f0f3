/* SPDX-License-Identifier: BSD-3-Clause */
/* QEMU's edu through v-opae and a real vfio-pci: registers, DMA through the IOMMU, interrupts. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/card/card.h"
#include "tests/unit/check.h"
#include "tests/vm/guest/edu.h"

#define BYTES 2048u
#define HUGE (2u << 20)

static fpga_handle h;

static int up(void **state)
{
	(void)state;
	h = edu_open(EDU_GUID);
	return 0;
}

static int down(void **state)
{
	(void)state;
	edu_close(h);
	assert_int_equal(pinned_kib(), 0);
	return 0;
}

static void fill(void *at, size_t bytes, unsigned int seed)
{
	unsigned char *p = at;

	for (size_t i = 0; i < bytes; i++)
		p[i] = (unsigned char)(i * 7 + (i >> 8) + seed);
}

/* ---- registers ---- */

static void it_says_what_it_is(void **state)
{
	fpga_properties p = NULL;
	uint32_t num = 0, v32 = 0;
	uint16_t v16 = 0;
	uint8_t bus = 9, device = 9, function = 9;
	fpga_token t = edu_token(EDU_GUID, &num);
	fpga_accelerator_state assigned;

	(void)state;
	assert_int_equal(num, 1);
	expect(fpgaGetProperties(t, &p), FPGA_OK, NULL);
	assert_int_equal(fpgaPropertiesGetVendorID(p, &v16), FPGA_OK);
	assert_int_equal(v16, 0x1234);
	assert_int_equal(fpgaPropertiesGetDeviceID(p, &v16), FPGA_OK);
	assert_int_equal(v16, 0x11e8);
	assert_int_equal(fpgaPropertiesGetBus(p, &bus), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetDevice(p, &device), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetFunction(p, &function), FPGA_OK);
	assert_true(bus == 0 && device == 3 && function == 0);
	assert_int_equal(fpgaPropertiesGetNumMMIO(p, &v32), FPGA_OK);
	assert_int_equal(v32, 1);
	assert_int_equal(fpgaPropertiesGetNumInterrupts(p, &v32), FPGA_OK);
	assert_int_equal(v32, 1);
	assert_int_equal(fpgaPropertiesGetAcceleratorState(p, &assigned), FPGA_OK);
	assert_int_equal(assigned, FPGA_ACCELERATOR_ASSIGNED);
	fpgaDestroyProperties(&p);
	fpgaDestroyToken(&t);
}

static void registers(void **state)
{
	struct opaex_mmio_info info;

	(void)state;
	assert_int_equal(edu_read(h, EDU_ID), EDU_ID_VALUE);
	for (uint32_t v = 1; v; v <<= 1) {
		edu_write(h, EDU_LIVENESS, v);
		assert_int_equal(edu_read(h, EDU_LIVENESS), ~v);
	}
	write64(h, EDU_DMA_SRC, 0x1122334455667788);
	assert_true(read64(h, EDU_DMA_SRC) == (0x1122334455667788 & (EDU_REACH - 1)) ||
		    read64(h, EDU_DMA_SRC) == 0x1122334455667788);
	expect(opaex_mmio_info(h, 0, &info), FPGA_OK, NULL);
	assert_int_equal(info.size, EDU_BAR_BYTES);
	assert_int_equal(info.flags, OPAEX_MMIO_MAPPED | OPAEX_MMIO_READ | OPAEX_MMIO_WRITE);
}

static void a_pointer_to_registers(void **state)
{
	uint64_t *at = NULL;

	(void)state;
	expect(fpgaMapMMIO(h, 0, &at), FPGA_OK, NULL);
	assert_int_equal(*(volatile uint32_t *)at, EDU_ID_VALUE);
	expect(fpgaUnmapMMIO(h, 0), FPGA_OK, NULL);
}

static void bad_offsets(void **state)
{
	uint32_t v32;
	uint64_t v;

	(void)state;
	expect(fpgaReadMMIO32(h, 0, EDU_BAR_BYTES - 4, &v32), FPGA_OK, NULL);
	expect(fpgaReadMMIO32(h, 0, EDU_BAR_BYTES, &v32), FPGA_INVALID_PARAM, "outside");
	expect(fpgaReadMMIO64(h, 0, EDU_BAR_BYTES - 4, &v), FPGA_INVALID_PARAM, "multiple of 8");
	expect(fpgaWriteMMIO64(h, 0, UINT64_MAX - 7, 0), FPGA_INVALID_PARAM, "outside");
	expect(fpgaReadMMIO32(h, 0, 2, &v32), FPGA_INVALID_PARAM, "multiple of 4");
	expect(fpgaReadMMIO32(h, 1, 0, &v32), FPGA_INVALID_PARAM, "region 1");
}

/* ---- DMA ---- */

static void there_and_back(void *at, uint64_t io)
{
	unsigned char sent[BYTES];

	fill(sent, sizeof(sent), 3);
	memcpy(at, sent, BYTES);
	edu_dma(h, io, BYTES, 0);
	memset(at, 0, BYTES);
	edu_dma(h, io, BYTES, EDU_TO_RAM);
	assert_memory_equal(at, sent, BYTES);
}

static void dma_both_ways(void **state)
{
	struct shared s = shared_new(h, 8192);

	(void)state;
	assert_true(pinned_kib() >= 8);
	there_and_back((char *)s.at + 4096 - BYTES / 2, s.io + 4096 - BYTES / 2); /* over two pages */
	shared_free(h, &s);
	assert_int_equal(pinned_kib(), 0);
}

static bool is_huge(const void *at)
{
	FILE *f = fopen("/proc/self/smaps", "re");
	unsigned long long first = 0, end = 0, v, kib = 0;
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx ", &first, &end) == 2)
			continue;
		if (sscanf(line, "KernelPageSize: %llu", &v) == 1 && (uintptr_t)at >= first &&
		    (uintptr_t)at < end)
			kib = v;
	}
	fclose(f);
	return kib == HUGE / 1024;
}

static void dma_with_huge_pages(void **state)
{
	struct shared s = shared_new(h, HUGE);

	(void)state;
	assert_true(is_huge(s.at));
	assert_int_equal(s.io % HUGE, 0);
	there_and_back((char *)s.at + HUGE - BYTES, s.io + HUGE - BYTES);
	shared_free(h, &s);
}

static void dma_with_the_programs_own_memory(void **state)
{
	unsigned char *at = malloc(3 * 4096);
	struct shared s;

	(void)state;
	fill(at, 3 * 4096, 9);
	s = shared_own(h, at + 72, 2 * 4096);
	assert_int_equal(s.io % 4096, (uintptr_t)(at + 72) % 4096);
	there_and_back(at + 72 + 4096, s.io + 4096);
	shared_free(h, &s);
	free(at);
}

/* The IOMMU keeps the device from it. */
static void a_read_only_buffer_is_not_written(void **state)
{
	struct shared s = shared_new(h, 4096);
	uint64_t id, io = 0;
	void *at = NULL;

	(void)state;
	expect(fpgaPrepareBuffer(h, 4096, &at, &id, FPGA_BUF_READ_ONLY), FPGA_OK, NULL);
	expect(fpgaGetIOAddress(h, id, &io), FPGA_OK, NULL);
	fill(at, BYTES, 1);
	edu_copy(h, io, s.io, BYTES);
	assert_memory_equal(at, s.at, BYTES); /* it can be read */
	fill(s.at, BYTES, 2);
	edu_copy(h, s.io, io, BYTES);
	fill(s.at, BYTES, 1);
	assert_memory_equal(at, s.at, BYTES);
	expect(fpgaReleaseBuffer(h, id), FPGA_OK, NULL);
	shared_free(h, &s);
}

/* Memory that the program may not write itself. */
static void memory_that_is_read_only(void **state)
{
	uint64_t id;
	void *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	expect(fpgaPrepareBuffer(h, 4096, &at, &id, FPGA_BUF_PREALLOCATED), FPGA_INVALID_PARAM,
	       "FPGA_BUF_READ_ONLY");
	expect(fpgaPrepareBuffer(h, 4096, &at, &id, FPGA_BUF_PREALLOCATED | FPGA_BUF_READ_ONLY), FPGA_OK,
	       NULL);
	expect(fpgaReleaseBuffer(h, id), FPGA_OK, NULL);
	munmap(at, 4096);
}

/* What was a buffer, and what never was one. The kernel's messages tell of it as well. */
static void dma_to_nowhere_harms_nothing(void **state)
{
	struct shared s = shared_new(h, 4096), gone;
	unsigned char *at = aligned_alloc(4096, 4096);

	(void)state;
	memset(at, 0x5a, 4096);
	gone = shared_own(h, at, 4096);
	shared_free(h, &gone);
	fill(s.at, BYTES, 4);
	edu_copy(h, s.io, gone.io, BYTES);
	for (size_t i = 0; i < 4096; i++)
		assert_int_equal(at[i], 0x5a);
	edu_dma(h, EDU_REACH - 4096, BYTES, EDU_TO_RAM);
	there_and_back(s.at, s.io); /* and it goes on */
	shared_free(h, &s);
	free(at);
}

static void a_close_stops_dma(void **state)
{
	unsigned char *at = aligned_alloc(4096, 4096);
	struct shared s = shared_own(h, at, 4096);

	(void)state;
	memset(at, 0x77, 4096);
	edu_start(h, s.io, BYTES, EDU_TO_RAM);
	edu_close(h);
	usleep((EDU_DMA_MS + 50) * 1000); /* it does not happen: a fixed time to see that */
	for (size_t i = 0; i < 4096; i++)
		assert_int_equal(at[i], 0x77);
	assert_int_equal(pinned_kib(), 0);
	free(at);
	h = edu_open(EDU_GUID);
	assert_int_equal(edu_read(h, EDU_ID), EDU_ID_VALUE);
	edu_wait(h);
}

/* ---- interrupts ---- */

static bool comes(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t count = 0;

	return poll(&p, 1, timeout_ms) == 1 && read(fd, &count, sizeof(count)) == sizeof(count) && count == 1;
}

static void acknowledge(uint32_t bits)
{
	assert_int_equal(edu_read(h, EDU_IRQ_STATUS), bits);
	edu_write(h, EDU_IRQ_ACK, bits);
	assert_int_equal(edu_read(h, EDU_IRQ_STATUS), 0);
}

static void interrupts(void **state)
{
	fpga_event_handle e = NULL;
	int fd = event_of(h, 0, &e);

	(void)state;
	for (uint32_t i = 1; i <= 3; i++) {
		edu_write(h, EDU_IRQ_RAISE, i);
		assert_true(comes(fd, 5000));
		acknowledge(i);
	}
	edu_write(h, EDU_STATUS, 0x80);
	edu_write(h, EDU_FACTORIAL, 10);
	assert_true(comes(fd, 5000));
	assert_int_equal(edu_read(h, EDU_FACTORIAL), 3628800);
	acknowledge(1);
	edu_write(h, EDU_STATUS, 0);
	expect(fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, e), FPGA_OK, NULL);
	edu_write(h, EDU_IRQ_RAISE, 1);
	assert_false(comes(fd, 50)); /* a fixed time to see that it does not */
	acknowledge(1);
	expect(fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, e, 0), FPGA_OK, NULL);
	edu_write(h, EDU_IRQ_RAISE, 1);
	assert_true(comes(fd, 5000));
	acknowledge(1);
	expect(fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, e, 1), FPGA_INVALID_PARAM, "vector 1");
	expect(fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, e), FPGA_OK, NULL);
	expect(fpgaDestroyEventHandle(&e), FPGA_OK, NULL);
}

static void an_interrupt_at_the_end_of_a_transfer(void **state)
{
	struct shared s = shared_new(h, 4096);
	fpga_event_handle e = NULL;
	int fd = event_of(h, 0, &e);

	(void)state;
	edu_start(h, s.io, BYTES, EDU_WITH_IRQ);
	assert_true(comes(fd, 5000));
	acknowledge(EDU_DMA_IRQ);
	/* The event is left to the close. */
	expect(fpgaDestroyEventHandle(&e), FPGA_OK, NULL);
	shared_free(h, &s);
}

/* ---- */

static void there_is_no_reset(void **state)
{
	(void)state;
	expect(fpgaReset(h), FPGA_NOT_SUPPORTED, "no way to reset this device alone");
	assert_int_equal(edu_read(h, EDU_ID), EDU_ID_VALUE);
}

static void open_and_close_leave_nothing(void **state)
{
	int fds;

	(void)state;
	edu_close(edu_open(EDU_GUID));
	fds = open_fds();
	for (int i = 0; i < 5; i++)
		edu_close(edu_open(EDU_GUID));
	assert_int_equal(open_fds(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_and_close_leave_nothing),
		RIGGED(it_says_what_it_is),
		RIGGED(registers),
		RIGGED(a_pointer_to_registers),
		RIGGED(bad_offsets),
		RIGGED(dma_both_ways),
		RIGGED(dma_with_huge_pages),
		RIGGED(dma_with_the_programs_own_memory),
		RIGGED(a_read_only_buffer_is_not_written),
		RIGGED(memory_that_is_read_only),
		RIGGED(dma_to_nowhere_harms_nothing),
		RIGGED(a_close_stops_dma),
		RIGGED(interrupts),
		RIGGED(an_interrupt_at_the_end_of_a_transfer),
		RIGGED(there_is_no_reset),
	};

	edu_library(NULL);
	return RUN(tests);
}
