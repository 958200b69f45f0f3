/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "plugins/vfio/listeners.h"
#include "tests/unit/check.h"

/* Lines as Linux prints them: net/unix/af_unix.c. */
static void lines(void **state)
{
	struct listeners l = { 0 };

	(void)state;
	listeners_line(&l, "Num       RefCount Protocol Flags    Type St Inode Path");
	listeners_line(&l, "0000000000000000: 00000002 00000000 00010000 0001 01 50166 /tmp/a b.sock");
	listeners_line(&l, "0000000000000000: 00000003 00000000 00000000 0001 03 50167 /tmp/connected");
	listeners_line(&l, "0000000000000000: 00000002 00000000 00010000 0001 01 50168 @abstract");
	listeners_line(&l, "0000000000000000: 00000003 00000000 00000000 0001 03 50169");
	listeners_line(&l, "");
	listeners_line(&l, "/");
	assert_int_equal(l.num, 1);
	assert_true(listeners_has(&l, "/tmp/a b.sock"));
	assert_false(listeners_has(&l, "/tmp/connected"));
	listeners_done(&l);
}

static void sockets_that_are(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct listeners l;

	(void)state;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/tmp/opae-test-listeners.%d", getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	listeners_read(&l);
	assert_false(listeners_has(&l, addr.sun_path)); /* bound, but nobody listens */
	listeners_done(&l);
	assert_int_equal(listen(fd, 1), 0);
	listeners_read(&l);
	assert_true(listeners_has(&l, addr.sun_path));
	listeners_done(&l);
	close(fd);
	listeners_read(&l);
	assert_false(listeners_has(&l, addr.sun_path)); /* the file is there, the listener is not */
	listeners_done(&l);
	unlink(addr.sun_path);
}

/* More of them than one read of the list brings: lines are cut between two reads. */
static void many(void **state)
{
	enum { MANY = 300 };
	char dir[] = "/tmp/opae-test-listeners.XXXXXX";
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct listeners l;
	int fds[MANY];

	(void)state;
	assert_non_null(mkdtemp(dir));
	for (int i = 0; i < MANY; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%060d", dir, i);
		assert_int_equal(bind(fds[i], (struct sockaddr *)&addr, sizeof(addr)), 0);
		assert_int_equal(listen(fds[i], 1), 0);
	}
	listeners_read(&l);
	for (int i = 0; i < MANY; i++) {
		snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%060d", dir, i);
		assert_true(listeners_has(&l, addr.sun_path));
		unlink(addr.sun_path);
		close(fds[i]);
	}
	listeners_done(&l);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(sockets_that_are),
		cmocka_unit_test(many),
	};

	return RUN(tests);
}
