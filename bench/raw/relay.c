/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long an event of a remote device is on its way at least, from the write that causes it: after
 * two milliseconds of silence 32 bytes go to another process, whose first thread passes it on to its
 * second by an eventfd, which sends 32 bytes back, for which a thread here waits, and passes it on by
 * another eventfd. Everybody sleeps until it is his turn.
 *
 *     relay unix|tcp COUNT CPU
 *
 * For each line "go" on standard input two numbers: the median and the 99th percentile of COUNT of
 * them, in microseconds. The other process runs on that CPU alone, or anywhere when it is negative.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BYTES 32

static int fd[2], event;

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

static int tcp_pair(void)
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

static void post(int to, const void *what, ssize_t len)
{
	if (write(to, what, (size_t)len) != len)
		_exit(1);
}

/* From a socket to the eventfd. */
static void *from_socket(void *socket)
{
	char in[BYTES];

	while (recv(*(int *)socket, in, sizeof(in), MSG_WAITALL) == sizeof(in))
		post(event, &(uint64_t){ 1 }, sizeof(uint64_t));
	_exit(0); /* the other process has ended */
}

/* From the eventfd to a socket. */
static void *from_event(void *socket)
{
	static const char out[BYTES];
	uint64_t n;

	while (read(event, &n, sizeof(n)) == sizeof(n))
		post(*(int *)socket, out, sizeof(out));
	_exit(1);
}

static void measure(double *us, long count)
{
	static const struct timespec pause = { 0, 2000000 };
	static const char out[BYTES];
	uint64_t n;

	for (long i = 0; i < count; i++) {
		double begin;

		nanosleep(&pause, NULL);
		begin = now();
		post(fd[0], out, sizeof(out));
		if (read(event, &n, sizeof(n)) != sizeof(n))
			_exit(1);
		us[i] = now() - begin;
	}
	qsort(us, (size_t)count, sizeof(*us), compare);
}

int main(int argc, char *argv[])
{
	long count = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
	long cpu = argc == 4 ? strtol(argv[3], NULL, 10) : -1;
	double *us = count > 0 ? calloc((size_t)count, sizeof(*us)) : NULL;
	pthread_t thread;
	cpu_set_t set;
	char line[8];

	if (!us || (strcmp(argv[1], "tcp") ? socketpair(AF_UNIX, SOCK_STREAM, 0, fd) : tcp_pair())) {
		fprintf(stderr, "usage: relay unix|tcp COUNT CPU\n");
		return 1;
	}
	if (!fork()) {
		close(fd[0]);
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		event = eventfd(0, 0);
		if ((cpu < 0 || !sched_setaffinity(0, sizeof(set), &set)) &&
		    !pthread_create(&thread, NULL, from_event, &fd[1]))
			from_socket(&fd[1]);
		return 1;
	}
	close(fd[1]);
	event = eventfd(0, 0);
	if (pthread_create(&thread, NULL, from_socket, &fd[0]))
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		measure(us, count);
		printf("%.3f %.3f\n", us[count / 2], us[count * 99 / 100]);
		fflush(stdout);
	}
	free(us);
	return 0;
}
