/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/host/settings.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/host/host-port.h"

enum { EXIT_BAD_USE = 2 };

static const char help[] =
	"\n"
	"Simulates an accelerator behind a vfio-user socket, for one client at a time, until SIGTERM or\n"
	"SIGINT. Arguments that begin with '+' are the design's own (+verilator+...).\n"
	"\n"
	"  --socket PATH        unix socket to listen on; WORKDIR/ase.sock without it\n"
	"  --fd N               serve the client at the other end of this inherited socket, end with it\n"
	"  --workdir DIR        where logs and .ase_ready.pid go; without it ASE_WORKDIR, or this folder\n"
	"\n"
	"When the clock runs:\n"
	"  --run idle-stop[:N]  it stops when nothing is outstanding and the accelerator has asked for\n"
	"                       nothing for N cycles (4096; 1000000 while a program has it open), and goes\n"
	"                       on with the next access; the default\n"
	"  --run free           always\n"
	"  --run lockstep[:K]   K cycles (64) for each register access: the same log for the same program\n"
	"                       and seed\n"
	"  --run paused         only as the control socket is told (opae ase step)\n"
	"\n"
	"What the host does:\n"
	"  --order strict       memory requests are carried out at once, answered in order; the default\n"
	"  --order shuffle[:SEED]  carried out late, in any order that fences leave: a missing one shows\n"
	"  --seed N             what is random in design and order; ASE_SEED of ase.cfg, or 1234\n"
	"  --mmio-gap N         cycles from one register access to the next, at least (16; 1 to 1048576)\n"
	"  --read-latency N     cycles from a memory read to its data (100; 1 to 1048576)\n"
	"  --write-latency N    cycles from a memory write to its answer (60; 1 to 1048576)\n"
	"  --outstanding N      lines under way before the accelerator is told to wait (256; 8 to 4096)\n"
	"\n"
	"What is seen:\n"
	"  --strict             the first broken rule ends the simulation\n"
	"  --hazards            warns of accesses to one line at once that nothing orders; takes time\n"
	"  --log none|mmio|all  what goes into the log of transactions; mmio: all but lines of memory\n"
	"  --wave FILE          write waves; needs a simulation built with traces\n"
	"  --wave-from N, --wave-to N  only of these cycles\n"
	"  --quiet              no messages but of what is wrong (as ASE_LOG=0)\n"
	"  --help               this text\n"
	"\n"
	"WORKDIR/ase.cfg, or the file that ASE_CONFIG names, may have ASE_MODE, ASE_TIMEOUT, ASE_NUM_TESTS,\n"
	"ASE_SEED, ENABLE_REUSE_SEED, ENABLE_CL_VIEW and USR_CLK_MHZ.\n"
	"\n"
	"Exit status: 0, 1 if a rule was broken or serving failed, 2 for bad use.\n";

void settings_default(struct settings *s)
{
	*s = (struct settings){ .fd = -1,
				.run = RUN_IDLE_STOP,
				.idle_cycles = 4096,
				.used_cycles = 1000000,
				.lockstep_cycles = 64,
				.seed = 1234,
				.mmio_gap = 16,
				.read_latency = 100,
				.write_latency = 60,
				.interrupt_latency = 12,
				.outstanding = 256,
				.log = LOG_MMIO,
				.wave_to = UINT64_MAX,
				.mode = ASE_SERVER,
				.timeout_cycles = 50000,
				.num_tests = 1,
				.user_clock_mhz = 312.5 };
}

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	char *end;
	uint64_t v;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || end == text || *end || strchr(text, '-') || v < min || v > max)
		return false;
	*ret = v;
	return true;
}

/* ---- ase.cfg ---- */

static bool config_mode(struct settings *s, const char *value)
{
	uint64_t mode;

	if (!number(value, ASE_SERVER, ASE_REGRESSION, &mode))
		return false;
	s->mode = (enum ase_mode)mode;
	return true;
}

static bool config_clock(struct settings *s, const char *value)
{
	char *end;
	double mhz = strtod(value, &end);

	if (end == value || *end || !(mhz > 0 && mhz <= SIM_USER_CLOCK_MHZ))
		return false;
	s->user_clock_mhz = mhz;
	return true;
}

static bool reuse_seed(struct settings *s)
{
	char path[sizeof(s->workdir) + 16], text[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/ase_seed.txt", s->workdir);
	f = fopen(path, "re");
	if (!f)
		return true; /* the first time there is none */
	if (fgets(text, sizeof(text), f))
		text[strcspn(text, "\n")] = 0;
	fclose(f);
	return number(text, 0, UINT64_MAX, &s->seed);
}

static const char *config_value(struct settings *s, const char *key, const char *value)
{
	uint64_t flag;

	if (!strcmp(key, "ASE_MODE"))
		return config_mode(s, value) ? NULL : "ASE_MODE is 1, 2, 3 or 4";
	if (!strcmp(key, "ASE_TIMEOUT"))
		return number(value, 1, UINT64_MAX, &s->timeout_cycles) ?
			       NULL :
			       "ASE_TIMEOUT is a number of cycles, at least 1";
	if (!strcmp(key, "ASE_NUM_TESTS"))
		return number(value, 1, UINT64_MAX, &s->num_tests) ? NULL :
								      "ASE_NUM_TESTS is at least 1";
	if (!strcmp(key, "ASE_SEED"))
		return number(value, 0, UINT64_MAX, &s->seed) ? NULL : "ASE_SEED is a number";
	if (!strcmp(key, "USR_CLK_MHZ"))
		return config_clock(s, value) ? NULL : "USR_CLK_MHZ is a number up to 400";
	if (!strcmp(key, "PHYS_MEMORY_AVAILABLE_GB"))
		return NULL; /* addresses are the client's own */
	if (strcmp(key, "ENABLE_CL_VIEW") && strcmp(key, "ENABLE_REUSE_SEED"))
		return "there is no such setting";
	if (!number(value, 0, 1, &flag))
		return "it is 0 or 1";
	if (!strcmp(key, "ENABLE_CL_VIEW"))
		s->log = flag ? LOG_ALL : LOG_MMIO;
	else
		s->reuse_seed = flag;
	return NULL;
}

bool settings_config_line(struct settings *s, const char *line, const char **problem)
{
	char text[256], *key = text, *value, *end;

	*problem = NULL;
	if (strlen(line) >= sizeof(text)) {
		*problem = "the line is longer than 255 characters";
		return false;
	}
	memcpy(text, line, strlen(line) + 1);
	text[strcspn(text, "#\r\n")] = 0;
	key += strspn(key, " \t");
	if (!*key)
		return true;
	value = strchr(key, '=');
	if (!value) {
		*problem = "it is not of the form KEY = VALUE";
		return false;
	}
	*value++ = 0;
	value += strspn(value, " \t");
	key[strcspn(key, " \t")] = 0;
	for (end = value + strlen(value); end > value && strchr(" \t", end[-1]);)
		*--end = 0;
	*problem = config_value(s, key, value);
	return !*problem;
}

/* A mistake in it is told, and the rest is used: an old file must not keep a simulation from starting. */
static bool read_config(struct settings *s, const char *name)
{
	const char *named = getenv("ASE_CONFIG"), *problem;
	char path[sizeof(s->workdir) + 16], line[512];
	unsigned int at = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/ase.cfg", s->workdir);
	f = fopen(named ? named : path, "re");
	if (!f && named)
		fprintf(stderr, "%s: ASE_CONFIG names %s: %s\n", name, named, strerror(errno));
	if (!f)
		return !named;
	while (fgets(line, sizeof(line), f)) {
		at++;
		if (!settings_config_line(s, line, &problem))
			fprintf(stderr, "%s: %s:%u: %s; the line is left out\n", name,
				named ? named : path, at, problem);
	}
	fclose(f);
	if (s->reuse_seed && !reuse_seed(s)) /* in OPAE's own file ASE_SEED comes after it */
		fprintf(stderr, "%s: ENABLE_REUSE_SEED: ase_seed.txt has no number; it is left out\n", name);
	return true;
}

/* ---- the command line ---- */

static bool copy(char *to, size_t room, const char *from)
{
	if (strlen(from) >= room)
		return false;
	memcpy(to, from, strlen(from) + 1);
	return true;
}

/* The part behind the colon of `word:number`. True also when there is none. */
static bool suffix(const char *text, const char *word, uint64_t *value, bool *matches)
{
	size_t len = strlen(word);

	*matches = !strncmp(text, word, len) && (!text[len] || text[len] == ':');
	return !*matches || !text[len] || number(text + len + 1, 0, UINT64_MAX, value);
}

bool settings_run(struct settings *s, const char *text)
{
	uint64_t idle_cycles = s->idle_cycles, lockstep_cycles = s->lockstep_cycles;
	bool idle, lock;

	if (!suffix(text, "idle-stop", &idle_cycles, &idle) ||
	    !suffix(text, "lockstep", &lockstep_cycles, &lock) || !idle_cycles || !lockstep_cycles)
		return false;
	if (!idle && !lock && strcmp(text, "free") && strcmp(text, "paused"))
		return false;
	s->run = idle ? RUN_IDLE_STOP : lock ? RUN_LOCKSTEP : *text == 'f' ? RUN_FREE : RUN_PAUSED;
	s->idle_cycles = idle_cycles;
	if (idle && text[strlen("idle-stop")])
		s->used_cycles = idle_cycles;
	s->lockstep_cycles = lockstep_cycles;
	return true;
}

static bool parse_order(struct settings *s, const char *text, bool *seeded)
{
	if (!suffix(text, "shuffle", &s->order_seed, &s->shuffle))
		return false;
	*seeded = s->shuffle && strchr(text, ':');
	return s->shuffle || !strcmp(text, "strict");
}

static bool parse_log(struct settings *s, const char *text)
{
	static const char *const words[] = { "none", "mmio", "all" };

	for (unsigned int i = 0; i < 3; i++)
		if (!strcmp(text, words[i])) {
			s->log = (enum log_detail)i;
			return true;
		}
	return false;
}

static const struct option longs[] = {
	{ "socket", required_argument, NULL, 's' },	   { "fd", required_argument, NULL, 'f' },
	{ "workdir", required_argument, NULL, 'd' },	   { "run", required_argument, NULL, 'r' },
	{ "order", required_argument, NULL, 'o' },	   { "seed", required_argument, NULL, 'S' },
	{ "mmio-gap", required_argument, NULL, 'g' },	   { "read-latency", required_argument, NULL, 'R' },
	{ "write-latency", required_argument, NULL, 'W' }, { "outstanding", required_argument, NULL, 'O' },
	{ "strict", no_argument, NULL, 'x' },		   { "log", required_argument, NULL, 'l' },
	{ "wave", required_argument, NULL, 'w' },	   { "wave-from", required_argument, NULL, 'F' },
	{ "wave-to", required_argument, NULL, 'T' },	   { "quiet", no_argument, NULL, 'q' },
	{ "hazards", no_argument, NULL, 'z' },		   { "help", no_argument, NULL, 'h' },
	{ 0 }
};

/* Of those that help names with their limits. */
static bool limits(int c, uint64_t *min, uint64_t *max)
{
	*min = c == 'O' ? 8 : 1;
	*max = c == 'O' ? 4096 : 1 << 20;
	return c == 'g' || c == 'R' || c == 'W' || c == 'O';
}

static bool limited(int c, const char *arg, uint64_t *ret)
{
	uint64_t min, max;

	return limits(c, &min, &max) && number(arg, min, max, ret);
}

static bool take_option(struct settings *s, int c, const char *arg, bool *seeded)
{
	uint64_t fd;

	switch (c) {
	case 's': return *arg && copy(s->socket, sizeof(s->socket), arg);
	case 'f':
		if (!number(arg, 0, 1 << 20, &fd))
			return false;
		s->fd = (int)fd;
		return true;
	case 'd': return true; /* it was looked for first */
	case 'r': return settings_run(s, arg);
	case 'o': return parse_order(s, arg, seeded);
	case 'S': return number(arg, 0, UINT64_MAX, &s->seed);
	case 'g': return limited(c, arg, &s->mmio_gap);
	case 'R': return limited(c, arg, &s->read_latency);
	case 'W': return limited(c, arg, &s->write_latency);
	case 'O': return limited(c, arg, &s->outstanding);
	case 'x': s->strict_rules = true; return true;
	case 'z': s->hazards = true; return true;
	case 'l': return parse_log(s, arg);
	case 'w': return *arg && copy(s->wave, sizeof(s->wave), arg);
	case 'F': return number(arg, 0, UINT64_MAX, &s->wave_from);
	case 'T': return number(arg, 0, UINT64_MAX, &s->wave_to);
	case 'q': s->quiet = true; return true;
	default: return false;
	}
}

static const char *option_name(int c)
{
	for (const struct option *o = longs; o->name; o++)
		if (o->val == c)
			return o->name;
	return "?";
}

/* The first pass finds only what the configuration depends on. */
static bool find_workdir(struct settings *s, int argc, char **argv)
{
	const char *dir = getenv("ASE_WORKDIR");

	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "--workdir=", 10))
			dir = argv[i] + 10;
		else if (!strcmp(argv[i], "--workdir") && i + 1 < argc)
			dir = argv[i + 1];
	}
	if (!dir || !*dir)
		return getcwd(s->workdir, sizeof(s->workdir)) != NULL;
	return copy(s->workdir, sizeof(s->workdir), dir);
}

static bool default_socket(struct settings *s)
{
	size_t len = strlen(s->workdir);

	if (s->socket[0] || s->fd >= 0)
		return true;
	if (len + sizeof("/ase.sock") > sizeof(s->socket))
		return false;
	memcpy(s->socket, s->workdir, len);
	memcpy(s->socket + len, "/ase.sock", sizeof("/ase.sock"));
	return true;
}

static int bad(const char *name, const char *what, const char *value)
{
	fprintf(stderr, "%s: %s '%s'; see --help\n", name, what, value);
	return EXIT_BAD_USE;
}

static int bad_option(const char *name, int c, const char *value)
{
	char what[96];
	uint64_t min, max;

	if (limits(c, &min, &max))
		snprintf(what, sizeof(what),
			 "--%s is a number from %" PRIu64 " to %" PRIu64 ", and cannot be",
			 option_name(c), min, max);
	else
		snprintf(what, sizeof(what), "--%s cannot be", option_name(c));
	return bad(name, what, value);
}

static int parse_all(struct settings *s, const char *name, int argc, char **argv)
{
	bool seeded = false;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		if (c == 'h') {
			printf("usage: %s [--socket PATH] [OPTION...]\n%s", name, help);
			return EXIT_SUCCESS;
		}
		if (c == '?')
			return EXIT_BAD_USE; /* getopt has said why */
		if (!take_option(s, c, optarg, &seeded))
			return bad_option(name, c, optarg);
	}
	for (; optind < argc; optind++)
		if (argv[optind][0] != '+')
			return bad(name, "there is no use for", argv[optind]);
	if (!seeded)
		s->order_seed = s->seed;
	return -1;
}

int settings_read(struct settings *s, const char *name, int argc, char **argv)
{
	const char *log = getenv("ASE_LOG"), *script = getenv("ASE_SCRIPT"), *wave = getenv("ASE_WAVE");
	int code;

	settings_default(s);
	s->quiet = log && !strcmp(log, "0");
	if (!find_workdir(s, argc, argv))
		return bad(name, "there is no such folder:", "--workdir");
	if (!read_config(s, name))
		return EXIT_BAD_USE;
	if ((script && !copy(s->script, sizeof(s->script), script)) ||
	    (wave && !copy(s->wave, sizeof(s->wave), wave)))
		return bad(name, "too long:", "ASE_SCRIPT or ASE_WAVE");
	code = parse_all(s, name, argc, argv);
	if (code >= 0)
		return code;
	if (s->fd >= 0)
		s->mode = ASE_SERVER; /* who started it is its only program */
	if (s->mode == ASE_REGRESSION && !s->script[0])
		return bad(name, "ASE_MODE 4 needs what to run, in the environment's", "ASE_SCRIPT");
	if (!default_socket(s))
		return bad(name, "too long a path for a socket, give another by --socket:", s->workdir);
	return -1;
}
