/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP, unix and vsock sockets; nothing but the address differs. */
#ifndef TRANSPORT_STREAM_H
#define TRANSPORT_STREAM_H

#include "transport/transport.h"

/* Takes the socket over, which is connected (see socket_prepare() in listen.h); also on failure. 0, -ENOMEM. */
int stream_new(int fd, const char *name, struct transport **ret);

#endif
