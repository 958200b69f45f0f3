/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/sys.h"
#include "tests/unit/check.h"
#include "plugins/vfio/card.h"
#include "tests/unit/fake-device.h"

struct rig {
	struct fake_device dev;
	struct card card;
	struct handle h;
};

static int up(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	if (!r)
		return -1;
	fake_init(&r->dev, 0x1000);
	r->h.dev = &r->dev.base;
	r->h.card = &r->card;
	*state = r;
	buffers_init(&r->card.buffers);
	buffers_attach(&r->card.buffers, r->h.dev);
	return 0;
}

static int down(void **state)
{
	struct rig *r = *state;

	buffers_release_all(&r->card.buffers, r->h.dev, NULL);
	buffers_done(&r->card.buffers);
	fake_done(&r->dev);
	free(r);
	return 0;
}

static void arguments(void **state)
{
	struct rig *r = *state;
	void *p = NULL, *junk = (void *)0x1000;
	uint64_t w;

	assert_int_equal(vfio_prepare_buffer(&r->h, 0, NULL, &w, FPGA_BUF_PREALLOCATED), FPGA_OK);
	assert_int_equal(vfio_prepare_buffer(&r->h, 0, &p, &w, 0), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_prepare_buffer(&r->h, 4096, NULL, &w, 0), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_prepare_buffer(&r->h, 4096, &p, &w, 8), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_prepare_buffer(&r->h, 4096, &p, &w, FPGA_BUF_PREALLOCATED),
			 FPGA_INVALID_PARAM);
	assert_int_equal(vfio_prepare_buffer(&r->h, 4096, &junk, &w, FPGA_BUF_PREALLOCATED),
			 FPGA_INVALID_PARAM);
	assert_int_equal(vfio_prepare_buffer(&r->h, UINT64_MAX, &p, &w, 0), FPGA_NO_MEMORY);
	assert_int_equal(vfio_prepare_buffer(&r->h, UINT64_MAX - 4095, &p, &w, 0), FPGA_NO_MEMORY);
	assert_int_equal(vfio_prepare_buffer(&r->h, UINT64_C(1) << 46, &p, &w, 0), FPGA_NO_MEMORY);
	assert_null(p);
	assert_int_equal(r->dev.maps, 0);
}

static void ids_are_never_reused_or_guessed(void **state)
{
	struct rig *r = *state;
	uint64_t first, second, io;
	void *p = NULL;

	assert_int_equal(vfio_prepare_buffer(&r->h, 1, &p, &first, 0), FPGA_OK);
	memset(p, 0x5a, 4096); /* one byte was asked for; a page is there */
	assert_int_equal(vfio_get_ioaddress(&r->h, first, &io), FPGA_OK);
	assert_int_equal(io % 4096, 0);
	assert_int_equal(vfio_release_buffer(&r->h, first), FPGA_OK);
	assert_int_equal(vfio_release_buffer(&r->h, first), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_get_ioaddress(&r->h, first, &io), FPGA_NOT_FOUND);
	assert_int_equal(vfio_prepare_buffer(&r->h, 1, &p, &second, 0), FPGA_OK);
	assert_int_not_equal(first, second);
	assert_int_equal(vfio_release_buffer(&r->h, first), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_release_buffer(&r->h, 0), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_release_buffer(&r->h, UINT64_MAX), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_release_buffer(&r->h, (uint64_t)(uintptr_t)p), FPGA_INVALID_PARAM);
	assert_int_equal(vfio_release_buffer(&r->h, second), FPGA_OK);
}

static void a_device_that_refuses_costs_nothing(void **state)
{
	struct rig *r = *state;
	size_t before = r->dev.addresses.space.num;
	void *p = NULL;
	uint64_t w;

	r->dev.fail = -EIO;
	assert_int_equal(vfio_prepare_buffer(&r->h, 8192, &p, &w, 0), FPGA_EXCEPTION);
	assert_null(p);
	assert_int_equal(r->dev.addresses.space.num, before);
	assert_int_equal(vfio_prepare_buffer(&r->h, 8192, &p, &w, 0), FPGA_OK);
}

static void addresses_run_out(void **state)
{
	struct rig *r = *state;
	void *p = NULL;
	uint64_t w[2];

	iova_done(&r->dev.addresses.space);
	assert_int_equal(iova_put(&r->dev.addresses.space, 0, 0x1fff), 0);
	assert_int_equal(vfio_prepare_buffer(&r->h, 8192, &p, &w[0], 0), FPGA_OK);
	assert_int_equal(vfio_prepare_buffer(&r->h, 4096, &p, &w[1], 0), FPGA_NO_MEMORY);
	assert_non_null(strstr(fake_said, "addresses"));
	assert_int_equal(vfio_release_buffer(&r->h, w[0]), FPGA_OK);
	assert_int_equal(vfio_prepare_buffer(&r->h, 4096, &p, &w[1], 0), FPGA_OK);
}

/* Private anonymous pages move into a memfd and back; the bytes and the address stay. */
static void preallocated_in_place(void **state)
{
	struct rig *r = *state;
	struct buffer_slot *s;
	void *p;
	uint64_t w;

	assert_int_equal(sys_mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &p), 0);
	memset(p, 1, 4 * 4096);
	memset((char *)p + 4096, 2, 8192);
	p = (char *)p + 4096;
	assert_int_equal(vfio_prepare_buffer(&r->h, 8192, &p, &w, FPGA_BUF_PREALLOCATED), FPGA_OK);
	s = &r->card.buffers.slots[0];
	assert_int_equal(s->buffer.memory.kind, MEMORY_REPLACED);
	assert_true(s->buffer.memory.fd >= 0);
	assert_int_equal(s->buffer.map_len, 8192); /* its true length */
	assert_int_equal(((char *)p)[0], 2);
	/* What the device writes through the file is what the program reads. */
	assert_int_equal(sys_pwrite(s->buffer.memory.fd, "x", 1, 100), 1);
	assert_int_equal(((char *)p)[100], 'x');
	assert_int_equal(vfio_release_buffer(&r->h, w), FPGA_OK);
	assert_int_equal(((char *)p)[100], 'x');
	assert_int_equal(((char *)p)[101], 2);
	assert_int_equal(((char *)p)[-1], 1);
	assert_int_equal(((char *)p)[8192], 1);
	sys_munmap((char *)p - 4096, 4 * 4096);
}

/* The program unmapped its memory, and something else is there now: release leaves that alone. */
static void preallocated_and_gone(void **state)
{
	struct rig *r = *state;
	void *p, *other;
	uint64_t w;

	assert_int_equal(sys_mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				  -1, 0, &p), 0);
	assert_int_equal(vfio_prepare_buffer(&r->h, 8192, &p, &w, FPGA_BUF_PREALLOCATED), FPGA_OK);
	sys_munmap(p, 8192);
	assert_int_equal(sys_mmap(p, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0, &other), 0);
	memset(other, 7, 4096);
	assert_int_equal(vfio_release_buffer(&r->h, w), FPGA_OK);
	assert_int_equal(((char *)other)[0], 7);
	assert_int_equal(((char *)other)[4095], 7);
	sys_munmap(other, 4096);
}

/* Whoever gets a buffer's file cannot take the pages from under the program. */
static void files_cannot_be_cut_short(void **state)
{
	struct rig *r = *state;
	void *p = NULL;
	uint64_t w;

	assert_int_equal(vfio_prepare_buffer(&r->h, 8192, &p, &w, 0), FPGA_OK);
	assert_int_equal(sys_ftruncate(r->card.buffers.slots[0].buffer.memory.fd, 0), -EPERM);
	memset(p, 1, 8192);
}

static void preallocated_anywhere_is_served(void **state)
{
	struct rig *r = *state;
	char on_stack[10000], got[16] = { 0 };
	void *p = on_stack + 3;
	uint64_t w, io;

	memset(on_stack, 'a', sizeof(on_stack));
	assert_int_equal(vfio_prepare_buffer(&r->h, 5000, &p, &w, FPGA_BUF_PREALLOCATED), FPGA_OK);
	assert_int_equal(vfio_get_ioaddress(&r->h, w, &io), FPGA_OK);
	assert_int_equal(io % 4096, (uintptr_t)p % 4096);
	assert_int_equal(buffers_access(&r->card.buffers, io + 10, got, 4, false), 0);
	assert_string_equal(got, "aaaa");
	memcpy(got, "bcd", 3);
	assert_int_equal(buffers_access(&r->card.buffers, io + 4997, got, 3, true), 0);
	assert_memory_equal((char *)p + 4997, "bcd", 3);
	/* Not one byte further, on either side. */
	assert_int_equal(buffers_access(&r->card.buffers, io + 4998, got, 3, true), -EFAULT);
	assert_int_equal(buffers_access(&r->card.buffers, io - 1, got, 1, false), -EFAULT);
	assert_int_equal(buffers_access(&r->card.buffers, UINT64_MAX, got, 1, false), -EFAULT);
	assert_int_equal(buffers_access(&r->card.buffers, io, got, SIZE_MAX, false), -EFAULT);
	assert_int_equal(vfio_release_buffer(&r->h, w), FPGA_OK);
	assert_int_equal(buffers_access(&r->card.buffers, io + 10, got, 4, false), -EFAULT);
}

static void read_only_is_kept(void **state)
{
	struct rig *r = *state;
	char mem[64] = "text", got[4] = "new";
	void *p = mem;
	uint64_t w, io;

	assert_int_equal(vfio_prepare_buffer(&r->h, sizeof(mem), &p, &w,
					     FPGA_BUF_PREALLOCATED | FPGA_BUF_READ_ONLY),
			 FPGA_OK);
	assert_int_equal(vfio_get_ioaddress(&r->h, w, &io), FPGA_OK);
	assert_int_equal(buffers_access(&r->card.buffers, io, got, 4, true), -EPERM);
	assert_string_equal(mem, "text");
	assert_int_equal(buffers_access(&r->card.buffers, io, got, 4, false), 0);
	assert_memory_equal(got, "text", 4);
}

/* A program may unmap memory that it gave: the device gets an error, the program no signal. */
static void memory_that_went_away(void **state)
{
	struct rig *r = *state;
	char byte;
	void *p;
	uint64_t w, io;

	assert_int_equal(sys_mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				  -1, 0, &p), 0);
	assert_int_equal(vfio_prepare_buffer(&r->h, 4096, &p, &w, FPGA_BUF_PREALLOCATED), FPGA_OK);
	assert_int_equal(vfio_get_ioaddress(&r->h, w, &io), FPGA_OK);
	sys_munmap(p, 4096);
	assert_int_equal(buffers_access(&r->card.buffers, io, &byte, 1, false), -EFAULT);
	assert_int_equal(vfio_release_buffer(&r->h, w), FPGA_OK);
}

static void many_buffers(void **state)
{
	enum { MANY = 3000 };
	struct rig *r = *state;
	static uint64_t w[MANY];
	uint64_t last = 0, io;
	void *p;

	for (int i = 0; i < MANY; i++)
		assert_int_equal(vfio_prepare_buffer(&r->h, 4096, &p, &w[i], 0), FPGA_OK);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(vfio_get_ioaddress(&r->h, w[i], &io), FPGA_OK);
		assert_true(io != last);
		last = io;
	}
	for (int i = 0; i < MANY; i += 2)
		assert_int_equal(vfio_release_buffer(&r->h, w[i]), FPGA_OK);
	/* The rest is left to close. */
}

/* Handles on one device share its addresses, not each other's buffers. */
static void a_buffer_is_its_handles_own(void **state)
{
	struct rig *r = *state;
	struct handle other = { .dev = r->h.dev, .card = &r->card };
	void *a = NULL, *b = NULL;
	uint64_t wa, wb, io_a, io_b, io;

	assert_int_equal(vfio_prepare_buffer(&r->h, 4096, &a, &wa, 0), FPGA_OK);
	assert_int_equal(vfio_prepare_buffer(&other, 4096, &b, &wb, 0), FPGA_OK);
	assert_int_equal(vfio_get_ioaddress(&r->h, wa, &io_a), FPGA_OK);
	assert_int_equal(vfio_get_ioaddress(&other, wb, &io_b), FPGA_OK);
	assert_int_not_equal(io_a, io_b);
	assert_int_equal(vfio_get_ioaddress(&r->h, wb, &io), FPGA_NOT_FOUND);
	assert_int_equal(vfio_release_buffer(&other, wa), FPGA_INVALID_PARAM);
	buffers_release_all(&r->card.buffers, r->h.dev, &other);
	assert_int_equal(r->dev.unmaps, 1);
	assert_int_equal(vfio_get_ioaddress(&r->h, wa, &io), FPGA_OK);
	assert_int_equal(vfio_get_ioaddress(&other, wb, &io), FPGA_NOT_FOUND);
	assert_int_equal(vfio_release_buffer(&r->h, wa), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(arguments),
		RIGGED(ids_are_never_reused_or_guessed),
		RIGGED(a_device_that_refuses_costs_nothing),
		RIGGED(addresses_run_out),
		RIGGED(preallocated_in_place),
		RIGGED(preallocated_and_gone),
		RIGGED(files_cannot_be_cut_short),
		RIGGED(preallocated_anywhere_is_served),
		RIGGED(read_only_is_kept),
		RIGGED(memory_that_went_away),
		RIGGED(many_buffers),
		RIGGED(a_buffer_is_its_handles_own),
	};

	return RUN(tests);
}
