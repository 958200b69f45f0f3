/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon-client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/emu-dir.h"
#include "base/opaed-socket.h"
#include "far-hosts.h"
#include "opae.h"
#include "transport/dial.h"
#include "wire/utf8.h"

#define PATIENCE_NS (5 * NS_PER_S)

/* ---- one call ---- */

static fpga_result lost(const struct daemon_client *c, int rc)
{
	char why[TLS_WHY_MAX];

	tls_why(c->link.t, why);
	fprintf(stderr, "opae: opaed at %s: %s\n", c->where,
		*why		 ? why :
		rc == -ETIMEDOUT ? "no answer within 5 s" :
		rc == -EPIPE	 ? "it has closed the connection; its log tells why" :
				   strerror(-rc));
	return FPGA_EXCEPTION;
}

static fpga_result refused(const struct daemon_client *c, const struct rpc_frame *f)
{
	char why[WIRE_REASON_MAX + 1], shown[4 * sizeof(why)];
	struct wire_reader r;

	wire_reader_init(&r, f->body, f->body_len, "s");
	wire_get_string(&r, why, sizeof(why));
	utf8_escape(r.bad || !*why ? fpgaErrStr((fpga_result)f->head.budget) : why, shown, sizeof(shown));
	fprintf(stderr, "opae: opaed at %s: %s\n", c->where, shown);
	return f->head.budget ? (fpga_result)f->head.budget : FPGA_EXCEPTION;
}

/* The next frame of the reply to `id`; others, as news of devices, are passed over. */
static int next_of(struct daemon_client *c, uint32_t id, struct rpc_frame *f, int64_t deadline)
{
	int rc;

	do /* who sends without end must not keep us either */
		rc = clock_left_ms(deadline) ? rpc_link_next(&c->link, f, 0, deadline) : -ETIMEDOUT;
	while (!rc && (!(f->head.flags & WIRE_REPLY) || f->head.id != id));
	return rc;
}

fpga_result daemon_call(struct daemon_client *c, enum wire_op op, const struct wire_writer *body,
			void (*part)(void *ctx, struct wire_reader *reply), void *ctx)
{
	struct wire_head head = { .op = (uint16_t)op, .id = ++c->last_id };
	int64_t deadline = clock_deadline(PATIENCE_NS);
	struct wire_reader reply;
	struct rpc_frame f;
	int rc = rpc_link_send(&c->link, &head, body ? body->at : NULL, body ? body->len : 0, NULL, 0,
			       deadline);

	if (rc && rc != -EPIPE) /* who closed has maybe said why */
		return lost(c, rc);
	do {
		rc = next_of(c, head.id, &f, deadline);
		if (rc)
			return lost(c, rc);
		if (f.head.budget)
			return refused(c, &f);
		wire_reader_init(&reply, f.body, f.body_len, wire_op_info((uint16_t)op)->reply);
		if (part)
			part(ctx, &reply);
		if (reply.bad)
			return lost(c, -EPROTO);
	} while (f.head.flags & WIRE_MORE);
	return FPGA_OK;
}

/* ---- connecting ---- */

static void put_path(struct address *a, const char *path)
{
	*a = (struct address){ .kind = ADDRESS_UNIX };
	snprintf(a->path, sizeof(a->path), "%s", path);
}

/* Could somebody else have put the socket there? */
static bool is_ours(const char *path)
{
	char folder[ADDRESS_PATH_MAX];

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	if (emu_dir_trusted(folder))
		return true;
	fprintf(stderr, "opae: %s is not a directory that only this user can write to; remove it, or say "
			"where opaed is with --to DAEMON\n", folder);
	return false;
}

/* This user's daemon where its socket is, else root's. */
static bool choose(struct address *a)
{
	char own[ADDRESS_PATH_MAX];

	if (opaed_socket_path(own, sizeof(own)) && !access(own, F_OK)) {
		put_path(a, own);
		return is_ours(own);
	}
	if (!access(OPAED_SYSTEM_SOCKET, F_OK)) {
		put_path(a, OPAED_SYSTEM_SOCKET);
		return true;
	}
	fprintf(stderr, "opae: no opaed runs here: there is no %s%s; start one (`opaed`), or say where one "
			"is with --to DAEMON\n", OPAED_SYSTEM_SOCKET,
		geteuid() ? ", and none of this user's" : "");
	return false;
}

static fpga_result say_hello(struct daemon_client *c)
{
	unsigned char room[256];
	struct wire_writer w;

	wire_writer_init(&w, room, sizeof(room), wire_op_info(WIRE_HELLO)->request);
	wire_put_u32(&w, WIRE_MAGIC);
	wire_put_u16(&w, WIRE_VERSION);
	wire_put_u16(&w, WIRE_VERSION);
	wire_put_u64(&w, 0);
	wire_put_u32(&w, WIRE_FRAME_MAX);
	wire_put_u32(&w, 1);
	wire_put_text(&w, "opae " PROJECT_VERSION);
	return daemon_call(c, WIRE_HELLO, &w, NULL, NULL);
}

int daemon_connect(struct daemon_client *c, const char *to)
{
	struct far_host far = { .tls = NULL };
	struct dial_to at;
	char why[DIAL_WHY_MAX];
	const char *wrong = "";
	struct transport *t;
	int rc;

	memset(c, 0, sizeof(*c));
	if (to && !far_find(to, &far) && address_parse(to, &far.address, &wrong))
		return usage_error("--to '%s': %s", to, wrong);
	if (!to && !choose(&far.address))
		return EXIT_FAILED;
	address_text(&far.address, c->where, sizeof(c->where));
	at = far_dial_to(&far);
	rc = transport_dial(&at, clock_deadline(PATIENCE_NS), &t, why);
	far_host_done(&far);
	if (rc) {
		fprintf(stderr, "opae: %s; is opaed running there, and may you connect?\n", why);
		return EXIT_FAILED;
	}
	if (rpc_link_init(&c->link, t)) {
		fprintf(stderr, "opae: no memory\n");
		return EXIT_FAILED;
	}
	if (say_hello(c) == FPGA_OK)
		return EXIT_OK;
	daemon_leave(c);
	return EXIT_FAILED;
}

void daemon_leave(struct daemon_client *c)
{
	rpc_link_done(&c->link);
}
