/* SPDX-License-Identifier: BSD-3-Clause */
/* A server that does not keep to the protocol of buffers. */
#include <semaphore.h>
#include <string.h>

#include "tests/unit/client-rig.h"
#include "wire/ops.h"

static int up(void **state)
{
	(void)state;
	rig_up(1, NULL);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_down();
	return 0;
}

static sem_t releasing;

/* Each buffer has the id 5, also one that is asked for while the first is being released: until a reset. */
static void say_5(struct rpc_link *l)
{
	unsigned char body[16] = { 5 };
	struct wire_head release = { .op = WIRE_RELEASE };
	struct rpc_frame f;

	script_hello(l);
	while (script_next(l, &f))
		if (f.head.op == WIRE_PREPARE) {
			script_reply(l, &f.head, body, sizeof(body));
		} else if (f.head.op == WIRE_RELEASE) {
			release = f.head;
			sem_post(&releasing);
		} else if (f.head.op == WIRE_RESET) {
			script_reply(l, &release, NULL, 0);
			script_reply(l, &f.head, NULL, 0);
		} else if (!script_usual(l, &f) && f.head.id) {
			script_reply(l, &f.head, NULL, 0);
		}
}

static void *release_5(void *h)
{
	return (void *)(uintptr_t)rig.t.fpgaReleaseBuffer(h, 5);
}

static void check_5_again(fpga_handle h)
{
	uint64_t wsid = 0;
	void *at = NULL;

	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 4096, &at, &wsid, 0), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "gave a buffer id twice"));
	assert_null(at);
}

static void test_a_buffer_id_twice(void **state)
{
	uint64_t wsid = 0;
	void *at = NULL, *ret;
	pthread_t thread;
	fpga_handle h;

	(void)state;
	sem_init(&releasing, 0, 0);
	rig.servers[0].script = say_5;
	server_start(&rig.servers[0]);
	h = rig_open();
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 4096, &at, &wsid, 0), FPGA_OK);
	assert_int_equal(wsid, 5);
	check_5_again(h);
	assert_int_equal(pthread_create(&thread, NULL, release_5, h), 0);
	sem_wait(&releasing);
	check_5_again(h);
	assert_int_equal(rig.t.fpgaReset(h), FPGA_OK);
	pthread_join(thread, &ret);
	assert_int_equal((uintptr_t)ret, FPGA_OK);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 4096, &at, &wsid, 0), FPGA_OK);
	assert_int_equal(rig.t.fpgaClose(h), FPGA_OK);
	sem_destroy(&releasing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(test_a_buffer_id_twice),
	};

	return RUN(tests);
}
