/* SPDX-License-Identifier: BSD-3-Clause */
/* What servers, clients and sites may be called. They are put into paths, of the index and of a policy. */
#include <arpa/inet.h>
#include <string.h>

#include "cert.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define DNS_NAME_MAX 253
#define DNS_LABEL_MAX 63
#define SITE_MAX 40

bool cert_is_address(const char *name)
{
	unsigned char at[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, name, at) == 1 || inet_pton(AF_INET6, name, at) == 1;
}

static bool is_label(const char *at, size_t len)
{
	return len && len <= DNS_LABEL_MAX && at[0] != '-' && at[len - 1] != '-' &&
	       strspn(at, LETTERS DIGITS "-") >= len;
}

static bool is_dns_name(const char *name)
{
	for (;;) {
		size_t len = strcspn(name, ".");

		if (!is_label(name, len))
			return false;
		if (!name[len])
			return true;
		name += len + 1;
	}
}

/* 10.0.0.256 and the like: digits and dots only. */
static bool looks_like_address(const char *name)
{
	return !name[strspn(name, DIGITS ".")];
}

const char *cert_server_wrong(const char *name)
{
	if (cert_is_address(name))
		return NULL;
	if (!*name || strlen(name) > DNS_NAME_MAX)
		return "a DNS name has 1 to 253 bytes";
	if (strchr(name, '*'))
		return "there are no certificates for whole domains; name each machine";
	if (looks_like_address(name))
		return "that is no IPv4 address";
	if (!is_dns_name(name))
		return "a server's name is a DNS name (letters, digits, '-' and '.') or an IP address "
		       "without a port; with --client it is a user's, which may have '_' and '@' in it";
	return NULL;
}

const char *cert_client_wrong(const char *name)
{
	if (!*name || strlen(name) > CERT_NAME_MAX)
		return "a client's name has 1 to 64 bytes";
	if (cert_is_address(name))
		return NULL;
	if (!strchr(LETTERS DIGITS, name[0]) || name[strspn(name, LETTERS DIGITS "._@-")])
		return "a client's name begins with a letter or a digit, and is made of letters, digits, "
		       "'.', '_', '@' and '-'";
	return NULL;
}

const char *cert_first_wrong(const char *name)
{
	if (strlen(name) > CERT_NAME_MAX)
		return "the first name has at most 64 bytes; a longer one may stand behind it";
	if (!strcmp(name, "ca"))
		return "ca.crt and ca.key are the authority's own; choose another name";
	return NULL;
}

const char *cert_site_wrong(const char *site)
{
	size_t len = strlen(site);

	if (!len || len > SITE_MAX)
		return "a site's name has 1 to 40 bytes";
	if (site[strspn(site, LETTERS DIGITS " ._-")] || site[0] == ' ' || site[len - 1] == ' ')
		return "a site's name is made of letters, digits, blanks, '.', '_' and '-'";
	return NULL;
}
