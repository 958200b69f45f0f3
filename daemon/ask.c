/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/ask.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/sys.h"
#include "base/thread.h"
#include "daemon/log.h"

#define ANSWER_NS (5 * NS_PER_S)
#define AGAIN_NS (10 * NS_PER_MS) /* when it can pass on no descriptor */
#define SCOUT_NS (5 * NS_PER_S) /* for the monitor to find out what a device is */
#define SCOUT_AGAIN_NS (20 * NS_PER_MS)
#define STOP_NS (6 * NS_PER_S) /* a little more than the monitor gives */

/* A thread that asked. */
struct question {
	struct question *next;
	uint32_t id;
	bool answered;
	int64_t value;
	int fd;
	struct channel_found *found; /* where what FOUND has goes; NULL: nobody wants it */
};

static struct {
	int channel;
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t answered;
	struct question *first;
	uint32_t last_id;
	bool done, gone; /* the process ends by itself; the monitor is no more */
	/* Not held by who asks: the session may ask while it holds locks of its own. */
	pthread_mutex_t serving; /* guards what follows */
	bool stopped;		 /* told to, or the monitor is no more */
	struct rpc_session *session;
	struct rpc_session_info info; /* of the session that was */
} at = { .channel = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .serving = PTHREAD_MUTEX_INITIALIZER };

/* ---- asking ---- */

/* The monitor has much to read at times, and takes it soon. Nobody who answers it may be kept: no at.lock. */
static int send_by(const struct channel_message *m, int64_t deadline)
{
	int rc = channel_send(at.channel, m, -1);

	while (rc == -EAGAIN && clock_left_ms(deadline)) {
		clock_sleep_ns(NS_PER_MS);
		rc = channel_send(at.channel, m, -1);
	}
	return rc == -EAGAIN ? -ETIMEDOUT : rc;
}

static void send_word(enum channel_type type, uint32_t id)
{
	struct channel_message m;

	m.type = type;
	m.id = id;
	m.value = 0;
	send_by(&m, clock_deadline(ANSWER_NS));
}

static void link_question(struct question *q)
{
	SCOPED_LOCK(&at.lock);

	do
		q->id = ++at.last_id;
	while (!q->id);
	q->next = at.first;
	at.first = q;
}

static void unlink_question(struct question *q)
{
	struct question **p = &at.first;

	while (*p != q)
		p = &(*p)->next;
	*p = q->next;
}

/* With the lock. */
static int64_t await(struct question *q, int64_t deadline)
{
	struct timespec until = { deadline / NS_PER_S, deadline % NS_PER_S };
	int rc = 0;

	while (!q->answered && !at.gone && !rc)
		rc = pthread_cond_timedwait(&at.answered, &at.lock, &until);
	return q->answered ? q->value : at.gone ? -EIO : -ETIMEDOUT;
}

/* What the monitor answers: a value, and maybe a descriptor. */
static int64_t ask_once(struct channel_message *m, struct channel_found *found, int *fd)
{
	int64_t deadline = clock_deadline(ANSWER_NS), value;
	struct question q = { .fd = -1, .found = found };

	link_question(&q);
	m->id = q.id;
	value = send_by(m, deadline);
	SCOPED_LOCK(&at.lock);
	if (!value)
		value = await(&q, deadline);
	unlink_question(&q);
	if (q.fd >= 0 && (value || !fd))
		sys_close(q.fd);
	else if (fd)
		*fd = q.fd;
	return value;
}

int64_t ask_monitor(struct channel_message *m, struct channel_found *found, int *fd)
{
	int64_t until = clock_deadline(ANSWER_NS), value = ask_once(m, found, fd);

	while (value == -ETOOMANYREFS && clock_left_ms(until)) {
		clock_sleep_ns(AGAIN_NS);
		value = ask_once(m, found, fd);
	}
	return value;
}

int64_t ask_patiently(struct channel_message *m, struct channel_found *found, int *fd)
{
	int64_t end = clock_deadline(SCOUT_NS), value;

	for (;;) {
		value = ask_monitor(m, found, fd);
		if (value != -EINPROGRESS || clock_now_ns() >= end)
			return value;
		clock_sleep_ns(SCOUT_AGAIN_NS);
	}
}

static int ask_path(struct channel_message *m, const char *path)
{
	size_t len = strlen(path);
	int64_t value;
	int fd = -1;

	if (len >= sizeof(m->path.path))
		return -ENAMETOOLONG;
	memcpy(m->path.path, path, len + 1);
	value = ask_patiently(m, NULL, &fd);
	return value ? (int)value : fd < 0 ? -EIO : fd;
}

int ask_open(const char *path, int flags, mode_t mode)
{
	struct channel_message m = { .type = CHANNEL_OPEN, .path = { .flags = flags, .mode = mode } };
	int fd = ask_path(&m, path);

	return fd == -EINPROGRESS ? -EPERM : fd; /* whether the rule shows it could not be found out */
}

int ask_connect(const char *path, int flags)
{
	struct channel_message m = { .type = CHANNEL_CONNECT, .path = { .flags = flags } };
	int fd = ask_path(&m, path);

	return fd == -EINPROGRESS ? -EPERM : fd;
}

int ask_lock(const char *device, int which)
{
	struct channel_message m = { .type = CHANNEL_LOCK, .value = which };
	int fd = ask_path(&m, device);

	return fd == -EINPROGRESS ? -EBUSY : fd; /* it is still being looked at */
}

void ask_scouted(const struct scout_report *r)
{
	struct channel_message m;

	m.type = CHANNEL_SCOUTED;
	m.id = 0;
	m.value = 0;
	m.scouted = *r;
	send_by(&m, clock_deadline(ANSWER_NS));
}

void ask_changed(void)
{
	send_word(CHANNEL_CHANGED, 0);
}

fpga_result ask_sessions(void (*each)(void *arg, const struct rpc_session_info *info), void *arg)
{
	struct channel_message m;
	struct rpc_session_info info;
	CLEANUP_CLOSE int fd = -1;
	int64_t value;

	m.type = CHANNEL_SESSIONS;
	m.value = 0;
	value = ask_monitor(&m, NULL, &fd);
	if (value || fd < 0)
		return value ? err_to_result((int)value) : FPGA_EXCEPTION;
	for (off_t i = 0; sys_pread(fd, &info, sizeof(info), i) == sizeof(info); i += (off_t)sizeof(info))
		each(arg, &info);
	return FPGA_OK;
}

fpga_result ask_kick(uint32_t id)
{
	struct channel_message m;

	m.type = CHANNEL_KICK;
	m.value = id;
	return err_to_result((int)ask_monitor(&m, NULL, NULL));
}

/* ---- being asked ---- */

static void take_answer(const struct channel_message *m, int fd)
{
	SCOPED_LOCK(&at.lock);

	for (struct question *q = at.first; q; q = q->next)
		if (q->id == m->id && !q->answered) {
			q->value = m->value;
			q->fd = fd;
			if (q->found && m->type == CHANNEL_FOUND)
				*q->found = m->found;
			q->answered = true;
			pthread_cond_broadcast(&at.answered);
			return;
		}
	if (fd >= 0) /* who asked has given up */
		sys_close(fd);
}

static void look(void)
{
	SCOPED_LOCK(&at.serving);

	send_word(CHANNEL_LOOKED, 0); /* what changes from now on is told of again */
	if (at.session)
		rpc_session_look(at.session);
}

static void tell(void)
{
	struct channel_message m;

	SCOPED_LOCK(&at.serving);
	if (at.session)
		rpc_session_info(at.session, &at.info);
	m.type = CHANNEL_INFO;
	m.id = 0;
	m.value = 0;
	m.info = at.info;
	send_by(&m, clock_deadline(ANSWER_NS));
}

static void stop(void)
{
	SCOPED_LOCK(&at.serving);

	at.stopped = true;
	if (at.session)
		rpc_session_stop(at.session);
}

/* Nobody answers any more. */
static void release_askers(void)
{
	SCOPED_LOCK(&at.lock);

	at.gone = true;
	pthread_cond_broadcast(&at.answered);
}

static void hear(const struct channel_message *m, int fd, int64_t *deadline)
{
	if (m->type == CHANNEL_ANSWER || m->type == CHANNEL_FOUND) {
		take_answer(m, fd);
		return;
	}
	if (fd >= 0)
		sys_close(fd);
	if (m->type == CHANNEL_LOOK)
		look();
	if (m->type == CHANNEL_ASK)
		tell();
	if (m->type != CHANNEL_STOP)
		return;
	*deadline = clock_deadline(STOP_NS);
	stop();
}

static bool is_done(void)
{
	SCOPED_LOCK(&at.lock);

	return at.done;
}

/* The session does not end: closing its descriptors is the kernel's then, and stops the devices as well. */
static void give_up(void)
{
	log_line("its session did not end in time");
	_exit(EXIT_FAILURE);
}

static void *serve(void *arg)
{
	struct pollfd p = { .fd = at.channel, .events = POLLIN };
	int64_t deadline = INT64_MAX;
	int rc = -EAGAIN;

	while (rc == 1 || rc == -EAGAIN) {
		struct channel_message m;
		int fd = -1;

		if (sys_poll(&p, 1, deadline == INT64_MAX ? -1 : clock_left_ms(deadline)) == 0)
			give_up();
		rc = channel_receive(at.channel, &m, &fd);
		if (rc == 1)
			hear(&m, fd, &deadline);
	}
	if (is_done())
		return arg;
	/* The monitor has gone. */
	release_askers();
	stop();
	deadline = clock_deadline(STOP_NS);
	while (!is_done() && clock_left_ms(deadline))
		clock_sleep_ns(NS_PER_MS);
	if (!is_done())
		give_up();
	return arg;
}

/* ---- life ---- */

int ask_start(int channel)
{
	pthread_condattr_t attr;

	at.channel = channel;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&at.answered, &attr);
	pthread_condattr_destroy(&attr);
	return thread_start(&at.thread, NULL, serve, NULL);
}

void ask_serves(struct rpc_session *s)
{
	SCOPED_LOCK(&at.serving);

	if (at.session && !s)
		rpc_session_info(at.session, &at.info);
	at.session = s;
	if (s && at.stopped)
		rpc_session_stop(s);
}

bool ask_stopped(void)
{
	SCOPED_LOCK(&at.serving);

	return at.stopped;
}

void ask_end(const struct channel_end *end)
{
	struct channel_message m;

	m.type = CHANNEL_END;
	m.id = 0;
	m.value = 0;
	m.end = *end;
	send_by(&m, clock_deadline(ANSWER_NS));
}

void ask_done(void)
{
	pthread_mutex_lock(&at.lock);
	at.done = true;
	pthread_mutex_unlock(&at.lock);
	shutdown(at.channel, SHUT_RDWR);
	pthread_join(at.thread, NULL);
	sys_close(at.channel);
	at.channel = -1;
}
