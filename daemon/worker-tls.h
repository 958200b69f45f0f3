/* SPDX-License-Identifier: BSD-3-Clause */
/* A stranger's worker: the TLS handshake, by which it is known who the peer is. */
#ifndef DAEMON_WORKER_TLS_H
#define DAEMON_WORKER_TLS_H

#include "daemon/channel.h"
#include "transport/transport.h"

/*
 * In place of *t comes the encrypted transport over it, which tells the monitor who the peer is, and answers
 * with what is to be done for him: *start becomes that. Else the reason has been told to the monitor, *t is
 * gone, and a negative errno says that there is nothing more to do.
 */
int worker_tls(struct channel_start *start, struct transport **t);
/* For one that is not fit to shake hands: tells the peer so by TLS's own word, and reads nothing of him. */
void worker_tls_refuse(void);

#endif
