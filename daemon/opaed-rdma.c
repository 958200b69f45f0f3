/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Listens at a fabric, and refuses everybody: with what the monitor says, which is where a worker waits for
 * him, and what he is to show there. It shuts itself in before it takes anybody's request. One thread.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "daemon/log.h"
#include "daemon/rdma-process.h"
#include "daemon/sandbox.h"
#include "transport/fabric.h"

#define START_NS (5 * NS_PER_S)	 /* for the monitor's first message */
#define ANSWER_NS (2 * NS_PER_S) /* and for its answers */
#define KNOCKS 64u		 /* that it has not answered; who comes then is to come again */
#define DATA ((size_t)128 << 20)

/* Who knocks, and waits for the monitor's answer. */
struct knock {
	struct fabric_request *request; /* NULL: the place is free */
	uint32_t id;
	int64_t until;
};

static struct rdma_start start;
static struct fabric *fabric;
static struct fabric_listener *listener;
static struct knock knocks[KNOCKS];
static uint32_t last_id;
static uint32_t port; /* where it listens; 0: nowhere */
static bool gone;     /* the monitor is */
static bool unfit;    /* the sandbox lacks what it must have */

/* ---- the monitor ---- */

static bool say(const struct rdma_says *what)
{
	struct iovec iov = { .iov_len = sizeof(*what) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(&iov.iov_base, &what, sizeof(what)); /* sendmsg does not write there */
	return sys_sendmsg(RDMA_CHANNEL, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*what);
}

/* One message of its: its length; 0: it has gone; a negative errno: there is none. */
static ssize_t hear(void *to, size_t len)
{
	struct iovec iov = { to, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return sys_recvmsg(RDMA_CHANNEL, &msg, MSG_DONTWAIT);
}

/* ---- who knocks ---- */

static void refuse(struct fabric_request *r, const struct door_answer *answer)
{
	struct fabric_greeting g;

	door_put_answer(&g, answer);
	fabric_request_refuse(r, &g);
}

static void refuse_with(struct fabric_request *r, enum door_code code)
{
	refuse(r, &(struct door_answer){ .code = code });
}

static struct knock *free_place(void)
{
	for (size_t i = 0; i < KNOCKS; i++)
		if (!knocks[i].request)
			return &knocks[i];
	return NULL;
}

static void ask(struct fabric_request *r)
{
	struct rdma_says says = { .word = RDMA_KNOCKS, .id = ++last_id };
	struct knock *k = free_place();
	char text[ADDRESS_TEXT_MAX] = "";
	struct address peer;

	if (!fabric_request_peer(r, &peer))
		address_text(&peer, text, sizeof(text));
	if (strlen(text) < sizeof(says.peer))
		memcpy(says.peer, text, strlen(text));
	if (k && say(&says))
		*k = (struct knock){ r, says.id, clock_deadline(ANSWER_NS) };
	else
		refuse_with(r, DOOR_AGAIN);
}

static void take(struct fabric_request *r)
{
	int rc = door_get_knock(fabric_request_greeting(r));

	if (!rc)
		ask(r);
	else if (rc == -EPROTONOSUPPORT)
		refuse_with(r, DOOR_OTHER);
	else
		fabric_request_refuse(r, NULL);
}

static void answer(const struct rdma_answer *a)
{
	for (size_t i = 0; i < KNOCKS; i++)
		if (knocks[i].request && knocks[i].id == a->id) {
			refuse(knocks[i].request, &a->answer);
			knocks[i].request = NULL;
		}
}

static void hear_answers(void)
{
	struct rdma_answer a;
	ssize_t n;

	while ((n = hear(&a, sizeof(a))) == sizeof(a))
		answer(&a);
	gone = n >= 0;
}

/* When the next one has waited too long. */
static int64_t give_up_old(void)
{
	int64_t now = clock_now_ns(), next = INT64_MAX;

	for (size_t i = 0; i < KNOCKS; i++) {
		if (!knocks[i].request)
			continue;
		if (knocks[i].until <= now) {
			refuse_with(knocks[i].request, DOOR_AGAIN);
			knocks[i].request = NULL;
		} else if (knocks[i].until < next) {
			next = knocks[i].until;
		}
	}
	return next;
}

/* Those who say nothing have all descriptors, and the provider has no end for them. */
static bool is_full(void)
{
	int fd = dup(RDMA_CHANNEL);

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static int serve(void)
{
	struct pollfd p[2] = { { .fd = RDMA_CHANNEL, .events = POLLIN },
			       { .fd = fabric_listener_fd(listener), .events = POLLIN } };
	struct fabric_request *r;

	for (;;) {
		int64_t next = give_up_old();
		int rc;

		while (!(rc = fabric_listener_next(listener, &r)))
			take(r);
		if (is_full())
			return RDMA_FULL;
		if (rc != -EAGAIN) {
			log_error("opaed-rdma: %s", strerror(-rc));
			return EXIT_FAILURE;
		}
		sys_poll(p, 2, next == INT64_MAX ? -1 : clock_left_ms(next));
		hear_answers();
		if (gone)
			return EXIT_SUCCESS;
	}
}

/* ---- the process ---- */

static void missing(enum sandbox_piece piece, int error)
{
	bool must = start.must & SANDBOX_BIT(piece);

	if (must)
		log_error("opaed-rdma: its sandbox lacks %s: %s", sandbox_name(piece), strerror(error));
	unfit |= must;
}

static bool read_start(void)
{
	struct pollfd p = { .fd = RDMA_CHANNEL, .events = POLLIN };

	return sys_poll(&p, 1, (int)(START_NS / NS_PER_MS)) == 1 &&
	       hear(&start, sizeof(start)) == sizeof(start);
}

static bool is_channel(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_SEQPACKET;
}

static void listen_there(void)
{
	struct address at = { .kind = ADDRESS_TCP, .port = start.port };
	char why[FABRIC_WHY_MAX] = "", text[ADDRESS_TEXT_MAX];
	int rc;

	memcpy(at.host, start.host, sizeof(start.host));
	rc = fabric_open(start.provider, &at, FABRIC_SERVER, &fabric, why);
	if (!rc)
		rc = fabric_listen(fabric, &listener, why);
	if (!rc)
		rc = fabric_listener_address(listener, &at);
	if (!rc) {
		port = at.port;
		return;
	}
	address_text(&at, text, sizeof(text));
	log_error("cannot listen on rdma:%s: %s", text,
		  rc == -EADDRINUSE ? "somebody else does, maybe another opaed" : *why ? why : strerror(-rc));
}

/* Of verbs it listens in the sandbox, with no more than libfabric loaded before: sandbox.h says why. */
static bool listen_shut_in(void)
{
	bool verbs = !strcmp(start.provider, "verbs");
	const struct sandbox s = {
		.uid = start.uid,
		.gid = start.gid,
		.files = RDMA_FILES,
		.data = DATA,
		.fabric = true,
		.open_verbs = verbs ? listen_there : NULL,
		.filter = rdma_filter,
		.missing = missing,
	};
	char why[FABRIC_WHY_MAX];

	if (verbs)
		fabric_load(why); /* which will be told when it is opened */
	else
		listen_there();
	if (!verbs && !port)
		return false;
	sandbox_enter(&s);
	return port && !unfit;
}

int main(void)
{
	struct rdma_says says = { .word = RDMA_LISTENS };

	if (!is_channel(RDMA_CHANNEL)) {
		fprintf(stderr, "opaed-rdma: opaed starts this, for a listener of rdma; start opaed\n");
		return 2;
	}
	prctl(PR_SET_NAME, "opaed-rdma");
	signal(SIGPIPE, SIG_IGN);
	log_init();
	if (!read_start() || !listen_shut_in())
		_exit(EXIT_FAILURE);
	says.port = port;
	if (!say(&says))
		_exit(EXIT_FAILURE);
	_exit(serve()); /* the kernel closes all */
}
