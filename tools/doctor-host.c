/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hosts that the plugins tcp, vsock and rdma are configured with: can each be reached, does it speak our
 * protocol, and what does it show to this user. As the plugins do, it connects, greets and asks for the list.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "doctor.h"
#include "far-hosts.h"
#include "rpc/link.h"
#include "transport/dial.h"
#include "wire/codec.h"
#include "wire/limits.h"
#include "wire/ops.h"
#include "wire/props.h"
#include "wire/utf8.h"

#define PATIENCE_NS (2 * NS_PER_S)
#define SHOWN_MAX 1024 /* of a text of the server's */

struct host {
	struct far_host far;
	bool configured;
	bool tracks;   /* it serves tracked buffers */
	int64_t shown; /* devices of it that are asked for */
	struct rpc_link link;
	int64_t deadline;
	struct rpc_frame reply;
	struct wire_reader in; /* of its body */
};

/* ---- what is asked for ---- */

/* An address that says by its form that a host is meant. */
static bool is_address(const char *text, struct address *a)
{
	char normal[24];
	const char *why;

	if (*text == '/' || !strchr(text, ':') || address_normal(text, normal, sizeof(normal)))
		return false;
	return access(text, F_OK) && !address_parse(text, a, &why);
}

bool doctor_names_host(const char *text)
{
	struct far_host h;
	struct address a;
	bool found = far_find(text, &h);

	if (found)
		far_host_done(&h);
	return found || is_address(text, &a);
}

/* ---- connecting ---- */

/* What a fabric alone can be about. False: it is about a host, as with others. */
static bool fix_fabric(struct subject *s, const struct host *h, int rc)
{
	switch (rc) {
	case -ENOENT:
		fix(s, "sudo apt install libfabric1   # or reach %s by the plugin libtcp-opae.so",
		    h->far.address.host);
		return true;
	case -ENODEV:
	case -ENOTSUP:
		fix(s, "$EDITOR %s   # \"provider\" of %s: \"tcp\" needs no hardware; fi_info -p %s shows "
		       "what there is here", config_name(), h->far.text, h->far.provider);
		return true;
	case -EAGAIN:
	case -EBUSY:
		fix(s, "opae sessions   # on that machine: who has them; \"limits\" of its opaed.cfg "
		       "says how many there may be");
		return true;
	case -EPROTO:
	case -EPERM:
		fix(s, "ss -ltnp   # on that machine: which program listens on %s; is \"rdma\" in \"listen\" "
		       "of its opaed.cfg?", h->far.text);
		return true;
	default:
		return false;
	}
}

static bool fix_connection(struct subject *s, const struct host *h, int rc)
{
	if (*h->far.provider && fix_fabric(s, h, rc))
		return false;
	if (h->far.tls && rc != -ECONNREFUSED && rc != -ETIMEDOUT)
		return fix(s, "$EDITOR %s   # \"tls\" of %s: its files, and \"name\"; `opae cert show` on "
			      "the machine of the authority tells what is good", config_name(), h->far.text);
	if (rc == -ENOENT && h->far.address.kind == ADDRESS_UNIX)
		rc = -ECONNREFUSED;
	switch (rc) {
	case -ECONNREFUSED:
	case -ECONNRESET:
		if (h->far.address.kind == ADDRESS_UNIX)
			return fix(s, "opaed --config FILE   # as its owner, with {\"unix\": \"%s\"} in "
				   "\"listen\"",
				   h->far.address.path);
		return fix(s, "opaed --config FILE   # on that machine, if none runs; does its \"listen\" "
			   "name %s?",
			   h->far.text);
	case -EACCES:
	case -EPERM:
		return fix(s, "ls -l %s   # it is its owner's: run as that user, or have opaed listen on a "
			      "socket of yours", h->far.address.path);
	default:
		break;
	}
	if (h->far.address.kind != ADDRESS_TCP)
		return fix(s, "$EDITOR %s   # correct it in \"hosts\"", config_name());
	return fix(s, "ping %s   # is the name right, is it up, does a firewall let port %u through",
		   h->far.address.host, h->far.address.port);
}

static bool check_connection(struct subject *s, struct host *h)
{
	char why[DIAL_WHY_MAX] = "";
	const struct dial_to to = far_dial_to(&h->far);
	struct transport *t;
	int rc;

	h->deadline = clock_deadline(PATIENCE_NS);
	rc = transport_dial(&to, h->deadline, &t, why);
	if (!rc)
		rc = rpc_link_init(&h->link, t);
	if (!rc)
		return step_ok(s, "connection", "somebody listens there%s",
			       h->far.tls ? ", and shows a good certificate" : "");
	step_wrong(s, "connection", "%s", *why ? why : strerror(-rc));
	return fix_connection(s, h, rc);
}

/* ---- the server ---- */

/* A text of the server's, as a terminal can be shown it. */
static void get_shown(struct host *h, char *out, size_t len)
{
	char text[WIRE_STRING_MAX + 1];

	wire_get_string(&h->in, text, sizeof(text));
	utf8_escape(text, out, len);
}

/* The next reply, past what the server sends by itself; a negative errno. */
static int await_reply(struct host *h)
{
	const struct wire_op_info *op;
	int rc;

	do { /* who sends without end must not keep us either */
		rc = clock_left_ms(h->deadline) ? rpc_link_next(&h->link, &h->reply, 0, h->deadline) :
						  -ETIMEDOUT;
	} while (!rc && !(h->reply.head.flags & WIRE_REPLY));
	if (rc)
		return rc;
	op = wire_op_info(h->reply.head.op);
	wire_reader_init(&h->in, h->reply.body, h->reply.body_len,
			 h->reply.head.budget || !op ? NULL : op->reply);
	return h->reply.head.id == 1 && op ? 0 : -EPROTO;
}

static int ask(struct host *h, enum wire_op op, const void *body, size_t len)
{
	struct wire_head head = { .op = (uint16_t)op, .id = 1 };
	int rc = rpc_link_send(&h->link, &head, body, len, NULL, 0, h->deadline);

	if (!rc)
		rc = await_reply(h);
	return !rc && h->reply.head.op != op ? -EPROTO : rc;
}

static bool no_server(struct subject *s, const struct host *h, int rc)
{
	char why[TLS_WHY_MAX];

	tls_why(h->link.t, why);
	if (*why) {
		step_wrong(s, "server", "%s", why);
		return fix(s, "opae cert show   # on the machine of the authority: is the certificate of "
			      "\"tls\" in %s good? The log of that opaed knows more", config_name());
	}
	if (rc == -ETIMEDOUT) {
		step_wrong(s, "server", "it says nothing for %d ms: it hangs, or is no opaed",
			   (int)(PATIENCE_NS / NS_PER_MS));
		return fix(s, "ss -lptx   # on that machine: which program listens there; opaed is to be "
			   "restarted");
	}
	step_wrong(s, "server", "%s",
		   rc == -EPIPE ? "it hangs up: it is no opaed, or lets you not in"
				: "who listens does not speak our protocol: it is no opaed");
	return fix(s, "ss -lptx   # on that machine: which program is it that listens on %s", h->far.text);
}

/* The server gave a reason in place of an answer. */
static bool refused(struct subject *s, struct host *h, const char *step, const char *mend)
{
	char why[SHOWN_MAX];

	get_shown(h, why, sizeof(why));
	step_wrong(s, step, "it refuses: %s", why);
	return fix(s, "%s", mend);
}

static bool check_server(struct subject *s, struct host *h)
{
	unsigned char body[128];
	char software[SHOWN_MAX], name[SHOWN_MAX], you[SHOWN_MAX];
	struct wire_writer w;
	int rc;

	wire_writer_init(&w, body, sizeof(body), wire_op_info(WIRE_HELLO)->request);
	wire_put_u32(&w, WIRE_MAGIC);
	wire_put_u16(&w, WIRE_VERSION);
	wire_put_u16(&w, WIRE_VERSION);
	wire_put_u64(&w, WIRE_FEATURE_TRACKED);
	wire_put_u32(&w, WIRE_FRAME_MAX);
	wire_put_u32(&w, 1);
	wire_put_text(&w, "opae doctor");
	rc = ask(h, WIRE_HELLO, body, w.len);
	if (rc)
		return no_server(s, h, rc);
	if (h->reply.head.budget)
		return refused(s, h, "server",
			       h->reply.head.budget == FPGA_NOT_SUPPORTED ?
				       "opae --version   # and of that machine's opaed: update the older "
				       "one" :
				       "$EDITOR opaed.cfg   # on that machine: \"policy\" says who sees "
				       "what, \"limits\" "
				       "how many connect; kill -HUP puts it in force");
	wire_get_u16(&h->in);
	h->tracks = wire_get_u64(&h->in) & WIRE_FEATURE_TRACKED;
	wire_get_u32(&h->in);
	wire_get_u32(&h->in);
	get_shown(h, software, sizeof(software));
	get_shown(h, name, sizeof(name));
	get_shown(h, you, sizeof(you));
	if (h->in.bad)
		return no_server(s, h, -EPROTO);
	return step_ok(s, "server", "%s on %s; you are \"%s\" there", software, name, you);
}

/* Is the object that comes next at this address, as the client shows it? NULL: every one is. */
static bool take_object(struct host *h, const char *address)
{
	struct opae_props p;
	char shown[24];

	wire_get_u64(&h->in);
	wire_get_u64(&h->in);
	wire_get_props(&h->in, &p);
	snprintf(shown, sizeof(shown), "%04x:%02x:%02x.%x", (uint16_t)(p.segment + h->far.segment), p.bus,
		 p.device, p.function);
	return !h->in.bad && (!address || !strcmp(shown, address));
}

static bool check_devices(struct doctor *d, struct subject *s, struct host *h)
{
	int rc = ask(h, WIRE_ENUMERATE, NULL, 0);
	int64_t n = 0, fit = 0;

	while (!rc && !h->reply.head.budget) {
		for (; wire_more(&h->in); n++)
			fit += take_object(h, d->only);
		if (!(h->reply.head.flags & WIRE_MORE))
			break;
		rc = await_reply(h);
	}
	if (rc)
		return no_server(s, h, rc);
	if (h->reply.head.budget)
		return refused(s, h, "devices", "opae doctor   # on that machine");
	json_object_object_add(s->o, "devices", json_object_new_int64(fit));
	h->shown = fit;
	if (!n)
		return step_note(s, "devices",
				 "it shows none to you: there is none, or its policy lets you see none; "
				 "`opae doctor` on that machine knows more");
	step_ok(s, "devices", "it shows %lld to you, devices and accelerators", (long long)n);
	if (d->only && !fit)
		return step_note(s, "token", "it has nothing at %s", d->only);
	return !d->only || check_token(d, s, h->far.name, d->only);
}

/* ---- all of them ---- */

static void diagnose(struct doctor *d, struct host *h)
{
	struct subject s = subject_new(d, "host", h->far.text);

	d->num_hosts++;
	if (*h->far.name)
		json_object_object_add(s.o, "hostname", json_object_new_string(h->far.name));
	if (h->configured && strncmp(h->far.text, h->far.name, strlen(h->far.name)))
		step_ok(&s, "configured", "as \"%s\"", h->far.name);
	if (!h->configured)
		step_note(&s, "configured",
			  "no plugin in force has it in its \"hosts\": $EDITOR %s, to use it", config_name());
	if (!check_connection(&s, h))
		return;
	if (check_server(&s, h) && check_devices(d, &s, h) && h->shown)
		check_buffers(&s, h->far.tracker, h->far.automatic, h->tracks);
	rpc_link_done(&h->link);
}

/* A card's socket is no host's business; an address may be anywhere. */
static bool is_asked(const struct doctor *d, const struct host *h)
{
	if (d->host)
		return far_is_called(&h->far, d->host);
	return !d->only || *d->only != '/';
}

void doctor_hosts(struct doctor *d)
{
	struct host h = { .configured = true };
	struct far_at at = { 0 };

	while (far_next(&at, &h.far)) {
		if (is_asked(d, &h))
			diagnose(d, &h);
		far_host_done(&h.far);
	}
	if (!d->host || d->num_hosts)
		return;
	h = (struct host){ 0 };
	far_host_init(&h.far);
	if (!is_address(d->host, &h.far.address))
		return;
	address_text(&h.far.address, h.far.text, sizeof(h.far.text));
	diagnose(d, &h);
}
