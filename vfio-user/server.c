/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop of the server: one thread, one poll, nothing in it blocks. While a reply waits for the
 * client to read, no further command of it is taken, so nothing grows; others are still told at
 * once that the device is busy.
 */
#include "vfio-user/server.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sys.h"
#include "vfio-user/server-internal.h"

#define GREET_NS (2 * NS_PER_S) /* a client that says nothing for so long is let go */
#define FAIR_BURST 64           /* commands taken before the listener is looked at again */
#define SPIN_NS (30 * NS_PER_US) /* after a command the next one is often close behind */
#define SPINS_PER_YIELD 4        /* attempts to receive it between two offers of this core */

enum { LISTENER, WAKE, CLIENT };
static_assert(CLIENT + 1 == VU_SERVER_FDS, "what is polled");

/* ---- sending ---- */

int vu_outbox_reserve(struct vu_outbox *o, size_t len)
{
	unsigned char *grown;

	if (len <= o->room)
		return 0;
	grown = realloc(o->buf, len);
	if (!grown)
		return -ENOMEM;
	o->buf = grown;
	o->room = len;
	return 0;
}

static void outbox_close_fd(struct vu_outbox *o)
{
	if (o->fd >= 0)
		sys_close(o->fd);
	o->fd = -1;
}

static void outbox_drop(struct vu_outbox *o)
{
	outbox_close_fd(o);
	o->len = o->sent = 0;
}

/* 1: nothing is left to send; 0: the socket is full. */
static int outbox_flush(struct vu_outbox *o, int socket)
{
	while (o->sent < o->len) {
		struct iovec iov = { o->buf + o->sent, o->len - o->sent };
		ssize_t n = vu_send_some(socket, &iov, 1, &o->fd, o->fd >= 0);

		if (n <= 0)
			return (int)n;
		o->sent += (size_t)n;
		outbox_close_fd(o);
	}
	outbox_drop(o);
	return 1;
}

/*
 * Replies go before DMA commands of ours; but one that has left in part goes on first, for pieces of
 * two messages must never mix.
 */
int vu_server_flush(struct vu_server *s)
{
	struct vu_dma_call *d = &s->dma_call;
	struct vu_outbox *all[] = { &s->reply, &s->answers, &d->out };
	int rc = 1;
	SCOPED_LOCK(&d->lock);

	for (unsigned int i = 0; i < 3 && rc == 1; i++)
		if (all[i]->sent)
			rc = outbox_flush(all[i], s->client);
	for (unsigned int i = 0; i < 3 && rc == 1; i++)
		rc = outbox_flush(all[i], s->client);
	if (!d->out.len)
		pthread_cond_broadcast(&d->changed);
	return rc;
}

static bool reply_pending(const struct vu_server *s)
{
	return s->reply.len > 0 || s->answers.len > 0;
}

static bool dma_pending(struct vu_server *s)
{
	SCOPED_LOCK(&s->dma_call.lock);

	return s->dma_call.out.len > 0;
}

/* ---- one client ---- */

void vu_drop_client(struct vu_server *s)
{
	bool greeted = s->greeted;

	atomic_store(&s->attached, false);
	vu_dma_message_abort(s);
	sys_close(s->client);
	s->client = -1;
	if (s->twin >= 0)
		sys_close(s->twin);
	s->twin = -1;
	s->greeted = false;
	s->spin_end = 0;
	vu_inbox_done(&s->inbox);
	vu_inbox_done(&s->twin_inbox);
	outbox_drop(&s->reply);
	outbox_drop(&s->answers);
	s->num_later = 0;
	vu_dma_clear(&s->dma);
	vu_irqs_clear(&s->irqs, s->cfg.irq_count);
	if (greeted && s->cfg.ops->detached)
		s->cfg.ops->detached(s->cfg.dev);
}

static int finish_reply(struct vu_server *s, const struct vu_header *to, int rc, size_t len, int fd)
{
	struct vu_header h = { .id = to->id, .command = to->command, .flags = VU_FLAG_REPLY };

	if ((rc || (to->flags & VU_FLAG_NO_REPLY)) && fd >= 0) {
		sys_close(fd);
		fd = -1;
	}
	if (to->flags & VU_FLAG_NO_REPLY)
		return 0;
	if (rc) {
		h.flags |= VU_FLAG_ERROR;
		h.error = (uint32_t)-rc;
		len = 0;
	}
	h.size = (uint32_t)(sizeof(h) + len);
	memcpy(s->reply.buf, &h, sizeof(h));
	s->replies++;
	s->reply.len = h.size;
	s->reply.sent = 0;
	s->reply.fd = fd;
	if (s->cfg.reply_delay_ms)
		clock_sleep_ns(s->cfg.reply_delay_ms * NS_PER_MS);
	rc = vu_server_flush(s);
	return rc < 0 ? rc : 0;
}

/* A negative errno ends the connection. */
static int handle_message(struct vu_server *s)
{
	struct vu_inbox *in = &s->inbox;
	struct vu_reply reply = { .fd = -1 };
	bool first = !s->greeted;
	int rc;

	atomic_fetch_add_explicit(&s->messages, 1, memory_order_relaxed);
	if ((in->head.flags & VU_FLAG_TYPE) == VU_FLAG_REPLY)
		return s->greeted ? vu_dma_message_answered(s, in) : -EPROTO;
	/* Only VERSION comes first, and it comes once. */
	if (first != (in->head.command == VU_VERSION)) {
		rc = -EINVAL;
	} else {
		reply.body = s->reply.buf + sizeof(struct vu_header);
		rc = vu_server_dispatch(s, in, &reply);
		s->greeted |= first && !rc;
	}
	vu_inbox_close_fds(in); /* the client may count on it when it hears the answer */
	if (rc == VU_LATER)
		return 0;
	finish_reply(s, &in->head, rc, reply.len, reply.fd);
	if (first && rc)
		return rc;
	if (first) {
		atomic_store(&s->attached, true);
		if (s->cfg.ops->attached)
			s->cfg.ops->attached(s->cfg.dev);
	}
	return 0;
}

/* Waits for a message, for a moment only. 1, 0 (none came), or why the connection ends. */
static int next_message(struct vu_server *s, int64_t spin_end)
{
	unsigned int tries = 0;
	int rc;

	for (;;) {
		rc = vu_inbox_read(&s->inbox, s->client);
		if (rc || !s->spins || clock_now_ns() >= spin_end)
			return rc;
		if (++tries % SPINS_PER_YIELD == 0)
			sched_yield(); /* what the last command set to work may need this core */
	}
}

static int serve_client(struct vu_server *s, unsigned int max)
{
	for (unsigned int i = 0; i < max && !s->paused && !reply_pending(s); i++) {
		int rc = next_message(s, s->spin_end);

		if (rc <= 0)
			return rc;
		rc = handle_message(s);
		vu_inbox_next(&s->inbox);
		if (rc < 0)
			return rc;
		if (s->spins)
			s->spin_end = clock_deadline(SPIN_NS);
	}
	return 0;
}

/* A broken header gets an answer before the connection ends; the peer may be a developer. */
static void say_broken(struct vu_server *s)
{
	const struct vu_header h = { .id = s->inbox.head.id,
				     .command = s->inbox.head.command,
				     .size = sizeof(h),
				     .flags = VU_FLAG_REPLY | VU_FLAG_ERROR,
				     .error = EINVAL };
	struct iovec iov = { .iov_len = sizeof(h) };
	const void *at = &h;

	memcpy(&iov.iov_base, &at, sizeof(at));
	if (!reply_pending(s))
		vu_send_some(s->client, &iov, 1, NULL, 0);
}

static void client_ready(struct vu_server *s, short events, unsigned int max)
{
	int rc = 0;

	if (events & POLLOUT)
		rc = vu_server_flush(s);
	if (rc >= 0 && !reply_pending(s))
		rc = serve_client(s, max);
	if (rc >= 0 && (events & (POLLERR | POLLNVAL)))
		rc = -ENOTCONN;
	if (rc == -EPROTO)
		say_broken(s);
	if (rc < 0)
		vu_drop_client(s);
}

/* ---- the listener ---- */

static void refuse_client(int fd)
{
	const struct vu_header h = { .command = VU_VERSION,
				     .size = sizeof(h),
				     .flags = VU_FLAG_REPLY | VU_FLAG_ERROR,
				     .error = EBUSY };
	struct iovec iov = { .iov_len = sizeof(h) };
	const void *at = &h;

	memcpy(&iov.iov_base, &at, sizeof(at));
	vu_send_some(fd, &iov, 1, NULL, 0);
	sys_close(fd);
}

static void take_client(struct vu_server *s, int fd)
{
	atomic_fetch_add_explicit(&s->clients, 1, memory_order_relaxed);
	s->client = fd;
	s->inbox.look = VU_LOOK_AT_COMMANDS;
	s->greet_deadline = clock_deadline(GREET_NS);
}

static bool has_hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return sys_poll(&p, 1, 0) > 0;
}

/*
 * A client that left a moment ago must not make the next one find the device busy: this one waits to be
 * accepted until what the other has left is done.
 */
static void accept_client(struct vu_server *s)
{
	int fd;

	if (s->client >= 0) {
		client_ready(s, reply_pending(s) ? POLLOUT : 0, FAIR_BURST);
		if (s->client >= 0 && has_hung_up(s->client))
			return;
	}
	fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (s->client >= 0)
		refuse_client(fd);
	else
		take_client(s, fd);
}

int vu_server_adopt(struct vu_server *s, int socket)
{
	int flags;

	if (s->client >= 0)
		return -EBUSY;
	flags = fcntl(socket, F_GETFL);
	if (flags < 0)
		return -errno;
	if (fcntl(socket, F_SETFL, flags | O_NONBLOCK) || fcntl(socket, F_SETFD, FD_CLOEXEC))
		return -errno;
	take_client(s, socket);
	return 0;
}

/*
 * There may be something to do without a word from poll: a command that came along with the one before,
 * or one that is about to come, for whoever sends them in a row does not expect that we go to sleep.
 */
static bool still_busy(const struct vu_server *s)
{
	return s->client >= 0 && !reply_pending(s) &&
	       (vu_inbox_has_more(&s->inbox) || clock_now_ns() < s->spin_end);
}

static int poll_timeout(const struct vu_server *s)
{
	if (still_busy(s))
		return 0;
	return s->client >= 0 && !s->greeted ? clock_left_ms(s->greet_deadline) : -1;
}

static short client_events(struct vu_server *s)
{
	/* A hang-up with a reply that nobody reads is noticed through POLLHUP. */
	if (reply_pending(s))
		return POLLOUT;
	return dma_pending(s) ? POLLIN | POLLOUT : POLLIN;
}

int vu_server_wants(struct vu_server *s, struct pollfd fds[VU_SERVER_FDS])
{
	fds[LISTENER] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
	fds[WAKE] = (struct pollfd){ .fd = s->wake, .events = POLLIN };
	fds[CLIENT] = (struct pollfd){ .fd = s->client, .events = s->client >= 0 ? client_events(s) : 0 };
	return poll_timeout(s);
}

static void after_poll(struct vu_server *s, const struct pollfd *p, unsigned int max)
{
	eventfd_t ignored;

	if (p[WAKE].revents)
		eventfd_read(s->wake, &ignored);
	if (p[CLIENT].revents || still_busy(s))
		client_ready(s, p[CLIENT].revents, max);
	else if (s->client >= 0 && !s->greeted && !clock_left_ms(s->greet_deadline))
		vu_drop_client(s);
	if (p[LISTENER].revents)
		accept_client(s);
}

static void begin_step(struct vu_server *s)
{
	s->thread = pthread_self();
	s->stepped = true;
	s->paused = false;
	atomic_store(&s->running, true);
}

unsigned int vu_server_step(struct vu_server *s, const struct pollfd fds[VU_SERVER_FDS], unsigned int max)
{
	unsigned int before = s->replies;

	begin_step(s);
	after_poll(s, fds, max);
	atomic_store(&s->running, false);
	return s->replies - before;
}

unsigned int vu_server_glance(struct vu_server *s, unsigned int max)
{
	unsigned int before = s->replies;

	if (s->client < 0)
		return 0;
	begin_step(s);
	client_ready(s, reply_pending(s) ? POLLOUT : 0, max);
	atomic_store(&s->running, false);
	return s->replies - before;
}

void vu_server_pause(struct vu_server *s)
{
	s->paused = s->stepped;
}

int vu_server_run(struct vu_server *s)
{
	s->thread = pthread_self();
	atomic_store(&s->running, true);
	s->spins = true;
	while (!atomic_load(&s->stopping)) {
		struct pollfd fds[VU_SERVER_FDS];
		int timeout_ms = vu_server_wants(s, fds);

		if (sys_poll(fds, VU_SERVER_FDS, timeout_ms) >= 0)
			after_poll(s, fds, FAIR_BURST);
	}
	s->spins = false;
	if (s->client >= 0)
		vu_drop_client(s);
	atomic_store(&s->running, false);
	return 0;
}

void vu_server_stop(struct vu_server *s)
{
	atomic_store(&s->stopping, true);
	eventfd_write(s->wake, 1);
	eventfd_write(s->dma_call.cancel, 1);
}

bool vu_server_has_client(struct vu_server *s)
{
	return atomic_load(&s->attached);
}

bool vu_server_connected(const struct vu_server *s)
{
	return s->client >= 0;
}

void vu_server_counts(struct vu_server *s, struct vu_server_counts *out)
{
	out->messages = atomic_load_explicit(&s->messages, memory_order_relaxed);
	out->clients = atomic_load_explicit(&s->clients, memory_order_relaxed);
}

/* ---- life ---- */

static int check_config(const struct vu_server_config *cfg)
{
	for (unsigned int i = 0; i < VU_NUM_REGIONS; i++) {
		const struct vu_server_region *r = &cfg->regions[i];

		if (r->num_areas > VU_SERVER_MAX_AREAS || (r->num_areas && r->fd < 0))
			return -EINVAL;
		for (uint32_t a = 0; a < r->num_areas; a++)
			if (r->areas[a].offset % VU_PAGE || r->areas[a].size % VU_PAGE ||
			    r->areas[a].size > r->size ||
			    r->areas[a].offset > r->size - r->areas[a].size)
				return -EINVAL;
	}
	for (unsigned int i = 0; i < VU_NUM_IRQS; i++)
		if (cfg->irq_count[i] > VU_MAX_VECTORS)
			return -EINVAL;
	return cfg->ops && cfg->ops->region_read && cfg->ops->region_write && cfg->ops->reset ?
		       0 :
		       -EINVAL;
}

/* Does a process listen there? Then the path is taken; otherwise it is a leftover. */
static bool somebody_listens(const struct sockaddr_un *addr)
{
	int fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int rc = fd < 0 ? fd : sys_connect(fd, (const struct sockaddr *)addr, sizeof(*addr));

	if (fd >= 0)
		sys_close(fd);
	return !rc || rc == -EAGAIN;
}

static int listen_at(struct vu_server *s, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	s->listener = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (s->listener < 0)
		return s->listener;
	rc = bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
	if (rc == -EADDRINUSE && !somebody_listens(&addr)) {
		unlink(path);
		rc = bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
	}
	if (rc)
		return rc;
	memcpy(s->path, addr.sun_path, sizeof(s->path));
	return listen(s->listener, 16) ? -errno : 0;
}

int vu_server_new(const struct vu_server_config *cfg, struct vu_server **ret)
{
	struct vu_server *s;
	int rc = check_config(cfg);

	if (rc)
		return rc;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->cfg = *cfg;
	s->listener = s->client = s->twin = -1;
	s->reply.fd = s->answers.fd = s->dma_call.out.fd = -1;
	s->dma_call.cancel = -1;
	s->wake = sys_eventfd(0, EFD_NONBLOCK);
	rc = s->wake < 0 ? s->wake : vu_copy_install();
	if (!rc)
		rc = vu_dma_table_init(&s->dma);
	if (!rc)
		rc = vu_dma_call_init(&s->dma_call);
	if (!rc)
		rc = vu_irqs_init(&s->irqs, cfg->irq_count);
	if (!rc)
		rc = vu_outbox_reserve(&s->reply, sizeof(struct vu_header) + VU_MAX_BODY);
	if (!rc && cfg->path)
		rc = listen_at(s, cfg->path);
	if (rc) {
		vu_server_free(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void vu_server_free(struct vu_server *s)
{
	if (!s)
		return;
	if (s->client >= 0)
		vu_drop_client(s);
	if (s->path[0])
		unlink(s->path);
	if (s->listener >= 0)
		sys_close(s->listener);
	if (s->wake >= 0)
		sys_close(s->wake);
	vu_inbox_done(&s->inbox);
	vu_dma_table_done(&s->dma);
	vu_dma_call_done(&s->dma_call);
	vu_irqs_done(&s->irqs, s->cfg.irq_count);
	free(s->reply.buf);
	free(s->answers.buf);
	free(s);
}
