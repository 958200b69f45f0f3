/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The error registers as sysfs attributes, for programs that reach them so: "errors/fme_errors" of an
 * FPGA_DEVICE, "errors/errors" of an accelerator. An attribute's text is what the kernel prints.
 * There is one folder, "errors".
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/vfio/errors.h"

#define FOLDER "errors"
#define RECURSES (FPGA_OBJECT_RECURSE_ONE | FPGA_OBJECT_RECURSE_ALL)
#define ALL_FLAGS (FPGA_OBJECT_SYNC | FPGA_OBJECT_GLOB | FPGA_OBJECT_RAW | RECURSES)

struct sysobject {
	struct handle *handle; /* NULL: it came from a token, and cannot be written */
	struct token token;
	bool folder;
	uint32_t num; /* attributes in it that are loaded; of an attribute 1 */
	const struct error_register *regs[ERRORS_MAX];
	char text[24]; /* of an attribute, as last read */
};

static fpga_result refresh(struct sysobject *o)
{
	uint64_t v;
	fpga_result r = errors_read(o->handle, &o->token, o->regs[0], &v);

	if (r == FPGA_OK)
		snprintf(o->text, sizeof(o->text), "0x%llx\n", (unsigned long long)v);
	return r;
}

static struct sysobject *new_object(struct handle *h, const struct token *t)
{
	struct sysobject *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->handle = h;
	o->token = *t;
	facts_ref(t->facts);
	return o;
}

fpga_result vfio_destroy_object(fpga_object *object)
{
	struct sysobject *o = *object;

	if (o)
		facts_unref(o->token.facts);
	free(o);
	*object = NULL;
	return FPGA_OK;
}

/* Attributes of the folder that the pattern names. */
static void match(struct sysobject *o, const char *pattern, bool glob)
{
	const struct error_register *list = NULL;
	uint32_t n = errors_of(token_object(&o->token), &list);

	for (uint32_t i = 0; i < n; i++)
		if (!pattern || (glob ? !fnmatch(pattern, list[i].name, FNM_PERIOD) :
					!strcmp(pattern, list[i].name)))
			o->regs[o->num++] = &list[i];
}

/* "errors", "errors/NAME", and with GLOB patterns in either part. */
static fpga_result find(struct sysobject *o, const char *name, int flags)
{
	const char *slash = strchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : strlen(name);
	bool glob = flags & FPGA_OBJECT_GLOB;
	const struct error_register *list;
	char folder[64] = "";

	if (len < sizeof(folder))
		memcpy(folder, name, len);
	if (!errors_of(token_object(&o->token), &list))
		return FPGA_NOT_SUPPORTED;
	if ((glob ? fnmatch(folder, FOLDER, FNM_PERIOD) : strcmp(folder, FOLDER)))
		return FPGA_NOT_FOUND;
	if (slash)
		match(o, slash + 1, glob);
	else if (flags & RECURSES)
		match(o, NULL, false);
	o->folder = !slash || o->num > 1;
	return slash && !o->num ? FPGA_NOT_FOUND : FPGA_OK;
}

static fpga_result check_name(const char *name, int flags, const char *call)
{
	if (flags & ~ALL_FLAGS)
		return say(FPGA_INVALID_PARAM, "%s: unknown flags 0x%x", call,
			   (unsigned int)flags & ~(unsigned int)ALL_FLAGS);
	if (*name == '.' || *name == '/' || strstr(name, ".."))
		return say(FPGA_INVALID_PARAM,
			   "%s: \"%s\": a name does not begin with '.' or '/' and has no \"..\"", call,
			   name);
	return FPGA_OK;
}

static fpga_result get(struct handle *h, const struct token *t, const char *name, int flags,
		       const char *call, fpga_object *ret)
{
	fpga_object object = NULL;
	struct sysobject *o;
	fpga_result r = check_name(name, flags, call);

	if (r != FPGA_OK)
		return r;
	o = new_object(h, t);
	if (!o)
		return say(FPGA_NO_MEMORY, "%s: no memory", call);
	r = find(o, name, flags);
	if (r == FPGA_NOT_FOUND)
		say(r, "%s: there is no \"%s\"", call, name);
	else if (r == FPGA_NOT_SUPPORTED)
		say(r, "%s: of a VFIO device there are the error registers, and this one has none", call);
	if (r == FPGA_OK && !o->folder)
		r = refresh(o);
	object = o;
	if (r == FPGA_OK)
		*ret = object;
	else
		vfio_destroy_object(&object);
	return r;
}

fpga_result vfio_token_get_object(fpga_token token, const char *name, fpga_object *object, int flags)
{
	return get(NULL, token, name, flags, "fpgaTokenGetObject", object);
}

fpga_result vfio_handle_get_object(fpga_handle handle, const char *name, fpga_object *object,
				   int flags)
{
	struct handle *h = handle;

	return get(h, &h->token, name, flags, "fpgaHandleGetObject", object);
}

fpga_result vfio_object_get_object(fpga_object parent, const char *name, fpga_object *object,
				   int flags)
{
	const struct sysobject *p = parent;
	char path[128];

	if (!p->folder)
		return say(FPGA_INVALID_PARAM, "fpgaObjectGetObject: \"%s\" is no container",
			   p->regs[0]->name);
	if (snprintf(path, sizeof(path), FOLDER "/%s", name) >= (int)sizeof(path))
		return say(FPGA_NOT_FOUND, "fpgaObjectGetObject: there is no \"%.32s...\"", name);
	return get(p->handle, &p->token, path, flags, "fpgaObjectGetObject", object);
}

fpga_result vfio_object_get_object_at(fpga_object parent, size_t i, fpga_object *object)
{
	const struct sysobject *p = parent;

	if (!p->folder || i >= p->num)
		return say(FPGA_INVALID_PARAM, "fpgaObjectGetObjectAt: %zu: %u children are loaded", i,
			   p->folder ? p->num : 0);
	return vfio_object_get_object(parent, p->regs[i]->name, object, 0);
}

fpga_result vfio_object_get_type(fpga_object object, enum fpga_sysobject_type *type)
{
	const struct sysobject *o = object;

	*type = o->folder ? FPGA_OBJECT_CONTAINER : FPGA_OBJECT_ATTRIBUTE;
	return FPGA_OK;
}

static fpga_result not_a_folder(const struct sysobject *o, const char *call)
{
	return o->folder ? say(FPGA_INVALID_PARAM, "%s: the object is a container", call) : FPGA_OK;
}

static fpga_result synced(struct sysobject *o, int flags, const char *call)
{
	fpga_result r = not_a_folder(o, call);

	return r == FPGA_OK && (flags & FPGA_OBJECT_SYNC) ? refresh(o) : r;
}

fpga_result vfio_object_get_size(fpga_object object, uint32_t *size, int flags)
{
	struct sysobject *o = object;
	fpga_result r = o->folder ? FPGA_OK : synced(o, flags, "fpgaObjectGetSize");

	if (r == FPGA_OK)
		*size = o->folder ? o->num : (uint32_t)strlen(o->text);
	return r;
}

fpga_result vfio_object_read(fpga_object object, uint8_t *buffer, size_t offset, size_t len,
			     int flags)
{
	struct sysobject *o = object;
	fpga_result r = synced(o, flags, "fpgaObjectRead");
	size_t have = strlen(o->text);

	if (r != FPGA_OK)
		return r;
	if (offset > have || len > have - offset)
		return say(FPGA_INVALID_PARAM, "fpgaObjectRead: %zu bytes from %zu; it has %zu", len,
			   offset, have);
	memcpy(buffer, o->text + offset, len);
	return FPGA_OK;
}

/* RAW takes the text's first 8 bytes as they are, as of any attribute. */
fpga_result vfio_object_read64(fpga_object object, uint64_t *value, int flags)
{
	struct sysobject *o = object;
	fpga_result r = synced(o, flags, "fpgaObjectRead64");

	if (r != FPGA_OK)
		return r;
	if (flags & FPGA_OBJECT_RAW)
		memcpy(value, o->text, sizeof(*value));
	else
		*value = strtoull(o->text, NULL, 0);
	return FPGA_OK;
}

fpga_result vfio_object_write64(fpga_object object, uint64_t value, int flags)
{
	struct sysobject *o = object;
	fpga_result r = not_a_folder(o, "fpgaObjectWrite64");

	if (r != FPGA_OK)
		return r;
	if (flags & FPGA_OBJECT_RAW)
		return say(FPGA_NOT_SUPPORTED, "fpgaObjectWrite64: %s is text, not raw bytes",
			   o->regs[0]->name);
	if (!o->handle)
		return say(FPGA_INVALID_PARAM,
			   "fpgaObjectWrite64: an object that came from a token can only be read");
	if (!o->regs[0]->clears)
		return say(FPGA_NO_ACCESS, "fpgaObjectWrite64: %s can only be read",
			   o->regs[0]->name);
	r = errors_write(o->handle, &o->token, o->regs[0], value);
	if (r == FPGA_OK)
		refresh(o); /* it was written, whether it can be read or not */
	return r;
}
