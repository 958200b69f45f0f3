/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * FPGA_EVENT_POWER_THERMAL: the alarms of a card's sensors. The kernel's driver for the FME has no
 * interrupt for them; it shows them as attributes of hwmon (temp1_max_alarm), which a thread of the
 * handle's looks at. The thread runs from the first registration on the handle until the last one is
 * taken back.
 */
#ifndef PLUGINS_LOCAL_ALARM_H
#define PLUGINS_LOCAL_ALARM_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <opae/types.h>

struct alarm;
struct event;
struct handle;

/* How often attributes are read whose driver does not tell of a change. */
#define ALARM_PERIOD_MS 250

struct alarms {
	pthread_mutex_t calls; /* one add or remove at a time; guards all that `lock` does not */
	pthread_mutex_t lock;  /* guards the events, and which alarms are on; the thread has it too */
	struct event **events; /* that are registered; each one is held (event_ref) */
	uint32_t num_events;
	struct alarm *list; /* what is watched; fixed while the thread runs */
	uint32_t num;
	struct pollfd *waits; /* the thread's: `stop`, then one for each alarm */
	pthread_t thread;
	pid_t owner; /* the process whose thread it is; 0: there is none */
	int stop;    /* an eventfd that ends the thread; -1 */
};

void alarms_init(struct alarms *a);
/* Takes back all registrations and ends the thread; the device may have gone. */
void alarms_done(struct handle *h);

/*
 * Has the event's descriptor written to whenever an alarm of the handle's FME goes on (of an
 * accelerator's handle, that of the FME of its card), and at once when one is on now. The event is
 * held until alarm_remove() or alarms_done(); to add it again changes nothing.
 *
 * FPGA_NOT_SUPPORTED: no sensor has an alarm, or the card's FME is not to be seen; FPGA_NO_MEMORY;
 * FPGA_EXCEPTION: the device has gone, or there is no thread. The reason is set.
 */
fpga_result alarm_add(struct handle *h, struct event *e);
/* Returns when nothing will be written any more; false: it was not added. */
bool alarm_remove(struct handle *h, struct event *e);

#endif
