/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/origin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define NET 8 /* bytes of an IPv6 address that a site gives to one network: /64 */

static void of_host(char *host, char out[ORIGIN_MAX])
{
	struct in6_addr a;
	char text[INET6_ADDRSTRLEN];

	host[strcspn(host, "%")] = 0; /* a zone */
	if (inet_pton(AF_INET6, host, &a) != 1) {
		snprintf(out, ORIGIN_MAX, "%.*s", ORIGIN_MAX - 1, host);
	} else if (IN6_IS_ADDR_V4MAPPED(&a)) {
		inet_ntop(AF_INET, &a.s6_addr[12], out, ORIGIN_MAX);
	} else {
		memset(&a.s6_addr[NET], 0, sizeof(a.s6_addr) - NET);
		inet_ntop(AF_INET6, &a, text, sizeof(text));
		snprintf(out, ORIGIN_MAX, "%s/64", text);
	}
}

void origin_of(const struct peer *peer, char out[ORIGIN_MAX])
{
	struct address a;
	const char *why;

	if (peer->kind == ADDRESS_UNIX)
		snprintf(out, ORIGIN_MAX, "uid %u", peer->uid);
	else if (peer->kind == ADDRESS_VSOCK)
		snprintf(out, ORIGIN_MAX, "cid %u", peer->cid);
	else if (address_parse(peer->text, &a, &why))
		snprintf(out, ORIGIN_MAX, "an address that cannot be read");
	else
		of_host(a.host, out);
}

void origin_of_principal(const char *principal, char out[POLICY_PRINCIPAL_MAX])
{
	static const char tcp[] = "tcp:";
	char host[POLICY_PRINCIPAL_MAX], origin[ORIGIN_MAX];

	snprintf(out, POLICY_PRINCIPAL_MAX, "%s", principal);
	if (strncmp(principal, tcp, strlen(tcp)) != 0)
		return;
	snprintf(host, sizeof(host), "%s", principal + strlen(tcp));
	of_host(host, origin);
	snprintf(out, POLICY_PRINCIPAL_MAX, "%s%s", tcp, origin);
}
