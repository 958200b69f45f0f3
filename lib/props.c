/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Properties objects. The table's lock guards all contents: every operation is a short copy. The
 * getters and setters are made from one list, so that each checks the same things in one order:
 * object, out pointer, object type, then whether the field was set.
 */
#include "lib/props.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host.h"

struct reason {
	uint32_t bits; /* of the values that are missing; 0: no reason */
	char text[OPAE_PROPS_REASON_MAX];
};

struct props {
	struct opae_props v;
	struct reason reasons[OPAE_PROPS_REASONS];
	uint32_t num_reasons; /* ever given: the next goes into the slot of this number */
	struct wrapped_token *parent; /* a reference */
	fpga_token parent_id;
	struct props *next_spare;
};

static struct id_table table = ID_TABLE_INIT(ID_PROPS);
static struct props *spares; /* recycled objects; guarded by the table's lock */
_Thread_local const struct adapter *props_reader;

static fpga_result bad_object(const char *call)
{
	return fail(FPGA_INVALID_PARAM, "%s: not a properties object, or one that was destroyed",
		    call);
}

static fpga_result bad_pointer(const char *call)
{
	return fail(FPGA_INVALID_PARAM, "%s: the pointer for the result is NULL", call);
}

static void forget_reasons(struct props *p)
{
	p->num_reasons = 0;
	for (uint32_t i = 0; i < OPAE_PROPS_REASONS; i++)
		p->reasons[i].bits = 0;
}

fpga_result props_new(fpga_properties *ret)
{
	struct props *p;
	void *id = NULL;

	pthread_mutex_lock(&table.lock);
	p = spares;
	if (p)
		spares = p->next_spare;
	else
		p = malloc(sizeof(*p));
	if (p) {
		p->v.valid = 0;
		forget_reasons(p);
		p->parent = NULL;
		p->parent_id = NULL;
		id = id_add_locked(&table, p);
		if (!id) {
			p->next_spare = spares;
			spares = p;
		}
	}
	pthread_mutex_unlock(&table.lock);
	if (!id)
		return fail(FPGA_NO_MEMORY, "no memory for a properties object");
	*ret = id;
	return FPGA_OK;
}

/* The object, with the table locked; NULL and unlocked when the id is not one. */
static struct props *lock_props(const void *id)
{
	struct props *p;

	pthread_mutex_lock(&table.lock);
	p = id_get(&table, id);
	if (!p)
		pthread_mutex_unlock(&table.lock);
	return p;
}

static void unlock_props(void)
{
	pthread_mutex_unlock(&table.lock);
}

fpga_result props_write(fpga_properties prop, const struct opae_props *values)
{
	struct wrapped_token *old;
	struct props *p = lock_props(prop);

	if (!p)
		return bad_object("props_write");
	old = p->parent;
	p->v = *values;
	p->v.valid &= ~(uint32_t)OPAE_PROP_PARENT;
	p->v.hostname[sizeof(p->v.hostname) - 1] = 0;
	forget_reasons(p);
	p->parent = NULL;
	p->parent_id = NULL;
	unlock_props();
	token_unref(old);
	return FPGA_OK;
}

fpga_result props_unset(fpga_properties prop, uint32_t bits, const char *why)
{
	struct props *p = lock_props(prop);
	struct reason *r;

	if (!p)
		return bad_object("props_unset");
	r = &p->reasons[p->num_reasons++ % OPAE_PROPS_REASONS];
	r->bits = bits;
	snprintf(r->text, sizeof(r->text), "%s", why);
	unlock_props();
	return FPGA_OK;
}

fpga_result props_read(fpga_properties prop, struct opae_props *values)
{
	struct props *p = lock_props(prop);

	if (!p)
		return bad_object("props_read");
	*values = p->v;
	values->parent = NULL;
	if (p->parent && p->parent->adapter == props_reader)
		values->parent = p->parent->plugin;
	unlock_props();
	return FPGA_OK;
}

fpga_result props_snapshot(fpga_properties prop, struct opae_props *values,
			   struct wrapped_token **parent)
{
	struct props *p = lock_props(prop);

	if (!p)
		return bad_object("fpgaEnumerate");
	*values = p->v;
	*parent = p->parent ? token_hold(p->parent) : NULL;
	unlock_props();
	return FPGA_OK;
}

fpga_result props_set_parent(fpga_properties prop, struct wrapped_token *parent, fpga_token id)
{
	struct wrapped_token *old;
	struct props *p = lock_props(prop);

	if (!p)
		return bad_object("fpgaPropertiesSetParent");
	old = p->parent;
	p->parent = token_hold(parent);
	p->parent_id = id;
	p->v.valid |= OPAE_PROP_PARENT;
	unlock_props();
	token_unref(old);
	return FPGA_OK;
}

static void retire_locked(void *id, struct props *p, struct wrapped_token **parent)
{
	id_remove_locked(&table, id);
	*parent = p->parent;
	p->next_spare = spares;
	spares = p;
}

void props_drop_all(void)
{
	for (;;) {
		struct wrapped_token *parent = NULL;
		uint32_t index = 0;
		void *object, *id;

		pthread_mutex_lock(&table.lock);
		id = id_next_locked(&table, &index, &object);
		if (id)
			retire_locked(id, object, &parent);
		pthread_mutex_unlock(&table.lock);
		if (!id)
			return;
		token_unref(parent);
	}
}

fpga_result fpgaDestroyProperties(fpga_properties *prop)
{
	struct wrapped_token *parent;
	struct props *p;

	if (!prop)
		return bad_pointer("fpgaDestroyProperties");
	p = lock_props(*prop);
	if (!p)
		return bad_object("fpgaDestroyProperties");
	retire_locked(*prop, p, &parent);
	unlock_props();
	token_unref(parent);
	*prop = NULL;
	return FPGA_OK;
}

fpga_result fpgaClearProperties(fpga_properties prop)
{
	static const struct opae_props empty;
	fpga_result r = props_write(prop, &empty);

	return r == FPGA_OK ? r : bad_object("fpgaClearProperties");
}

fpga_result fpgaCloneProperties(fpga_properties src, fpga_properties *dst)
{
	struct wrapped_token *parent = NULL;
	fpga_token parent_id = NULL;
	struct opae_props v;
	struct props *p;
	fpga_properties copy;
	fpga_result r;

	p = lock_props(src);
	if (!p)
		return bad_object("fpgaCloneProperties");
	v = p->v;
	parent = p->parent ? token_hold(p->parent) : NULL;
	parent_id = p->parent_id;
	unlock_props();
	r = dst ? props_new(&copy) : bad_pointer("fpgaCloneProperties");
	if (r == FPGA_OK) {
		props_write(copy, &v);
		if (parent)
			props_set_parent(copy, parent, parent_id);
		*dst = copy;
	}
	token_unref(parent);
	return r;
}

/* ---- fields ---- */

static fpga_result wrong_type(const char *call, fpga_objtype type)
{
	return fail(FPGA_INVALID_PARAM, "%s: only for objects of type %s; set the type first", call,
		    type == FPGA_DEVICE ? "FPGA_DEVICE" : "FPGA_ACCELERATOR");
}

static bool type_fits(const struct props *p, uint32_t bit)
{
	uint32_t special = bit & (PROPS_DEVICE_BITS | PROPS_ACCELERATOR_BITS);
	fpga_objtype need = bit & PROPS_DEVICE_BITS ? FPGA_DEVICE : FPGA_ACCELERATOR;

	return !special || ((p->v.valid & OPAE_PROP_OBJTYPE) && p->v.objtype == need);
}

static fpga_result not_set(const struct props *p, const char *call, uint32_t bit)
{
	for (uint32_t i = 0; i < OPAE_PROPS_REASONS; i++)
		if (p->reasons[i].bits & bit)
			return fail(FPGA_NOT_FOUND, "%s: the property is not set: %s", call,
				    p->reasons[i].text);
	return fail(FPGA_NOT_FOUND, "%s: the property is not set", call);
}

static fpga_result field_check(const struct props *p, const char *call, uint32_t bit)
{
	if (!type_fits(p, bit))
		return wrong_type(call, bit & PROPS_DEVICE_BITS ? FPGA_DEVICE : FPGA_ACCELERATOR);
	return p->v.valid & bit ? FPGA_OK : not_set(p, call, bit);
}

#define GETTER(name, type, bit, member)                                                            \
	fpga_result fpgaPropertiesGet##name(const fpga_properties prop, type *out)                 \
	{                                                                                          \
		struct props *p = lock_props(prop);                                                \
		fpga_result r;                                                                     \
                                                                                                   \
		if (!p)                                                                            \
			return bad_object("fpgaPropertiesGet" #name);                              \
		r = out ? field_check(p, "fpgaPropertiesGet" #name, bit) :                         \
			  bad_pointer("fpgaPropertiesGet" #name);                                  \
		if (r == FPGA_OK)                                                                  \
			*out = p->v.member;                                                        \
		unlock_props();                                                                    \
		return r;                                                                          \
	}

#define SETTER(name, type, bit, member)                                                            \
	fpga_result fpgaPropertiesSet##name(fpga_properties prop, type value)                      \
	{                                                                                          \
		struct props *p = lock_props(prop);                                                \
		fpga_result r = FPGA_OK;                                                           \
                                                                                                   \
		if (!p)                                                                            \
			return bad_object("fpgaPropertiesSet" #name);                              \
		if (!type_fits(p, bit)) {                                                          \
			r = wrong_type("fpgaPropertiesSet" #name,                                  \
				       (bit) & PROPS_DEVICE_BITS ? FPGA_DEVICE :                   \
								   FPGA_ACCELERATOR);              \
		} else {                                                                           \
			p->v.member = value;                                                       \
			p->v.valid |= (bit);                                                       \
		}                                                                                  \
		unlock_props();                                                                    \
		return r;                                                                          \
	}

#define FIELD(name, type, bit, member)                                                             \
	GETTER(name, type, bit, member)                                                            \
	SETTER(name, type, bit, member)

FIELD(Segment, uint16_t, OPAE_PROP_SEGMENT, segment)
FIELD(Bus, uint8_t, OPAE_PROP_BUS, bus)
FIELD(Device, uint8_t, OPAE_PROP_DEVICE, device)
FIELD(SocketID, uint8_t, OPAE_PROP_SOCKET_ID, socket_id)
FIELD(VendorID, uint16_t, OPAE_PROP_VENDOR_ID, vendor_id)
FIELD(DeviceID, uint16_t, OPAE_PROP_DEVICE_ID, device_id)
FIELD(SubsystemVendorID, uint16_t, OPAE_PROP_SUBSYSTEM_VENDOR_ID, subsystem_vendor_id)
FIELD(SubsystemDeviceID, uint16_t, OPAE_PROP_SUBSYSTEM_DEVICE_ID, subsystem_device_id)
FIELD(ObjectID, uint64_t, OPAE_PROP_OBJECT_ID, object_id)
FIELD(NumErrors, uint32_t, OPAE_PROP_NUM_ERRORS, num_errors)
FIELD(Interface, fpga_interface, OPAE_PROP_INTERFACE, interface)
FIELD(NumSlots, uint32_t, OPAE_PROP_NUM_SLOTS, num_slots)
FIELD(BBSID, uint64_t, OPAE_PROP_BBS_ID, bbs_id)
FIELD(BBSVersion, fpga_version, OPAE_PROP_BBS_VERSION, bbs_version)
FIELD(AcceleratorState, fpga_accelerator_state, OPAE_PROP_STATE, state)
FIELD(NumMMIO, uint32_t, OPAE_PROP_NUM_MMIO, num_mmio)
FIELD(NumInterrupts, uint32_t, OPAE_PROP_NUM_INTERRUPTS, num_interrupts)
GETTER(Function, uint8_t, OPAE_PROP_FUNCTION, function)
GETTER(ObjectType, fpga_objtype, OPAE_PROP_OBJTYPE, objtype)

static SETTER(FunctionUnchecked, uint8_t, OPAE_PROP_FUNCTION, function)

fpga_result fpgaPropertiesSetFunction(fpga_properties prop, uint8_t function)
{
	if (function > 7)
		return fail(FPGA_INVALID_PARAM,
			    "fpgaPropertiesSetFunction: %u is no PCI function; 0 to 7 are",
			    function);
	return fpgaPropertiesSetFunctionUnchecked(prop, function);
}

fpga_result fpgaPropertiesSetObjectType(fpga_properties prop, fpga_objtype objtype)
{
	struct props *p = lock_props(prop);

	if (!p)
		return bad_object("fpgaPropertiesSetObjectType");
	if (objtype != FPGA_DEVICE && objtype != FPGA_ACCELERATOR) {
		unlock_props();
		return fail(FPGA_INVALID_PARAM, "fpgaPropertiesSetObjectType: %d is no object type",
			    (int)objtype);
	}
	/* What was set for the other type means nothing for this one. */
	if (!(p->v.valid & OPAE_PROP_OBJTYPE) || p->v.objtype != objtype)
		p->v.valid &= ~(uint32_t)(PROPS_DEVICE_BITS | PROPS_ACCELERATOR_BITS);
	p->v.objtype = objtype;
	p->v.valid |= OPAE_PROP_OBJTYPE;
	unlock_props();
	return FPGA_OK;
}

fpga_result fpgaPropertiesGetGUID(const fpga_properties prop, fpga_guid *guid)
{
	struct props *p = lock_props(prop);
	fpga_result r;

	if (!p)
		return bad_object("fpgaPropertiesGetGUID");
	r = guid ? field_check(p, "fpgaPropertiesGetGUID", OPAE_PROP_GUID) :
		   bad_pointer("fpgaPropertiesGetGUID");
	if (r == FPGA_OK)
		memcpy(*guid, p->v.guid, sizeof(*guid));
	unlock_props();
	return r;
}

fpga_result fpgaPropertiesSetGUID(fpga_properties prop, fpga_guid guid)
{
	struct props *p = lock_props(prop);

	if (!p)
		return bad_object("fpgaPropertiesSetGUID");
	if (guid) {
		memcpy(p->v.guid, guid, sizeof(p->v.guid));
		p->v.valid |= OPAE_PROP_GUID;
	}
	unlock_props();
	return guid ? FPGA_OK : fail(FPGA_INVALID_PARAM, "fpgaPropertiesSetGUID: guid is NULL");
}

fpga_result fpgaPropertiesGetParent(const fpga_properties prop, fpga_token *parent)
{
	struct props *p = lock_props(prop);
	fpga_result r;

	if (!p)
		return bad_object("fpgaPropertiesGetParent");
	r = parent ? field_check(p, "fpgaPropertiesGetParent", OPAE_PROP_PARENT) :
		     bad_pointer("fpgaPropertiesGetParent");
	if (r == FPGA_OK)
		*parent = p->parent_id;
	unlock_props();
	return r;
}

fpga_result fpgaPropertiesSetParent(fpga_properties prop, fpga_token parent)
{
	struct wrapped_token *t = token_ref(parent);
	fpga_result r;

	if (!lock_props(prop)) {
		token_unref(t);
		return bad_object("fpgaPropertiesSetParent");
	}
	unlock_props();
	if (!t)
		return token_bad("fpgaPropertiesSetParent");
	r = props_set_parent(prop, t, parent);
	token_unref(t);
	return r;
}

fpga_result fpgaPropertiesGetHostname(const fpga_properties prop, char *hostname, size_t len)
{
	struct props *p = lock_props(prop);
	fpga_result r;

	if (!p)
		return bad_object("fpgaPropertiesGetHostname");
	r = hostname ? field_check(p, "fpgaPropertiesGetHostname", OPAE_PROP_HOSTNAME) :
		       bad_pointer("fpgaPropertiesGetHostname");
	if (r == FPGA_OK && strlen(p->v.hostname) >= len)
		r = fail(FPGA_INVALID_PARAM,
			 "fpgaPropertiesGetHostname: %zu bytes are too few, %zu are needed", len,
			 strlen(p->v.hostname) + 1);
	if (r == FPGA_OK)
		memcpy(hostname, p->v.hostname, strlen(p->v.hostname) + 1);
	unlock_props();
	return r;
}

fpga_result fpgaPropertiesSetHostname(fpga_properties prop, const char *hostname)
{
	struct props *p = lock_props(prop);
	fpga_result r = FPGA_OK;

	if (!p)
		return bad_object("fpgaPropertiesSetHostname");
	if (!hostname || strnlen(hostname, OPAEX_HOSTNAME_MAX) == OPAEX_HOSTNAME_MAX) {
		r = fail(FPGA_INVALID_PARAM,
			 "fpgaPropertiesSetHostname: the name is NULL or longer than %d bytes",
			 OPAEX_HOSTNAME_MAX - 1);
	} else {
		memcpy(p->v.hostname, hostname, strlen(hostname) + 1);
		p->v.valid |= OPAE_PROP_HOSTNAME;
	}
	unlock_props();
	return r;
}

/* Three fields that no plugin of OPAE ever filled; programs may still name them. */
#define NEVER(name, type)                                                                          \
	fpga_result fpgaPropertiesGet##name(const fpga_properties prop, type *out)                 \
	{                                                                                          \
		(void)prop;                                                                        \
		(void)out;                                                                         \
		return fail(FPGA_NOT_SUPPORTED, "no plugin provides the property " #name);         \
	}                                                                                          \
	fpga_result fpgaPropertiesSet##name(fpga_properties prop, type value)                      \
	{                                                                                          \
		(void)prop;                                                                        \
		(void)value;                                                                       \
		return fail(FPGA_NOT_SUPPORTED, "no plugin provides the property " #name);         \
	}

NEVER(LocalMemorySize, uint64_t)
NEVER(Capabilities, uint64_t)

fpga_result fpgaPropertiesGetModel(const fpga_properties prop, char *model)
{
	(void)prop;
	(void)model;
	return fail(FPGA_NOT_SUPPORTED, "no plugin provides the property Model");
}

fpga_result fpgaPropertiesSetModel(fpga_properties prop, char *model)
{
	(void)prop;
	(void)model;
	return fail(FPGA_NOT_SUPPORTED, "no plugin provides the property Model");
}
