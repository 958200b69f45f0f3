/* SPDX-License-Identifier: BSD-3-Clause */
#include "lib/wrapped.h"

#include <stdlib.h>
#include <string.h>

#include "lib/children.h"
#include "lib/host.h"
#include "lib/props.h"

struct id_table tokens = ID_TABLE_INIT(ID_TOKEN);
struct id_table handles = ID_TABLE_INIT(ID_HANDLE);
struct id_table events = ID_TABLE_INIT(ID_EVENT);
struct id_table objects = ID_TABLE_INIT(ID_OBJECT);

/* ---- tokens ---- */

struct wrapped_token *token_wrap(const struct adapter *a, fpga_token plugin)
{
	struct wrapped_token *t = calloc(1, sizeof(*t));

	if (!t) {
		a->table->fpgaDestroyToken(&plugin);
		return NULL;
	}
	t->adapter = a;
	t->plugin = plugin;
	atomic_init(&t->refs, 1);
	return t;
}

fpga_result token_publish(struct wrapped_token *t, fpga_token *id)
{
	void *new_id = id_add(&tokens, t);

	if (!new_id) {
		token_unref(t);
		return fail(FPGA_NO_MEMORY, "too many tokens");
	}
	*id = new_id;
	return FPGA_OK;
}

struct wrapped_token *token_ref(fpga_token id)
{
	struct wrapped_token *t;

	pthread_mutex_lock(&tokens.lock);
	t = id_get(&tokens, id);
	if (t)
		atomic_fetch_add(&t->refs, 1);
	pthread_mutex_unlock(&tokens.lock);
	return t;
}

struct wrapped_token *token_hold(struct wrapped_token *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void token_unref(struct wrapped_token *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	t->adapter->table->fpgaDestroyToken(&t->plugin);
	free(t);
}

static bool object_id_of(const struct adapter *a, fpga_token plugin, uint64_t *id)
{
	struct opae_props v;
	fpga_properties p;
	bool ok = false;

	if (props_new(&p) != FPGA_OK)
		return false;
	if (token_properties(a, plugin, p) == FPGA_OK &&
	    props_read(p, &v) == FPGA_OK && (v.valid & OPAE_PROP_OBJECT_ID)) {
		*id = v.object_id;
		ok = true;
	}
	fpgaDestroyProperties(&p);
	return ok;
}

bool token_same(const struct wrapped_token *t, const struct adapter *a, fpga_token plugin)
{
	uint64_t x, y;

	if (t->adapter != a)
		return false;
	if (a->table->same_token)
		return a->table->same_token(t->plugin, plugin);
	return object_id_of(a, t->plugin, &x) && object_id_of(a, plugin, &y) && x == y;
}

fpga_result token_bad(const char *call)
{
	return fail(FPGA_INVALID_PARAM,
		    "%s: not a token, or one that was destroyed; tokens come from fpgaEnumerate",
		    call);
}

/* ---- handles ---- */

struct wrapped_handle *handle_enter(fpga_handle id)
{
	struct id_slot *slot = id_slot(&handles, id);
	struct wrapped_handle *w;

	if (!slot || !guard_enter((uint64_t)(uintptr_t)id))
		return NULL;
	w = id_slot_object(slot, id);
	if (w)
		*handle_guess(guard_self, id) = slot;
	else
		guard_leave();
	return w;
}

fpga_result handle_bad(const char *call)
{
	return fail(FPGA_INVALID_PARAM,
		    "%s: not a handle, or one that was closed; handles come from fpgaOpen", call);
}

static bool good_window(const struct opae_mmio_window *w)
{
	return w->at && w->dead && w->gone && !(w->offset % 64) && !(w->len % 64) &&
	       w->offset <= UINT64_MAX - w->len;
}

void handle_get_windows(struct wrapped_handle *w)
{
	for (uint32_t i = 0; i < HANDLE_WINDOWS; i++) {
		struct opae_mmio_window *win = &w->windows[i];

		if (!w->table->mmio_window || w->table->mmio_window(w->plugin, i, win) != FPGA_OK ||
		    !good_window(win))
			*win = (struct opae_mmio_window){ .len = 0 };
	}
}

/* The id is out of force already; nobody else can enter any more. */
fpga_result handle_close_entered(void *id, struct wrapped_handle *w)
{
	fpga_result r;

	guard_wait((uint64_t)(uintptr_t)id);
	children_close(w);
	objects_orphan(id);
	r = w->table->fpgaClose(w->plugin);
	r = detail_finish(r, "fpgaClose", w->adapter->name);
	token_unref(w->token);
	free(w);
	return r;
}

/* ---- events ---- */

struct wrapped_event *event_ref(fpga_event_handle id)
{
	struct wrapped_event *e;

	pthread_mutex_lock(&events.lock);
	e = id_get(&events, id);
	if (e)
		atomic_fetch_add(&e->refs, 1);
	pthread_mutex_unlock(&events.lock);
	return e;
}

void event_unref(struct wrapped_event *e)
{
	if (!e || atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	if (e->plugin)
		e->adapter->table->fpgaDestroyEventHandle(&e->plugin);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

/* ---- objects ---- */

struct wrapped_object *object_ref(fpga_object id)
{
	struct wrapped_object *o;

	pthread_mutex_lock(&objects.lock);
	o = id_get(&objects, id);
	if (o)
		atomic_fetch_add(&o->refs, 1);
	pthread_mutex_unlock(&objects.lock);
	return o;
}

void object_unref(struct wrapped_object *o)
{
	if (!o || atomic_fetch_sub(&o->refs, 1) != 1)
		return;
	if (o->plugin)
		o->adapter->table->fpgaDestroyObject(&o->plugin);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static void orphan_one(struct wrapped_object *o)
{
	pthread_mutex_lock(&o->lock);
	if (o->plugin)
		o->adapter->table->fpgaDestroyObject(&o->plugin);
	o->plugin = NULL;
	pthread_mutex_unlock(&o->lock);
}

/* The table's lock is free while a plugin runs, for it may call back. */
void objects_orphan(void *handle)
{
	uint32_t index = 0;
	void *object;

	for (;;) {
		struct wrapped_object *o = NULL;

		pthread_mutex_lock(&objects.lock);
		while (!o && id_next_locked(&objects, &index, &object)) {
			o = object;
			if (o->handle == handle)
				atomic_fetch_add(&o->refs, 1);
			else
				o = NULL;
		}
		pthread_mutex_unlock(&objects.lock);
		if (!o)
			return;
		orphan_one(o);
		object_unref(o);
	}
}

/* ---- the end ---- */

/* One by one: the table's lock is free while a plugin runs, for it may call back. */
static void drop_table(struct id_table *table, void (*destroy)(void *, void *))
{
	for (;;) {
		uint32_t index = 0;
		void *object, *id;

		pthread_mutex_lock(&table->lock);
		id = id_next_locked(table, &index, &object);
		if (id)
			id_remove_locked(table, id);
		pthread_mutex_unlock(&table->lock);
		if (!id)
			return;
		destroy(id, object);
	}
}

static void drop_object(void *id, void *o)
{
	(void)id;
	object_unref(o);
}

static void drop_event(void *id, void *e)
{
	(void)id;
	event_unref(e);
}

static void drop_handle(void *id, void *w)
{
	handle_close_entered(id, w);
}

static void drop_token(void *id, void *t)
{
	(void)id;
	token_unref(t);
}

void wrapped_drop_all(void)
{
	drop_table(&objects, drop_object);
	drop_table(&handles, drop_handle);
	drop_table(&events, drop_event);
	props_drop_all();
	drop_table(&tokens, drop_token);
}
