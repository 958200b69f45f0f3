/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker may have opened: devices, what tells of them, its user's files; nothing by a way round. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/inventory-lock.h"
#include "daemon/gate-holder.h"
#include "daemon/gate.h"
#include "tests/unit/check.h"

static char home[32];

/* For whom all is: what is judged here is the place. */
static int may_open(const char *path, int flags, mode_t mode)
{
	const struct gate_who who = { .rule = NULL };
	char why[GATE_WHY_MAX];

	return gate_open(&who, path, flags, mode, why);
}

static int may_connect(const char *path, int flags, const char *const *named)
{
	const struct gate_who who = { .rule = NULL };
	char why[GATE_WHY_MAX];

	return gate_connect(&who, path, flags, named, why);
}

static int up(void **state)
{
	(void)state;
	memcpy(home, "/tmp/opae-test-gate.XXXXXX", 27);
	if (!mkdtemp(home))
		return -1;
	setenv("OPAEX_INVENTORY_DIR", home, 1);
	return setenv("OPAEX_EMU_DIR", home, 1);
}

static int down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", home);
	return system(command);
}

static const char *in_home(const char *name)
{
	static char path[96];

	snprintf(path, sizeof(path), "%s/%s", home, name);
	return path;
}

static void opens(const char *path, int flags)
{
	int fd = may_open(path, flags, 0);

	assert_true(fd > 2);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
}

static void what_it_may(void **state)
{
	(void)state;
	opens("/dev/null", O_RDWR);
	if (!access("/sys/class/mem/null/uevent", R_OK))
		opens("/sys/class/mem/null/uevent", O_RDONLY);
	assert_int_equal(may_open("/dev/vfio/987654", O_RDWR, 0), -ENOENT);
	assert_int_equal(may_open("/dev/dfl-port.987", O_RDWR | O_EXCL, 0), -ENOENT);
}

static void what_it_may_not(void **state)
{
	static const char *const paths[] = { "/etc/passwd", "/dev/zero", "/dev/vfio/../zero", "/dev/./null",
					     "/dev//null",  "dev/null",	 "",		      "/",
					     "/dev/null/",  "/sys",	 "/sys/class/mem",
					     "/proc/self/mem", "/sys/kernel/uevent_seqnum",
					     "/sys/devices/../../etc/passwd" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(may_open(paths[i], O_RDONLY, 0), -EACCES);
	assert_int_equal(may_open("/sys/class/mem/null/uevent", O_WRONLY, 0), -EACCES);
	assert_int_equal(may_open("/dev/null", O_RDWR | O_CREAT, 0600), -EACCES);
	assert_int_equal(may_open("/dev/null", O_WRONLY | O_TRUNC, 0), -EACCES);
	assert_int_equal(may_open("/dev/null", O_RDONLY | O_PATH, 0), -EACCES);
}

/* Registers of whatever device: to map them needs no more than to open them. */
static void registers(void **state)
{
	static const char *const patterns[] = { "/sys/bus/pci/devices/*/resource[0-9]*",
						"/sys/bus/pci/devices/*/rom",
						"/sys/bus/pci/devices/*/config" };
	glob_t found;

	(void)state;
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		if (glob(patterns[i], 0, NULL, &found))
			continue; /* a machine without */
		for (size_t k = 0; k < found.gl_pathc; k++) {
			assert_int_equal(may_open(found.gl_pathv[k], O_RDONLY, 0), -EACCES);
			assert_int_equal(may_open(found.gl_pathv[k], O_RDWR, 0), -EACCES);
		}
		globfree(&found);
	}
	if (!glob("/sys/bus/pci/devices/*/resource", 0, NULL, &found)) {
		opens(found.gl_pathv[0], O_RDONLY); /* where they are, which is told */
		globfree(&found);
	}
}

static void inventory(void **state)
{
	int fd = may_open(in_home("inventory"), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);

	(void)state;
	assert_true(fd > 2);
	close(fd);
	opens(in_home("inventory"), O_RDONLY);
	assert_int_equal(may_open(in_home("inventory"), O_RDWR | O_TRUNC, 0), -EACCES);
	assert_int_equal(may_open(in_home("wide"), O_RDWR | O_CREAT, 0666), -EACCES);
	assert_int_equal(may_open(in_home("a/b"), O_RDWR | O_CREAT, 0600), -EACCES);
	assert_int_equal(may_open(in_home("../x"), O_RDWR | O_CREAT, 0600), -EACCES);
	assert_int_equal(symlink("/etc/passwd", in_home("link")), 0);
	assert_int_equal(may_open(in_home("link"), O_RDONLY, 0), -ELOOP);
	assert_int_equal(mkfifo(in_home("pipe"), 0600), 0);
	assert_int_equal(may_open(in_home("pipe"), O_RDONLY, 0), -EACCES); /* and does not wait */
	assert_int_equal(chmod(home, 0777), 0);
	assert_int_equal(may_open(in_home("inventory"), O_RDONLY, 0), -EACCES); /* anybody's folder */
}

static int listening(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void sockets(void **state)
{
	int card = listening(in_home("card.sock"));
	int fd = may_connect(in_home("card.sock"), SOCK_NONBLOCK, NULL);
	const char *named[] = { in_home("card.sock"), NULL };

	(void)state;
	assert_true(fd > 2);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	fd = may_connect(in_home("card.sock"), 0, NULL);
	assert_true(fd > 2);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	assert_int_equal(may_connect(in_home("none.sock"), 0, NULL), -ENOENT);
	assert_int_equal(may_connect("/run/other.sock", 0, NULL), -EACCES);
	assert_int_equal(may_connect(in_home("a/../card.sock"), 0, NULL), -EACCES);
	setenv("OPAEX_EMU_DIR", "/nonexistent", 1);
	assert_int_equal(may_connect(in_home("card.sock"), 0, NULL), -EACCES);
	named[0] = in_home("card.sock");
	fd = may_connect(named[0], 0, named);
	assert_true(fd > 2);
	close(fd);
	close(card);
}

/* A process that has locked a device's byte, and has so many descriptors or as many as it may. */
static pid_t holder_of(const char *device, int descriptors)
{
	struct flock l = { .l_type = F_WRLCK,
			   .l_whence = SEEK_SET,
			   .l_start = inventory_lock_byte(device, INVENTORY_HOLD),
			   .l_len = 1 };
	int ready[2], fd;
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = open(in_home("holders"), O_RDWR | O_CREAT, 0600);
		if (fd < 0 || fcntl(fd, F_OFD_SETLK, &l))
			_exit(1);
		while (descriptors-- && dup(0) >= 0)
			;
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_holder_is_found_in_time(void **state)
{
	char name[PROCESS_NAME_MAX], wanted[32];
	pid_t pid = holder_of("one", 0);

	(void)state;
	snprintf(wanted, sizeof(wanted), "process %d (", pid);
	assert_int_equal(inventory_lock_holder(home, "one", INT64_MAX, name, sizeof(name)), 0);
	assert_non_null(strstr(name, wanted));
	assert_int_equal(inventory_lock_holder(home, "two", INT64_MAX, name, sizeof(name)), -ENOENT);
	assert_int_equal(inventory_lock_holder(home, "one", clock_now_ns(), name, sizeof(name)), -ETIMEDOUT);
	assert_int_equal(inventory_lock_holder(home, "two", clock_now_ns(), name, sizeof(name)), -ETIMEDOUT);
	end(pid);
}

/* Of this thread: what others need of a loaded machine does not count. */
static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Whoever asks, and for however many devices; a search that did not reach its end counts as well. */
static void most_of_the_time_nobody_searches(void **state)
{
	int64_t began = clock_now_ns(), end_at = clock_deadline(60 * NS_PER_S), spent = 0;
	char name[PROCESS_NAME_MAX], device[32];
	pid_t pid = holder_of("one", 20000);

	(void)state;
	for (int searches = 0; searches < 4;) {
		int64_t at = cpu_ns(), took;
		int rc;

		assert_true(clock_now_ns() < end_at);
		snprintf(device, sizeof(device), "other %d", searches);
		rc = gate_holder(device, name);
		took = cpu_ns() - at;
		if (rc == -EAGAIN && took < 10 * NS_PER_MS) /* it is not the time yet */
			continue;
		searches++;
		spent += took;
	}
	assert_true(spent <= (clock_now_ns() - began) / 5);
	end(pid);
}

static void what_was_found_is_told_again(void **state)
{
	pid_t pid = holder_of("one", 0);
	char name[PROCESS_NAME_MAX];
	int64_t end_at = clock_deadline(60 * NS_PER_S), found;

	(void)state;
	do {
		found = clock_now_ns();
		assert_true(found < end_at);
	} while (gate_holder("one", name));
	end(pid);
	while (gate_holder("one", name) != -ENOENT)
		assert_true(clock_now_ns() < end_at);
	assert_true(clock_now_ns() - found >= NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(what_it_may),
		RIGGED(what_it_may_not),
		RIGGED(registers),
		RIGGED(inventory),
		RIGGED(sockets),
		RIGGED(a_holder_is_found_in_time),
		RIGGED(most_of_the_time_nobody_searches),
		RIGGED(what_was_found_is_told_again),
	};

	return RUN(tests);
}
