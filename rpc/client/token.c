/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Enumeration, tokens and their properties. A token is a host and an object id of the far side, and all
 * else is in the host's snapshot: fpgaGetProperties() is answered from there, after a look at what the
 * server has sent meanwhile; fpgaUpdateProperties() asks. In the child of a fork the hosts begin anew,
 * without connections or snapshots, and its parent's tokens name what they did: the first call connects, and
 * asks.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "rpc/client/conn.h"
#include "rpc/client/host.h"
#include "rpc/client/table.h"
#include "rpc/client/token.h"
#include "wire/props.h"

#define AGAIN_NS (100 * NS_PER_MS) /* a second question by the same thread is the first one with more room */

struct found {
	struct remote_host *host;
	uint64_t id;
};

struct listing {
	uint32_t n;
	struct found at[];
};

void listing_free(struct listing *l)
{
	free(l);
}

/* ---- tokens ---- */

fpga_result token_new(struct rpc_client *c, struct remote_host *host, uint64_t id, fpga_token *ret)
{
	struct remote_token *t = malloc(sizeof(*t));

	if (!t)
		return say(FPGA_NO_MEMORY, "no memory for a token");
	*t = (struct remote_token){ .client = c, .host = host, .id = id, .forks = client_forks() };
	*ret = t;
	return FPGA_OK;
}

static fpga_result clone_token(fpga_token src, fpga_token *dst)
{
	const struct remote_token *t = src;
	fpga_result r = token_new(t->client, t->host, t->id, dst);

	if (r == FPGA_OK)
		((struct remote_token *)*dst)->forks = t->forks;
	return r;
}

static fpga_result destroy_token(fpga_token *token)
{
	free(*token);
	*token = NULL;
	return FPGA_OK;
}

static bool same_token(fpga_token a, fpga_token b)
{
	const struct remote_token *x = a, *y = b;

	return x->host == y->host && x->id == y->id;
}

fpga_result token_conn(const struct remote_token *t, struct conn **ret)
{
	*ret = host_conn(t->host);
	return *ret ? FPGA_OK : host_connect(t->host, ret);
}

/* ---- enumeration ---- */

static void destroy_all(fpga_token *tokens, uint32_t n)
{
	while (n)
		destroy_token(&tokens[--n]);
}

static fpga_result give(struct rpc_client *c, const struct listing *l, fpga_token *tokens, uint32_t max)
{
	fpga_result r;

	for (uint32_t i = 0; i < l->n && i < max; i++) {
		r = token_new(c, l->at[i].host, l->at[i].id, &tokens[i]);
		if (r != FPGA_OK) {
			destroy_all(tokens, i);
			return r;
		}
	}
	return FPGA_OK;
}

static bool has_list(const struct remote_host *h)
{
	return h->asked && h->ask && h->ask->state == ASK_DONE;
}

/* What the hosts have answered; the answers are freed. NULL: no memory. */
static struct listing *collect(struct rpc_client *c)
{
	struct listing *l;
	uint32_t n = 0;

	for (unsigned int i = 0; i < c->config.num_hosts; i++)
		n += has_list(&c->hosts[i]) ? c->hosts[i].ask->list.n : 0;
	l = calloc(1, sizeof(*l) + n * sizeof(l->at[0]));
	for (unsigned int i = 0; i < c->config.num_hosts; i++) {
		struct remote_host *h = &c->hosts[i];

		if (!has_list(h))
			continue;
		for (uint32_t k = 0; l && k < h->ask->list.n; k++)
			l->at[l->n++] = (struct found){ h, h->ask->list.at[k].id };
		gather_drop(h);
	}
	return l;
}

static fpga_result gather(struct rpc_client *c, const fpga_properties *filters, uint32_t n)
{
	CLEANUP_FREE struct opae_props *values = calloc(n ? n : 1, sizeof(*values));
	struct gather g = { .client = c, .filters = values, .num_filters = n };

	if (!values)
		return say(FPGA_NO_MEMORY, "no memory for %u filters", n);
	for (uint32_t i = 0; i < n; i++)
		if (client_host()->props_read(filters[i], &values[i]) != FPGA_OK)
			return say(FPGA_INVALID_PARAM, "filter %u is not a properties object", i);
	return gather_run(&g);
}

/* The thread that had too little room asks again at once: the same answers serve. */
static bool asks_again(const struct rpc_client *c, uint32_t room)
{
	return c->listed && c->listed->n <= room && pthread_equal(c->listed_by, pthread_self()) &&
	       clock_now_ns() - c->listed_at < AGAIN_NS;
}

static fpga_result client_enumerate(void *instance, const fpga_properties *filters, uint32_t num_filters,
				    fpga_token *tokens, uint32_t max_tokens, uint32_t *num_matches)
{
	struct rpc_client *c = instance;
	struct listing *l;
	fpga_result r = FPGA_OK;
	SCOPED_LOCK(&c->gathering);

	if (!asks_again(c, max_tokens)) {
		listing_free(c->listed);
		c->listed = NULL;
		r = gather(c, filters, num_filters);
		if (r != FPGA_OK)
			return r;
		c->listed = collect(c);
		c->listed_at = clock_now_ns();
		c->listed_by = pthread_self();
	}
	l = c->listed;
	if (!l)
		return say(FPGA_NO_MEMORY, "no memory for the list of devices");
	r = give(c, l, tokens, max_tokens);
	if (r == FPGA_OK)
		*num_matches = l->n;
	if (r == FPGA_OK && l->n > max_tokens)
		return FPGA_OK;
	c->listed = NULL;
	listing_free(l);
	return r;
}

/* ---- properties ---- */

#define REASONS_MAX 32u

/* The reply of PROPERTIES and HANDLE_PROPERTIES: o->id is set. Then the groups of reasons follow. */
static bool take(struct wire_reader *r, struct remote_object *o)
{
	o->parent = wire_get_u64(r);
	wire_get_props(r, &o->props);
	return !r->bad;
}

static fpga_result write_props(struct remote_host *h, const struct remote_object *o, struct wire_reader *why,
			       fpga_properties prop)
{
	const struct opae_host *host = client_host();
	struct opae_props v = o->props;
	char text[OPAE_PROPS_REASON_MAX];
	fpga_result r;

	host_translate(h, o->id, &v);
	r = host->props_write(prop, &v);
	for (uint32_t i = 0; why && wire_more(why) && i < REASONS_MAX; i++) {
		uint32_t bits = wire_get_u32(why);
		struct wire_text t = wire_get_text(why);
		size_t len = t.len < sizeof(text) ? t.len : sizeof(text) - 1;

		memcpy(text, t.at, len);
		text[len] = '\0';
		if (!why->bad && host->size > offsetof(struct opae_host, props_unset))
			host->props_unset(prop, bits, text);
	}
	return r;
}

fpga_result props_ask(struct call *c, struct remote_host *h, uint64_t id, fpga_properties *prop)
{
	struct remote_object o = { .id = id };
	fpga_result r = call_run(c);

	if (r == FPGA_OK && take(&c->reply, &o)) {
		host_learned(h, &o);
		if (!*prop)
			r = client_host()->props_new(prop);
		if (r == FPGA_OK)
			r = write_props(h, &o, &c->reply, *prop);
	}
	return call_end(c, r);
}

static fpga_result ask(const struct remote_token *t, fpga_properties *prop)
{
	struct conn *n;
	struct call c;
	fpga_result r = token_conn(t, &n);

	if (r != FPGA_OK)
		return r;
	call_begin(&c, n, WIRE_PROPERTIES, t->id);
	r = props_ask(&c, t->host, t->id, prop);
	conn_put(n);
	return r;
}

static fpga_result update_properties(fpga_token token, fpga_properties prop)
{
	return ask(token, &prop);
}

/*
 * From the snapshot, with the changes that the server has sent and nobody has read yet. What this process
 * has open is assigned, also before the server tells of it.
 */
static bool snapshot(const struct remote_token *t, struct remote_object *o)
{
	struct conn *n = host_conn(t->host);
	bool found;

	if (n)
		conn_drain(n);
	found = host_object(t->host, t->id, o);
	if (found && n && o->props.valid & OPAE_PROP_STATE && conn_has_open(n, t->id))
		o->props.state = FPGA_ACCELERATOR_ASSIGNED;
	conn_put(n);
	return found;
}

/* *prop is made when it is NULL. */
static fpga_result known(const struct remote_token *t, fpga_properties *prop)
{
	struct remote_object o;
	fpga_result r = FPGA_OK;

	if (!snapshot(t, &o))
		return ask(t, prop);
	if (!*prop)
		r = client_host()->props_new(prop);
	return r == FPGA_OK ? write_props(t->host, &o, NULL, *prop) : r;
}

static fpga_result known_properties(fpga_token token, fpga_properties prop)
{
	return known(token, &prop);
}

static fpga_result get_properties(fpga_token token, fpga_properties *prop)
{
	fpga_properties made = NULL;
	fpga_result r = known(token, &made);

	if (r == FPGA_OK)
		*prop = made;
	return r;
}

/* What this process has not heard of its parent process's token. */
static bool learn(const struct remote_token *t, struct remote_object *ret)
{
	struct remote_object o = { .id = t->id };
	struct conn *n;
	struct call c;
	fpga_result r;

	if (t->forks == client_forks() || token_conn(t, &n) != FPGA_OK)
		return false;
	call_begin(&c, n, WIRE_PROPERTIES, t->id);
	r = call_run(&c);
	if (r == FPGA_OK && take(&c.reply, &o)) {
		host_learned(t->host, &o);
		*ret = o;
	}
	r = call_end(&c, r);
	conn_put(n);
	return r == FPGA_OK;
}

static fpga_result parent_of(fpga_token token, fpga_token *parent)
{
	const struct remote_token *t = token;
	struct remote_object o;

	if ((!host_object(t->host, t->id, &o) && !learn(t, &o)) || !o.parent)
		return FPGA_NOT_FOUND; /* without a word: the reason of an enumeration stays */
	return token_new(t->client, t->host, o.parent, parent);
}

void client_fill_hosts(opae_api_adapter_table *t)
{
	t->enumerate = client_enumerate;
	t->fpgaCloneToken = clone_token;
	t->fpgaDestroyToken = destroy_token;
	t->fpgaGetProperties = get_properties;
	t->known_properties = known_properties;
	t->fpgaUpdateProperties = update_properties;
	t->parent_of = parent_of;
	t->same_token = same_token;
}
