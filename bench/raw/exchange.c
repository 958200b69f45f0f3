/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a request and its answer cost at least: two processes, a stream socket. OUT bytes go there, and
 * when all have arrived BACK bytes come back: 32 and 32 are a register access, many and 1 a transfer,
 * 1 and many one the other way. Pieces of up to 64 KiB; a memory of its own for each way; 50 us of
 * spinning before a sleep in poll.
 *
 *     exchange unix|tcp OUT BACK COUNT CPU
 *
 * For each line "go" on standard input two numbers: the median and the 99th percentile of COUNT of
 * them, in microseconds. The answering process runs on that CPU alone, or anywhere when it is
 * negative.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SPIN_US 50.0
#define TRIES 8 /* receive attempts between two offers of the core to the other side */

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

static int tcp_pair(int fd[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int l = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	fd[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(l, (void *)&a, len) || listen(l, 1) || getsockname(l, (void *)&a, &len) ||
	    connect(fd[0], (void *)&a, len) || (fd[1] = accept(l, NULL, NULL)) < 0)
		return -1;
	for (int i = 0; i < 2; i++) { /* cubic: the default may be one that paces */
		setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd[i], IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
	}
	return close(l);
}

static void receive(int fd, char *at, size_t len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double end = now() + SPIN_US;

	for (unsigned int i = 1; len; i++) {
		ssize_t n = recv(fd, at, len, MSG_DONTWAIT);

		if (!n)
			_exit(0); /* the other process has ended */
		if (n > 0)
			at += n, len -= (size_t)n, end = now() + SPIN_US;
		else if (i % TRIES == 0)
			now() < end ? sched_yield() : poll(&p, 1, -1);
	}
}

static void transmit(int fd, const char *at, size_t len)
{
	for (ssize_t n; len; at += n, len -= (size_t)n) {
		if ((n = send(fd, at, len < 65536 ? len : 65536, MSG_NOSIGNAL)) <= 0)
			_exit(1);
	}
}

int main(int argc, char *argv[])
{
	size_t out = argc == 6 ? strtoul(argv[2], NULL, 10) : 0, back = out ? strtoul(argv[3], NULL, 10) : 0;
	long count = back ? strtol(argv[4], NULL, 10) : 0, cpu = count ? strtol(argv[5], NULL, 10) : -1;
	double *us = count > 0 ? calloc((size_t)count, sizeof(*us)) : NULL, begin;
	char *there = malloc(out), *here = malloc(back), line[8];
	cpu_set_t set;
	int fd[2];

	if (!us || (strcmp(argv[1], "tcp") ? socketpair(AF_UNIX, SOCK_STREAM, 0, fd) : tcp_pair(fd))) {
		fprintf(stderr, "usage: exchange unix|tcp OUT BACK COUNT CPU\n");
		return 1;
	}
	if (!fork()) {
		close(fd[0]);
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		if (cpu >= 0 && sched_setaffinity(0, sizeof(set), &set))
			return 1;
		for (memset(there, 1, out), memset(here, 1, back);; transmit(fd[1], here, back))
			receive(fd[1], there, out);
	}
	close(fd[1]);
	memset(there, 2, out);
	memset(here, 2, back);
	while (fgets(line, sizeof(line), stdin)) {
		for (long i = 0; i < count; i++) {
			begin = now();
			transmit(fd[0], there, out);
			receive(fd[0], here, back);
			us[i] = now() - begin;
		}
		qsort(us, (size_t)count, sizeof(*us), compare);
		printf("%.3f %.3f\n", us[count / 2], us[count * 99 / 100]);
		fflush(stdout);
	}
	free(us);
	free(there);
	free(here);
	return 0;
}
