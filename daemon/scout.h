/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which GUIDs a PCI function has, for rules that show by GUID. Nobody who has a peer is believed that: the
 * monitor has a worker of its own look around, one without a peer, when somebody asks for a function that is
 * not known, or not known any more. Pure data; session.c starts that worker and hears it.
 *
 *	wanted --the scout starts--> asked --it has ended--> known --another device is there--> wanted
 *
 * A function of which nothing was found is wanted again after a while; sooner when something has changed, but
 * not at once: who waits is to hear of it before, whatever others say all the time.
 */
#ifndef DAEMON_SCOUT_H
#define DAEMON_SCOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/pci.h"

#define SCOUT_GUIDS_MAX 9 /* a management engine and eight ports */

struct scout_guids {
	size_t num;
	uint8_t guids[SCOUT_GUIDS_MAX][16];
};

/* What the scout tells of one object. Plain data: it travels as it is. */
struct scout_report {
	uint16_t segment;
	uint8_t bus, device, function, reserved[3];
	uint8_t guid[16];
};

struct scout_entry;

struct scout {
	struct scout_entry *entries;
	size_t num;
	bool runs;
	int64_t rests_until; /* who asks all the time is not to keep one running all the time */
	int64_t changed_at;
	int64_t sure_until; /* of what the last one did not find, nobody finds more until then */
};

void scout_done(struct scout *s);

/*
 * What is known of the function at the address; key: its address as text, or its socket. 0; -EINPROGRESS:
 * nothing yet, scout_wanted() is true, and it is to be asked again; -ENOENT: there is no such device.
 */
int scout_ask(struct scout *s, const struct pci_address *a, const char *key, struct scout_guids *ret);
/* Should a scout be started? */
bool scout_wanted(const struct scout *s);
/* One has started, tells, and has ended, however that was. */
void scout_started(struct scout *s);
void scout_hear(struct scout *s, const struct scout_report *r);
void scout_ended(struct scout *s);
/* Something was closed, or has changed: what could not be looked at may be now. */
void scout_look_again(struct scout *s);

#endif
