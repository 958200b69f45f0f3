/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handles: one round trip opens, and brings all that is needed afterwards: the object's properties and its
 * regions. A handle keeps its connection until it is closed, also when that was lost: then each call says so.
 */
#include <errno.h>
#include <stdlib.h>

#include "rpc/client/buffers.h"
#include "rpc/client/conn.h"
#include "rpc/client/events.h"
#include "rpc/client/host.h"
#include "rpc/client/table.h"
#include "rpc/client/token.h"
#include "wire/props.h"

#define FLAGS (FPGA_OPEN_SHARED | FPGA_OPEN_HAS_PARENT_AFU)

fpga_result handle_check(const struct remote_handle *h)
{
	return conn_check(h->conn);
}

bool handle_is_ours(const struct remote_handle *h)
{
	return h->conn->forks == client_forks();
}

static void handle_free(struct remote_handle *h)
{
	client_events_drop(h);
	client_buffers_free(h->buffers);
	direct_landing_done(&h->landing);
	conn_put(h->conn);
	free(h);
}

/* OPEN's reply. */
static bool take(struct remote_handle *h, struct remote_object *o, struct wire_reader *r)
{
	h->id = wire_get_u64(r);
	o->parent = wire_get_u64(r);
	wire_get_props(r, &o->props);
	while (wire_more(r) && h->num_regions < REMOTE_REGIONS) {
		struct opaex_mmio_info *m = &h->regions[h->num_regions++];

		m->size = wire_get_u64(r);
		/* There it may be memory; from here each access is a message. */
		m->flags = wire_get_u32(r) & (uint32_t)(OPAEX_MMIO_READ | OPAEX_MMIO_WRITE);
		m->flags |= OPAEX_MMIO_TRAPPED;
	}
	return !r->bad && h->id;
}

/*
 * There was no answer in time, and the far side may open it yet, for nobody. It closes it when the connection
 * ends: which is now, unless others use that.
 */
static void give_up(struct remote_handle *h)
{
	if (atomic_load(&h->conn->refs) <= 2) /* this one, and the host's */
		conn_break(h->conn, -ECANCELED);
}

static fpga_result ask(struct remote_handle *h, int flags, bool *late)
{
	struct remote_object o = { .id = h->token };
	struct call c;
	fpga_result r;

	call_begin(&c, h->conn, WIRE_OPEN, h->token);
	wire_put_u32(&c.body, (uint32_t)flags & FPGA_OPEN_SHARED);
	r = call_run(&c);
	if (r == FPGA_OK && !take(h, &o, &c.reply))
		c.reply.bad = true;
	*late = r != FPGA_OK && !c.reply.at && c.error == ETIMEDOUT;
	r = call_end(&c, r);
	if (r == FPGA_OK)
		host_learned(h->host, &o);
	return r;
}

/* On the connection that there is; when that turns out to be lost, on a new one. */
static fpga_result open_somewhere(const struct remote_token *t, struct remote_handle *h, int flags)
{
	fpga_result r = FPGA_OK;
	bool late = false;

	for (unsigned int tries = 0; tries < 2; tries++) {
		conn_put(h->conn);
		h->conn = NULL;
		r = token_conn(t, &h->conn);
		if (r != FPGA_OK)
			return r;
		r = ask(h, flags, &late);
		if (r == FPGA_OK || late || !conn_lost(h->conn))
			break;
	}
	if (late)
		give_up(h);
	return r;
}

static fpga_result close_there(struct remote_handle *h)
{
	struct call c;

	call_begin(&c, h->conn, WIRE_CLOSE, h->id);
	return call_end(&c, call_run(&c));
}

/* What a handle needs here before it is used. */
static fpga_result furnish(struct remote_handle *h)
{
	int rc = io_start(h->conn);

	if (rc)
		return say_host(h->conn, FPGA_NO_MEMORY, "no thread for the connection: errno %d", -rc);
	h->buffers = client_buffers_new(h);
	if (!h->buffers)
		return say_host(h->conn, FPGA_NO_MEMORY, "no memory for the handle");
	conn_handle_enter(h->conn, h);
	return FPGA_OK;
}

static fpga_result open_handle(fpga_token token, fpga_handle *handle, int flags)
{
	const struct remote_token *t = token;
	struct remote_handle *h;
	fpga_result r;

	if (flags & ~FLAGS)
		return say(FPGA_INVALID_PARAM, "fpgaOpen: unknown flags 0x%x",
			   (unsigned int)(flags & ~FLAGS));
	h = calloc(1, sizeof(*h));
	if (!h)
		return say(FPGA_NO_MEMORY, "fpgaOpen: no memory");
	h->client = t->client;
	h->host = t->host;
	h->token = t->id;
	r = open_somewhere(t, h, flags);
	if (r == FPGA_OK) {
		r = furnish(h);
		if (r != FPGA_OK)
			close_there(h);
	}
	if (r != FPGA_OK) {
		handle_free(h);
		return r;
	}
	*handle = h;
	return FPGA_OK;
}

static fpga_result close_handle(fpga_handle handle)
{
	struct remote_handle *h = handle;
	fpga_result r;

	if (!handle_is_ours(h)) /* and stays as it is, in memory that is lost */
		return FPGA_OK;
	client_buffers_leave(h->buffers);
	r = close_there(h);
	conn_handle_leave(h->conn, h);
	handle_free(h);
	return r;
}

static fpga_result call_of(struct remote_handle *h, enum wire_op op)
{
	struct call c;
	fpga_result r = handle_check(h);

	if (r == FPGA_OK && client_buffers_any(h->buffers))
		r = client_buffers_release(h->buffers, NULL, NULL);
	if (r != FPGA_OK)
		return r;
	call_begin(&c, h->conn, op, h->id);
	return call_end(&c, call_run(&c));
}

static fpga_result reset_handle(fpga_handle handle)
{
	return call_of(handle, WIRE_RESET);
}

static fpga_result quiesce(fpga_handle handle)
{
	return call_of(handle, WIRE_QUIESCE);
}

static fpga_result get_properties(fpga_handle handle, fpga_properties *prop)
{
	struct remote_handle *h = handle;
	fpga_properties made = NULL;
	struct call c;
	fpga_result r;

	call_begin(&c, h->conn, WIRE_HANDLE_PROPERTIES, h->id);
	r = props_ask(&c, h->host, h->token, &made);
	if (r == FPGA_OK)
		*prop = made;
	return r;
}

void client_fill_handles(opae_api_adapter_table *t)
{
	t->fpgaOpen = open_handle;
	t->fpgaClose = close_handle;
	t->fpgaReset = reset_handle;
	t->quiesce = quiesce;
	t->fpgaGetPropertiesFromHandle = get_properties;
}
