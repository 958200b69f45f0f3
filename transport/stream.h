/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP, unix and vsock sockets; nothing but the address differs. */
#ifndef TRANSPORT_STREAM_H
#define TRANSPORT_STREAM_H

#include "transport/transport.h"

/* Takes the socket over, which is connected or being connected; also on failure. Non-blocking from now on. */
int stream_new(int fd, const char *name, struct transport **ret);

#endif
