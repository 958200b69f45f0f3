/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/client/config-tls.h"

#include <errno.h>
#include <stdlib.h>

#include "rpc/client/internal.h"
#include "transport/tls-config.h"

#define EXAMPLE "\"tls\": {\"ca\": \"/etc/opae/tls/ca.crt\", \"cert\": \"/etc/opae/tls/alice.crt\", " \
		"\"key\": \"/etc/opae/tls/alice.key\"}"

static fpga_result read_member(struct tls_config *c, size_t i, const char *key, struct json_object *value)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";
	const char *must_be;
	int rc = tls_config_put(c, key, text, &must_be);

	if (rc == -ENOENT)
		return say(FPGA_INVALID_PARAM, "\"hosts\"[%zu]: \"tls\": \"%s\" is unknown; there are "
					       TLS_CONFIG_KEYS, i, key);
	if (rc)
		return say(FPGA_INVALID_PARAM, "\"hosts\"[%zu]: \"tls\": \"%s\" must be %s", i, key, must_be);
	return FPGA_OK;
}

fpga_result rpc_config_tls(struct rpc_host_config *h, size_t i, struct json_object *value)
{
	if (!json_object_is_type(value, json_type_object))
		return say(FPGA_INVALID_PARAM, "\"hosts\"[%zu]: \"tls\" must be an object, as " EXAMPLE, i);
	free(h->tls); /* of a key that is there twice the last counts */
	h->tls = tls_config_new();
	if (!h->tls)
		return say(FPGA_NO_MEMORY, "no memory for \"hosts\"[%zu]", i);
	json_object_object_foreach(value, key, member)
	{
		fpga_result r = read_member(h->tls, i, key, member);

		if (r != FPGA_OK)
			return r;
	}
	return FPGA_OK;
}

fpga_result rpc_config_tls_complete(struct rpc_host_config *h, size_t i)
{
	const char *missing = h->tls ? tls_config_missing(h->tls) : NULL, *must_be;

	if (missing)
		return say(FPGA_INVALID_PARAM, "\"hosts\"[%zu]: \"tls\" has no \"%s\"; it is as " EXAMPLE, i,
			   missing);
	if (!h->tls || h->tls->name)
		return FPGA_OK;
	if (h->address.kind == ADDRESS_TCP && !tls_config_put(h->tls, "name", h->address.host, &must_be))
		return FPGA_OK;
	return say(FPGA_INVALID_PARAM, "\"hosts\"[%zu]: \"tls\" needs \"name\": a socket and a CID have no "
				       "name that the server's certificate could be for", i);
}
