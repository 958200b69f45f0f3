/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/loader/odd_objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHILDREN 2
#define ERRORS 2

struct odd_object {
	bool box, writable;
	uint64_t value;
};

static fpga_result make(const char *name, bool writable, fpga_object *object)
{
	struct odd_object *o;

	if (strcmp(name, "answer") && strcmp(name, "box"))
		return FPGA_NOT_FOUND;
	o = calloc(1, sizeof(*o));
	if (!o)
		return FPGA_NO_MEMORY;
	*o = (struct odd_object){ .box = *name == 'b', .writable = writable, .value = 42 };
	*object = o;
	return FPGA_OK;
}

static fpga_result from_token(fpga_token token, const char *name, fpga_object *object, int flags)
{
	(void)token;
	(void)flags;
	return make(name, false, object);
}

static fpga_result from_handle(fpga_handle handle, const char *name, fpga_object *object, int flags)
{
	(void)handle;
	(void)flags;
	return make(name, true, object);
}

static fpga_result child(fpga_object parent, const char *name, fpga_object *object, int flags)
{
	const struct odd_object *o = parent;

	(void)flags;
	return o->box ? make(name, o->writable, object) : FPGA_NOT_FOUND;
}

static fpga_result child_at(fpga_object parent, size_t idx, fpga_object *object)
{
	return idx < CHILDREN ? child(parent, "answer", object, 0) : FPGA_INVALID_PARAM;
}

static int text(const struct odd_object *o, char *out, size_t len)
{
	return snprintf(out, len, "0x%llx\n", (unsigned long long)o->value);
}

static fpga_result read_bytes(fpga_object object, uint8_t *buffer, size_t offset, size_t len,
			      int flags)
{
	char all[32];
	size_t size = (size_t)text(object, all, sizeof(all));

	(void)flags;
	if (((struct odd_object *)object)->box || offset > size || len > size - offset)
		return FPGA_INVALID_PARAM;
	memcpy(buffer, all + offset, len);
	return FPGA_OK;
}

static fpga_result read64(fpga_object object, uint64_t *value, int flags)
{
	const struct odd_object *o = object;

	(void)flags;
	if (o->box)
		return FPGA_INVALID_PARAM;
	*value = o->value;
	return FPGA_OK;
}

static fpga_result write64(fpga_object object, uint64_t value, int flags)
{
	struct odd_object *o = object;

	(void)flags;
	if (o->box || !o->writable)
		return FPGA_INVALID_PARAM;
	o->value = value;
	return FPGA_OK;
}

static fpga_result get_size(fpga_object object, uint32_t *value, int flags)
{
	const struct odd_object *o = object;
	char all[32];

	(void)flags;
	*value = o->box ? CHILDREN : (uint32_t)text(o, all, sizeof(all));
	return FPGA_OK;
}

static fpga_result get_type(fpga_object object, enum fpga_sysobject_type *type)
{
	*type = ((struct odd_object *)object)->box ? FPGA_OBJECT_CONTAINER : FPGA_OBJECT_ATTRIBUTE;
	return FPGA_OK;
}

static fpga_result error_info(fpga_token token, uint32_t num, struct fpga_error_info *info)
{
	(void)token;
	if (num >= ERRORS)
		return FPGA_NOT_FOUND;
	memset(info, 0, sizeof(*info));
	snprintf(info->name, sizeof(info->name), "%s", num ? "first_error" : "errors");
	info->can_clear = !num;
	return FPGA_OK;
}

static fpga_result read_error(fpga_token token, uint32_t num, uint64_t *value)
{
	(void)token;
	if (num >= ERRORS)
		return FPGA_NOT_FOUND;
	*value = 0xe0 + num;
	return FPGA_OK;
}

static fpga_result reconfigure(fpga_handle fpga, uint32_t slot, const uint8_t *bits, size_t len,
			       int flags)
{
	(void)fpga;
	(void)bits;
	(void)flags;
	return slot ? FPGA_RECONF_ERROR : len ? FPGA_OK : FPGA_INVALID_PARAM;
}

static fpga_result bind_sva(fpga_handle handle, uint32_t *pasid)
{
	static uint32_t last;

	(void)handle;
	*pasid = ++last;
	return FPGA_OK;
}

void odd_fill_objects(opae_api_adapter_table *t)
{
	t->fpgaTokenGetObject = from_token;
	t->fpgaHandleGetObject = from_handle;
	t->fpgaObjectGetObject = child;
	t->fpgaObjectGetObjectAt = child_at;
	t->fpgaObjectRead = read_bytes;
	t->fpgaObjectRead64 = read64;
	t->fpgaObjectWrite64 = write64;
	t->fpgaObjectGetSize = get_size;
	t->fpgaObjectGetType = get_type;
	t->fpgaGetErrorInfo = error_info;
	t->fpgaReadError = read_error;
	t->fpgaReconfigureSlot = reconfigure;
	t->fpgaBindSVA = bind_sva;
}
