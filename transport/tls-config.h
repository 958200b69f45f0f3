/* SPDX-License-Identifier: BSD-3-Clause */
/* A struct tls_config by the keys that a configuration has for it: "ca", "cert", "key", "crl", "name". */
#ifndef TRANSPORT_TLS_CONFIG_H
#define TRANSPORT_TLS_CONFIG_H

#include "transport/tls.h"

#define TLS_CONFIG_KEYS "\"ca\", \"cert\", \"key\", \"crl\" and \"name\""

/* Empty, in one block of memory with room for what its members will point to: free() it. NULL: no memory. */
struct tls_config *tls_config_new(void);
/* 0; -ENOENT: there is no such key; -EINVAL: *must_be is what the text must be. */
int tls_config_put(struct tls_config *c, const char *key, const char *text, const char **must_be);
/* A key that must be there and is not; NULL: there is none. "name" and "crl" may be left out. */
const char *tls_config_missing(const struct tls_config *c);
bool tls_config_same(const struct tls_config *a, const struct tls_config *b); /* NULL is like itself alone */

#endif
