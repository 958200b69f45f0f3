/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a connection with a process of its own costs at least: a server accepts, forks, and executes a
 * program that answers with one byte and ends.
 *
 *     start unix|tcp COUNT CPU
 *
 * For each line "go" on standard input two numbers: the median and the 99th percentile of COUNT times from
 * connect to that byte, in milliseconds, 20 ms of rest before each. The server and its programs run on that
 * CPU alone, or anywhere when it is negative.
 */
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define REST_MS 20

union place {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_un un;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec * 1e-6;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* A socket that listens, and where: of unix a name that the kernel chooses, which has no file. */
static int open_place(int tcp, union place *at, socklen_t *len)
{
	int l = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(at, 0, sizeof(*at));
	if (tcp)
		at->in = (struct sockaddr_in){ .sin_family = AF_INET,
					       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	else
		at->un.sun_family = AF_UNIX;
	*len = tcp ? sizeof(at->in) : sizeof(at->any.sa_family);
	if (bind(l, &at->any, *len) || listen(l, 16))
		return -1;
	*len = sizeof(*at);
	return getsockname(l, &at->any, len) ? -1 : l;
}

static void serve(int l)
{
	for (int fd; (fd = accept(l, NULL, NULL)) >= 0; close(fd))
		if (!fork()) {
			dup2(fd, 1);
			close(fd);
			execl("/proc/self/exe", "start", "answer", NULL);
			_exit(1);
		}
}

static double call(const union place *at, socklen_t len)
{
	double begin = now();
	int fd = socket(at->any.sa_family, SOCK_STREAM, 0);
	char byte;

	if (connect(fd, &at->any, len) || recv(fd, &byte, 1, 0) != 1)
		exit(1);
	begin = now() - begin;
	close(fd);
	return begin;
}

int main(int argc, char *argv[])
{
	long count = argc == 4 ? strtol(argv[2], NULL, 10) : 0, cpu = count ? strtol(argv[3], NULL, 10) : -1;
	double *ms = count > 0 ? calloc((size_t)count, sizeof(*ms)) : NULL;
	int l = ms ? -1 : 0;
	union place at;
	char line[8];
	socklen_t len;
	cpu_set_t set;
	pid_t server;

	if (argc == 2 && !strcmp(argv[1], "answer"))
		return write(1, "", 1) != 1;
	if (!ms || (l = open_place(!strcmp(argv[1], "tcp"), &at, &len)) < 0)
		return fprintf(stderr, "usage: start unix|tcp COUNT CPU\n"), 1;
	server = fork();
	if (!server) {
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		if (cpu >= 0 && sched_setaffinity(0, sizeof(set), &set))
			return 1;
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* however the other one ends */
		signal(SIGCHLD, SIG_IGN);
		close(0); /* its end is not this one's */
		serve(l);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		for (long i = 0; i < count; i++) {
			poll(NULL, 0, REST_MS);
			ms[i] = call(&at, len);
		}
		qsort(ms, (size_t)count, sizeof(*ms), compare);
		printf("%.3f %.3f\n", ms[count / 2], ms[count * 99 / 100]);
		fflush(stdout);
	}
	kill(server, SIGTERM);
	free(ms);
	return 0;
}
