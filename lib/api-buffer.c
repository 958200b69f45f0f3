/* SPDX-License-Identifier: BSD-3-Clause */
#include <opae/remote.h>

#include "lib/call.h"
#include "lib/children.h"

/* The caller's variables are written only when all is done. buf_addr may be NULL in the probe form,
 * which the plugin judges. */
static fpga_result prepare(struct wrapped_handle *w, uint64_t len, void **buf_addr, uint64_t *wsid,
			   int flags)
{
	void *at = buf_addr ? *buf_addr : NULL;
	uint64_t id = 0;
	fpga_result r;

	if (w->is_child)
		return fail(FPGA_NOT_SUPPORTED,
			    "fpgaPrepareBuffer: the handle came from fpgaGetChildren; a buffer of its "
			    "parent is its buffer as well");
	r = detail_finish(w->table->fpgaPrepareBuffer(w->plugin, len, buf_addr ? &at : NULL, &id, flags),
			  "fpgaPrepareBuffer", w->adapter->name);
	if (r != FPGA_OK || !buf_addr)
		return r;
	r = children_pin(w, id);
	if (r != FPGA_OK) {
		w->table->fpgaReleaseBuffer(w->plugin, id);
		return r;
	}
	*buf_addr = at;
	*wsid = id;
	return FPGA_OK;
}

fpga_result fpgaPrepareBuffer(fpga_handle handle, uint64_t len, void **buf_addr, uint64_t *wsid,
			      int flags)
{
	struct wrapped_handle *w = handle_enter(handle);
	fpga_result r;

	if (!w)
		return handle_bad("fpgaPrepareBuffer");
	r = wsid ? prepare(w, len, buf_addr, wsid, flags) :
		   fail(FPGA_INVALID_PARAM, "fpgaPrepareBuffer: a pointer is NULL");
	handle_leave();
	return r;
}

fpga_result fpgaReleaseBuffer(fpga_handle handle, uint64_t wsid)
{
	struct wrapped_handle *w = handle_enter(handle);
	fpga_result r;

	if (!w)
		return handle_bad("fpgaReleaseBuffer");
	children_unpin(w, wsid);
	r = detail_finish(w->table->fpgaReleaseBuffer(w->plugin, wsid), "fpgaReleaseBuffer",
			  w->adapter->name);
	handle_leave();
	return r;
}

fpga_result fpgaGetIOAddress(fpga_handle handle, uint64_t wsid, uint64_t *ioaddr)
{
	HANDLE_CALL(fpgaGetIOAddress, handle, ioaddr, wsid, ioaddr);
}

fpga_result fpgaBindSVA(fpga_handle handle, uint32_t *pasid)
{
	struct wrapped_handle *w = handle_enter(handle);
	fpga_result r;

	if (!w)
		return handle_bad("fpgaBindSVA");
	r = detail_finish(w->table->fpgaBindSVA(w->plugin, pasid), "fpgaBindSVA", w->adapter->name);
	if (r == FPGA_OK)
		r = children_bind_sva(w);
	handle_leave();
	return r;
}

/* ---- beyond OPAE ---- */

/* For plugins whose memory is the device's as well: is there such a part? */
static fpga_result is_there(const struct wrapped_handle *w, uint64_t wsid, uint64_t offset, uint64_t len,
			    const char *call)
{
	uint64_t ioaddr, size = 0;
	void *at;
	fpga_result r = w->table->get_ws_info(w->plugin, wsid, &ioaddr, &at, &size);

	if (r != FPGA_OK || (len <= size && offset <= size - len))
		return r;
	detail_set("%s: %llu bytes at %llu are not inside the buffer's %llu", call, (unsigned long long)len,
		   (unsigned long long)offset, (unsigned long long)size);
	return FPGA_INVALID_PARAM;
}

typedef fpga_result (*move_fn)(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len);

static fpga_result move(const struct wrapped_handle *w, move_fn plugins, uint64_t wsid, uint64_t offset,
			uint64_t len, const char *call)
{
	fpga_result r = plugins ? plugins(w->plugin, wsid, offset, len) :
				  is_there(w, wsid, offset, len, call);

	r = detail_finish(r, call, w->adapter->name);
	handle_leave();
	return r;
}

fpga_result opaex_push(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len)
{
	const struct wrapped_handle *w = handle_enter(handle);

	return w ? move(w, w->table->push_buffer, wsid, offset, len, "opaex_push") : handle_bad("opaex_push");
}

fpga_result opaex_pull(fpga_handle handle, uint64_t wsid, uint64_t offset, uint64_t len)
{
	const struct wrapped_handle *w = handle_enter(handle);

	return w ? move(w, w->table->pull_buffer, wsid, offset, len, "opaex_pull") : handle_bad("opaex_pull");
}

fpga_result opaex_pin_buffer(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr)
{
	struct wrapped_handle *w = handle_enter(handle);
	fpga_result r;

	if (!w)
		return handle_bad("opaex_pin_buffer");
	r = buf && len ? detail_finish(w->table->pin_buffer(w->plugin, buf, len, ioaddr), "opaex_pin_buffer",
				       w->adapter->name) :
			 fail(FPGA_INVALID_PARAM, "opaex_pin_buffer: no buffer");
	handle_leave();
	return r;
}

fpga_result opaex_unpin_buffer(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr)
{
	struct wrapped_handle *w = handle_enter(handle);
	fpga_result r;

	if (!w)
		return handle_bad("opaex_unpin_buffer");
	r = buf && len ? detail_finish(w->table->unpin_buffer(w->plugin, buf, len, ioaddr),
				       "opaex_unpin_buffer", w->adapter->name) :
			 fail(FPGA_INVALID_PARAM, "opaex_unpin_buffer: no buffer");
	handle_leave();
	return r;
}
