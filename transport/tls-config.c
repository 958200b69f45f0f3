/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/tls-config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 1024 /* of a path or a name, with its NUL */

struct block {
	struct tls_config config; /* first: it is what others know of the block */
	char ca[TEXT_MAX], cert[TEXT_MAX], key[TEXT_MAX], crl[TEXT_MAX], name[TEXT_MAX];
};

struct member {
	const char *key;
	size_t text, config; /* where they are in the block */
	bool is_path, must;
};

#define MEMBER(name, is_path, must) \
	{ #name, offsetof(struct block, name), offsetof(struct block, config.name), is_path, must }

static const struct member members[] = {
	MEMBER(ca, true, true),	  MEMBER(cert, true, true),   MEMBER(key, true, true),
	MEMBER(crl, true, false), MEMBER(name, false, false),
};
#define NUM_MEMBERS (sizeof(members) / sizeof(members[0]))

struct tls_config *tls_config_new(void)
{
	struct block *b = calloc(1, sizeof(*b));

	return b ? &b->config : NULL;
}

static const char *get(const struct tls_config *c, const struct member *m)
{
	const char *text;

	memcpy(&text, (const char *)c + m->config, sizeof(text));
	return text;
}

int tls_config_put(struct tls_config *c, const char *key, const char *text, const char **must_be)
{
	for (size_t i = 0; i < NUM_MEMBERS; i++) {
		const struct member *m = &members[i];
		char *to = (char *)c + m->text;

		if (strcmp(m->key, key) != 0)
			continue;
		*must_be = m->is_path ? "the absolute path of a PEM file" :
					"the host name or the IP address in the server's certificate";
		if (!*text || strlen(text) >= TEXT_MAX || (m->is_path && *text != '/'))
			return -EINVAL;
		memcpy(to, text, strlen(text) + 1);
		memcpy((char *)c + m->config, &to, sizeof(to));
		return 0;
	}
	return -ENOENT;
}

const char *tls_config_missing(const struct tls_config *c)
{
	for (size_t i = 0; i < NUM_MEMBERS; i++)
		if (members[i].must && !get(c, &members[i]))
			return members[i].key;
	return NULL;
}

bool tls_config_same(const struct tls_config *a, const struct tls_config *b)
{
	if (!a || !b)
		return a == b;
	for (size_t i = 0; i < NUM_MEMBERS; i++) {
		const char *x = get(a, &members[i]), *y = get(b, &members[i]);

		if (x && y ? strcmp(x, y) != 0 : x != y)
			return false;
	}
	return true;
}
