/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/listen.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "transport/sockaddr.h"

#define BACKLOG 1024 /* the kernel cuts it to what the machine allows */

/*
 * An idle connection whose peer has vanished ends after KEEP_IDLE + KEEP_COUNT * KEEP_INTERVAL seconds: 7.
 * One that has data under way is looked at by the stream's `alive`, which gives up one to which data was sent
 * in the last moment of these within 3 more.
 */
#define KEEP_IDLE 3
#define KEEP_INTERVAL 1
#define KEEP_COUNT 4

#ifndef TCP_RTO_MAX_MS /* of Linux 6.15 */
#define TCP_RTO_MAX_MS 44
#endif
#define RTO_MAX_MS 3000

static int set_int(int fd, int level, int name, int value)
{
	return sys_setsockopt(fd, level, name, &value, sizeof(value));
}

/* ---- listening ---- */

/* Does the path belong to a socket on which nobody listens any more? */
static bool is_dead(const union sockaddr_any *at, socklen_t len)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat st;

	if (sys_lstat(at->un.sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	return fd >= 0 && sys_connect(fd, &at->any, len) == -ECONNREFUSED;
}

static int bind_unix(int fd, const union sockaddr_any *at, socklen_t len)
{
	int rc = sys_bind(fd, &at->any, len);

	if (rc != -EADDRINUSE || !is_dead(at, len))
		return rc;
	rc = sys_unlink(at->un.sun_path);
	return rc ? rc : sys_bind(fd, &at->any, len);
}

/*
 * The file gets the mode of its socket, less the umask: so it has it from the first moment, and no path is
 * followed that somebody may have changed since. What another thread makes meanwhile is open to nobody whom
 * the mode keeps out.
 */
static int bind_with_mode(int fd, const union sockaddr_any *at, socklen_t len, mode_t mode)
{
	int rc = sys_fchmod(fd, mode);
	mode_t before;

	if (rc)
		return rc;
	before = umask(0777 & ~mode);
	rc = bind_unix(fd, at, len);
	umask(before);
	return rc;
}

static int bind_to(int fd, const union sockaddr_any *at, socklen_t len, mode_t mode)
{
	int rc = 0;

	if (at->any.sa_family == AF_UNIX)
		return bind_with_mode(fd, at, len, mode);
	if (at->any.sa_family != AF_VSOCK)
		rc = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!rc && at->any.sa_family == AF_INET6) /* [::] is not 0.0.0.0, whatever the machine's default */
		rc = set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	return rc ? rc : sys_bind(fd, &at->any, len);
}

int listen_open_mode(const struct address *a, mode_t mode, int *ret)
{
	CLEANUP_CLOSE int fd = -1;
	union sockaddr_any at;
	socklen_t len;
	int rc = sockaddr_make(a, &at, &len);

	if (rc)
		return rc;
	if (a->kind == ADDRESS_VSOCK && !a->port)
		at.vm.svm_port = VMADDR_PORT_ANY;
	fd = sys_socket(at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	rc = bind_to(fd, &at, len, mode);
	if (!rc)
		rc = sys_listen(fd, BACKLOG);
	if (!rc)
		*ret = fd_steal(&fd);
	return rc;
}

int listen_open(const struct address *a, int *ret)
{
	return listen_open_mode(a, 0600, ret);
}

int address_of_socket(int fd, struct address *ret)
{
	union sockaddr_any at = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(at);
	int rc = sys_getsockname(fd, &at.any, &len);

	return rc ? rc : sockaddr_read(&at, len, ret);
}

/* ---- accepting ---- */

static int read_peer(int fd, const union sockaddr_any *at, socklen_t len, struct peer *peer)
{
	struct ucred cred;
	socklen_t cred_len = sizeof(cred);
	struct address a;
	int rc = sockaddr_read(at, len, &a);

	if (rc)
		return rc;
	*peer = (struct peer){ .kind = a.kind, .cid = a.cid };
	if (a.kind != ADDRESS_UNIX) {
		address_text(&a, peer->text, sizeof(peer->text));
		return 0;
	}
	rc = sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len);
	if (rc)
		return rc;
	peer->uid = cred.uid;
	peer->gid = cred.gid;
	peer->pid = cred.pid;
	snprintf(peer->text, sizeof(peer->text), "uid %u, pid %d", peer->uid, peer->pid);
	return 0;
}

int listen_accept(int listening, int *ret, struct peer *peer)
{
	union sockaddr_any at = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof(at);
	CLEANUP_CLOSE int fd = sys_accept(listening, &at.any, &len);
	int rc;

	if (fd < 0) /* who has gone before he was let in is no fault */
		return fd == -ECONNABORTED || fd == -EINTR || fd == -EPROTO ? -EAGAIN : fd;
	rc = read_peer(fd, &at, len, peer);
	if (!rc)
		rc = socket_prepare(fd, peer->kind);
	if (!rc)
		*ret = fd_steal(&fd);
	return rc;
}

int socket_prepare(int fd, enum address_kind kind)
{
	static const char congestion[] = "cubic";
	int rc;

	if (kind != ADDRESS_TCP)
		return 0;
	rc = set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (!rc)
		rc = set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	if (!rc)
		rc = set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE);
	if (!rc)
		rc = set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL);
	if (!rc)
		rc = set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
	if (rc)
		return rc;
	/* Where the machine has them: bbr paces, which costs a quarter of the bandwidth of a short way. */
	sys_setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, sizeof(congestion) - 1);
	/* A peer that is stopped in a debugger is asked often enough for `alive` to hear of it. */
	set_int(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, RTO_MAX_MS);
	return 0;
}
