/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events are eventfds, which the kernel's driver writes to when an interrupt comes, and this plugin when a
 * sensor's alarm goes on (alarm.h).
 */
#ifndef PLUGINS_LOCAL_EVENT_H
#define PLUGINS_LOCAL_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include <opae/types.h>

struct handle;

struct event {
	int fd;
	_Atomic unsigned int refs;
};

/* An event that a handle has registered for an interrupt; those of alarms are in struct alarms. */
struct registration {
	fpga_event_type type;
	uint32_t vector; /* of FPGA_EVENT_INTERRUPT */
	struct event *event;
	struct registration *next;
};

struct events {
	struct registration *list; /* the instance's events_lock guards it */
};

/* How many vectors for FPGA_EVENT_INTERRUPT the port with this node has. 0 or a negative errno. */
int port_vectors(int fd, uint32_t *n);
/* Unregisters all interrupts; the device may have gone. */
void events_done(struct handle *h);
/* For who holds an eventfd for longer than a call. */
void event_ref(struct event *e);
void event_unref(struct event *e);

#endif
