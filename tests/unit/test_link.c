/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames over a transport: cut anywhere, several at once, placed, too big, of two threads, and to nobody. */
#include "rpc/link.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "transport/loop.h"
#include "transport/stream.h"
#include "wire/bytes.h"
#include "wire/codec.h"
#include "wire/ops.h"

#define SOON clock_deadline(20 * NS_PER_S)
#define LOOP_ROOM (4u * WIRE_FRAME_MAX)

static struct transport *far_end; /* raw bytes go in here */
static struct rpc_link link_;

static int up(void **state)
{
	struct transport *near_end;

	(void)state;
	if (loop_pair(LOOP_ROOM, &near_end, &far_end))
		return -1;
	return rpc_link_init(&link_, near_end);
}

static int down(void **state)
{
	(void)state;
	rpc_link_done(&link_);
	transport_free(far_end);
	far_end = NULL;
	return 0;
}

static void feed(const void *at, size_t len)
{
	struct iovec iov = { NULL, len };

	memcpy(&iov.iov_base, &at, sizeof(at));
	assert_int_equal(transport_send_all(far_end, &iov, 1, SOON), 0);
}

/* A frame of `body` bytes, each of which depends on its place and on the id. Returns its length. */
static size_t make(unsigned char *at, uint16_t op, uint32_t flags, uint32_t id, size_t body)
{
	struct wire_head h = { .size = (uint32_t)(WIRE_HEAD + body), .op = op, .flags = flags, .id = id,
			       .object = 5 };

	wire_head_write(at, &h);
	for (size_t i = 0; i < body; i++)
		at[WIRE_HEAD + i] = (unsigned char)(i * 13 + (i >> 8) + id);
	return WIRE_HEAD + body;
}

static void is_made(const struct rpc_frame *f, uint32_t id, size_t body)
{
	assert_int_equal(f->head.id, id);
	assert_int_equal(f->body_len, body);
	assert_null(f->placed);
	for (size_t i = 0; i < body; i++)
		if (f->body[i] != (unsigned char)(i * 13 + (i >> 8) + id))
			fail_msg("byte %zu differs", i);
}

/* ---- reading ---- */

static void cut_at_every_byte(void **state)
{
	unsigned char frame[WIRE_HEAD + 40];
	size_t len = make(frame, WIRE_READ64, 0, 1, 40);
	struct rpc_frame f;

	(void)state;
	for (size_t cut = 0; cut <= len; cut++) {
		feed(frame, cut);
		if (cut < len)
			assert_int_equal(rpc_link_read(&link_, &f), 0);
		feed(frame + cut, len - cut);
		assert_int_equal(rpc_link_read(&link_, &f), 1);
		is_made(&f, 1, 40);
		assert_int_equal(rpc_link_read(&link_, &f), 0);
	}
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(rpc_link_read(&link_, &f), 0);
		feed(frame + i, 1);
	}
	assert_int_equal(rpc_link_read(&link_, &f), 1);
	is_made(&f, 1, 40);
}

static void several_in_one_piece(void **state)
{
	static const size_t bodies[] = { 0, 1, 4000, 17, WIRE_FRAME_MAX - WIRE_HEAD, 0, 5000, 4064, 3 };
	unsigned char *all = test_malloc(2 * WIRE_FRAME_MAX);
	const size_t num = sizeof(bodies) / sizeof(bodies[0]);
	struct rpc_frame f;
	size_t len = 0;

	(void)state;
	for (size_t i = 0; i < num; i++)
		len += make(all + len, WIRE_READ64, 0, (uint32_t)i + 1, bodies[i]);
	for (size_t piece = len; piece > 1000; piece = piece * 2 / 3) {
		size_t got = 0;

		for (size_t at = 0; at < len; at += piece) {
			feed(all + at, piece < len - at ? piece : len - at);
			while (rpc_link_read(&link_, &f) == 1) {
				is_made(&f, (uint32_t)got + 1, bodies[got]);
				got++;
			}
		}
		assert_int_equal(got, num);
	}
	test_free(all);
}

/* What came along is taken without receiving, and what did not is left. */
static void the_rest_of_one_piece(void **state)
{
	unsigned char frames[4 * (WIRE_HEAD + 64)];
	size_t len = make(frames, WIRE_READ64, 0, 1, 8), whole;
	struct rpc_frame f;

	(void)state;
	len += make(frames + len, WIRE_DATA, WIRE_ONE_WAY, 2, 64);
	whole = len + make(frames + len, WIRE_EVENT, WIRE_ONE_WAY, 3, 16);
	assert_int_equal(rpc_link_read_rest(&link_, &f), 0);
	feed(frames, whole - 1);
	assert_int_equal(rpc_link_read_rest(&link_, &f), 0);
	assert_int_equal(rpc_link_read(&link_, &f), 1);
	is_made(&f, 1, 8);
	feed(frames + whole - 1, 1);
	assert_int_equal(rpc_link_read_rest(&link_, &f), 1);
	is_made(&f, 2, 64);
	assert_int_equal(rpc_link_read_rest(&link_, &f), 0);
	assert_int_equal(rpc_link_read(&link_, &f), 1);
	is_made(&f, 3, 16);
	assert_int_equal(rpc_link_read_rest(&link_, &f), 0);
}

static void a_header_may_have_a_tail(void **state)
{
	unsigned char frame[WIRE_HEAD + 224 + 8];
	struct rpc_frame f;

	(void)state;
	for (uint16_t head = WIRE_HEAD; head <= WIRE_HEAD_MAX; head = (uint16_t)(head + 8)) {
		struct wire_head h = { .size = head + 8u, .op = WIRE_READ64, .id = 3 };

		memset(frame, 0xee, sizeof(frame));
		wire_head_write(frame, &h);
		bytes_put16(frame + 4, head);
		memcpy(frame + head, "the body", 8);
		feed(frame, h.size);
		assert_int_equal(rpc_link_read(&link_, &f), 1);
		assert_int_equal(f.body_len, 8);
		assert_memory_equal(f.body, "the body", 8);
	}
}

/* The header alone is enough to refuse it; a word of the body is neither waited for nor read. */
static void a_bad_header_is_refused_at_once(void **state)
{
	static const struct {
		uint32_t size, flags;
		int rc;
	} t[] = {
		{ WIRE_FRAME_MAX + 1, 0, -EMSGSIZE }, { UINT32_MAX, 0, -EMSGSIZE },
		{ WIRE_HEAD - 1, 0, -EPROTO },	      { 0, 0, -EPROTO },
		{ 100, 1u << 7, -EPROTO },	      { 100, WIRE_MORE, -EPROTO },
		{ 100, WIRE_REPLY | WIRE_ONE_WAY, -EPROTO },
	};
	unsigned char head[WIRE_HEAD];
	struct rpc_frame f;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct wire_head h = { .size = t[i].size, .op = 1, .flags = t[i].flags };

		wire_head_write(head, &h);
		feed(head, sizeof(head));
		assert_int_equal(rpc_link_read(&link_, &f), t[i].rc);
		assert_int_equal(rpc_link_read(&link_, &f), t[i].rc);
		assert_int_equal(rpc_link_next(&link_, &f, 0, SOON), t[i].rc);
		assert_int_equal(rpc_link_send(&link_, &h, NULL, 0, NULL, 0, SOON), t[i].rc);
		down(state);
		assert_int_equal(up(state), 0);
	}
}

static void a_peer_that_ends_in_the_middle(void **state)
{
	unsigned char frame[WIRE_HEAD + 40];
	size_t len = make(frame, WIRE_READ64, 0, 1, 40);
	struct rpc_frame f;

	for (size_t cut = 0; cut < len; cut++) {
		unsigned char whole[WIRE_HEAD];

		feed(whole, make(whole, WIRE_PING, 0, 9, 0));
		feed(frame, cut);
		far_end->ops->shutdown(far_end);
		assert_int_equal(rpc_link_next(&link_, &f, 0, SOON), 0); /* what came whole is read */
		is_made(&f, 9, 0);
		assert_int_equal(rpc_link_next(&link_, &f, NS_PER_US, SOON), -EPIPE);
		assert_int_equal(rpc_link_read(&link_, &f), -EPIPE);
		down(state);
		assert_int_equal(up(state), 0);
	}
}

static void a_deadline_breaks_nothing(void **state)
{
	unsigned char frame[WIRE_HEAD];
	struct rpc_frame f;

	(void)state;
	assert_int_equal(rpc_link_next(&link_, &f, 10 * NS_PER_US, clock_deadline(NS_PER_MS)), -ETIMEDOUT);
	feed(frame, make(frame, WIRE_PING, 0, 9, 0));
	assert_int_equal(rpc_link_next(&link_, &f, 0, SOON), 0);
	is_made(&f, 9, 0);
}

/* ---- bytes that are received where they belong ---- */

#define DATA_LEN 3000u

struct sink {
	unsigned char at[2 * WIRE_BULK];
	size_t room;
	int asked;
};

static void *sink(void *ctx, const struct wire_head *head, const unsigned char *fixed, size_t fixed_len,
		  size_t len)
{
	struct sink *s = ctx;

	s->asked++;
	assert_int_equal(bytes_get32(fixed + fixed_len - 4), len);
	if (head->op != WIRE_PULL)
		assert_true(fixed_len == 20 && bytes_get64(fixed) == 7 && bytes_get64(fixed + 8) == 4096);
	return len > s->room ? NULL : s->at;
}

static struct sink *sink_of(size_t room)
{
	static struct sink s;

	memset(&s, 0, sizeof(s));
	s.room = room;
	link_.sink = sink;
	link_.sink_ctx = &s;
	return &s;
}

/* A bulk frame as the form of `op` has it, and a short frame behind it. Returns the length of both. */
static size_t make_bulk(unsigned char *at, uint16_t op, uint32_t flags, size_t data, size_t *body)
{
	size_t fixed = op == WIRE_PULL ? 4 : 20, len = make(at, op, flags, 0, fixed + data);
	unsigned char *b = at + WIRE_HEAD;

	if (fixed == 20) {
		bytes_put64(b, 7);
		bytes_put64(b + 8, 4096);
	}
	bytes_put32(b + fixed - 4, (uint32_t)data);
	*body = fixed;
	return len + make(at + len, WIRE_PING, WIRE_REPLY, 77, 0);
}

static void is_placed(const struct rpc_frame *f, const struct sink *s, size_t fixed, size_t data)
{
	assert_int_equal(f->body_len, fixed);
	assert_ptr_equal(f->placed, s->at);
	assert_int_equal(f->placed_len, data);
	for (size_t i = 0; i < data; i++)
		if (s->at[i] != (unsigned char)((i + fixed) * 13 + ((i + fixed) >> 8)))
			fail_msg("byte %zu differs", i);
	assert_int_equal(s->at[data], 0); /* and not one more */
}

static void placed_wherever_it_is_cut(uint16_t op, uint32_t flags)
{
	unsigned char *all = test_malloc(2 * DATA_LEN);
	size_t fixed, len = make_bulk(all, op, flags, DATA_LEN, &fixed);

	for (size_t cut = 0; cut <= len; cut++) {
		struct sink *s = sink_of(DATA_LEN);
		struct rpc_frame f;
		int rc;

		feed(all, cut);
		rc = rpc_link_read(&link_, &f);
		if (cut < len - WIRE_HEAD)
			assert_int_equal(rc, 0);
		feed(all + cut, len - cut);
		if (!rc)
			assert_int_equal(rpc_link_read(&link_, &f), 1);
		if (cut < WIRE_HEAD + fixed || cut >= len - WIRE_HEAD)
			assert_true(!f.placed || s->asked == 1); /* it came whole: left where it came */
		else
			is_placed(&f, s, fixed, DATA_LEN);
		assert_int_equal(rpc_link_read(&link_, &f), 1);
		is_made(&f, 77, 0);
	}
	test_free(all);
}

static void bulk_is_placed(void **state)
{
	(void)state;
	placed_wherever_it_is_cut(WIRE_PUSH, WIRE_ONE_WAY);
	placed_wherever_it_is_cut(WIRE_PUSH, 0);
	placed_wherever_it_is_cut(WIRE_DATA, WIRE_ONE_WAY);
	placed_wherever_it_is_cut(WIRE_PULL, WIRE_REPLY);
}

/* In pieces of any size, the largest there is, back to back. */
static void bulk_in_pieces(void **state)
{
	unsigned char *all = test_malloc(2 * WIRE_FRAME_MAX);
	size_t fixed, len = make_bulk(all, WIRE_PUSH, WIRE_ONE_WAY, WIRE_BULK, &fixed);

	(void)state;
	for (size_t piece = 1; piece < len; piece = piece * 7 / 4 + 1) {
		struct sink *s = sink_of(WIRE_BULK);
		struct rpc_frame f;
		int frames = 0;

		for (size_t at = 0; at < len; at += piece) {
			feed(all + at, piece < len - at ? piece : len - at);
			while (rpc_link_read(&link_, &f) == 1) {
				if (!frames++ && piece < WIRE_BULK)
					is_placed(&f, s, fixed, WIRE_BULK);
			}
		}
		assert_int_equal(frames, 2);
		is_made(&f, 77, 0);
		assert_int_equal(s->asked, piece < WIRE_BULK);
	}
	test_free(all);
}

/* A place is asked for where the lengths agree, and nowhere else; without one the bytes are in the body. */
static void what_is_not_placed(void **state)
{
	static const struct {
		uint16_t op;
		uint32_t flags, result, says;
		size_t room;
		int asked;
	} t[] = {
		{ WIRE_PUSH, WIRE_ONE_WAY, 0, DATA_LEN, 0, 1 },		     /* no place */
		{ WIRE_PUSH, WIRE_ONE_WAY, 0, DATA_LEN + 1, WIRE_BULK, 0 },  /* lengths that differ */
		{ WIRE_PUSH, WIRE_ONE_WAY, 0, UINT32_MAX, WIRE_BULK, 0 },
		{ WIRE_PUSH, WIRE_REPLY, 0, DATA_LEN, WIRE_BULK, 0 },	     /* its reply has no bytes */
		{ WIRE_PULL, WIRE_REPLY, 1, DATA_LEN, WIRE_BULK, 0 },	     /* a failure's has a reason */
		{ WIRE_PULL, 0, 0, DATA_LEN, WIRE_BULK, 0 },
		{ WIRE_DATA, WIRE_REPLY, 0, DATA_LEN, WIRE_BULK, 0 },
		{ WIRE_READ_BLOCK, WIRE_REPLY, 0, DATA_LEN, WIRE_BULK, 0 },
	};
	unsigned char all[2 * DATA_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct sink *s = sink_of(t[i].room);
		size_t fixed, len = make_bulk(all, t[i].op, t[i].flags, DATA_LEN, &fixed) - WIRE_HEAD;
		struct rpc_frame f;

		bytes_put32(all + 24, t[i].result);
		bytes_put32(all + WIRE_HEAD + fixed - 4, t[i].says);
		feed(all, 600);
		assert_int_equal(rpc_link_read(&link_, &f), 0);
		feed(all + 600, len - 600);
		assert_int_equal(rpc_link_read(&link_, &f), 1);
		assert_int_equal(s->asked, t[i].asked);
		assert_null(f.placed);
		assert_int_equal(f.body_len, len - WIRE_HEAD);
		assert_memory_equal(f.body, all + WIRE_HEAD, f.body_len);
	}
}

static void a_bulk_frame_that_is_too_short(void **state)
{
	unsigned char frame[WIRE_HEAD + 19];
	struct sink *s = sink_of(WIRE_BULK);
	struct rpc_frame f;

	(void)state;
	for (size_t body = 0; body < 20; body++) {
		feed(frame, make(frame, WIRE_PUSH, WIRE_ONE_WAY, 1, body));
		assert_int_equal(rpc_link_read(&link_, &f), 1);
		is_made(&f, 1, body);
	}
	assert_int_equal(s->asked, 0);
}

/* ---- sending ---- */

static void what_is_sent(void **state)
{
	static const size_t bodies[] = { 0, 1, RPC_SHORT, RPC_SHORT + 1, 8000 }, datas[] = { 0, 1, 8000 };
	static unsigned char in[8000], out[20000];

	(void)state;
	memset(in, 0x5a, sizeof(in));
	for (size_t b = 0; b < 5; b++) {
		for (size_t d = 0; d < 3; d++) {
			struct wire_head back, h = { .op = WIRE_READ64, .id = 4, .object = 6 };
			size_t len = WIRE_HEAD + bodies[b] + datas[d];
			struct iovec iov = { out, sizeof(out) };

			assert_int_equal(rpc_link_send(&link_, &h, in, bodies[b], in, datas[d], SOON), 0);
			assert_int_equal(far_end->ops->recv(far_end, &iov, 1), len);
			assert_int_equal(wire_head_read(out, WIRE_FRAME_MAX, &back), 0);
			assert_int_equal(back.size, len);
			assert_int_equal(back.object, 6);
			assert_memory_equal(out + WIRE_HEAD, in, bodies[b]);
			assert_memory_equal(out + WIRE_HEAD + bodies[b], in, datas[d]);
		}
	}
}

static void what_the_peer_does_not_take(void **state)
{
	static unsigned char big[WIRE_FRAME_MIN];
	struct wire_head h = { .op = WIRE_READ64 };

	(void)state;
	assert_int_equal(rpc_link_send(&link_, &h, big, WIRE_FRAME_MIN - WIRE_HEAD, big, 1, SOON), -EMSGSIZE);
	assert_int_equal(rpc_link_send(&link_, &h, big, 1, big, SIZE_MAX - 2, SOON), -EMSGSIZE);
	assert_int_equal(rpc_link_send(&link_, &h, big, WIRE_FRAME_MIN - WIRE_HEAD, NULL, 0, SOON), 0);
}

/* Half a frame may have gone: the link is broken by the deadline, and says so ever after. */
static void a_peer_that_does_not_read(void **state)
{
	static unsigned char big[8000];
	struct wire_head h = { .op = WIRE_READ64 };
	struct rpc_frame f;
	int rc;

	(void)state;
	do
		rc = rpc_link_send(&link_, &h, big, sizeof(big), NULL, 0, clock_deadline(20 * NS_PER_MS));
	while (!rc);
	assert_int_equal(rc, -ETIMEDOUT);
	assert_int_equal(rpc_link_send(&link_, &h, NULL, 0, NULL, 0, SOON), -ETIMEDOUT);
	assert_int_equal(rpc_link_read(&link_, &f), -ETIMEDOUT);
}

/* Frames for which there was room need not wait; when the peer takes what came, there is room again. */
static void room_is_what_the_peer_has_left(void **state)
{
	static unsigned char big[8000];
	struct wire_head h = { .op = WIRE_READ64 };
	struct rpc_link l;
	struct transport *t;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(stream_new(fds[0], "a peer", &t), 0);
	assert_int_equal(rpc_link_init(&l, t), 0);
	l.peer_max = WIRE_FRAME_MAX;
	assert_true(rpc_link_has_room(&l, 0));
	while (rpc_link_has_room(&l, 0))
		assert_int_equal(rpc_link_send(&l, &h, big, sizeof(big), NULL, 0, 0), 0);
	while (read(fds[1], big, sizeof(big)) > 0)
		;
	assert_true(rpc_link_has_room(&l, 0));
	rpc_link_done(&l);
	close(fds[1]);
}

#define FRAMES 3000u

struct sender {
	struct rpc_link *link;
	uint16_t op;
	int rc;
};

static void *send_many(void *arg)
{
	static unsigned char data[5000];
	struct sender *s = arg;

	for (uint32_t i = 1; i <= FRAMES && !s->rc; i++) {
		struct wire_head h = { .op = s->op, .id = i };
		unsigned char body[24];

		memset(body, (int)s->op, sizeof(body));
		s->rc = rpc_link_send(s->link, &h, body, sizeof(body), data, i % 7 * 700, SOON);
	}
	return NULL;
}

/* Two threads send over a socket and a third reads: each frame whole, each thread's in its order. */
static void two_threads_send(void **state)
{
	struct sender s[2] = { { &link_, WIRE_READ64, 0 }, { &link_, WIRE_READ32, 0 } };
	uint32_t last[2] = { 0, 0 };
	pthread_t threads[2];
	struct rpc_link reader;
	struct transport *t;
	int fds[2];

	down(state);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(stream_new(fds[0], "there", &t), 0);
	assert_int_equal(rpc_link_init(&link_, t), 0);
	assert_int_equal(stream_new(fds[1], "here", &t), 0);
	assert_int_equal(rpc_link_init(&reader, t), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_many, &s[i]), 0);
	for (uint32_t n = 0; n < 2 * FRAMES; n++) {
		struct rpc_frame f;
		int who;

		assert_int_equal(rpc_link_next(&reader, &f, 50 * NS_PER_US, SOON), 0);
		who = f.head.op == WIRE_READ32;
		assert_int_equal(f.head.id, ++last[who]);
		assert_int_equal(f.body_len, 24 + f.head.id % 7 * 700);
		assert_int_equal(f.body[0], f.head.op);
		assert_int_equal(f.body[23], f.head.op);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(s[i].rc, 0);
	}
	rpc_link_done(&reader);
}

static void *break_it(void *arg)
{
	rpc_link_break(arg, -ECANCELED);
	return NULL;
}

static void a_break_wakes_the_reader(void **state)
{
	struct rpc_frame f;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, break_it, &link_), 0);
	assert_int_equal(rpc_link_next(&link_, &f, 0, SOON), -ECANCELED);
	pthread_join(thread, NULL);
	rpc_link_break(&link_, -EIO);
	assert_int_equal(rpc_link_read(&link_, &f), -ECANCELED); /* the first reason stays */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(cut_at_every_byte),
		RIGGED(several_in_one_piece),
		RIGGED(the_rest_of_one_piece),
		RIGGED(a_header_may_have_a_tail),
		RIGGED(a_bad_header_is_refused_at_once),
		RIGGED(a_peer_that_ends_in_the_middle),
		RIGGED(a_deadline_breaks_nothing),
		RIGGED(bulk_is_placed),
		RIGGED(bulk_in_pieces),
		RIGGED(what_is_not_placed),
		RIGGED(a_bulk_frame_that_is_too_short),
		RIGGED(what_is_sent),
		RIGGED(what_the_peer_does_not_take),
		RIGGED(a_peer_that_does_not_read),
		RIGGED(room_is_what_the_peer_has_left),
		RIGGED(two_threads_send),
		RIGGED(a_break_wakes_the_reader),
	};

	return RUN(tests);
}
