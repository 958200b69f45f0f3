/* SPDX-License-Identifier: BSD-3-Clause */
/* Cards with a management engine and ports: what is listed, and that the objects don't disturb each other. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "tests/card/card.h"

#define NLB0 "d8424dc4-a4a3-c413-f89e-433683f9040b"
#define HELLO "850adcc2-6ceb-4b22-9722-d43375b61c66"
#define INTERFACE "e9a1ca2d-c0de-4d5a-9c3f-00000000a001"
#define CFG_CONTINUOUS 2u

static int up_a10(void **state)
{
	(void)state;
	return card_up("a10", "trap");
}

static int up_a10_map(void **state)
{
	(void)state;
	return card_up("a10", "map");
}

static int up_n6000(void **state)
{
	(void)state;
	return card_up("n6000", "trap");
}

static int up_port(void **state)
{
	(void)state;
	return card_up("port", "trap");
}

static uint32_t count(void)
{
	uint32_t n = 0;

	assert_int_equal(fpgaEnumerate(NULL, 0, NULL, 0, &n), FPGA_OK);
	return n;
}

static void run_loopback(fpga_handle h)
{
	struct nlb n;

	nlb_buffers(h, &n, 65536);
	memset(n.src, 0x5a, 65536);
	memset(n.dst, 0, 65536);
	nlb_start(h, &n, 1024, 0);
	assert_int_equal(nlb_wait(&n) >> 32, 0);
	assert_memory_equal(n.src, n.dst, 65536);
	nlb_release(h, &n);
}

static void an_fpga_device_and_its_accelerator(void **state)
{
	fpga_token dev = nth_token(FPGA_DEVICE, INTERFACE, 0), afu = nth_token(FPGA_ACCELERATOR, NLB0, 0);
	fpga_token parent = NULL;
	fpga_properties p;
	fpga_version version;
	uint64_t id, other;
	uint32_t slots = 0;
	uint16_t device = 0;
	fpga_accelerator_state s;

	(void)state;
	assert_int_equal(count(), 2);
	assert_int_equal(fpgaGetProperties(dev, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetNumSlots(p, &slots), FPGA_OK);
	assert_int_equal(slots, 1);
	assert_int_equal(fpgaPropertiesGetBBSID(p, &id), FPGA_OK);
	assert_int_equal(id, 0x06100000e0a10001);
	assert_int_equal(fpgaPropertiesGetBBSVersion(p, &version), FPGA_OK);
	assert_true(version.major == 6 && version.minor == 1 && version.patch == 0);
	assert_int_equal(fpgaPropertiesGetDeviceID(p, &device), FPGA_OK);
	assert_int_equal(device, 0x09c4);
	assert_int_equal(fpgaPropertiesGetObjectID(p, &id), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetAcceleratorState(p, &s), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaPropertiesGetParent(p, &parent), FPGA_NOT_FOUND);
	fpgaDestroyProperties(&p);
	assert_int_equal(fpgaGetProperties(afu, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetObjectID(p, &other), FPGA_OK);
	assert_int_not_equal(id, other);
	assert_int_equal(fpgaPropertiesGetParent(p, &parent), FPGA_OK);
	fpgaDestroyProperties(&p);
	assert_int_equal(fpgaGetProperties(parent, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetObjectID(p, &other), FPGA_OK);
	assert_int_equal(id, other);
	fpgaDestroyProperties(&p);
	fpgaDestroyToken(&dev);
	fpgaDestroyToken(&afu);
}

/* The accelerators of a device are found through it, as programs do. */
static void a_filter_by_parent(void **state)
{
	fpga_token dev = nth_token(FPGA_DEVICE, NULL, 0), list[4];
	fpga_properties filter;
	uint32_t n = 0;

	(void)state;
	assert_int_equal(fpgaGetProperties(NULL, &filter), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetParent(filter, dev), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR), FPGA_OK);
	assert_int_equal(fpgaEnumerate(&filter, 1, list, 4, &n), FPGA_OK);
	assert_int_equal(n, 2);
	fpgaDestroyProperties(&filter);
	fpgaDestroyToken(&list[0]);
	fpgaDestroyToken(&list[1]);
	fpgaDestroyToken(&dev);
}

static void both_are_open_at_once(void **state)
{
	fpga_handle dev = open_nth(FPGA_DEVICE, NULL, 0), afu = open_nth(FPGA_ACCELERATOR, NULL, 0);
	fpga_token t = nth_token(FPGA_ACCELERATOR, NULL, 0);
	fpga_handle second;
	uint64_t v = 0;

	(void)state;
	assert_int_equal(fpgaOpen(t, &second, 0), FPGA_BUSY);
	fpgaDestroyToken(&t);
	if (card_by_driver()) { /* which keeps them */
		assert_int_equal(fpgaReadMMIO64(dev, 0, 8, &v), FPGA_NOT_SUPPORTED);
	} else {
		assert_int_equal(fpgaReadMMIO64(dev, 0, 8, &v), FPGA_OK);
		assert_int_equal(v, 0x82fe38f0f9e17764);
	}
	assert_int_equal(fpgaReset(dev), FPGA_NOT_SUPPORTED);
	run_loopback(afu);
	assert_int_equal(fpgaClose(dev), FPGA_OK);
	run_loopback(afu);
	assert_int_equal(fpgaReset(afu), FPGA_OK);
	run_loopback(afu);
	assert_int_equal(fpgaReadMMIO64(afu, 1, 0, &v), FPGA_OK); /* the signal tap's registers */
	assert_int_equal(v & 0xfff, 0x13);
	assert_int_equal(fpgaReadMMIO64(afu, 2, 0, &v), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaReadMMIO64(afu, 0, 65536, &v), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaClose(afu), FPGA_OK);
}

/* Shared handles are several on one object; either may close first. */
static void shared_handles(void **state)
{
	fpga_token t = nth_token(FPGA_ACCELERATOR, NULL, 0);
	fpga_handle a, b, c;

	(void)state;
	assert_int_equal(fpgaOpen(t, &a, FPGA_OPEN_SHARED), FPGA_OK);
	assert_int_equal(fpgaOpen(t, &b, FPGA_OPEN_SHARED), FPGA_OK);
	assert_int_equal(fpgaOpen(t, &c, 0), FPGA_BUSY);
	run_loopback(a);
	assert_int_equal(fpgaClose(a), FPGA_OK);
	run_loopback(b);
	assert_int_equal(fpgaClose(b), FPGA_OK);
	assert_int_equal(fpgaOpen(t, &c, 0), FPGA_OK);
	assert_int_equal(fpgaClose(c), FPGA_OK);
	fpgaDestroyToken(&t);
}

/* A reset of one port ends nothing on the other. */
static void ports_are_independent(void **state)
{
	fpga_handle nlb = open_nth(FPGA_ACCELERATOR, NLB0, 0);
	fpga_handle hello = open_nth(FPGA_ACCELERATOR, HELLO, 0);
	struct nlb n;
	uint64_t v = 0;

	(void)state;
	nlb_buffers(nlb, &n, 65536);
	memset(n.src, 7, 65536);
	nlb_start(nlb, &n, 16, CFG_CONTINUOUS);
	assert_int_equal(fpgaWriteMMIO64(hello, 0, 0x80, 5), FPGA_OK);
	assert_int_equal(fpgaReset(hello), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(hello, 0, 0x80, &v), FPGA_OK);
	assert_int_equal(v, 0); /* it was reset, */
	assert_int_equal(fpgaClose(hello), FPGA_OK);
	/* On a busy machine the other may only begin now; a stop before that would leave nothing to see. */
	await_memory((const char *)n.dst + 1024 - 8, UINT64_MAX, UINT64_C(0x0707070707070707));
	assert_int_equal(fpgaWriteMMIO32(nlb, 0, 0x138, 7), FPGA_OK);
	assert_int_equal(nlb_wait(&n) >> 32, 0); /* and it ran on until it was stopped */
	assert_memory_equal(n.src, n.dst, 1024);
	nlb_release(nlb, &n);
	assert_int_equal(fpgaClose(nlb), FPGA_OK);
}

/* A run that nobody stopped must not write into memory that its program has got back. */
static void closing_a_port_stops_its_dma(void **state)
{
	fpga_handle nlb = open_nth(FPGA_ACCELERATOR, NLB0, 0);
	fpga_handle hello = open_nth(FPGA_ACCELERATOR, HELLO, 0);
	struct nlb n;

	(void)state;
	nlb_buffers(nlb, &n, 65536);
	nlb_start(nlb, &n, 1024, CFG_CONTINUOUS);
	assert_int_equal(fpgaClose(nlb), FPGA_OK);
	nlb = open_nth(FPGA_ACCELERATOR, NLB0, 0);
	run_loopback(nlb);
	assert_int_equal(fpgaClose(nlb), FPGA_OK);
	assert_int_equal(fpgaClose(hello), FPGA_OK);
}

static void quiesce_is_the_ports_own(void **state)
{
	fpga_handle nlb = open_nth(FPGA_ACCELERATOR, NLB0, 0);
	fpga_handle hello = open_nth(FPGA_ACCELERATOR, HELLO, 0);

	(void)state;
	card_needs(CARD_QUIET);
	assert_int_equal(opaex_quiesce(hello), FPGA_OK);
	run_loopback(nlb);
	assert_int_equal(opaex_quiesce(nlb), FPGA_OK);
	assert_int_equal(fpgaReset(nlb), FPGA_OK);
	run_loopback(nlb);
	assert_int_equal(fpgaClose(nlb), FPGA_OK);
	assert_int_equal(fpgaClose(hello), FPGA_OK);
}

static void a_port_without_a_management_engine(void **state)
{
	fpga_token t, parent;
	fpga_properties p;
	fpga_handle h;

	(void)state;
	card_needs(CARD_ITS_OBJECTS);
	t = only_token();
	assert_int_equal(fpgaGetProperties(t, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetParent(p, &parent), FPGA_NOT_FOUND);
	fpgaDestroyProperties(&p);
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	run_loopback(h);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	fpgaDestroyToken(&t);
}

/* The parent of a virtual function's accelerator is in another function of its card, and in no other. */
static void a_parent_in_another_function(void **state)
{
	pid_t pids[3];
	char config[512];
	fpga_token t, parent;
	fpga_properties p;
	uint8_t function = 9;
	uint8_t bus = 0;

	(void)state;
	pids[0] = card_start("pf0", "a10", "trap");
	pids[1] = card_start("pf1", "a10", "trap");
	pids[2] = card_start("vf", "hello", "trap");
	snprintf(config, sizeof(config),
		 "{\"sockets\": [{\"path\": \"%s/pf0.sock\", \"address\": \"0000:a1:00.0\"},"
		 "{\"path\": \"%s/pf1.sock\", \"address\": \"0000:b1:00.0\"},"
		 "{\"path\": \"%s/vf.sock\", \"address\": \"0000:b1:00.1\"}]}",
		 card_dir(), card_dir(), card_dir());
	library_start(config);
	t = nth_token(FPGA_ACCELERATOR, HELLO, 0);
	assert_int_equal(fpgaGetProperties(t, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetParent(p, &parent), FPGA_OK);
	assert_int_equal(fpgaUpdateProperties(parent, p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetBus(p, &bus), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetFunction(p, &function), FPGA_OK);
	assert_int_equal(bus, 0xb1);
	assert_int_equal(function, 0);
	fpgaDestroyProperties(&p);
	fpgaDestroyToken(&t);
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	for (int i = 0; i < 3; i++)
		card_end(pids[i], SIGTERM);
}

/* ---- errors ---- */

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t n;

	return poll(&p, 1, 20000) == 1 && read(fd, &n, 8) == 8;
}

static void errors_are_events(void **state)
{
	fpga_event_handle eh;
	fpga_handle dev, afu;
	int fd = -1;

	(void)state;
	card = card_start_with("card0", "a10", "trap", NULL, "fme-error=4,port-error=0x10");
	library_start("{}");
	dev = open_nth(FPGA_DEVICE, NULL, 0);
	afu = open_nth(FPGA_ACCELERATOR, NULL, 0);
	assert_int_equal(fpgaCreateEventHandle(&eh), FPGA_OK);
	assert_int_equal(fpgaRegisterEvent(dev, FPGA_EVENT_ERROR, eh, 0), FPGA_OK);
	assert_int_equal(fpgaGetOSObjectFromEventHandle(eh, &fd), FPGA_OK);
	card_fault(card);
	assert_true(readable(fd));
	assert_int_equal(fpgaUnregisterEvent(dev, FPGA_EVENT_ERROR, eh), FPGA_OK);
	assert_int_equal(fpgaRegisterEvent(afu, FPGA_EVENT_ERROR, eh, 0), FPGA_OK);
	card_fault(card);
	assert_true(readable(fd));
	assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_OK);
	assert_int_equal(fpgaClose(afu), FPGA_OK);
	assert_int_equal(fpgaClose(dev), FPGA_OK);
}

static void a_port_that_never_acknowledges(void **state)
{
	fpga_handle h;
	uint64_t v;

	(void)state;
	card_needs(CARD_STUCK_PORT);
	card = card_start_with("card0", "a10", "trap", "hello", "reset-stuck");
	library_start("{}");
	h = open_nth(FPGA_ACCELERATOR, HELLO, 0);
	assert_int_equal(fpgaReset(h), FPGA_EXCEPTION);
	assert_non_null(strstr(opaex_error_detail(), "acknowledge"));
	assert_int_equal(fpgaReadMMIO64(h, 0, 8, &v), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* A card that falls off the bus reads as ones; nothing hangs, and closing works. */
static void a_card_that_is_gone(void **state)
{
	uint64_t v = 0;
	fpga_handle h;

	(void)state;
	card = card_start_with("card0", "a10", "trap", "hello", "gone");
	library_start("{\"timeout_ms\": 2000}");
	h = open_nth(FPGA_ACCELERATOR, HELLO, 0);
	card_fault(card);
	for (int i = 0; i < 2000 && v != UINT64_MAX; i++) {
		assert_int_equal(fpgaReadMMIO64(h, 0, 8, &v), FPGA_OK);
		usleep(1000);
	}
	assert_int_equal(v, UINT64_MAX);
	assert_int_equal(fpgaReset(h), FPGA_EXCEPTION);
	/* The kernel's FPGA driver has it still, and only finds that the port does not answer. */
	assert_non_null(strstr(opaex_error_detail(), card_by_driver() ? "timed out" : "gone"));
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* ---- what the token was of ---- */

/* Reconfigures port 0 by the registers, as the kernel's driver does: the data names a GUID. */
static void reconfigure(fpga_handle dev, const uint8_t guid[16])
{
	uint64_t v = 0;

	assert_int_equal(fpgaWriteMMIO64(dev, 0, 0x4008, 1u << 12), FPGA_OK);
	for (int i = 0; i < 16; i += 4)
		assert_int_equal(fpgaWriteMMIO64(dev, 0, 0x4018,
						 guid[i] | (uint64_t)guid[i + 1] << 8 |
							 (uint64_t)guid[i + 2] << 16 |
							 (uint64_t)guid[i + 3] << 24),
				 FPGA_OK);
	assert_int_equal(fpgaWriteMMIO64(dev, 0, 0x4008, 3u << 12), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(dev, 0, 0x4008, &v), FPGA_OK);
	assert_int_equal(v & 3u << 12, 0);
	assert_int_equal(fpgaReadMMIO64(dev, 0, 0x4010, &v), FPGA_OK);
	assert_int_equal(v >> 16 & 1, 0);
}

/* Opened, the old token finds out what is there now; then enumeration knows it too. */
static void change(const char *from, const char *to)
{
	fpga_token old = nth_token(FPGA_ACCELERATOR, from, 0);
	fpga_handle dev = open_nth(FPGA_DEVICE, NULL, 0), h = open_nth(FPGA_ACCELERATOR, from, 0);
	fpga_guid guid;

	assert_int_equal(uuid_parse(to, guid), 0);
	assert_int_equal(opaex_quiesce(h), FPGA_OK); /* holds the port in reset */
	reconfigure(dev, guid);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaClose(dev), FPGA_OK);
	assert_int_equal(fpgaOpen(old, &h, 0), FPGA_NOT_FOUND);
	assert_non_null(strstr(opaex_error_detail(), "enumerate again"));
	fpgaDestroyToken(&old);
	h = open_nth(FPGA_ACCELERATOR, to, 0);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void a_token_of_what_is_no_more(void **state)
{
	(void)state;
	card_needs(CARD_FME_REGISTERS);
	change(NLB0, HELLO);
	change(HELLO, NLB0); /* what a port has outlives a reset, and another test may have the same card */
}

#define WITH(test, up) cmocka_unit_test_setup_teardown(test, up, card_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(an_fpga_device_and_its_accelerator, up_a10),
		WITH(a_filter_by_parent, up_n6000),
		WITH(both_are_open_at_once, up_a10),
		WITH(both_are_open_at_once, up_a10_map),
		WITH(shared_handles, up_a10),
		WITH(ports_are_independent, up_n6000),
		WITH(closing_a_port_stops_its_dma, up_n6000),
		WITH(quiesce_is_the_ports_own, up_n6000),
		WITH(a_port_without_a_management_engine, up_port),
		cmocka_unit_test(a_parent_in_another_function),
		WITH(errors_are_events, NULL),
		WITH(a_port_that_never_acknowledges, NULL),
		WITH(a_card_that_is_gone, NULL),
		WITH(a_token_of_what_is_no_more, up_a10),
	};

	return CARD_RUN(tests);
}
