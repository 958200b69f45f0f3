/* SPDX-License-Identifier: BSD-3-Clause */
/* Only names are judged here: whether a provider is there its worker finds out, and the log says. */
#include "daemon/config-rdma.h"

#include <string.h>

#define WHERE "rdma"
#define LEAST (16u * 1024)

void config_read_rdma(struct problems *p, struct json_object *top, struct daemon_config *c)
{
	static const char *const keys[] = { "provider", "least", "data_in_clear", NULL };
	const char *provider = "tcp";
	struct json_object *o;

	if (!json_object_object_get_ex(top, WHERE, &o) || !json_check_keys(p, WHERE, o, keys))
		return;
	json_get_text(p, WHERE, o, "provider", &provider);
	c->rdma_least = LEAST;
	json_get_u32(p, WHERE, o, "least", 1, UINT32_MAX, &c->rdma_least);
	json_get_bool(p, WHERE, o, "data_in_clear", &c->rdma_in_clear);
	if (strcmp(provider, "tcp") && strcmp(provider, "verbs"))
		problem(p, WHERE ": \"provider\": \"%.40s\" is none that opaed uses; give \"tcp\" or "
			"\"verbs\"", provider);
	else
		memcpy(c->rdma, provider, strlen(provider) + 1);
}
