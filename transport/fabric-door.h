/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a client gets to a worker of its own by a fabric alone: what the greetings say
 * (docs/adr/0001-fabric.md). It knocks at the listener, which refuses and says where to go and what to show
 * there; the worker lets in who shows that, and shows something in return.
 *
 * Each begins with 8 bytes: a magic number, a version, its kind and a code. Numbers are little-endian. Who
 * reads takes no notice of what is behind, for some providers pad with zeros.
 */
#ifndef TRANSPORT_FABRIC_DOOR_H
#define TRANSPORT_FABRIC_DOOR_H

#include "transport/fabric.h"

#define DOOR_VERSION 1u
#define DOOR_SECRET 16u

enum door_code {
	DOOR_COME,   /* to the port, with the token */
	DOOR_AGAIN,  /* in a moment: nobody is ready yet */
	DOOR_BUSY,   /* there are as many connections as there may be */
	DOOR_DENIED, /* nobody from there is served */
	DOOR_OTHER,  /* the listener speaks other versions */
};

struct door_answer {
	enum door_code code;
	/* Of DOOR_COME. */
	uint16_t port;
	uint8_t token[DOOR_SECRET]; /* what the client shows, once */
	uint8_t proof[DOOR_SECRET]; /* what the worker shows in return: others may get hold of a port */
};

/* Client to listener. */
void door_put_knock(struct fabric_greeting *g);
/* 0; -EPROTO: it is no knock; -EPROTONOSUPPORT: of another version. */
int door_get_knock(const struct fabric_greeting *g);

/* Listener to client, in a refusal. */
void door_put_answer(struct fabric_greeting *g, const struct door_answer *a);
/* 0; -EPROTO: it is no answer, or makes no sense; -EPROTONOSUPPORT: of another version. */
int door_get_answer(const struct fabric_greeting *g, struct door_answer *ret);

/* Client to worker; and worker to client, in its acceptance. */
void door_put_token(struct fabric_greeting *g, const uint8_t token[DOOR_SECRET]);
void door_put_proof(struct fabric_greeting *g, const uint8_t proof[DOOR_SECRET]);
/* Is it this one? It takes as long, whichever byte differs. */
bool door_is_token(const struct fabric_greeting *g, const uint8_t token[DOOR_SECRET]);
bool door_is_proof(const struct fabric_greeting *g, const uint8_t proof[DOOR_SECRET]);

#endif
