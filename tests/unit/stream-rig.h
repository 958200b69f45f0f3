/* SPDX-License-Identifier: BSD-3-Clause */
/* A fabric's connection as a stream, and what tests do with one. */
#ifndef TESTS_UNIT_STREAM_RIG_H
#define TESTS_UNIT_STREAM_RIG_H

#include "tests/unit/fabric-rig.h"
#include "transport/transport.h"

/* Both ends of one, between up() and down(). */
extern struct fabric_rig rig;
extern struct transport *here, *there;

int up(void **state);
int down(void **state);
int stream_send(struct transport *t, const void *at, size_t len);
/* At least a byte, or an error. */
ssize_t stream_get(struct transport *t, void *to, size_t len);
int stream_get_all(struct transport *t, unsigned char *to, size_t len);

#endif
