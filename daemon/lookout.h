/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker without a peer does: it looks around for its monitor (daemon/scout.h), and ends. */
#ifndef DAEMON_LOOKOUT_H
#define DAEMON_LOOKOUT_H

/* Before the library is initialized. */
void lookout_prepare(void);
/* After that, and after ask_start(). */
void lookout(void);

#endif
