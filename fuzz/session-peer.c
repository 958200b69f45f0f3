/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz/session-peer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "rpc/link.h"
#include "transport/loop.h"
#include "wire/codec.h"
#include "wire/ops.h"
#include "wire/props.h"

#define ROOM (256u << 10)
#define NAMES 8u /* of a kind that selectors reach */

enum { RAW = 128, HAPPENS = 129 };

struct names {
	uint64_t at[NAMES];
	unsigned int num;
};

static struct {
	struct transport *near;
	struct rpc_link link; /* read on any thread of the session's that found no room to send */
	pthread_mutex_t lock; /* guards that, and what follows */
	uint32_t asked, answered; /* ids begin with 1 */
	bool raw;		  /* it may have been asked anything */
	struct names objects, handles, sysobjects;
} peer;

/* ---- what the session says ---- */

static void remember(struct names *n, uint64_t id)
{
	if (n->num < NAMES)
		n->at[n->num++] = id;
}

static void get_one(struct wire_reader *r, char type)
{
	struct opae_props p;
	uint8_t guid[16];
	size_t len;

	switch (type) {
	case 'y': wire_get_u8(r); break;
	case 'q': wire_get_u16(r); break;
	case 'u': wire_get_u32(r); break;
	case 't': wire_get_u64(r); break;
	case 'g': wire_get_guid(r, guid); break;
	case 's': wire_get_text(r); break;
	case 'b': wire_get_bytes(r, &len); break;
	case 'p': wire_get_props(r, &p); break;
	default: abort();
	}
}

/* The body must be of its form, to the last byte. */
static void must_have_form(const struct rpc_frame *f, const char *form)
{
	const char *group = strchr(form, '(');
	struct wire_reader r;

	wire_reader_init(&r, f->body, f->body_len, form);
	for (const char *t = form; *t && *t != '('; t++)
		get_one(&r, *t);
	while (group && wire_more(&r))
		for (const char *t = group + 1; *t != ')'; t++)
			get_one(&r, *t);
	if (r.bad || r.len != r.room)
		abort();
}

/* What tracks buffers is about whole pages, and cuts are counted from 1 on. */
static void must_be_pages(const struct rpc_frame *f)
{
	uint64_t first, offset, len;
	struct wire_reader r;

	wire_reader_init(&r, f->body, f->body_len, NULL);
	first = wire_get_u64(&r);
	if (f->head.op == WIRE_CUT && !first)
		abort();
	if (f->head.op != WIRE_STALE)
		return;
	offset = wire_get_u64(&r);
	len = wire_get_u64(&r);
	if (!len || len % 4096 || offset % 4096)
		abort();
}

static void learn(const struct rpc_frame *f)
{
	struct wire_reader r;

	wire_reader_init(&r, f->body, f->body_len, NULL);
	switch (f->head.op) {
	case WIRE_ENUMERATE:
		if (wire_more(&r))
			for (peer.objects.num = 0; wire_more(&r);) {
				remember(&peer.objects, wire_get_u64(&r));
				get_one(&r, 't');
				get_one(&r, 'p');
			}
		break;
	case WIRE_OPEN:
		remember(&peer.handles, wire_get_u64(&r));
		break;
	case WIRE_TOKEN_OBJECT:
	case WIRE_HANDLE_OBJECT:
	case WIRE_OBJECT_OBJECT:
	case WIRE_OBJECT_AT:
		remember(&peer.sysobjects, wire_get_u64(&r));
		break;
	default:
		break;
	}
}

static void judge(const struct rpc_frame *f)
{
	const struct wire_op_info *op = wire_op_info(f->head.op);

	if (f->head.flags & WIRE_ONE_WAY) {
		if (!op || op->kind != WIRE_KIND_PUSH || f->head.id)
			abort();
		must_have_form(f, op->reply);
		must_be_pages(f);
		return;
	}
	if (!(f->head.flags & WIRE_REPLY) || !f->head.id || f->head.budget > FPGA_RECONF_ERROR)
		abort();
	peer.answered += !(f->head.flags & WIRE_MORE);
	if (!peer.raw && (f->head.id > peer.asked || peer.answered > peer.asked))
		abort();
	if (f->head.budget) {
		must_have_form(f, "s");
	} else {
		if (!op)
			abort();
		must_have_form(f, op->reply);
		learn(f);
	}
}

/* Also the session's own pump, when it finds no room to send. */
static void hear(void *ctx)
{
	struct rpc_frame f;
	SCOPED_LOCK(&peer.lock);

	(void)ctx;
	while (rpc_link_read(&peer.link, &f) == 1)
		judge(&f);
}

/* ---- what it is told ---- */

static void tell(const void *bytes, size_t len)
{
	struct iovec iov;

	memcpy(&iov.iov_base, &bytes, sizeof(bytes));
	iov.iov_len = len;
	if (len)
		peer.near->ops->send(peer.near, &iov, 1);
}

static void tell_frame(uint16_t op, uint32_t flags, uint64_t object, const void *body, size_t len)
{
	unsigned char head[WIRE_HEAD];
	uint32_t id = flags & WIRE_ONE_WAY ? 0 : ++peer.asked;

	wire_head_write(head, &(struct wire_head){ .size = (uint32_t)(WIRE_HEAD + len),
						   .op = op,
						   .flags = flags,
						   .id = id,
						   .object = object });
	tell(head, sizeof(head));
	tell(body, len);
}

static void say_hello(void)
{
	unsigned char body[64];
	struct wire_writer w;

	wire_writer_init(&w, body, sizeof(body), "uqqtuus");
	wire_put_u32(&w, WIRE_MAGIC);
	wire_put_u16(&w, WIRE_VERSION);
	wire_put_u16(&w, WIRE_VERSION);
	wire_put_u64(&w, WIRE_FEATURE_TRACKED);
	wire_put_u32(&w, WIRE_FRAME_MAX);
	wire_put_u32(&w, 16);
	wire_put_text(&w, "fuzz");
	tell_frame(WIRE_HELLO, 0, 0, body, w.len);
}

static uint64_t selected(uint8_t selector)
{
	const struct names *lists[] = { NULL, &peer.objects, &peer.handles, &peer.sysobjects };
	const struct names *n = selector < 0x40 ? lists[selector >> 4] : NULL;

	return n && (selector & 15u) < n->num ? n->at[selector & 15u] : selector;
}

/* Its bytes; 0: there is no more. */
static size_t one_piece(const uint8_t *data, size_t len, void (*happen)(uint8_t what))
{
	size_t head = data[0] < RAW ? 5 : data[0] == RAW ? 3 : 2, body = 0;

	if (len < head)
		return 0;
	if (data[0] <= RAW)
		body = (size_t)data[head - 2] | (size_t)data[head - 1] << 8;
	if (body > len - head)
		body = len - head;
	if (data[0] < RAW) {
		tell_frame(data[0], data[2], selected(data[1]), data + head, body);
	} else if (data[0] == RAW) {
		peer.raw = true;
		tell(data + head, body);
	} else if (happen) {
		happen(data[1]);
	}
	return head + body;
}

void session_peer_run(const struct rpc_served *served, const struct rpc_session_options *options,
		      void (*happen)(uint8_t what), const uint8_t *data, size_t len)
{
	struct transport *far;
	struct rpc_session *s;
	size_t n;

	if (!len)
		return;
	memset(&peer, 0, sizeof(peer));
	pthread_mutex_init(&peer.lock, NULL);
	if (loop_pair(ROOM, &peer.near, &far) || rpc_link_init(&peer.link, peer.near))
		abort();
	loop_set_pump(far, hear, NULL);
	if (rpc_session_new(far, served, options, &s))
		abort();
	if (!(data[0] & 1))
		say_hello();
	data++;
	len--;
	do {
		if (rpc_session_step(s))
			break;
		hear(NULL);
		n = len ? one_piece(data, len, happen) : 0;
		data += n;
		len -= n;
	} while (n);
	rpc_session_free(s);
	hear(NULL);
	rpc_link_done(&peer.link);
	pthread_mutex_destroy(&peer.lock);
}
