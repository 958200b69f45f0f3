/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/session-tell.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

void session_because(struct session *s, const char *why)
{
	if (!*s->ended)
		snprintf(s->ended, sizeof(s->ended), "%s", why);
}

void session_kill(struct session *s, const char *why)
{
	session_because(s, why);
	s->counted.killed = true;
	if (s->pid > 0) /* else it has been waited for, and the number may be another's by now */
		kill(s->pid, SIGKILL);
}

void session_send(struct session *s, const struct channel_message *m, int fd)
{
	int rc = s->channel < 0 ? 0 : channel_send(s->channel, m, fd);

	if (rc && rc != -EPIPE) /* who has gone is waited for soon */
		session_kill(s, "its worker did not take what the monitor told it");
}

void session_send_word(struct session *s, enum channel_type type, uint32_t id, int64_t value, int fd)
{
	struct channel_message m;

	m.type = type;
	m.id = id;
	m.value = value;
	session_send(s, &m, fd);
}
