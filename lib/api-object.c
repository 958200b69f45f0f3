/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sysobjects. One that came from a handle lives no longer than the handle; the id stays with the
 * program, answers FPGA_INVALID_PARAM and can be destroyed as ever.
 */
#include <stdlib.h>

#include "lib/call.h"

static fpga_result object_bad(const char *call)
{
	return fail(FPGA_INVALID_PARAM,
		    "%s: not an object, or one that was destroyed or whose handle was closed",
		    call);
}

/* Takes the plugin's object over. */
static fpga_result publish(const struct adapter *a, fpga_object plugin, void *handle,
			   fpga_object *out)
{
	struct wrapped_object *o = calloc(1, sizeof(*o));
	void *id = NULL;

	if (!o) {
		a->table->fpgaDestroyObject(&plugin);
		return fail(FPGA_NO_MEMORY, "no memory for an object");
	}
	pthread_mutex_init(&o->lock, NULL);
	atomic_init(&o->refs, 1);
	o->adapter = a;
	o->plugin = plugin;
	o->handle = handle;
	id = id_add(&objects, o);
	if (!id) {
		object_unref(o);
		return fail(FPGA_NO_MEMORY, "too many objects");
	}
	*out = id;
	return FPGA_OK;
}

fpga_result fpgaTokenGetObject(fpga_token token, const char *name, fpga_object *object, int flags)
{
	struct wrapped_token *t = token_ref(token);
	fpga_object plugin;
	fpga_result r;

	if (!t)
		return token_bad("fpgaTokenGetObject");
	if (!name || !object)
		r = fail(FPGA_INVALID_PARAM, "fpgaTokenGetObject: a pointer is NULL");
	else
		r = detail_finish(t->adapter->table->fpgaTokenGetObject(t->plugin, name, &plugin,
									flags),
				  "fpgaTokenGetObject", t->adapter->name);
	if (r == FPGA_OK)
		r = publish(t->adapter, plugin, NULL, object);
	token_unref(t);
	return r;
}

fpga_result fpgaHandleGetObject(fpga_handle handle, const char *name, fpga_object *object,
				int flags)
{
	struct wrapped_handle *w = handle_enter(handle);
	fpga_object plugin;
	fpga_result r;

	if (!w)
		return handle_bad("fpgaHandleGetObject");
	if (!name || !object)
		r = fail(FPGA_INVALID_PARAM, "fpgaHandleGetObject: a pointer is NULL");
	else
		r = detail_finish(w->table->fpgaHandleGetObject(w->plugin, name, &plugin, flags),
				  "fpgaHandleGetObject", w->adapter->name);
	if (r == FPGA_OK)
		r = publish(w->adapter, plugin, handle, object);
	handle_leave();
	return r;
}

fpga_result fpgaDestroyObject(fpga_object *object)
{
	struct wrapped_object *o;

	if (!object)
		return fail(FPGA_INVALID_PARAM, "fpgaDestroyObject: the pointer is NULL");
	pthread_mutex_lock(&objects.lock);
	o = id_remove_locked(&objects, *object);
	pthread_mutex_unlock(&objects.lock);
	if (!o)
		return object_bad("fpgaDestroyObject");
	object_unref(o);
	return FPGA_OK;
}

/* Runs one call on the plugin's object, its lock held, so that closing the handle waits. */
#define OBJECT_CALL(call, object, pointers_ok, ...)                                                \
	struct wrapped_object *o = object_ref(object);                                             \
	fpga_result r;                                                                             \
                                                                                                   \
	if (!o)                                                                                    \
		return object_bad(#call);                                                          \
	pthread_mutex_lock(&o->lock);                                                              \
	if (!o->plugin)                                                                            \
		r = object_bad(#call);                                                             \
	else if (!(pointers_ok))                                                                   \
		r = fail(FPGA_INVALID_PARAM, #call ": a pointer is NULL");                         \
	else                                                                                       \
		r = detail_finish(o->adapter->table->call(o->plugin, __VA_ARGS__), #call,          \
				  o->adapter->name);                                               \
	pthread_mutex_unlock(&o->lock)

fpga_result fpgaObjectGetObject(fpga_object parent, const char *name, fpga_object *object,
				int flags)
{
	fpga_object child;
	OBJECT_CALL(fpgaObjectGetObject, parent, name && object, name, &child, flags);

	if (r == FPGA_OK)
		r = publish(o->adapter, child, o->handle, object);
	object_unref(o);
	return r;
}

fpga_result fpgaObjectGetObjectAt(fpga_object parent, size_t idx, fpga_object *object)
{
	fpga_object child;
	OBJECT_CALL(fpgaObjectGetObjectAt, parent, object, idx, &child);

	if (r == FPGA_OK)
		r = publish(o->adapter, child, o->handle, object);
	object_unref(o);
	return r;
}

fpga_result fpgaObjectRead(fpga_object obj, uint8_t *buffer, size_t offset, size_t len, int flags)
{
	OBJECT_CALL(fpgaObjectRead, obj, buffer, buffer, offset, len, flags);

	object_unref(o);
	return r;
}

fpga_result fpgaObjectRead64(fpga_object obj, uint64_t *value, int flags)
{
	OBJECT_CALL(fpgaObjectRead64, obj, value, value, flags);

	object_unref(o);
	return r;
}

fpga_result fpgaObjectGetSize(fpga_object obj, uint32_t *value, int flags)
{
	OBJECT_CALL(fpgaObjectGetSize, obj, value, value, flags);

	object_unref(o);
	return r;
}

fpga_result fpgaObjectGetType(fpga_object obj, enum fpga_sysobject_type *type)
{
	OBJECT_CALL(fpgaObjectGetType, obj, type, type);

	object_unref(o);
	return r;
}

fpga_result fpgaObjectWrite64(fpga_object obj, uint64_t value, int flags)
{
	OBJECT_CALL(fpgaObjectWrite64, obj, true, value, flags);

	object_unref(o);
	return r;
}
