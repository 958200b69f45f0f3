/* SPDX-License-Identifier: BSD-3-Clause */
/* Who holds a card, and what becomes of a program whose card dies. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/card/card.h"

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* ---- who holds it ---- */

static fpga_accelerator_state state_of(fpga_token t)
{
	fpga_accelerator_state s = (fpga_accelerator_state)9;
	fpga_properties p;

	assert_int_equal(fpgaGetProperties(t, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetAcceleratorState(p, &s), FPGA_OK);
	fpgaDestroyProperties(&p);
	return s;
}

/* What others have is looked at now and then. */
static void await_state(fpga_token t, fpga_accelerator_state want)
{
	double end = now() + 20;

	while (state_of(t) != want) {
		assert_true(now() < end);
		usleep(10000);
	}
}

static void a_held_device_is_listed_as_assigned(void **state)
{
	fpga_token t = only_token(), again;
	fpga_properties p;
	fpga_handle h, second;
	fpga_guid guid;

	(void)state;
	assert_int_equal(state_of(t), FPGA_ACCELERATOR_UNASSIGNED);
	assert_int_equal(fpgaOpen(t, &h, FPGA_OPEN_SHARED), FPGA_OK);
	assert_int_equal(fpgaOpen(t, &second, 0), FPGA_BUSY);
	assert_non_null(strstr(opaex_error_detail(), card_by_driver() ? "in use" : "this process"));
	assert_int_equal(fpgaOpen(t, &second, 64), FPGA_INVALID_PARAM);
	again = only_token();
	assert_int_equal(state_of(again), FPGA_ACCELERATOR_ASSIGNED);
	assert_int_equal(fpgaGetProperties(again, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetGUID(p, &guid), FPGA_OK);
	assert_int_equal(guid[0], 0xd8);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	await_state(again, FPGA_ACCELERATOR_UNASSIGNED);
	assert_int_equal(fpgaDestroyToken(&again), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

static void many_clients_one_after_the_other(void **state)
{
	uint64_t v;

	(void)state;
	for (unsigned int i = 0; i < card_times(60); i++) {
		fpga_handle h = open_only();

		assert_int_equal(fpgaReadMMIO64(h, 0, 0x108, &v), FPGA_OK);
		assert_int_equal(v, 0); /* clean, whatever the one before left */
		assert_int_equal(fpgaWriteMMIO64(h, 0, 0x108, 1), FPGA_OK);
		assert_int_equal(fpgaClose(h), FPGA_OK);
	}
}

/* ---- many buffers ---- */

static void copies(fpga_handle h, unsigned char fill)
{
	struct nlb n;

	nlb_buffers(h, &n, 1 << 20);
	memset(n.src, fill, 1 << 20);
	nlb_start(h, &n, (1 << 20) / 64, 0);
	assert_int_equal(nlb_wait(&n) & 1, 1);
	assert_int_equal(memcmp(n.src, n.dst, 1 << 20), 0);
	nlb_release(h, &n);
}

static void many_buffers_go_with_their_handle(void **state)
{
	fpga_handle h = open_only();
	uint64_t id;

	(void)state;
	for (unsigned int i = 0; i < card_times(1200); i++) {
		void *at = NULL;

		assert_int_equal(fpgaPrepareBuffer(h, 4096, &at, &id, 0), FPGA_OK);
	}
	assert_int_equal(fpgaClose(h), FPGA_OK);
	h = open_only();
	copies(h, 1);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static atomic_bool enough;

/* The result of the first call that fails. */
static void *come_and_go(void *arg)
{
	fpga_result r = FPGA_OK;
	uint64_t id;

	while (r == FPGA_OK && !atomic_load(&enough)) {
		void *at = NULL;

		r = fpgaPrepareBuffer(arg, 4096, &at, &id, 0);
		if (r == FPGA_OK)
			r = fpgaReleaseBuffer(arg, id);
	}
	return (void *)(uintptr_t)r;
}

static void buffers_come_and_go_beside_others(void **state)
{
	fpga_handle h = open_only();
	pthread_t t;
	void *r;

	(void)state;
	atomic_store(&enough, false);
	assert_int_equal(pthread_create(&t, NULL, come_and_go, h), 0);
	for (unsigned int i = 0; i < card_times(100); i++)
		copies(h, (unsigned char)i);
	atomic_store(&enough, true);
	pthread_join(t, &r);
	assert_null(r);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* ---- a card that dies ---- */

static atomic_int reads_done;

static void *read_until_failure(void *arg)
{
	uint64_t v;
	fpga_result r;

	do {
		r = fpgaReadMMIO64(arg, 0, 0x108, &v);
		atomic_fetch_add(&reads_done, 1);
	} while (r == FPGA_OK);
	return (void *)(uintptr_t)r;
}

static void dies_under(bool stopped)
{
	fpga_handle h = open_only();
	pthread_t t;
	double begin;
	uint64_t v, id;
	void *r, *p = NULL;

	atomic_store(&reads_done, 0);
	assert_int_equal(fpgaPrepareBuffer(h, 4096, &p, &id, 0), FPGA_OK);
	assert_int_equal(pthread_create(&t, NULL, read_until_failure, h), 0);
	while (atomic_load(&reads_done) < 100)
		usleep(100);
	begin = now();
	kill(card, stopped ? SIGSTOP : SIGKILL);
	pthread_join(t, &r);
	assert_ptr_equal(r, (void *)FPGA_EXCEPTION);
	assert_true(now() - begin < 5.0);
	if (card_is_remote()) { /* where a write is posted, and says so later */
		assert_int_equal(fpgaWriteMMIO64(h, 0, 0x108, 1), FPGA_OK);
	} else {
		assert_int_equal(fpgaWriteMMIO64(h, 0, 0x108, 1), FPGA_EXCEPTION);
		assert_non_null(strstr(opaex_error_detail(), "gone"));
	}
	assert_int_equal(fpgaReset(h), FPGA_EXCEPTION);
	assert_int_equal(fpgaReadMMIO64(h, 0, 0x8, &v), FPGA_EXCEPTION);
	memset(p, 1, 4096); /* its memory is still there */
	assert_int_equal(fpgaReleaseBuffer(h, id), FPGA_OK);
	assert_int_equal(fpgaPrepareBuffer(h, 4096, &p, &id, 0), FPGA_EXCEPTION);
	assert_int_equal(fpgaClose(h), FPGA_EXCEPTION);
	kill(card, SIGKILL);
	waitpid(card, NULL, 0);
	card = 0;
}

static void killed_in_the_middle(void **state)
{
	(void)state;
	dies_under(false);
}

static void silent_in_the_middle(void **state)
{
	(void)state;
	dies_under(true);
}

/* A pointer into a card that died reads as a device that is not there. (For ThreadSanitizer the
 * library's replacing of the pages would be a race with the test's reading of them.) */
__attribute__((no_sanitize_thread)) static void killed_under_a_pointer(void **state)
{
	fpga_handle h = open_only();
	volatile uint64_t *mmio;
	uint64_t *ptr, v;

	(void)state;
	card_needs(CARD_POINTER);
	assert_int_equal(fpgaMapMMIO(h, 0, &ptr), FPGA_OK);
	mmio = ptr;
	assert_int_equal(mmio[1], 0xF89E433683F9040B);
	kill(card, SIGKILL);
	waitpid(card, NULL, 0);
	card = 0;
	for (int i = 0; i < 3000 && fpgaReadMMIO64(h, 0, 8, &v) == FPGA_OK; i++)
		usleep(1000);
	assert_int_equal(fpgaReadMMIO64(h, 0, 8, &v), FPGA_EXCEPTION);
	/* The handle knows first; its pages follow at once. */
	for (int i = 0; i < 3000 && mmio[1] != UINT64_MAX; i++)
		usleep(1000);
	assert_int_equal(mmio[1], UINT64_MAX);
	mmio[1] = 5; /* goes nowhere */
	assert_int_equal(fpgaClose(h), FPGA_EXCEPTION);
}

static void a_card_that_never_was(void **state)
{
	fpga_token t = only_token();
	fpga_handle h;
	uint32_t n;

	(void)state;
	card_end(card, SIGTERM);
	card = 0;
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_NOT_FOUND);
	assert_int_equal(fpgaEnumerate(NULL, 0, NULL, 0, &n), FPGA_OK);
	assert_int_equal(n, 0);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

/* A child of the program shares the socket, but must not speak on it. */
static void a_fork_is_told(void **state)
{
	fpga_handle h = open_only();
	int status;
	uint64_t v = 0;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid)
		_exit(fpgaReadMMIO64(h, 0, 8, &v) == FPGA_EXCEPTION &&
				      strstr(opaex_error_detail(), "forked") &&
				      fpgaClose(h) == FPGA_OK ?
			      0 :
			      1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fpgaReadMMIO64(h, 0, 8, &v), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

int main(void)
{
#define WITH(t, u) cmocka_unit_test_setup_teardown(t, u, card_down)
	const struct CMUnitTest tests[] = {
		WITH(a_held_device_is_listed_as_assigned, card_up_trap),
		WITH(many_clients_one_after_the_other, card_up_trap),
		WITH(many_clients_one_after_the_other, card_up_map),
		WITH(many_buffers_go_with_their_handle, card_up_map),
		WITH(buffers_come_and_go_beside_others, card_up_map),
		WITH(killed_in_the_middle, card_up_mortal),
		WITH(silent_in_the_middle, card_up_mortal),
		WITH(killed_under_a_pointer, card_up_mortal_map),
		WITH(a_card_that_never_was, card_up_mortal),
		WITH(a_fork_is_told, card_up_trap),
	};

	return CARD_RUN(tests);
}
