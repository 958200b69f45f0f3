/* SPDX-License-Identifier: BSD-3-Clause */
/* How a session comes to be, beside what session.h has of it: strangers become known, or stay strangers. */
#ifndef DAEMON_SESSION_BEGIN_H
#define DAEMON_SESSION_BEGIN_H

#include "daemon/session.h"

/* A worker without a peer, whom nobody can talk into anything. */
void session_begin_scout(struct sessions *all, struct daemon_config *config);
/* A stranger's worker says who he is: his certificate was good. */
void session_introduce(struct sessions *all, struct session *s, const char *principal);
/* It says that it was not. */
void session_dismiss(struct session *s);

#endif
