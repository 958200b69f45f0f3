/* SPDX-License-Identifier: BSD-3-Clause */
/* What waits and is given up: replies that stop halfway, a server that takes nothing, several that dial. */
#include <errno.h>
#include <semaphore.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/client/conn.h"
#include "tests/unit/client-rig.h"
#include "wire/bytes.h"
#include "wire/ops.h"

#define SOON clock_deadline(20 * NS_PER_S)
#define SHORT_NS (300 * NS_PER_MS)   /* the patience of calls that are to be given up */
#define LONG_US UINT64_C(60000000)   /* of those beside them, which are to be told before */
#define EARLY_NS (30 * NS_PER_S)
#define BLOCK 4096u /* a part of a buffer */
#define HALF 2048u
#define DIALERS 4u

static struct rig_server *const server = &rig.servers[0];
static sem_t seen, go_on, rest_said; /* by the script: it has seen what it waits for; goes on; has said it */
static atomic_bool slow_greeting; /* a HELLO is seen, and answered when go_on says so */

static void explicit(struct rpc_client_config *c)
{
	c->buffers_explicit = true; /* so that a pull is received in the program's own memory */
}

static int up(void **state)
{
	(void)state;
	sem_init(&seen, 0, 0);
	sem_init(&go_on, 0, 0);
	sem_init(&rest_said, 0, 0);
	atomic_store(&slow_greeting, false);
	rig_up(1, explicit);
	return 0;
}

static int down(void **state)
{
	(void)state;
	sem_post(&go_on);
	rig_down();
	sem_destroy(&seen);
	sem_destroy(&go_on);
	sem_destroy(&rest_said);
	return 0;
}

static struct conn *conn_of(fpga_handle h)
{
	return ((struct remote_handle *)h)->conn;
}

static const unsigned char buffer[16] = { 5 }; /* PREPARE's reply: the buffer has the id 5 */

/* ---- replies that stop halfway ---- */

/* The reply of a PULL up to the middle of its bytes, and the rest when go_on says so. */
static void say_in_two(struct rpc_link *l, const struct wire_head *to)
{
	static unsigned char frame[WIRE_HEAD + 4 + BLOCK];
	struct wire_head head = { .size = sizeof(frame), .op = to->op, .flags = WIRE_REPLY, .id = to->id,
				  .object = to->object };
	struct iovec first = { frame, sizeof(frame) - HALF }, rest = { frame + sizeof(frame) - HALF, HALF };

	memset(frame, 0xdd, sizeof(frame));
	wire_head_write(frame, &head);
	bytes_put32(frame + WIRE_HEAD, BLOCK);
	rpc_link_send_iov(l, &first, 1, SOON);
	sem_wait(&go_on);
	rpc_link_send_iov(l, &rest, 1, SOON);
	sem_post(&rest_said);
}

static void script_in_two(struct rpc_link *l)
{
	struct rpc_frame f;

	script_hello(l);
	while (script_next(l, &f))
		if (f.head.op == WIRE_PULL)
			say_in_two(l, &f.head);
		else if (f.head.op == WIRE_PREPARE)
			script_reply(l, &f.head, buffer, sizeof(buffer));
		else if (f.head.op == WIRE_POLL) /* has no answer */
			sem_post(&seen);
		else if (!script_usual(l, &f) && f.head.id)
			script_reply(l, &f.head, NULL, 0);
}

static const struct transport_ops *true_ops;

/* The rest comes at the very last moment: it lies in the socket when that is shut down. */
static void shutdown_late(struct transport *t)
{
	sem_post(&go_on);
	sem_wait(&rest_said);
	true_ops->shutdown(t);
}

/* Before there is an I/O thread that might look at it. */
static void make_shutdown_late(void)
{
	static struct transport_ops late;
	struct conn *n = host_conn(&rig.client->hosts[0]);

	assert_non_null(n);
	true_ops = n->link.t->ops;
	late = *true_ops;
	late.shutdown = shutdown_late;
	n->link.t->ops = &late;
	conn_put(n);
}

/* A pull that stops halfway is given up; then its memory is the program's again, whoever reads. */
static void check_pull(fpga_handle h)
{
	uint64_t wsid = 0;
	void *at = NULL;

	assert_int_equal(rig.t.fpgaPrepareBuffer(h, BLOCK, &at, &wsid, 0), FPGA_OK);
	rig_set_patience(h, SHORT_NS);
	assert_int_equal(rig.t.pull_buffer(h, wsid, 0, BLOCK), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "stopped in the middle of a message"));
	assert_int_equal(((unsigned char *)at)[0], 0xdd);
	memset(at, 0x55, BLOCK);
	conn_drain(conn_of(h));
	for (size_t i = 0; i < BLOCK; i++)
		assert_int_equal(((unsigned char *)at)[i], 0x55);
}

static void test_a_pull_that_stops_halfway(void **state)
{
	fpga_token t[2];
	fpga_handle h;

	(void)state;
	server->script = script_in_two;
	server_start(server);
	assert_int_equal(rig_enumerate(-1, t, 2), 1);
	make_shutdown_late();
	assert_int_equal(rig.t.fpgaOpen(t[0], &h, 0), FPGA_OK);
	check_pull(h);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_EXCEPTION);
	rig_destroy(t, 1);
}

static void *wait_poll(void *h)
{
	uint64_t v;
	fpga_result r = rig.t.poll_mmio(h, 0, 0, 1, 1, 1000, LONG_US, &v);

	return r == FPGA_EXCEPTION && strstr(detail(), "lost") ? NULL : h;
}

static void await_told(pthread_t thread, int64_t begun)
{
	void *ret;

	pthread_join(thread, &ret);
	assert_null(ret);
	assert_true(clock_now_ns() - begun < EARLY_NS);
}

/* Another thread reads what comes for this one. */
static void test_a_pull_that_another_thread_receives(void **state)
{
	int64_t begun = clock_now_ns();
	pthread_t thread;
	fpga_handle h;

	(void)state;
	server->script = script_in_two;
	server_start(server);
	h = rig_open();
	assert_int_equal(pthread_create(&thread, NULL, wait_poll, h), 0);
	sem_wait(&seen);
	check_pull(h);
	await_told(thread, begun);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_EXCEPTION);
}

/* ---- a server that takes nothing ---- */

static uint16_t last_taken;

/* Answers up to this message, and then takes nothing more. */
static void script_full(struct rpc_link *l)
{
	struct rpc_frame f;

	script_hello(l);
	while (script_next(l, &f)) {
		if (f.head.op == WIRE_POLL)
			sem_post(&seen);
		else if (f.head.op == WIRE_PREPARE)
			script_reply(l, &f.head, buffer, sizeof(buffer));
		else if (!script_usual(l, &f) && f.head.id)
			script_reply(l, &f.head, NULL, 0);
		if (f.head.op == last_taken)
			sem_wait(&go_on);
	}
}

static fpga_handle open_full(uint16_t last)
{
	fpga_handle h;

	last_taken = last;
	server->script = script_full;
	server_start(server);
	h = rig_open();
	rig_set_patience(h, SHORT_NS);
	return h;
}

/* What is asked later is answered at once. */
static void check_lost(fpga_handle h)
{
	uint64_t v;

	assert_non_null(strstr(detail(), "takes nothing any more"));
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "takes nothing any more"));
	assert_int_equal(rig.t.fpgaClose(h), FPGA_EXCEPTION);
}

static void test_a_push_that_nobody_takes(void **state)
{
	const uint64_t len = 16u << 20;
	void *at = NULL;
	uint64_t wsid;
	fpga_handle h = open_full(WIRE_PREPARE);

	(void)state;
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, len, &at, &wsid, 0), FPGA_OK);
	assert_int_equal(rig.t.push_buffer(h, wsid, 0, len), FPGA_EXCEPTION);
	check_lost(h);
}

/* Another thread waits for a reply meanwhile. */
static void test_a_bitstream_that_nobody_takes(void **state)
{
	static uint8_t bitstream[4u << 20];
	int64_t begun = clock_now_ns();
	pthread_t thread;
	fpga_handle h = open_full(WIRE_RECONF_BEGIN);

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, wait_poll, h), 0);
	sem_wait(&seen);
	assert_int_equal(rig.t.fpgaReconfigureSlot(h, 0, bitstream, sizeof(bitstream), 0), FPGA_EXCEPTION);
	await_told(thread, begun);
	check_lost(h);
}

static void test_writes_that_nobody_takes(void **state)
{
	int64_t begun = clock_now_ns();
	fpga_result r = FPGA_OK;
	pthread_t thread;
	fpga_handle h = open_full(WIRE_RESET);

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, wait_poll, h), 0);
	sem_wait(&seen);
	assert_int_equal(rig.t.fpgaReset(h), FPGA_OK);
	while (r == FPGA_OK && clock_now_ns() - begun < EARLY_NS)
		r = rig.t.fpgaWriteMMIO64(h, 0, 8, 1);
	assert_int_equal(r, FPGA_EXCEPTION);
	await_told(thread, begun);
	check_lost(h);
}

/* ---- several that dial ---- */

static void script_greeting(struct rpc_link *l)
{
	unsigned char value[8] = { 9 };
	struct rpc_frame f;

	if (atomic_load(&slow_greeting))
		sem_wait(&go_on);
	script_hello(l);
	while (script_next(l, &f))
		if (!script_usual(l, &f) && f.head.id)
			script_reply(l, &f.head, value, sizeof(value));
}

static void *read_error(void *token)
{
	uint64_t v = 0;

	return rig.t.fpgaReadError(token, 0, &v) == FPGA_OK && v == 9 ? NULL : token;
}

static void test_several_dial_once(void **state)
{
	int64_t until = SOON;
	pthread_t threads[DIALERS];
	struct conn *n;
	fpga_token t[2];
	void *ret;

	(void)state;
	server->script = script_greeting;
	server_start(server);
	assert_int_equal(rig_enumerate(-1, t, 2), 1);
	n = host_conn(&rig.client->hosts[0]);
	conn_break(n, -ECANCELED);
	conn_put(n);
	atomic_store(&slow_greeting, true);
	for (unsigned int i = 0; i < DIALERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_error, t[0]), 0);
	while (atomic_load(&server->accepted) < 2) {
		assert_true(clock_now_ns() < until);
		clock_sleep_ns(NS_PER_MS);
	}
	clock_sleep_ns(100 * NS_PER_MS); /* for others that would come as well */
	for (unsigned int i = 0; i < DIALERS; i++)
		sem_post(&go_on);
	for (unsigned int i = 0; i < DIALERS; i++) {
		pthread_join(threads[i], &ret);
		assert_null(ret);
	}
	assert_int_equal(atomic_load(&server->accepted), 2);
	rig_destroy(t, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(test_a_pull_that_stops_halfway),
		RIGGED(test_a_pull_that_another_thread_receives),
		RIGGED(test_a_push_that_nobody_takes),
		RIGGED(test_a_bitstream_that_nobody_takes),
		RIGGED(test_writes_that_nobody_takes),
		RIGGED(test_several_dial_once),
	};

	return RUN(tests);
}
