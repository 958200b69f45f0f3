/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/local/object.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/sysfs.h"
#include "plugins/local/attribute.h"
#include "plugins/local/local.h"
#include "plugins/local/watch.h"

#define RECURSES (FPGA_OBJECT_RECURSE_ONE | FPGA_OBJECT_RECURSE_ALL)
#define ALL_FLAGS (FPGA_OBJECT_SYNC | FPGA_OBJECT_GLOB | FPGA_OBJECT_RAW | RECURSES)

/* ---- finding ---- */

static fpga_result check_name(const char *name, int flags, const char *call)
{
	const char *problem = name_problem(name, flags & FPGA_OBJECT_GLOB);

	if (flags & ~ALL_FLAGS)
		return say(FPGA_INVALID_PARAM, "%s: unknown flags 0x%x", call,
			   (unsigned int)flags & ~(unsigned int)ALL_FLAGS);
	return problem ? say(FPGA_INVALID_PARAM, "%s: \"%s\": %s", call, name, problem) : FPGA_OK;
}

/* Is the device still what the token or the handle was made of? */
static fpga_result present(const struct handle *h, const struct dfl_device *d, const char *call)
{
	uint64_t identity;

	if (!h)
		return attribute_device(d, call);
	if (dfl_identity(d, &identity) || identity != h->identity)
		watch_look(h->inst);
	return alive(h, call);
}

static enum depth depth_of(int flags)
{
	return flags & FPGA_OBJECT_RECURSE_ALL ? DEPTH_ALL :
	       flags & FPGA_OBJECT_RECURSE_ONE ? DEPTH_ONE :
						 DEPTH_NONE;
}

/* base: the folder that the name is in; "": the device's own */
static fpga_result get(struct handle *h, const struct dfl_device *d, const char *base, const char *name,
		       int flags, const char *call, fpga_object *ret)
{
	struct finds finds = { 0 };
	struct sysobject *o;
	fpga_result r = check_name(name, flags, call);
	int rc;

	if (r == FPGA_OK)
		r = present(h, d, call);
	if (r != FPGA_OK)
		return r;
	rc = finds_get(&finds, d, base, name, flags & FPGA_OBJECT_GLOB);
	if (!rc)
		rc = object_load(&o, h, d, &finds, depth_of(flags));
	if (!rc)
		*ret = o;
	else /* with the path, for what was found and may not be read */
		r = attribute_failed(d, finds.num == 1 ? finds.list[0].path : name, rc, false, call);
	finds_done(&finds);
	return r;
}

static fpga_result local_token_get_object(fpga_token token, const char *name, fpga_object *object,
					  int flags)
{
	const struct token *t = token;

	return get(NULL, &t->dev, "", name, flags, "fpgaTokenGetObject", object);
}

static fpga_result local_handle_get_object(fpga_handle handle, const char *name, fpga_object *object,
					   int flags)
{
	struct handle *h = handle;

	return get(h, &h->token.dev, "", name, flags, "fpgaHandleGetObject", object);
}

static fpga_result local_object_get_object(fpga_object parent, const char *name, fpga_object *object,
					   int flags)
{
	const struct sysobject *p = parent;

	if (!p->folder)
		return say(FPGA_INVALID_PARAM, "fpgaObjectGetObject: \"%s\" is no container", p->path);
	return get(p->handle, &p->dev, p->path, name, flags, "fpgaObjectGetObject", object);
}

static fpga_result local_object_get_object_at(fpga_object parent, size_t i, fpga_object *object)
{
	const struct sysobject *p = parent;
	struct sysobject *o;

	if (!p->folder)
		return say(FPGA_INVALID_PARAM, "fpgaObjectGetObjectAt: \"%s\" is no container", p->path);
	if (i >= p->num)
		return say(FPGA_INVALID_PARAM, "fpgaObjectGetObjectAt: %zu: %u children are loaded%s", i,
			   p->num, p->num ? "" : "; FPGA_OBJECT_RECURSE_ONE loads them");
	o = object_clone(p->children[i]);
	if (!o)
		return say(FPGA_NO_MEMORY, "fpgaObjectGetObjectAt: no memory");
	*object = o;
	return FPGA_OK;
}

static fpga_result local_destroy_object(fpga_object *object)
{
	object_free(*object);
	*object = NULL;
	return FPGA_OK;
}

/* ---- reading ---- */

static fpga_result local_object_get_type(fpga_object object, enum fpga_sysobject_type *type)
{
	const struct sysobject *o = object;

	*type = o->folder ? FPGA_OBJECT_CONTAINER : FPGA_OBJECT_ATTRIBUTE;
	return FPGA_OK;
}

static fpga_result not_a_folder(const struct sysobject *o, const char *call)
{
	return o->folder ? say(FPGA_INVALID_PARAM, "%s: \"%s\" is a container", call, o->path) : FPGA_OK;
}

/* An attribute that can be answered from; with SYNC it is read anew. */
static fpga_result readable(struct sysobject *o, int flags, const char *call)
{
	fpga_result r = not_a_folder(o, call);
	int rc = o->rc;

	if (r == FPGA_OK && flags & FPGA_OBJECT_SYNC) {
		r = present(o->handle, &o->dev, call);
		rc = r == FPGA_OK ? object_refresh(o) : 0;
	}
	if (r == FPGA_OK && rc)
		r = attribute_failed(&o->dev, o->path, rc, false, call);
	return r;
}

static fpga_result local_object_get_size(fpga_object object, uint32_t *size, int flags)
{
	struct sysobject *o = object;
	fpga_result r = o->folder ? FPGA_OK : readable(o, flags, "fpgaObjectGetSize");

	if (r == FPGA_OK)
		*size = o->folder ? o->num : (uint32_t)o->len;
	return r;
}

static fpga_result local_object_read(fpga_object object, uint8_t *buffer, size_t offset, size_t len,
				     int flags)
{
	struct sysobject *o = object;
	fpga_result r = readable(o, flags, "fpgaObjectRead");

	if (r != FPGA_OK)
		return r;
	if (offset > o->len || len > o->len - offset)
		return say(FPGA_INVALID_PARAM, "fpgaObjectRead: %zu bytes from %zu of %s; it has %zu", len,
			   offset, o->path, o->len);
	memcpy(buffer, o->data + offset, len);
	return FPGA_OK;
}

/* A number at the beginning, and nothing but white space and what comes behind it. */
static bool parse(const char *text, uint64_t *ret)
{
	const char *digits = text + (*text == '-');
	unsigned long long v;
	char *end;

	if (!isdigit((unsigned char)*digits))
		return false;
	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || (*end && !isspace((unsigned char)*end)))
		return false;
	*ret = v;
	return true;
}

static fpga_result local_object_read64(fpga_object object, uint64_t *value, int flags)
{
	struct sysobject *o = object;
	fpga_result r = readable(o, flags, "fpgaObjectRead64");

	if (r != FPGA_OK)
		return r;
	if (flags & FPGA_OBJECT_RAW) {
		*value = 0;
		memcpy(value, o->data, o->len < sizeof(*value) ? o->len : sizeof(*value));
		return FPGA_OK;
	}
	if (!parse((const char *)o->data, value))
		return say(FPGA_INVALID_PARAM, "fpgaObjectRead64: what %s shows is no number of 64 bits",
			   o->path);
	return FPGA_OK;
}

/* ---- writing ---- */

static fpga_result local_object_write64(fpga_object object, uint64_t value, int flags)
{
	struct sysobject *o = object;
	fpga_result r = not_a_folder(o, "fpgaObjectWrite64");
	char text[24];
	int rc;

	if (r != FPGA_OK)
		return r;
	if (!o->handle)
		return say(FPGA_INVALID_PARAM,
			   "fpgaObjectWrite64: an object that came from a token can only be read");
	r = present(o->handle, &o->dev, "fpgaObjectWrite64");
	if (r != FPGA_OK)
		return r;
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)value);
	rc = flags & FPGA_OBJECT_RAW ?
		     sysfs_write_bytes(&value, sizeof(value), "%s/%s", o->dev.dir, o->path) :
		     sysfs_write(text, "%s/%s", o->dev.dir, o->path);
	if (rc)
		return attribute_failed(&o->dev, o->path, rc, true, "fpgaObjectWrite64");
	if (o->mode & 0444)
		object_refresh(o); /* it was written, whether it can be read or not */
	return FPGA_OK;
}

void fill_objects(opae_api_adapter_table *t)
{
	t->fpgaTokenGetObject = local_token_get_object;
	t->fpgaHandleGetObject = local_handle_get_object;
	t->fpgaObjectGetObject = local_object_get_object;
	t->fpgaObjectGetObjectAt = local_object_get_object_at;
	t->fpgaDestroyObject = local_destroy_object;
	t->fpgaObjectRead = local_object_read;
	t->fpgaObjectRead64 = local_object_read64;
	t->fpgaObjectGetSize = local_object_get_size;
	t->fpgaObjectGetType = local_object_get_type;
	t->fpgaObjectWrite64 = local_object_write64;
}
