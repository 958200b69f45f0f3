/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/emu-dir.h"
#include "base/sys.h"

static void deadline_saturates(void **state)
{
	(void)state;
	assert_int_equal(clock_deadline(INT64_MAX), INT64_MAX);
	assert_int_equal(clock_left_ms(clock_now_ns() - 1), 0);
	assert_int_equal(clock_left_ms(INT64_MAX), INT32_MAX);
}

static void left_rounds_up(void **state)
{
	(void)state;
	/* A poll must not wake before the deadline: a fraction of a millisecond counts as one. */
	assert_true(clock_left_ms(clock_now_ns() + NS_PER_S) >= 1);
	assert_true(clock_left_ms(clock_now_ns() + 10 * NS_PER_S) <= 10000);
}

static void descriptors_are_cloexec(void **state)
{
	int fds[] = { sys_open("/dev/null", O_RDONLY, 0), sys_memfd("t", 0), sys_eventfd(0, 0),
		      sys_socket(AF_UNIX, SOCK_STREAM, 0) };

	(void)state;
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		assert_true(fds[i] > 2);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(sys_close(fds[i]), 0);
	}
}

static int receive_one(int socket)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = sizeof(room) };
	int fd = -1;

	assert_int_equal(sys_recvmsg(socket, &msg, 0), 1);
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void send_one(int socket, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { room, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	assert_int_equal(sys_sendmsg(socket, &msg, 0), 1);
}

/* What a program writes to its standard output must not get into our files, if it has none. */
static void standard_numbers_are_the_programs(void **state)
{
	int saved = dup(0), pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	send_one(pair[0], pair[1]);
	close(0);
	int fds[] = { sys_open("/dev/null", O_RDONLY, 0), sys_memfd("t", 0), sys_eventfd(0, 0),
		      sys_socket(AF_UNIX, SOCK_STREAM, 0), receive_one(pair[1]) };

	assert_int_equal(fcntl(0, F_GETFD), -1);
	assert_int_equal(dup2(saved, 0), 0);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		assert_true(fds[i] > 2);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		sys_close(fds[i]);
	}
	close(saved);
	close(pair[0]);
	close(pair[1]);
}

static void errors_are_negative_errno(void **state)
{
	void *at;

	(void)state;
	assert_int_equal(sys_open("/nonexistent/x", O_RDONLY, 0), -ENOENT);
	assert_int_equal(sys_close(-1), -EBADF);
	assert_int_equal(sys_mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at),
			 -EINVAL);
}

static int refuse_open(const char *path, int flags, mode_t mode)
{
	(void)path;
	(void)flags;
	(void)mode;
	return -EMFILE;
}

static void seam_can_be_swapped(void **state)
{
	struct sys_ops ops = sys_kernel;

	(void)state;
	ops.open = refuse_open;
	sys_set(&ops);
	assert_int_equal(sys_open("/dev/null", O_RDONLY, 0), -EMFILE);
	sys_set(NULL);
	CLEANUP_CLOSE int fd = sys_open("/dev/null", O_RDONLY, 0);
	assert_true(fd > 2);
}

static void touch(const char *dir, const char *name, bool remove)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (remove)
		unlink(path);
	else
		sys_close(sys_open(path, O_CREAT | O_WRONLY, 0600));
}

static size_t list_dir(const char *dir, struct emu_card **cards)
{
	size_t n = 0;

	assert_int_equal(emu_dir_list(dir, cards, &n), 0);
	return n;
}

/* 0: it is not there. */
static uint16_t segment_of(const char *dir, const char *name)
{
	struct emu_card *cards;
	size_t n = list_dir(dir, &cards);
	uint16_t found = 0;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(strrchr(cards[i].path, '/') + 1, name))
			found = cards[i].segment;
	free(cards);
	return found;
}

/* The number that a card's name ends in is its address; nobody's is given twice. */
static void cards_have_addresses(void **state)
{
	static const char *const names[] = { "card3.sock", "card1.sock", "x3.sock",	 "card7.pid",
					     ".sock",	   "card16385.sock", "b-n6000-12.sock" };
	static const struct {
		const char *name;
		uint16_t segment;
	} wanted[] = { { "b-n6000-12.sock", 0x800c },
		       { "card1.sock", 0x8001 },
		       { "card16385.sock", 0x8002 },
		       { "card3.sock", 0x8003 },
		       { "x3.sock", 0x8004 } };
	char dir[] = "/tmp/opae-test-dir.XXXXXX";
	struct emu_card *cards;
	size_t n;

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		touch(dir, names[i], false);
	n = list_dir(dir, &cards);
	assert_int_equal(n, sizeof(wanted) / sizeof(wanted[0]));
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(strrchr(cards[i].path, '/') + 1, wanted[i].name);
		assert_int_equal(cards[i].segment, wanted[i].segment);
	}
	free(cards);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		touch(dir, names[i], true);
	rmdir(dir);
	assert_int_equal(emu_dir_list(dir, &cards, &n), -ENOENT);
}

/* One without a number keeps its address as well, whoever comes and goes. */
static void names_have_addresses(void **state)
{
	static const char *const others[] = { "a.sock", "card0.sock", "card8192.sock", "z1z.sock",
					      "multi0.sock" };
	char dir[] = "/tmp/opae-test-dir.XXXXXX";
	uint16_t was, number;

	(void)state;
	assert_non_null(mkdtemp(dir));
	touch(dir, "multi.sock", false);
	was = segment_of(dir, "multi.sock");
	assert_int_equal(was, 0xbfb2); /* for ever: scripts hold on to it */
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		touch(dir, others[i], false);
	assert_int_equal(segment_of(dir, "multi.sock"), was);
	assert_int_equal(segment_of(dir, "card8192.sock"), 0xa000);
	number = (uint16_t)(was - 0x8000);
	char same[32];
	snprintf(same, sizeof(same), "zz%u.sock", number);
	touch(dir, same, false); /* a number has the right to its own */
	assert_int_equal(segment_of(dir, same), was);
	assert_int_equal(segment_of(dir, "multi.sock"), was + 1);
	touch(dir, same, true);
	assert_int_equal(segment_of(dir, "multi.sock"), was);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		touch(dir, others[i], true);
	touch(dir, "multi.sock", true);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadline_saturates),
		cmocka_unit_test(left_rounds_up),
		cmocka_unit_test(descriptors_are_cloexec),
		cmocka_unit_test(standard_numbers_are_the_programs),
		cmocka_unit_test(errors_are_negative_errno),
		cmocka_unit_test(seam_can_be_swapped),
		cmocka_unit_test(cards_have_addresses),
		cmocka_unit_test(names_have_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
