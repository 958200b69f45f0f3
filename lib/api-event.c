/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events. A program creates an event handle before it says for which accelerator, so the plugin's
 * event is made at the first registration; from then on it belongs to that plugin.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "lib/host.h"
#include "lib/wrapped.h"

static fpga_result event_bad(const char *call)
{
	return fail(FPGA_INVALID_PARAM, "%s: not an event handle, or one that was destroyed", call);
}

fpga_result fpgaCreateEventHandle(fpga_event_handle *event_handle)
{
	struct wrapped_event *e;
	void *id;

	if (!event_handle)
		return fail(FPGA_INVALID_PARAM, "fpgaCreateEventHandle: event_handle is NULL");
	e = calloc(1, sizeof(*e));
	if (!e)
		return fail(FPGA_NO_MEMORY, "fpgaCreateEventHandle: no memory");
	pthread_mutex_init(&e->lock, NULL);
	atomic_init(&e->refs, 1);
	id = id_add(&events, e);
	if (!id) {
		event_unref(e);
		return fail(FPGA_NO_MEMORY, "fpgaCreateEventHandle: too many event handles");
	}
	*event_handle = id;
	return FPGA_OK;
}

fpga_result fpgaDestroyEventHandle(fpga_event_handle *event_handle)
{
	struct wrapped_event *e;

	if (!event_handle)
		return fail(FPGA_INVALID_PARAM, "fpgaDestroyEventHandle: the pointer is NULL");
	pthread_mutex_lock(&events.lock);
	e = id_remove_locked(&events, *event_handle);
	pthread_mutex_unlock(&events.lock);
	if (!e)
		return event_bad("fpgaDestroyEventHandle");
	event_unref(e);
	return FPGA_OK;
}

fpga_result fpgaGetOSObjectFromEventHandle(const fpga_event_handle eh, int *fd)
{
	struct wrapped_event *e = event_ref(eh);
	fpga_result r;

	if (!e)
		return event_bad("fpgaGetOSObjectFromEventHandle");
	pthread_mutex_lock(&e->lock);
	if (!fd)
		r = fail(FPGA_INVALID_PARAM, "fpgaGetOSObjectFromEventHandle: fd is NULL");
	else if (!e->plugin)
		r = fail(FPGA_INVALID_PARAM, "fpgaGetOSObjectFromEventHandle: the event handle has "
					     "no descriptor before fpgaRegisterEvent");
	else
		r = detail_finish(e->adapter->table->fpgaGetOSObjectFromEventHandle(e->plugin, fd),
				  "fpgaGetOSObjectFromEventHandle", e->adapter->name);
	pthread_mutex_unlock(&e->lock);
	event_unref(e);
	return r;
}

/* Makes the plugin's event if there is none; the event's lock is held. */
static fpga_result bind_event(struct wrapped_event *e, const struct wrapped_handle *w)
{
	fpga_result r;

	if (e->plugin && e->adapter != w->adapter)
		return fail(FPGA_INVALID_PARAM,
			    "fpgaRegisterEvent: the event handle is in use with plugin %s",
			    e->adapter->name);
	if (e->plugin)
		return FPGA_OK;
	r = w->table->create_event(w->table->instance, &e->plugin);
	if (r == FPGA_OK)
		e->adapter = w->adapter;
	else
		e->plugin = NULL;
	return r;
}

fpga_result fpgaRegisterEvent(fpga_handle handle, fpga_event_type event_type,
			      fpga_event_handle event_handle, uint32_t flags)
{
	struct wrapped_handle *w = handle_enter(handle);
	struct wrapped_event *e;
	fpga_result r;
	bool first;

	if (!w)
		return handle_bad("fpgaRegisterEvent");
	e = event_ref(event_handle);
	if (!e) {
		handle_leave();
		return event_bad("fpgaRegisterEvent");
	}
	pthread_mutex_lock(&e->lock);
	first = !e->plugin;
	r = bind_event(e, w);
	if (r == FPGA_OK)
		r = w->table->fpgaRegisterEvent(w->plugin, event_type, e->plugin, flags);
	r = detail_finish(r, "fpgaRegisterEvent", w->adapter->name);
	if (r != FPGA_OK && first && e->plugin) { /* as if it had never been tried */
		w->table->fpgaDestroyEventHandle(&e->plugin);
		e->plugin = NULL;
		e->adapter = NULL;
	}
	pthread_mutex_unlock(&e->lock);
	event_unref(e);
	handle_leave();
	return r;
}

fpga_result fpgaUnregisterEvent(fpga_handle handle, fpga_event_type event_type,
				fpga_event_handle event_handle)
{
	struct wrapped_handle *w = handle_enter(handle);
	struct wrapped_event *e;
	fpga_result r;

	if (!w)
		return handle_bad("fpgaUnregisterEvent");
	e = event_ref(event_handle);
	if (!e) {
		handle_leave();
		return event_bad("fpgaUnregisterEvent");
	}
	pthread_mutex_lock(&e->lock);
	if (!e->plugin || e->adapter != w->adapter)
		r = fail(FPGA_INVALID_PARAM,
			 "fpgaUnregisterEvent: the event handle is not registered there");
	else
		r = detail_finish(w->table->fpgaUnregisterEvent(w->plugin, event_type, e->plugin),
				  "fpgaUnregisterEvent", w->adapter->name);
	pthread_mutex_unlock(&e->lock);
	event_unref(e);
	handle_leave();
	return r;
}
