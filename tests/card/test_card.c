/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole way: a program on the public API, libopae-c, v-opae, a socket, the emulated card. */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "emu/afu-bench.h"
#include "tests/card/card.h"

#define MIB (1u << 20)
#define CFG_DONE_INTERRUPT (1u << 29)

static int up_bench(void **state)
{
	(void)state;
	return card_up("bench", "map");
}

static int up_messages(void **state)
{
	card_needs(CARD_MESSAGES);
	return card_up_trap(state);
}

static void fill(unsigned char *at, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)(i * 31 + (i >> 8) + seed);
}

/* ---- the main job ---- */

static void loopback(void **state)
{
	fpga_handle h = open_only();
	struct nlb n;

	(void)state;
	nlb_buffers(h, &n, 2 * MIB);
	for (unsigned int round = 0; round < 4; round++) {
		fill(n.src, 2 * MIB, round);
		memset(n.dst, 0, 2 * MIB);
		if (round % 2)
			assert_int_equal(fpgaReset(h), FPGA_OK);
		nlb_start(h, &n, MIB / 64, 0);
		assert_int_equal(nlb_wait(&n) >> 32, 0);
		assert_memory_equal(n.src, n.dst, MIB);
		assert_int_equal(((unsigned char *)n.dst)[MIB], 0);
		assert_int_equal(((uint32_t *)n.dsm)[16 + 4], MIB / 64); /* reads */
		assert_int_equal(fpgaWriteMMIO32(h, 0, 0x138, 7), FPGA_OK);
	}
	nlb_release(h, &n);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void sizes_of_buffers(void **state)
{
	static const uint64_t sizes[] = { 1, 64, 4095, 4096, 4097, 65536, 2 * MIB - 1, 2 * MIB,
					  2 * MIB + 1, 5 * MIB, 64 * MIB };
	fpga_handle h = open_only();

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && sizes[i] <= card_longest_buffer(); i++) {
		uint32_t lines = (uint32_t)((sizes[i] + 63) / 64);
		struct nlb n;

		nlb_buffers(h, &n, sizes[i]);
		fill(n.src, sizes[i], (unsigned int)i);
		nlb_start(h, &n, lines > 0xfffff ? 0xfffff : lines, 0);
		assert_int_equal(nlb_wait(&n) >> 32, 0);
		assert_memory_equal(n.src, n.dst, lines > 0xfffff ? 0xfffff * 64 : sizes[i]);
		nlb_release(h, &n);
	}
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* A page of the program's own, as every way to a card takes it. */
static void a_preallocated_page(void **state)
{
	fpga_handle h = open_only();
	unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *at = page;
	uint64_t id, io;
	struct nlb n;

	(void)state;
	assert_ptr_not_equal(at, MAP_FAILED);
	nlb_buffers(h, &n, 4096);
	fill(n.src, 4096, 3);
	assert_int_equal(fpgaPrepareBuffer(h, 4096, &at, &id, FPGA_BUF_PREALLOCATED), FPGA_OK);
	assert_ptr_equal(at, page);
	assert_int_equal(fpgaGetIOAddress(h, id, &io), FPGA_OK);
	n.dst_io = io;
	nlb_start(h, &n, 4096 / 64, 0);
	assert_int_equal(nlb_wait(&n) >> 32, 0);
	assert_memory_equal(n.src, page, 4096);
	assert_int_equal(fpgaReleaseBuffer(h, id), FPGA_OK);
	assert_memory_equal(n.src, page, 4096); /* it is still the program's */
	nlb_release(h, &n);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	munmap(page, 4096);
}

/* Any memory of the program: pages that move into a file in place, and all else by messages. */
static void preallocated(void **state)
{
	fpga_handle h = open_only();
	char *stack = alloca(8192);
	void *pages, *at[3];
	struct nlb n;

	(void)state;
	card_needs(CARD_ANY_MEMORY);
	pages = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	at[0] = pages;
	at[1] = (void *)(((uintptr_t)stack + 63) & ~(uintptr_t)63);
	at[2] = aligned_alloc(64, 8192);
	for (int i = 0; i < 3; i++) {
		uint64_t len = i ? 4096 + 64 : MIB, id, io;

		nlb_buffers(h, &n, len);
		fill(at[i], len, (unsigned int)i);
		assert_int_equal(fpgaPrepareBuffer(h, len, &at[i], &id, FPGA_BUF_PREALLOCATED),
				 FPGA_OK);
		assert_int_equal(fpgaGetIOAddress(h, id, &io), FPGA_OK);
		n.src_io = io; /* from it */
		nlb_start(h, &n, (uint32_t)(len / 64), 0);
		assert_int_equal(nlb_wait(&n) >> 32, 0);
		assert_memory_equal(n.dst, at[i], len);
		fill(n.dst, len, 77);
		n.src_io = n.dst_io; /* and to it */
		n.dst_io = io;
		nlb_start(h, &n, (uint32_t)(len / 64), 0);
		assert_int_equal(nlb_wait(&n) >> 32, 0);
		assert_memory_equal(n.dst, at[i], len);
		assert_int_equal(fpgaReleaseBuffer(h, id), FPGA_OK);
		assert_memory_equal(n.dst, at[i], len);
		nlb_release(h, &n);
	}
	free(at[2]);
	munmap(pages, MIB);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* ---- what the device may not do ---- */

static uint64_t failing_run(fpga_handle h, const struct nlb *n)
{
	uint64_t status;

	nlb_start(h, n, 16, 0);
	status = nlb_wait(n);
	assert_int_equal(status >> 32, 1); /* DMA error */
	return status;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void a_wrong_address_is_an_error_and_no_more(void **state)
{
	fpga_handle h = open_only();
	struct nlb n, wrong;
	uint64_t v;

	(void)state;
	nlb_buffers(h, &n, 4096);
	wrong = n;
	wrong.src_io = 0xdead0000;
	failing_run(h, &wrong);
	wrong = n;
	/* Of the uppermost one, whichever that is, the last line is there, and the next is not. */
	wrong.dst_io = most(most(n.dsm_io, n.src_io), n.dst_io) + 4096 - 64;
	failing_run(h, &wrong);
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x170, &v), FPGA_OK);
	assert_int_equal(v, 1);
	nlb_start(h, &n, 16, 0);
	assert_int_equal(nlb_wait(&n) >> 32, 0);
	nlb_release(h, &n);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void read_only_is_honoured(void **state)
{
	fpga_handle h = open_only();
	struct nlb n;
	uint64_t id, io;
	void *p = NULL;

	(void)state;
	if (card_by_driver()) { /* then it is said, and is not a buffer that can be written */
		assert_int_equal(fpgaPrepareBuffer(h, 4096, &p, &id, FPGA_BUF_READ_ONLY), FPGA_NOT_SUPPORTED);
		assert_non_null(strstr(opaex_error_detail(), "only read"));
		assert_int_equal(fpgaClose(h), FPGA_OK);
		return;
	}
	nlb_buffers(h, &n, 4096);
	assert_int_equal(fpgaPrepareBuffer(h, 4096, &p, &id, FPGA_BUF_READ_ONLY), FPGA_OK);
	assert_int_equal(fpgaGetIOAddress(h, id, &io), FPGA_OK);
	memset(p, 5, 4096);
	n.src_io = io;
	nlb_start(h, &n, 16, 0);
	assert_int_equal(nlb_wait(&n) >> 32, 0);
	assert_memory_equal(n.dst, p, 1024);
	memset(n.src, 9, 4096);
	assert_int_equal(fpgaGetIOAddress(h, n.src_id, &n.src_io), FPGA_OK);
	n.dst_io = io;
	failing_run(h, &n);
	assert_int_equal(((char *)p)[0], 5);
	assert_int_equal(fpgaReleaseBuffer(h, id), FPGA_OK);
	nlb_release(h, &n);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void quiesce_stops_dma_and_reset_allows_it(void **state)
{
	fpga_handle h = open_only();
	struct nlb n;
	uint64_t v = 1;

	(void)state;
	card_needs(CARD_QUIET);
	nlb_buffers(h, &n, 4096);
	assert_int_equal(opaex_quiesce(h), FPGA_OK);
	memset(n.dst, 1, 4096);
	memset(n.src, 2, 4096);
	nlb_start(h, &n, 16, 0);
	usleep(20000);
	assert_int_equal(((char *)n.dst)[0], 1);
	assert_int_equal(*(uint64_t *)(void *)((char *)n.dsm + 0x40), 0);
	assert_int_equal(fpgaReset(h), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x110, &v), FPGA_OK);
	assert_int_equal(v, 0); /* a reset that resets */
	nlb_start(h, &n, 16, 0);
	assert_int_equal(nlb_wait(&n) >> 32, 0);
	nlb_release(h, &n);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* A copy without end is under way: reset ends it, and nothing is written afterwards. */
static void reset_ends_a_run(void **state)
{
	struct pollfd p = { .events = POLLIN };
	fpga_handle h = open_only();
	fpga_event_handle eh;
	struct nlb n;

	(void)state;
	nlb_buffers(h, &n, 2 * MIB);
	assert_int_equal(fpgaCreateEventHandle(&eh), FPGA_OK);
	assert_int_equal(fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, 0), FPGA_OK);
	assert_int_equal(fpgaGetOSObjectFromEventHandle(eh, &p.fd), FPGA_OK);
	nlb_start(h, &n, 2 * MIB / 64, 2 | CFG_DONE_INTERRUPT);
	usleep(2000);
	assert_int_equal(fpgaReset(h), FPGA_OK);
	assert_int_equal(poll(&p, 1, 20), 0); /* it did not end: it never was */
	memset(n.dst, 0x11, 2 * MIB);
	memset(n.dsm, 0, 4096);
	usleep(20000);
	for (size_t i = 0; i < 2 * MIB; i += 4096)
		assert_int_equal(((unsigned char *)n.dst)[i], 0x11);
	assert_int_equal(*(uint64_t *)(void *)((char *)n.dsm + 0x40), 0);
	assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_OK);
	nlb_release(h, &n);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void continuous_until_stopped(void **state)
{
	fpga_handle h = open_only();
	struct nlb n;
	uint64_t v = 0;

	(void)state;
	nlb_buffers(h, &n, 65536);
	nlb_start(h, &n, 1024, 2);
	/* Stores into mapped registers that follow each other closely may be seen as one: let it run. */
	for (int i = 0; i < 10000 && v >> 32 <= 1024; i++) {
		usleep(1000);
		assert_int_equal(fpgaReadMMIO64(h, 0, 0x160, &v), FPGA_OK);
	}
	assert_int_equal(*(uint64_t *)(void *)((char *)n.dsm + 0x40), 0);
	assert_int_equal(fpgaWriteMMIO32(h, 0, 0x138, 7), FPGA_OK);
	assert_int_equal(nlb_wait(&n) >> 32, 0);
	assert_true(((uint32_t *)n.dsm)[16 + 4] > 1024);
	nlb_release(h, &n);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* ---- MMIO ---- */

static void registers(void **state)
{
	fpga_handle h = open_only();
	struct opaex_mmio_info info;
	uint64_t v = 0;
	uint32_t half = 0;

	(void)state;
	assert_int_equal(opaex_mmio_info(h, 0, &info), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x8, &v), FPGA_OK);
	assert_int_equal(v, 0xF89E433683F9040B);
	assert_int_equal(fpgaWriteMMIO64(h, 0, 0x108, 0x1122334455667788), FPGA_OK);
	assert_int_equal(fpgaReadMMIO32(h, 0, 0x10c, &half), FPGA_OK);
	assert_int_equal(half, 0x11223344);
	assert_int_equal(fpgaWriteMMIO32(h, 0, 0x100, 7), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(h, 0, info.size - 8, &v), FPGA_OK);
	assert_int_equal(v, 0);
	assert_int_equal(fpgaReadMMIO64(h, 0, info.size - 4, &v), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaReadMMIO64(h, 0, info.size, &v), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaReadMMIO64(h, 0, UINT64_MAX - 7, &v), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaReadMMIO64(h, 0, UINT64_C(1) << 32, &v), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaReadMMIO64(h, 4, 0, &v), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* Trapped registers keep what is read-only; writes that hardware ignores are ignored. */
static void read_only_registers(void **state)
{
	fpga_handle h = open_only();
	uint64_t v = 0;

	(void)state;
	assert_int_equal(fpgaWriteMMIO64(h, 0, 0x8, 1), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x8, &v), FPGA_OK);
	assert_int_equal(v, 0xF89E433683F9040B);
	assert_int_equal(fpgaWriteMMIO64(h, 0, 0x120, 5), FPGA_OK); /* the engine is in reset */
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x120, &v), FPGA_OK);
	assert_int_equal(v, 0);
	assert_int_equal(fpgaWriteMMIO64(h, 0, 0x110, 0x1003f), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x110, &v), FPGA_OK);
	assert_int_equal(v, 0x10000);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void pointers_to_mapped_registers(void **state)
{
	fpga_handle h = open_only();
	uint64_t *mmio = NULL, v = 0;

	(void)state;
	card_needs(CARD_POINTER);
	assert_int_equal(fpgaMapMMIO(h, 0, &mmio), FPGA_OK);
	assert_non_null(mmio);
	mmio[0x108 / 8] = 42;
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x108, &v), FPGA_OK);
	assert_int_equal(v, 42);
	assert_int_equal(fpgaUnmapMMIO(h, 0), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void no_pointer_to_trapped_registers(void **state)
{
	fpga_handle h = open_only();
	uint64_t *mmio = NULL;

	(void)state;
	card_needs(CARD_POINTER);
	assert_int_equal(fpgaMapMMIO(h, 0, NULL), FPGA_OK);
	assert_int_equal(fpgaMapMMIO(h, 0, &mmio), FPGA_NOT_SUPPORTED);
	assert_non_null(strstr(opaex_error_detail(), "nothing"));
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void doorbell(void **state)
{
	fpga_handle h = open_only();
	uint64_t v = 0;

	(void)state;
	for (uint64_t i = 1; i < 50; i++) {
		assert_int_equal(fpgaWriteMMIO64(h, 0, 0x1200, i), FPGA_OK);
		assert_int_equal(opaex_poll_mmio(h, 0, 0x1208, UINT64_MAX, i, 0, 2000000, &v),
				 FPGA_OK);
	}
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x1210, &v), FPGA_OK);
	assert_int_equal(v, 49);
	assert_int_equal(fpgaWriteMMIO64(h, 0, 0x11f8, 3), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x11f8, &v), FPGA_OK);
	assert_int_equal(v, 3);
	assert_int_equal(fpgaWriteMMIO64(h, 0, 0x80, 4), FPGA_OK); /* the trapped page */
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x80, &v), FPGA_OK);
	assert_int_equal(v, 4);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* ---- what the benchmark asks of a card ---- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The flag is the time by the clock of the card's machine, which need not be this one. */
static uint64_t flag_after(fpga_handle h, uint64_t us, const volatile uint64_t *at)
{
	uint64_t before = *at, from = now_ns();

	assert_int_equal(fpgaWriteMMIO64(h, 0, BENCH_FLAG_AFTER, us), FPGA_OK);
	while (*at == before) {
		assert_true(now_ns() - from < UINT64_C(20000000000));
		sched_yield();
	}
	return *at;
}

static void a_job_and_a_flag(void **state)
{
	volatile uint64_t *at;
	uint64_t wsid, io, v, first;
	void *buf;
	fpga_handle h = open_only();

	(void)state;
	assert_int_equal(fpgaPrepareBuffer(h, 4096, &buf, &wsid, 0), FPGA_OK);
	assert_int_equal(fpgaGetIOAddress(h, wsid, &io), FPGA_OK);
	at = buf;
	for (unsigned int i = 0; i < BENCH_JOB_WORDS; i++)
		at[i] = i;
	assert_int_equal(fpgaWriteMMIO64(h, 0, BENCH_JOB_IN, io), FPGA_OK);
	assert_int_equal(fpgaWriteMMIO64(h, 0, BENCH_JOB_OUT, io + 1024), FPGA_OK);
	assert_int_equal(fpgaWriteMMIO64(h, 0, BENCH_JOB, 7), FPGA_OK);
	assert_int_equal(opaex_poll_mmio(h, 0, BENCH_DONE, UINT64_MAX, 7, 0, 20000000, &v), FPGA_OK);
	for (unsigned int i = 0; i < BENCH_JOB_WORDS; i++)
		assert_int_equal(at[128 + i], i + 7);
	assert_int_equal(at[128 + BENCH_JOB_WORDS], 7);

	assert_int_equal(fpgaWriteMMIO64(h, 0, BENCH_FLAG_AT, io + 2048), FPGA_OK);
	first = flag_after(h, 0, &at[256]);
	assert_true(flag_after(h, 1000, &at[256]) >= first + 1000000);
	assert_int_equal(fpgaReleaseBuffer(h, wsid), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* ---- events ---- */

static bool fired(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n;

	return poll(&p, 1, 20000) == 1 && read(fd, &n, 8) == 8;
}

static void an_interrupt_is_an_event(void **state)
{
	fpga_handle h = open_only();
	fpga_event_handle eh;
	struct pollfd p = { .events = POLLIN };
	struct nlb n;
	int fd;

	(void)state;
	nlb_buffers(h, &n, 4096);
	assert_int_equal(fpgaCreateEventHandle(&eh), FPGA_OK);
	assert_int_equal(fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, 4), FPGA_INVALID_PARAM);
	if (!card_by_driver()) /* by it each has a port, which has one for errors */
		assert_int_equal(fpgaRegisterEvent(h, FPGA_EVENT_ERROR, eh, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaRegisterEvent(h, (fpga_event_type)9, eh, 0), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, 2), FPGA_OK);
	assert_int_equal(fpgaGetOSObjectFromEventHandle(eh, &fd), FPGA_OK);
	assert_int_equal(fpgaWriteMMIO32(h, 0, 0x150, 2), FPGA_OK);
	for (int i = 0; i < 20; i++) {
		nlb_start(h, &n, 16, CFG_DONE_INTERRUPT);
		assert_true(fired(fd));
		assert_int_equal(nlb_wait(&n) >> 32, 0); /* the data was there before the event */
	}
	assert_int_equal(fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, eh), FPGA_OK);
	assert_int_equal(fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, eh), FPGA_INVALID_PARAM);
	nlb_start(h, &n, 16, CFG_DONE_INTERRUPT);
	nlb_wait(&n);
	p.fd = fd;
	assert_int_equal(poll(&p, 1, 20), 0);
	assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_OK);
	nlb_release(h, &n);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* Destroyed while registered, and closed while registered: in both orders nothing is left. */
static void events_and_handles_end_in_any_order(void **state)
{
	fpga_event_handle eh;
	fpga_handle h;

	(void)state;
	for (int first = 0; first < 2; first++) {
		h = open_only();
		assert_int_equal(fpgaCreateEventHandle(&eh), FPGA_OK);
		assert_int_equal(fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, eh, 0), FPGA_OK);
		if (first)
			assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_OK);
		assert_int_equal(fpgaClose(h), FPGA_OK);
		if (!first)
			assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_OK);
	}
}

int main(void)
{
#define WITH(t, u) cmocka_unit_test_setup_teardown(t, u, card_down)
	const struct CMUnitTest tests[] = {
		WITH(loopback, card_up_trap),
		WITH(loopback, card_up_map),
		WITH(sizes_of_buffers, card_up_trap),
		WITH(a_preallocated_page, card_up_trap),
		WITH(a_preallocated_page, card_up_map),
		WITH(preallocated, card_up_trap),
		WITH(preallocated, card_up_map),
		WITH(a_wrong_address_is_an_error_and_no_more, card_up_trap),
		WITH(read_only_is_honoured, card_up_trap),
		WITH(quiesce_stops_dma_and_reset_allows_it, card_up_trap),
		WITH(quiesce_stops_dma_and_reset_allows_it, card_up_map),
		WITH(reset_ends_a_run, card_up_trap),
		WITH(reset_ends_a_run, card_up_map),
		WITH(continuous_until_stopped, card_up_trap),
		WITH(continuous_until_stopped, card_up_map),
		WITH(registers, card_up_trap),
		WITH(registers, card_up_map),
		WITH(read_only_registers, card_up_trap),
		WITH(pointers_to_mapped_registers, card_up_map),
		WITH(no_pointer_to_trapped_registers, up_messages),
		WITH(doorbell, up_bench),
		WITH(a_job_and_a_flag, up_bench),
		WITH(an_interrupt_is_an_event, card_up_trap),
		WITH(an_interrupt_is_an_event, card_up_map),
		WITH(events_and_handles_end_in_any_order, card_up_trap),
	};

	return CARD_RUN(tests);
}
