/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A far object: its id there, and the connection that the id is of. What it is (a container, an attribute) is
 * known from the beginning. Once the connection is lost its id means nothing, and so its calls fail; it can
 * be destroyed as ever. Different objects need no lock; of one, the library makes a call at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "rpc/client/call.h"
#include "rpc/client/conn.h"
#include "rpc/client/table.h"
#include "wire/utf8.h"

struct far_object {
	struct conn *conn; /* counted */
	uint64_t id;
	enum fpga_sysobject_type type;
};

/* The name's length is the wire's limit; everything else about it is the far side's to judge. */
static fpga_result check_name(const char *name)
{
	size_t len = strnlen(name, WIRE_STRING_MAX + 1);

	if (len > WIRE_STRING_MAX)
		return say(FPGA_INVALID_PARAM, "the object's name is longer than %u bytes", WIRE_STRING_MAX);
	if (!utf8_valid(name, len))
		return say(FPGA_INVALID_PARAM, "the object's name is not UTF-8");
	return FPGA_OK;
}

/* ---- finding ---- */

/*
 * Runs a call that answers "tu", and ends it. The connection's count is taken over, also on failure: the
 * new object keeps it.
 */
static fpga_result run_for_object(struct call *c, struct conn *conn, fpga_object *ret)
{
	struct far_object *o = malloc(sizeof(*o));
	fpga_result r = o ? call_run(c) : say(FPGA_NO_MEMORY, "no memory for an object");
	uint32_t type;

	if (r == FPGA_OK) {
		o->conn = conn;
		o->id = wire_get_u64(&c->reply);
		type = wire_get_u32(&c->reply);
		o->type = (enum fpga_sysobject_type)type;
		c->reply.bad |= type != FPGA_OBJECT_CONTAINER && type != FPGA_OBJECT_ATTRIBUTE;
	}
	r = call_end(c, r);
	if (r != FPGA_OK) {
		free(o);
		conn_put(conn);
		return r;
	}
	*ret = o;
	return FPGA_OK;
}

static fpga_result named(struct conn *conn, enum wire_op op, uint64_t in, const char *name, int flags,
			 fpga_object *ret)
{
	struct call c;

	call_begin(&c, conn, op, in);
	call_room(&c, strlen(name) + 16);
	wire_put_text(&c.body, name);
	wire_put_u32(&c.body, (uint32_t)flags);
	return run_for_object(&c, conn, ret);
}

static fpga_result token_get_object(fpga_token token, const char *name, fpga_object *object, int flags)
{
	const struct remote_token *t = token;
	struct conn *conn;
	fpga_result r = check_name(name);

	if (r == FPGA_OK)
		r = token_conn(t, &conn);
	if (r != FPGA_OK)
		return r;
	return named(conn, WIRE_TOKEN_OBJECT, t->id, name, flags, object);
}

static fpga_result handle_get_object(fpga_handle handle, const char *name, fpga_object *object, int flags)
{
	const struct remote_handle *h = handle;
	fpga_result r = handle_check(h);

	if (r == FPGA_OK)
		r = check_name(name);
	if (r != FPGA_OK)
		return r;
	return named(conn_get(h->conn), WIRE_HANDLE_OBJECT, h->id, name, flags, object);
}

static fpga_result object_get_object(fpga_object parent, const char *name, fpga_object *object, int flags)
{
	const struct far_object *o = parent;
	fpga_result r = check_name(name);

	if (r != FPGA_OK)
		return r;
	return named(conn_get(o->conn), WIRE_OBJECT_OBJECT, o->id, name, flags, object);
}

static fpga_result object_get_object_at(fpga_object parent, size_t idx, fpga_object *object)
{
	const struct far_object *o = parent;
	struct call c;

	call_begin(&c, o->conn, WIRE_OBJECT_AT, o->id);
	wire_put_u64(&c.body, idx);
	return run_for_object(&c, conn_get(o->conn), object);
}

/* The far side's goes with the connection, if not now; so there is nothing to tell when that fails. */
static fpga_result destroy_object(fpga_object *object)
{
	struct far_object *o = *object;
	struct call c;

	call_begin(&c, o->conn, WIRE_OBJECT_DESTROY, o->id);
	call_end(&c, call_run(&c));
	conn_put(o->conn);
	free(o);
	*object = NULL;
	return FPGA_OK;
}

/* ---- values ---- */

static fpga_result object_get_type(fpga_object object, enum fpga_sysobject_type *type)
{
	const struct far_object *o = object;

	*type = o->type;
	return FPGA_OK;
}

static fpga_result object_get_size(fpga_object object, uint32_t *value, int flags)
{
	const struct far_object *o = object;
	struct call c;
	uint32_t v;
	fpga_result r;

	call_begin(&c, o->conn, WIRE_OBJECT_SIZE, o->id);
	wire_put_u32(&c.body, (uint32_t)flags);
	r = call_run(&c);
	v = r == FPGA_OK ? wire_get_u32(&c.reply) : 0;
	r = call_end(&c, r);
	if (r == FPGA_OK)
		*value = v;
	return r;
}

static fpga_result read_piece(const struct far_object *o, uint8_t *at, uint64_t offset, uint32_t len,
			      int flags)
{
	struct call c;
	fpga_result r;

	call_begin(&c, o->conn, WIRE_OBJECT_READ, o->id);
	c.place = at;
	c.place_len = len;
	wire_put_u64(&c.body, offset);
	wire_put_u32(&c.body, len);
	wire_put_u32(&c.body, (uint32_t)flags);
	r = call_run(&c);
	if (r == FPGA_OK && c.placed != len)
		c.reply.bad = true;
	return call_end(&c, r);
}

/*
 * By memory of ours: the program's may be a buffer, whose pages who reads the connection must not wait for.
 * Only the first piece is read anew, if that is wanted: the others are to be of the same content. */
static fpga_result object_read(fpga_object object, uint8_t *buffer, size_t offset, size_t len, int flags)
{
	const struct far_object *o = object;
	CLEANUP_FREE uint8_t *came = malloc(len < WIRE_BULK ? len + 1 : WIRE_BULK);
	fpga_result r = came ? FPGA_OK : say(FPGA_NO_MEMORY, "fpgaObjectRead: no memory");
	size_t at = 0;

	while (r == FPGA_OK) {
		size_t piece = len - at < WIRE_BULK ? len - at : WIRE_BULK;

		r = read_piece(o, came, offset + at, (uint32_t)piece, flags);
		if (r == FPGA_OK)
			memcpy(buffer + at, came, piece);
		flags &= ~FPGA_OBJECT_SYNC;
		at += piece;
		if (at == len)
			break;
	}
	return r;
}

static fpga_result object_read64(fpga_object object, uint64_t *value, int flags)
{
	const struct far_object *o = object;
	struct call c;
	uint64_t v;
	fpga_result r;

	call_begin(&c, o->conn, WIRE_OBJECT_READ64, o->id);
	wire_put_u32(&c.body, (uint32_t)flags);
	r = call_run(&c);
	v = r == FPGA_OK ? wire_get_u64(&c.reply) : 0;
	r = call_end(&c, r);
	if (r == FPGA_OK)
		*value = v;
	return r;
}

static fpga_result object_write64(fpga_object object, uint64_t value, int flags)
{
	const struct far_object *o = object;
	struct call c;

	call_begin(&c, o->conn, WIRE_OBJECT_WRITE64, o->id);
	wire_put_u64(&c.body, value);
	wire_put_u32(&c.body, (uint32_t)flags);
	return call_end(&c, call_run(&c));
}

void client_fill_objects(opae_api_adapter_table *t)
{
	t->fpgaTokenGetObject = token_get_object;
	t->fpgaHandleGetObject = handle_get_object;
	t->fpgaObjectGetObject = object_get_object;
	t->fpgaObjectGetObjectAt = object_get_object_at;
	t->fpgaDestroyObject = destroy_object;
	t->fpgaObjectRead = object_read;
	t->fpgaObjectRead64 = object_read64;
	t->fpgaObjectGetSize = object_get_size;
	t->fpgaObjectGetType = object_get_type;
	t->fpgaObjectWrite64 = object_write64;
}
