/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a register write that nobody waits for costs at least: 24 bytes copied into a buffer, a send
 * whenever 2 KiB are full, and another process that stores the value of each where its offset says.
 * After the last one a byte comes back, so that all are there.
 *
 *     coalesce unix|tcp COUNT CPU
 *
 * For each line "go" on standard input the nanoseconds of one among COUNT writes. The other process
 * runs on that CPU alone, or anywhere when it is negative.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NS 50000.0
#define TRIES 8 /* receive attempts between two offers of the core to the other side */
#define PER_SEND 85
#define REGISTERS 64
#define LAST UINT32_MAX /* in `region`: a byte is wanted back */

struct record {
	uint32_t region, width;
	uint64_t offset, value;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
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

/* At least a byte. */
static size_t receive(int fd, char *at, size_t room)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	double end = now() + SPIN_NS;

	for (unsigned int i = 1;; i++) {
		ssize_t n = recv(fd, at, room, MSG_DONTWAIT);

		if (!n)
			_exit(0); /* the other process has ended */
		if (n > 0)
			return (size_t)n;
		if (i % TRIES == 0)
			now() < end ? sched_yield() : poll(&p, 1, -1);
	}
}

static void serve(int fd)
{
	static volatile uint64_t registers[REGISTERS] __attribute__((used));
	static union {
		char bytes[65536];
		struct record records[65536 / sizeof(struct record)];
	} in;

	for (size_t here = 0;;) {
		size_t n = (here += receive(fd, in.bytes + here, sizeof(in) - here)) / sizeof(*in.records);

		for (size_t i = 0; i < n; i++) {
			registers[in.records[i].offset / 8 % REGISTERS] = in.records[i].value;
			if (in.records[i].region == LAST && send(fd, "", 1, MSG_NOSIGNAL) != 1)
				_exit(1);
		}
		here -= n * sizeof(*in.records);
		memmove(in.bytes, in.records + n, here);
	}
}

int main(int argc, char *argv[])
{
	long count = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
	long cpu = argc == 4 ? strtol(argv[3], NULL, 10) : -1;
	struct record out[PER_SEND];
	cpu_set_t set;
	char line[8];
	int fd[2];

	if (count < 1 || (strcmp(argv[1], "tcp") ? socketpair(AF_UNIX, SOCK_STREAM, 0, fd) : tcp_pair(fd))) {
		fprintf(stderr, "usage: coalesce unix|tcp COUNT CPU\n");
		return 1;
	}
	if (!fork()) {
		close(fd[0]);
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
		if (cpu >= 0 && sched_setaffinity(0, sizeof(set), &set))
			return 1;
		serve(fd[1]);
	}
	close(fd[1]);
	while (fgets(line, sizeof(line), stdin)) {
		double begin = now();

		for (long i = 0, n = 0; i < count; i++) {
			out[n++] = (struct record){ i < count - 1 ? 0 : LAST, 8, (uint64_t)i % REGISTERS * 8,
						    (uint64_t)i };
			if (n < PER_SEND && i < count - 1)
				continue;
			if (send(fd[0], out, (size_t)n * sizeof(*out), MSG_NOSIGNAL) < 0)
				return 1;
			n = 0;
		}
		receive(fd[0], line, 1);
		printf("%.3f\n", (now() - begin) / (double)count);
		fflush(stdout);
	}
	return 0;
}
