/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* The C library reads what inet_pton() does not: zones (fe80::1%eth0). It asks nobody for a literal. */
static int literal(const struct address *a, union sockaddr_any *ret, socklen_t *len)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char port[12];

	snprintf(port, sizeof(port), "%u", a->port);
	if (getaddrinfo(a->host, port, &hints, &found))
		return -EINVAL;
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

int sockaddr_make(const struct address *a, union sockaddr_any *ret, socklen_t *len)
{
	memset(ret, 0, sizeof(*ret));
	if (a->kind == ADDRESS_TCP)
		return literal(a, ret, len);
	if (a->kind == ADDRESS_UNIX) {
		ret->un.sun_family = AF_UNIX;
		memcpy(ret->un.sun_path, a->path, sizeof(ret->un.sun_path));
		*len = sizeof(ret->un);
		return a->path[0] ? 0 : -EINVAL;
	}
	ret->vm.svm_family = AF_VSOCK;
	ret->vm.svm_cid = a->cid;
	ret->vm.svm_port = a->port;
	*len = sizeof(ret->vm);
	return 0;
}

static int read_in6(const union sockaddr_any *from, struct address *ret)
{
	char zone[12] = "";
	size_t len;

	if (!inet_ntop(AF_INET6, &from->in6.sin6_addr, ret->host, sizeof(ret->host)))
		return -EAFNOSUPPORT;
	if (from->in6.sin6_scope_id)
		snprintf(zone, sizeof(zone), "%%%u", from->in6.sin6_scope_id);
	len = strlen(ret->host);
	snprintf(ret->host + len, sizeof(ret->host) - len, "%s", zone);
	ret->port = ntohs(from->in6.sin6_port);
	return 0;
}

int sockaddr_read(const union sockaddr_any *from, socklen_t len, struct address *ret)
{
	*ret = (struct address){ .kind = ADDRESS_TCP };
	switch (from->any.sa_family) {
	case AF_INET:
		ret->port = ntohs(from->in.sin_port);
		if (!inet_ntop(AF_INET, &from->in.sin_addr, ret->host, sizeof(ret->host)))
			return -EAFNOSUPPORT;
		return 0;
	case AF_INET6:
		return read_in6(from, ret);
	case AF_UNIX:
		ret->kind = ADDRESS_UNIX;
		if (len > offsetof(struct sockaddr_un, sun_path)) /* one that is not bound has no path */
			snprintf(ret->path, sizeof(ret->path), "%.*s", ADDRESS_PATH_MAX - 1,
				 from->un.sun_path);
		return 0;
	case AF_VSOCK:
		ret->kind = ADDRESS_VSOCK;
		ret->cid = from->vm.svm_cid;
		ret->port = from->vm.svm_port;
		return 0;
	default:
		return -EAFNOSUPPORT;
	}
}
