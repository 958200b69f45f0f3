/* SPDX-License-Identifier: BSD-3-Clause */
/* Monitor and worker: messages arrive whole, and what a hostile worker sends is refused and costs nothing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/channel.h"
#include "tests/unit/check.h"

static int ours, theirs; /* the monitor's end, and the worker's */

static int up(void **state)
{
	(void)state;
	return channel_pair(&ours, &theirs);
}

static int down(void **state)
{
	(void)state;
	close(ours);
	return theirs < 0 ? 0 : close(theirs);
}

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void to_the_worker(void **state)
{
	struct channel_message m = { .type = CHANNEL_START }, got;
	int fd = -1;

	(void)state;
	m.start.session = 7;
	m.start.num_see = 1;
	m.start.see[POLICY_SEE_MAX - 1].bus = 3;
	memcpy(m.start.principal, "unix:7", 7);
	assert_int_equal(channel_send(ours, &m, -1), 0);
	assert_int_equal(channel_receive(theirs, &got, &fd), 1);
	assert_int_equal(fd, -1);
	assert_memory_equal(&got.start, &m.start, sizeof(m.start));
	assert_int_equal(channel_receive(theirs, &got, &fd), -EAGAIN);
}

static void a_descriptor(void **state)
{
	struct channel_message m = { .type = CHANNEL_ANSWER, .id = 5, .value = 0 }, got;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fd = -1;

	(void)state;
	assert_int_equal(channel_send(ours, &m, null), 0);
	close(null);
	assert_int_equal(channel_receive(theirs, &got, &fd), 1);
	assert_int_equal(got.id, 5);
	assert_true(fd > 2);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

static void to_the_monitor(void **state)
{
	struct channel_message m = { .type = CHANNEL_OPEN, .id = 9 }, got;

	(void)state;
	m.path.flags = O_RDWR;
	memset(m.path.path, 'x', sizeof(m.path.path)); /* and no end */
	assert_int_equal(channel_send(theirs, &m, -1), 0);
	assert_int_equal(channel_receive(ours, &got, NULL), 1);
	assert_int_equal(got.id, 9);
	assert_int_equal(strlen(got.path.path), sizeof(got.path.path) - 1);
}

/* A worker that names itself with no end of text. */
static void texts_end(void **state)
{
	struct channel_message m = { .type = CHANNEL_END }, got;

	(void)state;
	memset(&m.end, 'x', sizeof(m.end));
	assert_int_equal(channel_send(theirs, &m, -1), 0);
	assert_int_equal(channel_receive(ours, &got, NULL), 1);
	assert_int_equal(strlen(got.end.why), sizeof(got.end.why) - 1);
	assert_int_equal(strlen(got.end.info.program), sizeof(got.end.info.program) - 1);
	assert_int_equal(strlen(got.end.info.principal), sizeof(got.end.info.principal) - 1);
}

static void wrong_direction(void **state)
{
	static const enum channel_type monitors[] = { CHANNEL_START, CHANNEL_ANSWER, CHANNEL_LOOK,
						      CHANNEL_ASK, CHANNEL_STOP };
	struct channel_message got;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(monitors) / sizeof(monitors[0]); i++) {
		struct channel_message m = { .type = monitors[i] };

		assert_int_equal(channel_send(theirs, &m, -1), 0);
		assert_int_equal(channel_receive(ours, &got, NULL), -EPROTO);
	}
	for (uint32_t type = CHANNEL_OPEN; type <= CHANNEL_END; type++) {
		struct channel_message m = { .type = type };

		assert_int_equal(channel_send(ours, &m, -1), 0);
		assert_int_equal(channel_receive(theirs, &got, &fd), -EPROTO);
	}
}

/* Every length but the one that is right, and types that are none. */
static void wrong_length(void **state)
{
	struct channel_message m = { .type = CHANNEL_INFO }, got;
	const size_t right = offsetof(struct channel_message, info) + sizeof(m.info);

	(void)state;
	for (size_t len = 1; len < sizeof(m); len += len < 64 ? 1 : 61) {
		if (len == right)
			continue;
		assert_int_equal(send(theirs, &m, len, 0), len);
		assert_int_equal(channel_receive(ours, &got, NULL), -EPROTO);
	}
	m.type = 0;
	assert_int_equal(send(theirs, &m, right, 0), right);
	assert_int_equal(channel_receive(ours, &got, NULL), -EPROTO);
	m.type = 0xffffffff;
	assert_int_equal(send(theirs, &m, right, 0), right);
	assert_int_equal(channel_receive(ours, &got, NULL), -EPROTO);
}

/* A worker cannot fill the monitor with descriptors. */
static void descriptors_from_a_worker(void **state)
{
	struct channel_message m = { .type = CHANNEL_CHANGED }, got;
	int before = open_files();

	(void)state;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(channel_send(theirs, &m, theirs), 0);
		assert_int_equal(channel_receive(ours, &got, NULL), 1);
	}
	assert_int_equal(open_files(), before);
}

/* Nor one that is refused stay behind with the worker. */
static void descriptor_of_a_refused_message(void **state)
{
	struct channel_message m = { .type = CHANNEL_CHANGED }, got;
	int before = open_files(), fd = -1;

	(void)state;
	assert_int_equal(channel_send(ours, &m, ours), 0);
	assert_int_equal(channel_receive(theirs, &got, &fd), -EPROTO);
	assert_int_equal(fd, -1);
	assert_int_equal(open_files(), before);
}

static void who_does_not_read(void **state)
{
	struct channel_message m = { .type = CHANNEL_LOOK };
	int rc = 0;

	(void)state;
	for (int i = 0; i < 100000 && !rc; i++)
		rc = channel_send(ours, &m, -1);
	assert_int_equal(rc, -EAGAIN);
}

static void who_has_gone(void **state)
{
	struct channel_message m = { .type = CHANNEL_LOOK }, got;

	(void)state;
	close(theirs);
	theirs = -1;
	assert_int_equal(channel_send(ours, &m, -1), -EPIPE);
	assert_int_equal(channel_receive(ours, &got, NULL), 0);
}

/* However much there was, all of it is taken. */
static void what_a_dead_worker_left(void **state)
{
	const struct channel_message changed = { .type = CHANNEL_CHANGED };
	struct channel_message m;
	int sent = 0, taken = 0, left = CHANNEL_LEFT_MAX;

	(void)state;
	while (!channel_send(theirs, &changed, -1))
		sent++;
	close(theirs);
	theirs = -1;
	while (channel_left(ours, &m, &left))
		taken++;
	assert_true(sent > 0);
	assert_int_equal(taken, sent);
}

/* Somebody has its end, and writes whenever there is room. */
static void who_never_stops_writing(void **state)
{
	const struct channel_message changed = { .type = CHANNEL_CHANGED };
	struct channel_message m;
	int taken = 0, left = CHANNEL_LEFT_MAX;

	(void)state;
	do
		assert_int_equal(channel_send(theirs, &changed, -1), 0);
	while (channel_left(ours, &m, &left) && taken++ <= CHANNEL_LEFT_MAX);
	assert_int_equal(taken, CHANNEL_LEFT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(to_the_worker),	 RIGGED(a_descriptor),
		RIGGED(to_the_monitor),	 RIGGED(texts_end),
		RIGGED(wrong_direction), RIGGED(wrong_length),
		RIGGED(descriptors_from_a_worker), RIGGED(descriptor_of_a_refused_message),
		RIGGED(who_does_not_read), RIGGED(who_has_gone),
		RIGGED(what_a_dead_worker_left), RIGGED(who_never_stops_writing),
	};

	return RUN(tests);
}
