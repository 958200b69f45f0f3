/* SPDX-License-Identifier: BSD-3-Clause */
/* What a worker without a peer does: it looks around for its monitor (daemon/scout.h), and ends. */
#ifndef DAEMON_LOOKOUT_H
#define DAEMON_LOOKOUT_H

/* After the library is initialized, and ask_start(). */
void lookout(void);

#endif
