/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/ase-find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define READY_MAX 8192
#define CONTROL_SUFFIX ".ctl"

static const char *asked(const char *name)
{
	const char *value = sys_is_guest() ? NULL : secure_getenv(name);

	return value && *value ? value : NULL;
}

const char *ase_origin_name(enum ase_origin origin)
{
	static const char *const names[] = { [ASE_NOWHERE] = "nothing",
					     [ASE_BY_SOCKET] = "OPAE_ASE_SOCKET",
					     [ASE_BY_WORKDIR] = "ASE_WORKDIR",
					     [ASE_BY_CONFIG] = "the configuration's \"socket\"",
					     [ASE_BY_EXEC] = "OPAE_ASE_EXEC" };

	return names[origin];
}

/* Says why it is not this one; the last reason counts. */
static bool pass_over(struct ase_found *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool pass_over(struct ase_found *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->why, sizeof(f->why), fmt, ap);
	va_end(ap);
	return false;
}

/* ---- paths ---- */

/* Joins what is relative to the folder (NULL: the working directory). One path for each socket, however it
 * is written, as long as it is there. */
static bool set_path(struct ase_found *f, const char *folder, const char *path, char to[ASE_SOCKET_MAX])
{
	char cwd[PATH_MAX] = "", joined[2 * PATH_MAX], real[PATH_MAX];
	size_t len;

	if (*path != '/' && !folder)
		folder = getcwd(cwd, sizeof(cwd)) ? cwd : "";
	snprintf(joined, sizeof(joined), "%s%s%s", *path == '/' ? "" : folder, *path == '/' ? "" : "/", path);
	if (!sys_is_guest() && realpath(joined, real) && strlen(real) < ASE_SOCKET_MAX)
		memcpy(joined, real, strlen(real) + 1);
	len = strlen(joined);
	if (len < ASE_SOCKET_MAX) {
		memcpy(to, joined, len + 1);
		return true;
	}
	return pass_over(f, "%.200s...: the path has %zu bytes; a socket's has at most %d", joined, len,
			 ASE_SOCKET_MAX - 1);
}

/* Beside the socket, unless it is known to be elsewhere. */
static bool set_socket(struct ase_found *f, const char *folder, const char *path)
{
	size_t len;

	if (!set_path(f, folder, path, f->socket))
		return false;
	len = strlen(f->socket);
	if (!*f->control && len + strlen(CONTROL_SUFFIX) < sizeof(f->control)) {
		memcpy(f->control, f->socket, len);
		memcpy(f->control + len, CONTROL_SUFFIX, sizeof(CONTROL_SUFFIX));
	}
	return true;
}

/* Is somebody there who would take a client? */
static bool listens(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	CLEANUP_CLOSE int fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int rc;

	memcpy(addr.sun_path, path, strlen(path) + 1);
	rc = fd < 0 ? fd : sys_connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	return !rc || rc == -EAGAIN; /* its queue of clients is full */
}

/* ---- the file in ASE_WORKDIR ---- */

static void take(const char *value, size_t len, char *to, size_t room)
{
	if (len < room) {
		memcpy(to, value, len);
		to[len] = 0;
	}
}

static void take_line(const char *line, size_t len, struct ase_ready *r)
{
	const char *equals = memchr(line, '=', len), *value;
	size_t key;

	if (!equals)
		return;
	key = (size_t)(equals - line);
	while (key && line[key - 1] == ' ')
		key--;
	value = equals + 1;
	len -= (size_t)(value - line);
	for (; len && *value == ' '; value++)
		len--;
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\r'))
		len--;
	if (key == 3 && !memcmp(line, "pid", 3) && len && len < 10 && strspn(value, "0123456789") >= len)
		r->pid = (pid_t)strtol(value, NULL, 10);
	else if (key == 4 && !memcmp(line, "host", 4))
		take(value, len, r->host, sizeof(r->host));
	else if (key == 3 && !memcmp(line, "dir", 3))
		take(value, len, r->dir, sizeof(r->dir));
	else if (key == 6 && !memcmp(line, "socket", 6))
		take(value, len, r->socket, sizeof(r->socket));
	else if (key == 7 && !memcmp(line, "control", 7))
		take(value, len, r->control, sizeof(r->control));
}

bool ase_ready_parse(const char *text, struct ase_ready *ret)
{
	memset(ret, 0, sizeof(*ret));
	while (*text) {
		size_t len = strcspn(text, "\n");

		take_line(text, len, ret);
		text += len + (text[len] == '\n');
	}
	return ret->pid > 0;
}

static int read_ready(const char *path, char text[READY_MAX])
{
	CLEANUP_CLOSE int fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0);
	ssize_t n = fd < 0 ? fd : sys_pread(fd, text, READY_MAX - 1, 0);

	if (n < 0)
		return (int)n;
	text[n] = 0;
	return 0;
}

static bool judge_ready(const struct ase_ready *r, const char *dir, struct ase_found *f)
{
	char host[HOST_NAME_MAX + 1] = "";

	gethostname(host, sizeof(host) - 1);
	if (*r->host && strcmp(r->host, host) != 0)
		return pass_over(f, "the simulation in %.200s runs on host %s, and this is %s: let opaed "
				    "serve it there", dir, r->host, host);
	if (kill(r->pid, 0) && errno == ESRCH)
		return pass_over(f, "%.200s/" ASE_READY_FILE " is stale: its process %d is gone; start the "
				    "simulation, or remove the file", dir, (int)r->pid);
	if (*r->control && !set_path(f, dir, r->control, f->control))
		return false;
	if (!*r->socket && *r->control)
		return pass_over(f, "the simulation in %.200s serves only the program that started it", dir);
	if (!*r->socket)
		return pass_over(f, "%.200s/" ASE_READY_FILE " has no \"socket =\": another environment "
				    "wrote it, whose simulations speak another protocol", dir);
	return set_socket(f, dir, r->socket);
}

static bool has_ready(const char *dir)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/" ASE_READY_FILE, dir) >= (int)sizeof(path) ||
	       sys_access(path, F_OK) != -ENOENT;
}

static bool in_workdir(const char *dir, struct ase_found *f)
{
	char path[PATH_MAX], text[READY_MAX];
	struct ase_ready r;
	int rc = -ENAMETOOLONG;

	if (snprintf(path, sizeof(path), "%s/" ASE_READY_FILE, dir) < (int)sizeof(path))
		rc = read_ready(path, text);
	if (rc)
		return pass_over(f, "%.200s/" ASE_READY_FILE " cannot be read: %s%s", dir,
				 strerror(-rc), rc == -ENOENT ? "; no simulation is ready there" : "");
	if (!ase_ready_parse(text, &r))
		return pass_over(f, "%.200s/" ASE_READY_FILE " has no \"pid =\": it is no such file", dir);
	return judge_ready(&r, dir, f);
}

/* ---- in order ---- */

static bool found(struct ase_found *f, enum ase_origin origin)
{
	f->origin = origin;
	return true;
}

static bool find_socket(const struct ase_config *config, bool other, struct ase_found *f)
{
	const char *named = asked("OPAE_ASE_SOCKET"), *workdir = asked("ASE_WORKDIR");

	if (named) /* nothing else is meant then */
		return set_socket(f, NULL, named) ? found(f, ASE_BY_SOCKET) : true;
	/* With a command it is where that simulation puts its logs, and none need run there yet. */
	if (workdir && (!other || has_ready(workdir)) && in_workdir(workdir, f))
		return found(f, ASE_BY_WORKDIR);
	if (config->socket)
		*f->control = 0; /* what was passed over */
	if (!config->socket || !set_socket(f, "", config->socket))
		return false;
	if (!other || listens(f->socket))
		return found(f, ASE_BY_CONFIG);
	return pass_over(f, "nobody serves \"socket\" of the configuration, %s", f->socket);
}

void ase_find_in(const char *dir, struct ase_found *ret)
{
	*ret = (struct ase_found){ .origin = ASE_NOWHERE };
	if (in_workdir(dir, ret))
		ret->origin = ASE_BY_WORKDIR;
}

void ase_find(const struct ase_config *config, struct ase_found *ret)
{
	const char *exec = asked("OPAE_ASE_EXEC");

	*ret = (struct ase_found){ .origin = ASE_NOWHERE };
	if (!exec && !sys_is_guest())
		exec = config->exec;
	if (find_socket(config, exec, ret))
		return;
	*ret->socket = 0;
	if (exec) {
		ret->exec = exec;
		ret->origin = ASE_BY_EXEC;
	} else if (!*ret->why) {
		pass_over(ret, "no simulation is named: set OPAE_ASE_SOCKET, ASE_WORKDIR or OPAE_ASE_EXEC, "
			       "or \"socket\" or \"exec\" in the configuration");
	}
}
