/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket below a connection of provider tcp. libfabric does not show it, and sets nothing by which a
 * peer whose machine has vanished would be found; and the child of a fork, which must not touch libfabric's
 * memory, has to let go of it, or nobody would hear of the parent's end.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "transport/fabric-internal.h"
#include "transport/listen.h"

#define ABOVE 64 /* descriptors that other threads may have opened since ours */

static bool is_same(const union sockaddr_any *a, const union sockaddr_any *b)
{
	if (a->any.sa_family != b->any.sa_family)
		return false;
	if (a->any.sa_family == AF_INET)
		return a->in.sin_port == b->in.sin_port && a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return a->any.sa_family == AF_INET6 && a->in6.sin6_port == b->in6.sin6_port &&
	       !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr));
}

static bool is_between(int fd, const union sockaddr_any *own, const union sockaddr_any *peer)
{
	union sockaddr_any at;
	socklen_t len = sizeof(at);

	if (getsockname(fd, &at.any, &len) || !is_same(&at, own))
		return false;
	len = sizeof(at);
	return !getpeername(fd, &at.any, &len) && is_same(&at, peer);
}

void fabric_socket_find(struct fabric_conn *c)
{
	union sockaddr_any own, peer;
	size_t own_len = sizeof(own), peer_len = sizeof(peer);

	memset(&own, 0, sizeof(own));
	memset(&peer, 0, sizeof(peer));
	if (!fabric_lingers(c->fabric) || fi_getname(&c->ep->fid, &own, &own_len) ||
	    fi_getpeer(c->ep, &peer, &peer_len))
		return;
	for (int fd = 0; fd < c->bell_fd + ABOVE; fd++) {
		if (!is_between(fd, &own, &peer))
			continue;
		c->socket = fd;
		c->socket_own = own;
		c->socket_peer = peer;
		socket_prepare(fd, ADDRESS_TCP);
		return;
	}
}

int fabric_alive(struct fabric_conn *c)
{
	SCOPED_LOCK(&c->lock);
	return c->lost || c->socket < 0 ? 0 : alive_look(&c->alive, c->socket);
}

/* If it is still that socket: the parent may have been about to close it. */
void fabric_forget(struct fabric_conn *c)
{
	if (c->socket >= 0 && is_between(c->socket, &c->socket_own, &c->socket_peer))
		sys_close(c->socket);
}
