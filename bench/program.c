/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/program.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/wait.h"

#define ANSWER_NS (60 * NS_PER_S) /* for one round */
#define END_MS 10000

bool bench_fail(const char *fmt, ...)
{
	va_list ap;

	fputs("opae: bench: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return false;
}

/* ---- start ---- */

static void add_settings(const char *const *settings)
{
	for (; settings && *settings; settings++) {
		const char *equals = strchr(*settings, '=');
		char *name = strndup(*settings, (size_t)(equals - *settings));

		if (!name || setenv(name, equals + 1, 1))
			_exit(1);
		free(name);
	}
}

/* pid 0: this process. */
static int set_cpu(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	return sched_setaffinity(pid, sizeof(set), &set);
}

bool program_move(struct program *p, int cpu)
{
	return !set_cpu(p->pid, cpu) ||
	       bench_fail("%s cannot be moved to CPU %d: %s", p->name, cpu, strerror(errno));
}

static bool log_to(const char *path)
{
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

	return !path || (fd >= 0 && dup2(fd, 2) == 2);
}

static void become(int in, int out, pid_t parent, const char *path, const char *const *argv)
{
	char *const *args;

	memcpy(&args, &argv, sizeof(args)); /* exec writes nothing there */
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(1);
	/* A group of its own: what the user types at the terminal is for the benchmark, which then
	 * ends its programs in order. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before that took effect */
		_exit(1);
	wait_restore();
	execv(path, args);
	fprintf(stderr, "opae: bench: cannot run %s: %s\n", path, strerror(errno));
	_exit(127);
}

bool program_start(struct program *p, const char *name, const char *path, const char *const *argv,
		   const struct program_frame *frame)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	pid_t self = getpid();

	*p = (struct program){ .name = name, .in = -1, .out = -1 };
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC)) {
		if (in[0] >= 0) {
			close(in[0]);
			close(in[1]);
		}
		return bench_fail("no pipe for %s: %s", name, strerror(errno));
	}
	fflush(NULL);
	p->pid = fork();
	if (!p->pid) {
		add_settings(frame->settings);
		if ((frame->cpu >= 0 && set_cpu(0, frame->cpu)) || !log_to(frame->log))
			_exit(1);
		become(in[0], out[1], self, path, argv);
	}
	close(in[0]);
	close(out[1]);
	p->in = in[1];
	p->out = out[0];
	if (p->pid > 0)
		return true;
	p->pid = 0;
	close(p->in);
	close(p->out);
	return bench_fail("no process for %s: %s", name, strerror(errno));
}

/* ---- talk ---- */

/* Takes a line out of what was read; false: there is none yet. */
static bool take_line(struct program *p, char *line, size_t len)
{
	char *end = memchr(p->text, '\n', p->have);
	size_t used, keep;

	if (!end)
		return false;
	used = (size_t)(end + 1 - p->text);
	keep = used - 1 < len - 1 ? used - 1 : len - 1;
	memcpy(line, p->text, keep);
	line[keep] = 0;
	p->have -= used;
	memmove(p->text, end + 1, p->have);
	return true;
}

bool program_line(struct program *p, char *line, size_t len, int64_t deadline)
{
	struct pollfd output = { .fd = p->out, .events = POLLIN };

	while (!take_line(p, line, len)) {
		int rc = wait_for(&output, 1, deadline);
		ssize_t n;

		if (rc == -EINTR)
			return bench_fail("interrupted");
		if (rc <= 0)
			return bench_fail("%s does not answer", p->name);
		if (p->have == sizeof(p->text))
			return bench_fail("%s says more than a line", p->name);
		n = read(p->out, p->text + p->have, sizeof(p->text) - p->have);
		if (n <= 0)
			return bench_fail("%s ended without an answer", p->name);
		p->have += (size_t)n;
	}
	return true;
}

bool program_go(struct program *p)
{
	return write(p->in, "go\n", 3) == 3 || bench_fail("%s ended without an answer", p->name);
}

bool program_ask(struct program *p, double *numbers, size_t n)
{
	return program_go(p) && program_answer(p, numbers, n);
}

bool program_answer(struct program *p, double *numbers, size_t n)
{
	char line[256], *at = line, *end;

	if (!program_line(p, line, sizeof(line), clock_deadline(ANSWER_NS)))
		return false;
	for (size_t i = 0; i < n; i++) {
		numbers[i] = strtod(at, &end);
		if (end == at)
			return bench_fail("%s: %s", p->name, line);
		at = end;
	}
	return true;
}

/* ---- end ---- */

bool program_end(struct program *p)
{
	struct pollfd ended = { .events = POLLIN };
	int status = 0;

	if (!p->pid)
		return true;
	close(p->in);
	ended.fd = pidfd_open(p->pid, 0);
	/* Signals are blocked here: an interrupt does not hurry the end. */
	if (ended.fd < 0 || poll(&ended, 1, END_MS) != 1)
		kill(p->pid, SIGKILL);
	waitpid(p->pid, &status, 0);
	if (ended.fd >= 0)
		close(ended.fd);
	close(p->out); /* its last words must not fail */
	p->pid = 0;
	return WIFEXITED(status) && !WEXITSTATUS(status);
}
