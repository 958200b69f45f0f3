/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who looks whether the devices of open handles stay. The kernel tells of each that goes by an event
 * (uevent); where these cannot be had, and for one that was missed, sysfs is looked at every second. A handle
 * whose device has gone is dead, and its registers read as all-ones.
 */
#ifndef PLUGINS_LOCAL_WATCH_H
#define PLUGINS_LOCAL_WATCH_H

#include "plugins/local/local.h"

/* Puts a handle among those that are watched; the first one starts the thread. 0 or a negative errno. */
int watch_enter(struct handle *h);
/* After it nobody but the caller touches the handle. */
void watch_leave(struct handle *h);
/* Looks now, on the caller's thread. */
void watch_look(struct instance *inst);
/* Ends the thread if there is nothing to watch. */
void watch_rest(struct instance *inst);

#endif
