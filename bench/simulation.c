/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/simulation.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ase-control.h"
#include "base/beside.h"
#include "base/clock.h"
#include "bench/wait.h"

#define BUILD_NS (600 * NS_PER_S)
#define START_NS (60 * NS_PER_S)
#define CONTROL_NS (60 * NS_PER_S)
#define ARGS 12

/* ---- building ---- */

/* Until all of its processes have let go of its output. */
static bool await_end(struct program *p)
{
	struct pollfd output = { .fd = p->out, .events = POLLIN };
	int64_t deadline = clock_deadline(BUILD_NS);
	char text[256];

	for (;;) {
		int rc = wait_for(&output, 1, deadline);

		if (rc > 0 && read(p->out, text, sizeof(text)) == 0)
			return true;
		if (rc <= 0) {
			kill(-p->pid, SIGKILL); /* its compilers as well */
			return bench_fail(rc ? "interrupted" : "ase-build does not end");
		}
	}
}

bool simulation_build(const char *const *args, size_t num, const char *const *settings, double *seconds)
{
	static const char *const places[] = { ".", "../sim" };
	const char *argv[ARGS] = { "ase-build" };
	struct program_frame frame = { .settings = settings, .cpu = -1 };
	char path[PATH_MAX];
	struct program p;
	int64_t from = clock_now_ns();
	bool good;

	if (!beside_find(places, 2, "ase-build", path, sizeof(path)))
		return bench_fail("there is no ase-build beside this program; --sim and --bare name what it "
				  "has made elsewhere");
	for (size_t i = 0; i < num && i + 2 < ARGS; i++)
		argv[i + 1] = args[i];
	if (!program_start(&p, "ase-build", path, argv, &frame))
		return false;
	good = await_end(&p);
	if (!program_end(&p))
		good = bench_fail("ase-build has failed");
	*seconds = (double)(clock_now_ns() - from) / (double)NS_PER_S;
	return good;
}

/* ---- its process ---- */

static bool write_config(const char *dir, const char *socket, struct simulation *s)
{
	char path[CARDS_DIR_MAX + 16];
	bool good;
	FILE *f;

	snprintf(path, sizeof(path), "%s/opae.cfg", dir);
	snprintf(s->config, sizeof(s->config), "LIBOPAE_CFGFILE=%s", path);
	f = fopen(path, "we");
	/* What is not said is as users have it. */
	good = f && fprintf(f,
			    "{\"plugins\": [\"ase\"], \"configurations\": {\"ase\": {\"enabled\": true,"
			    " \"plugin\": \"libase-opae.so\","
			    " \"configuration\": {\"socket\": \"%s\"%s}}}}\n",
			    socket, s->asleep ? ", \"spin_us\": 0" : "") > 0;
	if (f && fclose(f))
		good = false;
	return good || bench_fail("%s: %s", path, strerror(errno));
}

static bool await_ready(struct program *p)
{
	char line[256];

	if (!program_line(p, line, sizeof(line), clock_deadline(START_NS)))
		return false;
	return strstr(line, "ready") || bench_fail("the simulation says: %s", line);
}

bool simulation_start(struct run *r, const char *path, struct simulation *s)
{
	char dir[CARDS_DIR_MAX], socket[CARDS_DIR_MAX + 8];
	const char *argv[] = { path, "--socket", socket, "--workdir", dir, NULL };
	struct program_frame frame = { .cpu = r->cpu[1] };

	*s = (struct simulation){ .asleep = s->asleep };
	if (!run_directory(r, dir, sizeof(dir)))
		return false;
	snprintf(socket, sizeof(socket), "%s/s.sock", dir);
	snprintf(s->control, sizeof(s->control), "%s.ctl", socket);
	if (!write_config(dir, socket, s) ||
	    !program_start(&s->program, "the simulation", path, argv, &frame))
		return false;
	snprintf(s->pid, sizeof(s->pid), "%d", s->program.pid);
	return await_ready(&s->program);
}

bool simulation_end(struct simulation *s)
{
	if (!s->program.pid)
		return true;
	kill(s->program.pid, SIGTERM);
	return program_end(&s->program) || bench_fail("the simulation did not end well");
}

/* ---- its control socket ---- */

int simulation_control(const char *path)
{
	int fd = ase_control_connect(path, clock_deadline(CONTROL_NS));

	if (fd >= 0)
		return fd;
	bench_fail("%s: %s", path, strerror(-fd));
	return -1;
}

static bool ask(int control, const char *line, char answer[ASE_ANSWER_MAX])
{
	int rc = ase_control_ask(control, line, clock_deadline(CONTROL_NS), answer);

	return !rc || bench_fail("the simulation, asked for '%s': %s", line,
				 rc == -EPROTO ? answer : strerror(-rc));
}

bool simulation_tell(int control, const char *line)
{
	char answer[ASE_ANSWER_MAX];

	return ask(control, line, answer);
}

bool simulation_status(int control, struct simulation_status *ret)
{
	char answer[ASE_ANSWER_MAX], *cycle;

	if (!ask(control, "status", answer))
		return false;
	ret->at_ns = (double)clock_now_ns();
	cycle = strstr(answer, " cycle=");
	if (!cycle)
		return bench_fail("the simulation does not tell its cycle: %s", answer);
	ret->cycle = strtod(cycle + strlen(" cycle="), NULL);
	ret->stopped = strstr(answer, " state=stopped ") != NULL;
	return true;
}
