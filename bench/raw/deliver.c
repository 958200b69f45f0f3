/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a write that nobody waits for is on its way at least: after PAUSE microseconds of silence
 * (0: none) BYTES are sent to another process, which spins for 50 us before it sleeps in poll, and
 * stores the last 8 of them in shared memory; until they are seen there.
 *
 *     deliver unix|tcp BYTES PAUSE COUNT CPU
 *
 * For each line "go" on standard input two numbers: the median and the 99th percentile of COUNT of
 * them, in microseconds. The other process runs on that CPU alone, or anywhere when it is negative.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BYTES_MAX 4096u
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

static void serve(int fd, size_t bytes, atomic_ullong *seen)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double end = now() + SPIN_US;
	char in[BYTES_MAX];
	uint64_t value;

	for (size_t i = 1, here = 0;; i++) {
		ssize_t n = recv(fd, in + here, bytes - here, MSG_DONTWAIT);

		if (!n)
			_exit(0); /* the other process has ended */
		if (n < 0 && i % TRIES == 0)
			now() < end ? sched_yield() : poll(&p, 1, -1);
		if (n < 0 || (here += (size_t)n) < bytes)
			continue;
		memcpy(&value, in + bytes - sizeof(value), sizeof(value));
		atomic_store(seen, value);
		end = now() + SPIN_US;
		here = 0;
	}
}

static double deliver(int fd, size_t bytes, long pause, const atomic_ullong *seen)
{
	static char out[BYTES_MAX];
	static uint64_t value;
	double begin;

	value++;
	memcpy(out + bytes - sizeof(value), &value, sizeof(value));
	if (pause)
		nanosleep(&(struct timespec){ pause / 1000000, pause % 1000000 * 1000 }, NULL);
	begin = now();
	if (send(fd, out, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		_exit(1);
	while (atomic_load(seen) != value)
		sched_yield();
	return now() - begin;
}

int main(int argc, char *argv[])
{
	size_t bytes = argc == 6 ? strtoul(argv[2], NULL, 10) : 0;
	long pause = argc == 6 ? strtol(argv[3], NULL, 10) : 0;
	long count = argc == 6 ? strtol(argv[4], NULL, 10) : 0;
	long cpu = argc == 6 ? strtol(argv[5], NULL, 10) : -1;
	double *us = count > 0 ? calloc((size_t)count, sizeof(*us)) : NULL;
	atomic_ullong *seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cpu_set_t set;
	char line[8];
	int fd[2];

	if (!us || seen == MAP_FAILED || bytes < sizeof(uint64_t) || bytes > BYTES_MAX ||
	    (strcmp(argv[1], "tcp") ? socketpair(AF_UNIX, SOCK_STREAM, 0, fd) : tcp_pair(fd))) {
		fprintf(stderr, "usage: deliver unix|tcp BYTES PAUSE COUNT CPU\n");
		return 1;
	}
	if (!fork()) {
		close(fd[0]);
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		if (cpu >= 0 && sched_setaffinity(0, sizeof(set), &set))
			return 1;
		serve(fd[1], bytes, seen);
	}
	close(fd[1]);
	while (fgets(line, sizeof(line), stdin)) {
		for (long i = 0; i < count; i++)
			us[i] = deliver(fd[0], bytes, pause, seen);
		qsort(us, (size_t)count, sizeof(*us), compare);
		printf("%.3f %.3f\n", us[count / 2], us[count * 99 / 100]);
		fflush(stdout);
	}
	free(us);
	return 0;
}
