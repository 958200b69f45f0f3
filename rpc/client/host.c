/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host: its current connection, and the snapshot of what it has. Both are under the host's lock, which is
 * never held while anything is sent or waited for. A connection that is replaced lives on with its handles.
 */
#include "rpc/client/host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hash.h"
#include "rpc/client/conn.h"

#define CALLS_MIN 4u /* a server that takes less at a time is too slow for bulk */

/* ---- lists ---- */

bool list_add(struct object_list *l, const struct remote_object *o)
{
	struct remote_object *more;

	for (uint32_t i = 0; i < l->n; i++)
		if (l->at[i].id == o->id) {
			l->at[i] = *o;
			return true;
		}
	if (l->n >= REMOTE_OBJECTS)
		return false;
	if (!(l->n & (l->n - 1))) { /* full: its room is the next power of two */
		more = reallocarray(l->at, l->n ? 2 * (size_t)l->n : 1, sizeof(*l->at));
		if (!more)
			return false;
		l->at = more;
	}
	l->at[l->n++] = *o;
	return true;
}

static bool list_copy(struct object_list *to, const struct object_list *from)
{
	*to = (struct object_list){ 0 };
	for (uint32_t i = 0; i < from->n; i++)
		if (!list_add(to, &from->at[i])) {
			list_done(to);
			return false;
		}
	return true;
}

static void list_remove(struct object_list *l, uint64_t id)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->n; i++)
		if (l->at[i].id != id)
			l->at[kept++] = l->at[i];
	l->n = kept;
}

void list_done(struct object_list *l)
{
	free(l->at);
	*l = (struct object_list){ 0 };
}

/* ---- connection ---- */

struct conn *host_conn(struct remote_host *h)
{
	SCOPED_LOCK(&h->lock);

	return h->conn && !conn_lost(h->conn) ? conn_get(h->conn) : NULL;
}

void host_set_conn(struct remote_host *h, struct conn *n)
{
	struct conn *old;

	pthread_mutex_lock(&h->lock);
	old = h->conn;
	h->conn = n ? conn_get(n) : NULL;
	pthread_mutex_unlock(&h->lock);
	conn_put(old);
}

void host_greet_begin(struct call *c, struct conn *n)
{
	bool rdma = client_config(n->host->client)->data_rdma;

	call_begin(c, n, WIRE_HELLO, 0);
	wire_put_u32(&c->body, WIRE_MAGIC);
	wire_put_u16(&c->body, WIRE_VERSION);
	wire_put_u16(&c->body, WIRE_VERSION);
	wire_put_u64(&c->body, WIRE_FEATURE_TRACKED | (rdma ? WIRE_FEATURE_FABRIC : 0));
	wire_put_u32(&c->body, WIRE_FRAME_MAX);
	wire_put_u32(&c->body, WIRE_CALLS_MAX);
	wire_put_text(&c->body, program_invocation_short_name);
}

fpga_result host_greet_end(struct call *c, fpga_result r)
{
	struct conn *n = c->conn;
	uint32_t version, frame = 0, calls = 0;

	if (r == FPGA_OK) {
		version = wire_get_u16(&c->reply);
		n->features = wire_get_u64(&c->reply);
		frame = wire_get_u32(&c->reply);
		calls = wire_get_u32(&c->reply);
		if (!c->reply.bad && (version != WIRE_VERSION || frame < WIRE_FRAME_MIN || calls < CALLS_MIN))
			r = say_host(n, FPGA_EXCEPTION,
				     "the server wants version %u, frames of %u bytes and %u "
				     "calls at a time; %u, %u and %u at least are needed",
				     version, frame, calls, WIRE_VERSION, WIRE_FRAME_MIN, CALLS_MIN);
	}
	r = call_end(c, r);
	if (r != FPGA_OK)
		return r;
	n->link.peer_max = frame < WIRE_FRAME_MAX ? frame : WIRE_FRAME_MAX;
	n->max_calls = calls < WIRE_CALLS_MAX ? calls : WIRE_CALLS_MAX;
	return FPGA_OK;
}

struct dial_to host_dial_to(const struct remote_host *h)
{
	return (struct dial_to){ &h->config->address, h->config->tls, h->config->provider };
}

static fpga_result dial(struct remote_host *h, struct conn **ret)
{
	const struct rpc_client_config *config = client_config(h->client);
	char why[DIAL_WHY_MAX] = "";
	const struct dial_to to = host_dial_to(h);
	struct transport *t;
	struct conn *n;
	struct call c;
	fpga_result r;
	int rc = transport_dial(&to, clock_deadline(config->connect_ns), &t, why);

	if (rc && !strncmp(why, h->config->name, strlen(h->config->name))) /* called by its address */
		return say(FPGA_EXCEPTION, "%s", why);
	if (rc)
		return say(FPGA_EXCEPTION, "%s: %s", h->config->name, *why ? why : strerror(-rc));
	n = conn_new(h, t);
	if (!n)
		return say(FPGA_NO_MEMORY, "%s: no memory for a connection", h->config->name);
	host_greet_begin(&c, n);
	r = host_greet_end(&c, call_run(&c));
	if (r != FPGA_OK) {
		conn_put(n);
		return r;
	}
	host_set_conn(h, n);
	*ret = n;
	return FPGA_OK;
}

/* Who waited while another thread tried in vain does not try as long again. */
fpga_result host_connect(struct remote_host *h, struct conn **ret)
{
	int64_t came = clock_now_ns();
	SCOPED_LOCK(&h->dialing);

	*ret = host_conn(h);
	if (*ret)
		return FPGA_OK;
	if (h->dial_failed > came)
		return say(h->dial_result, "%s", h->dial_why);
	h->dial_result = dial(h, ret);
	if (h->dial_result != FPGA_OK) {
		h->dial_failed = clock_now_ns();
		snprintf(h->dial_why, sizeof(h->dial_why), "%s", said());
	}
	return h->dial_result;
}

/* ---- snapshot ---- */

bool host_object(struct remote_host *h, uint64_t id, struct remote_object *ret)
{
	SCOPED_LOCK(&h->lock);

	for (uint32_t i = 0; i < h->objects.n; i++)
		if (h->objects.at[i].id == id) {
			*ret = h->objects.at[i];
			return true;
		}
	return false;
}

void host_learned(struct remote_host *h, const struct remote_object *o)
{
	SCOPED_LOCK(&h->lock);

	for (uint32_t i = 0; i < h->objects.n; i++)
		if (h->objects.at[i].id == o->id)
			return;
	list_add(&h->objects, o);
}

void host_changed(struct remote_host *h, const struct conn *n, uint32_t what, const struct remote_object *o)
{
	SCOPED_LOCK(&h->lock);

	if (n != h->conn) /* an older one: what the host has now, it says on another */
		return;
	if (what == 2)
		list_remove(&h->objects, o->id);
	else
		list_add(&h->objects, o);
}

void host_listed(struct remote_host *h, const struct object_list *list, bool filtered)
{
	struct object_list copy;
	SCOPED_LOCK(&h->lock);

	if (filtered) {
		for (uint32_t i = 0; i < list->n; i++)
			list_add(&h->objects, &list->at[i]);
	} else if (list_copy(&copy, list)) {
		list_done(&h->objects);
		h->objects = copy;
	}
}

void host_translate(const struct remote_host *h, uint64_t id, struct opae_props *p)
{
	char text[ADDRESS_TEXT_MAX], far[24];

	address_text(&h->config->address, text, sizeof(text));
	snprintf(far, sizeof(far), "/%016llx", (unsigned long long)id);
	p->object_id = hash_text(hash_text(HASH_START, text), far);
	p->segment = (uint16_t)(p->segment + h->config->segment);
	p->valid |= OPAE_PROP_OBJECT_ID | OPAE_PROP_HOSTNAME;
	snprintf(p->hostname, sizeof(p->hostname), "%s", h->config->name);
}

/* ---- life ---- */

void rpc_hosts_free(struct rpc_host_config *hosts, unsigned int num)
{
	for (unsigned int i = 0; hosts && i < num; i++)
		free(hosts[i].tls);
	free(hosts);
}

void host_init(struct remote_host *h, struct rpc_client *c, const struct rpc_host_config *config)
{
	*h = (struct remote_host){ .client = c, .config = config };
	pthread_mutex_init(&h->lock, NULL);
	pthread_mutex_init(&h->dialing, NULL);
}

void host_done(struct remote_host *h)
{
	list_done(&h->objects);
	pthread_mutex_destroy(&h->lock);
	pthread_mutex_destroy(&h->dialing);
}

/*
 * What another thread was just changing when the process forked nobody knows: it is not touched. The memory
 * is lost, as that of the parent's threads is.
 */
void host_forked(struct remote_host *h)
{
	struct rpc_client *c = h->client;
	const struct rpc_host_config *config = h->config;

	if (h->ask && h->ask->dial) {
		short events;
		int fd = dial_fd(h->ask->dial, &events);

		if (fd >= 0)
			sys_close(fd);
	}
	host_init(h, c, config);
}
