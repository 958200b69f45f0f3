/* SPDX-License-Identifier: BSD-3-Clause */
/* A fabric's connection as a stream of bytes: messages without their bounds. */
#ifndef TRANSPORT_FABRIC_STREAM_H
#define TRANSPORT_FABRIC_STREAM_H

#include "transport/fabric.h"
#include "transport/transport.h"

/*
 * Sends and receives go by the connection, which is taken over, also on failure, and the fabric, which is
 * closed behind it (NULL: it stays the caller's). The connection's reads and writes may be used beside.
 * -ENOMEM.
 */
int fabric_stream_new(struct fabric_conn *c, struct fabric *f, const char *name, struct transport **ret);

#endif
