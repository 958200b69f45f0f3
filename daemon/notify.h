/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What systemd is told: datagrams to the socket that NOTIFY_SOCKET names, as sd_notify(3) has them. Without
 * that variable nothing is. Nothing here waits: what the socket does not take is sent again a little later.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment. */
void notify_init(void);
void notify_done(void);

void notify_ready(void);
void notify_reloading(void); /* notify_ready() ends it */
void notify_stopping(void);
/* For `systemctl status`; told at most once a second. */
void notify_sessions(unsigned int num);

/* Pings the watchdog, at half of its time, and tells what is due: for the loop alone to call. */
int64_t notify_deadline(void);
void notify_tick(void);

#endif
