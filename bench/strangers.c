/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/strangers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/program.h"
#include "bench/site.h"

#define EVENTS 64
#define MORE 32 /* descriptors besides */

/* The header of a record with a handshake in it, and no more of it. */
static const unsigned char beginning[] = { 22, 3, 1 };

static int poll_fd;
static bool begun;
static struct sockaddr_in place = { .sin_family = AF_INET };

/* From two addresses, in turn: opaed has half of its places for each. */
static bool bind_to_source(int fd)
{
	static const char *const sources[] = { "127.0.0.3", "127.0.0.4" };
	static unsigned int last;
	struct sockaddr_in source = { .sin_family = AF_INET,
				      .sin_addr.s_addr = inet_addr(sources[last++ % 2]) };

	return !bind(fd, (const struct sockaddr *)&source, sizeof(source));
}

static bool come(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP, .data.fd = fd };

	if (fd < 0 || !bind_to_source(fd) || connect(fd, (const struct sockaddr *)&place, sizeof(place)) ||
	    epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e))
		return bench_fail("a stranger does not come to port %u: %s", ntohs(place.sin_port),
				  strerror(errno));
	/* A failure is seen as its end. */
	if (begun)
		send(fd, beginning, sizeof(beginning), MSG_NOSIGNAL);
	return true;
}

/* Those that were closed come again, until standard input ends. */
static bool stay(void)
{
	for (;;) {
		struct epoll_event e[EVENTS];
		int n = epoll_wait(poll_fd, e, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (e[i].data.fd == STDIN_FILENO)
				return true;
			close(e[i].data.fd);
			if (!come())
				return false;
		}
	}
}

static bool make_room(unsigned int num)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) || r.rlim_max < num + MORE)
		return bench_fail("%u strangers need as many descriptors; `ulimit -Hn` is less", num);
	if (r.rlim_cur < num + MORE)
		r.rlim_cur = num + MORE;
	return !setrlimit(RLIMIT_NOFILE, &r) || bench_fail("%s", strerror(errno));
}

int strangers_main(int argc, char *argv[])
{
	unsigned long port = argc == 4 ? strtoul(argv[1], NULL, 10) : 0;
	unsigned long num = port && port <= UINT16_MAX ? strtoul(argv[2], NULL, 10) : 0;
	struct epoll_event end = { .events = EPOLLIN, .data.fd = STDIN_FILENO };
	bool good = num && num <= STRANGERS_MAX;

	if (!good) {
		bench_fail("usage: strangers PORT NUM silent|begun");
		return 1;
	}
	begun = !strcmp(argv[3], "begun");
	place.sin_port = htons((uint16_t)port);
	place.sin_addr.s_addr = inet_addr(SITE_ADDRESS);
	poll_fd = epoll_create1(EPOLL_CLOEXEC);
	good = make_room((unsigned int)num) && !epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &end);
	for (unsigned long i = 0; good && i < num; i++)
		good = come();
	if (good) {
		puts("strangers are there");
		fflush(stdout);
		good = stay();
	}
	return good ? 0 : 1; /* the kernel closes them */
}
