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
	char path[EMU_DIR_MAX];

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
	fprintf(stderr, "opae: %s is not a directory that only you can write to; `opae doctor` "
			"tells why\n", dir);
	return false;
}

static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n && n <= EMU_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == n)
		return true;
	fprintf(stderr, "opae: '%s' is no name for a card: 1 to %d of a-z 0-9 - _\n", name,
		EMU_NAME_MAX);
	return false;
}

/*
 * The card holds a lock on its pid file while it lives, so a stale file, or a process that got an
 * old number, is never taken for a card.
 */
static pid_t running_pid(const char *dir, const char *name)
{
	char path[EMU_PATH_MAX], text[16] = { 0 };
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
	char path[EMU_PATH_MAX];
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
	char base[EMU_PATH_MAX], path[sizeof(base) + 8], program[4096], text[16];
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
	char path[EMU_PATH_MAX];

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
	char path[EMU_PATH_MAX], line[256];
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
	char path[EMU_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s.log", dir, name);
	for (int ms = 0; ms < START_MS; ms += 5) {
		if (waitpid(child, NULL, WNOHANG) == child) {
			fprintf(stderr, "opae: the card ended at once:\n");
			print_log(dir, name);
			/* Not the socket: another card may serve it, which is then why this one ended. */
			remove_file(dir, name, "log");
			remove_file(dir, name, "pid");
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

static int parse_start(int argc, char *argv[], struct card_options *o)
{
	const struct {
		const char *name, **value;
	} options[] = { { "--name", &o->name }, { "--board", &o->board }, { "--afu", &o->afu },
			{ "--mmio", &o->mmio }, { "--faults", &o->faults } };
	const size_t num = sizeof(options) / sizeof(options[0]);

	for (int i = 0; i < argc; i++) {
		size_t k = 0;

		while (k < num && strcmp(argv[i], options[k].name))
			k++;
		if (k == num)
			return usage_error("emu start has no %s '%s'",
					   argv[i][0] == '-' ? "option" : "argument", argv[i]);
		if (++i == argc)
			return usage_error("%s needs an argument", options[k].name);
		*options[k].value = argv[i];
	}
	return EXIT_OK;
}

static int start(int argc, char *argv[], const char *dir)
{
	struct card_options o = { .name = "card0", .board = "nlb0" };
	int lock, rc = parse_start(argc, argv, &o);
	pid_t child;

	if (rc)
		return rc;
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

struct card_name {
	char text[EMU_NAME_MAX + 1];
};

static int only_pids(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && !strcmp(dot, ".pid") && dot - e->d_name <= EMU_NAME_MAX;
}

/* Those that run, by name; the caller frees the list. */
static size_t running_cards(const char *dir, struct card_name **ret)
{
	struct dirent **entries = NULL;
	int found = scandir(dir, &entries, only_pids, alphasort);
	struct card_name *list = calloc(found > 0 ? (size_t)found : 1, sizeof(*list));
	size_t n = 0;

	for (int i = 0; i < found; i++) {
		const char *file = entries[i]->d_name;

		if (list)
			snprintf(list[n].text, sizeof(list[n].text), "%.*s",
				 (int)(strrchr(file, '.') - file), file);
		n += list && running_pid(dir, list[n].text);
		free(entries[i]);
	}
	free(entries);
	*ret = list;
	return n;
}

static int stop(int argc, char *argv[], const char *dir)
{
	struct card_name *cards;
	int rc = EXIT_OK;
	size_t n;

	if (!argc)
		return usage_error("emu stop needs the names of cards, or --all");
	for (int i = 0; i < argc && strcmp(argv[0], "--all"); i++) {
		int one = name_ok(argv[i]) ? stop_one(dir, argv[i]) : EXIT_USAGE;

		rc = rc ? rc : one;
	}
	if (strcmp(argv[0], "--all"))
		return rc;
	if (argc > 1)
		return usage_error("emu stop --all has no argument '%s'", argv[1]);
	n = running_cards(dir, &cards);
	for (size_t i = 0; i < n; i++)
		if (stop_one(dir, cards[i].text))
			rc = EXIT_FAILED;
	free(cards);
	return rc;
}

/* Of a card that runs: its line, or its object in the array. */
static void list_card(const char *dir, const char *name, uint16_t segment, struct json_object *array)
{
	char path[EMU_PATH_MAX], address[24];
	struct json_object *o;

	snprintf(path, sizeof(path), "%s/%s.sock", dir, name);
	snprintf(address, sizeof(address), "%04x:00:00.0", segment);
	if (!array) {
		printf("%-*s %s  pid %-8d %s\n", EMU_NAME_MAX, name, address, running_pid(dir, name),
		       path);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(o, "address", json_object_new_string(address));
	json_object_object_add(o, "pid", json_object_new_int(running_pid(dir, name)));
	json_object_object_add(o, "socket", json_object_new_string(path));
	json_object_array_add(array, o);
}

/* The address of each is the one that v-opae gives it when it looks in this directory. */
static uint16_t segment_of(const char *dir, const char *name)
{
	char path[EMU_PATH_MAX];
	struct emu_card *all = NULL;
	uint16_t segment = 0;
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/%s.sock", dir, name);
	if (emu_dir_list(dir, &all, &n))
		return 0;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i].path, path))
			segment = all[i].segment;
	free(all);
	return segment;
}

static int list(int argc, char *argv[], const char *dir)
{
	bool json = argc && !strcmp(argv[0], "--json");
	struct json_object *array;
	struct card_name *cards;
	size_t n;

	if (argc > json)
		return usage_error("emu list has no argument '%s'", argv[json]);
	array = json ? json_object_new_array() : NULL;
	n = running_cards(dir, &cards);
	for (size_t i = 0; i < n; i++)
		list_card(dir, cards[i].text, segment_of(dir, cards[i].text), array);
	free(cards);
	return json ? print_json("cards", array) : EXIT_OK;
}

/* The program itself knows best what it can play. */
static int boards(int argc, char *argv[])
{
	char program[4096];

	if (argc)
		return usage_error("emu boards has no argument '%s'", argv[0]);
	find_program(program, sizeof(program));
	execl(program, "opae-emu", "--list-boards", NULL);
	fprintf(stderr, "opae: cannot run %s: %s\n", program, strerror(errno));
	return EXIT_FAILED;
}

int cmd_emu(int argc, char *argv[])
{
	char dir[EMU_DIR_MAX];

	if (argc < 2)
		return usage_error("emu needs start, stop, list or boards");
	if (!strcmp(argv[1], "boards"))
		return boards(argc - 2, argv + 2);
	if (!emu_dir_path(dir, sizeof(dir))) {
		fprintf(stderr, "opae: the path of the emulator directory is too long: with at most %d "
				"bytes of it a card's socket has room; OPAEX_EMU_DIR names a shorter "
				"one\n", EMU_DIR_MAX - 1);
		return EXIT_FAILED;
	}
	if (!strcmp(argv[1], "start"))
		return start(argc - 2, argv + 2, dir);
	if (!strcmp(argv[1], "stop"))
		return stop(argc - 2, argv + 2, dir);
	if (!strcmp(argv[1], "list"))
		return list(argc - 2, argv + 2, dir);
	return usage_error("emu has no '%s'; it has start, stop, list and boards", argv[1]);
}
