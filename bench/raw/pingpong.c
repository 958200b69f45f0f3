/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a register access by message costs at least: two processes, a unix stream socket, 32 bytes
 * there and 40 back (a vfio-user REGION_READ of 8 bytes), one send and one receive each way. Both
 * sides spin for a while before they sleep in poll, but for a client that is to sleep at once.
 *
 *     pingpong COUNT CPU [asleep]
 *
 * For each line "go" on standard input two numbers: the median and the 99th percentile of COUNT
 * round trips, in microseconds. The server runs on that CPU alone, or anywhere when it is negative.
 */
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST 32
#define REPLY 40
#define CLIENT_SPIN_US 50.0
#define SERVER_SPIN_US 30.0
#define CLIENT_TRIES 16 /* receive attempts between two offers of the core to the other side */
#define SERVER_TRIES 4

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool receive(int fd, ssize_t len, double spin_us, unsigned int tries)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double end = now() + spin_us;
	char buf[REPLY];

	for (unsigned int i = 1;; i++) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n >= 0)
			return n == len;
		if (i % tries)
			continue;
		if (now() >= end)
			poll(&p, 1, -1);
		else
			sched_yield();
	}
}

static int serve(int fd, long cpu)
{
	static const char reply[REPLY];
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (cpu >= 0 && sched_setaffinity(0, sizeof(set), &set))
		return 1;

	while (receive(fd, REQUEST, SERVER_SPIN_US, SERVER_TRIES))
		if (send(fd, reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
			return 1;
	return 0;
}

static bool round_trips(int fd, double *us, long count, double spin_us)
{
	static const char request[REQUEST];
	double last = now();

	for (long i = 0; i < count; i++) {
		double end;

		if (send(fd, request, sizeof(request), MSG_NOSIGNAL) != sizeof(request) ||
		    !receive(fd, REPLY, spin_us, spin_us ? CLIENT_TRIES : 1))
			return false;
		end = now();
		us[i] = end - last;
		last = end;
	}
	qsort(us, (size_t)count, sizeof(*us), compare);
	return true;
}

int main(int argc, char *argv[])
{
	bool asleep = argc == 4 && !strcmp(argv[3], "asleep");
	long count = argc == 3 + asleep ? strtol(argv[1], NULL, 10) : 0;
	double *us = count > 0 ? calloc((size_t)count, sizeof(*us)) : NULL;
	int fd[2];
	char line[8];

	if (!us || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd)) {
		fprintf(stderr, "usage: pingpong COUNT CPU [asleep]\n");
		return 1;
	}
	if (!fork() && !close(fd[0]))
		return serve(fd[1], strtol(argv[2], NULL, 10)); /* until the parent has gone */
	close(fd[1]);
	while (fgets(line, sizeof(line), stdin)) {
		if (!round_trips(fd[0], us, count, asleep ? 0 : CLIENT_SPIN_US))
			return 1;
		printf("%.3f %.3f\n", us[count / 2], us[count * 99 / 100]);
		fflush(stdout);
	}
	free(us);
	return 0;
}
