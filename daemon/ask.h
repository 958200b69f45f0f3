/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's end of the channel to its monitor. A thread reads it: answers go to the threads that asked, and
 * what the monitor wants to know of the session is answered there. When the monitor ends, or tells it to
 * stop, the session is stopped; should it not end in time, the process does, and the kernel cleans up.
 */
#ifndef DAEMON_ASK_H
#define DAEMON_ASK_H

#include <opae/types.h>
#include <sys/types.h>

#include "daemon/channel.h"

/* 0 or a negative errno. The channel stays open until ask_done(). */
int ask_start(int channel);
/* The session that looks, tells and is stopped; NULL: there is none any more. */
void ask_serves(struct rpc_session *s);
/* Was the worker told to stop before there was a session to stop? */
bool ask_stopped(void);
/* Says why the session ended; the last word. */
void ask_end(const struct channel_end *end);
/* Ends the thread. */
void ask_done(void);

/*
 * Sends a question and waits for its answer's value; -ETIMEDOUT; -EIO: the monitor has gone. `found` takes
 * what FOUND brings, *fd a descriptor or -1; either may be NULL. Any thread.
 */
int64_t ask_monitor(struct channel_message *m, struct channel_found *found, int *fd);
/* The same, as long as the monitor is still finding out what a device is; -EINPROGRESS: for too long. */
int64_t ask_patiently(struct channel_message *m, struct channel_found *found, int *fd);
/* A descriptor that the monitor has opened, or a negative errno. Any thread. */
int ask_open(const char *path, int flags, mode_t mode);
/* A unix socket that it has connected; flags: SOCK_NONBLOCK or 0. */
int ask_connect(const char *path, int flags);
/* A lock of the inventory: as of sys_lock_device(). */
int ask_lock(const char *device, int which);
/* Of a scout: an object that it found. */
void ask_scouted(const struct scout_report *r);
/* An accelerator was opened, closed or reconfigured here. */
void ask_changed(void);
/* As of struct rpc_session_options. */
fpga_result ask_sessions(void (*each)(void *arg, const struct rpc_session_info *info), void *arg);
fpga_result ask_kick(uint32_t id);

#endif
