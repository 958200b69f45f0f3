/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection's endpoint and queues: what the provider has done, waiting for more, and the end. There is
 * one queue of completions for everything, so whoever waits takes what is there for all; while one sleeps
 * the others wait for him, for the provider wakes but one.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "transport/fabric-internal.h"

#define BATCH 16

/* ---- making ---- */

int fabric_eq_open(struct fabric *f, struct fid_eq **ret)
{
	struct fi_eq_attr attr = { .wait_obj = FI_WAIT_FD };

	return fabric_error(fi_eq_open(f->fid, &attr, ret, NULL));
}

static int take_eq(struct fabric_conn *c)
{
	c->eq = atomic_exchange(&c->fabric->spare, NULL);
	return c->eq ? 0 : fabric_eq_open(c->fabric, &c->eq);
}

/* What it has to say of a connection that is no more is of no interest to the next. */
static void give_back(struct fabric *f, struct fid_eq *eq)
{
	struct fi_eq_err_entry error = { .err = 0 };
	struct fi_eq_cm_entry e;
	struct fid_eq *none = NULL;
	uint32_t what;
	ssize_t n;

	do {
		n = fi_eq_read(eq, &what, &e, sizeof(e), 0);
		if (n == -FI_EAVAIL)
			n = fi_eq_readerr(eq, &error, 0);
	} while (n > 0);
	if (!f->spares || !atomic_compare_exchange_strong(&f->spare, &none, eq))
		fi_close(&eq->fid);
}

static int open_queues(struct fabric_conn *c)
{
	struct fi_cq_attr cq = { .wait_obj = FI_WAIT_FD,
				 .format = FI_CQ_FORMAT_DATA,
				 .size = RECVS + SENDS + MOVES };
	int rc = take_eq(c);

	if (!rc)
		rc = fabric_error(fi_cq_open(c->fabric->domain, &cq, &c->cq, NULL));
	return rc;
}

static int watch(int epoll, int fd)
{
	struct epoll_event e = { .events = EPOLLIN };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

static int open_wait(struct fabric_conn *c)
{
	int eq, cq, rc;

	c->wait_fd = epoll_create1(EPOLL_CLOEXEC);
	c->outer_fd = epoll_create1(EPOLL_CLOEXEC);
	c->lost_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wait_fd < 0 || c->outer_fd < 0 || c->lost_fd < 0 || c->bell_fd < 0)
		return -errno;
	if (!fabric_wait_fd_of(&c->eq->fid, &eq) || !fabric_wait_fd_of(&c->cq->fid, &cq))
		return -ENOSYS;
	rc = watch(c->wait_fd, c->lost_fd);
	if (!rc)
		rc = watch(c->wait_fd, eq);
	if (!rc)
		rc = watch(c->wait_fd, cq);
	if (!rc)
		rc = watch(c->outer_fd, c->wait_fd);
	return rc ? rc : watch(c->outer_fd, c->bell_fd);
}

static int open_room(struct fabric_conn *c)
{
	size_t len = ROOM;
	void *room;

	if (posix_memalign(&room, 4096, len))
		return -ENOMEM;
	c->room = room;
	return fabric_memory_add(c->fabric, room, len, FABRIC_OWN, &c->slots);
}

int fabric_conn_open(struct fabric_conn *c, struct fi_info *info)
{
	int rc = fi_endpoint(c->fabric->domain, info, &c->ep, NULL);

	if (!rc)
		rc = fi_ep_bind(c->ep, &c->eq->fid, 0);
	if (!rc)
		rc = fi_ep_bind(c->ep, &c->cq->fid, FI_TRANSMIT | FI_RECV);
	if (!rc)
		rc = fi_enable(c->ep);
	for (unsigned int i = 0; !rc && i < RECVS; i++)
		rc = fabric_post_recv(c, i);
	return fabric_error(rc);
}

static void init_ops(struct fabric_conn *c)
{
	for (unsigned int i = 0; i < RECVS; i++)
		c->recvs[i] = (struct op){ OP_RECV, i };
	for (unsigned int i = 0; i < SENDS; i++) {
		c->sends[i] = (struct op){ OP_SEND, i };
		c->idle_sends[c->idle_send_count++] = i;
	}
	for (unsigned int i = 0; i < MOVES; i++) {
		c->moves[i] = (struct op){ OP_MOVE, i };
		c->idle_moves[c->idle_move_count++] = i;
	}
	c->credits = FABRIC_CREDITS;
}

static void init_locks(struct fabric_conn *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&c->lock, NULL);
}

int fabric_conn_new(struct fabric *f, struct fabric_conn **ret)
{
	struct fabric_conn *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return -ENOMEM;
	c->fabric = f;
	c->wait_fd = c->outer_fd = c->lost_fd = c->bell_fd = c->socket = -1;
	init_locks(c);
	init_ops(c);
	rc = open_queues(c);
	if (!rc)
		rc = open_wait(c);
	if (!rc)
		rc = open_room(c);
	if (rc) {
		fabric_conn_free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

/* ---- the end ---- */

/* The endpoint goes at once: what it had under way touches no memory after that. */
void fabric_lose(struct fabric_conn *c, int rc, const char *what)
{
	uint64_t one = 1;

	if (c->lost)
		return;
	c->lost = rc;
	snprintf(c->why, sizeof(c->why), "%s: %s", c->peer, what);
	fi_shutdown(c->ep, 0);
	fi_close(&c->ep->fid);
	c->ep = NULL;
	while (write(c->lost_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_cond_broadcast(&c->changed);
}

void fabric_shutdown(struct fabric_conn *c)
{
	SCOPED_LOCK(&c->lock);
	fabric_lose(c, -ESHUTDOWN, "closed by this side");
}

static void close_all(struct fabric_conn *c)
{
	const int fds[] = { c->outer_fd, c->wait_fd, c->lost_fd, c->bell_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

void fabric_conn_free(struct fabric_conn *c)
{
	if (!c)
		return;
	if (c->ep)
		fi_shutdown(c->ep, 0);
	if (c->ep)
		fi_close(&c->ep->fid);
	close_all(c);
	fabric_memory_remove(c->slots);
	free(c->room);
	if (c->cq)
		fi_close(&c->cq->fid);
	if (c->eq)
		give_back(c->fabric, c->eq);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void fabric_why(struct fabric_conn *c, char out[FABRIC_WHY_MAX])
{
	SCOPED_LOCK(&c->lock);
	memcpy(out, c->why, sizeof(c->why));
}

/* ---- what the provider has done ---- */

static void done(struct fabric_conn *c, const struct fi_cq_data_entry *e)
{
	const struct op *op = e->op_context;

	if (op->kind == OP_SEND)
		c->idle_sends[c->idle_send_count++] = op->index;
	else if (op->kind == OP_MOVE)
		c->idle_moves[c->idle_move_count++] = op->index;
	else
		fabric_received(c, op->index, e);
}

static bool is_end(int err)
{
	return err == FI_ECANCELED || err == FI_ENOTCONN || err == FI_ECONNRESET || err == FI_ECONNABORTED ||
	       err == EPIPE || err == FI_ESHUTDOWN || err == FI_EIO;
}

/* Provider verbs has one code for all: a receive that was given up has another, so this one had a message. */
static bool is_too_long(const struct fi_cq_err_entry *e)
{
	const struct op *op = e->op_context;

	return e->err == FI_ETRUNC || e->err == FI_EMSGSIZE ||
	       (e->err == FI_EIO && op && op->kind == OP_RECV);
}

/* An operation that failed: the connection is no more, whatever the provider thinks of it. */
static void failed(struct fabric_conn *c)
{
	struct fi_cq_err_entry e = { .err = 0 };
	char text[200];

	fi_cq_readerr(c->cq, &e, 0);
	if (is_too_long(&e)) {
		fabric_lose(c, -EPROTO, "has sent a message that is too long");
	} else if (is_end(e.err)) {
		fabric_lose(c, -EPIPE, "has gone, or refused an access");
	} else {
		snprintf(text, sizeof(text), "the provider says: %s (%d)", strerror(e.err), e.prov_errno);
		fabric_lose(c, -EIO, text);
	}
}

static void take(struct fabric_conn *c)
{
	struct fi_cq_data_entry e[BATCH];
	ssize_t n;

	do {
		n = fi_cq_read(c->cq, e, BATCH);
		for (ssize_t i = 0; i < n && !c->lost; i++)
			done(c, &e[i]);
	} while (n == BATCH && !c->lost); /* each look costs system calls */
	if (n == -FI_EAVAIL && !c->lost)
		failed(c);
	else if (n < 0 && n != -FI_EAGAIN && n != -FI_EINTR)
		fabric_lose(c, -EIO, "the provider's queue fails");
}

void fabric_progress(struct fabric_conn *c)
{
	if (c->lost || c->asleep)
		return;
	take(c);
	if (!c->lost)
		fabric_repay(c);
}

void fabric_look(struct fabric_conn *c)
{
	struct fi_eq_cm_entry e;
	uint32_t what;
	ssize_t n;

	if (c->lost)
		return;
	n = fi_eq_read(c->eq, &what, &e, sizeof(e), 0);
	if (n == -FI_EAGAIN || n == -FI_EINTR)
		return;
	take(c); /* what came before the end */
	fabric_lose(c, -EPIPE, "has gone");
}

/* ---- waiting ---- */

/* Who sleeps here sees by himself what he has taken; the bell is for who polls. */
void fabric_ring(struct fabric_conn *c)
{
	uint64_t one = 1;

	if (c->polled && !c->rung && write(c->bell_fd, &one, sizeof(one)) == sizeof(one))
		c->rung = true;
	c->polled = false;
}

static void hush(struct fabric_conn *c)
{
	uint64_t rung;

	if (c->rung && read(c->bell_fd, &rung, sizeof(rung)) == sizeof(rung))
		c->rung = false;
}

static bool is_woken(int wake_fd)
{
	struct pollfd p = { .fd = wake_fd, .events = POLLIN };

	return wake_fd >= 0 && poll(&p, 1, 0) > 0;
}

static void wait_for_sleeper(struct fabric_conn *c, int64_t deadline)
{
	struct timespec t = { .tv_sec = deadline / NS_PER_S, .tv_nsec = deadline % NS_PER_S };

	pthread_cond_timedwait(&c->changed, &c->lock, &t);
}

static void spin(struct fabric_conn *c)
{
	pthread_mutex_unlock(&c->lock);
	sched_yield();
	pthread_mutex_lock(&c->lock);
	fabric_progress(c);
}

/*
 * May one sleep? Otherwise there is something to take, or it is lost. The queue of completions comes last:
 * asking it makes provider tcp watch for room in its socket, if it has something to send by then, and asking
 * the other may give it something to send.
 */
static bool nothing_there(struct fabric_conn *c)
{
	struct fid *fids[] = { &c->eq->fid, &c->cq->fid };

	fabric_look(c);
	return !c->lost && !fi_trywait(c->fabric->fid, fids, 2);
}

/* True: there is something at wake_fd. */
static bool sleep_until(struct fabric_conn *c, int64_t deadline, int wake_fd)
{
	struct pollfd p[2] = { { .fd = c->wait_fd, .events = POLLIN }, { .fd = wake_fd, .events = POLLIN } };
	int left = clock_left_ms(deadline);

	c->asleep = true;
	pthread_mutex_unlock(&c->lock);
	poll(p, 2, left < FABRIC_NAP_MS ? left : FABRIC_NAP_MS);
	pthread_mutex_lock(&c->lock);
	c->asleep = false;
	fabric_progress(c);
	pthread_cond_broadcast(&c->changed);
	return p[1].revents;
}

int fabric_pause_or_wake(struct fabric_conn *c, int64_t spin_until, int64_t deadline, int wake_fd)
{
	int64_t now = clock_now_ns(), nap = now + FABRIC_NAP_MS * NS_PER_MS;
	bool woken = false;

	if (now >= deadline)
		return -ETIMEDOUT;
	if (c->asleep) {
		wait_for_sleeper(c, wake_fd < 0 || deadline < nap ? deadline : nap);
		woken = is_woken(wake_fd);
	} else if (now < spin_until) {
		spin(c);
	} else if (nothing_there(c)) {
		woken = sleep_until(c, deadline, wake_fd);
	} else {
		fabric_progress(c);
	}
	return woken ? -EINTR : 0;
}

int fabric_pause(struct fabric_conn *c, int64_t spin_until, int64_t deadline)
{
	return fabric_pause_or_wake(c, spin_until, deadline, -1);
}

/* Which of them recv and send have something to say about. */
static unsigned int may(const struct fabric_conn *c, unsigned int what)
{
	unsigned int which = 0;

	if (c->lost || c->ready_count)
		which |= FABRIC_IN;
	if (c->lost || (c->credits && c->idle_send_count))
		which |= FABRIC_OUT;
	return which & what;
}

int fabric_wait_or_wake(struct fabric_conn *c, unsigned int what, int64_t spin_until, int64_t deadline,
			int wake_fd)
{
	SCOPED_LOCK(&c->lock);
	int rc = 0;

	fabric_progress(c);
	while (!rc && !may(c, what))
		rc = fabric_pause_or_wake(c, spin_until, deadline, wake_fd);
	return may(c, what) ? (int)may(c, what) : rc;
}

int fabric_wait(struct fabric_conn *c, unsigned int what, int64_t spin_until, int64_t deadline)
{
	int rc = fabric_wait_or_wake(c, what, spin_until, deadline, -1);

	return rc < 0 ? rc : 0;
}

/* A pause that is neither a spin nor a whole nap was ended by the peer. */
int fabric_serve(struct fabric_conn *c, int64_t spin_ns, int64_t deadline)
{
	int64_t spin_until = 0, begin;
	int rc = 0;
	SCOPED_LOCK(&c->lock);

	fabric_progress(c);
	while (!rc && !may(c, FABRIC_IN)) {
		begin = clock_now_ns();
		rc = fabric_pause(c, spin_until, deadline);
		if (begin >= spin_until && clock_now_ns() - begin < FABRIC_NAP_MS * NS_PER_MS)
			spin_until = clock_deadline(spin_ns);
	}
	return may(c, FABRIC_IN) ? 0 : rc;
}

int fabric_fd(const struct fabric_conn *c)
{
	return c->outer_fd;
}

bool fabric_has_message(struct fabric_conn *c)
{
	SCOPED_LOCK(&c->lock);
	return c->ready_count || c->lost;
}

/* While a thread sleeps here it is he who asks the provider, and rings. */
bool fabric_may_sleep(struct fabric_conn *c)
{
	SCOPED_LOCK(&c->lock);
	if (c->ready_count || c->lost || (!c->asleep && !nothing_there(c)))
		return false;
	hush(c);
	c->polled = true;
	return true;
}
