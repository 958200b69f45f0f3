/* SPDX-License-Identifier: BSD-3-Clause */
/* What OpenSSL read a key with it frees as it is; here it is wiped, whatever it was. */
#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "transport/tls.h"

static void *get(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(len);
}

static void wipe(void *at, const char *file, int line)
{
	(void)file;
	(void)line;
	if (at)
		explicit_bzero(at, malloc_usable_size(at));
	free(at);
}

static void *grow(void *at, size_t len, const char *file, int line)
{
	size_t had = at ? malloc_usable_size(at) : 0;
	void *now = len ? malloc(len) : NULL;

	if (len && !now)
		return NULL;
	if (now && at)
		memcpy(now, at, had < len ? had : len);
	wipe(at, file, line);
	return now;
}

void tls_wipe_freed(void)
{
	CRYPTO_set_mem_functions(get, grow, wipe);
}
