/* SPDX-License-Identifier: BSD-3-Clause */
/* The calls on a handle of the local plugin, on a kernel that is made up. */
#include <errno.h>
#include <linux/fpga-dfl.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/unit/check.h"
#include "tests/unit/fake-dfl.h"
#include "tests/unit/local-rig.h"

/* ---- registers ---- */

static void test_mmio(void **state)
{
	fpga_handle h = open_one(FPGA_ACCELERATOR, 0);
	struct opae_mmio_window w;
	struct opaex_mmio_info info;
	uint64_t v64 = 0, *at;
	uint32_t v32;

	(void)state;
	assert_int_equal(t.fpgaWriteMMIO64(h, 0, FAKE_AFU_SIZE - 8, 0x1122334455667788), FPGA_OK);
	assert_int_equal(t.fpgaReadMMIO32(h, 0, FAKE_AFU_SIZE - 4, &v32), FPGA_OK);
	assert_int_equal(v32, 0x11223344);
	assert_int_equal(t.fpgaReadMMIO64(h, 0, FAKE_AFU_SIZE - 4, &v64), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaReadMMIO64(h, 0, FAKE_AFU_SIZE, &v64), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaReadMMIO32(h, 0, FAKE_AFU_SIZE, &v32), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaReadMMIO64(h, 0, 4, &v64), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaReadMMIO64(h, 0, UINT64_MAX - 7, &v64), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaReadMMIO64(h, 2, 0, &v64), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaWriteMMIO512(h, 0, 32, &v64), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaWriteMMIO32(h, 1, FAKE_STP_SIZE - 4, 7), FPGA_OK);
	assert_int_equal(t.fpgaMapMMIO(h, 0, &at), FPGA_OK);
	assert_true(at[FAKE_AFU_SIZE / 8 - 1] == 0x1122334455667788);
	assert_int_equal(t.mmio_window(h, 0, &w), FPGA_OK);
	assert_true(w.len == FAKE_AFU_SIZE && w.at == (volatile unsigned char *)at && !*w.dead);
	assert_int_equal(t.mmio_info(h, 1, &info), FPGA_OK);
	assert_int_equal(info.size, FAKE_STP_SIZE);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
	h = open_one(FPGA_DEVICE, 0);
	assert_int_equal(t.fpgaReadMMIO64(h, 0, 0, &v64), FPGA_NOT_SUPPORTED);
	assert_int_equal(t.fpgaReset(h), FPGA_NOT_SUPPORTED);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
}

static void test_region_that_cannot_be_mapped(void **state)
{
	struct opae_mmio_window w;
	uint64_t v;
	fpga_handle h;

	(void)state;
	fake.region_flags = DFL_PORT_REGION_READ | DFL_PORT_REGION_WRITE;
	h = open_one(FPGA_ACCELERATOR, 0);
	assert_int_equal(t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_NO_ACCESS);
	assert_int_equal(t.fpgaMapMMIO(h, 0, NULL), FPGA_NO_ACCESS);
	assert_int_equal(t.mmio_window(h, 0, &w), FPGA_NOT_SUPPORTED);
	assert_int_equal(t.fpgaReadMMIO64(h, 1, 0, &v), FPGA_OK);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
}

/* ---- buffers ---- */

static void test_buffers(void **state)
{
	fpga_handle h = open_one(FPGA_ACCELERATOR, 0);
	uint64_t wsid, iova, again;
	void *at = NULL;

	(void)state;
	assert_int_equal(prepare(h, 1, 0), FPGA_OK);
	assert_int_equal(prepare(h, 4097, 0), FPGA_NO_MEMORY);
	assert_non_null(strstr(host_detail, "hugepages-2048kB"));
	fake.huge = true;
	assert_int_equal(prepare(h, 4097, 0), FPGA_OK);
	assert_int_equal(prepare(h, 2 * MIB, 0), FPGA_OK);
	assert_int_equal(prepare(h, 4 * MIB, 0), FPGA_NO_MEMORY);
	assert_non_null(strstr(host_detail, "hugepages-1048576kB"));
	fake.huge = false;
	fake.together = true; /* transparent pages, or luck */
	assert_int_equal(prepare(h, 4097, 0), FPGA_OK);
	assert_int_equal(prepare(h, 4 * MIB, FPGA_BUF_QUIET), FPGA_OK);
	assert_int_equal(prepare(h, UINT64_MAX, 0), FPGA_NO_MEMORY);
	assert_int_equal(prepare(h, 0, 0), FPGA_INVALID_PARAM);
	assert_int_equal(prepare(h, 4096, 64), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaPrepareBuffer(h, 4096, NULL, &wsid, 0), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaPrepareBuffer(h, 100, &at, &wsid, 0), FPGA_OK);
	assert_int_equal(t.fpgaGetIOAddress(h, wsid, &iova), FPGA_OK);
	assert_int_equal(t.get_ws_info(h, wsid, &again, &at, NULL), FPGA_OK);
	assert_true(iova == again && iova % 4096 == 0);
	assert_int_equal(t.fpgaGetIOAddress(h, wsid + (UINT64_C(1) << 32), &iova), FPGA_NOT_FOUND);
	assert_int_equal(t.fpgaGetIOAddress(h, 0, &iova), FPGA_NOT_FOUND);
	assert_int_equal(t.fpgaClose(h), FPGA_OK); /* with the buffer */
}

static void test_buffers_of_the_program(void **state)
{
	static _Alignas(4096) uint8_t mine[8192];
	fpga_handle h = open_one(FPGA_ACCELERATOR, 0);
	void *at = mine, *odd = mine + 8, *none = NULL;
	const int flags = FPGA_BUF_PREALLOCATED;
	uint64_t wsid;

	(void)state;
	assert_int_equal(t.fpgaPrepareBuffer(h, 0, NULL, &wsid, flags), FPGA_OK);
	assert_int_equal(t.fpgaPrepareBuffer(h, 4096, &at, &wsid, flags), FPGA_OK);
	assert_ptr_equal(at, mine);
	assert_int_equal(t.fpgaReleaseBuffer(h, wsid), FPGA_OK);
	mine[0] = 1; /* still the program's */
	assert_int_equal(t.fpgaPrepareBuffer(h, 8192, &at, &wsid, flags), FPGA_INVALID_PARAM);
	assert_non_null(strstr(host_detail, "together"));
	assert_int_equal(t.fpgaPrepareBuffer(h, 4096, &odd, &wsid, flags), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaPrepareBuffer(h, 100, &at, &wsid, flags), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaPrepareBuffer(h, 4096, &none, &wsid, flags), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
}

/* A limit that is reached is told as such, also where a huge page was there. */
static void test_buffers_beyond_the_limit(void **state)
{
	fpga_handle h = open_one(FPGA_ACCELERATOR, 0);
	struct rlimit before, limit;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	limit = before;
	limit.rlim_cur = 64 * 1024;
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
	fake.huge = true;
	fake.fail_request = DFL_FPGA_PORT_DMA_MAP;
	fake.fail_errno = ENOMEM;
	assert_int_equal(prepare(h, 4096, 0), FPGA_NO_MEMORY);
	assert_non_null(strstr(host_detail, "65536 (ulimit -l)"));
	assert_int_equal(prepare(h, 2 * MIB, 0), FPGA_NO_MEMORY);
	assert_non_null(strstr(host_detail, "65536 (ulimit -l)"));
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &before), 0);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
}

/* Never a map that the device can write, when one was asked for that it cannot. */
static void test_read_only(void **state)
{
	fpga_handle h = open_one(FPGA_ACCELERATOR, 0);

	(void)state;
	assert_int_equal(prepare(h, 4096, FPGA_BUF_READ_ONLY), FPGA_NOT_SUPPORTED);
	assert_int_equal(fake.maps, 0);
	fake.read_only = true;
	assert_int_equal(prepare(h, 4096, FPGA_BUF_READ_ONLY), FPGA_OK);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
}

/* ---- events, ports ---- */

static void test_events(void **state)
{
	fpga_handle h = open_one(FPGA_ACCELERATOR, 0);
	fpga_event_handle e, other;
	int fd;

	(void)state;
	assert_int_equal(t.create_event(t.instance, &e), FPGA_OK);
	assert_int_equal(t.create_event(t.instance, &other), FPGA_OK);
	assert_int_equal(t.fpgaGetOSObjectFromEventHandle(e, &fd), FPGA_OK);
	assert_int_equal(t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, e, 2), FPGA_OK);
	assert_int_equal(fake.bound[2], fd);
	assert_int_equal(t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, other, 2), FPGA_OK);
	assert_int_not_equal(fake.bound[2], fd);
	assert_int_equal(t.fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, e), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, other), FPGA_OK);
	assert_int_equal(fake.bound[2], -1);
	assert_int_equal(t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, e, FAKE_VECTORS), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, e, UINT32_MAX), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaRegisterEvent(h, (fpga_event_type)9, e, 0), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaRegisterEvent(h, FPGA_EVENT_ERROR, e, 0), FPGA_OK);
	assert_int_equal(fake.bound_error, fd);
	assert_int_equal(t.fpgaDestroyEventHandle(&e), FPGA_OK); /* the registration keeps it */
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
	assert_int_equal(fake.bound_error, -1);
	h = open_one(FPGA_DEVICE, 0);
	assert_int_equal(t.fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, other, 0), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaRegisterEvent(h, FPGA_EVENT_ERROR, other, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(t.fpgaClose(h), FPGA_OK);
	t.fpgaDestroyEventHandle(&other);
}

/* Two handles on one accelerator: who comes later has the vector, and keeps it when the other is closed. */
static void test_events_of_two_handles(void **state)
{
	fpga_handle one = open_one(FPGA_ACCELERATOR, FPGA_OPEN_SHARED);
	fpga_handle two = open_one(FPGA_ACCELERATOR, FPGA_OPEN_SHARED);
	fpga_event_handle e, other;
	int fd;

	(void)state;
	assert_int_equal(t.create_event(t.instance, &e), FPGA_OK);
	assert_int_equal(t.create_event(t.instance, &other), FPGA_OK);
	assert_int_equal(t.fpgaGetOSObjectFromEventHandle(other, &fd), FPGA_OK);
	assert_int_equal(t.fpgaRegisterEvent(one, FPGA_EVENT_INTERRUPT, e, 1), FPGA_OK);
	assert_int_equal(t.fpgaRegisterEvent(one, FPGA_EVENT_INTERRUPT, e, 2), FPGA_OK);
	assert_int_equal(t.fpgaRegisterEvent(one, FPGA_EVENT_ERROR, e, 0), FPGA_OK);
	assert_int_equal(t.fpgaRegisterEvent(two, FPGA_EVENT_INTERRUPT, other, 2), FPGA_OK);
	assert_int_equal(t.fpgaRegisterEvent(two, FPGA_EVENT_ERROR, other, 0), FPGA_OK);
	assert_int_equal(t.fpgaUnregisterEvent(one, FPGA_EVENT_ERROR, e), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaClose(one), FPGA_OK);
	assert_int_equal(fake.bound[1], -1);
	assert_int_equal(fake.bound[2], fd);
	assert_int_equal(fake.bound_error, fd);
	assert_int_equal(t.fpgaClose(two), FPGA_OK);
	assert_int_equal(fake.bound[2], -1);
	t.fpgaDestroyEventHandle(&e);
	t.fpgaDestroyEventHandle(&other);
}

static void test_port_assign(void **state)
{
	fpga_handle fme = open_one(FPGA_DEVICE, 0), port = open_one(FPGA_ACCELERATOR, 0);

	(void)state;
	assert_int_equal(t.fpgaAssignPortToInterface(fme, 1, 0, 0), FPGA_BUSY);
	assert_int_equal(t.fpgaAssignPortToInterface(port, 1, 0, 0), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaClose(port), FPGA_OK);
	assert_int_equal(t.fpgaAssignPortToInterface(fme, 2, 0, 0), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaAssignPortToInterface(fme, 1, 1, 0), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaAssignPortToInterface(fme, 0, 0, 0), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaAssignPortToInterface(fme, 1, 0, 0), FPGA_OK);
	assert_int_equal(t.fpgaAssignPortToInterface(fme, 1, 0, 0), FPGA_INVALID_PARAM);
	assert_int_equal(t.fpgaAssignPortToInterface(fme, 0, 0, 0), FPGA_OK);
	fake.forgets_driver = true;
	assert_int_equal(t.fpgaAssignPortToInterface(fme, 1, 0, 0), FPGA_OK);
	assert_int_equal(t.fpgaAssignPortToInterface(fme, 0, 0, 0), FPGA_NO_DRIVER);
	assert_non_null(strstr(host_detail, "anew"));
	assert_int_equal(t.fpgaClose(fme), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(test_mmio),
		RIGGED(test_region_that_cannot_be_mapped),
		RIGGED(test_buffers),
		RIGGED(test_buffers_of_the_program),
		RIGGED(test_buffers_beyond_the_limit),
		RIGGED(test_read_only),
		RIGGED(test_events),
		RIGGED(test_events_of_two_handles),
		RIGGED(test_port_assign),
	};

	return RUN(tests);
}
