/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opae emu: emulated cards of this user. A card is a process of its own (opae-emu) with a socket
 * and a pid file in the emulator directory, where v-opae looks for cards when its
 * configuration names no sockets: $OPAEX_EMU_DIR, else $XDG_RUNTIME_DIR/opae/emu, else
 * /tmp/opae-UID/emu.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/beside.h"
#include "base/emu-dir.h"
#include "opae.h"

#define PATH_MAX_EMU 90 /* so that directory, name and ".sock" fit in a socket's address */
#define NAME_MAX_EMU 24
#define START_MS 5000
#define STOP_MS 5000

static void pause_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&ts, NULL);
}

/* Makes the directory and its parents, for this user alone. */
static bool make_dir(const char *dir)
{
	char path[PATH_MAX_EMU];

	snprintf(path, sizeof(path), "%s", dir);
	for (char *p = path + 1; *p; p++)
		if (*p == '/') {
			*p = 0;
			mkdir(path, 0700);
			*p = '/';
		}
	mkdir(path, 0700);
	if (emu_dir_trusted(dir))
		return true;
	fprintf(stderr, "opae: %s is not a directory that only you can write to\n", dir);
	return false;
}

static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n && n <= NAME_MAX_EMU && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n)
		return true;
	fprintf(stderr, "opae: '%s' is no name for a card: 1 to %d of a-z 0-9 - _\n", name,
		NAME_MAX_EMU);
	return false;
}

/*
 * The card holds a lock on its pid file while it lives, so a stale file, or a process that got an
 * old number, is never taken for a card.
 */
static pid_t running_pid(const char *dir, const char *name)
{
	char path[PATH_MAX_EMU + NAME_MAX_EMU + 8], text[16] = { 0 };
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s.pid", dir, name);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (!flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK) {
		close(fd);
		return 0;
	}
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* opae-emu: as $OPAEX_EMU_PROGRAM says, beside this tool, or where the build tree has it. */
static void find_program(char *out, size_t len)
{
	static const char *const places[] = { ".", "../emu" };
	const char *told = getenv("OPAEX_EMU_PROGRAM");

	if ((told && *told) || !beside_find(places, 2, "opae-emu", out, len))
		snprintf(out, len, "%s", told && *told ? told : "opae-emu");
}

/*
 * Takes the lock that makes this card's name ours. The child inherits the descriptor, and with it
 * the lock, for as long as it lives. -1: a card of that name runs, or is being started.
 */
static int lock_name(const char *dir, const char *name)
{
	char path[PATH_MAX_EMU + NAME_MAX_EMU + 8];
	int fd;

	snprintf(path, sizeof(path), "%s/%s.pid", dir, name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	/* Whoever lists cards holds the lock for a moment, to see whether it is free. */
	for (int tries = 0; fd >= 0 && tries < 5; tries++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return fd;
		pause_ms(2);
	}
	if (fd < 0)
		fprintf(stderr, "opae: %s: %s\n", path, strerror(errno));
	else
		fprintf(stderr, "opae: card %s runs already\n", name);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* As `opae emu start` was told; NULL: not said. */
struct card_options {
	const char *name;
	const char *board, *afu, *mmio, *faults; /* handed on to opae-emu */
};

static void run_card(const char *program, const char *socket, const struct card_options *o)
{
	const struct {
		const char *option, *value;
	} all[] = { { "--socket", socket }, { "--board", o->board }, { "--afu", o->afu },
		    { "--mmio", o->mmio }, { "--faults", o->faults } };
	char *args[2 * sizeof(all) / sizeof(all[0]) + 2] = { 0 };
	size_t n = 0;

	args[n++] = strdup("opae-emu");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].value) {
			args[n++] = strdup(all[i].option);
			args[n++] = strdup(all[i].value);
		}
	execv(program, args);
}

/* In the child: becomes the card, with the lock on its pid file, its output in a log file. */
static void become_card(const char *dir, const char *name, const struct card_options *o, int lock)
{
	char base[PATH_MAX_EMU + NAME_MAX_EMU + 2], path[sizeof(base) + 8], program[4096], text[16];
	ssize_t n;
	int log;

	snprintf(base, sizeof(base), "%s/%s", dir, name);
	n = snprintf(text, sizeof(text), "%d\n", getpid());
	if (ftruncate(lock, 0) || write(lock, text, (size_t)n) != n)
		_exit(1);
	snprintf(path, sizeof(path), "%s.log", base);
	log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		_exit(1);
	if (log > 2)
		close(log);
	log = open("/dev/null", O_RDONLY);
	if (log < 0 || dup2(log, 0) < 0)
		_exit(1);
	setsid();
	snprintf(path, sizeof(path), "%s.sock", base);
	find_program(program, sizeof(program));
	run_card(program, path, o);
	dprintf(2, "cannot run %s: %s\n", program, strerror(errno));
	_exit(127);
}

static void remove_file(const char *dir, const char *name, const char *suffix)
{
	char path[PATH_MAX_EMU + NAME_MAX_EMU + 8];

	snprintf(path, sizeof(path), "%s/%s.%s", dir, name, suffix);
	unlink(path);
}

static void remove_files(const char *dir, const char *name)
{
	remove_file(dir, name, "sock");
	remove_file(dir, name, "log");
	remove_file(dir, name, "pid");
}

static void print_log(const char *dir, const char *name)
{
	char path[PATH_MAX_EMU + NAME_MAX_EMU + 8], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.log", dir, name);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		fputs(line, stderr);
	if (f)
		fclose(f);
}

static bool says_ready(const char *path)
{
	static const char ready[] = "card ready";
	char text[sizeof(ready)] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return n == sizeof(text) - 1 && !strcmp(text, ready);
}

/* The card says so when it listens. */
static bool wait_ready(const char *dir, const char *name, pid_t child)
{
	char path[PATH_MAX_EMU + NAME_MAX_EMU + 8];

	snprintf(path, sizeof(path), "%s/%s.log", dir, name);
	for (int ms = 0; ms < START_MS; ms += 5) {
		if (waitpid(child, NULL, WNOHANG) == child) {
			fprintf(stderr, "opae: the card ended at once:\n");
			print_log(dir, name);
			remove_files(dir, name);
			return false;
		}
		if (says_ready(path))
			return true;
		pause_ms(5);
	}
	fprintf(stderr, "opae: the card was not ready within %d ms\n", START_MS);
	kill(child, SIGKILL);
	return false;
}

static int start(int argc, char *argv[], const char *dir)
{
	struct card_options o = { .name = "card0", .board = "nlb0" };
	pid_t child;
	int lock;

	for (int i = 0; i < argc; i += 2) {
		if (i + 1 == argc)
			return usage_error("%s needs an argument", argv[i]);
		if (!strcmp(argv[i], "--name"))
			o.name = argv[i + 1];
		else if (!strcmp(argv[i], "--board"))
			o.board = argv[i + 1];
		else if (!strcmp(argv[i], "--afu"))
			o.afu = argv[i + 1];
		else if (!strcmp(argv[i], "--mmio"))
			o.mmio = argv[i + 1];
		else if (!strcmp(argv[i], "--faults"))
			o.faults = argv[i + 1];
		else
			return usage_error("emu start has no option '%s'", argv[i]);
	}
	if (!name_ok(o.name))
		return EXIT_USAGE;
	if (!make_dir(dir))
		return EXIT_FAILED;
	lock = lock_name(dir, o.name);
	if (lock < 0)
		return EXIT_FAILED;
	remove_file(dir, o.name, "log"); /* an old one says that another card was ready */
	child = fork();
	if (!child)
		become_card(dir, o.name, &o, lock);
	close(lock);
	if (child < 0 || !wait_ready(dir, o.name, child))
		return EXIT_FAILED;
	printf("card %s: board %s, socket %s/%s.sock, pid %d\n", o.name, o.board, dir, o.name, child);
	return EXIT_OK;
}

static int stop_one(const char *dir, const char *name)
{
	pid_t pid = running_pid(dir, name);

	if (!pid) {
		fprintf(stderr, "opae: no card %s is running\n", name);
		return EXIT_NOTHING_FOUND;
	}
	kill(pid, SIGTERM);
	for (int ms = 0; ms < STOP_MS && running_pid(dir, name) == pid; ms += 5)
		pause_ms(5);
	if (running_pid(dir, name) == pid)
		kill(pid, SIGKILL);
	remove_files(dir, name);
	printf("card %s stopped\n", name);
	return EXIT_OK;
}

/* Calls fn for each running card. */
static int for_each_card(const char *dir, int (*fn)(const char *dir, const char *name, void *ctx),
			 void *ctx)
{
	struct dirent *e;
	int rc = EXIT_OK;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d))) {
		char name[NAME_MAX_EMU + 1];
		const char *dot = strrchr(e->d_name, '.');

		if (!dot || strcmp(dot, ".pid") || dot - e->d_name > NAME_MAX_EMU)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(dot - e->d_name), e->d_name);
		if (running_pid(dir, name) && fn(dir, name, ctx))
			rc = EXIT_FAILED;
	}
	if (d)
		closedir(d);
	return rc;
}

static int stop_each(const char *dir, const char *name, void *ctx)
{
	(void)ctx;
	return stop_one(dir, name);
}

static int list_each(const char *dir, const char *name, void *ctx)
{
	char path[PATH_MAX_EMU + NAME_MAX_EMU + 8];
	struct json_object *o;

	snprintf(path, sizeof(path), "%s/%s.sock", dir, name);
	if (!ctx) {
		printf("%-*s pid %-8d %s\n", NAME_MAX_EMU, name, running_pid(dir, name), path);
		return 0;
	}
	o = json_object_new_object();
	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(o, "pid", json_object_new_int(running_pid(dir, name)));
	json_object_object_add(o, "socket", json_object_new_string(path));
	return json_object_array_add(ctx, o);
}

int cmd_emu(int argc, char *argv[])
{
	char dir[PATH_MAX_EMU - NAME_MAX_EMU];
	struct json_object *array;

	if (argc < 2)
		return usage_error("emu needs start, stop or list");
	if (!emu_dir_path(dir, sizeof(dir))) {
		fprintf(stderr, "opae: the path of the emulator directory is too long\n");
		return EXIT_FAILED;
	}
	if (!strcmp(argv[1], "start"))
		return start(argc - 2, argv + 2, dir);
	if (!strcmp(argv[1], "stop") && argc == 3)
		return strcmp(argv[2], "--all") ?
			       (name_ok(argv[2]) ? stop_one(dir, argv[2]) : EXIT_USAGE) :
			       for_each_card(dir, stop_each, NULL);
	if (!strcmp(argv[1], "list") && argc == 2)
		return for_each_card(dir, list_each, NULL);
	if (!strcmp(argv[1], "list") && argc == 3 && !strcmp(argv[2], "--json")) {
		array = json_object_new_array();
		for_each_card(dir, list_each, array);
		return print_json("cards", array);
	}
	return usage_error("emu needs start, stop NAME (or --all), or list");
}
