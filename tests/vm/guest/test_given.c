/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * v-opae in a process that may open no node of VFIO's: each descriptor is opened by another process, which
 * may, and comes over a socket. Started as root; the process that may stays root, and this one becomes an
 * ordinary user.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/card/plugin-host.h"
#include "tests/unit/check.h"
#include "tests/vm/guest/edu.h"

#define PATH_BYTES 256

static int monitor_fd = -1; /* of the process that may */
static unsigned int given;

static bool is_node(const char *path)
{
	return !strncmp(path, "/dev/vfio/", 10) || !strcmp(path, "/dev/iommu");
}

/* ---- the process that may ---- */

static void give(int to, int fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	int answer = fd < 0 ? -errno : 0;
	struct iovec data = { &answer, sizeof(answer) };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	if (sendmsg(to, &msg, 0) < 0)
		_exit(1);
	if (fd >= 0)
		close(fd);
}

static void monitor(int asked)
{
	char path[PATH_BYTES];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (read(asked, path, sizeof(path)) == sizeof(path))
		give(asked, is_node(path) ? open(path, O_RDWR | O_CLOEXEC) : -1);
	_exit(0);
}

/* ---- the process that may not ---- */

static int ask(const char *path)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char text[PATH_BYTES] = "";
	int answer = 0, fd = -1;
	struct iovec data = { &answer, sizeof(answer) };
	struct msghdr msg = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	strncpy(text, path, sizeof(text) - 1);
	if (write(monitor_fd, text, sizeof(text)) != sizeof(text) ||
	    recvmsg(monitor_fd, &msg, MSG_CMSG_CLOEXEC) != sizeof(answer))
		return -EIO;
	if (answer)
		return answer;
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	given++;
	return fd;
}

static int asking_open(const char *path, int flags, mode_t mode)
{
	return is_node(path) ? ask(path) : sys_kernel.open(path, flags, mode);
}

static int asking_access(const char *path, int mode)
{
	return is_node(path) ? 0 : sys_kernel.access(path, mode);
}

/* ---- tests ---- */

static void fine(fpga_result r, const char *call)
{
	if (r != FPGA_OK)
		fail_msg("%s: %d: %s", call, (int)r, detail);
}

static void works_by_descriptors_that_were_given(void **state)
{
	void *buffer = NULL;
	uint64_t id = 0, io = 0;
	fpga_token t = NULL;
	fpga_handle h = NULL;
	uint32_t n = 0, v = 0;

	(void)state;
	assert_int_equal(table.initialize(table.instance), 0);
	fine(table.enumerate(table.instance, NULL, 0, &t, 1, &n), "enumerate");
	assert_int_equal(n, 1);
	fine(table.fpgaOpen(t, &h, 0), "fpgaOpen");
	assert_true(given >= 4); /* two to look, two to open */
	fine(table.fpgaReadMMIO32(h, 0, EDU_ID, &v), "fpgaReadMMIO32");
	assert_int_equal(v, EDU_ID_VALUE);
	fine(table.fpgaPrepareBuffer(h, 4096, &buffer, &id, 0), "fpgaPrepareBuffer");
	fine(table.fpgaGetIOAddress(h, id, &io), "fpgaGetIOAddress");
	assert_true(io != 0);
	fine(table.fpgaReleaseBuffer(h, id), "fpgaReleaseBuffer");
	fine(table.fpgaClose(h), "fpgaClose");
	table.fpgaDestroyToken(&t);
	table.finalize(table.instance);
	assert_int_equal(root(EDU_OWN), 0);
}

#define EDU_TAKE                                                                                       \
	"g=$(readlink " EDU_SYSFS "/iommu_group); chown 0 /dev/vfio/${g##*/}; "                        \
	"for c in " EDU_SYSFS "/vfio-dev/vfio*; do n=/dev/vfio/devices/${c##*/}; "                     \
	"if [ -e $n ]; then chown 0 $n; fi; done"

/* The next test is none if this user could open the nodes. */
static void could_not_by_itself(void **state)
{
	char link[PATH_BYTES] = "", path[PATH_BYTES];
	const char *group;

	(void)state;
	assert_int_equal(root(EDU_TAKE), 0);
	assert_true(readlink(EDU_SYSFS "/iommu_group", link, sizeof(link) - 1) > 0);
	group = strrchr(link, '/');
	assert_non_null(group);
	snprintf(path, sizeof(path), "/dev/vfio%.60s", group);
	assert_int_equal(sys_kernel.open(path, O_RDWR, 0), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(could_not_by_itself),
		cmocka_unit_test(works_by_descriptors_that_were_given),
	};
	static struct sys_ops ops;
	char text[256];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return 1;
	if (!fork())
		monitor(pair[1]);
	close(pair[1]);
	monitor_fd = pair[0];
	root_leave();
	edu_own_inventory();
	ops = sys_kernel;
	ops.open = asking_open;
	ops.access = asking_access;
	snprintf(text, sizeof(text),
		 "{\"sockets\": [], \"kernel\": \"%s\", \"devices\": [{\"device\": \"1234:11e8\", "
		 "\"guid\": \"" EDU_GUID "\"}]}", edu_way());
	plugin_up(text, &ops);
	return RUN(tests);
}
