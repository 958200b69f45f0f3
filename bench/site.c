/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/site.h"

#include <stdio.h>

#include "transport/tls.h"

#define SERVER "localhost"
#define CLIENT "bench"
#define PATH_ROOM (CARDS_DIR_MAX + 40)

/* `opae cert ARGS[0] --dir SITE ARGS[1] ...` of this very program. */
static bool cert(const char *site, const char *const args[4])
{
	const char *argv[] = { "opae",  "cert",  args[0], "--dir", site,
			       args[1], args[2], args[3], NULL };
	struct program p;

	return program_start(&p, "opae cert", "/proc/self/exe", argv, &(struct program_frame){ .cpu = -1 }) &&
	       (program_end(&p) || bench_fail("the certificates for TLS could not be made"));
}

bool site_make(struct run *r)
{
	char site[CARDS_DIR_MAX];

	snprintf(site, sizeof(site), "%s/pki", r->root);
	if (!cert(site, (const char *const[4]){ "init" }) ||
	    !cert(site, (const char *const[4]){ "issue", SERVER, SITE_ADDRESS }) ||
	    !cert(site, (const char *const[4]){ "issue", "--client", CLIENT }))
		return false;
	snprintf(r->site, sizeof(r->site), "%s", site);
	return true;
}

void site_client_text(const char *site, char text[SITE_TEXT_MAX])
{
	snprintf(text, SITE_TEXT_MAX,
		 ", \"tls\": {\"ca\": \"%s/ca.crt\", \"cert\": \"%s/issued/" CLIENT "/" CLIENT ".crt\","
		 " \"key\": \"%s/issued/" CLIENT "/" CLIENT ".key\"}",
		 site, site, site);
}

void site_listener_text(const char *site, char text[SITE_TEXT_MAX])
{
	snprintf(text, SITE_TEXT_MAX,
		 ", {\"tcp\": \"" SITE_ADDRESS ":0\","
		 " \"tls\": {\"ca\": \"%s/ca.crt\", \"crl\": \"%s/ca.crl\","
		 " \"cert\": \"%s/issued/" SERVER "/" SERVER ".crt\","
		 " \"key\": \"%s/issued/" SERVER "/" SERVER ".key\"}}",
		 site, site, site, site);
}

bool site_client_context(const char *site, struct tls_context **ret)
{
	char ca[PATH_ROOM], crt[PATH_ROOM], key[PATH_ROOM], why[TLS_WHY_MAX];
	const struct tls_config config = { .ca = ca, .cert = crt, .key = key, .name = SITE_ADDRESS };

	snprintf(ca, sizeof(ca), "%s/ca.crt", site);
	snprintf(crt, sizeof(crt), "%s/issued/" CLIENT "/" CLIENT ".crt", site);
	snprintf(key, sizeof(key), "%s/issued/" CLIENT "/" CLIENT ".key", site);
	return !tls_context_new(&config, TLS_CLIENT, ret, why) || bench_fail("%s", why);
}
