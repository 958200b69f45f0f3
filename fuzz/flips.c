/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every bit of a lawful frame of every message turned over, in every state of a session: an error reply or
 * the end of the connection, and nothing left over. What the session says meanwhile is judged by
 * session-peer.c.
 *
 *     flips [STEP]     only each STEP-th bit, counted over all of them; 1 is all
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/session-peer.h"
#include "tests/unit/fake-served-manage.h"
#include "tests/unit/fake-served.h"
#include "wire/codec.h"
#include "wire/frame.h"
#include "wire/ops.h"
#include "wire/props.h"

#define HANDLE (UINT64_C(1) << 32) /* the numbers that a session gives first */
#define PLAIN (UINT64_C(1) << 32 | 1)
#define TRACKED (UINT64_C(2) << 32 | 2)
#define OBJECT (UINT64_C(1) << 32 | 1)
#define EVENT 77
#define ID 1000 /* of the frame that is turned over */
enum { RAW = 128, HAPPENS = 129 }; /* session-peer.h */

enum state { SILENT, GREETED, OPEN, BUFFERS, FAILED, WAITS, STATES };
static const char *const states[] = { "before HELLO", "greeted", "open", "with buffers",
				      "after a posted failure", "while a call waits" };

struct input {
	unsigned char at[4096];
	size_t len;
};

static uint64_t flips, step = 1;

/* ---- what is said before ---- */

static void put(struct input *in, const void *bytes, size_t len)
{
	if (len > sizeof(in->at) - in->len)
		abort();
	memcpy(in->at + in->len, bytes, len);
	in->len += len;
}

static void put_piece(struct input *in, uint8_t op, uint8_t selector, uint8_t flags,
		      const struct wire_writer *w)
{
	size_t len = w ? w->len : 0;
	const unsigned char head[5] = { op, selector, flags, (unsigned char)len, (unsigned char)(len >> 8) };

	if (w && w->bad)
		abort();
	put(in, head, sizeof(head));
	if (w)
		put(in, w->at, len);
}

static void prepare(struct input *in, uint32_t flags)
{
	unsigned char room[16];
	struct wire_writer w;

	wire_writer_init(&w, room, sizeof(room), NULL);
	wire_put_u64(&w, 16384);
	wire_put_u32(&w, flags);
	put_piece(in, WIRE_PREPARE, 0x20, 0, &w);
}

static void hold(struct input *in)
{
	unsigned char room[64];
	struct wire_writer w;

	wire_writer_init(&w, room, sizeof(room), NULL);
	wire_put_u64(&w, TRACKED);
	wire_put_u64(&w, 0);
	wire_put_u64(&w, 8192);
	wire_put_u64(&w, 0);
	put_piece(in, WIRE_HOLD, 0x20, 0, &w);
}

static void event_and_object(struct input *in)
{
	unsigned char room[64];
	struct wire_writer w;

	wire_writer_init(&w, room, sizeof(room), NULL);
	wire_put_u32(&w, FPGA_EVENT_INTERRUPT);
	wire_put_u32(&w, 0);
	wire_put_u64(&w, EVENT);
	put_piece(in, WIRE_EVENT_REGISTER, 0x20, 0, &w);
	wire_writer_init(&w, room, sizeof(room), NULL);
	wire_put_text(&w, "box");
	wire_put_u32(&w, 0);
	put_piece(in, WIRE_TOKEN_OBJECT, 0x11, 0, &w);
}

/* A posted write of a region that is not there. */
static void fail(struct input *in)
{
	unsigned char room[32];
	struct wire_writer w;

	wire_writer_init(&w, room, sizeof(room), NULL);
	wire_put_u32(&w, 9);
	wire_put_u32(&w, 8);
	wire_put_u64(&w, 0);
	wire_put_u64(&w, 0);
	put_piece(in, WIRE_WRITE, 0x20, WIRE_ONE_WAY, &w);
}

static void wait_for_nothing(struct input *in)
{
	unsigned char room[64];
	struct wire_writer w;

	wire_writer_init(&w, room, sizeof(room), NULL);
	wire_put_u32(&w, 0);
	wire_put_u64(&w, 8);
	wire_put_u64(&w, 0);
	wire_put_u64(&w, 1);
	wire_put_u64(&w, 1000);
	wire_put_u64(&w, UINT64_C(3600) * 1000000);
	put_piece(in, WIRE_POLL, 0x20, 0, &w);
}

/* What the model has by then shows that the session is in the state that is meant. */
static void must_be_in(uint8_t s)
{
	if (atomic_load(&fake.cards[0].handles[1]) != (s >= OPEN) ||
	    atomic_load(&fake.events) != (s >= BUFFERS) || fake_manage.objects != (s >= BUFFERS) ||
	    atomic_load(&fake.buffers) != (s >= BUFFERS ? 2 : 0)) {
		fprintf(stderr, "the session is not in the state \"%s\"\n", states[s]);
		abort();
	}
}

static void begin(struct input *in, enum state s)
{
	const unsigned char first = s == SILENT;

	in->len = 0;
	put(in, &first, 1);
	if (s < OPEN)
		return;
	put_piece(in, WIRE_ENUMERATE, 0, 0, NULL);
	put_piece(in, WIRE_OPEN, 0x11, 0, &(struct wire_writer){ .at = (unsigned char[4]){ 0 }, .len = 4 });
	if (s >= BUFFERS) {
		prepare(in, 0);
		prepare(in, 4);
		hold(in);
		event_and_object(in);
	}
	if (s == FAILED)
		fail(in);
	if (s == WAITS)
		wait_for_nothing(in);
	put(in, (const unsigned char[]){ HAPPENS, s }, 2);
}

/* ---- the frame ---- */

static bool is_of_buffer(uint16_t op)
{
	return op >= WIRE_RELEASE && op <= WIRE_WRITEBACK;
}

/* A value of each type of the form, one group; of what is about a buffer, that one. */
static void put_body(struct wire_writer *w, const struct wire_op_info *op)
{
	static const struct opae_props props;
	static const uint8_t some[16];
	bool of_buffer = is_of_buffer(op->number);
	bool zero = op->number == WIRE_WRITEBACK || op->number == WIRE_READ64;

	for (const char *form = op->request; *form; form++) {
		switch (*form) {
		case 'y': wire_put_u8(w, 1); break;
		case 'q': wire_put_u16(w, 1); break;
		case 'u': wire_put_u32(w, zero ? 0 : 8); break;
		case 't':
			wire_put_u64(w, of_buffer ? op->number >= WIRE_HOLD ? TRACKED : PLAIN : 8);
			of_buffer = false;
			break;
		case 'g': wire_put_guid(w, some); break;
		case 's': wire_put_text(w, "num"); break;
		case 'b': wire_put_bytes(w, some, 16); break;
		case 'p': wire_put_props(w, &props); break;
		default: break;
		}
	}
}

static uint64_t object_of(const struct wire_op_info *op)
{
	switch (op->on) {
	case WIRE_ON_TOKEN: return fake_accelerator_id(0);
	case WIRE_ON_HANDLE: return HANDLE;
	case WIRE_ON_OBJECT: return OBJECT;
	default: return 0;
	}
}

static size_t make_frame(const struct wire_op_info *op, bool one_way, unsigned char *at, size_t room)
{
	struct wire_head head = { .op = op->number, .flags = one_way ? WIRE_ONE_WAY : 0,
				  .id = one_way ? 0 : ID, .object = object_of(op), .budget = 10 };
	struct wire_writer w;

	wire_writer_init(&w, at + WIRE_HEAD, room - WIRE_HEAD, NULL);
	put_body(&w, op);
	if (w.bad)
		abort();
	head.size = (uint32_t)(WIRE_HEAD + w.len);
	wire_head_write(at, &head);
	return head.size;
}

/* ---- all of them ---- */

static void run(const struct input *in)
{
	const struct rpc_session_options options = { .max_handles = 4, .max_objects = 8, .max_calls = 8,
						     .max_pinned = 1u << 20 };

	fake_up();
	fake_manage_reset();
	fake_manage_fill(&fake.table);
	session_peer_run(&fake.served, &options, must_be_in, in->at, in->len);
	if (fake_left() || fake_manage.objects)
		abort();
	fake_manage_reset();
}

static void flip_all(const struct wire_op_info *op, bool one_way, enum state s)
{
	unsigned char frame[1024];
	size_t len = make_frame(op, one_way, frame, sizeof(frame));
	struct input in;

	for (size_t bit = 0; bit < len * 8; bit++) {
		if (flips++ % step)
			continue;
		begin(&in, s);
		put(&in, (const unsigned char[]){ RAW, (unsigned char)len, (unsigned char)(len >> 8) }, 3);
		frame[bit / 8] ^= (unsigned char)(1u << bit % 8);
		put(&in, frame, len);
		frame[bit / 8] ^= (unsigned char)(1u << bit % 8);
		put_piece(&in, WIRE_PING, 0, 0, NULL);
		run(&in);
	}
}

int main(int argc, char *argv[])
{
	if (argc > 1)
		step = strtoull(argv[1], NULL, 10);
	if (!step)
		step = 1;
	for (enum state s = SILENT; s < STATES; s++) {
		uint64_t before = flips;

		for (unsigned int i = 0; i < wire_num_ops; i++) {
			const struct wire_op_info *op = &wire_ops[i];

			if (op->kind == WIRE_KIND_PUSH)
				continue;
			flip_all(op, false, s);
			if (op->kind == WIRE_KIND_POST)
				flip_all(op, true, s);
		}
		printf("%s: %" PRIu64 " bits\n", states[s], flips - before);
	}
	return 0;
}
