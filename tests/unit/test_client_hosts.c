/* SPDX-License-Identifier: BSD-3-Clause */
/* Hosts that are down, silent, slow, lost and back again. */
#include "rpc/client/host.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "rpc/client/conn.h"
#include "tests/unit/client-rig.h"

/* Times in here are bounds that no machine is too slow for, or waits of the client's that must end early. */
#define PATIENCE_NS (20 * NS_PER_S)

static struct rig_server *const one = &rig.servers[0], *const two = &rig.servers[1];

static int up(void **state)
{
	(void)state;
	rig_up(2, NULL);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_down();
	return 0;
}

static void short_waits(struct rpc_client_config *c)
{
	c->connect_ns = NS_PER_S;
}

static int up_short(void **state)
{
	(void)state;
	rig_up(2, short_waits);
	return 0;
}

static uint32_t count(void)
{
	fpga_token t[16];
	uint32_t n = rig_enumerate(-1, t, 16);

	rig_destroy(t, n);
	return n;
}

static void await_count(uint32_t n)
{
	int64_t until = clock_deadline(PATIENCE_NS);

	while (count() != n)
		assert_true(clock_now_ns() < until);
}

/* Two hosts whose devices have the same addresses and ids: segments, names and ids tell them apart. */
static void test_two_hosts_that_are_alike(void **state)
{
	fpga_token t[16], parent;
	struct opae_props a, b;

	(void)state;
	server_start(one);
	server_start(two);
	assert_int_equal(rig_enumerate(-1, t, 16), 8);
	a = rig_props(t[1]);
	b = rig_props(t[5]);
	assert_int_equal(a.segment, 0);
	assert_int_equal(b.segment, 4096);
	assert_int_equal(a.bus, b.bus);
	assert_string_equal(b.hostname, "host1");
	assert_int_not_equal(a.object_id, b.object_id);
	assert_false(rig.t.same_token(t[1], t[5]));
	assert_int_equal(rig.t.parent_of(t[5], &parent), FPGA_OK);
	assert_true(rig.t.same_token(parent, t[4]));
	rig_destroy(&parent, 1);
	rig_destroy(t, 8);
}

/* A filter that names a host leaves the others alone; one by segment is put in the host's own words. */
static void test_filters_go_to_whom_they_are_about(void **state)
{
	struct host_props f = { .v = { .valid = OPAE_PROP_HOSTNAME, .hostname = "host1" } };
	fpga_properties filters[] = { &f };
	fpga_token t[16];
	uint32_t n = 0;

	(void)state;
	server_start(one);
	server_start(two);
	assert_int_equal(rig.t.enumerate(rig.client, filters, 1, t, 16, &n), FPGA_OK);
	assert_int_equal(n, 4);
	assert_int_equal(atomic_load(&one->accepted), 0);
	rig_destroy(t, n);
	f.v = (struct opae_props){ .valid = OPAE_PROP_PARENT };
	assert_int_equal(rig.t.enumerate(rig.client, filters, 1, t, 16, &n), FPGA_OK);
	assert_int_equal(n, 0);
	assert_true(rig.t.supports_host(rig.client, "host1"));
	assert_false(rig.t.supports_host(rig.client, "host2"));
	assert_true(rig.t.supports_device(rig.client, "dfl"));
}

static void test_a_host_that_refuses(void **state)
{
	(void)state;
	server_start(one);
	await_count(4);
	assert_non_null(strstr(detail(), "1 of 2 hosts"));
	assert_non_null(strstr(detail(), two->path));
	server_start(two);
	await_count(8);
	server_stop(two);
	await_count(4);
	assert_int_equal(count(), 4);
	server_start(two);
	await_count(8);
}

static void test_all_are_down(void **state)
{
	(void)state;
	assert_int_equal(count(), 0);
	assert_non_null(strstr(detail(), "2 of 2 hosts"));
	server_start(two);
	await_count(4);
}

static void stay_silent(struct rpc_link *l)
{
	struct rpc_frame f;

	while (script_next(l, &f))
		;
}

static void greet_and_be_silent(struct rpc_link *l)
{
	script_hello(l);
	stay_silent(l);
}

static void rejoins(struct rig_server *s)
{
	int64_t begun;

	server_start(one);
	server_start(s);
	assert_int_equal(count(), 4);
	assert_non_null(strstr(detail(), "host1: is silent"));
	for (int i = 0; i < 20; i++)
		assert_int_equal(count(), 4);
	server_stop(s);
	s->script = NULL;
	s->silent = false;
	server_start(s);
	begun = clock_now_ns();
	await_count(8);
	assert_true(clock_now_ns() - begun < 5 * NS_PER_S);
}

static void test_a_silent_host_rejoins(void **state)
{
	(void)state;
	two->script = stay_silent;
	rejoins(two);
}

static void test_a_host_that_greets_and_hangs_rejoins(void **state)
{
	(void)state;
	two->script = greet_and_be_silent;
	rejoins(two);
}

static void test_a_host_that_nobody_accepts_rejoins(void **state)
{
	(void)state;
	two->silent = true;
	rejoins(two);
}

/* What was asked in an earlier enumeration is answered late, and that is how it comes back. */
static atomic_bool slow;

static void answer_slowly(struct rpc_link *l)
{
	struct rpc_frame f;

	script_hello(l);
	while (script_next(l, &f)) {
		while (atomic_load(&slow))
			usleep(1000);
		script_usual(l, &f);
	}
}

static void test_a_late_answer_counts(void **state)
{
	(void)state;
	atomic_store(&slow, true);
	two->script = answer_slowly;
	server_start(one);
	server_start(two);
	assert_int_equal(count(), 4);
	atomic_store(&slow, false);
	await_count(5);
	assert_int_equal(atomic_load(&two->accepted), 1);
}

/* ---- a lost server ---- */

static void test_a_lost_server_is_told_and_left(void **state)
{
	fpga_handle h;
	fpga_token t[16];
	uint64_t v;
	uint32_t n;
	int64_t until = clock_deadline(PATIENCE_NS);

	(void)state;
	server_start(one);
	h = rig_open();
	n = rig_enumerate(FPGA_ACCELERATOR, t, 16);
	server_kick(one);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "host0: the connection is lost"));
	while (rig.t.fpgaWriteMMIO64(h, 0, 0, 1) == FPGA_OK)
		assert_true(clock_now_ns() < until);
	assert_int_equal(rig.t.fpgaReset(h), FPGA_EXCEPTION);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_EXCEPTION);
	/* The token still serves, by a new connection. */
	assert_int_equal(rig.t.fpgaOpen(t[0], &h, 0), FPGA_OK);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_OK);
	server_kick(one);
	assert_int_equal(count(), 4);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_EXCEPTION);
	rig_destroy(t, n);
}

static void test_open_finds_the_server_gone_for_good(void **state)
{
	fpga_token t[16];
	struct host_props p = { 0 };
	uint32_t n;
	fpga_handle h;

	(void)state;
	server_start(one);
	n = rig_enumerate(FPGA_ACCELERATOR, t, 16);
	server_stop(one);
	assert_int_equal(rig.t.fpgaOpen(t[0], &h, 0), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), one->path));
	assert_int_equal(rig.t.fpgaUpdateProperties(t[0], &p), FPGA_EXCEPTION);
	assert_int_equal(rig_props(t[0]).objtype, FPGA_ACCELERATOR); /* as it was last */
	rig_destroy(t, n);
}

static void *wait_held(void *arg)
{
	uint64_t v;

	return rig.t.fpgaReadMMIO64(arg, 0, FAKE_WAITS, &v) == FPGA_EXCEPTION && strstr(detail(), "lost")
		   ? NULL
		   : arg;
}

static void *wait_poll(void *arg)
{
	uint64_t v;

	return rig.t.poll_mmio(arg, 0, 0x20, 1, 1, 1000, 60000000, &v) == FPGA_EXCEPTION ? NULL : arg;
}

/* All that wait are told at once, whoever of them reads. */
static void test_all_that_wait_are_told(void **state)
{
	int64_t begun = clock_now_ns();
	pthread_t threads[3];
	fpga_handle h;
	void *ret;

	(void)state;
	server_start(one);
	h = rig_open();
	atomic_store(&fake.hold, true);
	pthread_create(&threads[0], NULL, wait_poll, h);
	pthread_create(&threads[1], NULL, wait_held, h);
	pthread_create(&threads[2], NULL, wait_poll, h);
	fake_await_held();
	pthread_mutex_lock(&one->lock);
	rpc_link_break(&((struct remote_handle *)h)->conn->link, -EPIPE);
	pthread_mutex_unlock(&one->lock);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &ret);
		assert_null(ret);
	}
	assert_true(clock_now_ns() - begun < PATIENCE_NS);
	atomic_store(&fake.hold, false);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_EXCEPTION);
}

/* A slow call fails at its deadline; its late reply is dropped, and the connection serves on. */
static void test_a_slow_call_leaves_the_connection_whole(void **state)
{
	fpga_handle h;
	uint64_t v = 0;

	(void)state;
	server_start(one);
	h = rig_open();
	rig_set_patience(h, 300 * NS_PER_MS);
	atomic_store(&fake.hold, true);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, FAKE_WAITS, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "no answer to READ64 within 300 ms"));
	rig_set_patience(h, PATIENCE_NS);
	atomic_store(&fake.hold, false);
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, 0x20, 9), FPGA_OK);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0x20, &v), FPGA_OK);
	assert_int_equal(v, 9);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
}

static void open_too_slow(fpga_token t, struct conn *n)
{
	fpga_handle h = NULL;

	n->timeout_ns = 300 * NS_PER_MS;
	atomic_store(&fake.slow, FAKE_SLOW_OPEN);
	atomic_store(&fake.hold, true);
	assert_int_equal(rig.t.fpgaOpen(t, &h, 0), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "no answer to OPEN within 300 ms"));
	assert_null(h);
	n->timeout_ns = PATIENCE_NS;
	atomic_store(&fake.slow, 0);
	atomic_store(&fake.hold, false);
}

/* What the server opens for nobody it closes when the connection ends; others' is left alone. */
static void test_an_open_that_is_given_up(void **state)
{
	struct conn *n;
	fpga_handle h;
	fpga_token t[8];
	uint64_t v;

	(void)state;
	server_start(one);
	assert_int_equal(rig_enumerate(FPGA_ACCELERATOR, t, 8), 2);
	n = host_conn(&rig.client->hosts[0]);
	conn_put(n); /* the host has it */
	assert_int_equal(rig.t.fpgaOpen(t[0], &h, 0), FPGA_OK);
	open_too_slow(t[1], n);
	assert_false(conn_lost(n));
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0x20, &v), FPGA_OK);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
	open_too_slow(t[0], n);
	assert_true(conn_lost(n));
	assert_int_equal(count(), 4);
	assert_int_equal(atomic_load(&one->accepted), 2);
	rig_destroy(t, 2);
}

#define SHORT(t) cmocka_unit_test_setup_teardown(t, up_short, down)

static sem_t held, seen;

/* As a thread that sends to a server which takes nothing. */
static void *hold(void *conn)
{
	struct conn *n = conn;

	pthread_mutex_lock(&n->out_lock);
	sem_post(&held);
	sem_wait(&seen);
	pthread_mutex_unlock(&n->out_lock);
	return NULL;
}

static void test_a_connection_that_another_thread_sends_on(void **state)
{
	struct conn *n;
	pthread_t thread;

	(void)state;
	sem_init(&held, 0, 0);
	sem_init(&seen, 0, 0);
	server_start(one);
	server_start(two);
	await_count(8);
	n = host_conn(&rig.client->hosts[0]);
	assert_int_equal(pthread_create(&thread, NULL, hold, n), 0);
	sem_wait(&held);
	assert_int_equal(count(), 4);
	assert_non_null(strstr(detail(), "host0: is silent"));
	sem_post(&seen);
	pthread_join(thread, NULL);
	conn_put(n);
	await_count(8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(test_two_hosts_that_are_alike),
		RIGGED(test_filters_go_to_whom_they_are_about),
		RIGGED(test_a_host_that_refuses),
		RIGGED(test_all_are_down),
		SHORT(test_a_silent_host_rejoins),
		SHORT(test_a_connection_that_another_thread_sends_on),
		SHORT(test_a_host_that_greets_and_hangs_rejoins),
		SHORT(test_a_host_that_nobody_accepts_rejoins),
		SHORT(test_a_late_answer_counts),
		RIGGED(test_a_lost_server_is_told_and_left),
		RIGGED(test_open_finds_the_server_gone_for_good),
		RIGGED(test_all_that_wait_are_told),
		RIGGED(test_a_slow_call_leaves_the_connection_whole),
		RIGGED(test_an_open_that_is_given_up),
	};

	return RUN(tests);
}
