/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/client/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sys.h"
#include "rpc/client/config-tls.h"
#include "rpc/client/internal.h"

#define HOSTS_MAX 1024u
#define SPIN_US 50
#define TIMEOUT_MS 5000
#define CONNECT_MS 1000
#define RDMA_LEAST (32 * 1024)

bool rpc_config_integer(struct json_object *value, int64_t min, int64_t max, int64_t *ret)
{
	if (!json_object_is_type(value, json_type_int))
		return false;
	*ret = json_object_get_int64(value);
	return *ret >= min && *ret <= max;
}

/* ---- hosts ---- */

static fpga_result read_name(struct rpc_host_config *h, struct json_object *value, size_t i)
{
	const char *name = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	if (!*name || strlen(name) >= sizeof(h->name))
		return say(FPGA_INVALID_PARAM,
			   "\"hosts\"[%zu]: \"name\" must be a string of 1 to %zu bytes", i,
			   sizeof(h->name) - 1);
	memcpy(h->name, name, strlen(name) + 1);
	return FPGA_OK;
}

static fpga_result read_host_key(struct rpc_host_config *h, const struct rpc_config_kind *kind, size_t i,
				 const char *key, struct json_object *value)
{
	const char *why = "";
	int64_t n;
	int rc;

	if (!strcmp(key, "name"))
		return read_name(h, value, i);
	if (!strcmp(key, "tls"))
		return rpc_config_tls(h, i, value);
	if (!strcmp(key, "segment")) {
		if (!rpc_config_integer(value, 0, UINT16_MAX, &n))
			return say(FPGA_INVALID_PARAM, "\"hosts\"[%zu]: \"segment\" must be 0 to 65535", i);
		h->segment = (uint16_t)n;
		return FPGA_OK;
	}
	rc = kind->key(key, value, &h->address, &why);
	if (rc > 0)
		return FPGA_OK;
	if (rc < 0)
		return say(FPGA_INVALID_PARAM, "\"hosts\"[%zu]: \"%s\" must be %s", i, key, why);
	return say(FPGA_INVALID_PARAM,
		   "\"hosts\"[%zu]: \"%s\" is unknown; an entry is %s, with \"segment\", \"name\" and "
		   "\"tls\" as you like", i, key, kind->example);
}

static fpga_result read_host(struct rpc_host_config *h, const struct rpc_config_kind *kind, size_t i,
			     struct json_object *o)
{
	const char *text = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;
	const char *why = "";
	fpga_result r = FPGA_OK;

	h->address.port = ADDRESS_PORT;
	if (text) {
		if (!kind->text(text, &h->address, &why))
			return say(FPGA_INVALID_PARAM, "\"hosts\"[%zu]: \"%s\": %s; an entry is %s", i,
				   text, why, kind->example);
		return FPGA_OK;
	}
	if (!json_object_is_type(o, json_type_object))
		return say(FPGA_INVALID_PARAM, "\"hosts\"[%zu]: an entry is %s", i, kind->example);
	json_object_object_foreach(o, key, value)
	{
		r = read_host_key(h, kind, i, key, value);
		if (r != FPGA_OK)
			return r;
	}
	if (kind->complete(&h->address))
		return rpc_config_tls_complete(h, i);
	return say(FPGA_INVALID_PARAM, "\"hosts\"[%zu]: it says nothing of where that is; an entry is %s", i,
		   kind->example);
}

static fpga_result same_twice(const struct rpc_client_config *c)
{
	char a[ADDRESS_TEXT_MAX], b[ADDRESS_TEXT_MAX];

	for (unsigned int i = 0; i < c->num_hosts; i++) {
		address_text(&c->hosts[i].address, a, sizeof(a));
		for (unsigned int k = 0; k < i; k++) {
			address_text(&c->hosts[k].address, b, sizeof(b));
			if (!strcmp(a, b))
				return say(FPGA_INVALID_PARAM,
					   "\"hosts\": %s is there twice; leave one out", a);
		}
	}
	return FPGA_OK;
}

static fpga_result read_hosts(struct rpc_client_config *c, const struct rpc_config_kind *kind,
			      struct json_object *list)
{
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	fpga_result r;

	if (!json_object_is_type(list, json_type_array) || n > HOSTS_MAX)
		return say(FPGA_INVALID_PARAM, "\"hosts\" must be an array of at most %u entries like %s",
			   HOSTS_MAX, kind->example);
	c->hosts = calloc(n ? n : 1, sizeof(*c->hosts));
	if (!c->hosts)
		return say(FPGA_NO_MEMORY, "no memory for %zu hosts", n);
	c->num_hosts = (unsigned int)n;
	for (size_t i = 0; i < n; i++) {
		r = read_host(&c->hosts[i], kind, i, json_object_array_get_idx(list, i));
		if (r != FPGA_OK)
			return r;
		if (!*c->hosts[i].name)
			address_name(&c->hosts[i].address, c->hosts[i].name, sizeof(c->hosts[i].name));
	}
	return same_twice(c);
}

/* ---- the other keys ---- */

static fpga_result read_time(struct json_object *value, const char *key, int64_t min, int64_t max,
			     int64_t unit, int64_t *ret)
{
	int64_t n;

	if (!rpc_config_integer(value, min, max, &n))
		return say(FPGA_INVALID_PARAM, "\"%s\" must be %lld to %lld", key, (long long)min,
			   (long long)max);
	*ret = n * unit;
	return FPGA_OK;
}

/* The number of the word that it is. */
static fpga_result read_tracker(struct json_object *value, enum rpc_tracker *ret)
{
	static const char *const words[] = { [RPC_TRACKER_AUTO] = "auto", [RPC_TRACKER_TRAP] = "trap",
					     [RPC_TRACKER_EAGER] = "eager" };
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(text, words[i])) {
			*ret = (enum rpc_tracker)i;
			return FPGA_OK;
		}
	return say(FPGA_INVALID_PARAM, "\"tracker\" must be \"auto\", \"trap\" or \"eager\"");
}

/* One of two words; *second: it is the second. */
static fpga_result read_choice(struct json_object *value, const char *key, const char *a, const char *b,
			       bool *second)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

	*second = !strcmp(text, b);
	if (*second || !strcmp(text, a))
		return FPGA_OK;
	return say(FPGA_INVALID_PARAM, "\"%s\" must be \"%s\" or \"%s\"", key, a, b);
}

static fpga_result read_bool(struct json_object *value, const char *key, bool *ret)
{
	if (!json_object_is_type(value, json_type_boolean))
		return say(FPGA_INVALID_PARAM, "\"%s\" must be true or false", key);
	*ret = json_object_get_boolean(value);
	return FPGA_OK;
}

static fpga_result read_key(struct rpc_client_config *c, const struct rpc_config_kind *kind, const char *key,
			    struct json_object *value)
{
	if (!strcmp(key, "hosts"))
		return read_hosts(c, kind, value);
	if (!strcmp(key, "spin_us"))
		return read_time(value, key, 0, 1000000, NS_PER_US, &c->spin_ns);
	if (!strcmp(key, "timeout_ms"))
		return read_time(value, key, 1, 3600000, NS_PER_MS, &c->timeout_ns);
	if (!strcmp(key, "connect_ms"))
		return read_time(value, key, 1, 600000, NS_PER_MS, &c->connect_ns);
	if (!strcmp(key, "mmio_write"))
		return read_choice(value, key, "posted", "sync", &c->mmio_write_sync);
	if (!strcmp(key, "buffers"))
		return read_choice(value, key, "auto", "explicit", &c->buffers_explicit);
	if (!strcmp(key, "tracker"))
		return read_tracker(value, &c->tracker);
	if (!strcmp(key, "data"))
		return read_choice(value, key, "stream", "rdma", &c->data_rdma);
	if (!strcmp(key, "rdma_least"))
		return read_time(value, key, 1, UINT32_MAX, 1, &c->rdma_least);
	if (!strcmp(key, "data_in_clear"))
		return read_bool(value, key, &c->data_in_clear);
	return say(FPGA_INVALID_PARAM,
		   "\"%s\" is unknown; there are \"hosts\", \"spin_us\", \"timeout_ms\", \"connect_ms\", "
		   "\"mmio_write\", \"buffers\", \"tracker\", \"data\", \"rdma_least\" and "
		   "\"data_in_clear\"", key);
}

static fpga_result read_all(struct rpc_client_config *c, const struct rpc_config_kind *kind,
			    struct json_object *top)
{
	if (!json_object_is_type(top, json_type_object))
		return say(FPGA_INVALID_PARAM, "\"configuration\" must be a JSON object");
	json_object_object_foreach(top, key, value)
	{
		fpga_result r = read_key(c, kind, key, value);

		if (r != FPGA_OK)
			return r;
	}
	if (c->num_hosts)
		return FPGA_OK;
	return say(FPGA_INVALID_PARAM,
		   "there is no host: \"configuration\" needs \"hosts\", an array of entries like %s",
		   kind->example);
}

fpga_result rpc_config_read(const struct opae_host *host, const struct rpc_config_kind *kind,
			    const char *json, struct rpc_client_config *ret)
{
	struct json_object *top = json_tokener_parse(json && *json ? json : "{}");
	struct rpc_client_config c = { .plugin = kind->plugin,
				       .spin_ns = SPIN_US * NS_PER_US,
				       .timeout_ns = TIMEOUT_MS * NS_PER_MS,
				       .connect_ns = CONNECT_MS * NS_PER_MS,
				       .rdma_least = RDMA_LEAST };
	fpga_result r;

	client_serve(host, kind->plugin);
	r = read_all(&c, kind, top);
	json_object_put(top);
	if (r != FPGA_OK) {
		rpc_hosts_free(c.hosts, c.num_hosts);
		return r;
	}
	*ret = c;
	return FPGA_OK;
}

int rpc_config_plugin(opae_api_adapter_table *table, const struct rpc_config_kind *kind, const char *json)
{
	struct rpc_client_config config;
	struct rpc_client *client;
	fpga_result r;

	sys_set(table->host->find("sys", SYS_OPS_VERSION));
	r = rpc_config_read(table->host, kind, json, &config);
	if (r != FPGA_OK)
		return (int)r;
	if (rpc_client_new(table->host, &config, &client))
		return (int)FPGA_NO_MEMORY;
	rpc_client_fill(table, client);
	return 0;
}
