/* SPDX-License-Identifier: BSD-3-Clause */
/* The hosts that this user's configuration has for the remote plugins, and how each is reached. */
#ifndef TOOLS_FAR_HOSTS_H
#define TOOLS_FAR_HOSTS_H

#include <opae/properties.h>

#include "transport/address.h"
#include "transport/dial.h"

struct far_host {
	struct address address;
	char text[ADDRESS_TEXT_MAX];   /* the address, for people */
	char name[OPAEX_HOSTNAME_MAX]; /* the hostname property of its devices */
	uint16_t segment;	       /* is added to those of its devices */
	char tracker[8];	       /* of its plugin's configuration, as "buffers" is in the next one */
	bool automatic;
	struct tls_config *tls; /* NULL: clear text */
	char provider[16];	/* of a fabric; "": by a socket */
};

/* One that is in no configuration. */
void far_host_init(struct far_host *h);
void far_host_done(struct far_host *h);
struct dial_to far_dial_to(const struct far_host *h);

/* Those of all plugins that work, in turn, from {0, 0} on; far_host_done() each. False: there are no more. */
struct far_at {
	uint32_t plugin, entry;
};
bool far_next(struct far_at *at, struct far_host *h);
/* Is it called so: by its address, its name, or the path of its socket? */
bool far_is_called(const struct far_host *h, const char *text);
/* The first that is; far_host_done() it. False: none is. */
bool far_find(const char *text, struct far_host *h);

#endif
