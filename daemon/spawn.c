/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fork and exec: the monitor has one thread and little memory, so fork costs little, and between the two the
 * child only arranges its descriptors.
 */
#include "daemon/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/beside.h"
#include "base/emu-dir.h"
#include "base/inventory-dir.h"
#include "base/sys.h"
#include "daemon/log.h"
#include "daemon/sandbox-start.h"

#define NUM_FILES (WORKER_FDS - WORKER_CHANNEL)

/* What of the daemon's own environment reaches its programs: where things are, and what sanitizers want. */
static const char *const passed[] = { "OPAEX_PLUGIN_DIR", "OPAEX_EMU_DIR", "OPAEX_INVENTORY_DIR",
				      "XDG_RUNTIME_DIR", "JOURNAL_STREAM", "LD_LIBRARY_PATH", "LIBOPAE_LOG",
				      "LIBOPAE_LOGFILE", "ASAN_OPTIONS", "LSAN_OPTIONS",
				      "UBSAN_OPTIONS", "TSAN_OPTIONS", "FI_TCP_PORT_LOW_RANGE",
				      "FI_TCP_PORT_HIGH_RANGE" };
#define NUM_PASSED (sizeof(passed) / sizeof(passed[0]))

int spawn_open_program(const char *name)
{
	static const char *const places[] = { ".", "../libexec/opae", OPAED_WORKER_DIR };
	char path[PATH_MAX];
	int fd;

	if (!beside_find(places, sizeof(places) / sizeof(places[0]), name, path, sizeof(path))) {
		log_error("there is no %s beside opaed, nor in " OPAED_WORKER_DIR "; is the installation "
			  "complete?", name);
		return -ENOENT;
	}
	fd = sys_open(path, O_PATH, 0);
	if (fd < 0)
		log_error("%s: %s", path, strerror(-fd));
	return fd;
}

void spawn_free_environment(char **environment)
{
	for (char **at = environment; at && *at; at++)
		free(*at);
	free(environment);
}

char **spawn_environment(void)
{
	char **env = calloc(NUM_PASSED + 2, sizeof(*env));
	size_t n = 0;

	if (!env)
		return NULL;
	env[n++] = strdup("OPAE_EXPLICIT_INITIALIZE=1"); /* the worker arranges things first */
	for (size_t i = 0; i < NUM_PASSED && env[n - 1]; i++) {
		const char *value = secure_getenv(passed[i]);

		if (value && asprintf(&env[n++], "%s=%s", passed[i], value) < 0)
			env[n - 1] = NULL;
	}
	if (env[n - 1])
		return env;
	spawn_free_environment(env);
	return NULL;
}

static bool place(int from, int to)
{
	return dup2(from, to) == to;
}

/* From WORKER_CHANNEL on, in the order of their numbers; -1: that one is not there. */
static void list_files(const struct spawn_files *files, int list[NUM_FILES])
{
	list[0] = files->channel;
	list[1] = files->peer;
	list[2] = files->plugins;
	for (int i = 0; i < CREDENTIALS; i++)
		list[3 + i] = files->tls ? files->tls[i] : -1;
}

static bool place_files(const struct spawn_files *files)
{
	int list[NUM_FILES];

	list_files(files, list);
	for (int i = 0; i < NUM_FILES; i++) /* out of the way of each other first */
		if (list[i] >= 0 && (list[i] = fcntl(list[i], F_DUPFD_CLOEXEC, WORKER_FDS)) < 0)
			return false;
	for (int i = 0; i < NUM_FILES; i++) {
		if (list[i] < 0)
			close(WORKER_CHANNEL + i);
		else if (!place(list[i], WORKER_CHANNEL + i))
			return false;
	}
	return true;
}

/* As `environment`, and where its monitor's cards are: it may be another user, and those go by users. */
static char **with_folders(char *const environment[])
{
	char emu[EMU_DIR_MAX], inventory[INVENTORY_DIR_MAX];
	char **env = calloc(NUM_PASSED + 4, sizeof(*env));
	size_t n = 0;

	if (!env)
		return NULL;
	if (emu_dir_path(emu, sizeof(emu)) && asprintf(&env[n++], "OPAEX_EMU_DIR=%s", emu) < 0)
		return NULL;
	if (inventory_dir_path(inventory, sizeof(inventory), NULL)) {
		sys_mkdir(inventory, 0700); /* which a worker cannot */
		if (asprintf(&env[n++], "OPAEX_INVENTORY_DIR=%s", inventory) < 0)
			return NULL;
	}
	while (*environment)
		env[n++] = *environment++;
	return env;
}

static void become_worker(int program, char *const environment[], const struct spawn_files *files)
{
	char name[] = SPAWN_WORKER;
	char *const args[] = { name, NULL };
	int exe = fcntl(program, F_DUPFD_CLOEXEC, WORKER_FDS);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char **env = with_folders(environment);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid(); /* what a terminal sends to the daemon is not for its workers */
	errno = -sandbox_keep();
	if (!errno && env && exe >= 0 && place(null, STDIN_FILENO) &&
	    place(files->log, STDERR_FILENO) && place(STDERR_FILENO, STDOUT_FILENO) &&
	    place_files(files) && !close_range(WORKER_FDS, UINT_MAX, CLOSE_RANGE_CLOEXEC))
		fexecve(exe, args, env);
	log_error("a worker could not be started: %s", strerror(errno));
	_exit(127);
}

pid_t spawn_worker(int program, char *const environment[], const struct spawn_files *files)
{
	pid_t pid = sandbox_fork();

	if (!pid)
		become_worker(program, environment, files);
	return pid;
}
