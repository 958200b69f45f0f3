/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/worker-tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "daemon/seam.h"
#include "daemon/spawn.h"
#include "transport/stream.h"
#include "transport/tls.h"

#define READ_NS NS_PER_S /* for a peer that is refused to take TLS's word for it, and to go */
#define ANSWER_NS (5 * NS_PER_S) /* for the monitor */

static int make_context(const struct channel_start *start, struct tls_context **ret, char *why)
{
	const struct tls_config config = {
		.ca = start->tls[CREDENTIAL_CA],
		.cert = start->tls[CREDENTIAL_CERT],
		.key = start->tls[CREDENTIAL_KEY],
		.crl = *start->tls[CREDENTIAL_CRL] ? start->tls[CREDENTIAL_CRL] : NULL,
	};
	int rc;

	for (int i = 0; i < CREDENTIALS; i++)
		seam_file(i, start->tls[i], WORKER_TLS + i);
	tls_wipe_freed();
	sys_set(seam_of_guest());
	rc = tls_context_new(&config, TLS_SERVER, ret, why);
	sys_set(seam_of_peer());
	for (int i = 0; i < CREDENTIALS; i++)
		if (*start->tls[i])
			sys_close(WORKER_TLS + i);
	return rc;
}

/* Until the peer has gone, or has had the time to read. */
static void let_it_read(struct transport *t)
{
	shutdown(WORKER_PEER, SHUT_WR); /* by a fabric it is no socket */
	transport_linger(t, clock_deadline(READ_NS));
}

void worker_tls_refuse(void)
{
	static const unsigned char internal_error[] = { 21, 3, 3, 0, 2, 2, 80 }; /* an alert, in clear text */
	struct transport *t;

	if (write(WORKER_PEER, internal_error, sizeof(internal_error)) != sizeof(internal_error) ||
	    stream_new(WORKER_PEER, "", &t))
		return;
	let_it_read(t);
	transport_free(t);
}

static void give_up(int rc, const char *why)
{
	struct channel_message m = { .type = CHANNEL_END };

	m.end.rc = rc;
	snprintf(m.end.why, sizeof(m.end.why), "%s", why);
	channel_send(WORKER_CHANNEL, &m, -1);
}

static int shake_hands(const struct channel_start *start, struct transport **t, char *why)
{
	int64_t until = clock_deadline(start->preauth_ns);
	struct tls_context *context;
	int rc = make_context(start, &context, why);

	if (rc) {
		transport_free(*t);
		return rc;
	}
	rc = tls_over(context, *t, until, t, why);
	tls_context_forget_key(context); /* before a byte of the protocol is read */
	tls_context_unref(context);
	return rc;
}

/* The monitor's answer is a START like that of a peer who was known from the beginning. */
static int introduce(const char *principal, struct channel_start *start)
{
	struct channel_message m = { .type = CHANNEL_PEER };
	int fd, rc;

	snprintf(m.peer.principal, sizeof(m.peer.principal), "%s", principal);
	rc = channel_send(WORKER_CHANNEL, &m, -1);
	if (!rc)
		rc = channel_await_start(WORKER_CHANNEL, ANSWER_NS, start, &fd);
	if (!rc && fd >= 0) /* what it counts on came with the first one */
		sys_close(fd);
	return rc;
}

/* Who fails to shake hands frees the transport, whose socket is yet to be ended with care. */
static void leave_open(struct transport *t)
{
	(void)t;
}

int worker_tls(struct channel_start *start, struct transport **t)
{
	char principal[TLS_PEER_MAX], why[TLS_WHY_MAX] = "";
	struct transport *peer = *t;
	const struct transport_ops *own = peer->ops;
	struct transport_ops kept = *own;
	int rc;

	kept.free = leave_open;
	peer->ops = &kept;
	rc = shake_hands(start, t, why);
	peer->ops = own;
	if (rc) {
		give_up(rc, why);
		let_it_read(peer);
		transport_free(peer);
		return rc;
	}
	rc = tls_peer(*t, principal);
	if (!rc)
		rc = introduce(principal, start);
	if (!rc)
		return 0;
	transport_free(*t);
	give_up(rc, rc == -EPROTO ? "opaed did not say what to do" : strerror(-rc));
	return rc;
}
