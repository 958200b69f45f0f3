/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/fabric-door.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define MAGIC 0x524f4f44u /* the bytes "DOOR" */

enum kind { KNOCK = 1, ANSWER, TOKEN, PROOF };

/* Where what is. */
#define VERSION_AT 4u
#define KIND_AT 6u
#define CODE_AT 7u
#define HEAD 8u
#define SECRET_AT HEAD /* of TOKEN and PROOF */
#define PORT_AT HEAD   /* of ANSWER, and what follows */
#define TOKEN_AT (PORT_AT + 2u)
#define PROOF_AT (TOKEN_AT + DOOR_SECRET)
#define ANSWER_LEN (PROOF_AT + DOOR_SECRET)

_Static_assert(ANSWER_LEN <= FABRIC_GREETING_MAX, "every provider has room for it");

static void put_head(struct fabric_greeting *g, enum kind kind, size_t len)
{
	uint32_t magic = htole32(MAGIC);
	uint16_t version = htole16(DOOR_VERSION);

	*g = (struct fabric_greeting){ .len = len };
	memcpy(g->data, &magic, sizeof(magic));
	memcpy(g->data + VERSION_AT, &version, sizeof(version));
	g->data[KIND_AT] = (unsigned char)kind;
}

static int check_head(const struct fabric_greeting *g, enum kind kind)
{
	uint32_t magic;
	uint16_t version;

	if (g->len < HEAD)
		return -EPROTO;
	memcpy(&magic, g->data, sizeof(magic));
	memcpy(&version, g->data + VERSION_AT, sizeof(version));
	if (magic != htole32(MAGIC) || g->data[KIND_AT] != kind)
		return -EPROTO;
	return version == htole16(DOOR_VERSION) ? 0 : -EPROTONOSUPPORT;
}

void door_put_knock(struct fabric_greeting *g)
{
	put_head(g, KNOCK, HEAD);
}

int door_get_knock(const struct fabric_greeting *g)
{
	return check_head(g, KNOCK);
}

void door_put_answer(struct fabric_greeting *g, const struct door_answer *a)
{
	uint16_t port = htole16(a->port);

	put_head(g, ANSWER, a->code == DOOR_COME ? ANSWER_LEN : HEAD);
	g->data[CODE_AT] = (unsigned char)a->code;
	if (a->code != DOOR_COME)
		return;
	memcpy(g->data + PORT_AT, &port, sizeof(port));
	memcpy(g->data + TOKEN_AT, a->token, DOOR_SECRET);
	memcpy(g->data + PROOF_AT, a->proof, DOOR_SECRET);
}

int door_get_answer(const struct fabric_greeting *g, struct door_answer *ret)
{
	int rc = check_head(g, ANSWER);
	uint16_t port;

	*ret = (struct door_answer){ 0 };
	if (rc)
		return rc;
	if (g->data[CODE_AT] > DOOR_OTHER)
		return -EPROTO;
	ret->code = g->data[CODE_AT];
	if (ret->code != DOOR_COME)
		return 0;
	if (g->len < ANSWER_LEN)
		return -EPROTO;
	memcpy(&port, g->data + PORT_AT, sizeof(port));
	ret->port = le16toh(port);
	memcpy(ret->token, g->data + TOKEN_AT, DOOR_SECRET);
	memcpy(ret->proof, g->data + PROOF_AT, DOOR_SECRET);
	return ret->port ? 0 : -EPROTO;
}

static void put_secret(struct fabric_greeting *g, enum kind kind, const uint8_t secret[DOOR_SECRET])
{
	put_head(g, kind, SECRET_AT + DOOR_SECRET);
	memcpy(g->data + SECRET_AT, secret, DOOR_SECRET);
}

static bool is_secret(const struct fabric_greeting *g, enum kind kind, const uint8_t secret[DOOR_SECRET])
{
	unsigned char differs = 0;

	if (check_head(g, kind) || g->len < SECRET_AT + DOOR_SECRET)
		return false;
	for (size_t i = 0; i < DOOR_SECRET; i++)
		differs |= (unsigned char)(g->data[SECRET_AT + i] ^ secret[i]);
	return !differs;
}

void door_put_token(struct fabric_greeting *g, const uint8_t token[DOOR_SECRET])
{
	put_secret(g, TOKEN, token);
}

void door_put_proof(struct fabric_greeting *g, const uint8_t proof[DOOR_SECRET])
{
	put_secret(g, PROOF, proof);
}

bool door_is_token(const struct fabric_greeting *g, const uint8_t token[DOOR_SECRET])
{
	return is_secret(g, TOKEN, token);
}

bool door_is_proof(const struct fabric_greeting *g, const uint8_t proof[DOOR_SECRET])
{
	return is_secret(g, PROOF, proof);
}
