/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker may have opened: the monitor judges a path and opens it, and the worker gets the descriptor.
 * A path is absolute and without "..", and as it stands and after links are resolved it lies at one of few
 * places, which of all else tell nothing, not even that it is there:
 *
 *	/dev/vfio/, /dev/iommu, /dev/dfl-*, /dev/uio*: devices
 *	/sys: text of devices and drivers, for reading; for writing, attributes of the kernel's FPGA driver
 *	the inventory's folder: v-opae's files of this user; for reading, unless it is a scout who asks
 *
 * and a socket is in the emulator directory or named in "plugins".
 */
#ifndef DAEMON_GATE_H
#define DAEMON_GATE_H

#include <sys/types.h>

#include "daemon/gate-device.h"

/*
 * A descriptor, or a negative errno; -EACCES: no worker may have that; -EPERM, -EINPROGRESS: as gate-device.h
 * judges of who asks, and why (GATE_WHY_MAX bytes).
 */
int gate_open(const struct gate_who *who, const char *path, int flags, mode_t mode, char *why);
/*
 * A connected unix socket, non-blocking when `flags` has SOCK_NONBLOCK. `named` (which NULL ends) are the
 * sockets of the configuration; NULL: none are named. Never waits: -EAGAIN when the socket's queue is full.
 */
int gate_connect(const struct gate_who *who, const char *path, int flags, const char *const *named,
		 char *why);

#endif
