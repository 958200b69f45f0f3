/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/doors.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sys.h"
#include "daemon/channel.h"
#include "daemon/helper.h"
#include "daemon/log.h"
#include "daemon/rdma-process.h"
#include "daemon/sandbox-start.h"
#include "daemon/sandbox.h"
#include "daemon/session-begin.h"
#include "daemon/session.h"
#include "daemon/watched.h"

_Static_assert(RDMA_CHANNEL == HELPER_FIRST, "where it finds its channel");

#define NAME "opaed-rdma"
#define PAUSE_MIN (100 * NS_PER_MS) /* before a start, doubled each time up to: */
#define PAUSE_MAX (30 * NS_PER_S)
#define WELL_NS (60 * NS_PER_S) /* having lived so long, it is started soon again */

struct door {
	struct door *next;
	uint32_t number;
	size_t listen; /* its index in the configuration */
	bool wanted;
	char text[ADDRESS_TEXT_MAX]; /* as the configuration has it */
	char provider[8], host[64];
	uint32_t port; /* that it has got, or is to get; 0: any */
	int channel;   /* -1: closed */
	pid_t pid;     /* 0: it does not run */
	int64_t start_at; /* INT64_MAX: it runs */
	int64_t started, pause; /* when; and before the next start */
};

void doors_init(struct doors *d, int poll)
{
	*d = (struct doors){ .poll = poll, .program = -1 };
}

/* ---- which there are to be ---- */

int doors_prepare(struct doors *d, const struct daemon_config *config)
{
	bool any = false;
	int rc;

	for (size_t i = 0; i < config->num_listen; i++)
		any |= config->listen[i].rdma;
	rc = any ? helper_find(NAME, &d->program) : 0;
	if (rc == -ENOENT)
		log_error("there is no " NAME " beside opaed, nor in " OPAED_WORKER_DIR
			  ", which listens where \"rdma\" says; is the installation complete?");
	else if (rc)
		log_error(NAME ": %s", strerror(-rc));
	return rc;
}

static void end(struct doors *d, struct door *door)
{
	watched_close(d->poll, &door->channel);
	if (door->pid > 0) /* it has the port, which may be wanted again at once */
		helper_end(NAME, door->pid);
	free(door);
}

static struct door *find_same(struct doors *d, const struct config_listen *l, const char *provider)
{
	for (struct door *door = d->first; door; door = door->next)
		if (!door->wanted && !strcmp(door->text, l->text) && !strcmp(door->provider, provider))
			return door;
	return NULL;
}

static struct door *add(struct doors *d, const struct config_listen *l, const char *provider)
{
	struct door *door = calloc(1, sizeof(*door));

	if (!door) {
		log_error("cannot listen on %s: %s", l->text, strerror(ENOMEM));
		return NULL;
	}
	door->number = ++d->last;
	door->channel = -1;
	door->port = l->address.port;
	door->pause = PAUSE_MIN;
	snprintf(door->text, sizeof(door->text), "%s", l->text);
	snprintf(door->provider, sizeof(door->provider), "%s", provider);
	snprintf(door->host, sizeof(door->host), "%.63s", l->address.host);
	door->next = d->first;
	d->first = door;
	return door;
}

static void end_unwanted(struct doors *d)
{
	struct door **at = &d->first;

	while (*at) {
		struct door *door = *at;

		if (door->wanted) {
			at = &door->next;
			continue;
		}
		*at = door->next;
		log_line("no longer listening on %s", door->text);
		end(d, door);
	}
}

void doors_configure(struct doors *d, const struct daemon_config *config)
{
	for (struct door *door = d->first; door; door = door->next)
		door->wanted = false;
	for (size_t i = 0; i < config->num_listen; i++) {
		const struct config_listen *l = &config->listen[i];
		struct door *door = l->rdma ? find_same(d, l, config->rdma) : NULL;

		if (l->rdma && !door)
			door = add(d, l, config->rdma);
		if (!door)
			continue;
		door->wanted = true;
		door->listen = i;
	}
	end_unwanted(d);
}

void doors_done(struct doors *d)
{
	while (d->first) {
		struct door *door = d->first;

		d->first = door->next;
		end(d, door);
	}
	if (d->program >= 0)
		sys_close(d->program);
	d->program = -1;
}

/* ---- its questions ---- */

static bool tell(const struct door *door, const void *what, size_t len)
{
	struct iovec iov = { .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(&iov.iov_base, &what, sizeof(what)); /* sendmsg does not write there */
	return sys_sendmsg(door->channel, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

static bool note_port(struct door *door, uint32_t port)
{
	char text[ADDRESS_TEXT_MAX];
	struct address at = { .kind = ADDRESS_TCP, .port = port };

	if (!port || port > UINT16_MAX || (door->port && port != door->port))
		return false;
	door->port = port; /* when it is started again it listens there */
	memcpy(at.host, door->host, sizeof(door->host));
	address_text(&at, text, sizeof(text));
	log_line("listening on rdma:%s", text);
	return true;
}

/* What it says of an address is text of an address, or none: it is not believed more than that. */
static bool answer_knock(struct sessions *all, const struct door *door, const struct rdma_says *says)
{
	struct rdma_answer a = { .id = says->id };
	struct peer peer = { .kind = ADDRESS_TCP };
	struct address from;
	const char *why;

	if (!memchr(says->peer, 0, sizeof(says->peer)))
		return false;
	if (*says->peer && (address_parse(says->peer, &from, &why) || from.kind != ADDRESS_TCP ||
			    !policy_address_ok(from.host)))
		return false;
	if (*says->peer)
		address_text(&from, peer.text, sizeof(peer.text));
	sessions_knock(all, door->listen, &peer, &a.answer);
	return tell(door, &a, sizeof(a));
}

void doors_serve(struct sessions *all, uint64_t tag)
{
	struct doors *d = &all->doors;
	struct door *door = d->first;
	struct rdma_says says;
	struct iovec iov = { &says, sizeof(says) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	bool good;
	ssize_t n;

	while (door && door->number != (uint32_t)tag)
		door = door->next;
	n = door && door->channel >= 0 ? sys_recvmsg(door->channel, &msg, MSG_DONTWAIT) : -EAGAIN;
	if (n == -EAGAIN || n == -EWOULDBLOCK || n == -EINTR)
		return;
	good = n == sizeof(says) && ((says.word == RDMA_LISTENS && note_port(door, says.port)) ||
				     (says.word == RDMA_KNOCKS && answer_knock(all, door, &says)));
	if (good)
		return;
	if (n && door->pid > 0) {
		log_error(NAME " of %s says what makes no sense, and is killed", door->text);
		kill(door->pid, SIGKILL);
	}
	watched_close(d->poll, &door->channel);
}

/* ---- its life ---- */

static void start_later(struct door *door)
{
	door->start_at = clock_deadline(door->pause);
	door->pause = door->pause * 2 < PAUSE_MAX ? door->pause * 2 : PAUSE_MAX;
}

static void note_death(struct door *door, int status)
{
	bool full = WIFEXITED(status) && WEXITSTATUS(status) == RDMA_FULL;
	char how[64];

	if (full || clock_now_ns() - door->started > WELL_NS)
		door->pause = PAUSE_MIN;
	start_later(door);
	if (full)
		door->start_at = 0;
	snprintf(how, sizeof(how), WIFSIGNALED(status) ? "died of signal %d" : "ended with code %d",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (full)
		log_warning("%s: %u connections say nothing; all are closed, and others taken", door->text,
			    RDMA_FILES);
	else
		log_warning(NAME " of %s %s; it is started again in %lld ms", door->text, how,
			    (long long)((door->start_at - clock_now_ns() + NS_PER_MS - 1) / NS_PER_MS));
}

bool doors_died(struct doors *d, pid_t pid, int status)
{
	struct door *door = d->first;

	while (door && door->pid != pid)
		door = door->next;
	if (!door)
		return false;
	watched_close(d->poll, &door->channel);
	door->pid = 0;
	note_death(door, status);
	return true;
}

static int start(struct sessions *all, struct door *door)
{
	struct rdma_start start = {
		.uid = sandbox_uid(all->config->worker_uid),
		.gid = all->config->worker_gid,
		.must = all->config->sandbox_required ? SANDBOX_ALL : SANDBOX_ALWAYS,
		.port = door->port,
	};
	CLEANUP_CLOSE int theirs = -1;
	int rc = channel_pair(&door->channel, &theirs);

	memcpy(start.provider, door->provider, sizeof(start.provider));
	memcpy(start.host, door->host, sizeof(start.host));
	if (!rc)
		rc = watched_add(all->doors.poll, door->channel, DOORS_TAG | door->number);
	if (!rc && !tell(door, &start, sizeof(start)))
		rc = -EAGAIN;
	if (rc)
		return rc;
	door->pid = helper_start(NAME, all->doors.program, (const int[]){ theirs, -1 }, all->environment);
	return door->pid < 0 ? door->pid : 0;
}

void doors_tick(struct sessions *all)
{
	for (struct door *door = all->doors.first; door; door = door->next) {
		int rc;

		if (door->start_at > clock_now_ns())
			continue;
		door->start_at = INT64_MAX;
		door->started = clock_now_ns();
		rc = start(all, door);
		all->doors.starts += !rc;
		if (!rc)
			continue;
		log_warning(NAME " of %s could not be started: %s", door->text, strerror(-rc));
		watched_close(all->doors.poll, &door->channel);
		door->pid = 0;
		start_later(door);
	}
}

int64_t doors_deadline(const struct doors *d)
{
	int64_t next = INT64_MAX;

	for (const struct door *door = d->first; door; door = door->next)
		next = door->start_at < next ? door->start_at : next;
	return next;
}
