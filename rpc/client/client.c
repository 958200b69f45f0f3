/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client as a whole: its configuration, the words in which it speaks, and what becomes of it in the
 * child of a fork.
 *
 * All clients and connections of the process are in two lists, under one lock that is held while it forks.
 * The child has no other thread: it closes the sockets, and each client begins anew, without connections.
 * Handles and connections remember how often the process had been forked off when they were made, and serve
 * no other process; a token is a host and an object id, and serves the child as well.
 */
#include "rpc/client/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "rpc/client/conn.h"
#include "rpc/client/events.h"
#include "rpc/client/host.h"
#include "rpc/client/table.h"

/* The same for every instance, and written once. */
static const struct opae_host *services;
static const char *plugin_name = "remote";

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER; /* guards both lists, also across a fork */
static struct rpc_client *clients;
static struct conn *conns;
static pthread_once_t forks_once = PTHREAD_ONCE_INIT;
static atomic_uint forks;

/* ---- words ---- */

void client_serve(const struct opae_host *host, const char *plugin)
{
	services = host;
	plugin_name = plugin;
}

static _Thread_local char last_said[WIRE_REASON_MAX];

static void tell_host(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void tell_host(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	services->vdetail(fmt, ap);
	va_end(ap);
}

fpga_result say(fpga_result r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last_said, sizeof(last_said), fmt, ap);
	va_end(ap);
	tell_host("%s", last_said);
	return r;
}

fpga_result say_host(const struct conn *conn, fpga_result r, const char *fmt, ...)
{
	char text[WIRE_REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return say(r, "%s: %s", conn->name, text);
}

const char *said(void)
{
	return last_said;
}

void debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	services->vlog(OPAE_LOG_DEBUG, plugin_name, fmt, ap);
	va_end(ap);
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	services->vlog(OPAE_LOG_MESSAGE, plugin_name, fmt, ap);
	va_end(ap);
}

const struct opae_host *client_host(void)
{
	return services;
}

const struct rpc_client_config *client_config(const struct rpc_client *c)
{
	return &c->config;
}

/* ---- forks ---- */

unsigned int client_forks(void)
{
	return atomic_load_explicit(&forks, memory_order_relaxed);
}

static void before_fork(void)
{
	pthread_mutex_lock(&all_lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&all_lock);
}

static void in_child(void)
{
	atomic_fetch_add(&forks, 1);
	for (struct conn *n = conns; n; n = n->next)
		conn_forked(n);
	for (struct rpc_client *c = clients; c; c = c->next) {
		pthread_mutex_init(&c->gathering, NULL);
		pthread_mutex_init(&c->tracker_lock, NULL);
		tracker_forked(c->tracker);
		c->tracker = NULL;
		c->tracker_tried = false;
		for (unsigned int i = 0; i < c->config.num_hosts; i++)
			host_forked(&c->hosts[i]);
		if (c->wake >= 0)
			sys_close(c->wake);
		c->wake = -1;
		c->listed = NULL;
	}
	client_events_forked();
	pthread_mutex_unlock(&all_lock);
}

static void watch_forks(void)
{
	pthread_atfork(before_fork, in_parent, in_child);
}

void client_note_conn(struct conn *n)
{
	SCOPED_LOCK(&all_lock);

	n->next = conns;
	n->link_of = &conns;
	if (conns)
		conns->link_of = &n->next;
	conns = n;
}

void client_forget_conn(struct conn *n)
{
	SCOPED_LOCK(&all_lock);

	if (!n->link_of)
		return;
	*n->link_of = n->next;
	if (n->next)
		n->next->link_of = n->link_of;
}

static void note_client(struct rpc_client *c)
{
	SCOPED_LOCK(&all_lock);

	c->next = clients;
	c->link_of = &clients;
	if (clients)
		clients->link_of = &c->next;
	clients = c;
}

static void forget_client(struct rpc_client *c)
{
	SCOPED_LOCK(&all_lock);

	if (!c->link_of)
		return;
	*c->link_of = c->next;
	if (c->next)
		c->next->link_of = c->link_of;
}

/* ---- life ---- */

int rpc_client_new(const struct opae_host *host, const struct rpc_client_config *config,
		   struct rpc_client **ret)
{
	struct rpc_client *c = calloc(1, sizeof(*c));
	unsigned int n = config->num_hosts;

	client_serve(host, config->plugin);
	if (c)
		c->hosts = calloc(n ? n : 1, sizeof(*c->hosts));
	if (!c || !c->hosts) {
		rpc_hosts_free(config->hosts, n);
		free(c);
		return -ENOMEM;
	}
	pthread_once(&forks_once, watch_forks);
	c->config = *config;
	c->wake = -1;
	pthread_mutex_init(&c->gathering, NULL);
	pthread_mutex_init(&c->tracker_lock, NULL);
	for (unsigned int i = 0; i < n; i++)
		host_init(&c->hosts[i], c, &config->hosts[i]);
	note_client(c);
	*ret = c;
	return 0;
}

/* Connections that handles still need stay theirs. */
static void leave_hosts(struct rpc_client *c)
{
	SCOPED_LOCK(&c->gathering);

	for (unsigned int i = 0; i < c->config.num_hosts; i++) {
		gather_drop(&c->hosts[i]);
		host_set_conn(&c->hosts[i], NULL);
	}
	listing_free(c->listed);
	c->listed = NULL;
}

void rpc_client_free(struct rpc_client *c)
{
	if (!c)
		return;
	leave_hosts(c);
	forget_client(c);
	for (unsigned int i = 0; i < c->config.num_hosts; i++)
		host_done(&c->hosts[i]);
	if (c->wake >= 0)
		sys_close(c->wake);
	tracker_free(c->tracker);
	pthread_mutex_destroy(&c->tracker_lock);
	pthread_mutex_destroy(&c->gathering);
	free(c->hosts);
	rpc_hosts_free(c->config.hosts, c->config.num_hosts);
	free(c);
}

static int finalize(void *instance)
{
	leave_hosts(instance);
	return 0;
}

/* Connects to nobody: that waits for the first enumeration. */
static int initialize(void *instance)
{
	(void)instance;
	return 0;
}

static bool supports_device(void *instance, const char *type)
{
	(void)instance;
	(void)type;
	return true;
}

static bool supports_host(void *instance, const char *name)
{
	const struct rpc_client *c = instance;

	for (unsigned int i = 0; i < c->config.num_hosts; i++)
		if (!strcmp(c->config.hosts[i].name, name))
			return true;
	return false;
}

void rpc_client_fill(opae_api_adapter_table *table, struct rpc_client *c)
{
	table->instance = c;
	table->initialize = initialize;
	table->finalize = finalize;
	table->supports_device = supports_device;
	table->supports_host = supports_host;
	client_fill_hosts(table);
	client_fill_handles(table);
	client_fill_mmio(table);
	client_fill_buffers(table);
	client_fill_events(table);
	client_fill_errors(table);
	client_fill_objects(table);
	client_fill_metrics(table);
	client_fill_manage(table);
}
