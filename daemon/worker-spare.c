/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/worker-spare.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "daemon/log.h"
#include "daemon/spawn.h"
#include "daemon/worker-fabric.h"
#include "transport/fabric-door.h"
#include "transport/fabric-stream.h"
#include "transport/stream.h"

#define BEARER_NS (10 * NS_PER_S) /* for who has the token to come with it */
#define ACCEPT_NS (5 * NS_PER_S)

/* By which the peer comes. Not that of the content: each is driven by a thread of its own. */
static struct fabric *door;
static struct fabric_listener *listener;
static uint16_t port;

static int open_door(const struct channel_start *start, const struct address *at, char *why)
{
	struct address there;
	int rc = fabric_open(start->rdma, at, FABRIC_SERVER, &door, why);

	if (!rc)
		rc = fabric_listen(door, &listener, why);
	if (!rc)
		rc = fabric_listener_address(listener, &there);
	if (!rc)
		port = (uint16_t)there.port;
	return rc;
}

int worker_spare_open(const struct channel_start *start, const struct rpc_exposer **content)
{
	struct address at = { .kind = ADDRESS_TCP };
	char why[FABRIC_WHY_MAX] = "";
	int rc = 0;

	memcpy(at.host, start->fabric_at, sizeof(start->fabric_at));
	*content = NULL;
	if (start->rdma_in_clear || address_is_loopback(&at))
		rc = worker_fabric_open_at(start, &at, content, why);
	if (!rc && start->bearer)
		rc = open_door(start, &at, why);
	if (rc)
		log_line("\"rdma\": %s", *why ? why : strerror(-rc));
	return rc;
}

static void give_up(int rc, const char *why)
{
	struct channel_message m = { .type = CHANNEL_END };

	m.end.rc = rc;
	snprintf(m.end.why, sizeof(m.end.why), "%s", why);
	channel_send(WORKER_CHANNEL, &m, -1);
}

/* In clear text he is believed to be where he comes from; so it must be where the token was sent to. */
static bool is_bearer(const struct channel_start *start, const struct fabric_request *r)
{
	struct address told, here;
	const char *why;

	if (!door_is_token(fabric_request_greeting(r), start->token))
		return false;
	if (*start->tls[CREDENTIAL_CERT])
		return true;
	return !address_parse(start->peer, &told, &why) && !fabric_request_peer(r, &here) &&
	       !strcmp(told.host, here.host);
}

static int accept_bearer(const struct channel_start *start, struct fabric_request *r, struct transport **t)
{
	struct fabric_greeting proof;
	struct fabric_conn *c;
	int rc;

	door_put_proof(&proof, start->proof);
	rc = fabric_request_accept(r, &proof, clock_deadline(ACCEPT_NS), &c);
	fabric_listener_free(listener); /* nobody else is awaited */
	listener = NULL;
	if (rc)
		return rc;
	rc = fabric_stream_new(c, door, start->peer, t);
	door = NULL;
	return rc;
}

static void reply(const struct channel_message *m, enum channel_type type)
{
	const struct channel_message answer = { .type = type, .id = m->id };

	channel_send(WORKER_CHANNEL, &answer, -1);
}

/* The monitor has a session here whose peer is on his way. True: it is to end, or the monitor has gone. */
static bool is_stopped(void)
{
	struct channel_message m;
	int fd, rc;

	while ((rc = channel_receive(WORKER_CHANNEL, &m, &fd)) == 1) {
		if (fd >= 0)
			sys_close(fd);
		if (m.type == CHANNEL_STOP)
			return true;
		if (m.type == CHANNEL_LOOK)
			reply(&m, CHANNEL_LOOKED);
		if (m.type == CHANNEL_ASK)
			reply(&m, CHANNEL_INFO);
	}
	return rc != -EAGAIN;
}

static int await_bearer(const struct channel_start *start, struct transport **t)
{
	int64_t until = clock_deadline(BEARER_NS);
	struct fabric_request *r;
	int rc;

	for (;;) {
		struct pollfd p[2] = { { .fd = fabric_listener_fd(listener), .events = POLLIN },
				       { .fd = WORKER_CHANNEL, .events = POLLIN } };

		rc = fabric_listener_next(listener, &r);
		if (!rc && is_bearer(start, r))
			return accept_bearer(start, r, t);
		if (!rc)
			fabric_request_refuse(r, NULL);
		else if (rc != -EAGAIN)
			return rc;
		else if (is_stopped())
			return -ECANCELED;
		else if (!clock_left_ms(until))
			return -ETIMEDOUT;
		else
			sys_poll(p, 2, clock_left_ms(until));
	}
}

/* However long that takes. */
static int await_start(struct channel_start *start, int *fd)
{
	struct channel_message ready = { .type = CHANNEL_READY, .value = port };
	struct pollfd p = { .fd = WORKER_CHANNEL, .events = POLLIN };
	int rc = channel_send(WORKER_CHANNEL, &ready, -1);

	if (rc)
		return rc;
	while (sys_poll(&p, 1, -1) == -EINTR)
		;
	return channel_await_start(WORKER_CHANNEL, 0, start, fd);
}

static int take_connection(int fd, struct transport **t, const struct channel_start *start)
{
	int rc;

	if (fd < 0)
		return -ETOOMANYREFS;
	rc = dup2(fd, WORKER_PEER) < 0 ? -errno : stream_new(WORKER_PEER, start->peer, t);
	sys_close(fd);
	return rc;
}

int worker_spare_await(struct channel_start *start, struct transport **t)
{
	int fd, rc = await_start(start, &fd);

	if (rc) /* the monitor has gone, or wants no spare any more */
		return rc;
	rc = start->bearer ? await_bearer(start, t) : take_connection(fd, t, start);
	if (rc == -ETIMEDOUT)
		give_up(rc, "nobody came with the token that its peer was given");
	else if (rc)
		give_up(rc, strerror(-rc));
	return rc;
}
