/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The objects that the session knows: what the table's enumeration found and the peer may see. An entry
 * is never changed: one that is different now, or gone, is taken out of the list and *retired*. Retired ones
 * are freed by the dispatch thread when nothing is under way that may still use them. So a pointer from
 * session_token() is good until its request has ended, on any thread, without a lock.
 */
#include "rpc/server/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/props.h"

#define GROUP_MAX 1024u /* bytes of one object in a reply; less than that left: another frame */
#define FILTERS_MAX 64u

void tokens_init(struct rpc_session *s)
{
	pthread_mutex_init(&s->tokens.look_lock, NULL);
	pthread_mutex_init(&s->tokens.lock, NULL);
}

static void token_free(struct rpc_session *s, struct session_token *t)
{
	if (!t)
		return;
	if (t->token)
		s->table->fpgaDestroyToken(&t->token);
	free(t);
}

static void free_retired(struct rpc_session *s, struct session_token *list)
{
	while (list) {
		struct session_token *next = list->next_retired;

		token_free(s, list);
		list = next;
	}
}

void tokens_done(struct rpc_session *s)
{
	for (uint32_t i = 0; i < s->tokens.num; i++)
		token_free(s, s->tokens.list[i]);
	free(s->tokens.list);
	free_retired(s, s->tokens.retired);
	pthread_mutex_destroy(&s->tokens.look_lock);
	pthread_mutex_destroy(&s->tokens.lock);
}

void tokens_sweep(struct rpc_session *s)
{
	struct session_token *list;

	if (s->num_long)
		return;
	pthread_mutex_lock(&s->tokens.lock);
	list = s->tokens.retired;
	s->tokens.retired = NULL;
	pthread_mutex_unlock(&s->tokens.lock);
	free_retired(s, list);
}

static struct session_token *find(struct session_token *const *list, uint32_t num, uint64_t id)
{
	for (uint32_t i = 0; i < num; i++)
		if (list[i]->id == id)
			return list[i];
	return NULL;
}

struct session_token *session_token(struct rpc_session *s, uint64_t object_id)
{
	SCOPED_LOCK(&s->tokens.lock);

	return find(s->tokens.list, s->tokens.num, object_id);
}

/* ---- properties ---- */

fpga_result props_take(struct rpc_session *s, fpga_properties prop, struct opae_props *ret)
{
	fpga_result r;

	memset(ret, 0, sizeof(*ret));
	r = s->served->props_read(prop, ret);
	s->served->props_destroy(&prop);
	return r;
}

static fpga_result token_props(struct rpc_session *s, fpga_token token, struct opae_props *ret)
{
	fpga_properties prop;
	fpga_result r = s->table->fpgaGetProperties(token, &prop);

	return r == FPGA_OK ? props_take(s, prop, ret) : r;
}

static uint32_t rights_of(const struct rpc_session *s, const struct opae_props *p)
{
	if (!(p->valid & OPAE_PROP_OBJECT_ID)) /* the peer could not name it */
		return 0;
	if (!s->options.rights)
		return WIRE_RIGHTS_ALL | WIRE_RIGHT_SEE;
	return s->options.rights(s->options.ctx, p);
}

/* The object id of what the token belongs to, when the peer may see that; else 0. */
static uint64_t parent_of(struct rpc_session *s, fpga_token token)
{
	struct opae_props p;
	fpga_token parent;
	bool ok;

	if (s->table->parent_of(token, &parent) != FPGA_OK)
		return 0;
	ok = token_props(s, parent, &p) == FPGA_OK && rights_of(s, &p) & WIRE_RIGHT_SEE;
	s->table->fpgaDestroyToken(&parent);
	return ok ? p.object_id : 0;
}

static void put_reasons(struct rpc_session *s, struct request *q, fpga_properties prop, uint32_t valid)
{
	for (uint32_t i = 0; i < 32; i++) {
		uint32_t bit = 1u << i;
		const char *why;

		if (valid & bit || bit == OPAE_PROP_PARENT || bit > OPAE_PROP_NUM_INTERRUPTS)
			continue;
		why = s->served->props_why(prop, bit);
		if (!why || !why[0])
			continue;
		wire_put_u32(&q->out, bit);
		wire_put_text(&q->out, why);
	}
}

fpga_result props_reply(struct rpc_session *s, struct request *q, uint64_t parent, fpga_properties prop)
{
	struct opae_props p;
	fpga_result r;

	memset(&p, 0, sizeof(p));
	r = s->served->props_read(prop, &p);
	if (r == FPGA_OK) {
		wire_put_u64(&q->out, parent);
		wire_put_props(&q->out, &p);
		put_reasons(s, q, prop, p.valid);
	}
	s->served->props_destroy(&prop);
	return r;
}

fpga_result serve_PROPERTIES(struct rpc_session *s, struct request *q)
{
	fpga_properties prop;
	fpga_result r = s->table->fpgaGetProperties(q->token->token, &prop);

	return r == FPGA_OK ? props_reply(s, q, q->token->parent, prop) : r;
}

/* ---- enumeration ---- */

/* Takes the token over. NULL: the peer may not see it, it went meanwhile, or there is no memory. */
static struct session_token *token_new(struct rpc_session *s, fpga_token token)
{
	struct session_token *t = calloc(1, sizeof(*t));

	if (!t) {
		s->table->fpgaDestroyToken(&token);
		return NULL;
	}
	t->token = token;
	if (token_props(s, token, &t->props) == FPGA_OK) {
		t->id = t->props.object_id;
		t->rights = rights_of(s, &t->props);
	}
	if (!(t->rights & WIRE_RIGHT_SEE)) {
		token_free(s, t);
		return NULL;
	}
	t->parent = parent_of(s, token);
	return t;
}

/* Do they say the same to the peer? */
static bool same(const struct session_token *a, const struct session_token *b)
{
	unsigned char x[GROUP_MAX], y[GROUP_MAX];
	struct wire_writer wx, wy;

	wire_writer_init(&wx, x, sizeof(x), NULL);
	wire_writer_init(&wy, y, sizeof(y), NULL);
	wire_put_props(&wx, &a->props);
	wire_put_props(&wy, &b->props);
	return a->parent == b->parent && a->rights == b->rights && wx.len == wy.len && !memcmp(x, y, wx.len);
}

static void list_one(struct listing *l, const struct session_token *t, enum listed_what what)
{
	l->at[l->num++] = (struct listed){ what, t->id, t->parent, t->props };
}

static void retire(struct session_token **retired, struct session_token *t)
{
	t->next_retired = *retired;
	*retired = t;
}

/* The new list while it is made: what was found first, in the table's order. */
struct merge {
	struct session_token **list, *retired;
	uint32_t num;
};

/* One that was found; what is known and still right stays in its place. */
static void merge_found(struct rpc_session *s, struct merge *m, struct session_token *t, struct listing *l)
{
	struct session_token *old = find(s->tokens.list, s->tokens.num, t->id);

	if (find(m->list, m->num, t->id)) { /* found twice */
		token_free(s, t);
		return;
	}
	if (old)
		old->seen = true;
	if (old && same(old, t)) {
		token_free(s, t);
		t = old;
		list_one(l, t, LISTED_SAME);
	} else {
		list_one(l, t, old ? LISTED_CHANGED : LISTED_NEW);
		if (old)
			retire(&m->retired, old);
	}
	m->list[m->num++] = t;
}

/* Those that were not found: gone, if all were looked for. */
static void merge_rest(struct rpc_session *s, struct merge *m, bool all, struct listing *l)
{
	for (uint32_t i = 0; i < s->tokens.num; i++) {
		struct session_token *old = s->tokens.list[i];
		bool seen = old->seen;

		old->seen = false;
		if (seen)
			continue;
		if (all || m->num >= TOKENS_MAX) {
			list_one(l, old, LISTED_GONE);
			retire(&m->retired, old);
		} else {
			m->list[m->num++] = old;
		}
	}
}

static void put_in_force(struct rpc_session *s, struct merge *m)
{
	struct session_token **before = s->tokens.list, *last = m->retired;

	while (last && last->next_retired)
		last = last->next_retired;
	pthread_mutex_lock(&s->tokens.lock);
	s->tokens.list = m->list;
	s->tokens.num = m->num;
	if (last) {
		last->next_retired = s->tokens.retired;
		s->tokens.retired = m->retired;
	}
	pthread_mutex_unlock(&s->tokens.lock);
	free(before);
	if (last)
		session_wake(s); /* to sweep */
}

static fpga_result take_over(struct rpc_session *s, const fpga_token *found, uint32_t num, bool all,
			     struct listing *ret)
{
	struct merge m = { .list = calloc(TOKENS_MAX, sizeof(struct session_token *)) };
	struct listing l = { .at = calloc(num + s->tokens.num + 1, sizeof(struct listed)) };

	if (!m.list || !l.at) {
		for (uint32_t i = 0; i < num; i++) {
			fpga_token token = found[i];

			s->table->fpgaDestroyToken(&token);
		}
		free(m.list);
		free(l.at);
		return FPGA_NO_MEMORY;
	}
	for (uint32_t i = 0; i < num; i++) {
		struct session_token *t = token_new(s, found[i]);

		if (t)
			merge_found(s, &m, t, &l);
	}
	merge_rest(s, &m, all, &l);
	put_in_force(s, &m);
	*ret = l;
	return FPGA_OK;
}

fpga_result tokens_look(struct rpc_session *s, const fpga_properties *filters, uint32_t num_filters,
			struct listing *ret)
{
	CLEANUP_FREE fpga_token *found = calloc(TOKENS_MAX, sizeof(fpga_token));
	uint32_t num = 0;
	fpga_result r;
	SCOPED_LOCK(&s->tokens.look_lock);

	if (!found)
		return FPGA_NO_MEMORY;
	r = s->table->enumerate(s->table->instance, filters, num_filters, found, TOKENS_MAX, &num);
	if (r != FPGA_OK && r != FPGA_NOT_FOUND)
		return r;
	if (num > TOKENS_MAX)
		num = TOKENS_MAX;
	return take_over(s, found, r == FPGA_OK ? num : 0, !num_filters, ret);
}

/* ---- ENUMERATE ---- */

static fpga_result read_filter(struct rpc_session *s, struct request *q, fpga_properties *ret)
{
	struct opae_props p;
	fpga_result r;

	wire_get_props(&q->in, &p);
	if (q->in.bad)
		return request_bad(q);
	r = s->served->props_new(ret);
	if (r != FPGA_OK)
		return r;
	r = s->served->props_write(*ret, &p);
	if (r != FPGA_OK)
		s->served->props_destroy(ret);
	return r;
}

static fpga_result put_listing(struct rpc_session *s, struct request *q, const struct listing *l)
{
	for (uint32_t i = 0; i < l->num; i++) {
		const struct listed *o = &l->at[i];

		if (o->what == LISTED_GONE)
			continue;
		if (q->out.room - q->out.len < GROUP_MAX && request_more(s, q))
			return FPGA_EXCEPTION; /* the link is broken: nobody hears it */
		wire_put_u64(&q->out, o->id);
		wire_put_u64(&q->out, o->parent);
		wire_put_props(&q->out, &o->props);
	}
	return FPGA_OK;
}

/* What is found stands in the reply; CHANGED tells of what is not: that it is gone. */
fpga_result serve_ENUMERATE(struct rpc_session *s, struct request *q)
{
	fpga_properties filters[FILTERS_MAX];
	uint32_t num = 0;
	struct listing l;
	fpga_result r = FPGA_OK;

	while (r == FPGA_OK && wire_more(&q->in)) {
		if (num == FILTERS_MAX)
			r = request_fail(q, FPGA_INVALID_PARAM, "ENUMERATE: more than %u filters",
					 FILTERS_MAX);
		else
			r = read_filter(s, q, &filters[num]);
		num += r == FPGA_OK;
	}
	if (r == FPGA_OK)
		r = tokens_look(s, filters, num, &l);
	for (uint32_t i = 0; i < num; i++)
		s->served->props_destroy(&filters[i]);
	if (r != FPGA_OK)
		return r;
	changes_tell(s, &l, 1u << LISTED_GONE);
	r = put_listing(s, q, &l);
	free(l.at);
	return r;
}
