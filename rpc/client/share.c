/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer of one accelerator for another on the same host, its child. The far side gives it to that device
 * as well; here the child remembers whose buffers its device works on, because a register write of the child
 * may start work on them.
 */
#include "base/cleanup.h"
#include "rpc/client/buffers-internal.h"
#include "rpc/client/call.h"
#include "rpc/client/conn.h"

static bool has(struct handle_buffers *b, const void *at, uint64_t ioaddr, uint64_t *wsid)
{
	SCOPED_LOCK(&b->lock);

	for (uint32_t i = 0; i < b->num; i++)
		if (b->list[i]->at == at && b->list[i]->ioaddr == ioaddr && !b->list[i]->leaving) {
			*wsid = b->list[i]->wsid;
			return true;
		}
	return false;
}

/* Whose buffer it is; counted. NULL: no other open handle's of this connection. */
static struct handle_buffers *find_owner(struct remote_handle *h, const void *at, uint64_t ioaddr,
					 uint64_t *handle, uint64_t *wsid)
{
	SCOPED_LOCK(&h->conn->handles_lock);

	for (struct remote_handle *o = h->conn->handles; o; o = o->next)
		if (o != h && has(o->buffers, at, ioaddr, wsid)) {
			*handle = o->id;
			atomic_fetch_add(&o->buffers->refs, 1);
			return o->buffers;
		}
	return NULL;
}

static fpga_result ask(struct remote_handle *h, enum wire_op op, uint64_t owner, uint64_t wsid,
		       uint64_t ioaddr)
{
	struct call c;

	call_begin(&c, h->conn, op, h->id);
	wire_put_u64(&c.body, owner);
	wire_put_u64(&c.body, wsid);
	wire_put_u64(&c.body, ioaddr);
	return call_end(&c, call_run(&c));
}

static fpga_result not_there(const struct remote_handle *h, uint64_t len, uint64_t ioaddr)
{
	return say_host(h->conn, FPGA_INVALID_PARAM,
			"no other accelerator that is open there has this buffer of %llu bytes at IO address "
			"0x%llx", (unsigned long long)len, (unsigned long long)ioaddr);
}

fpga_result client_pin(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr)
{
	struct remote_handle *h = handle;
	struct handle_buffers *b = h->buffers, *owner;
	uint64_t id, wsid;
	fpga_result r = handle_check(h);

	if (r != FPGA_OK)
		return r;
	owner = find_owner(h, buf, ioaddr, &id, &wsid);
	if (!owner)
		return not_there(h, len, ioaddr);
	r = ask(h, WIRE_PIN, id, wsid, ioaddr);
	if (r != FPGA_OK) {
		client_buffers_put(owner);
		return r;
	}
	SCOPED_LOCK(&b->lock);
	if (b->owner) /* the same: the far side allows no other */
		client_buffers_put(owner);
	else
		b->owner = owner;
	b->owned++;
	atomic_fetch_add(&b->travelling, 1);
	return FPGA_OK;
}

fpga_result client_unpin(fpga_handle handle, void *buf, uint64_t len, uint64_t ioaddr)
{
	struct remote_handle *h = handle;
	struct handle_buffers *b = h->buffers, *owner;
	uint64_t id, wsid;
	fpga_result r = handle_check(h);
	bool last = false;

	if (r != FPGA_OK)
		return r;
	owner = find_owner(h, buf, ioaddr, &id, &wsid);
	if (!owner)
		return not_there(h, len, ioaddr);
	r = ask(h, WIRE_UNPIN, id, wsid, ioaddr);
	client_buffers_put(owner);
	if (r != FPGA_OK)
		return r;
	pthread_mutex_lock(&b->lock);
	if (b->owned) {
		last = !--b->owned;
		atomic_fetch_sub(&b->travelling, 1);
	}
	pthread_mutex_unlock(&b->lock);
	if (last)
		client_disown(b);
	return FPGA_OK;
}

void client_disown(struct handle_buffers *b)
{
	struct handle_buffers *owner;

	pthread_mutex_lock(&b->lock);
	owner = b->owner;
	b->owner = NULL;
	atomic_fetch_sub(&b->travelling, b->owned);
	b->owned = 0;
	pthread_mutex_unlock(&b->lock);
	client_buffers_put(owner);
}
