/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fpgaPropertiesGetParent returns a token that the program does not own, and programs go on using
 * it after they destroyed the properties. So each parent gets one token for the life of the
 * library, shared by all that ask for it; there are as many as there are FPGA devices.
 */
#include "lib/parent.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "lib/props.h"

struct known_parent {
	struct known_parent *next;
	struct wrapped_token *token;
	fpga_token id;
};

static struct known_parent *known;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards known */

static struct known_parent *find(const struct adapter *a, fpga_token plugin)
{
	struct known_parent *k;

	for (k = known; k; k = k->next)
		if (token_same(k->token, a, plugin) && id_get(&tokens, k->id) == k->token)
			return k;
	return NULL;
}

/* Takes the plugin's token over. */
static struct known_parent *remember(const struct adapter *a, fpga_token plugin)
{
	struct known_parent *k = calloc(1, sizeof(*k));
	struct wrapped_token *t = token_wrap(a, plugin);

	if (!k || !t) {
		token_unref(t);
		free(k);
		return NULL;
	}
	if (token_publish(token_hold(t), &k->id) != FPGA_OK) {
		token_unref(t);
		free(k);
		return NULL;
	}
	k->token = t;
	k->next = known;
	known = k;
	return k;
}

void parent_attach(struct wrapped_token *t, fpga_properties prop)
{
	const struct adapter *a = t->adapter;
	struct known_parent *k;
	fpga_token plugin;

	if (!a->table->parent_of || a->table->parent_of(t->plugin, &plugin) != FPGA_OK)
		return;
	SCOPED_LOCK(&lock);
	k = find(a, plugin);
	if (k)
		a->table->fpgaDestroyToken(&plugin);
	else
		k = remember(a, plugin);
	if (k)
		props_set_parent(prop, k->token, k->id);
}

void parent_drop_all(void)
{
	struct known_parent *k, *next;

	SCOPED_LOCK(&lock);
	for (k = known; k; k = next) {
		next = k->next;
		token_unref(k->token);
		free(k);
	}
	known = NULL;
}
