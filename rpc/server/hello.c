/* SPDX-License-Identifier: BSD-3-Clause */
/* HELLO, by which two ends agree on how they talk; and what is about sessions rather than devices. */
#include "rpc/server/session.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define SOFTWARE "opaed " PROJECT_VERSION

/* What a client says in HELLO. */
struct hello {
	uint32_t magic, max_frame, calls;
	uint16_t lowest, highest;
	uint64_t features;
	char program[128];
};

static bool hello_read(struct wire_reader *r, struct hello *h)
{
	struct wire_text program;

	h->magic = wire_get_u32(r);
	h->lowest = wire_get_u16(r);
	h->highest = wire_get_u16(r);
	h->features = wire_get_u64(r);
	h->max_frame = wire_get_u32(r);
	h->calls = wire_get_u32(r);
	program = wire_get_text(r);
	snprintf(h->program, sizeof(h->program), "%.*s", (int)program.len, program.at);
	return !r->bad;
}

static fpga_result agree(struct rpc_session *s, const struct hello *h, struct request *q)
{
	if (h->lowest > WIRE_VERSION || h->highest < WIRE_VERSION)
		return request_fail(q, FPGA_NOT_SUPPORTED,
				    "this server (" SOFTWARE ") speaks version %u of the protocol, and the "
				    "client %u to %u: update the older of the two",
				    WIRE_VERSION, h->lowest, h->highest);
	if (h->max_frame < WIRE_FRAME_MIN)
		return request_fail(q, FPGA_INVALID_PARAM, "frames of %u bytes are too short: %u at least",
				    h->max_frame, WIRE_FRAME_MIN);
	s->link.peer_max = h->max_frame < WIRE_FRAME_MAX ? h->max_frame : WIRE_FRAME_MAX;
	s->max_calls = h->calls < s->options.max_calls ? h->calls : s->options.max_calls;
	if (!s->max_calls)
		s->max_calls = 1;
	s->features = h->features & (WIRE_FEATURE_TRACKED | (s->options.exposer ? WIRE_FEATURE_FABRIC : 0));
	wire_put_u16(&q->out, WIRE_VERSION);
	wire_put_u64(&q->out, s->features);
	wire_put_u32(&q->out, WIRE_FRAME_MAX);
	wire_put_u32(&q->out, s->max_calls);
	wire_put_text(&q->out, SOFTWARE);
	wire_put_text(&q->out, s->options.host ? s->options.host : "");
	wire_put_text(&q->out, s->options.principal ? s->options.principal : "");
	return FPGA_OK;
}

int session_hello(struct rpc_session *s, const struct rpc_frame *f)
{
	struct request q;
	struct hello h;
	fpga_result r;
	int rc;

	if (f->head.op != WIRE_HELLO || f->head.flags & (WIRE_REPLY | WIRE_ONE_WAY) || !f->head.id)
		return session_break(s, -EPROTO, "the peer did not say HELLO first");
	request_init(s, &q, &f->head, f->body, f->body_len, s->out, WIRE_FRAME_MIN - WIRE_HEAD);
	if (!hello_read(&q.in, &h) || h.magic != WIRE_MAGIC)
		return session_break(s, -EPROTO, "the peer's HELLO is none: it speaks another protocol");
	r = agree(s, &h, &q);
	rc = request_reply(s, &q, r);
	if (rc)
		return rc;
	if (r != FPGA_OK)
		return session_break(s, -EPROTO, "%s", q.why);
	s->greeted = true;
	pthread_mutex_lock(&s->info_lock);
	s->since = clock_now_ns();
	snprintf(s->program, sizeof(s->program), "%s", h.program);
	pthread_mutex_unlock(&s->info_lock);
	return 0;
}

fpga_result serve_HELLO(struct rpc_session *s, struct request *q)
{
	(void)s;
	return request_fail(q, FPGA_INVALID_PARAM, "HELLO is the first frame alone");
}

fpga_result serve_PING(struct rpc_session *s, struct request *q)
{
	(void)s;
	(void)q;
	return FPGA_OK;
}

struct sessions_reply {
	struct rpc_session *s;
	struct request *q;
};

#define SESSION_GROUP_MAX 512u

static void put_session(void *arg, const struct rpc_session_info *info)
{
	struct sessions_reply *reply = arg;
	struct wire_writer *out = &reply->q->out;

	if (out->room - out->len < SESSION_GROUP_MAX)
		request_more(reply->s, reply->q);
	wire_put_u32(out, info->id);
	wire_put_text(out, info->principal);
	wire_put_text(out, info->peer);
	wire_put_text(out, info->program);
	wire_put_u64(out, info->seconds);
	wire_put_u64(out, info->frames);
	wire_put_u32(out, info->handles);
	wire_put_u64(out, info->pinned);
}

fpga_result serve_SESSIONS(struct rpc_session *s, struct request *q)
{
	struct sessions_reply reply = { s, q };

	if (!s->options.sessions)
		return request_fail(q, FPGA_NOT_SUPPORTED, "this server knows of no other sessions");
	return s->options.sessions(s->options.ctx, put_session, &reply);
}

fpga_result serve_KICK(struct rpc_session *s, struct request *q)
{
	uint32_t id = wire_get_u32(&q->in);
	fpga_result r;

	if (q->in.bad)
		return request_bad(q);
	if (!s->options.kick)
		return request_fail(q, FPGA_NOT_SUPPORTED, "this server knows of no other sessions");
	r = s->options.kick(s->options.ctx, id);
	if (r == FPGA_NOT_FOUND)
		request_names(q, "session", id);
	return r == FPGA_NOT_FOUND ? request_fail(q, r, "there is no session %u", id) : r;
}
