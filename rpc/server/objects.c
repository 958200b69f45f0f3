/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects of a session. On the wire one is an id: a slot's number + 1 below, the slot's generation above, so
 * that an id that was destroyed stays unknown. All here is the dispatch thread's.
 */
#include <stdlib.h>

#include "rpc/server/calls.h"

struct session_object {
	uint64_t id; /* in force; 0: the slot is unused */
	fpga_object object;
	const struct session_handle *handle; /* that it came from; NULL: a token */
	uint32_t rights;		     /* those of what it came from */
	uint32_t number, generation;
	struct session_object *next;
};

/* ---- the table of them ---- */

static bool grow(struct session_calls *c)
{
	struct session_object **more, *o;
	uint32_t room = c->room ? c->room * 2 : 16;

	if (c->num_slots == c->room) {
		more = reallocarray(c->slots, room, sizeof(struct session_object *));
		if (!more)
			return false;
		c->slots = more;
		c->room = room;
	}
	o = calloc(1, sizeof(*o));
	if (!o)
		return false;
	o->number = c->num_slots;
	c->slots[c->num_slots++] = o;
	c->unused = o;
	return true;
}

static void drop(struct rpc_session *s, struct session_calls *c, struct session_object *o)
{
	session_served(s)->table->fpgaDestroyObject(&o->object);
	o->id = 0;
	o->generation++;
	o->object = NULL;
	o->handle = NULL;
	o->next = c->unused;
	c->unused = o;
	c->live--;
}

/* ---- for the session ---- */

struct session_object *objects_find(struct rpc_session *s, uint64_t id)
{
	const struct session_calls *c = session_calls(s);
	uint32_t number = (uint32_t)id - 1;

	if (!c || !id || number >= c->num_slots || c->slots[number]->id != id)
		return NULL;
	return c->slots[number];
}

uint32_t objects_rights(const struct session_object *o)
{
	return o->rights;
}

static void drop_those_of(struct rpc_session *s, struct session_calls *c, const struct session_handle *h)
{
	for (uint32_t i = 0; i < c->num_slots; i++)
		if (c->slots[i]->id && (!h || c->slots[i]->handle == h))
			drop(s, c, c->slots[i]);
}

void objects_drop_handle(struct rpc_session *s, struct session_handle *h)
{
	struct session_calls *c = session_calls(s);

	if (!c)
		return;
	drop_those_of(s, c, h);
	manage_drop_handle(c, h);
}

void objects_drop_all(struct rpc_session *s)
{
	void **word = session_objects(s);
	struct session_calls *c = *word;

	if (!c)
		return;
	drop_those_of(s, c, NULL);
	for (uint32_t i = 0; i < c->num_slots; i++)
		free(c->slots[i]);
	free(c->slots);
	free(c);
	*word = NULL;
}

/* ---- finding ---- */

/* Before the table is asked, so that a full session costs the device nothing. */
static fpga_result make_room(struct rpc_session *s, struct request *q)
{
	uint32_t most = session_options(s)->max_objects;
	struct session_calls *c = session_calls(s);

	if (c && c->live >= most)
		return request_fail(q, FPGA_NO_MEMORY, "%u objects are there, and a client may have no more: "
				    "destroy some", most);
	if (!c || (!c->unused && !grow(c)))
		return request_fail(q, FPGA_NO_MEMORY, "no memory for an object");
	return FPGA_OK;
}

/* Takes the table's object over. */
static fpga_result reply_object(struct rpc_session *s, struct request *q, fpga_object object,
				const struct session_handle *from, uint32_t rights)
{
	struct session_calls *c = session_calls(s);
	struct session_object *o = c->unused;
	enum fpga_sysobject_type type;
	fpga_result r = session_served(s)->table->fpgaObjectGetType(object, &type);

	if (r != FPGA_OK) {
		session_served(s)->table->fpgaDestroyObject(&object);
		return r;
	}
	c->unused = o->next;
	c->live++;
	o->object = object;
	o->handle = from;
	o->rights = rights;
	o->id = (uint64_t)(session_options(s)->first_id + o->generation) << 32 | (o->number + 1);
	wire_put_u64(&q->out, o->id);
	wire_put_u32(&q->out, (uint32_t)type);
	return FPGA_OK;
}

/* What the three calls by name begin with. */
struct wanted {
	char name[WIRE_STRING_MAX + 1];
	int flags;
};

static fpga_result get_wanted(struct rpc_session *s, struct request *q, struct wanted *w)
{
	fpga_result r;

	wire_get_string(&q->in, w->name, sizeof(w->name));
	w->flags = (int)wire_get_u32(&q->in);
	r = request_whole(q);
	return r == FPGA_OK ? make_room(s, q) : r;
}

fpga_result serve_TOKEN_OBJECT(struct rpc_session *s, struct request *q)
{
	fpga_object object;
	struct wanted w;
	fpga_result r = get_wanted(s, q, &w);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaTokenGetObject(q->token->token, w.name, &object, w.flags);
	return r == FPGA_OK ? reply_object(s, q, object, NULL, q->token->rights) : r;
}

fpga_result serve_HANDLE_OBJECT(struct rpc_session *s, struct request *q)
{
	fpga_object object;
	struct wanted w;
	fpga_result r = get_wanted(s, q, &w);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaHandleGetObject(q->handle->handle, w.name, &object,
								  w.flags);
	return r == FPGA_OK ? reply_object(s, q, object, q->handle, q->handle->rights) : r;
}

fpga_result serve_OBJECT_OBJECT(struct rpc_session *s, struct request *q)
{
	const struct session_object *o = q->object;
	fpga_object object;
	struct wanted w;
	fpga_result r = get_wanted(s, q, &w);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaObjectGetObject(o->object, w.name, &object, w.flags);
	return r == FPGA_OK ? reply_object(s, q, object, o->handle, o->rights) : r;
}

fpga_result serve_OBJECT_AT(struct rpc_session *s, struct request *q)
{
	const struct session_object *o = q->object;
	uint64_t index = wire_get_u64(&q->in);
	fpga_object object;
	fpga_result r = request_whole(q);

	if (r == FPGA_OK)
		r = make_room(s, q);
	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaObjectGetObjectAt(o->object, index, &object);
	return r == FPGA_OK ? reply_object(s, q, object, o->handle, o->rights) : r;
}

fpga_result serve_OBJECT_DESTROY(struct rpc_session *s, struct request *q)
{
	drop(s, session_calls(s), q->object);
	return FPGA_OK;
}

/* ---- values ---- */

fpga_result serve_OBJECT_SIZE(struct rpc_session *s, struct request *q)
{
	int flags = (int)wire_get_u32(&q->in);
	uint32_t size = 0;
	fpga_result r = request_whole(q);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaObjectGetSize(q->object->object, &size, flags);
	if (r == FPGA_OK)
		wire_put_u32(&q->out, size);
	return r;
}

fpga_result serve_OBJECT_READ(struct rpc_session *s, struct request *q)
{
	uint64_t offset = wire_get_u64(&q->in);
	uint32_t len = wire_get_u32(&q->in);
	int flags = (int)wire_get_u32(&q->in);
	fpga_result r = request_whole(q);
	void *at;

	if (r != FPGA_OK)
		return r;
	at = len > WIRE_BULK ? NULL : wire_put_bytes_room(&q->out, len);
	if (!at)
		return request_fail(q, FPGA_INVALID_PARAM, "OBJECT_READ: %u bytes at once; a reply takes "
				    "at most %u, and no more than the client's frames", len, WIRE_BULK);
	return session_served(s)->table->fpgaObjectRead(q->object->object, at, offset, len, flags);
}

fpga_result serve_OBJECT_READ64(struct rpc_session *s, struct request *q)
{
	int flags = (int)wire_get_u32(&q->in);
	uint64_t value = 0;
	fpga_result r = request_whole(q);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaObjectRead64(q->object->object, &value, flags);
	if (r == FPGA_OK)
		wire_put_u64(&q->out, value);
	return r;
}

fpga_result serve_OBJECT_WRITE64(struct rpc_session *s, struct request *q)
{
	uint64_t value = wire_get_u64(&q->in);
	int flags = (int)wire_get_u32(&q->in);
	fpga_result r = request_whole(q);

	if (r == FPGA_OK)
		r = session_served(s)->table->fpgaObjectWrite64(q->object->object, value, flags);
	return r;
}
