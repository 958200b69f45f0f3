/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/dial.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sys.h"
#include "transport/fabric-dial.h"

#define LATE_NS (100 * NS_PER_MS) /* its thread keeps the deadline, and then says more than we can */

struct dial {
	struct tls_context *tls; /* NULL: clear text */
	struct connector *connector;
	struct fabric_dial *fabric; /* in its place, and it does TLS too */
	struct tls_handshake *handshake; /* it is connected, and this goes on */
	int rc;				 /* a negative errno: it has failed */
	char why[DIAL_WHY_MAX];
};

static int start(struct dial *d, const struct dial_to *to, int64_t deadline)
{
	struct tls_context *tls = d->tls;

	if (!*to->provider)
		return connector_start(to->at, &d->connector);
	d->tls = NULL;
	return fabric_dial_start(to->provider, to->at, tls, deadline, &d->fabric);
}

int dial_start(const struct dial_to *to, int64_t deadline, struct dial **ret)
{
	struct dial *d = calloc(1, sizeof(*d));
	int rc;

	if (!d)
		return -ENOMEM;
	if (to->tls)
		d->rc = tls_context_new(to->tls, TLS_CLIENT, &d->tls, d->why);
	rc = d->rc ? 0 : start(d, to, deadline);
	if (rc) {
		dial_free(d);
		return rc;
	}
	*ret = d;
	return 0;
}

int dial_fd(const struct dial *d, short *events)
{
	*events = POLLIN;
	if (d->fabric)
		return d->rc ? -1 : fabric_dial_fd(d->fabric);
	*events = 0;
	if (d->handshake)
		return tls_handshake_fd(d->handshake, events);
	return d->connector ? connector_fd(d->connector, events) : -1;
}

int64_t dial_due(const struct dial *d)
{
	return d->connector && !d->handshake ? connector_due(d->connector) : INT64_MAX;
}

static int fail(struct dial *d, int rc, const char *why)
{
	d->rc = rc;
	snprintf(d->why, sizeof(d->why), "%s", why);
	return rc;
}

static int fabric_step(struct dial *d, struct transport **ret)
{
	const char *why = "";
	int rc = fabric_dial_answer(d->fabric, ret, &why);

	return rc < 0 ? fail(d, rc, why) : rc;
}

static int connect_step(struct dial *d, struct transport **ret)
{
	struct transport *t;
	int rc = connector_step(d->connector, &t);

	if (rc < 0)
		return fail(d, rc, connector_why(d->connector));
	if (!rc)
		return 0;
	if (!d->tls) {
		*ret = t;
		return 1;
	}
	rc = tls_handshake_start(d->tls, t, &d->handshake);
	return rc ? fail(d, rc, "there is no memory for TLS") : 0;
}

int dial_step(struct dial *d, struct transport **ret)
{
	int rc = d->rc;

	if (!rc && d->fabric)
		return fabric_step(d, ret);
	if (!rc && !d->handshake)
		rc = connect_step(d, ret);
	if (rc || !d->handshake)
		return rc;
	rc = tls_handshake_step(d->handshake, ret);
	return rc < 0 ? fail(d, rc, tls_handshake_why(d->handshake)) : rc;
}

const char *dial_why(const struct dial *d)
{
	return d->why;
}

void dial_free(struct dial *d)
{
	if (!d)
		return;
	connector_free(d->connector);
	fabric_dial_free(d->fabric);
	tls_handshake_free(d->handshake);
	tls_context_unref(d->tls);
	free(d);
}

/* ---- the whole of it ---- */

static void await(const struct dial *d, int64_t deadline)
{
	int64_t due = dial_due(d);
	struct pollfd p;

	p.fd = dial_fd(d, &p.events);
	sys_poll(&p, 1, clock_left_ms(deadline < due ? deadline : due));
}

int transport_dial(const struct dial_to *to, int64_t deadline, struct transport **ret, char *why)
{
	char text[ADDRESS_TEXT_MAX], late[ADDRESS_TEXT_MAX + 64];
	struct dial *d;
	int rc;

	if (!to->tls && !*to->provider)
		return transport_connect(to->at, deadline, ret, why);
	address_text(to->at, text, sizeof(text));
	rc = dial_start(to, deadline, &d);
	if (*to->provider)
		deadline += LATE_NS;
	if (rc) {
		if (why)
			snprintf(why, DIAL_WHY_MAX, "%s: %s", text, strerror(-rc));
		return rc;
	}
	while (!(rc = dial_step(d, ret)) && clock_left_ms(deadline))
		await(d, deadline);
	if (!rc) {
		snprintf(late, sizeof(late), "%s: %s", text,
			 d->handshake ? "the TLS handshake was not done in time" : "nobody answers");
		rc = fail(d, -ETIMEDOUT, late);
	}
	if (rc < 0 && why)
		snprintf(why, DIAL_WHY_MAX, "%s", d->why);
	dial_free(d);
	return rc < 0 ? rc : 0;
}
