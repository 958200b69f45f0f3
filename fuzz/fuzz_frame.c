/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes from a peer, through a link over the loop-back: what comes out of it must not depend on how they were
 * cut, must lie inside the frame, and every body is read by its message's form; what could be read is written
 * again and must come out as it was.
 *
 * Input: a byte that says in which pieces the rest arrives, then the bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fuzz/target.h"
#include "rpc/link.h"
#include "transport/loop.h"
#include "wire/codec.h"
#include "wire/ops.h"
#include "wire/props.h"

#define ROOM 65536u
#define FRAMES_MAX 512u
#define PLACED_MAX 16384u

/* What a run over the bytes gave. */
struct run {
	uint64_t frames[FRAMES_MAX]; /* a number for each, of all that is in it */
	unsigned int num;
	int end; /* what the link said last */
	void *place;
	size_t place_len;
};

static void must(int ok)
{
	if (!ok)
		abort();
}

static uint64_t mix(uint64_t h, const void *at, size_t len)
{
	const unsigned char *p = at;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* ---- bodies ---- */

static void one_props(struct wire_reader *r, struct wire_writer *w)
{
	unsigned char block[1024];
	struct opae_props p, again;
	struct wire_writer b;
	struct wire_reader back;
	size_t at = r->len;

	wire_get_props(r, &p);
	if (r->bad)
		return;
	must(p.parent == NULL && memchr(p.hostname, 0, sizeof(p.hostname)) != NULL);
	wire_writer_init(&b, block, sizeof(block), "p");
	wire_put_props(&b, &p);
	wire_reader_init(&back, block, b.len, "p");
	wire_get_props(&back, &again);
	must(!b.bad && !back.bad);
	must(!memcmp(&p, &again, sizeof(p)));
	/* What is behind what we know of a block is dropped, so the bytes are taken as they came. */
	wire_put_block(w, r->at + at + 2, r->len - at - 2);
}

static void one(char type, struct wire_reader *r, struct wire_writer *w)
{
	char text[WIRE_STRING_MAX + 1];
	unsigned char guid[16];
	const void *bytes;
	size_t len;

	switch (type) {
	case 'y':
		wire_put_u8(w, wire_get_u8(r));
		break;
	case 'q':
		wire_put_u16(w, wire_get_u16(r));
		break;
	case 'u':
		wire_put_u32(w, wire_get_u32(r));
		break;
	case 't':
		wire_put_u64(w, wire_get_u64(r));
		break;
	case 'g':
		wire_get_guid(r, guid);
		wire_put_guid(w, guid);
		break;
	case 's':
		wire_get_string(r, text, sizeof(text));
		wire_put_text(w, text);
		break;
	case 'b':
		bytes = wire_get_bytes(r, &len);
		wire_put_bytes(w, bytes ? bytes : "", len);
		break;
	default:
		one_props(r, w);
	}
}

static void read_body(const char *form, const unsigned char *body, size_t len)
{
	static unsigned char out[ROOM];
	struct wire_reader r;
	struct wire_writer w;
	const char *group = strchr(form, '(');

	wire_reader_init(&r, body, len, form);
	wire_writer_init(&w, out, sizeof(out), NULL);
	for (const char *at = form; *at && *at != '('; at++)
		one(*at, &r, &w);
	while (group && wire_more(&r))
		for (const char *at = group + 1; *at != ')'; at++)
			one(*at, &r, &w);
	must(r.len <= len);
	if (!r.bad)
		must(!w.bad && w.len == r.len && !memcmp(out, body, r.len));
}

static const char *form_of(const struct wire_head *h)
{
	const struct wire_op_info *op = wire_op_info(h->op);

	if (!op)
		return "";
	if (!(h->flags & WIRE_REPLY))
		return op->kind == WIRE_KIND_PUSH ? op->reply : op->request;
	return h->budget ? "s" : op->reply;
}

/* ---- frames ---- */

/* Memory of just that length, so that a sanitizer sees one byte too many. */
static void *sink(void *ctx, const struct wire_head *head, const unsigned char *fixed, size_t fixed_len,
		  size_t len)
{
	struct run *run = ctx;

	must(fixed_len < head->size && len <= head->size - WIRE_HEAD - fixed_len);
	if (len > PLACED_MAX || fixed[0] & 1)
		return NULL;
	free(run->place);
	run->place = malloc(len);
	run->place_len = len;
	must(run->place != NULL);
	return run->place;
}

static void take(struct run *run, const struct rpc_frame *f)
{
	static unsigned char whole[WIRE_FRAME_MAX];
	size_t len = f->body_len + f->placed_len;

	must(f->head.head + len == f->head.size && f->head.size <= WIRE_FRAME_MAX);
	must(!f->placed || (f->placed == run->place && f->placed_len == run->place_len));
	memcpy(whole, f->body, f->body_len);
	if (f->placed)
		memcpy(whole + f->body_len, f->placed, f->placed_len);
	read_body(form_of(&f->head), whole, len);
	if (run->num < FRAMES_MAX)
		run->frames[run->num++] = mix(mix(len, &f->head, sizeof(f->head)), whole, len);
}

static void feed(struct run *run, const uint8_t *data, size_t len, size_t piece)
{
	struct transport *near_end, *far_end;
	struct rpc_link link;
	struct rpc_frame f;

	must(!loop_pair(ROOM, &near_end, &far_end) && !rpc_link_init(&link, near_end));
	link.sink = sink;
	link.sink_ctx = run;
	for (size_t at = 0, n; !run->end && at < len; at += n) {
		struct iovec iov = { NULL, 0 };

		n = piece < len - at ? piece : len - at;
		iov.iov_base = malloc(n);
		iov.iov_len = n;
		must(iov.iov_base != NULL);
		memcpy(iov.iov_base, data + at, n);
		must(far_end->ops->send(far_end, &iov, 1) == (ssize_t)n);
		free(iov.iov_base);
		while ((run->end = rpc_link_read(&link, &f)) == 1)
			take(run, &f);
	}
	transport_free(far_end);
	while (!run->end)
		run->end = rpc_link_read(&link, &f);
	must(run->end < 0);
	must(rpc_link_next(&link, &f, 0, clock_deadline(NS_PER_S)) == run->end);
	rpc_link_done(&link);
	free(run->place);
	run->place = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct run pieces, whole;

	if (!len || len > ROOM)
		return 0;
	memset(&pieces, 0, sizeof(pieces));
	memset(&whole, 0, sizeof(whole));
	feed(&pieces, data + 1, len - 1, 1 + (size_t)data[0] * data[0] / 16);
	feed(&whole, data + 1, len - 1, ROOM);
	must(pieces.num == whole.num && pieces.end == whole.end);
	must(!memcmp(pieces.frames, whole.frames, pieces.num * sizeof(pieces.frames[0])));
	return 0;
}
