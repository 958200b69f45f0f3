/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/beside.h"
#include "bench/stats.h"
#include "bench/wait.h"

/* ---- the private directory ---- */

const char run_local_config[] =
	"{\"configurations\": {\"vfio\": {\"configuration\": {}, \"enabled\": true,"
	" \"plugin\": \"libv-opae.so\"}}, \"plugins\": [\"vfio\"]}\n";

/* What the user has configured is not what is measured. */
static bool write_config(struct run *r)
{
	char path[CARDS_DIR_MAX];
	FILE *f;
	bool good;

	snprintf(path, sizeof(path), "%s/opae.cfg", r->root);
	snprintf(r->config, sizeof(r->config), "LIBOPAE_CFGFILE=%s", path);
	f = fopen(path, "we");
	good = f && fputs(run_local_config, f) >= 0;
	if (f && fclose(f))
		good = false;
	return good || bench_fail("%s: %s", path, strerror(errno));
}

/* In $TMPDIR, unless sockets in it would have too long a path. */
static bool make_root(struct run *r)
{
	static const char name[] = "opae-bench.XXXXXX";
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(r->root, sizeof(r->root), "%s/%s", tmp && *tmp ? tmp : "/tmp", name);

	if (n < 0 || (size_t)n >= sizeof(r->root))
		snprintf(r->root, sizeof(r->root), "/tmp/%s", name);
	if (mkdtemp(r->root))
		return true;
	bench_fail("%s: %s", r->root, strerror(errno));
	r->root[0] = 0;
	return false;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	remove(path);
	return 0;
}

static bool find_card_program(struct run *r)
{
	static const char *const places[] = { ".", "../emu" };
	const char *told = getenv("OPAEX_EMU_PROGRAM");

	if (told && *told) {
		snprintf(r->card_program, sizeof(r->card_program), "%s", told);
		return true;
	}
	return beside_find(places, 2, "opae-emu", r->card_program, sizeof(r->card_program)) ||
	       bench_fail("there is no opae-emu beside this program");
}

/* Programs get their ends of pipes as 0 and 1: none of ours may be there already. */
static bool keep_low_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || bench_fail("/dev/null: %s", strerror(errno));
}

static void choose_cpus(struct run *r)
{
	int found = 0;
	cpu_set_t set;

	r->cpu[0] = r->cpu[1] = -1;
	if (sched_getaffinity(0, sizeof(set), &set) || CPU_COUNT(&set) < 2)
		return;
	for (int cpu = 0; found < 2; cpu++)
		if (CPU_ISSET((size_t)cpu, &set))
			r->cpu[found++] = cpu;
}

static bool begin(struct run *r)
{
	choose_cpus(r);
	return keep_low_descriptors() && find_card_program(r) && make_root(r) && write_config(r);
}

static void end(struct run *r)
{
	if (r->root[0])
		nftw(r->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool run_directory(struct run *r, char *path, size_t len)
{
	snprintf(path, len, "%s/%u", r->root, r->directories++);
	return !mkdir(path, 0700) || bench_fail("%s: %s", path, strerror(errno));
}

bool run_cards(struct run *r, struct cards *c, const struct cards_kind *kind, unsigned int num,
	       bool pinned)
{
	return run_directory(r, c->dir, sizeof(c->dir)) &&
	       cards_start(c, r->card_program, kind, num, pinned ? r->cpu[1] : -1);
}

/* ---- sides ---- */

static bool start_raw(struct run *r, struct side *s)
{
	static const char *const places[] = { BENCH_RAW_DIR, "../bench/raw" };
	const char *argv[SIDE_ARGS + 2] = { s->raw };
	char path[PATH_MAX];

	if (strchr(s->raw, '/'))
		snprintf(path, sizeof(path), "%s", s->raw);
	else if (!beside_find(places, 2, s->raw, path, sizeof(path)))
		return bench_fail("the raw reference '%s' is missing; it is installed as %s/%s, "
				  "seen from this program",
				  s->raw, BENCH_RAW_DIR, s->raw);
	memcpy(&argv[1], s->args, sizeof(s->args));
	return program_start(&s->program, s->raw, path, argv,
			     &(struct program_frame){ .cpu = s->pinned ? r->cpu[0] : -1 });
}

static bool start_subject(struct run *r, struct side *s)
{
	const char *argv[SIDE_ARGS + 4] = { "opae", "bench", "subject" };
	char emu[CARDS_DIR_MAX + 32], nothing[CARDS_DIR_MAX], dir[CARDS_DIR_MAX];
	const char *settings[] = { "OPAE_EXPLICIT_INITIALIZE=1", "LIBOPAE_LOG=0",
				   "LIBOPAE_LOGFILE=",           s->config ? s->config : r->config,
				   emu,                          s->inventory,
				   NULL };

	if (!s->cards && !run_directory(r, nothing, sizeof(nothing)))
		return false;
	if (s->fresh || !s->inventory[0]) {
		if (!run_directory(r, dir, sizeof(dir)))
			return false;
		snprintf(s->inventory, sizeof(s->inventory), "OPAEX_INVENTORY_DIR=%s", dir);
	}
	snprintf(emu, sizeof(emu), "OPAEX_EMU_DIR=%s", s->cards ? s->cards->dir : nothing);
	memcpy(&argv[3], s->args, sizeof(s->args));
	return program_start(&s->program, s->args[0], "/proc/self/exe", argv,
			     &(struct program_frame){ settings, NULL, s->pinned ? r->cpu[0] : -1 });
}

static bool end_side(struct side *s)
{
	return program_end(&s->program) || bench_fail("%s did not end well", s->program.name);
}

/* On a shared host somebody else may sit on one CPU's physical core for as long as the run takes. */
static bool ask_on_each_cpu(struct run *r, struct side *s, double *numbers)
{
	double other[SIDE_NUMBERS] = { 0 };

	if (!program_move(&s->program, r->cpu[0]) ||
	    !program_ask(&s->program, numbers, s->numbers) ||
	    !program_move(&s->program, r->cpu[1]) || !program_ask(&s->program, other, s->numbers))
		return false;
	for (size_t i = 0; i < s->numbers; i++)
		if (other[i] < numbers[i])
			numbers[i] = other[i];
	return true;
}

bool run_side_start(struct run *r, struct side *s)
{
	return s->program.pid || (s->raw ? start_raw(r, s) : start_subject(r, s));
}

static bool ask(struct run *r, struct side *s, double *numbers)
{
	if (!run_side_start(r, s))
		return false;
	if (s->each_cpu && r->cpu[0] >= 0)
		return ask_on_each_cpu(r, s, numbers);
	return program_ask(&s->program, numbers, s->numbers) && (!s->fresh || end_side(s));
}

bool run_side_once(struct run *r, struct side *s, double *numbers)
{
	bool good = ask(r, s, numbers);

	return good ? end_side(s) : (program_end(&s->program), false);
}

typedef double run_numbers[SIDE_NUMBERS][ROUNDS];

static bool ask_round(struct run *r, struct side *s, run_numbers numbers, unsigned int round)
{
	double answer[SIDE_NUMBERS] = { 0 };

	if (!ask(r, s, answer))
		return false;
	for (size_t i = 0; i < SIDE_NUMBERS; i++)
		numbers[i][round] = answer[i];
	return true;
}

/* good: all its rounds are there. */
static bool finish_side(struct run *r, struct side *s, run_numbers numbers, bool good)
{
	if (!good)
		program_end(&s->program);
	else
		good = end_side(s);
	for (size_t i = 0; good && i < SIDE_NUMBERS; i++)
		s->median[i] = stats_percentile(numbers[i], r->rounds, 50);
	return good;
}

bool run_sides(struct run *r, struct side *a, struct side *b)
{
	run_numbers numbers[2];
	struct side *sides[] = { a, b };
	bool good = true;

	for (unsigned int turn = 0; good && turn < 2 * r->rounds; turn++) {
		unsigned int which = (turn + turn / 2) % 2; /* a b, b a, a b ... */

		good = ask_round(r, sides[which], numbers[which], turn / 2);
	}
	good = finish_side(r, a, numbers[0], good);
	return finish_side(r, b, numbers[1], good);
}

bool run_side(struct run *r, struct side *s)
{
	run_numbers numbers;
	bool good = true;

	for (unsigned int round = 0; good && round < r->rounds; round++)
		good = ask_round(r, s, numbers, round);
	return finish_side(r, s, numbers, good);
}

/* ---- rows ---- */

static double thousandths(double v)
{
	return (double)(int64_t)(v * 1000 + 0.5) / 1000;
}

static void set_target(struct bench_row *row, struct limit l)
{
	row->has_target = l.kind != NO_LIMIT;
	switch (l.kind) {
	case NO_LIMIT:
		snprintf(row->rule, sizeof(row->rule), "none");
		break;
	case AT_MOST:
		row->target = l.n;
		snprintf(row->rule, sizeof(row->rule), "at most %g %s", l.n, row->unit);
		break;
	case TIMES:
		row->target = thousandths(row->reference * l.n);
		snprintf(row->rule, sizeof(row->rule), "at most %g x reference", l.n);
		break;
	case PLUS:
		row->target = thousandths(row->reference + l.n);
		snprintf(row->rule, sizeof(row->rule), "at most reference + %g %s", l.n, row->unit);
		break;
	}
}

/* Is `name` the item, or does it begin with it and go on behind a dash? */
static bool begins(const char *name, const char *item, size_t len)
{
	return !strncmp(name, item, len) && (!name[len] || name[len] == '-');
}

bool run_wants(const struct run *r, const char *name)
{
	const char *item = r->only;

	for (; item; item = strchr(item, ',') ? strchr(item, ',') + 1 : NULL)
		if (begins(name, item, strcspn(item, ",")))
			return true;
	return !r->only;
}

void run_row(struct run *r, const char *name, const char *unit, double value, double reference,
	     struct limit limit)
{
	struct bench_row *row = &r->report->rows[r->report->num];

	if (!run_wants(r, name))
		return;
	r->report->num++;
	*row = (struct bench_row){ .unit = unit,
				   .value = thousandths(value),
				   .reference = thousandths(reference) };
	snprintf(row->name, sizeof(row->name), "%s", name);
	row->ratio = row->reference > 0 ? row->value / row->reference : 0;
	set_target(row, limit);
	row->met = !row->has_target || row->value <= row->target;
}

/* ---- all ---- */

static void describe_machine(char *out, size_t len)
{
	char line[256], cpu[128] = "unknown processor";
	FILE *f = fopen("/proc/cpuinfo", "re");
	struct utsname u = { .sysname = "unknown kernel" };

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "model name : %127[^\n]", cpu) == 1)
			break;
	if (f)
		fclose(f);
	uname(&u);
	snprintf(out, len, "%s, %ld cores, %.32s %.64s %.16s", cpu, sysconf(_SC_NPROCESSORS_ONLN),
		 u.sysname, u.release, u.machine);
}

/* Is any of the part's rows named? */
static bool wants_part(const struct run *r, const struct part *part)
{
	const char *item = r->only;

	if (!item || !part->name)
		return true;
	for (; item; item = strchr(item, ',') ? strchr(item, ',') + 1 : NULL)
		if (!strncmp(item, part->name, strlen(part->name)))
			return true;
	return false;
}

static bool measure(struct run *r, const struct part *parts, size_t num)
{
	bool good = true, tell = isatty(STDERR_FILENO);

	for (size_t i = 0; good && i < num; i++) {
		if (!wants_part(r, &parts[i]))
			continue;
		if (tell)
			fprintf(stderr, "\r\033[Kmeasuring %s ...", parts[i].what);
		r->rounds = r->quick ? 1 : ROUNDS;
		good = parts[i].measure(r);
	}
	if (tell)
		fputs("\r\033[K", stderr);
	return good;
}

bool run_all(struct run *r, const struct part *parts, size_t num)
{
	bool good;

	describe_machine(r->report->machine, sizeof(r->report->machine));
	wait_begin();
	good = begin(r) && measure(r, parts, num);
	end(r);
	wait_end();
	return good;
}
