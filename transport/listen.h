/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockets that take connections. */
#ifndef TRANSPORT_LISTEN_H
#define TRANSPORT_LISTEN_H

#include <sys/types.h>

#include "transport/address.h"
#include "transport/transport.h"

/*
 * A listening descriptor. A unix socket gets mode 0600; a dead one in its place (nobody listens) is replaced,
 * one that somebody listens on, and what is no socket, is -EADDRINUSE. A tcp host must be literal (else
 * -EINVAL); [::] takes IPv6 alone. A port of 0 is any: address_of_socket() tells which.
 */
int listen_open(const struct address *a, int *fd);
/* The same, with another mode for a unix socket. The process's umask is changed and set back. */
int listen_open_mode(const struct address *a, mode_t mode, int *fd);
/* The local address of a socket; a tcp host is literal. */
int address_of_socket(int fd, struct address *ret);

/* Who connected, as the kernel says it. */
struct peer {
	enum address_kind kind;
	uint32_t uid, gid; /* unix */
	int pid;	   /* unix */
	uint32_t cid;	   /* vsock */
	char text[ADDRESS_TEXT_MAX]; /* for people: "10.0.0.7:40122", "uid 1000, pid 77", "vsock:3:1025" */
};

/* A connection, close-on-exec, prepared, not yet a transport. -EAGAIN: none waits. */
int listen_accept(int fd, int *ret, struct peer *peer);
/*
 * Options of a socket, connected or not yet: no delay, keepalive (a peer that vanishes is found within 10 s),
 * congestion control of our choice. Twice does no harm.
 */
int socket_prepare(int fd, enum address_kind kind);

#endif
