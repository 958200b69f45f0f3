/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/ase/process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "plugins/vfio/vfio.h"

#define ITS_SOCKET 3
#define TERM_NS (2 * NS_PER_S) /* what it has after SIGTERM, before SIGKILL */
#define WHY_NS NS_PER_S	       /* how long who asks why it ended waits for that */
#define LAST_NS NS_PER_S       /* the longest that is read of what is left of its output */
#define LINE_MAX_BYTES 1024u

struct process {
	char *script;
	bool quiet;
	pid_t owner;
	int hold;   /* a copy of the caller's socket: to hang up by */
	int theirs; /* the other end, until the process has it */
	int lines;  /* what it prints; the keeper's alone */
	int prints; /* the other end, until the process has it */
	int null;   /* its input, likewise */
	int stop;   /* eventfd: it is to end */
	pthread_t keeper;
	bool kept;

	/* The keeper's alone. */
	int pidfd;
	pid_t pid;
	char line[LINE_MAX_BYTES];
	size_t line_len;

	pthread_mutex_t lock; /* guards the rest */
	pthread_cond_t moved;
	bool started, ended;
	bool spoken;   /* its end is told here: before, it is the reason why it did not start */
	bool expected; /* it ends because it was asked to */
	int start_rc;
	int64_t end_ns;
	int status; /* as of waitpid(); -1: somebody else has waited for it */
	char last[160];
};

/* ---- in the child; async-signal-safe functions alone ---- */

static void no_more_ignored(void)
{
	static const int signals[] = { SIGPIPE, SIGTERM, SIGINT, SIGCHLD, SIGALRM };
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &plain, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A group of its own: Ctrl-C is for the program, at whose end the simulation ends in order. */
static void become(const struct process *p)
{
	int socket = fcntl(p->theirs, F_DUPFD, 10), prints = fcntl(p->prints, F_DUPFD, 10);
	int null = fcntl(p->null, F_DUPFD, 10);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != p->owner || socket < 0 || prints < 0 || null < 0)
		_exit(127);
	setpgid(0, 0);
	if (dup2(null, 0) < 0 || dup2(prints, 1) < 0 || dup2(prints, 2) < 0 || dup2(socket, ITS_SOCKET) < 0)
		_exit(127);
	syscall(SYS_close_range, ITS_SOCKET + 1, ~0U, 0);
	no_more_ignored();
	execl("/bin/sh", "sh", "-c", p->script, (char *)NULL);
	_exit(127);
}

/* ---- what it prints ---- */

static void show_line(struct process *p)
{
	static const char head[] = "[SIM] ";
	bool has = p->line_len >= 5 && !memcmp(p->line, head, 5); /* simulations of ours say so themselves */
	struct iovec whole[3] = { { (void *)(uintptr_t)head, has ? 0 : sizeof(head) - 1 },
				  { p->line, p->line_len },
				  { (void *)(uintptr_t)"\n", 1 } };

	/* What cannot be written is lost, as any program's. */
	if (!p->quiet && writev(STDERR_FILENO, whole, 3) < 0)
		errno = 0;
	if (p->line_len) {
		SCOPED_LOCK(&p->lock);
		snprintf(p->last, sizeof(p->last), "%.*s", (int)p->line_len, p->line);
	}
	p->line_len = 0;
}

static void take_bytes(struct process *p, const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (at[i] != '\n')
			p->line[p->line_len++] = at[i];
		if (at[i] == '\n' || p->line_len == sizeof(p->line))
			show_line(p);
	}
}

/* False: there will be no more. */
static bool take_lines(struct process *p)
{
	char some[4096];
	ssize_t n = sys_read(p->lines, some, sizeof(some));

	if (n > 0)
		take_bytes(p, some, (size_t)n);
	return n > 0 || n == -EAGAIN || n == -EINTR;
}

/* It has ended; who it started may still have the pipe, and is not waited for. */
static void take_last_lines(struct process *p)
{
	struct pollfd more = { .fd = p->lines, .events = POLLIN };
	int64_t end = clock_deadline(LAST_NS);

	while (clock_now_ns() < end && sys_poll(&more, 1, 0) > 0 && take_lines(p))
		;
	if (p->line_len)
		show_line(p);
}

/* ---- how it ended ---- */

static void describe(int status, char *out, size_t len)
{
	if (status < 0)
		snprintf(out, len, "it has ended");
	else if (WIFSIGNALED(status))
		snprintf(out, len, "signal %d (%s) ended it", WTERMSIG(status),
			 sigdescr_np(WTERMSIG(status)) ? sigdescr_np(WTERMSIG(status)) : "?");
	else
		snprintf(out, len, "it ended with exit code %d", WEXITSTATUS(status));
}

/*
 * Lock held. A program that is not of ours asks nobody for the reason, and its own exit status says nothing
 * of the simulation: so this is told also where ASE_LOG=0 asks for silence.
 */
static void tell_end(struct process *p)
{
	char how[64];

	describe(p->status, how, sizeof(how));
	if (!p->expected)
		core_warn("the simulation has gone: %s%s%s%s", how,
			  *p->last ? "; the last that it said: \"" : "", p->last, *p->last ? "\"" : "");
	else if (p->status > 0)
		core_warn("the simulation did not end well: %s; see ccip_warning_and_errors.txt in the "
			  "folder where it ran", how);
}

/* ---- the keeper ---- */

/* What to do next about one that does not end, and until when it has time. */
struct ending {
	int signal; /* 0: it was not told to end */
	int64_t deadline;
};

static void begin_ending(struct process *p, struct ending *e)
{
	SCOPED_LOCK(&p->lock);

	e->signal = SIGTERM;
	e->deadline = clock_deadline(p->end_ns);
}

static void go_on_ending(struct process *p, struct ending *e)
{
	kill(-p->pid, e->signal);
	e->signal = SIGKILL;
	e->deadline = clock_deadline(TERM_NS);
}

enum { LINES, STOP, GONE, WATCHED };

static void tend(struct process *p)
{
	struct ending e = { 0 };
	struct pollfd w[WATCHED] = { [LINES] = { .fd = p->lines, .events = POLLIN },
				     [STOP] = { .fd = p->stop, .events = POLLIN },
				     [GONE] = { .fd = p->pidfd, .events = POLLIN } };

	for (;;) {
		int left = e.signal ? clock_left_ms(e.deadline) : -1;

		if (!left)
			go_on_ending(p, &e);
		if (sys_poll(w, WATCHED, left) < 0)
			continue;
		if (w[GONE].revents)
			break;
		if (w[STOP].fd >= 0 && w[STOP].revents) {
			begin_ending(p, &e);
			w[STOP].fd = -1;
		}
		if (w[LINES].fd >= 0 && w[LINES].revents && !take_lines(p))
			w[LINES].fd = -1;
	}
	if (e.signal == SIGKILL) /* what it has started, and was not waited for */
		kill(-p->pid, SIGKILL);
}

static void publish(struct process *p, bool ended, int rc, int status)
{
	SCOPED_LOCK(&p->lock);

	p->started = true;
	p->ended = ended;
	p->start_rc = rc;
	p->status = status;
	if (ended && p->spoken)
		tell_end(p);
	pthread_cond_broadcast(&p->moved);
}

static void close_theirs(struct process *p)
{
	sys_close(p->theirs);
	sys_close(p->prints);
	sys_close(p->null);
	p->theirs = p->prints = p->null = -1;
}

static void *keep(void *arg)
{
	struct process *p = arg;
	int rc = 0, status = -1;

	p->pid = fork();
	if (!p->pid)
		become(p);
	if (p->pid < 0)
		rc = -errno;
	else
		setpgid(p->pid, p->pid); /* as it does itself: whoever comes first */
	close_theirs(p);
	if (!rc) {
		p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
		rc = p->pidfd < 0 ? -errno : 0;
		if (rc)
			kill(-p->pid, SIGKILL);
	}
	publish(p, rc, rc, -1);
	if (!rc)
		tend(p);
	take_last_lines(p);
	if (p->pid > 0 && waitpid(p->pid, &status, 0) != p->pid)
		status = -1;
	publish(p, true, rc, status);
	return NULL;
}

/* ---- its life ---- */

void process_free(struct process *p)
{
	if (!p)
		return;
	const int all[] = { p->hold, p->theirs, p->lines, p->prints, p->null, p->stop, p->pidfd };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] >= 0)
			sys_close(all[i]);
	pthread_cond_destroy(&p->moved);
	pthread_mutex_destroy(&p->lock);
	free(p->script);
	free(p);
}

static struct process *process_new(const char *command, bool quiet)
{
	struct process *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (!p)
		return NULL;
	p->hold = p->theirs = p->lines = p->prints = p->null = p->stop = p->pidfd = -1;
	p->quiet = quiet;
	p->owner = getpid();
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->moved, &attr);
	pthread_condattr_destroy(&attr);
	if (asprintf(&p->script, "exec env %s --fd %d", command, ITS_SOCKET) < 0)
		p->script = NULL;
	return p;
}

static int make_ends(struct process *p, int *socket)
{
	int ends[2], lines[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	*socket = ends[0];
	p->theirs = ends[1];
	if (pipe2(lines, O_CLOEXEC))
		return -errno;
	p->lines = lines[0];
	p->prints = lines[1];
	/* Ours alone does not block: the other end is of a program that was not asked. */
	if (fcntl(*socket, F_SETFL, O_NONBLOCK) || fcntl(p->lines, F_SETFL, O_NONBLOCK))
		return -errno;
	p->hold = fcntl(*socket, F_DUPFD_CLOEXEC, 3);
	if (p->hold < 0)
		return -errno;
	p->stop = sys_eventfd(0, 0);
	if (p->stop < 0)
		return p->stop;
	p->null = sys_open("/dev/null", O_RDONLY, 0);
	return p->null < 0 ? p->null : 0;
}

static int await_start(struct process *p)
{
	SCOPED_LOCK(&p->lock);

	while (!p->started)
		pthread_cond_wait(&p->moved, &p->lock);
	return p->start_rc;
}

int process_start(const char *command, bool quiet, int *socket, struct process **ret)
{
	CLEANUP_CLOSE int ours = -1;
	struct process *p = process_new(command, quiet);
	int rc = p && p->script ? make_ends(p, &ours) : -ENOMEM;

	if (!rc) {
		rc = thread_start(&p->keeper, NULL, keep, p);
		p->kept = !rc;
	}
	if (!rc)
		rc = await_start(p);
	if (rc) {
		if (p)
			process_end(p, 0);
		process_free(p);
		return rc;
	}
	*socket = fd_steal(&ours);
	*ret = p;
	return 0;
}

void process_spoke(struct process *p)
{
	SCOPED_LOCK(&p->lock);

	p->spoken = true;
	if (p->ended)
		tell_end(p);
}

void process_expect_end(struct process *p)
{
	SCOPED_LOCK(&p->lock);

	p->expected = true;
}

void process_end(struct process *p, int64_t end_ns)
{
	if (!p->kept || p->owner != getpid())
		return;
	pthread_mutex_lock(&p->lock);
	p->expected = true;
	p->end_ns = end_ns;
	pthread_mutex_unlock(&p->lock);
	shutdown(p->hold, SHUT_RDWR);
	eventfd_write(p->stop, 1);
	pthread_join(p->keeper, NULL);
	p->kept = false;
}

/* ---- why ---- */

/* Lock held. A process that is about to end may take a moment. */
static void await_end(struct process *p)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += WHY_NS / NS_PER_S;
	while (!p->ended && !pthread_cond_timedwait(&p->moved, &p->lock, &at))
		;
}

void process_why(struct process *p, char *out, size_t len)
{
	char how[64];

	*out = 0;
	if (p->owner != getpid())
		return;
	SCOPED_LOCK(&p->lock);
	await_end(p);
	if (!p->ended)
		return;
	describe(p->status, how, sizeof(how));
	snprintf(out, len, "%s%s%s%s", how, *p->last ? "; the last that it said: \"" : "", p->last,
		 *p->last ? "\"" : "");
}
