/* SPDX-License-Identifier: BSD-3-Clause */
/* opaed.cfg: any bytes give a configuration by which somebody can be served, or lines of what is wrong. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"
#include "fuzz/target.h"

static void good(const struct daemon_config *c)
{
	char again[POLICY_PRINCIPAL_MAX];

	if (!c->num_listen || !c->policy.num_rules || !c->plugins || !c->limits.connections)
		abort();
	for (size_t i = 0; i < c->policy.num_rules; i++) {
		const char *principal = c->policy.rules[i].principal;

		if (policy_principal_read(principal, again) || strcmp(principal, again) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1), *problems;
	struct daemon_config c;
	int rc;

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = 0;
	rc = config_parse_text(text, len, &c, &problems);
	if (rc ? rc != -EINVAL || !problems || !*problems : problems != NULL)
		abort();
	if (!rc)
		good(&c);
	config_done(&c);
	free(problems);
	free(text);
	return 0;
}
