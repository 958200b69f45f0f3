/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/session-rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "transport/stream.h"

#define SOON_NS (20 * NS_PER_S)
#define SOON clock_deadline(SOON_NS)

static void *serve(void *arg)
{
	struct rig *r = arg;

	r->result = rpc_session_run(r->session);
	return NULL;
}

void rig_new(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	r->options.host = "modelhost";
	r->options.principal = "unix:1000";
	r->next_id = 1;
	r->room = malloc(RIG_BODY);
	wire_writer_init(&r->out, r->room, RIG_BODY, NULL);
}

void rig_start(struct rig *r)
{
	struct transport *t;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(stream_new(ends[0], "server", &t), 0);
	assert_int_equal(rpc_link_init(&r->link, t), 0);
	r->link.peer_max = WIRE_FRAME_MAX;
	r->fd = ends[0];
	assert_int_equal(stream_new(ends[1], "peer", &t), 0);
	assert_int_equal(rpc_session_new(t, &fake.served, &r->options, &r->session), 0);
	assert_int_equal(pthread_create(&r->thread, NULL, serve, r), 0);
	r->running = true;
}

static void put_hello(struct rig *r)
{
	struct wire_writer *w = rig_body(r);

	wire_put_u32(w, WIRE_MAGIC);
	wire_put_u16(w, WIRE_VERSION);
	wire_put_u16(w, WIRE_VERSION);
	wire_put_u64(w, r->features);
	wire_put_u32(w, WIRE_FRAME_MAX);
	wire_put_u32(w, 64);
	wire_put_text(w, "a test");
}

void rig_hello(struct rig *r)
{
	put_hello(r);
	assert_int_equal(rig_call(r, WIRE_HELLO, 0), FPGA_OK);
}

int rig_await_end(struct rig *r)
{
	if (r->running)
		pthread_join(r->thread, NULL);
	r->running = false;
	return r->result;
}

int rig_end(struct rig *r)
{
	rpc_link_break(&r->link, -ECANCELED);
	rig_await_end(r);
	rpc_session_free(r->session);
	rpc_link_done(&r->link);
	rig_frame_free(&r->reply);
	for (unsigned int i = 0; i < r->num_pushes; i++)
		rig_frame_free(&r->pushes[i]);
	for (unsigned int i = 0; i < r->num_others; i++)
		rig_frame_free(&r->others[i]);
	free(r->room);
	return r->result;
}

/* ---- frames ---- */

struct wire_writer *rig_body(struct rig *r)
{
	wire_writer_init(&r->out, r->room, RIG_BODY, NULL);
	return &r->out;
}

void rig_send_head(struct rig *r, struct wire_head head)
{
	assert_false(r->out.bad);
	assert_int_equal(rpc_link_send(&r->link, &head, r->out.at, r->out.len, NULL, 0, SOON), 0);
	rig_body(r);
}

uint32_t rig_send(struct rig *r, uint16_t op, uint64_t object)
{
	uint32_t id = r->next_id++;

	rig_send_head(r, (struct wire_head){ .op = op, .id = id, .object = object });
	return id;
}

void rig_post(struct rig *r, uint16_t op, uint64_t object)
{
	rig_send_head(r, (struct wire_head){ .op = op, .flags = WIRE_ONE_WAY, .object = object });
}

void rig_frame_free(struct rig_frame *f)
{
	free(f->body);
	f->body = NULL;
}

static struct rig_frame keep(const struct rpc_frame *f)
{
	const struct wire_op_info *op = wire_op_info(f->head.op);
	bool failed = f->head.flags & WIRE_REPLY && f->head.budget;
	struct rig_frame k = { .head = f->head, .len = f->body_len, .body = malloc(f->body_len + 1) };

	memcpy(k.body, f->body, f->body_len);
	wire_reader_init(&k.in, k.body, k.len, failed ? "s" : op ? op->reply : NULL);
	if (failed) {
		wire_get_string(&k.in, k.why, sizeof(k.why));
		assert_false(k.in.bad);
	}
	return k;
}

/* One more frame, put where it belongs. */
static void receive(struct rig *r)
{
	struct rpc_frame f;

	/* a session that is stepped by our receiving is not waited for asleep */
	assert_int_equal(rpc_link_next(&r->link, &f, r->running ? 0 : SOON_NS, SOON), 0);
	if (f.head.flags & WIRE_REPLY) {
		assert_true(r->num_others < RIG_PUSHES);
		r->others[r->num_others++] = keep(&f);
	} else {
		assert_true(f.head.flags & WIRE_ONE_WAY);
		assert_true(r->num_pushes < RIG_PUSHES);
		r->pushes[r->num_pushes++] = keep(&f);
	}
}

static struct rig_frame take(struct rig_frame *list, unsigned int *num, unsigned int i)
{
	struct rig_frame f = list[i];

	(*num)--;
	memmove(&list[i], &list[i + 1], (*num - i) * sizeof(*list));
	return f;
}

fpga_result rig_await(struct rig *r, uint32_t id)
{
	rig_frame_free(&r->reply);
	for (;;) {
		for (unsigned int i = 0; i < r->num_others; i++)
			if (r->others[i].head.id == id) {
				r->reply = take(r->others, &r->num_others, i);
				return (fpga_result)r->reply.head.budget;
			}
		receive(r);
	}
}

fpga_result rig_call(struct rig *r, uint16_t op, uint64_t object)
{
	return rig_await(r, rig_send(r, op, object));
}

struct rig_frame rig_await_push(struct rig *r, uint16_t op)
{
	for (;;) {
		for (unsigned int i = 0; i < r->num_pushes; i++)
			if (r->pushes[i].head.op == op)
				return take(r->pushes, &r->num_pushes, i);
		receive(r);
	}
}

/* ---- shorter words ---- */

uint64_t rig_open(struct rig *r, uint64_t object, uint32_t flags)
{
	wire_put_u32(rig_body(r), flags);
	assert_int_equal(rig_call(r, WIRE_OPEN, object), FPGA_OK);
	return wire_get_u64(&r->reply.in);
}

uint64_t rig_read(struct rig *r, uint64_t handle, uint32_t region, uint64_t offset)
{
	struct wire_writer *w = rig_body(r);

	wire_put_u32(w, region);
	wire_put_u64(w, offset);
	assert_int_equal(rig_call(r, WIRE_READ64, handle), FPGA_OK);
	return wire_get_u64(&r->reply.in);
}

void rig_put_write(struct rig *r, uint32_t region, uint32_t width, uint64_t offset, uint64_t value)
{
	wire_put_u32(&r->out, region);
	wire_put_u32(&r->out, width);
	wire_put_u64(&r->out, offset);
	wire_put_u64(&r->out, value);
}

void rig_put_poll(struct rig *r, uint64_t offset, uint64_t mask, uint64_t expected, uint64_t timeout_us)
{
	struct wire_writer *w = rig_body(r);

	wire_put_u32(w, 0);
	wire_put_u64(w, offset);
	wire_put_u64(w, mask);
	wire_put_u64(w, expected);
	wire_put_u64(w, 100);
	wire_put_u64(w, timeout_us);
}
