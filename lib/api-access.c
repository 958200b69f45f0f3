/* SPDX-License-Identifier: BSD-3-Clause */
/* Open, close and what else concerns a handle as a whole. */
#include <stdlib.h>

#include "lib/children.h"
#include "lib/host.h"
#include "lib/parent.h"
#include "lib/props.h"
#include "lib/wrapped.h"

static fpga_result open_entered(struct wrapped_handle *w, int flags, bool alone)
{
	fpga_result r = detail_finish(w->table->fpgaOpen(w->token->plugin, &w->plugin, flags),
				      "fpgaOpen", w->adapter->name);

	if (r == FPGA_OK)
		handle_get_windows(w);
	if (r != FPGA_OK || alone)
		return r;
	r = children_open(w, flags);
	if (r != FPGA_OK)
		w->table->fpgaClose(w->plugin);
	return r;
}

static fpga_result open_token(fpga_token token, fpga_handle *handle, int flags, bool alone)
{
	struct wrapped_token *t = token_ref(token);
	struct wrapped_handle *w;
	fpga_result r;
	void *id;

	if (!t)
		return token_bad("fpgaOpen");
	if (!handle || (flags & FPGA_OPEN_HAS_PARENT_AFU)) {
		token_unref(t);
		return fail(FPGA_INVALID_PARAM,
			    handle ? "fpgaOpen: FPGA_OPEN_HAS_PARENT_AFU is the library's own" :
				     "fpgaOpen: handle is NULL");
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		token_unref(t);
		return fail(FPGA_NO_MEMORY, "fpgaOpen: no memory");
	}
	*w = (struct wrapped_handle){ .table = t->adapter->table, .adapter = t->adapter, .token = t };
	r = open_entered(w, flags, alone);
	if (r != FPGA_OK) {
		token_unref(t);
		free(w);
		return r;
	}
	id = id_add(&handles, w);
	if (!id) {
		children_close(w);
		w->table->fpgaClose(w->plugin);
		token_unref(t);
		free(w);
		return fail(FPGA_NO_MEMORY, "fpgaOpen: too many handles");
	}
	*handle = id;
	return FPGA_OK;
}

fpga_result fpgaOpen(fpga_token token, fpga_handle *handle, int flags)
{
	return open_token(token, handle, flags, false);
}

fpga_result opaex_open_alone(fpga_token token, fpga_handle *handle, int flags)
{
	return open_token(token, handle, flags, true);
}

fpga_result fpgaClose(fpga_handle handle)
{
	struct wrapped_handle *w;
	bool child;

	pthread_mutex_lock(&handles.lock);
	w = id_get(&handles, handle);
	child = w && w->is_child;
	if (w && !child)
		id_remove_locked(&handles, handle);
	pthread_mutex_unlock(&handles.lock);
	if (!w)
		return handle_bad("fpgaClose");
	if (child)
		return fail(FPGA_INVALID_PARAM,
			    "fpgaClose: the handle came from fpgaGetChildren and is closed with its "
			    "parent");
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

fpga_result fpgaGetChildren(fpga_handle handle, uint32_t max_children, fpga_handle *children,
			    uint32_t *num_children)
{
	struct wrapped_handle *w = handle_enter(handle);
	fpga_result r = FPGA_OK;

	if (!w)
		return handle_bad("fpgaGetChildren");
	if (!num_children || (max_children && !children))
		r = fail(FPGA_INVALID_PARAM, "fpgaGetChildren: a pointer for the result is NULL");
	else
		*num_children = children_list(w, children, max_children);
	handle_leave();
	return r;
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
