/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opae ase: the simulation of an AFU while it runs: what it does, its waves, its clock. It is the one that
 * programs would be given (base/ase-find.h), or that runs in this folder, or the one that is named.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ase-control.h"
#include "base/ase-find.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "ase-plugin.h"
#include "opae.h"

#define ANSWER_NS (30 * NS_PER_S)
#define STEP_NS (3600 * NS_PER_S) /* the clock of a large design is slow */

struct where {
	const char *socket, *workdir; /* that were named; NULL: neither */
	bool json;
};

/* ---- which simulation ---- */

static void find_by_name(const struct where *w, struct ase_found *f)
{
	struct stat st;

	if (w->workdir) {
		ase_find_in(w->workdir, f);
		return;
	}
	*f = (struct ase_found){ .origin = ASE_BY_SOCKET };
	snprintf(f->control, sizeof(f->control), "%s.ctl", w->socket);
	if (stat(f->control, &st)) /* the control socket itself was named */
		snprintf(f->control, sizeof(f->control), "%s", w->socket);
}

static void find(const struct where *w, struct ase_found *f)
{
	struct ase_config config = { 0 };
	struct ase_found here;

	if (w->workdir || w->socket) {
		find_by_name(w, f);
		return;
	}
	ase_plugin_config(&config);
	ase_find(&config, f);
	if (*f->control)
		return;
	ase_find_in(".", &here);
	/* A simulation that was here and is none: its reason helps more than that none is named. */
	if (*here.control || (!getenv("ASE_WORKDIR") && !access(ASE_READY_FILE, F_OK)))
		*f = here;
}

static void tell_unreachable(const struct ase_found *f, int rc)
{
	bool gone = rc == -ENOENT || rc == -ECONNREFUSED;

	/* The process that the file names is another one by now. */
	if (gone && f->origin == ASE_BY_WORKDIR)
		fprintf(stderr, "opae ase: " ASE_READY_FILE " is stale: nobody serves %s; start the "
				"simulation, or remove the file\n", f->control);
	else
		fprintf(stderr, "opae ase: %s: %s\n", f->control,
			rc == -ECONNREFUSED ? "nobody answers there: the simulation has ended" :
					      strerror(-rc));
}

/* A connected descriptor, or -1; then it has said why. */
static int reach(const struct where *w, int64_t deadline)
{
	struct ase_found f;
	int fd;

	find(w, &f);
	if (!*f.control) {
		fprintf(stderr, "opae ase: %s\n", *f.why ? f.why : "no simulation was found");
		if (f.origin == ASE_BY_EXEC)
			fprintf(stderr, "Each program starts its own: ask in the folder where it runs, or "
					"with --workdir.\n");
		return -1;
	}
	fd = ase_control_connect(f.control, deadline);
	if (fd < 0)
		tell_unreachable(&f, fd);
	return fd < 0 ? -1 : fd;
}

/* The exit code; the answer is empty unless it is EXIT_OK. */
static int ask(const struct where *w, const char *line, int64_t patience_ns, char answer[ASE_ANSWER_MAX])
{
	int64_t deadline = clock_deadline(patience_ns);
	CLEANUP_CLOSE int fd = reach(w, deadline);
	int rc;

	if (fd < 0)
		return EXIT_NOTHING_FOUND;
	rc = ase_control_ask(fd, line, deadline, answer);
	if (!rc)
		return EXIT_OK;
	fprintf(stderr, "opae ase: %s\n",
		rc == -EPROTO	 ? answer :
		rc == -ETIMEDOUT ? "the simulation does not answer" :
		rc == -ENOTCONN	 ? "the simulation has ended, or serves four others already" :
				   strerror(-rc));
	*answer = 0;
	return EXIT_FAILED;
}

/* ---- telling ---- */

/* Numbers as numbers. */
static struct json_object *json_of(const char *value)
{
	uint64_t n;

	return parse_u64(value, &n) ? json_u64(n) : json_object_new_string(value);
}

/* The words KEY=VALUE, a line each. */
static int tell(char *answer, bool json)
{
	struct json_object *o = json ? json_object_new_object() : NULL;
	char *save = NULL;

	for (char *word = strtok_r(answer, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value++ = 0;
		if (json)
			json_object_object_add(o, word, json_of(value));
		else
			printf("%-10s %s\n", word, value);
	}
	return json ? print_json("simulation", o) : EXIT_OK;
}

static int status(const struct where *w)
{
	char answer[ASE_ANSWER_MAX], rules[ASE_ANSWER_MAX];
	int code = ask(w, "status", ANSWER_NS, answer);

	if (code == EXIT_OK)
		code = tell(answer, w->json);
	if (code || w->json || ask(w, "rules", ANSWER_NS, rules) || !*rules)
		return code;
	printf("\nRules of the protocol that were broken, errors/warnings:\n");
	return tell(rules, false);
}

/* ---- commands ---- */

static int wave(const struct where *w, int argc, char *argv[])
{
	char line[PATH_MAX + 16], answer[ASE_ANSWER_MAX], cwd[PATH_MAX];
	int n;

	if (argc == 1 && !strcmp(argv[0], "off"))
		return ask(w, "wave off", ANSWER_NS, answer);
	if (argc != 2 || strcmp(argv[0], "on") != 0)
		return usage_error("wave on FILE, or wave off");
	if (!*argv[1] || strchr(argv[1], '\n'))
		return usage_error("'%s' is no name of a file", argv[1]);
	/* The simulation runs in a folder of its own. */
	if (*argv[1] == '/')
		n = snprintf(line, sizeof(line), "wave on %s", argv[1]);
	else
		n = snprintf(line, sizeof(line), "wave on %s/%s",
			     getcwd(cwd, sizeof(cwd)) ? cwd : ".", argv[1]);
	if (n >= (int)sizeof(line))
		return usage_error("the file's name is too long");
	return ask(w, line, ANSWER_NS, answer);
}

static int step(const struct where *w, int argc, char *argv[])
{
	char line[64], answer[ASE_ANSWER_MAX];
	uint64_t cycles;
	int code;

	if (argc != 1 || !parse_u64(argv[0], &cycles) || !cycles || cycles > UINT32_MAX)
		return usage_error("step CYCLES, from 1 to 4294967295");
	snprintf(line, sizeof(line), "step %llu", (unsigned long long)cycles);
	code = ask(w, line, STEP_NS, answer);
	return code ? code : tell(answer, w->json);
}

static int run(const struct where *w, int argc, char *argv[])
{
	char line[128], answer[ASE_ANSWER_MAX];
	int code;

	if (argc != 1 || strchr(argv[0], '\n') || strlen(argv[0]) > 64)
		return usage_error("run idle-stop[:CYCLES] | free | lockstep[:CYCLES] | paused");
	snprintf(line, sizeof(line), "run %s", argv[0]);
	code = ask(w, line, ANSWER_NS, answer);
	return code ? code : tell(answer, w->json);
}

static int choose(const struct where *w, int argc, char *argv[])
{
	char answer[ASE_ANSWER_MAX];

	if (!argc)
		return usage_error("status, wave, step, run or end");
	if (!strcmp(argv[0], "wave"))
		return wave(w, argc - 1, argv + 1);
	if (!strcmp(argv[0], "step"))
		return step(w, argc - 1, argv + 1);
	if (!strcmp(argv[0], "run"))
		return run(w, argc - 1, argv + 1);
	if (argc > 1)
		return usage_error("'%s' takes no '%s'", argv[0], argv[1]);
	if (!strcmp(argv[0], "status"))
		return status(w);
	if (!strcmp(argv[0], "end"))
		return ask(w, "end", ANSWER_NS, answer);
	return usage_error("there is no 'ase %s'", argv[0]);
}

int cmd_ase(int argc, char *argv[])
{
	static const struct option options[] = { { "socket", required_argument, NULL, 's' },
						 { "workdir", required_argument, NULL, 'w' },
						 { "json", no_argument, NULL, 'j' },
						 { 0 } };
	struct where w = { 0 };
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's': w.socket = optarg; break;
		case 'w': w.workdir = optarg; break;
		case 'j': w.json = true; break;
		default: return usage_error("ase has no option '%s'", argv[optind - 1]);
		}
	}
	if (w.socket && w.workdir)
		return usage_error("--socket or --workdir, not both");
	if (w.socket && strlen(w.socket) + sizeof(".ctl") > ASE_SOCKET_MAX)
		return usage_error("--socket: a socket's path has at most %d bytes", ASE_SOCKET_MAX - 1);
	return choose(&w, argc - optind, argv + optind);
}
