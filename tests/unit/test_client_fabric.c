/* SPDX-License-Identifier: BSD-3-Clause */
/* The remote client by a fabric alone, against sessions that serve the model: provider tcp, the loopback. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "rpc/client/conn.h"
#include "rpc/server/server.h"
#include "tests/unit/client-rig.h"
#include "tests/unit/door-rig.h"
#include "transport/listen.h"

const struct rpc_exposer fake_exposer = { 0 }; /* of the rig's other servers, which are none here */

static struct door_rig door;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the next */
static struct rpc_session *session; /* the last that runs */

/* Who stops a session must not find it freed meanwhile. */
static void run_as(struct rpc_session *s)
{
	SCOPED_LOCK(&lock);

	session = s;
}

static void stop(void)
{
	SCOPED_LOCK(&lock);

	assert_non_null(session);
	rpc_session_stop(session);
}

static void serve(struct transport *t)
{
	static const struct rpc_session_options options = { .host = "model", .principal = "test" };
	struct rpc_session *s;

	assert_int_equal(rpc_session_new(t, &fake.served, &options, &s), 0);
	run_as(s);
	rpc_session_run(s);
	run_as(NULL);
	rpc_session_free(s);
}

static void by_fabric(struct rpc_client_config *c)
{
	c->plugin = "rdma";
	c->hosts[0].address = door.address;
	snprintf(c->hosts[0].provider, sizeof(c->hosts[0].provider), "tcp");
}

static int up(void **state)
{
	(void)state;
	door = (struct door_rig){ .code = DOOR_COME, .serve = serve };
	door_start(&door);
	rig_up(1, by_fabric);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig.t.finalize(rig.client); /* so that the sessions end */
	door_stop(&door);
	rig_down();
	return 0;
}

static uint32_t count(void)
{
	fpga_token t[16];
	uint32_t n = rig_enumerate(-1, t, 16);

	rig_destroy(t, n);
	return n;
}

static void reads(fpga_handle h, uint64_t offset, uint64_t expected)
{
	uint64_t v = 0;

	if (rig.t.fpgaReadMMIO64(h, 0, offset, &v) != FPGA_OK)
		fail_msg("%s", detail());
	assert_int_equal(v, expected);
}

static void registers(void **state)
{
	uint64_t block[512];
	fpga_handle h = rig_open();

	(void)state;
	for (uint64_t i = 0; i < 2000; i++) { /* posted: more than there are credits for */
		assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, 0x20 + i % 4 * 8, i), FPGA_OK);
		if (i % 100 == 0)
			reads(h, 0x20 + i % 4 * 8, i);
	}
	reads(h, 0x20 + 1999 % 4 * 8, 1999);
	assert_int_equal(rig.t.read_mmio_block(h, 0, 0, block, sizeof(block)), FPGA_OK);
	assert_int_equal(block[4 + 1999 % 4], 1999);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
	assert_int_equal(count(), 4);
	assert_int_equal(atomic_load(&door.knocks), 1); /* one connection for all of it */
}

/* The calls of several threads go by one connection. */
#define CALLERS 4

static void *call_often(void *arg)
{
	uint64_t v;

	for (int i = 0; i < 500; i++)
		if (rig.t.fpgaReadMMIO64(arg, 0, 0x20, &v) != FPGA_OK)
			return arg;
	return NULL;
}

static void several_threads_call(void **state)
{
	fpga_handle h = rig_open();
	pthread_t t[CALLERS];
	void *failed;

	(void)state;
	for (int i = 0; i < CALLERS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, call_often, h), 0);
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

static void a_server_that_goes(void **state)
{
	fpga_handle h = rig_open(), again = NULL;
	fpga_token t[8];
	int64_t until = clock_deadline(20 * NS_PER_S);
	uint64_t v;

	(void)state;
	stop();
	while (rig.t.fpgaReadMMIO64(h, 0, 0x20, &v) == FPGA_OK)
		assert_true(clock_now_ns() < until);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0x20, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "host0: the connection is lost"));
	assert_int_equal(rig.t.fpgaClose(h), FPGA_EXCEPTION);
	assert_int_equal(rig_enumerate(FPGA_ACCELERATOR, t, 8), 2);
	while (rig.t.fpgaOpen(t[0], &again, 0) == FPGA_BUSY) /* the session that has ended still closes it */
		assert_true(clock_now_ns() < until);
	reads(again, 0x20, 0);
	assert_int_equal(rig.t.fpgaClose(again), FPGA_OK);
	rig_destroy(t, 2);
	assert_int_equal(atomic_load(&door.served), 2);
}

/* ---- several hosts ---- */

static int silent = -1;

/* One that is by a fabric, one by a socket, and one whose kernel takes connections and who says nothing. */
static void three_kinds(struct rpc_client_config *c)
{
	struct address a = { .kind = ADDRESS_TCP, .host = "127.0.0.1" };

	by_fabric(c);
	assert_int_equal(listen_open(&a, &silent), 0);
	assert_int_equal(address_of_socket(silent, &a), 0);
	c->hosts[2].address = a;
	snprintf(c->hosts[2].provider, sizeof(c->hosts[2].provider), "tcp");
	c->connect_ns = 2 * NS_PER_S;
}

static int up_three(void **state)
{
	(void)state;
	door = (struct door_rig){ .code = DOOR_COME, .serve = serve };
	door_start(&door);
	rig_up(3, three_kinds);
	return 0;
}

static int down_three(void **state)
{
	close(silent);
	return down(state);
}

static void a_silent_host_costs_its_time_once(void **state)
{
	int64_t begun = clock_now_ns(), first;

	(void)state;
	server_start(&rig.servers[1]);
	assert_int_equal(count(), 8);
	first = clock_now_ns() - begun;
	assert_in_range(first, 2 * NS_PER_S, 20 * NS_PER_S);
	assert_non_null(strstr(detail(), "1 of 3 hosts"));
	assert_non_null(strstr(detail(), "host2: cannot be reached"));
	begun = clock_now_ns();
	assert_int_equal(count(), 8);
	assert_true(clock_now_ns() - begun < first);
}

/* ---- rest ---- */

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Both sides are in this process: each may have 1 % of a core, and a machine that is loaded some more. */
static void quiet_costs_next_to_nothing(void **state)
{
	fpga_handle h = rig_open();
	int64_t begun, least = INT64_MAX;

	(void)state;
	for (int i = 0; i < 5; i++) {
		reads(h, 0x20, 0);
		clock_sleep_ns(100 * NS_PER_MS);
		begun = cpu_ns();
		clock_sleep_ns(500 * NS_PER_MS);
		if (cpu_ns() - begun < least)
			least = cpu_ns() - begun;
		if (least < 10 * NS_PER_MS)
			break;
	}
	printf("# %.2f %% of a core, both sides and the rig\n", (double)least / 5e6);
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
	assert_true(least < 10 * NS_PER_MS);
#endif
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(registers),
		RIGGED(several_threads_call),
		RIGGED(a_server_that_goes),
		cmocka_unit_test_setup_teardown(a_silent_host_costs_its_time_once, up_three, down_three),
		RIGGED(quiet_costs_next_to_nothing),
	};

	return RUN(tests);
}
