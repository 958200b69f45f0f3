/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The local plugin on the kernel's own driver: what it lists, who may open it, and what becomes of it when
 * the card, its driver or its port goes while it is used. Runs as root.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/card/card.h"
#include "tests/vm/guest/dfl.h"
#include "tests/vm/guest/edu.h"

#define SCRATCH 0x108u
#define ELSEWHERE 0x2000u /* a page that nobody writes to, not even when it is no register any more */
#define NOBODY 1000
#define SOON_MS 10000

static void must(const char *script)
{
	if (dfl_run(script))
		fail_msg("%s", script);
}

/* It can be opened, its registers hold a value, and a copy by DMA is right. */
static void it_works(void)
{
	fpga_handle h = dfl_open(FPGA_ACCELERATOR, 0);
	struct nlb n;

	write64(h, SCRATCH, 0x0123456789abcdef);
	assert_true(read64(h, SCRATCH) == 0x0123456789abcdef);
	expect(fpgaReset(h), FPGA_OK, NULL);
	nlb_buffers(h, &n, 64 * 1024);
	memset(n.src, 0xa5, 64 * 1024);
	nlb_start(h, &n, 1024, 0);
	assert_int_equal(nlb_wait(&n) & 1, 1);
	assert_memory_equal(n.src, n.dst, 64 * 1024);
	nlb_release(h, &n);
	expect(fpgaClose(h), FPGA_OK, NULL);
}

/* ---- listing ---- */

static void test_what_is_listed(void **state)
{
	fpga_token port = dfl_token(FPGA_ACCELERATOR), fme = dfl_token(FPGA_DEVICE);
	fpga_properties p = NULL;
	fpga_token parent;
	char text[64];
	uint64_t id;
	uint32_t n;

	(void)state;
	assert_non_null(port);
	assert_non_null(fme);
	assert_int_equal(fpgaGetProperties(fme, &p), FPGA_OK);
	dfl_read("fpga_region/region*/dfl-fme.*/bitstream_id", text, sizeof(text));
	assert_int_equal(fpgaPropertiesGetBBSID(p, &id), FPGA_OK);
	assert_true(id == strtoull(text, NULL, 0) && id);
	assert_int_equal(fpgaPropertiesGetNumErrors(p, &n), FPGA_OK);
	assert_true(n >= 7);
	fpgaDestroyProperties(&p);
	assert_int_equal(fpgaGetProperties(port, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetNumMMIO(p, &n), FPGA_OK);
	assert_int_equal(n, 2);
	assert_int_equal(fpgaPropertiesGetNumInterrupts(p, &n), FPGA_OK);
	assert_int_equal(n, 4);
	assert_int_equal(fpgaPropertiesGetNumErrors(p, &n), FPGA_OK);
	assert_int_equal(n, 3);
	assert_int_equal(fpgaPropertiesGetParent(p, &parent), FPGA_OK);
	fpgaDestroyProperties(&p);
	fpgaDestroyToken(&port);
	fpgaDestroyToken(&fme);
	it_works();
}

/* ---- another process ---- */

/* Runs a part of the test as another user, with a library of its own; its exit code. */
static int as_nobody(int (*part)(void))
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (!pid) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(99);
		_exit(part());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int listed_and_refused(void)
{
	fpga_token port = dfl_token(FPGA_ACCELERATOR);
	fpga_accelerator_state s;
	fpga_properties p = NULL;
	fpga_handle h;
	fpga_guid guid;

	if (!port || fpgaGetProperties(port, &p) != FPGA_OK || fpgaPropertiesGetGUID(p, &guid) != FPGA_OK)
		return 1;
	if (fpgaPropertiesGetAcceleratorState(p, &s) != FPGA_NOT_FOUND ||
	    !strstr(opaex_error_detail(), "/dev/dfl-port."))
		return 2;
	if (fpgaOpen(port, &h, 0) != FPGA_NO_ACCESS || !strstr(opaex_error_detail(), "/dev/dfl-port."))
		return 3;
	fpgaDestroyProperties(&p);
	fpgaDestroyToken(&port);
	return 0;
}

static void test_a_card_that_may_not_be_opened_is_listed(void **state)
{
	(void)state;
	must("chmod 0600 /dev/dfl-port.* /dev/dfl-fme.*");
	assert_int_equal(as_nobody(listed_and_refused), 0);
}

static int enumerate_often(void)
{
	for (int i = 0; i < 60; i++)
		if (dfl_count() < 2)
			return 1;
	return 0;
}

/* Others look for accelerators all the time, and nobody finds one busy because of it. */
static void test_looking_makes_nothing_busy(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	assert_true(pid >= 0);
	if (!pid)
		_exit(enumerate_often());
	do {
		fpga_handle h = dfl_open(FPGA_ACCELERATOR, 0);

		expect(fpgaClose(h), FPGA_OK, NULL);
	} while (waitpid(pid, &status, WNOHANG) == 0);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void test_one_that_another_process_has(void **state)
{
	fpga_token port = dfl_token(FPGA_ACCELERATOR);
	fpga_accelerator_state s;
	fpga_properties p = NULL;
	fpga_handle h;
	int ready[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct nlb n;

		h = dfl_open(FPGA_ACCELERATOR, 0);
		nlb_buffers(h, &n, 64 * 1024);
		nlb_start(h, &n, 1024, 2); /* without end */
		_exit(write(ready[1], "", 1) == 1 && pause() && 0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(fpgaGetProperties(port, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetAcceleratorState(p, &s), FPGA_OK);
	assert_int_equal(s, FPGA_ACCELERATOR_ASSIGNED);
	expect(fpgaOpen(port, &h, 0), FPGA_BUSY, "in use");
	expect(fpgaOpen(port, &h, FPGA_OPEN_SHARED), FPGA_BUSY, "in use");
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	fpgaDestroyProperties(&p);
	fpgaDestroyToken(&port);
	it_works();
	close(ready[0]);
	close(ready[1]);
}

/* ---- what goes ---- */

struct use {
	fpga_handle port, fme;
	fpga_event_handle event;
	struct shared s;
	uint64_t *registers;
	pthread_t thread;
	_Atomic bool stop;
	_Atomic unsigned long accesses;
};

static void *access_registers(void *arg)
{
	struct use *u = arg;
	uint64_t v;

	while (!atomic_load(&u->stop)) {
		fpgaReadMMIO64(u->port, 0, SCRATCH, &v);
		fpgaWriteMMIO64(u->port, 0, SCRATCH, v);
		atomic_fetch_add(&u->accesses, 1);
	}
	return NULL;
}

static void use_up(struct use *u)
{
	memset(u, 0, sizeof(*u));
	u->fme = dfl_open(FPGA_DEVICE, 0);
	u->port = dfl_open(FPGA_ACCELERATOR, 0);
	u->s = shared_new(u->port, 4096);
	event_of(u->port, 1, &u->event);
	expect(fpgaMapMMIO(u->port, 0, &u->registers), FPGA_OK, NULL);
	assert_int_equal(pthread_create(&u->thread, NULL, access_registers, u), 0);
	while (atomic_load(&u->accesses) < 100)
		usleep(1000);
}

static bool all_ones(const struct use *u)
{
	return ((const volatile uint64_t *)u->registers)[ELSEWHERE / 8] == UINT64_MAX;
}

static bool is_dead(struct use *u)
{
	uint64_t v;

	return fpgaReadMMIO64(u->port, 0, SCRATCH, &v) == FPGA_EXCEPTION;
}

/* Every call says that the device is gone, and the buffers are still the program's. */
static void use_down(struct use *u)
{
	uint64_t v = 0, id;
	void *at = NULL;

	/* It is dead first, and then its registers read so. */
	for (int ms = 0; ms < SOON_MS && !(is_dead(u) && all_ones(u)); ms++)
		usleep(1000);
	expect(fpgaReadMMIO64(u->port, 0, ELSEWHERE, &v), FPGA_EXCEPTION, "is gone");
	assert_true(v == UINT64_MAX);
	atomic_store(&u->stop, true);
	assert_int_equal(pthread_join(u->thread, NULL), 0);
	assert_true(all_ones(u));
	expect(fpgaReset(u->port), FPGA_EXCEPTION, "is gone");
	expect(fpgaPrepareBuffer(u->port, 4096, &at, &id, 0), FPGA_EXCEPTION, "is gone");
	expect(fpgaUnregisterEvent(u->port, FPGA_EVENT_INTERRUPT, u->event), FPGA_EXCEPTION, "is gone");
	expect(fpgaAssignPortToInterface(u->fme, 1, 0, 0), FPGA_EXCEPTION, "is gone");
	memset(u->s.at, 1, 4096);
	expect(fpgaReleaseBuffer(u->port, u->s.id), FPGA_EXCEPTION, "is gone");
	expect(fpgaClose(u->port), FPGA_EXCEPTION, "is gone");
	expect(fpgaClose(u->fme), FPGA_EXCEPTION, "is gone");
	expect(fpgaDestroyEventHandle(&u->event), FPGA_OK, NULL);
}

static void test_driver_unbound(void **state)
{
	struct use u;

	(void)state;
	use_up(&u);
	must(DFL_UNBIND);
	use_down(&u);
	assert_int_equal(dfl_count(), 0);
	must(DFL_BIND);
	assert_true(dfl_count() >= 2);
	it_works();
}

/* It is back before anybody has looked, under the old names: what was opened is not what is there now. */
static void test_driver_unbound_and_bound(void **state)
{
	fpga_handle fme = dfl_open(FPGA_DEVICE, 0);
	fpga_token port = dfl_token(FPGA_ACCELERATOR);
	fpga_properties p = NULL;

	(void)state;
	must(DFL_UNBIND "; " DFL_BIND);
	expect(fpgaAssignPortToInterface(fme, 1, 0, 0), FPGA_EXCEPTION, "is gone");
	assert_true(dfl_count() >= 2);
	expect(fpgaGetProperties(port, &p), FPGA_OK, NULL); /* the same accelerator of the same card */
	expect(fpgaClose(fme), FPGA_EXCEPTION, "is gone");
	fpgaDestroyProperties(&p);
	fpgaDestroyToken(&port);
	it_works();
}

static void test_card_removed(void **state)
{
	fpga_token old = dfl_token(FPGA_ACCELERATOR);
	fpga_properties p = NULL;
	fpga_handle h;
	struct use u;

	(void)state;
	use_up(&u);
	must(DFL_REMOVE);
	use_down(&u);
	assert_int_equal(dfl_count(), 0);
	expect(fpgaOpen(old, &h, 0), FPGA_NOT_FOUND, "not there any more");
	expect(fpgaGetProperties(old, &p), FPGA_NOT_FOUND, "not there any more");
	must(DFL_RESCAN);
	assert_true(dfl_count() >= 2);
	it_works();
	assert_int_equal(fpgaDestroyToken(&old), FPGA_OK);
}

static void test_port_released_and_assigned(void **state)
{
	fpga_handle fme = dfl_open(FPGA_DEVICE, 0), port = dfl_open(FPGA_ACCELERATOR, 0);
	fpga_token old = dfl_token(FPGA_ACCELERATOR);
	uint32_t all = dfl_count();
	fpga_handle h;
	fpga_result r;

	(void)state;
	expect(fpgaAssignPortToInterface(fme, 1, 0, 0), FPGA_BUSY, "has port 0 open");
	expect(fpgaClose(port), FPGA_OK, NULL);
	expect(fpgaAssignPortToInterface(fme, 0, 0, 0), FPGA_INVALID_PARAM, "already");
	expect(fpgaAssignPortToInterface(fme, 1, 0, 0), FPGA_OK, NULL);
	assert_int_equal(dfl_count(), all - 1);
	expect(fpgaOpen(old, &h, 0), FPGA_NOT_FOUND, "not there any more");
	expect(fpgaAssignPortToInterface(fme, 1, 0, 0), FPGA_INVALID_PARAM, "already");
	r = fpgaAssignPortToInterface(fme, 0, 0, 0);
	assert_int_equal(dfl_count(), all);
	if (r != FPGA_OK) { /* this kernel's driver does not take it back before the card is bound anew */
		expect(r, FPGA_NO_DRIVER, "bind the card");
		expect(fpgaOpen(old, &h, 0), FPGA_NO_DRIVER, "bind the card");
		expect(fpgaClose(fme), FPGA_OK, NULL);
		must(DFL_UNBIND "; " DFL_BIND);
	} else {
		expect(fpgaClose(fme), FPGA_OK, NULL);
	}
	fpgaDestroyToken(&old);
	it_works();
}

/*
 * The kernel's driver does not survive every use that it has of a port that went while it was open
 * (docs/testing.md), so each of these has a machine of its own.
 */
int main(int argc, char *argv[])
{
	const struct CMUnitTest life[] = {
		cmocka_unit_test(test_what_is_listed),
		cmocka_unit_test(test_a_card_that_may_not_be_opened_is_listed),
		cmocka_unit_test(test_looking_makes_nothing_busy),
		cmocka_unit_test(test_one_that_another_process_has),
		cmocka_unit_test(test_port_released_and_assigned),
		cmocka_unit_test(test_driver_unbound_and_bound),
	};
	const struct CMUnitTest unbound[] = { cmocka_unit_test(test_driver_unbound) };
	const struct CMUnitTest removed[] = { cmocka_unit_test(test_card_removed) };
	const char *what = argc > 1 ? argv[1] : "life";

	dfl_library();
	if (!strcmp(what, "unbound"))
		return RUN(unbound);
	return strcmp(what, "removed") ? RUN(life) : RUN(removed);
}
