/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which sockets have a process that listens, as the kernel lists them in /proc/net/unix: so it is seen
 * that a card has died without a word being sent to those that live. The list has the sockets of this
 * network namespace alone, by the paths that they were bound to.
 */
#ifndef PLUGINS_VFIO_LISTENERS_H
#define PLUGINS_VFIO_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listeners {
	uint64_t *hashes; /* of the paths */
	size_t num, room;
};

void listeners_read(struct listeners *l); /* none when the list cannot be read */
bool listeners_has(const struct listeners *l, const char *path);
void listeners_done(struct listeners *l);

/* Takes one line of the list in. */
void listeners_line(struct listeners *l, const char *line);

#endif
