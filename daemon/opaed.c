/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opaed, the monitor: it listens, knows who may what, starts a worker for each connection before a byte of it
 * is read, and opens for workers what they may have. It reads nothing that a peer sends. One thread waits for
 * all of it in one place.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "daemon/activation.h"
#include "daemon/config.h"
#include "daemon/intake.h"
#include "daemon/listeners.h"
#include "daemon/lobby.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/sandbox-start.h"
#include "daemon/session.h"
#include "daemon/spares.h"
#include "daemon/worker-log.h"

#define SIGNALS_TAG (UINT64_C(2) << 32)
#define EVENTS 32
#define END_NS (5 * NS_PER_S)		    /* for all sessions to end */
#define LEAVE_NS (NS_PER_S / 2)		    /* of it, for killed workers to be waited for */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct monitor {
	const char *file; /* of the configuration; NULL: built in */
	struct daemon_config *config;
	struct listeners listeners;
	struct sessions sessions;
	struct lobby lobby;
	int poll, signals;
	struct activation given;
	struct intake intake;
	int64_t end_at; /* INT64_MAX: it is not told to end */
};

/* ---- the configuration ---- */

static void log_lines(const char *lines)
{
	while (*lines) {
		size_t len = strcspn(lines, "\n");

		log_error("%.*s", (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

/* NULL: it is broken, and what is wrong is logged. */
static struct daemon_config *load(const char *file)
{
	struct daemon_config *c = calloc(1, sizeof(*c));
	char *problems = NULL;
	int rc = !c ? -ENOMEM : file ? config_read_file(file, c, &problems) : config_default(c);

	if (problems)
		log_lines(problems);
	else if (rc)
		log_error("%s: %s", file ? file : "the built-in configuration", strerror(-rc));
	free(problems);
	if (!rc)
		return c;
	free(c);
	return NULL;
}

/* Takes the configuration over; also on failure, when the one before stays in force. */
static int apply(struct monitor *m, struct daemon_config *c)
{
	int rc = sessions_prepare(&m->sessions, c);

	if (rc)
		log_error("workers cannot be started: %s", strerror(-rc));
	else
		rc = sandbox_check(c->sandbox_required);
	if (!rc)
		rc = metrics_process_prepare(&m->sessions.metrics_process, c);
	if (!rc)
		rc = doors_prepare(&m->sessions.doors, c);
	if (!rc) {
		rc = listeners_apply(&m->listeners, c);
		metrics_process_settle(&m->sessions.metrics_process, c, !rc);
	}
	if (rc) {
		config_let_go(c);
		return rc;
	}
	m->sessions.config = c;
	spares_configure(&m->sessions, &m->listeners);
	doors_configure(&m->sessions.doors, c);
	config_let_go(m->config);
	m->config = c;
	return 0;
}

static void reload(struct monitor *m)
{
	struct daemon_config *c;
	bool good;

	notify_reloading();
	c = load(m->file);
	good = c && !apply(m, c);
	metrics_reloaded(&m->sessions.metrics, good, false);
	if (!good)
		log_warning("the configuration stays as it was");
	else
		log_line("the configuration is read again: %s", m->file ? m->file : "built in");
	notify_ready();
}

/* ---- the loop ---- */

static void begin_end(struct monitor *m, int signal)
{
	bool again = m->end_at != INT64_MAX;

	log_line("%s: %s", strsignal(signal), again ? "workers are killed" : "sessions are ended");
	notify_stopping();
	intake_done(&m->intake);
	lobby_close(&m->lobby);
	m->end_at = clock_deadline(again ? LEAVE_NS : END_NS);
	sessions_stop(&m->sessions, again ? 0 : m->end_at - LEAVE_NS);
}

static void take_signals(struct monitor *m)
{
	struct signalfd_siginfo s;

	while (sys_read(m->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGCHLD)
			sessions_reap(&m->sessions);
		else if (s.ssi_signo != SIGHUP)
			begin_end(m, (int)s.ssi_signo);
		else if (m->end_at == INT64_MAX)
			reload(m);
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int wait_ms(const struct monitor *m)
{
	int64_t next = earlier(sessions_deadline(&m->sessions), m->end_at);

	next = earlier(next, earlier(lobby_deadline(&m->lobby), intake_deadline(&m->intake)));
	next = earlier(next, earlier(log_deadline(), notify_deadline()));
	return next == INT64_MAX ? -1 : clock_left_ms(next);
}

static bool goes_on(const struct monitor *m)
{
	return m->end_at == INT64_MAX || (m->sessions.first && clock_now_ns() < m->end_at);
}

static void tick(struct monitor *m)
{
	unsigned int num = 0;

	sessions_tick(&m->sessions);
	lobby_tick(&m->lobby);
	intake_tick(&m->intake);
	log_tick();
	for (const struct session *s = m->sessions.first; s; s = s->next)
		num += session_serves(s);
	notify_sessions(num);
	notify_tick();
}

static void run(struct monitor *m)
{
	struct epoll_event events[EVENTS];

	while (goes_on(m)) {
		int n = epoll_wait(m->poll, events, EVENTS, wait_ms(m));

		for (int i = 0; i < n; i++) {
			uint64_t tag = events[i].data.u64;

			if (tag == SIGNALS_TAG)
				take_signals(m);
			else if (tag & WORKER_LOG_TAG)
				sessions_read_log(&m->sessions, (uint32_t)tag);
			else if (tag & LISTENERS_TAG)
				intake_take(&m->intake, tag);
			else if (tag & LOBBY_TAG)
				lobby_serve(&m->lobby, tag);
			else if (tag & DOORS_TAG)
				doors_serve(&m->sessions, tag);
			else if (tag == METRICS_TAG)
				metrics_process_serve(&m->sessions);
			else
				sessions_serve(&m->sessions, (uint32_t)tag);
		}
		tick(m);
	}
}

/* ---- start and end ---- */

static int watch_signals(struct monitor *m)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = SIGNALS_TAG };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return m->signals < 0 || epoll_ctl(m->poll, EPOLL_CTL_ADD, m->signals, &e) ? -errno : 0;
}

/* Each session takes two here. */
static void raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r))
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

static int start(struct monitor *m)
{
	struct daemon_config *c = load(m->file);
	int rc = c ? 0 : -EINVAL;

	m->poll = epoll_create1(EPOLL_CLOEXEC);
	m->listeners.poll = m->lobby.poll = m->poll;
	m->lobby.sessions = &m->sessions;
	if (!rc && m->poll < 0)
		rc = -errno;
	if (!rc)
		rc = watch_signals(m);
	if (!rc)
		rc = intake_init(&m->intake, &m->listeners, &m->sessions, &m->lobby);
	if (!rc)
		rc = sessions_init(&m->sessions, m->poll);
	if (rc) {
		config_let_go(c);
		return rc;
	}
	m->sessions.metrics_process.at.given = &m->given;
	rc = apply(m, c);
	if (rc)
		return rc;
	metrics_reloaded(&m->sessions.metrics, true, true);
	return listeners_know_given(&m->listeners, &m->sessions.metrics_process.at) ? 0 : -EINVAL;
}

static void end(struct monitor *m)
{
	intake_done(&m->intake);
	lobby_close(&m->lobby);
	sessions_done(&m->sessions);
	activation_done(&m->given);
	config_let_go(m->config);
	if (m->signals >= 0)
		sys_close(m->signals);
	if (m->poll >= 0)
		sys_close(m->poll);
}

static int serve(const char *file)
{
	struct monitor m = { .file = file, .poll = -1, .signals = -1, .end_at = INT64_MAX,
			     .intake = { .spare = -1 }, .sessions = { .worker = -1, .worker_tls = -1 } };
	int rc;

	metrics_process_init(&m.sessions.metrics_process);
	doors_init(&m.sessions.doors, -1);
	raise_descriptors();
	signal(SIGPIPE, SIG_IGN); /* who reads the log may go */
	log_init();
	rc = activation_take(&m.given);
	notify_init();
	m.listeners.given = &m.given;
	if (!rc)
		rc = start(&m);
	if (!rc) {
		notify_ready();
		run(&m);
	}
	end(&m);
	if (!rc)
		log_line("ended");
	log_done();
	notify_done();
	return rc ? EXIT_FAILED : EXIT_DONE;
}

static int check(const char *file)
{
	struct daemon_config *c = load(file);

	if (!c)
		return EXIT_FAILED;
	printf("%s: good\n", file ? file : "the built-in configuration");
	for (size_t i = 0; i < c->num_listen; i++)
		printf("listens on %s%s%s\n", c->listen[i].text, *c->listen[i].principal ? " for " : "",
		       c->listen[i].principal);
	if (c->has_metrics)
		printf("metrics at %s\n", c->metrics.text);
	config_let_go(c);
	return EXIT_DONE;
}

/* ---- arguments ---- */

static const char usage[] =
	"usage: opaed [--config FILE] [--check-config]\n"
	"\n"
	"Serves this machine's accelerators to programs elsewhere.\n"
	"\n"
	"  --config FILE    the configuration; without it " CONFIG_DEFAULT_FILE " where that is\n"
	"                   there, else this user alone is served, over a unix socket\n"
	"  --check-config   tells what is wrong with the configuration, and ends\n"
	"  --version        tells the version\n"
	"\n"
	"SIGHUP: the configuration is read again, and sessions go on. SIGTERM: they are ended.\n"
	"exit codes: 0 done; 1 it failed, or the configuration is wrong; 2 the arguments are not\n"
	"            understood\n";

/* A standard descriptor that is closed would be taken by a socket, and a log line would go there. */
static bool take_closed_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

static int usage_error(const char *what, const char *arg)
{
	fprintf(stderr, "opaed: %s '%s'\n`opaed --help` shows the arguments\n", what, arg);
	return EXIT_USAGE;
}

int main(int argc, char *argv[])
{
	const char *file = NULL;
	bool only_check = false;

	if (!take_closed_descriptors())
		return EXIT_FAILED;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return fputs(usage, stdout) < 0 || fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
		if (!strcmp(argv[i], "--version"))
			return puts("opaed " PROJECT_VERSION) < 0 || fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
		if (!strcmp(argv[i], "--check-config"))
			only_check = true;
		else if (strcmp(argv[i], "--config") != 0)
			return usage_error("there is no argument", argv[i]);
		else if (++i == argc)
			return usage_error("a file must follow", "--config");
		else
			file = argv[i];
	}
	if (!file && !access(CONFIG_DEFAULT_FILE, F_OK))
		file = CONFIG_DEFAULT_FILE;
	return only_check ? check(file) : serve(file);
}
