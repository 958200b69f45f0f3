/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that goes while it is used: its memory is switched off, it is removed, or bound to another
 * driver; and devices that come, and that another process has. Started as root, runs as an ordinary user.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/card/card.h"
#include "tests/unit/check.h"
#include "tests/vm/guest/edu.h"

#define NLB_GUID "d8424dc4-a4a3-c413-f89e-433683f9040b"
#define NLB_SCRATCH 0x108u
#define BYTES 2048u
#define SOON_MS 5000
/* To be put back in each test: cmocka has one of its own around it. */
static struct sigaction library_sigbus;
static fpga_handle nlb; /* open all the time: the kernel resets it at each open and close */

static int up(void **state)
{
	(void)state;
	assert_int_equal(pinned_kib(), 0);
	return 0;
}

static int down(void **state)
{
	(void)state;
	assert_int_equal(pinned_kib(), 0);
	return 0;
}

static void nlb_works(void)
{
	static uint64_t v;

	write64(nlb, NLB_SCRATCH, ++v);
	assert_int_equal(read64(nlb, NLB_SCRATCH), v);
}

/* What a program has of a device. */
struct use {
	fpga_handle h;
	struct shared s;
	fpga_event_handle e;
	uint64_t *registers;
};

static struct use use_up(void)
{
	struct use u = { .h = edu_open(EDU_GUID) };

	sigaction(SIGBUS, &library_sigbus, NULL);
	u.s = shared_new(u.h, 4096);
	event_of(u.h, 0, &u.e);
	expect(fpgaMapMMIO(u.h, 0, &u.registers), FPGA_OK, NULL);
	return u;
}

/* Every call says that the device is gone, and nothing of it is left. */
static void is_dead(struct use *u, const char *why)
{
	uint64_t v = 0, id, io;
	uint32_t v32 = 0;
	void *at = NULL;

	expect(fpgaReadMMIO32(u->h, 0, EDU_ID, &v32), FPGA_EXCEPTION, why);
	expect(fpgaReadMMIO64(u->h, 0, 0x7f000, &v), FPGA_EXCEPTION, why);
	expect(fpgaWriteMMIO32(u->h, 0, EDU_LIVENESS, 1), FPGA_EXCEPTION, why);
	expect(fpgaWriteMMIO64(u->h, 0, EDU_DMA_SRC, 1), FPGA_EXCEPTION, why);
	expect(fpgaReset(u->h), FPGA_EXCEPTION, why);
	expect(fpgaPrepareBuffer(u->h, 4096, &at, &id, 0), FPGA_EXCEPTION, why);
	expect(fpgaRegisterEvent(u->h, FPGA_EVENT_INTERRUPT, u->e, 0), FPGA_EXCEPTION, why);
	expect(fpgaGetIOAddress(u->h, u->s.id, &io), FPGA_OK, NULL);
	memset(u->s.at, 1, 4096); /* its buffers are still the program's */
	for (size_t i = 4096; i < EDU_BAR_BYTES / 8; i += 4096) /* but the page that was written to */
		assert_int_equal(((volatile uint64_t *)u->registers)[i], UINT64_MAX);
}

static void use_down(struct use *u, const char *why)
{
	expect(fpgaReleaseBuffer(u->h, u->s.id), FPGA_OK, NULL);
	expect(fpgaClose(u->h), FPGA_EXCEPTION, why);
	expect(fpgaDestroyEventHandle(&u->e), FPGA_OK, NULL);
}

/* It is found, as free, and can be opened and used. */
static void it_is_there(void)
{
	struct shared s;
	fpga_handle h = edu_open(EDU_GUID);

	assert_int_equal(edu_read(h, EDU_ID), EDU_ID_VALUE);
	s = shared_new(h, 4096);
	memset(s.at, 0xc3, BYTES); /* what its memory has nowhere */
	edu_dma(h, s.io, BYTES, EDU_TO_RAM);
	for (size_t i = 0; i < BYTES; i++)
		assert_int_not_equal(((unsigned char *)s.at)[i], 0xc3);
	shared_free(h, &s);
	edu_close(h);
}

/* ---- memory switched off ---- */

static struct use switched_off(void)
{
	struct use u = use_up();
	int fd = vfio_fd(0x1234, 0x11e8);

	assert_true(fd >= 0);
	memory_off(fd);
	return u;
}

static void switched_off_and_read(void **state)
{
	struct use u = switched_off();

	(void)state;
	is_dead(&u, "its memory is switched off");
	nlb_works();
	use_down(&u, "its memory is switched off");
	it_is_there();
}

static void switched_off_and_written(void **state)
{
	struct use u = switched_off();

	(void)state;
	expect(fpgaWriteMMIO64(u.h, 0, EDU_DMA_SRC, 1), FPGA_EXCEPTION, "gone");
	is_dead(&u, "gone");
	use_down(&u, "gone");
	it_is_there();
}

static void switched_off_and_read_by_pointer(void **state)
{
	struct use u = switched_off();

	(void)state;
	assert_int_equal(*(volatile uint32_t *)u.registers, UINT32_MAX);
	is_dead(&u, "gone");
	use_down(&u, "gone");
	it_is_there();
}

/* Nobody looked before the end. */
static void switched_off_and_closed(void **state)
{
	struct use u = switched_off();

	(void)state;
	expect(fpgaReleaseBuffer(u.h, u.s.id), FPGA_OK, NULL);
	fpgaClose(u.h);
	fpgaDestroyEventHandle(&u.e);
	it_is_there();
	nlb_works();
}

/* The dead handle keeps nobody from the device, and its end does not touch who has it now. */
static void a_new_open_beside_a_dead_handle(void **state)
{
	struct use u = switched_off();
	fpga_handle h;

	(void)state;
	is_dead(&u, "gone");
	h = edu_open(EDU_GUID);
	assert_int_equal(edu_read(h, EDU_ID), EDU_ID_VALUE);
	is_dead(&u, "gone");
	use_down(&u, "gone");
	assert_int_equal(edu_read(h, EDU_ID), EDU_ID_VALUE);
	edu_close(h);
	it_is_there();
	nlb_works();
}

/* ---- taken away ---- */

static void soon(const char *script)
{
	int code = -1;

	root_begin(script);
	if (!root_wait(SOON_MS, &code))
		fail_msg("still waiting for the device to be given up: %s", script);
	assert_int_equal(code, 0);
}

static void count(uint32_t want)
{
	uint32_t n = 9;
	fpga_token t = edu_token(EDU_GUID, &n);

	if (t)
		fpgaDestroyToken(&t);
	assert_int_equal(n, want);
}

static void taken_and_given_back(const char *take, const char *give)
{
	struct use u = use_up();

	soon(take);
	is_dead(&u, "taken the device back");
	nlb_works();
	count(0);
	use_down(&u, "taken the device back");
	count(0);
	assert_int_equal(root(give), 0);
	count(1);
	it_is_there();
	nlb_works();
}

static void removed_and_found_again(void **state)
{
	(void)state;
	taken_and_given_back(EDU_REMOVE, EDU_RESCAN EDU_BIND);
}

static void unbound_and_bound_again(void **state)
{
	(void)state;
	taken_and_given_back(EDU_UNBIND, EDU_BIND);
}

/* The new one is used while the program still has the handle on the old one. */
static void beside_a_dead_handle(const char *take, const char *give)
{
	struct use u = use_up();
	fpga_handle h;

	soon(take);
	assert_int_equal(root(give), 0);
	count(1);
	h = edu_open(EDU_GUID);
	assert_int_equal(edu_read(h, EDU_ID), EDU_ID_VALUE);
	is_dead(&u, "taken the device back");
	use_down(&u, "taken the device back");
	assert_int_equal(edu_read(h, EDU_ID), EDU_ID_VALUE);
	edu_close(h);
	it_is_there();
}

static void removed_and_used_beside_the_old_handle(void **state)
{
	(void)state;
	beside_a_dead_handle(EDU_REMOVE, EDU_RESCAN EDU_BIND);
}

static void unbound_and_used_beside_the_old_handle(void **state)
{
	(void)state;
	beside_a_dead_handle(EDU_UNBIND, EDU_BIND);
}

/* Its memory is gone already when the kernel asks for it. */
static void dead_and_then_removed(void **state)
{
	struct use u = switched_off();

	(void)state;
	is_dead(&u, "gone");
	soon(EDU_REMOVE);
	is_dead(&u, "gone");
	use_down(&u, "gone");
	assert_int_equal(root(EDU_RESCAN EDU_BIND), 0);
	it_is_there();
}

static void removed_during_dma(void **state)
{
	struct use u = use_up();

	(void)state;
	edu_start(u.h, u.s.io, BYTES, EDU_TO_RAM);
	soon(EDU_REMOVE);
	use_down(&u, "taken the device back");
	assert_int_equal(root(EDU_RESCAN EDU_BIND), 0);
	it_is_there();
}

static atomic_bool enough;

static void *read_by_calls(void *arg)
{
	const struct use *u = arg;
	uint32_t v;

	for (uint64_t at = 0; !atomic_load(&enough); at = (at + 0x5004) % EDU_BAR_BYTES) {
		fpga_result r = fpgaReadMMIO32(u->h, 0, at, &v);

		if (r != FPGA_OK && r != FPGA_EXCEPTION)
			return "a read is neither good nor an exception";
	}
	return NULL;
}

static void *read_by_pointer(void *arg)
{
	const struct use *u = arg;
	const volatile uint32_t *v = (const volatile uint32_t *)(const void *)u->registers;

	for (size_t at = 0; !atomic_load(&enough); at = (at + 0x1401) % (EDU_BAR_BYTES / 4))
		if (!at && v[at] != EDU_ID_VALUE && v[at] != UINT32_MAX)
			return "a register is neither itself nor all-ones";
		else
			(void)v[at];
	return NULL;
}

/* Threads read registers all the time, and none of them falls over. */
static void goes_under_load(const char *take, const char *give)
{
	struct use u = use_up();
	pthread_t calls, pointer;
	void *bad = NULL;

	atomic_store(&enough, false);
	assert_int_equal(pthread_create(&calls, NULL, read_by_calls, &u), 0);
	assert_int_equal(pthread_create(&pointer, NULL, read_by_pointer, &u), 0);
	if (take)
		soon(take);
	else
		memory_off(vfio_fd(0x1234, 0x11e8));
	while (fpgaWriteMMIO64(u.h, 0, EDU_DMA_SRC, 1) == FPGA_OK)
		;
	usleep(20000); /* a while longer, for what comes late */
	atomic_store(&enough, true);
	pthread_join(calls, &bad);
	assert_null(bad);
	pthread_join(pointer, &bad);
	assert_null(bad);
	is_dead(&u, "gone");
	use_down(&u, "gone");
	if (give)
		assert_int_equal(root(give), 0);
	it_is_there();
}

static void removed_under_load(void **state)
{
	(void)state;
	goes_under_load(EDU_REMOVE, EDU_RESCAN EDU_BIND);
}

static void switched_off_under_load(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		goes_under_load(NULL, NULL);
}

/* Other drivers get it while nobody has it, and the library follows. */
static void comes_and_goes_while_closed(void **state)
{
	(void)state;
	count(1);
	soon(EDU_UNBIND);
	count(0);
	assert_int_equal(root(EDU_BIND), 0);
	count(1);
	soon(EDU_REMOVE);
	count(0);
	assert_int_equal(root(EDU_RESCAN EDU_BIND), 0);
	it_is_there();
}

static void tokens_of_what_is_gone(void **state)
{
	uint32_t n = 0;
	fpga_token t = edu_token(EDU_GUID, &n);
	fpga_handle h = NULL;
	int fds = open_fds();

	(void)state;
	soon(EDU_UNBIND);
	expect(fpgaOpen(t, &h, 0), FPGA_NOT_FOUND, "not with vfio-pci");
	soon(EDU_REMOVE);
	expect(fpgaOpen(t, &h, 0), FPGA_NOT_FOUND, "no PCI device " EDU_ADDRESS);
	assert_int_equal(root(EDU_RESCAN EDU_BIND), 0);
	expect(fpgaOpen(t, &h, 0), FPGA_OK, NULL);
	edu_close(h);
	fpgaDestroyToken(&t);
	assert_int_equal(open_fds(), fds);
}

/* ---- another process ---- */

static _Noreturn void hold_program(void)
{
	struct shared s;
	fpga_handle h;

	edu_library(NULL);
	h = edu_open(EDU_GUID);
	s = shared_new(h, 4096);
	edu_start(h, s.io, BYTES, EDU_TO_RAM);
	puts("held");
	fflush(stdout);
	for (;;) {
		edu_wait(h);
		edu_start(h, s.io, BYTES, EDU_TO_RAM);
	}
}

static void state_is(fpga_accelerator_state want)
{
	fpga_accelerator_state is = FPGA_ACCELERATOR_UNASSIGNED;
	fpga_properties p = NULL;
	uint16_t vendor = 0;
	uint32_t n = 0;
	fpga_token t = edu_token(EDU_GUID, &n);

	assert_int_equal(n, 1);
	expect(fpgaGetProperties(t, &p), FPGA_OK, NULL);
	expect(fpgaPropertiesGetAcceleratorState(p, &is), FPGA_OK, NULL);
	expect(fpgaPropertiesGetVendorID(p, &vendor), FPGA_OK, NULL);
	fpgaDestroyProperties(&p);
	fpgaDestroyToken(&t);
	assert_int_equal(vendor, 0x1234);
	assert_int_equal(is, want);
}

static void is_busy(void)
{
	uint32_t n = 0;
	fpga_token t = edu_token(EDU_GUID, &n);
	fpga_handle h = NULL;

	assert_int_equal(n, 1);
	expect(fpgaOpen(t, &h, 0), FPGA_BUSY, "another process");
	fpgaDestroyToken(&t);
}

static void held_and_killed(const char *variable, const char *value)
{
	int out;
	pid_t pid = again("hold", variable, value, &out);

	await_line(out, "held");
	if (!variable) /* who has other locks shows when it is in the way */
		state_is(FPGA_ACCELERATOR_ASSIGNED);
	is_busy();
	state_is(FPGA_ACCELERATOR_ASSIGNED);
	nlb_works();
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(out);
	state_is(FPGA_ACCELERATOR_UNASSIGNED);
	it_is_there();
}

static void held_by_another(void **state)
{
	(void)state;
	held_and_killed(NULL, NULL);
}

static void held_by_another_without_our_locks(void **state)
{
	(void)state;
	held_and_killed("OPAEX_INVENTORY_DIR", "/tmp/other-inventory");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RIGGED(switched_off_and_read),
		RIGGED(switched_off_and_written),
		RIGGED(switched_off_and_read_by_pointer),
		RIGGED(switched_off_and_closed),
		RIGGED(a_new_open_beside_a_dead_handle),
		RIGGED(removed_and_found_again),
		RIGGED(unbound_and_bound_again),
		RIGGED(removed_and_used_beside_the_old_handle),
		RIGGED(unbound_and_used_beside_the_old_handle),
		RIGGED(dead_and_then_removed),
		RIGGED(removed_during_dma),
		RIGGED(removed_under_load),
		RIGGED(switched_off_under_load),
		RIGGED(comes_and_goes_while_closed),
		RIGGED(tokens_of_what_is_gone),
		RIGGED(held_by_another),
		RIGGED(held_by_another_without_our_locks),
	};
	int failed;

	if (argc == 2 && !strcmp(argv[1], "hold"))
		hold_program();
	root_leave();
	edu_library("{\"device\": \"8086:bccf\"}");
	edu_close(edu_open(EDU_GUID));
	sigaction(SIGBUS, NULL, &library_sigbus);
	nlb = edu_open(NLB_GUID);
	failed = RUN(tests);
	edu_close(nlb);
	return failed;
}
