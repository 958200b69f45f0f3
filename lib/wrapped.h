/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands behind the ids of tokens, handles, events and objects: the plugin's own object and
 * the adapter that it belongs to.
 *
 * Tokens are counted: the program's id, each open handle and each properties object that names it
 * as parent hold one reference; the plugin's token goes with the last. Handles are entered through
 * lib/guard.h. Objects that came from a handle die with it.
 */
#ifndef LIB_WRAPPED_H
#define LIB_WRAPPED_H

#include "lib/adapter.h"
#include "lib/guard.h"
#include "lib/ids.h"

struct wrapped_token {
	const struct adapter *adapter;
	fpga_token plugin;
	atomic_uint refs;
};

/* An accelerator's registers, and its signal tap. */
#define HANDLE_WINDOWS 2u

struct wrapped_handle {
	const opae_api_adapter_table *table;
	fpga_handle plugin;
	const struct adapter *adapter;
	struct wrapped_token *token;
	struct children *children; /* of an accelerator with several ports; else NULL */
	bool is_child;		   /* closed with its parent, and not otherwise */
	struct opae_mmio_window windows[HANDLE_WINDOWS]; /* of the first regions; len 0: none */
};

/* After the plugin's open. */
void handle_get_windows(struct wrapped_handle *w);

struct wrapped_event {
	pthread_mutex_t lock; /* guards the two below */
	const struct adapter *adapter;
	fpga_event_handle plugin; /* NULL until first registered */
	atomic_uint refs;
};

struct wrapped_object {
	pthread_mutex_t lock; /* guards plugin */
	const struct adapter *adapter;
	fpga_object plugin; /* NULL once its handle was closed */
	void *handle;       /* id of the handle it came from, or NULL */
	atomic_uint refs;
};

extern struct id_table tokens, handles, events, objects;

/* A plugin's properties of its token, as it knows them. */
static inline fpga_result token_properties(const struct adapter *a, fpga_token plugin, fpga_properties prop)
{
	return a->table->known_properties ? a->table->known_properties(plugin, prop) :
					    a->table->fpgaUpdateProperties(plugin, prop);
}

/* Takes the plugin's token over, also on failure. */
struct wrapped_token *token_wrap(const struct adapter *a, fpga_token plugin);
fpga_result token_publish(struct wrapped_token *t, fpga_token *id); /* eats the reference */
struct wrapped_token *token_ref(fpga_token id);                     /* NULL: not a token */
struct wrapped_token *token_hold(struct wrapped_token *t);
void token_unref(struct wrapped_token *t); /* NULL is fine */
bool token_same(const struct wrapped_token *t, const struct adapter *a, fpga_token plugin);
fpga_result token_bad(const char *call);

/* NULL: not an open handle. Otherwise handle_leave() must follow. */
struct wrapped_handle *handle_enter(fpga_handle id);
#define handle_leave() guard_leave()

/* Which of its thread's guesses is this handle's. */
static inline struct id_slot **handle_guess(struct guard_thread *t, fpga_handle id)
{
	return &t->slots[(uintptr_t)id % GUARD_SLOTS];
}

/*
 * For register accesses: where the thread found the handle last. NULL: handle_enter() finds out, and
 * remembers where. Otherwise guard_leave_fast() must follow; until then the record's object is the caller's
 * to use, so that across a call it need keep nothing but this pointer.
 */
static inline __attribute__((always_inline)) struct guard_thread *
handle_enter_fast(fpga_handle id, const struct wrapped_handle **w)
{
	struct guard_thread *t = guard_fast;

	if (__builtin_expect(!guard_enter_fast((uint64_t)(uintptr_t)id, t), 0))
		return NULL;
	*w = id_slot_object(*handle_guess(t, id), id);
	if (__builtin_expect(*w != NULL, 1))
		return t;
	guard_leave_fast(t);
	return NULL;
}

fpga_result handle_bad(const char *call);

struct wrapped_event *event_ref(fpga_event_handle id);
void event_unref(struct wrapped_event *e);
struct wrapped_object *object_ref(fpga_object id);
void object_unref(struct wrapped_object *o);
/* Destroys the plugin's objects that came from this handle; the program's ids stay. */
void objects_orphan(void *handle);

/* fpgaFinalize: every id of the program becomes invalid, handles are closed. */
void wrapped_drop_all(void);
fpga_result handle_close_entered(void *id, struct wrapped_handle *w);

#endif
