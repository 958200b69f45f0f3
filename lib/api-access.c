/* SPDX-License-Identifier: BSD-3-Clause */
/* Open, close and what else concerns a handle as a whole. */
#include <stdlib.h>

#include "lib/host.h"
#include "lib/parent.h"
#include "lib/props.h"
#include "lib/wrapped.h"

fpga_result fpgaOpen(fpga_token token, fpga_handle *handle, int flags)
{
	struct wrapped_token *t = token_ref(token);
	struct wrapped_handle *w;
	fpga_result r;
	void *id;

	if (!t)
		return token_bad("fpgaOpen");
	if (!handle) {
		token_unref(t);
		return fail(FPGA_INVALID_PARAM, "fpgaOpen: handle is NULL");
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		token_unref(t);
		return fail(FPGA_NO_MEMORY, "fpgaOpen: no memory");
	}
	*w = (struct wrapped_handle){ .table = t->adapter->table, .adapter = t->adapter, .token = t };
	r = detail_finish(w->table->fpgaOpen(t->plugin, &w->plugin, flags), "fpgaOpen",
			  t->adapter->name);
	if (r != FPGA_OK) {
		token_unref(t);
		free(w);
		return r;
	}
	id = id_add(&handles, w);
	if (!id) {
		w->table->fpgaClose(w->plugin);
		token_unref(t);
		free(w);
		return fail(FPGA_NO_MEMORY, "fpgaOpen: too many handles");
	}
	*handle = id;
	return FPGA_OK;
}

fpga_result fpgaClose(fpga_handle handle)
{
	struct wrapped_handle *w;

	pthread_mutex_lock(&handles.lock);
	w = id_remove_locked(&handles, handle);
	pthread_mutex_unlock(&handles.lock);
	if (!w)
		return handle_bad("fpgaClose");
	return handle_close_entered(handle, w);
}

fpga_result fpgaReset(fpga_handle handle)
{
	struct wrapped_handle *w = handle_enter(handle);
	fpga_result r;

	if (!w)
		return handle_bad("fpgaReset");
	r = detail_finish(w->table->fpgaReset(w->plugin), "fpgaReset", w->adapter->name);
	handle_leave();
	return r;
}

fpga_result opaex_quiesce(fpga_handle handle)
{
	struct wrapped_handle *w = handle_enter(handle);
	fpga_result r;

	if (!w)
		return handle_bad("opaex_quiesce");
	r = detail_finish(w->table->quiesce(w->plugin), "opaex_quiesce", w->adapter->name);
	handle_leave();
	return r;
}

/* Accelerators with several ports are the only ones with children; no plugin declares them yet. */
fpga_result fpgaGetChildren(fpga_handle handle, uint32_t max_children, fpga_handle *children,
			    uint32_t *num_children)
{
	struct wrapped_handle *w = handle_enter(handle);

	if (!w)
		return handle_bad("fpgaGetChildren");
	handle_leave();
	if (!num_children || (max_children && !children))
		return fail(FPGA_INVALID_PARAM, "fpgaGetChildren: a pointer for the result is NULL");
	*num_children = 0;
	return FPGA_OK;
}

fpga_result fpgaGetPropertiesFromHandle(fpga_handle handle, fpga_properties *prop)
{
	struct wrapped_handle *w = handle_enter(handle);
	fpga_properties p;
	fpga_result r;

	if (!w)
		return handle_bad("fpgaGetPropertiesFromHandle");
	if (!prop) {
		handle_leave();
		return fail(FPGA_INVALID_PARAM, "fpgaGetPropertiesFromHandle: prop is NULL");
	}
	r = detail_finish(w->table->fpgaGetPropertiesFromHandle(w->plugin, &p),
			  "fpgaGetPropertiesFromHandle", w->adapter->name);
	if (r == FPGA_OK) {
		parent_attach(w->token, p);
		*prop = p;
	}
	handle_leave();
	return r;
}
