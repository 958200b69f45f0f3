/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way of a request: is it lawful, which object does it name, may the peer do that with it, must it wait
 * for another; then its handler, and the reply. One that names an object that is not known here begins anew
 * when that was looked for. Rights are judged here and nowhere else. A register read
 * takes no lock on this way but the link's own for sending, and allocates nothing.
 */
#include "rpc/server/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

typedef fpga_result (*handler)(struct rpc_session *s, struct request *q);

#define HANDLER_CALL(number, name) [number] = serve_##name,
#define HANDLER_POST(number, name) [number] = serve_##name,
#define HANDLER_LONG(number, name) [number] = serve_##name,
#define HANDLER_WAIT(number, name) /* polls_begin() */
#define HANDLER_PUSH(number, name)
static const handler handlers[] = {
#define OP(number, name, on, kind, right, req, rep) HANDLER_##kind(number, name)
#include "wire/ops.def"
#undef OP
};

/* ---- requests ---- */

void request_init(struct rpc_session *s, struct request *q, const struct wire_head *head, const void *body,
		  size_t len, void *room, size_t room_len)
{
	const struct wire_op_info *op = wire_op_info(head->op);
	size_t most = s->link.peer_max - WIRE_HEAD;

	q->head = *head;
	wire_reader_init(&q->in, body, len, op ? op->request : NULL);
	wire_writer_init(&q->out, room, room_len < most ? room_len : most, op ? op->reply : NULL);
	q->token = NULL;
	q->handle = NULL;
	q->object = NULL;
	q->placed = NULL;
	q->placed_len = 0;
	q->data = NULL;
	q->data_len = 0;
	q->replied = false;
	q->begun = 0;
	q->error = 0;
	memset(&q->refusal, 0, sizeof(q->refusal));
	q->why[0] = '\0';
}

fpga_result request_carry_out(struct rpc_session *s, struct request *q)
{
	return handlers[q->head.op](s, q);
}

fpga_result request_fail(struct request *q, fpga_result r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(q->why, sizeof(q->why), fmt, ap);
	va_end(ap);
	return r;
}

void request_names(struct request *q, const char *what, uint64_t id)
{
	q->refusal = (struct rpc_refusal){ .what = what, .id = id };
}

void request_lacks(struct request *q, uint32_t right)
{
	q->refusal = (struct rpc_refusal){ .right = right };
}

/* Whoever serves wants to know of that. */
static void tell_refusal(struct rpc_session *s, struct request *q)
{
	if (!s->options.refused || (!q->refusal.what && !q->refusal.right))
		return;
	q->refusal.op = wire_op_info(q->head.op)->name;
	s->options.refused(s->options.ctx, &q->refusal);
}

fpga_result request_bad(struct request *q)
{
	return request_fail(q, FPGA_INVALID_PARAM, "%s: its body is cut short, or holds what cannot be",
			    wire_op_info(q->head.op)->name);
}

struct deferred *request_defer(const struct request *q)
{
	struct deferred *d = malloc(sizeof(*d) + q->in.room);

	if (!d)
		return NULL;
	d->next = NULL;
	d->head = q->head;
	d->len = q->in.room;
	memcpy(d->body, q->in.at, q->in.room);
	return d;
}

static int send_reply(struct rpc_session *s, const struct request *q, fpga_result r, uint32_t flags)
{
	struct wire_head head = { .op = q->head.op, .flags = WIRE_REPLY | flags, .id = q->head.id,
				  .object = q->head.object, .budget = (uint32_t)r,
				  .error = (uint32_t)q->error };
	bool ok = r == FPGA_OK;

	return rpc_link_send(&s->link, &head, q->out.at, q->out.len, ok ? q->data : NULL,
			     ok ? q->data_len : 0,
			     q->begun ? q->begun + SEND_NS : clock_deadline(SEND_NS));
}

int request_more(struct rpc_session *s, struct request *q)
{
	int rc = q->out.bad ? -EMSGSIZE : send_reply(s, q, FPGA_OK, WIRE_MORE);

	wire_writer_init(&q->out, q->out.at, q->out.room, q->out.form);
	return rc;
}

/* Why it failed: what the handler said, else what the served table did. */
static void write_reason(struct rpc_session *s, struct request *q)
{
	const char *why = q->why[0] || !s->served->detail ? q->why : s->served->detail();
	char cut[WIRE_REASON_MAX];

	snprintf(cut, sizeof(cut), "%s", why ? why : "");
	wire_writer_init(&q->out, q->out.at, q->out.room, "s");
	wire_put_text(&q->out, cut);
}

int request_reply(struct rpc_session *s, struct request *q, fpga_result r)
{
	if (r == FPGA_OK && (q->out.bad || q->out.len + q->data_len > s->link.peer_max - WIRE_HEAD))
		r = request_fail(q, FPGA_INVALID_PARAM, "%s: the answer is longer than the peer takes",
				 wire_op_info(q->head.op)->name);
	if (r != FPGA_OK) {
		counts_add_shared(s->counts, RPC_FAILED, 1);
		write_reason(s, q);
		tell_refusal(s, q);
	}
	return send_reply(s, q, r, 0);
}

/* ---- judging ---- */

/* What no peer of ours sends ends the connection. */
static int lawful(struct rpc_session *s, const struct wire_head *h, const struct wire_op_info *op)
{
	bool one_way = h->flags & WIRE_ONE_WAY;

	if (h->flags & WIRE_REPLY)
		return session_break(s, -EPROTO, "the peer sent a reply, and was asked nothing");
	if (!one_way && !h->id)
		return session_break(s, -EPROTO, "a request has the id 0");
	if (op && op->kind == WIRE_KIND_PUSH)
		return session_break(s, -EPROTO, "the peer sent %s, which is the server's to send", op->name);
	if (op && one_way && op->kind != WIRE_KIND_POST)
		return session_break(s, -EPROTO, "the peer sent %s one-way, which has a reply", op->name);
	return 0;
}

static fpga_result find_token(struct rpc_session *s, struct request *q)
{
	q->token = session_token(s, q->head.object);
	if (!q->token)
		request_names(q, "object", q->head.object);
	return q->token ? FPGA_OK
			: request_fail(q, FPGA_NOT_FOUND, "there is no object 0x%llx here",
				       (unsigned long long)q->head.object);
}

/* What the request names; *rights is what the peer may do with it. */
static fpga_result find(struct rpc_session *s, struct request *q, const struct wire_op_info *op,
			uint32_t *rights)
{
	fpga_result r = FPGA_OK;

	switch (op->on) {
	case WIRE_ON_TOKEN:
		r = find_token(s, q);
		*rights = q->token ? q->token->rights : 0;
		return r;
	case WIRE_ON_HANDLE:
		q->handle = session_handle(s, q->head.object);
		if (!q->handle) {
			request_names(q, "handle", q->head.object);
			return request_fail(q, FPGA_INVALID_PARAM, "there is no open handle 0x%llx",
					    (unsigned long long)q->head.object);
		}
		*rights = q->handle->rights;
		return FPGA_OK;
	case WIRE_ON_OBJECT:
		q->object = objects_find(s, q->head.object);
		if (!q->object) {
			request_names(q, "sysobject", q->head.object);
			return request_fail(q, FPGA_INVALID_PARAM, "there is no sysobject 0x%llx",
					    (unsigned long long)q->head.object);
		}
		*rights = objects_rights(q->object);
		return FPGA_OK;
	default:
		if (op->right != WIRE_RIGHT_ANY)
			*rights = s->options.rights_here ? s->options.rights_here(s->options.ctx) : 0;
		return FPGA_OK;
	}
}

static fpga_result admit(struct rpc_session *s, struct request *q, const struct wire_op_info *op)
{
	uint32_t rights = 0;
	fpga_result r = find(s, q, op, &rights);

	if (r != FPGA_OK || !(op->right & ~rights))
		return r;
	counts_add_shared(s->counts, RPC_DENIED, 1);
	request_lacks(q, op->right);
	return request_fail(q, FPGA_NO_ACCESS, "%s needs \"%s\", which the policy does not allow",
			    op->name, wire_right_name(op->right));
}

/* ---- carrying out ---- */

/* The first failure of what was posted is kept for who asks next; the client is told that there is one. */
static void keep_posted(struct rpc_session *s, struct request *q, fpga_result r)
{
	struct session_handle *h = q->handle;
	const char *detail;

	counts_add_shared(s->counts, RPC_FAILED, 1);
	if (!h || h->posted)
		return;
	detail = q->why[0] || !s->served->detail ? q->why : s->served->detail();
	h->posted = r;
	snprintf(h->posted_why, sizeof(h->posted_why), "posted %s: %.480s", wire_op_info(q->head.op)->name,
		 detail ? detail : "");
	session_push(s, WIRE_FAILED, h->id, NULL, 0, NULL, 0);
}

/* A posted frame of this handle failed, and who asks next is told instead of being served. */
static bool posted_failed(struct request *q, fpga_result *r)
{
	struct session_handle *h = q->handle;

	/* HOLD and EXPOSE are not the program's: nobody would be told */
	if (!h || !h->posted || q->head.flags & WIRE_ONE_WAY || q->head.op == WIRE_CLOSE ||
	    q->head.op == WIRE_HOLD || q->head.op == WIRE_EXPOSE)
		return false;
	*r = request_fail(q, h->posted, "%s", h->posted_why);
	h->posted = FPGA_OK;
	return true;
}

/* Not at once, or not here. *later: somebody else will reply. */
static fpga_result begin_apart(struct rpc_session *s, struct request *q, const struct wire_op_info *op,
			       bool *later)
{
	fpga_result r;

	if (op->kind == WIRE_KIND_WAIT)
		return polls_begin(s, q, later);
	if (op->kind == WIRE_KIND_LONG)
		return long_begin(s, q, later);
	lister_listed(s);
	if (!s->threads)
		return handlers[op->number](s, q);
	r = lister_enqueue(s, q);
	*later = r == FPGA_OK;
	return r;
}

/* What the request has to stand behind in the queue of; NULL: nothing. */
static struct session_handle *held_up_by(struct rpc_session *s, const struct request *q)
{
	if (q->handle)
		return handle_held_up(s, q->handle, q->head.op) ? q->handle : NULL;
	return q->head.op == WIRE_OPEN ? handle_being_closed(s, q->token->id) : NULL;
}

fpga_result request_too_many(struct rpc_session *s, struct request *q)
{
	return request_fail(q, FPGA_BUSY, "%u calls are under way, and no more were agreed on", s->under_way);
}

/* Begins the request, or carries it out. */
static fpga_result begin(struct rpc_session *s, struct request *q, const struct wire_op_info *op, bool *later)
{
	struct session_handle *held_up = held_up_by(s, q);
	bool apart = op->kind == WIRE_KIND_LONG || op->kind == WIRE_KIND_WAIT || op->number == WIRE_ENUMERATE;
	fpga_result r;

	if (held_up && q->head.flags & WIRE_ONE_WAY) {
		r = handle_make_room(s, q);
		if (r != FPGA_OK)
			return r;
		held_up = held_up_by(s, q);
	}
	if (!held_up && posted_failed(q, &r))
		return r;
	if (!held_up && !apart)
		return handlers[op->number](s, q);
	if (s->under_way >= s->max_calls && (held_up || op->number != WIRE_CLOSE)) /* what ends can always */
		return request_too_many(s, q);
	if (!held_up)
		return begin_apart(s, q, op, later);
	*later = true;
	return handle_enqueue(s, held_up, q);
}

/* An object id that is unknown may be new: it is looked for, once. *later: and that is what is done now. */
static fpga_result look_first(struct rpc_session *s, struct request *q, bool *later)
{
	fpga_result r;

	if (!s->threads) {
		lister_look_now(s);
		return FPGA_OK;
	}
	if (s->under_way >= s->max_calls)
		return request_too_many(s, q);
	r = lister_enqueue(s, q);
	*later = r == FPGA_OK;
	return r;
}

static enum rpc_class class_of(const struct wire_op_info *op)
{
	if (op->kind == WIRE_KIND_LONG)
		return RPC_CLASS_MANAGE;
	if ((op->number >= WIRE_READ64 && op->number <= WIRE_READ_BLOCK) || op->number == WIRE_RESET)
		return RPC_CLASS_MMIO;
	if (op->number >= WIRE_PREPARE && op->number <= WIRE_WRITEBACK)
		return RPC_CLASS_BUFFER;
	return RPC_CLASS_OTHER;
}

/* The clock is read once: who waits for the next frame begins with this. */
static void note_served(struct rpc_session *s, const struct wire_op_info *op, int64_t begun)
{
	s->left = clock_now_ns();
	counts_time(s->counts, class_of(op), s->left - begun);
}

/* A buffer that was just released may be named in good faith. */
static void end_posted(struct rpc_session *s, struct request *q, fpga_result r)
{
	if (!q->handle || q->refusal.right)
		tell_refusal(s, q);
	keep_posted(s, q, r);
}

static int serve(struct rpc_session *s, struct request *q, const struct wire_op_info *op, bool looked)
{
	bool one_way = q->head.flags & WIRE_ONE_WAY, later = false;
	bool look = op->on == WIRE_ON_TOKEN && !looked && !session_token(s, q->head.object);
	fpga_result r = look ? look_first(s, q, &later) : FPGA_OK;
	int rc = 0;

	if (r == FPGA_OK && !later)
		r = admit(s, q, op);
	if (r == FPGA_OK && !later)
		r = begin(s, q, op, &later);
	if (r == FPGA_OK && later)
		return 0;
	if (!one_way)
		rc = q->replied ? 0 : request_reply(s, q, r);
	else if (r != FPGA_OK)
		end_posted(s, q, r);
	note_served(s, op, q->begun);
	return rc;
}

int session_request(struct rpc_session *s, const struct rpc_frame *f, bool looked)
{
	const struct wire_op_info *op = wire_op_info(f->head.op);
	struct request q;

	request_init(s, &q, &f->head, f->body, f->body_len, s->out, WIRE_FRAME_MAX - WIRE_HEAD);
	q.placed = f->placed;
	q.placed_len = f->placed_len;
	q.begun = s->came ? s->came : clock_now_ns();
	s->came = 0;
	if (op)
		return serve(s, &q, op, looked);
	if (f->head.flags & WIRE_ONE_WAY)
		return 0;
	return request_reply(s, &q, request_fail(&q, FPGA_NOT_SUPPORTED, "message %u is not known here",
						 f->head.op));
}

int session_dispatch(struct rpc_session *s, const struct rpc_frame *f)
{
	uint64_t frames = atomic_load_explicit(&s->frames, memory_order_relaxed);
	int rc;

	atomic_store_explicit(&s->frames, frames + 1, memory_order_relaxed); /* nobody else counts */
	if (!s->greeted)
		return session_hello(s, f);
	rc = lawful(s, &f->head, wire_op_info(f->head.op));
	if (rc)
		return rc;
	if (atomic_load(&s->chores))
		session_chores(s);
	return session_request(s, f, false);
}
