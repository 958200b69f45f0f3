/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Three steps: the text becomes JSON, each member is read by its own function, which tells all mistakes that
 * it finds, and what belongs together is compared at the end.
 */
#include "daemon/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/opaed-socket.h"
#include "daemon/config-json.h"
#include "daemon/config-listen.h"
#include "daemon/config-metrics.h"
#include "daemon/config-rdma.h"
#include "daemon/config-worker.h"
#include "wire/limits.h"
#include "wire/ops.h"

/* What a worker loads unless the configuration says otherwise: nothing of another machine, nor of opaed. */
static const char local_plugins[] =
	"{\"plugins\": [\"xfpga\", \"vfio\"], \"configurations\": {"
	"\"xfpga\": {\"enabled\": true, \"plugin\": \"libxfpga.so\", \"configuration\": {}}, "
	"\"vfio\": {\"enabled\": true, \"plugin\": \"libv-opae.so\", \"configuration\": {}}}}";

#define WORKER_BYTES_MIN (64u << 20)

static const struct config_limits default_limits = {
	.connections = 256,
	.per_principal = 64,
	.preauth_connections = 64,
	.preauth_ms = 10000,
	.hello_ms = 5000,
	.spin_us = 50,
	.handles = 64,
	.objects = 1024,
	.calls = 64,
	.events = 256,
	.buffer_bytes = UINT64_C(1) << 30,
	.worker_bytes = UINT64_C(1) << 30,
	.watch_bytes = UINT64_C(1) << 29,
};

void config_done(struct daemon_config *c)
{
	config_listen_done(c);
	policy_done(&c->policy);
	free(c->plugins);
	plugin_set_let_go(c->plugin_set);
	free(c->cards);
	for (char **at = c->paths; at && *at; at++)
		free(*at);
	free(c->paths);
	memset(c, 0, sizeof(*c));
}

struct daemon_config *config_hold(struct daemon_config *c)
{
	c->held++;
	return c;
}

void config_let_go(struct daemon_config *c)
{
	if (!c || c->held--)
		return;
	config_done(c);
	free(c);
}

/* ---- policy ---- */

static void read_see(struct problems *p, const char *where, struct json_object *o, struct policy_rule *rule)
{
	struct json_object *list = json_get_array(p, where, o, "see", 0, POLICY_SEE_MAX);
	size_t n = list ? json_object_array_length(list) : 0;

	if (!json_object_object_get_ex(o, "see", NULL))
		problem(p, "%s: there is no \"see\"; say what it shows, as " POLICY_EXAMPLE_SEE, where);
	rule->see = calloc(n ? n : 1, sizeof(*rule->see));
	if (!rule->see) {
		p->no_memory = true;
		return;
	}
	rule->num_see = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		const char *text = json_text_at(p, where, "see", list, i);

		if (text && !policy_see_parse(text, &rule->see[i]))
			problem(p, "%s: \"see\": \"%.64s\" is neither an address (\"0000:b1:00.0\", "
				"\"0000:b1:00.*\") nor \"guid:\" and a GUID nor \"*\"", where, text);
	}
}

static void read_allow(struct problems *p, const char *where, struct json_object *o, struct policy_rule *rule)
{
	struct json_object *list = json_get_array(p, where, o, "allow", 0, 64);
	size_t n = list ? json_object_array_length(list) : 0;

	if (!json_object_object_get_ex(o, "allow", NULL))
		problem(p, "%s: there is no \"allow\"; say what it allows, as " POLICY_EXAMPLE_ALLOW,
			where);
	for (size_t i = 0; i < n; i++) {
		const char *text = json_text_at(p, where, "allow", list, i);
		uint32_t right = !text ? 0 : !strcmp(text, "*") ? WIRE_RIGHTS_ALL : wire_right_parse(text);

		if (text && !right)
			problem(p, "%s: \"allow\": there is no class \"%.64s\"; the classes are "
				"\"mmio-read\", \"mmio-write\", \"dma\", \"event\", \"error\", "
				"\"reconfigure\", \"admin\", and \"*\" for all of them", where, text);
		rule->allow |= right;
	}
}

static void read_rule(struct problems *p, const char *where, struct json_object *o, struct policy_rule *rule)
{
	static const char *const keys[] = { "principal", "see", "allow", NULL };
	const char *text = NULL, *wrong;

	if (!json_check_keys(p, where, o, keys))
		return;
	json_get_text(p, where, o, "principal", &text);
	wrong = text ? policy_principal_read(text, rule->principal) : NULL;
	if (!json_object_object_get_ex(o, "principal", NULL))
		problem(p, "%s: there is no \"principal\"; say whom it is for, as \"principal\": "
			"\"unix:1000\"", where);
	else if (wrong)
		problem(p, "%s: \"principal\": \"%.80s\": %s", where, text, wrong);
	read_see(p, where, o, rule);
	read_allow(p, where, o, rule);
}

/* Everything, for whom it is. */
static bool rule_for_owner(struct daemon_config *c)
{
	struct policy_rule *rule = calloc(1, sizeof(*rule));

	c->policy.rules = rule;
	if (!rule)
		return false;
	c->policy.num_rules = 1;
	snprintf(rule->principal, sizeof(rule->principal), "unix:%u", geteuid());
	rule->allow = WIRE_RIGHTS_ALL;
	rule->see = calloc(1, sizeof(*rule->see));
	if (!rule->see)
		return false;
	rule->num_see = 1;
	return policy_see_parse("*", rule->see);
}

static void read_policy(struct problems *p, struct json_object *top, struct daemon_config *c)
{
	struct json_object *list = json_get_array(p, "the configuration", top, "policy", 1, POLICY_RULES_MAX);
	size_t n = list ? json_object_array_length(list) : 0;
	char where[32];

	if (!list) {
		p->no_memory |= !rule_for_owner(c);
		return;
	}
	c->policy.rules = calloc(n, sizeof(*c->policy.rules));
	if (!c->policy.rules) {
		p->no_memory = true;
		return;
	}
	c->policy.num_rules = n;
	for (size_t i = 0; i < n; i++) {
		snprintf(where, sizeof(where), "policy[%zu]", i);
		read_rule(p, where, json_object_array_get_idx(list, i), &c->policy.rules[i]);
	}
}

/* One peer of a listener, for an example; *who tells which. */
static const char *one_peer(const struct config_listen *l, const char **who)
{
	*who = "";
	if (*l->principal)
		return l->principal;
	if (l->tls) {
		*who = ", with the name in the client's certificate";
		return "tls:opae:alice";
	}
	switch (l->address.kind) {
	case ADDRESS_TCP:
		if (address_is_loopback(&l->address))
			return strchr(l->address.host, ':') ? "tcp:::1" : "tcp:127.0.0.1";
		*who = ", with the address that the program's machine has";
		return "tcp:10.0.0.7";
	case ADDRESS_VSOCK:
		*who = ", with the virtual machine's CID; \"vsock:2\" is the host of this one";
		return "vsock:4";
	default:
		*who = ", with the number that `id -u NAME` prints";
		return "unix:1000";
	}
}

/* A listener that can but refuse is a mistake. */
static void compare_listeners_with_policy(struct problems *p, const struct daemon_config *c)
{
	static const char *const kinds[] = {
		[ADDRESS_TCP] = "tcp", [ADDRESS_UNIX] = "unix", [ADDRESS_VSOCK] = "vsock"
	};

	for (size_t i = 0; i < c->num_listen; i++) {
		const struct config_listen *l = &c->listen[i];
		const char *kind = l->tls ? "tls" : kinds[l->address.kind]; /* rdma's are told as tcp's */
		bool served = *l->principal && policy_find(&c->policy, l->principal);
		const char *who, *peer = one_peer(l, &who);

		for (size_t k = 0; k < c->policy.num_rules && !*l->principal && !served; k++)
			served = policy_rule_for_kind(&c->policy.rules[k], kind);
		if (!served)
			problem(p, "listen[%zu]: no rule of \"policy\" is for its peers; add one, as "
				"{\"principal\": \"%s\", " POLICY_EXAMPLE_SEE ", " POLICY_EXAMPLE_ALLOW "}%s",
				i, peer, who);
	}
}

/* ---- limits ---- */

static void read_limits(struct problems *p, struct json_object *top, struct config_limits *l)
{
	static const char *const keys[] = { "connections", "connections_per_principal",
					    "preauth_connections", "preauth_ms", "hello_ms",
					    "spin_us",	   "handles",			"objects",
					    "calls",	   "buffer_bytes",		"events",
					    "watch_bytes", "worker_bytes",		NULL };
	struct json_object *o;

	*l = default_limits;
	if (!json_object_object_get_ex(top, "limits", &o) || !json_check_keys(p, "limits", o, keys))
		return;
	json_get_u32(p, "limits", o, "connections", 1, 4096, &l->connections);
	l->per_principal = l->connections < l->per_principal ? l->connections : l->per_principal;
	json_get_u32(p, "limits", o, "connections_per_principal", 1, 4096, &l->per_principal);
	json_get_u32(p, "limits", o, "preauth_connections", 1, 4096, &l->preauth_connections);
	json_get_u32(p, "limits", o, "preauth_ms", 100, 60000, &l->preauth_ms);
	json_get_u32(p, "limits", o, "hello_ms", 100, 60000, &l->hello_ms);
	json_get_u32(p, "limits", o, "spin_us", 0, 10000, &l->spin_us);
	json_get_u32(p, "limits", o, "handles", 1, 65536, &l->handles);
	json_get_u32(p, "limits", o, "objects", 1, 1048576, &l->objects);
	json_get_u32(p, "limits", o, "calls", 1, WIRE_CALLS_MAX, &l->calls);
	json_get_u32(p, "limits", o, "events", 1, 256, &l->events);
	json_get_u64(p, "limits", o, "buffer_bytes", INT64_MAX, &l->buffer_bytes);
	json_get_u64(p, "limits", o, "worker_bytes", INT64_MAX, &l->worker_bytes);
	if (l->worker_bytes < WORKER_BYTES_MIN)
		problem(p, "limits: \"worker_bytes\": %llu bytes are less than a worker needs; %u are the "
			"least", (unsigned long long)l->worker_bytes, WORKER_BYTES_MIN);
	l->watch_bytes = l->buffer_bytes / 2; /* all of it, with the twins */
	json_get_u64(p, "limits", o, "watch_bytes", INT64_MAX, &l->watch_bytes);
}

/* ---- plugins ---- */

static const char *file_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_remote_plugin(const char *module)
{
	const char *file = file_of(module);

	return !strncmp(file, "libtcp-opae", 11) || !strncmp(file, "libvsock-opae", 13);
}

static void add_path(struct problems *p, struct daemon_config *c, const char *path)
{
	char **grown;
	size_t n = 0;

	while (c->paths && c->paths[n])
		n++;
	grown = reallocarray(c->paths, n + 2, sizeof(*grown));
	if (grown) {
		c->paths = grown;
		grown[n + 1] = NULL;
		grown[n] = strdup(path);
	}
	p->no_memory |= !grown || !grown[n];
}

/* Every text in it, however deep: paths are kept, and a plugin for other machines is refused. */
static void walk(struct problems *p, struct daemon_config *c, const char *key, struct json_object *o)
{
	const char *text = json_object_is_type(o, json_type_string) ? json_object_get_string(o) : NULL;

	if (text && (!strcmp(key, "plugin") || !strcmp(key, "module")) && is_remote_plugin(text))
		problem(p, "plugins: \"%.80s\" is for accelerators of other machines, and opaed serves those "
			"of this one; remove it, and name that machine in the clients' opae.cfg", text);
	else if (text && *text == '/')
		add_path(p, c, text);
	if (json_object_is_type(o, json_type_array))
		for (size_t i = 0; i < json_object_array_length(o); i++)
			walk(p, c, key, json_object_array_get_idx(o, i));
	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach(o, name, value)
	{
		walk(p, c, name, value);
	}
}

/* What the plugins themselves take is theirs to judge, in the worker. */
static void read_plugins(struct problems *p, struct json_object *top, struct daemon_config *c)
{
	static const char *const keys[] = { "configurations", "plugins", "configs", NULL };
	struct json_object *o;

	if (!json_object_object_get_ex(top, "plugins", &o)) {
		c->plugins = strdup(local_plugins);
		p->no_memory |= !c->plugins;
		return;
	}
	if (!json_check_keys(p, "plugins", o, keys))
		return;
	if (!json_object_object_get_ex(o, "configurations", NULL) ||
	    (!json_object_object_get_ex(o, "plugins", NULL) &&
	     !json_object_object_get_ex(o, "configs", NULL)))
		problem(p, "plugins: it must be the content of an opae.cfg: {\"plugins\": [\"vfio\"], "
			"\"configurations\": {\"vfio\": {...}}}");
	walk(p, c, "", o);
	p->no_memory |= !config_cards_add(o, &c->cards, &c->num_cards);
	c->plugins = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
	p->no_memory |= !c->plugins;
}

/* ---- all of it ---- */

static void read_top(struct problems *p, struct json_object *top, struct daemon_config *c)
{
	static const char *const keys[] = { "listen", "policy", "plugins", "limits", "metrics",
					    "rdma", "worker_user", "sandbox", NULL };

	if (!json_check_keys(p, "the configuration", top, keys))
		return;
	config_read_listen(p, top, c);
	read_policy(p, top, c);
	read_plugins(p, top, c);
	read_limits(p, top, &c->limits);
	config_read_metrics(p, top, c);
	config_read_rdma(p, top, c);
	config_read_worker(p, top, c);
	if (!p->count)
		compare_listeners_with_policy(p, c);
}

int config_parse_text(const char *text, size_t len, struct daemon_config *ret, char **problems)
{
	struct problems p = { 0 };
	struct json_object *top;
	int rc;

	memset(ret, 0, sizeof(*ret));
	*problems = NULL;
	if (len > CONFIG_FILE_MAX) {
		problem(&p, "%zu bytes are too many; %u are the limit", len, CONFIG_FILE_MAX);
	} else {
		top = json_read_text(&p, text, len);
		if (!p.count && !p.no_memory)
			read_top(&p, top, ret);
		json_object_put(top);
	}
	rc = p.no_memory ? -ENOMEM : p.count ? -EINVAL : 0;
	if (rc)
		config_done(ret);
	*problems = p.text;
	return rc;
}

/* The caller frees *text, which has a NUL behind its len bytes. */
static int slurp(const char *path, char **text, size_t *len)
{
	CLEANUP_CLOSE int fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0); /* a pipe would wait */
	CLEANUP_FREE char *buf = malloc(CONFIG_FILE_MAX + 2);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (!buf)
		return -ENOMEM;
	if (!sys_fstat(fd, &st) && !S_ISREG(st.st_mode))
		return -EINVAL;
	for (*len = 0; *len <= CONFIG_FILE_MAX; *len += (size_t)n) {
		n = sys_pread(fd, buf + *len, CONFIG_FILE_MAX + 1 - *len, (off_t)*len);
		if (n < 0)
			return (int)n;
		if (!n)
			break;
	}
	buf[*len] = 0;
	*text = buf;
	buf = NULL;
	return 0;
}

/* "FILE: " in front of each line; NULL: no memory. */
static char *with_name(const char *path, const char *lines)
{
	char *all = strdup("");

	while (all && *lines) {
		size_t len = strcspn(lines, "\n");
		char *more;

		if (asprintf(&more, "%s%s: %.*s\n", all, path, (int)len, lines) < 0)
			more = NULL;
		free(all);
		all = more;
		lines += len + (lines[len] == '\n');
	}
	return all;
}

int config_read_file(const char *path, struct daemon_config *ret, char **problems)
{
	CLEANUP_FREE char *text = NULL, *lines = NULL;
	size_t len = 0;
	int rc = slurp(path, &text, &len);

	*problems = NULL;
	memset(ret, 0, sizeof(*ret));
	if (rc) {
		if (asprintf(problems, "%s: %s\n", path, rc == -EINVAL ? "it is no file" : strerror(-rc)) < 0)
			*problems = NULL;
		return rc;
	}
	rc = config_parse_text(text, len, ret, &lines);
	if (lines)
		*problems = with_name(path, lines);
	return rc;
}

int config_default(struct daemon_config *ret)
{
	struct config_listen *l;

	memset(ret, 0, sizeof(*ret));
	ret->limits = default_limits;
	config_worker_default(ret);
	ret->plugins = strdup(local_plugins);
	ret->listen = l = calloc(1, sizeof(*ret->listen));
	if (!ret->plugins || !l || !rule_for_owner(ret)) {
		config_done(ret);
		return -ENOMEM;
	}
	ret->num_listen = 1;
	l->mode = 0600;
	l->address.kind = ADDRESS_UNIX;
	if (!opaed_socket_path(l->address.path, sizeof(l->address.path))) {
		config_done(ret);
		return -ENAMETOOLONG;
	}
	address_text(&l->address, l->text, sizeof(l->text));
	return 0;
}
