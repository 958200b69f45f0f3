/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/beside.h"
#include "base/clock.h"
#include "base/sys.h"
#include "daemon/log.h"
#include "daemon/sandbox-start.h"

#define END_NS NS_PER_S
#define END_NAP_NS NS_PER_MS
#define NAME_MAX_LEN 32
#define PAST (HELPER_FIRST + HELPER_FDS)

int helper_find(const char *name, int *fd)
{
	static const char *const places[] = { ".", "../libexec/opae", OPAED_WORKER_DIR };
	char path[PATH_MAX];

	if (*fd >= 0)
		return 0;
	if (!beside_find(places, sizeof(places) / sizeof(places[0]), name, path, sizeof(path)))
		return -ENOENT;
	*fd = sys_open(path, O_PATH, 0);
	return *fd < 0 ? *fd : 0;
}

/* In the child: its descriptors, and nothing else of the monitor's. */
static bool place(const int fds[HELPER_FDS])
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), away[HELPER_FDS];

	if (dup2(null, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return false;
	for (int i = 0; i < HELPER_FDS; i++)
		away[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, PAST);
	for (int i = 0; i < HELPER_FDS; i++)
		if (fds[i] < 0)
			close(HELPER_FIRST + i);
		else if (dup2(away[i], HELPER_FIRST + i) < 0)
			return false;
	return !close_range(PAST, UINT_MAX, CLOSE_RANGE_CLOEXEC);
}

pid_t helper_start(const char *name, int program, const int fds[HELPER_FDS], char *const environment[])
{
	char title[NAME_MAX_LEN];
	char *const args[] = { title, NULL };
	pid_t pid = sandbox_fork();
	sigset_t none;
	int exe;

	if (pid)
		return pid;
	snprintf(title, sizeof(title), "%s", name);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	errno = -sandbox_keep();
	exe = fcntl(program, F_DUPFD_CLOEXEC, PAST);
	if (!errno && exe >= 0 && place(fds))
		fexecve(exe, args, environment);
	log_line("%s could not be started: %s", name, strerror(errno));
	_exit(127);
}

void helper_end(const char *name, pid_t pid)
{
	int64_t until = clock_deadline(END_NS);

	kill(pid, SIGKILL);
	while (!waitpid(pid, NULL, WNOHANG)) {
		if (clock_now_ns() >= until) {
			log_warning("%s was killed, and is not gone yet", name);
			return;
		}
		clock_sleep_ns(END_NAP_NS);
	}
}
