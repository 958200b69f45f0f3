/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One thread: it polls the listeners, the connections and its standard input, until the next answer is
 * due. A request becomes an answer that waits; HELLO and ENUMERATE wait as long as their host takes, others
 * not at all.
 */
#include "bench/hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/program.h"
#include "rpc/link.h"
#include "transport/listen.h"
#include "transport/stream.h"
#include "wire/ops.h"
#include "wire/props.h"

#define CALLERS_MAX (4 * HOSTS_MAX)
#define WAITING_MAX 8
#define SEND_NS NS_PER_S
#define FILLERS 4 /* connections that fill the queue of a host that drops packets */
#define BODY_MAX 1024

struct answer {
	int64_t asked, due;
	uint32_t id;
	uint16_t op;
};

struct host {
	enum { LIVE, SILENT, DROPPING } kind;
	uint64_t number; /* also its accelerator's object id; from 1 */
	int listener;
	int64_t delay_ns;
};

struct caller {
	const struct host *host; /* NULL: the place is free */
	struct rpc_link link;
	int64_t since;
	bool listed; /* its first ENUMERATE is answered */
	struct answer waiting[WAITING_MAX];
	unsigned int num;
};

static struct host hosts[HOSTS_MAX];
static unsigned int num_hosts;
static struct caller callers[CALLERS_MAX];
static int64_t longest_first, longest_later;

unsigned int hosts_live(unsigned int num)
{
	return num - num / HOSTS_DEAD_EACH;
}

/* ---- hosts ---- */

/* A queue that is full: the kernel drops the packets of who comes after. The fillers stay until the end. */
static bool fill_queue(const struct host *h, const struct address *a)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)a->port) };

	if (inet_pton(AF_INET, a->host, &to.sin_addr) != 1 || listen(h->listener, 0))
		return false;
	for (unsigned int i = 0; i < FILLERS; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		if (fd < 0 || (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS))
			return false;
	}
	return true;
}

static bool open_host(unsigned int n, unsigned int num, int64_t slow_ns, uint32_t *port)
{
	struct host *h = &hosts[n];
	struct address a = { .kind = ADDRESS_TCP, .port = *port };
	int rc;

	*h = (struct host){ .kind = LIVE, .number = n + 1 };
	if (n % HOSTS_DEAD_EACH == HOSTS_DEAD_EACH - 1)
		h->kind = n / HOSTS_DEAD_EACH % 2 ? SILENT : DROPPING;
	h->delay_ns = slow_ns / 3 + (slow_ns - slow_ns / 3) * n / (num > 1 ? num - 1 : 1);
	snprintf(a.host, sizeof(a.host), HOSTS_ADDRESS, HOSTS_FIRST + n);
	rc = listen_open(&a, &h->listener);
	if (rc)
		return bench_fail("%s: %s", a.host, strerror(-rc));
	num_hosts++;
	if (!*port && !address_of_socket(h->listener, &a))
		*port = a.port;
	return h->kind != DROPPING || fill_queue(h, &a) ||
	       bench_fail("%s: its queue cannot be filled: %s", a.host, strerror(errno));
}

/* ---- callers ---- */

static void drop(struct caller *c)
{
	rpc_link_done(&c->link);
	c->host = NULL;
}

static void let_in(const struct host *h)
{
	struct transport *t;
	struct peer peer;
	int fd;

	while (!listen_accept(h->listener, &fd, &peer)) {
		struct caller *c = callers;

		while (c < callers + CALLERS_MAX && c->host)
			c++;
		if (stream_new(fd, peer.text, &t))
			return;
		if (c == callers + CALLERS_MAX) {
			transport_free(t);
			return;
		}
		*c = (struct caller){ .since = clock_now_ns() };
		if (rpc_link_init(&c->link, t))
			return;
		c->host = h;
	}
}

static void put_accelerator(struct wire_writer *w, uint64_t number)
{
	struct opae_props p = { .objtype = FPGA_ACCELERATOR,
				.object_id = number,
				.bus = (uint8_t)number,
				.vendor_id = 0x8086,
				.device_id = 0xbccf,
				.num_mmio = 1,
				.state = FPGA_ACCELERATOR_UNASSIGNED };

	p.valid = OPAE_PROP_OBJTYPE | OPAE_PROP_OBJECT_ID | OPAE_PROP_SEGMENT | OPAE_PROP_BUS |
		  OPAE_PROP_DEVICE | OPAE_PROP_FUNCTION | OPAE_PROP_VENDOR_ID | OPAE_PROP_DEVICE_ID |
		  OPAE_PROP_GUID | OPAE_PROP_STATE | OPAE_PROP_NUM_MMIO;
	wire_put_u64(w, number);
	wire_put_u64(w, 0);
	wire_put_props(w, &p);
}

static uint32_t put_answer(struct wire_writer *w, const struct caller *c, uint16_t op)
{
	switch (op) {
	case WIRE_HELLO:
		wire_put_u16(w, WIRE_VERSION);
		wire_put_u64(w, 0);
		wire_put_u32(w, WIRE_FRAME_MAX);
		wire_put_u32(w, WIRE_CALLS_MAX);
		wire_put_text(w, "bench");
		wire_put_text(w, "bench");
		wire_put_text(w, "anybody");
		return FPGA_OK;
	case WIRE_ENUMERATE:
		put_accelerator(w, c->host->number);
		return FPGA_OK;
	case WIRE_PING: return FPGA_OK;
	default: wire_put_text(w, "not in this benchmark"); return FPGA_NOT_SUPPORTED;
	}
}

static void note_time(struct caller *c, const struct answer *a)
{
	int64_t now = clock_now_ns();

	if (a->op != WIRE_ENUMERATE)
		return;
	if (!c->listed && now - c->since > longest_first)
		longest_first = now - c->since;
	if (c->listed && now - a->asked > longest_later)
		longest_later = now - a->asked;
	c->listed = true;
}

/* False: the caller has gone. */
static bool give(struct caller *c, const struct answer *a)
{
	unsigned char body[BODY_MAX];
	struct wire_head head = { .op = a->op, .flags = WIRE_REPLY, .id = a->id };
	struct wire_writer w;

	wire_writer_init(&w, body, sizeof(body), NULL);
	head.budget = put_answer(&w, c, a->op);
	note_time(c, a);
	return !rpc_link_send(&c->link, &head, body, w.len, NULL, 0, clock_deadline(SEND_NS));
}

/* What has come becomes answers to give later. False: the caller has gone, or asks for too much. */
static bool listen_to(struct caller *c)
{
	struct rpc_frame f;
	int rc;

	while ((rc = rpc_link_read(&c->link, &f)) > 0) {
		int64_t now = clock_now_ns(), takes = 0;

		if (c->host->kind != LIVE || f.head.flags & WIRE_ONE_WAY)
			continue;
		if (c->num == WAITING_MAX)
			return false;
		if (f.head.op == WIRE_HELLO || f.head.op == WIRE_ENUMERATE)
			takes = c->host->delay_ns;
		c->waiting[c->num++] = (struct answer){ now, now + takes, f.head.id, f.head.op };
	}
	return !rc;
}

/* Gives what is due; a host takes as long for each answer, so the first is due first. */
static bool give_due(struct caller *c, int64_t now)
{
	while (c->num && c->waiting[0].due <= now) {
		struct answer a = c->waiting[0];

		memmove(c->waiting, c->waiting + 1, --c->num * sizeof(a));
		if (!give(c, &a))
			return false;
	}
	return true;
}

/* ---- all of them ---- */

static int64_t next_due(void)
{
	int64_t due = INT64_MAX;

	for (unsigned int i = 0; i < CALLERS_MAX; i++)
		if (callers[i].host && callers[i].num && callers[i].waiting[0].due < due)
			due = callers[i].waiting[0].due;
	return due;
}

/* Finer than milliseconds, of which several would add up. */
static void await(struct pollfd *fds, nfds_t n, int64_t due)
{
	int64_t left = due == INT64_MAX ? NS_PER_S : due - clock_now_ns();
	struct timespec ts = { 0 };

	if (left > 0)
		ts = (struct timespec){ .tv_sec = left / NS_PER_S, .tv_nsec = left % NS_PER_S };
	ppoll(fds, n, &ts, NULL);
}

/* False: nobody wants it any more. */
static bool tell(void)
{
	char line[16];

	if (read(0, line, sizeof(line)) <= 0)
		return false;
	printf("%.3f %.3f\n", (double)longest_first / 1e6, (double)longest_later / 1e6);
	longest_first = longest_later = 0;
	return !fflush(stdout);
}

static void serve(void)
{
	static struct pollfd fds[1 + HOSTS_MAX + CALLERS_MAX];
	static struct caller *of[CALLERS_MAX];

	for (bool go_on = true; go_on;) {
		nfds_t n = 0, first_caller;
		int64_t now;

		fds[n++] = (struct pollfd){ .fd = 0, .events = POLLIN };
		for (unsigned int i = 0; i < num_hosts; i++)
			fds[n++] = (struct pollfd){ .fd = hosts[i].kind == DROPPING ? -1 : hosts[i].listener,
						    .events = POLLIN };
		first_caller = n;
		for (unsigned int i = 0; i < CALLERS_MAX; i++) {
			if (!callers[i].host)
				continue;
			of[n - first_caller] = &callers[i];
			fds[n].events = POLLIN;
			fds[n++].fd = callers[i].link.t->ops->fd(callers[i].link.t);
		}
		await(fds, n, next_due());
		now = clock_now_ns();
		for (nfds_t i = first_caller; i < n; i++)
			if ((fds[i].revents && !listen_to(of[i - first_caller])) ||
			    !give_due(of[i - first_caller], now))
				drop(of[i - first_caller]);
		for (unsigned int i = 0; i < num_hosts; i++)
			if (fds[1 + i].revents)
				let_in(&hosts[i]);
		go_on = !fds[0].revents || tell();
	}
}

int hosts_main(int argc, char *argv[])
{
	unsigned int num = argc == 3 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	int64_t slow_ns = num ? strtol(argv[2], NULL, 10) * NS_PER_MS : 0;
	uint32_t port = 0;
	bool good = num && num <= HOSTS_MAX;

	for (unsigned int n = 0; good && n < num; n++)
		good = open_host(n, num, slow_ns, &port);
	if (!good)
		return 1;
	printf("hosts on port %u\n", port);
	fflush(stdout);
	serve();
	for (unsigned int i = 0; i < CALLERS_MAX; i++)
		if (callers[i].host)
			drop(&callers[i]);
	return 0;
}
