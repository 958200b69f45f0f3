/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs one command in the guest and tells the host how it went.
 *
 *     one -p PORT -n NAME [-u UID] [-g GID] [-t SECONDS] [-e NAME=VALUE]... [-r RESOURCE=VALUE]...
 *         -- PROGRAM ...
 *
 * The record that goes to PORT is a line "@ NAME CODE LATE MICROSECONDS BYTES", that many bytes of what
 * the command printed, and a line end. Output goes into a file first: what a program prints must not
 * depend on how fast the port is, and no kernel message can come in between. Afterwards every process
 * but init is killed, so that each command begins alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT "/run/rig.output"
#define MOST_OUTPUT (8 << 20)
#define NO_GROUP ((gid_t)-1)

struct order {
	const char *port, *name;
	uid_t uid;
	gid_t group; /* besides the user's own */
	long limit_s;
	char **argv;
};

static void die(const char *what)
{
	fprintf(stderr, "one: %s: %s\n", what, strerror(errno));
	_exit(126);
}

static void limit_resource(const char *text)
{
	static const struct {
		const char *name;
		int resource;
	} known[] = { { "memlock", RLIMIT_MEMLOCK }, { "nofile", RLIMIT_NOFILE }, { "as", RLIMIT_AS },
		      { "core", RLIMIT_CORE }, { "nproc", RLIMIT_NPROC } };
	const char *value = strchr(text, '=');

	for (size_t i = 0; value && i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(text, known[i].name, (size_t)(value - text)) == 0) {
			rlim_t v = strtoull(value + 1, NULL, 0);
			struct rlimit r = { v, v };

			if (setrlimit((__rlimit_resource_t)known[i].resource, &r))
				die(text);
			return;
		}
	errno = EINVAL;
	die(text);
}

static void order_read(struct order *o, int argc, char **argv)
{
	int c;

	clearenv();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/tmp", 1);
	while ((c = getopt(argc, argv, "p:n:u:g:t:e:r:")) != -1)
		switch (c) {
		case 'p': o->port = optarg; break;
		case 'n': o->name = optarg; break;
		case 'u': o->uid = (uid_t)strtoul(optarg, NULL, 0); break;
		case 'g': o->group = (gid_t)strtoul(optarg, NULL, 0); break;
		case 't': o->limit_s = strtol(optarg, NULL, 0); break;
		case 'e': putenv(optarg); break;
		case 'r': limit_resource(optarg); break;
		default: errno = EINVAL; die("option");
		}
	o->argv = argv + optind;
	if (!o->port || !o->name || !o->argv[0]) {
		errno = EINVAL;
		die("order");
	}
}

/* dmesg then tells which command a message belongs to. */
static void mark(const char *name)
{
	FILE *f = fopen("/dev/kmsg", "we");

	if (!f)
		return;
	fprintf(f, "rig: begin %s\n", name);
	fclose(f);
}

static void become(const struct order *o, int out)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	close(null);
	close(out);
	if (o->uid && (setgroups(o->group != NO_GROUP, &o->group) || setgid(o->uid) || setuid(o->uid)))
		die("user");
	execvp(o->argv[0], o->argv);
	die(o->argv[0]);
}

/* The wait status; *late says whether the command had to be ended. */
static int finish(pid_t pid, long limit_s, int *late)
{
	struct timespec left = { .tv_sec = limit_s };
	sigset_t child;
	int status = 0;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	*late = sigtimedwait(&child, NULL, &left) < 0;
	if (*late)
		kill(-1, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	kill(-1, SIGKILL);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void put(int fd, const char *at, size_t len)
{
	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			die("port");
		at += n;
		len -= (size_t)n;
	}
}

static void tell(const struct order *o, int out, int code, int late, long long us)
{
	static char text[65536];
	int port = open(o->port, O_WRONLY | O_CLOEXEC);
	struct stat st;
	long long left;
	ssize_t n;

	if (port < 0 || fstat(out, &st))
		die(o->port);
	left = st.st_size < MOST_OUTPUT ? st.st_size : MOST_OUTPUT;
	n = snprintf(text, sizeof(text), "@ %s %d %d %lld %lld\n", o->name, code, late, us, left);
	put(port, text, (size_t)n);
	lseek(out, 0, SEEK_SET);
	while (left > 0) {
		n = read(out, text, left < (long long)sizeof(text) ? (size_t)left : sizeof(text));
		if (n <= 0)
			die("output");
		put(port, text, (size_t)n);
		left -= n;
	}
	put(port, "\n", 1);
}

int main(int argc, char **argv)
{
	struct order o = { .limit_s = 60, .group = NO_GROUP };
	struct timespec a, b;
	int out, code, late;
	sigset_t child;
	pid_t pid;

	order_read(&o, argc, argv);
	out = open(OUTPUT, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (out < 0)
		die(OUTPUT);
	mark(o.name);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	clock_gettime(CLOCK_MONOTONIC, &a);
	pid = fork();
	if (pid == 0)
		become(&o, out);
	if (pid < 0)
		die("fork");
	code = finish(pid, o.limit_s, &late);
	clock_gettime(CLOCK_MONOTONIC, &b);
	tell(&o, out, code, late,
	     (b.tv_sec - a.tv_sec) * 1000000LL + (b.tv_nsec - a.tv_nsec) / 1000);
	return 0;
}
