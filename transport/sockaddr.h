/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as the kernel wants them. */
#ifndef TRANSPORT_SOCKADDR_H
#define TRANSPORT_SOCKADDR_H

#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "transport/address.h"

union sockaddr_any {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
	struct sockaddr_vm vm;
};

/* Without asking anybody. 0; -EINVAL: a tcp host that is a name, or no address at all. */
int sockaddr_make(const struct address *a, union sockaddr_any *ret, socklen_t *len);
/* The reverse. 0; -EAFNOSUPPORT. */
int sockaddr_read(const union sockaddr_any *from, socklen_t len, struct address *ret);

#endif
