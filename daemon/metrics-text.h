/* SPDX-License-Identifier: BSD-3-Clause */
/* The metrics as text, in the format of Prometheus (version 0.0.4). */
#ifndef DAEMON_METRICS_TEXT_H
#define DAEMON_METRICS_TEXT_H

#include <stddef.h>

#define METRICS_TEXT_MAX (96u * 1024) /* bytes; there are no labels that could make it longer */

struct sessions;

/* Reads the counters of all sessions. The text, which the caller frees; NULL: no memory. */
char *metrics_text(struct sessions *all, size_t *len);

#endif
