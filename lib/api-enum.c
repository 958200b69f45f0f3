/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Enumeration: ask each plugin that may know something for its tokens, look at their properties,
 * and keep what matches. The filters also travel to the plugin, as hints; what it lists is
 * judged here again. No lock is held while a plugin runs, so one that calls back does no harm.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "lib/ask.h"
#include "lib/host.h"
#include "lib/match.h"
#include "lib/parent.h"
#include "lib/pluginmgr.h"
#include "lib/props.h"
#include "lib/wrapped.h"

#define FILTERS_MAX 65536u

struct filter {
	struct opae_props v;
	struct wrapped_token *parent;
};

struct search {
	const fpga_properties *hints;
	struct filter *filters;
	uint32_t num_filters;
	fpga_properties scratch; /* what plugins write a device's properties into */
	fpga_token *out;
	uint32_t max, found;
	fpga_result failure;
};

/* Adapters that run their enumerate on this thread, so that one calling back skips itself. */
struct running {
	const struct adapter *adapter;
	struct running *outer;
};
static _Thread_local struct running *running;

static bool is_running(const struct adapter *a)
{
	for (struct running *r = running; r; r = r->outer)
		if (r->adapter == a)
			return true;
	return false;
}

static void filters_free(struct filter *f, uint32_t n)
{
	for (uint32_t i = 0; f && i < n; i++)
		token_unref(f[i].parent);
	free(f);
}

static fpga_result filters_read(const fpga_properties *ids, uint32_t n, struct filter **ret)
{
	struct filter *f;
	fpga_result r;

	if (n > FILTERS_MAX)
		return fail(FPGA_INVALID_PARAM, "fpgaEnumerate: %u filters are too many", n);
	f = calloc(n ? n : 1, sizeof(*f));
	if (!f)
		return fail(FPGA_NO_MEMORY, "fpgaEnumerate: no memory for %u filters", n);
	for (uint32_t i = 0; i < n; i++) {
		r = props_snapshot(ids[i], &f[i].v, &f[i].parent);
		if (r != FPGA_OK) {
			filters_free(f, n);
			return fail(FPGA_INVALID_PARAM,
				    "fpgaEnumerate: filter %u is not a properties object", i);
		}
	}
	*ret = f;
	return FPGA_OK;
}

static bool parent_matches(const struct wrapped_token *want, const struct adapter *a,
			   fpga_token token)
{
	fpga_token parent;
	bool same;

	if (want->adapter != a || !a->table->parent_of ||
	    a->table->parent_of(token, &parent) != FPGA_OK)
		return false;
	same = token_same(want, a, parent);
	a->table->fpgaDestroyToken(&parent);
	return same;
}

static bool any_filter_matches(const struct search *s, const struct adapter *a, fpga_token token)
{
	struct opae_props v;

	if (token_properties(a, token, s->scratch) != FPGA_OK ||
	    props_read(s->scratch, &v) != FPGA_OK)
		return false;
	if (!s->num_filters)
		return true;
	for (uint32_t i = 0; i < s->num_filters; i++)
		if (match_values(&s->filters[i].v, &v) &&
		    (!s->filters[i].parent || parent_matches(s->filters[i].parent, a, token)))
			return true;
	return false;
}

/* Takes the plugin's token over. */
static void consider(struct search *s, const struct adapter *a, fpga_token token)
{
	struct wrapped_token *t;

	if (!any_filter_matches(s, a, token)) {
		a->table->fpgaDestroyToken(&token);
		return;
	}
	if (s->found++ >= s->max) {
		a->table->fpgaDestroyToken(&token);
		return;
	}
	t = token_wrap(a, token);
	if (!t || token_publish(t, &s->out[s->found - 1]) != FPGA_OK) {
		s->found--;
		s->failure = FPGA_NO_MEMORY;
	}
}

/* A plugin that fails costs the others nothing: its reason stays in the thread's detail. */
static void search_adapter(struct search *s, const struct adapter *a)
{
	struct running here = { a, running };
	const struct adapter *outer_reader = props_reader;
	fpga_token *list = NULL;
	uint32_t n = 0;
	fpga_result r;

	running = &here;
	props_reader = a;
	r = ask_tokens(a, s->hints, s->num_filters, &list, &n);
	if (r == FPGA_OK)
		for (uint32_t i = 0; i < n; i++)
			consider(s, a, list[i]);
	else if (r != FPGA_NOT_FOUND && r != FPGA_NO_DRIVER)
		opae_print(OPAE_LOG_DEBUG, "plugin %s: enumeration: %s: %s\n", a->name,
			   fpgaErrStr(r), opaex_error_detail());
	free(list);
	props_reader = outer_reader;
	running = here.outer;
}

static bool may_match(const struct search *s, const struct adapter *a)
{
	if (!s->num_filters)
		return true;
	for (uint32_t i = 0; i < s->num_filters; i++)
		if (opae_plugin_mgr_may_match(a, &s->filters[i].v, 1))
			return true;
	return false;
}

static fpga_result check_arguments(const fpga_properties *filters, uint32_t num_filters,
				   const fpga_token *tokens_out, uint32_t max_tokens,
				   const uint32_t *num_matches)
{
	if (!num_matches)
		return fail(FPGA_INVALID_PARAM, "fpgaEnumerate: num_matches is NULL");
	if (max_tokens && !tokens_out)
		return fail(FPGA_INVALID_PARAM, "fpgaEnumerate: tokens is NULL but max_tokens is %u",
			    max_tokens);
	if (num_filters && !filters)
		return fail(FPGA_INVALID_PARAM,
			    "fpgaEnumerate: filters is NULL but num_filters is %u", num_filters);
	if (!num_filters && filters)
		return fail(FPGA_INVALID_PARAM,
			    "fpgaEnumerate: filters are given but num_filters is 0");
	return FPGA_OK;
}

fpga_result fpgaEnumerate(const fpga_properties *filters, uint32_t num_filters,
			  fpga_token *tokens_out, uint32_t max_tokens, uint32_t *num_matches)
{
	struct search s = { .hints = filters,
			    .num_filters = num_filters,
			    .out = tokens_out,
			    .max = max_tokens };
	fpga_result r;

	r = check_arguments(filters, num_filters, tokens_out, max_tokens, num_matches);
	if (r != FPGA_OK)
		return r;
	*num_matches = 0;
	r = filters_read(filters, num_filters, &s.filters);
	if (r != FPGA_OK)
		return r;
	r = props_new(&s.scratch);
	if (r == FPGA_OK) {
		for (struct adapter *a = opae_plugin_mgr_list(); a; a = a->next)
			if (a->state == ADAPTER_READY && !is_running(a) && may_match(&s, a))
				search_adapter(&s, a);
		fpgaDestroyProperties(&s.scratch);
		r = s.failure;
		*num_matches = s.found;
	}
	filters_free(s.filters, num_filters);
	detail_clear();
	return r;
}

fpga_result fpgaCloneToken(fpga_token src, fpga_token *dst)
{
	struct wrapped_token *t = token_ref(src), *copy;
	fpga_token plugin;
	fpga_result r;

	if (!t)
		return token_bad("fpgaCloneToken");
	if (!dst) {
		token_unref(t);
		return fail(FPGA_INVALID_PARAM, "fpgaCloneToken: dst is NULL");
	}
	r = t->adapter->table->fpgaCloneToken(t->plugin, &plugin);
	r = detail_finish(r, "fpgaCloneToken", t->adapter->name);
	if (r == FPGA_OK) {
		copy = token_wrap(t->adapter, plugin);
		r = copy ? token_publish(copy, dst) :
			   fail(FPGA_NO_MEMORY, "fpgaCloneToken: no memory");
	}
	token_unref(t);
	return r;
}

fpga_result fpgaDestroyToken(fpga_token *token)
{
	struct wrapped_token *t;

	if (!token)
		return fail(FPGA_INVALID_PARAM, "fpgaDestroyToken: the pointer is NULL");
	pthread_mutex_lock(&tokens.lock);
	t = id_remove_locked(&tokens, *token);
	pthread_mutex_unlock(&tokens.lock);
	if (!t)
		return token_bad("fpgaDestroyToken");
	token_unref(t);
	return FPGA_OK;
}

/* With what the plugin's call r has put into the object. */
static fpga_result filled(fpga_result r, struct wrapped_token *t, fpga_properties prop, const char *call)
{
	r = detail_finish(r, call, t->adapter->name);
	if (r == FPGA_OK)
		parent_attach(t, prop);
	return r;
}

fpga_result fpgaGetProperties(fpga_token token, fpga_properties *prop)
{
	struct wrapped_token *t = NULL;
	fpga_properties p;
	fpga_result r;

	if (!prop)
		return fail(FPGA_INVALID_PARAM, "fpgaGetProperties: prop is NULL");
	if (token) {
		t = token_ref(token);
		if (!t)
			return token_bad("fpgaGetProperties");
	}
	r = props_new(&p);
	if (r == FPGA_OK && t) {
		r = filled(token_properties(t->adapter, t->plugin, p), t, p, "fpgaGetProperties");
		if (r != FPGA_OK)
			fpgaDestroyProperties(&p);
	}
	token_unref(t);
	if (r == FPGA_OK)
		*prop = p;
	return r;
}

fpga_result fpgaUpdateProperties(fpga_token token, fpga_properties prop)
{
	struct wrapped_token *t = token_ref(token), *parent;
	struct opae_props v;
	fpga_result r;

	if (!t)
		return token_bad("fpgaUpdateProperties");
	r = props_snapshot(prop, &v, &parent);
	if (r != FPGA_OK) {
		r = fail(FPGA_INVALID_PARAM, "fpgaUpdateProperties: not a properties object");
	} else {
		token_unref(parent);
		r = filled(t->adapter->table->fpgaUpdateProperties(t->plugin, prop), t, prop,
			   "fpgaUpdateProperties");
	}
	token_unref(t);
	return r;
}
