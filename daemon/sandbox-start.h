/* SPDX-License-Identifier: BSD-3-Clause */
/* The monitor's part of its workers' sandbox: how they are started, and what they tell of it. */
#ifndef DAEMON_SANDBOX_START_H
#define DAEMON_SANDBOX_START_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/config.h"

/* Tries, once, what this machine and this user's privileges give; the first worker's start tells of it. */
void sandbox_probe(void);
/* Does what was found suffice? 0, or a negative errno, which is logged: it is required and is not there. */
int sandbox_check(bool required);
/*
 * As fork(), into a pid namespace and, for an ordinary user, into a user namespace, in which the child has
 * the privileges that sandbox_enter() drops. A negative errno: there is no child.
 */
pid_t sandbox_fork(void);
/* In that child, before exec. 0 or a negative errno. */
int sandbox_keep(void);
/* Whom a worker becomes when its configuration names this user; UINT32_MAX: it stays who it is. */
uint32_t sandbox_uid(uid_t configured);
/* Bytes that a worker may have pinned. */
uint64_t sandbox_locked(const struct config_limits *l);
/* A worker says that it lacks a piece (enum sandbox_piece); logged once for each. */
void sandbox_told(uint32_t session, int64_t piece, uint32_t error);

#endif
