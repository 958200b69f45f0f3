/* SPDX-License-Identifier: BSD-3-Clause */
/* The changes that bind and release make, one by one; in a dry run they are only told. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind.h"

#define WAIT_NS (5 * NS_PER_S)
#define MODPROBE_NS (20 * NS_PER_S)
#define LOOK_NS (2 * NS_PER_MS)

static void keep(struct json_object *array, const char *before, const char *fmt, va_list ap)
{
	char *text, *line;

	if (vasprintf(&text, fmt, ap) < 0)
		return;
	if (asprintf(&line, "%s%s", before, text) >= 0) {
		json_object_array_add(array, json_object_new_string(line));
		free(line);
	}
	free(text);
}

void step_command(struct bind_run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	keep(r->steps, "", fmt, ap);
	va_end(ap);
}

void step_remark(struct bind_run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (r->dry)
		keep(r->steps, "# ", fmt, ap);
	va_end(ap);
}

void bind_note(struct bind_run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	keep(r->notes, "", fmt, ap);
	va_end(ap);
}

bool bind_refuse(const char *address, const char *mend, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "opae: %s: ", address);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n  fix:   %s\n", mend);
	return false;
}

/* ---- attributes ---- */

static const char *usual_mend(int rc)
{
	if (rc == -EACCES || rc == -EPERM || rc == -EROFS)
		return "run it as root, outside a container: there /sys is for looking only";
	return "dmesg | tail   # what the kernel says of it";
}

int step_write(struct bind_run *r, const char *value, const char *mend, const char *fmt, ...)
{
	char tail[DEV_PATH_MAX], path[DEV_PATH_MAX];
	bool empty = !strcmp(value, "\n");
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = vsnprintf(tail, sizeof(tail), fmt, ap) >= (int)sizeof(tail) ? -ENAMETOOLONG : 0;
	va_end(ap);
	if (!rc)
		rc = dev_path(path, "%s", tail);
	if (rc)
		return rc;
	step_command(r, "echo%s%s > %s", empty ? "" : " ", empty ? "" : value, path);
	if (r->dry)
		return 0;
	rc = sysfs_write(value, "%s", tail);
	if (rc)
		bind_refuse(r->verb, mend ? mend : usual_mend(rc), "writing %s to %s failed: %s",
			    empty ? "an empty line" : value, path, strerror(-rc));
	return rc;
}

/* ---- nodes ---- */

static int node_failed(struct bind_run *r, const char *what, const char *path, int err)
{
	bind_refuse(r->verb, "is /dev mounted for writing, and you are root?", "%s of %s failed: %s", what,
		    path, strerror(err));
	return -err;
}

int step_owner(struct bind_run *r, const char *node, uid_t uid, gid_t gid)
{
	char path[DEV_PATH_MAX], group[16] = "";
	int rc = dev_path(path, "%s", node);

	if (rc)
		return rc;
	if (gid != (gid_t)-1)
		snprintf(group, sizeof(group), ":%u", gid);
	step_command(r, "chown %u%s %s", uid, group, path);
	if (r->dry || !lchown(path, uid, gid))
		return 0;
	return node_failed(r, "chown", path, errno);
}

int step_mode(struct bind_run *r, const char *node, mode_t mode)
{
	char path[DEV_PATH_MAX];
	int rc = dev_path(path, "%s", node);

	if (rc)
		return rc;
	step_command(r, "chmod %04o %s", mode & 07777u, path);
	if (r->dry || !chmod(path, mode & 07777u))
		return 0;
	return node_failed(r, "chmod", path, errno);
}

/* ---- the module ---- */

static _Noreturn void become_modprobe(bool load)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(126);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1); /* su leaves out what is in sbin */
	if (load)
		execlp("modprobe", "modprobe", VFIO_PCI, (char *)NULL);
	else
		execlp("modprobe", "modprobe", "-r", VFIO_PCI, (char *)NULL);
	_exit(127);
}

/* The status as waitpid() gives it; negative: an errno. */
static int run_modprobe(bool load)
{
	int64_t deadline = clock_deadline(MODPROBE_NS);
	pid_t child = fork(), ended;
	int status;

	if (child < 0)
		return -errno;
	if (!child)
		become_modprobe(load);
	while (!(ended = waitpid(child, &status, WNOHANG))) {
		if (!clock_left_ms(deadline)) {
			kill(child, SIGKILL);
			return -ETIMEDOUT; /* one that hangs in the kernel would not end now either */
		}
		clock_sleep_ns(LOOK_NS);
	}
	return ended < 0 ? -errno : status;
}

int step_modprobe(struct bind_run *r, bool load)
{
	int status;

	step_command(r, "modprobe %s" VFIO_PCI, load ? "" : "-r ");
	if (r->dry)
		return 0;
	status = run_modprobe(load);
	if (!status)
		return 0;
	if (!load) { /* somebody else uses it by now: then it is not ours to take away */
		bind_note(r, "the module " VFIO_PCI " stays loaded");
		return 0;
	}
	if (status < 0)
		bind_refuse(r->verb, "dmesg | tail", "modprobe " VFIO_PCI " did not end well: %s",
			    strerror(-status));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		bind_refuse(r->verb, "apt install kmod", "modprobe " VFIO_PCI ": there is no modprobe");
	else
		bind_refuse(r->verb, "modprobe " VFIO_PCI "   # does the running kernel have its modules, "
				     "ls /lib/modules/$(uname -r)?",
			    "modprobe " VFIO_PCI " failed with %d",
			    WIFEXITED(status) ? WEXITSTATUS(status) : status);
	return status < 0 ? status : -ENODEV;
}

/* ---- waiting ---- */

/* A kernel may have the group's node, the device's own, or both; each comes when sysfs tells of it. */
static const char *missing(const char *address, const char *driver)
{
	struct bind_node nodes[2];
	char now[64], name[32];

	bind_driver(address, now);
	if (strcmp(now, driver))
		return "it did not get this driver";
	if (strcmp(driver, VFIO_PCI))
		return NULL;
	if (!pci_vfio_dev(address, name, sizeof(name)) && !bind_exists("/dev/vfio/devices/%s", name))
		return "there is no node in /dev/vfio/devices";
	return bind_nodes(address, nodes) ? NULL : "there is no node of its group in /dev/vfio";
}

static int wait_for(const char *address, const char *driver, const char *mend)
{
	int64_t deadline = clock_deadline(WAIT_NS);
	const char *what;

	while ((what = missing(address, driver))) {
		if (!clock_left_ms(deadline)) {
			bind_refuse(address, mend, "%s: %s within %d s", *driver ? driver : "unbind",
				    *driver ? what : "its driver did not let go", (int)(WAIT_NS / NS_PER_S));
			return -ETIMEDOUT;
		}
		clock_sleep_ns(LOOK_NS);
	}
	return 0;
}

int step_wait(struct bind_run *r, const char *address, const char *driver, const char *mend)
{
	step_remark(r, "waits until %s has it%s", driver,
		    strcmp(driver, VFIO_PCI) ? "" : " and the nodes are there");
	return r->dry ? 0 : wait_for(address, driver, mend);
}

int step_unbind(struct bind_run *r, const char *address)
{
	int rc = step_write(r, address, NULL, DEVICE "/driver/unbind", address);

	return rc || r->dry ? rc : wait_for(address, "", usual_mend(0));
}
