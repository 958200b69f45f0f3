/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a simulation's program. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sys.h"
#include "sim/host/control.h"
#include "sim/host/folder.h"
#include "sim/host/host-internal.h"
#include "sim/host/ready.h"

#define SCRIPT_NS (10 * NS_PER_S) /* for a script to end after its last test, */
#define TERM_NS (2 * NS_PER_S)	  /* and after SIGTERM */

enum { EXIT_BAD_USE = 2 };

static struct host *serving;

static void on_signal(int sig)
{
	(void)sig;
	atomic_store(&serving->stop, true);
	vu_server_stop(serving->server);
}

/* It ends: what the handler would touch is given back. */
static void ignore_signals(void)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
}

static void set_signals(void)
{
	struct sigaction act = { .sa_handler = on_signal };

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
}

/* Programs and the script find logs by it, wherever they run. */
static int absolute_workdir(struct settings *s)
{
	char *full = realpath(s->workdir, NULL);

	if (!full)
		return -errno;
	if (strlen(full) >= sizeof(s->workdir)) {
		free(full);
		return -ENAMETOOLONG;
	}
	memcpy(s->workdir, full, strlen(full) + 1);
	free(full);
	return setenv("ASE_WORKDIR", s->workdir, 1) ? -errno : 0;
}

static int absolute_socket(struct settings *s)
{
	char cwd[PATH_MAX], full[PATH_MAX + sizeof(s->socket)];

	if (!s->socket[0] || s->socket[0] == '/')
		return 0;
	if (!getcwd(cwd, sizeof(cwd)))
		return -errno;
	snprintf(full, sizeof(full), "%s/%s", cwd, s->socket);
	if (strlen(full) >= sizeof(s->socket))
		return 0; /* it is good as it is, for who runs in this folder */
	memcpy(s->socket, full, strlen(full) + 1);
	return 0;
}

/* ---- ASE_SCRIPT ---- */

static int start_script(struct host *h)
{
	char shell[] = "sh", c[] = "-c";
	char *argv[] = { shell, c, h->set.script, NULL };
	posix_spawnattr_t group; /* so that what it has started can be ended with it */
	pid_t pid;
	int rc;

	posix_spawnattr_init(&group);
	posix_spawnattr_setflags(&group, POSIX_SPAWN_SETPGROUP);
	rc = -posix_spawn(&pid, "/bin/sh", NULL, &group, argv, environ);
	posix_spawnattr_destroy(&group);
	if (rc)
		return rc;
	h->script_pid = pid;
	h->script = (int)syscall(SYS_pidfd_open, pid, 0);
	return h->script < 0 ? -errno : 0;
}

static bool script_has_ended(const struct host *h, int64_t ns, bool patient)
{
	struct pollfd p = { .fd = h->script, .events = POLLIN };
	int64_t end = clock_deadline(ns);
	int rc = 0;

	while (rc <= 0 && clock_left_ms(end) && !(patient && atomic_load(&h->stop)))
		rc = sys_poll(&p, 1, clock_left_ms(end)); /* a signal may come in between */
	return rc > 0;
}

/* It may have a little to do after its last client, but not when the simulation is told to end. */
static bool wait_for_script(struct host *h)
{
	int status = 0;

	if (h->script < 0)
		return true;
	if (!script_has_ended(h, SCRIPT_NS, true)) {
		fprintf(stderr, "%s: ASE_SCRIPT goes on after its last test, and is ended\n", h->model->name);
		kill(-h->script_pid, SIGTERM);
		script_has_ended(h, TERM_NS, false);
		kill(-h->script_pid, SIGKILL);
	}
	waitpid(h->script_pid, &status, 0);
	sys_close(h->script);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* ---- start and end ---- */

/* True, or it has told. */
static bool waves_can_be_written(const struct sim_model *model, const struct settings *s)
{
	int rc = s->wave[0] ? wave_possible(model, s->wave) : 0;

	if (rc == -EOPNOTSUPP)
		fprintf(stderr, "%s: waves: it was built without traces: ase-build --trace\n", model->name);
	else if (rc)
		fprintf(stderr, "%s: waves: %s: %s\n", model->name, s->wave, wave_why(rc));
	return !rc;
}

static void control_path(const struct settings *s, char *path, size_t room)
{
	if (s->socket[0])
		snprintf(path, room, "%s.ctl", s->socket);
	else
		folder_path(s, "ase.ctl", path, room);
}

static int complain(const struct host *h, const char *what, int rc)
{
	fprintf(stderr, "%s: %s: %s\n", h->model->name, what,
		rc == -EADDRINUSE ? "another process serves this socket" : strerror(-rc));
	return rc;
}

static int start_control(struct host *h, char *path, size_t room)
{
	int rc;

	control_path(&h->set, path, room);
	rc = control_new(h, path);
	if (!rc)
		return 0;
	complain(h, "there will be no control socket", rc);
	*path = 0;
	return 0; /* the simulation is good without */
}

static int start(struct host *h)
{
	const struct sim_settings model = { h->set.seed, h->set.user_clock_mhz };
	char control[sizeof(h->set.workdir) + 32];
	int rc = device_new(h);

	if (rc)
		return complain(h, h->set.socket[0] ? h->set.socket : "--fd", rc);
	h->folder = folder_take(&h->set);
	if (log_open(h))
		return -EIO; /* it has told */
	serving = h;
	set_signals();
	if (h->model->start) {
		rc = h->model->start(h->model->self, &h->port, &model);
		if (rc)
			return rc == SIM_HAS_TOLD ? -ECANCELED : complain(h, "the design does not start", rc);
	}
	start_control(h, control, sizeof(control));
	rc = ready_write(&h->set, control);
	if (rc)
		return complain(h, h->set.workdir, rc);
	log_say(h, "ready: %s, socket %s", h->model->name, h->set.socket[0] ? h->set.socket : "inherited");
	log_say(h, "folder %s, seed %" PRIu64 ", order %s", h->set.workdir, h->set.seed,
		h->set.shuffle ? "shuffle" : "strict");
	if (*h->set.suffix)
		fprintf(stderr, "[SIM]  another simulation has this folder: names of files end in %s, and\n"
				"[SIM]  ASE_WORKDIR leads to the other one; --workdir gives another folder\n",
			h->set.suffix);
	if (h->set.mode == ASE_REGRESSION) {
		rc = start_script(h);
		if (rc)
			return complain(h, "ASE_SCRIPT", rc);
	}
	return 0;
}

static void finish(struct host *h)
{
	ready_remove(&h->set);
	wave_end(h);
	if (h->model->stop)
		h->model->stop(h->model->self);
	log_say(h, "ends: %s", h->why_ending ? h->why_ending : "asked by a signal");
	log_summary(h);
}

static int serve(struct host *h)
{
	bool good;

	if (start(h)) {
		ready_remove(&h->set);
		return EXIT_FAILURE;
	}
	good = !host_run(h);
	finish(h);
	control_free(h->control);
	h->control = NULL;
	good &= wait_for_script(h) && !h->log.errors;
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int ase_sim_main(int argc, char **argv, const struct sim_model *model)
{
	struct settings *set = calloc(1, sizeof(*set)); /* both are large */
	struct host *h = calloc(1, sizeof(*h));
	int code = EXIT_FAILURE, rc;

	if (model->size != sizeof(*model))
		fprintf(stderr, "%s: built for another version of libase-sim; build it again\n", argv[0]);
	else if (set && h)
		code = settings_read(set, model->name, argc, argv);
	if (code < 0) {
		umask(077); /* whoever can reach the sockets owns the simulation */
		rc = absolute_workdir(set);
		if (!rc)
			rc = absolute_socket(set);
		if (!rc)
			rc = host_init(h, model, set);
		if (rc)
			fprintf(stderr, "%s: %s: %s\n", model->name, set->workdir, strerror(-rc));
		code = rc ? EXIT_FAILURE : waves_can_be_written(model, set) ? serve(h) : EXIT_BAD_USE;
		ignore_signals();
		control_free(h->control);
		host_done(h);
		log_close(h);
		if (h->folder >= 0)
			sys_close(h->folder);
	}
	free(h);
	free(set);
	return code;
}
