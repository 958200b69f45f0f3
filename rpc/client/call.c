/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A call's frame, and its outcome in words. The frame lies as it is sent, header first, in the struct call on
 * its caller's stack; the reply's body is copied next to it, because the link's own buffer is the next
 * reader's. Who waits, and who reads, is conn.c's business.
 */
#include "rpc/client/call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "rpc/client/conn.h"

void call_begin(struct call *c, struct conn *conn, enum wire_op op, uint64_t object)
{
	c->conn = conn;
	c->head = (struct wire_head){ .op = (uint16_t)op, .object = object };
	wire_writer_init(&c->body, c->room + WIRE_HEAD, CALL_ROOM, wire_op_info((uint16_t)op)->request);
	wire_reader_init(&c->reply, NULL, 0, NULL);
	c->timeout_ns = conn->timeout_ns;
	c->at_once = false;
	c->alive_at = NULL;
	c->data = NULL;
	c->data_len = 0;
	c->place = NULL;
	c->place_len = c->placed = 0;
	c->part = NULL;
	c->arrived = NULL;
	c->next = NULL;
	atomic_init(&c->state, CALL_OPEN);
	c->wake = -1;
	c->result = FPGA_OK;
	c->error = 0;
	c->more = c->answer = NULL;
}

void call_room(struct call *c, size_t len)
{
	const char *form = c->body.form;

	if (len <= CALL_ROOM)
		return;
	c->more = len > WIRE_FRAME_MAX ? NULL : malloc(WIRE_HEAD + len);
	wire_writer_init(&c->body, c->more ? c->more + WIRE_HEAD : c->room + WIRE_HEAD, c->more ? len : 0,
			 form);
	c->body.bad = !c->more;
}

static fpga_result unfit(const struct call *c)
{
	if (c->body.bad && c->body.room == 0)
		return say_host(c->conn, FPGA_NO_MEMORY, "no memory for the request");
	return say_host(c->conn, FPGA_INVALID_PARAM,
			"%s: the request is larger than what the server takes, %u bytes",
			wire_op_info(c->head.op)->name, c->conn->link.peer_max);
}

static bool fits(const struct call *c)
{
	return !c->body.bad && c->body.len + c->data_len <= c->conn->link.peer_max - WIRE_HEAD;
}

/* The reply may take long, but who takes nothing for the usual time has gone; and others wait to send. */
static int64_t send_by(const struct call *c)
{
	return c->timeout_ns > c->conn->timeout_ns ? clock_deadline(c->conn->timeout_ns) : c->deadline;
}

static int send(struct call *c)
{
	unsigned char *frame = c->more ? c->more : c->room;
	struct iovec iov[2] = { { frame, WIRE_HEAD + c->body.len } };
	int iovs = 1;

	c->head.size = (uint32_t)(WIRE_HEAD + c->body.len + c->data_len);
	wire_head_write(frame, &c->head);
	if (c->data_len) {
		memcpy(&iov[1].iov_base, &c->data, sizeof(c->data));
		iov[1].iov_len = c->data_len;
		iovs++;
	}
	return conn_send(c->conn, iov, iovs, send_by(c), c->at_once);
}

#define BUSY_NAP_NS (50 * NS_PER_US)
#define SHORT_FRAME 128u /* bytes, of those that are sent together */

/* A place among the requests under way; there are WIRE_CALLS_MAX at most, so who comes then waits. */
static int enter(struct call *c)
{
	int rc;

	for (;;) {
		rc = conn_enter(c->conn, c);
		if (rc != -EAGAIN || c->at_once || clock_now_ns() >= c->deadline)
			return rc;
		clock_sleep_ns(BUSY_NAP_NS);
	}
}

static uint32_t budget_ms(int64_t ns)
{
	int64_t ms = ns / NS_PER_MS;

	return ms < 1 ? 1 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

fpga_result call_start(struct call *c)
{
	fpga_result r = conn_check(c->conn);
	int rc;

	if (r != FPGA_OK)
		return r;
	if (!fits(c))
		return unfit(c);
	c->deadline = clock_deadline(c->timeout_ns);
	c->head.budget = budget_ms(c->timeout_ns);
	rc = enter(c);
	if (rc == -EAGAIN)
		return say_host(c->conn, FPGA_BUSY, "too many calls wait for their replies");
	if (rc)
		return conn_check(c->conn);
	rc = send(c);
	if (rc == -EAGAIN) {
		conn_leave(c->conn, c);
		return say_host(c->conn, FPGA_BUSY, "it takes nothing at the moment");
	}
	if (rc)
		conn_await(c->conn, c); /* it is lost, so this ends as soon as no reader has the call */
	return rc ? conn_check(c->conn) : FPGA_OK;
}

static fpga_result enter_all(struct call *calls, unsigned int num)
{
	int rc = 0;

	for (unsigned int i = 0; i < num && !rc; i++) {
		struct call *c = &calls[i];

		c->deadline = clock_deadline(c->timeout_ns);
		c->head.budget = budget_ms(c->timeout_ns);
		rc = enter(c);
		while (rc && i)
			conn_leave(c->conn, &calls[--i]);
	}
	if (rc == -EAGAIN)
		return say_host(calls->conn, FPGA_BUSY, "too many calls wait for their replies");
	return rc ? conn_check(calls->conn) : FPGA_OK;
}

fpga_result call_start_all(struct call *calls, unsigned int num)
{
	unsigned char frames[CALLS_AT_ONCE * SHORT_FRAME];
	struct iovec iov = { .iov_base = frames };
	fpga_result r = conn_check(calls->conn);

	for (unsigned int i = 0; i < num && r == FPGA_OK; i++)
		if (!fits(&calls[i]) || calls[i].body.len > SHORT_FRAME - WIRE_HEAD || num > CALLS_AT_ONCE)
			return unfit(&calls[i]);
	if (r == FPGA_OK)
		r = enter_all(calls, num);
	if (r != FPGA_OK)
		return r;
	for (unsigned int i = 0; i < num; i++) {
		struct call *c = &calls[i];

		c->head.size = (uint32_t)(WIRE_HEAD + c->body.len);
		wire_head_write(c->room, &c->head);
		memcpy(frames + iov.iov_len, c->room, c->head.size);
		iov.iov_len += c->head.size;
	}
	if (!conn_send(calls->conn, &iov, 1, send_by(calls), false))
		return FPGA_OK;
	for (unsigned int i = 0; i < num; i++)
		conn_await(calls->conn, &calls[i]);
	return conn_check(calls->conn);
}

/* What the far side says goes to terminals and logs. */
static void plain(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = ' ';
}

static fpga_result refused(struct call *c)
{
	char why[WIRE_REASON_MAX] = "";
	struct wire_text t = wire_get_text(&c->reply);
	size_t len = t.len < sizeof(why) ? t.len : sizeof(why) - 1;

	memcpy(why, t.at, len);
	plain(why);
	if (!*why)
		return say_host(c->conn, c->result, "%s failed, and the server gave no reason",
				wire_op_info(c->head.op)->name);
	return say_host(c->conn, c->result, "%s%s", why, strchr(why, '`') ? " (on that machine)" : "");
}

static fpga_result outcome(struct call *c)
{
	if (c->result == FPGA_OK)
		return FPGA_OK;
	if (c->reply.at)
		return refused(c);
	if (c->result == FPGA_NO_MEMORY)
		return say_host(c->conn, FPGA_NO_MEMORY, "no memory for the reply");
	if (conn_check(c->conn) != FPGA_OK)
		return FPGA_EXCEPTION;
	if (c->error == ETIMEDOUT)
		return say_host(c->conn, FPGA_EXCEPTION, "no answer to %s within %lld ms",
				wire_op_info(c->head.op)->name,
				(long long)(c->timeout_ns / NS_PER_MS));
	return say_host(c->conn, FPGA_EXCEPTION, "the answer to %s makes no sense",
			wire_op_info(c->head.op)->name);
}

fpga_result call_finish(struct call *c)
{
	conn_await(c->conn, c);
	return outcome(c);
}

fpga_result call_run(struct call *c)
{
	fpga_result r = call_start(c);

	return r == FPGA_OK ? call_finish(c) : r;
}

fpga_result call_post(struct call *c)
{
	fpga_result r = conn_check(c->conn);

	if (r != FPGA_OK)
		return r;
	if (!fits(c))
		return unfit(c);
	c->deadline = clock_deadline(c->timeout_ns);
	c->head.flags = WIRE_ONE_WAY;
	return send(c) ? conn_check(c->conn) : FPGA_OK;
}

fpga_result call_end(struct call *c, fpga_result r)
{
	if (c->more)
		free(c->more);
	if (c->answer)
		free(c->answer);
	c->more = c->answer = NULL;
	if (r == FPGA_OK && c->reply.bad)
		return say_host(c->conn, FPGA_EXCEPTION, "the answer to %s is too short",
				wire_op_info(c->head.op)->name);
	return r;
}
