/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/metrics-process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sys.h"
#include "daemon/channel.h"
#include "daemon/helper.h"
#include "daemon/log.h"
#include "daemon/metrics-text.h"
#include "daemon/sandbox-start.h"
#include "daemon/sandbox.h"
#include "daemon/session.h"
#include "daemon/watched.h"

_Static_assert(METRICS_CHANNEL == HELPER_FIRST && METRICS_FDS == HELPER_FIRST + HELPER_FDS,
	       "where it finds its descriptors");

#define NAME "opaed-metrics"
#define AGE_NS (50 * NS_PER_MS)	  /* of an answer that is good enough: what making one costs has a limit */
#define PAUSE_MIN (100 * NS_PER_MS) /* before a start, doubled each time up to: */
#define PAUSE_MAX (30 * NS_PER_S)
#define WELL_NS (60 * NS_PER_S)	  /* having lived so long, it is started soon again */

void metrics_process_init(struct metrics_process *p)
{
	*p = (struct metrics_process){
		.at = { .poll = -1, .says = "metrics at" },
		.program = -1,
		.channel = -1,
		.poll = -1,
		.fd = -1,
		.start_at = INT64_MAX,
		.pause = PAUSE_MIN,
	};
}

static void close_channel(struct metrics_process *p)
{
	watched_close(p->poll, &p->channel);
}

static void end(struct metrics_process *p)
{
	close_channel(p);
	if (p->pid > 0) /* it holds the socket, which may be wanted again at once */
		helper_end(NAME, p->pid);
	p->pid = 0;
	p->start_at = INT64_MAX;
}

void metrics_process_done(struct metrics_process *p)
{
	end(p);
	listeners_close(&p->at);
	if (p->program >= 0)
		sys_close(p->program);
	p->program = -1;
}

static int find(struct metrics_process *p)
{
	int rc = helper_find(NAME, &p->program);

	if (rc == -ENOENT)
		log_line("\"metrics\": there is no " NAME " beside opaed, nor in " OPAED_WORKER_DIR
			 "; it is built where libmicrohttpd-dev is installed. Build and install anew, or "
			 "remove \"metrics\"");
	else if (rc)
		log_line(NAME ": %s", strerror(-rc));
	return rc;
}

static struct daemon_config where(const struct daemon_config *config, struct config_listen *listen)
{
	*listen = config->metrics;
	return (struct daemon_config){ .listen = listen, .num_listen = config->has_metrics };
}

int metrics_process_prepare(struct metrics_process *p, const struct daemon_config *config)
{
	struct config_listen listen;
	struct daemon_config of = where(config, &listen);
	int rc = config->has_metrics ? find(p) : 0;

	return rc ? rc : listeners_prepare(&p->at, &of, &p->next);
}

/* It accepts from this socket from now on; -1: it is to end. */
static void use(struct metrics_process *p, int fd)
{
	if (fd == p->fd)
		return;
	end(p);
	p->fd = fd;
	p->pause = PAUSE_MIN;
	if (fd >= 0)
		p->start_at = 0;
}

void metrics_process_settle(struct metrics_process *p, const struct daemon_config *config, bool in_force)
{
	struct config_listen listen;
	struct daemon_config of = where(config, &listen);

	if (in_force)
		listeners_commit(&p->at, &of, p->next);
	else
		listeners_abandon(&p->at, &of, p->next);
	p->next = NULL;
	if (in_force)
		use(p, p->at.num ? p->at.all[0].fd : -1);
}

/* ---- its questions ---- */

static bool answer(struct metrics_process *p, const void *text, size_t len)
{
	struct iovec iov = { .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	memcpy(&iov.iov_base, &text, sizeof(text)); /* sendmsg does not write there */
	return sys_sendmsg(p->channel, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
}

static bool tell(struct metrics_process *p, struct sessions *all)
{
	const char unchanged = METRICS_UNCHANGED;
	int64_t now = clock_now_ns();
	CLEANUP_FREE char *text = NULL;
	size_t len = 0;

	if (p->answered && now - p->answered < AGE_NS)
		return answer(p, &unchanged, 1);
	p->answered = now;
	text = metrics_text(all, &len);
	return text && len <= METRICS_TEXT_MAX && answer(p, text, len);
}

/* One byte, which says nothing; anything else is not its to say. */
void metrics_process_serve(struct sessions *all)
{
	struct metrics_process *p = &all->metrics_process;
	char asked[2];
	struct iovec iov = { asked, sizeof(asked) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = p->channel < 0 ? -EAGAIN : sys_recvmsg(p->channel, &msg, MSG_DONTWAIT);

	if (n == -EAGAIN || n == -EWOULDBLOCK || n == -EINTR)
		return;
	if (n == 1 && tell(p, all))
		return;
	if (n && p->pid > 0)
		kill(p->pid, SIGKILL);
	close_channel(p); /* where nothing is to be read of it, it ends or has ended */
}

/* ---- its life ---- */

bool metrics_process_died(struct metrics_process *p, pid_t pid, int status)
{
	if (!p->pid || pid != p->pid)
		return false;
	close_channel(p);
	p->pid = 0;
	if (clock_now_ns() - p->started > WELL_NS)
		p->pause = PAUSE_MIN;
	p->start_at = clock_deadline(p->pause);
	log_line(NAME " %s %d; it is started again in %lld ms", WIFSIGNALED(status) ? "died of signal" :
		 "ended with code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
		 (long long)(p->pause / NS_PER_MS));
	p->pause = p->pause * 2 < PAUSE_MAX ? p->pause * 2 : PAUSE_MAX;
	return true;
}

static int start(struct sessions *all)
{
	struct metrics_process *p = &all->metrics_process;
	const struct metrics_start start = {
		.uid = sandbox_uid(all->config->worker_uid),
		.gid = all->config->worker_gid,
		.must = all->config->sandbox_required ? SANDBOX_ALL : SANDBOX_ALWAYS,
	};
	CLEANUP_CLOSE int theirs = -1;
	int rc = channel_pair(&p->channel, &theirs);

	p->poll = all->poll;
	if (!rc)
		rc = watched_add(p->poll, p->channel, METRICS_TAG);
	if (!rc && !answer(p, &start, sizeof(start)))
		rc = -EAGAIN;
	if (rc)
		return rc;
	p->answered = 0; /* it has no answer before */
	p->pid = helper_start(NAME, p->program, (const int[]){ theirs, p->fd }, all->environment);
	return p->pid < 0 ? p->pid : 0;
}

void metrics_process_tick(struct sessions *all)
{
	struct metrics_process *p = &all->metrics_process;
	int64_t now = clock_now_ns();
	int rc;

	if (p->start_at > now)
		return;
	p->start_at = INT64_MAX;
	p->started = now;
	rc = start(all);
	if (!rc) {
		p->starts++;
		return;
	}
	log_line(NAME " could not be started: %s", strerror(-rc));
	close_channel(p);
	p->pid = 0;
	p->start_at = clock_deadline(p->pause);
	p->pause = p->pause * 2 < PAUSE_MAX ? p->pause * 2 : PAUSE_MAX;
}
