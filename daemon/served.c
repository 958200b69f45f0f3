/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An adapter table made of the public functions: where the two have the same form, the function itself. So a
 * worker is an ordinary OPAE program, and what the library finds on this machine can be served as it is.
 * There is no state here; tokens, handles, objects and events are the library's ids.
 */
#include "daemon/served.h"

#include <string.h>

#include <opae/ext.h>
#include <opae/fpga.h>

/* ---- properties ---- */

/*
 * The properties that are one value each, as BIT, name in the API, member. The object type is first: setting
 * it unsets what only the other type has.
 */
#define FIELDS(F)                                                                                  \
	F(OBJTYPE, ObjectType, objtype)                                                            \
	F(SEGMENT, Segment, segment)                                                               \
	F(BUS, Bus, bus)                                                                           \
	F(DEVICE, Device, device)                                                                  \
	F(FUNCTION, Function, function)                                                            \
	F(SOCKET_ID, SocketID, socket_id)                                                          \
	F(VENDOR_ID, VendorID, vendor_id)                                                          \
	F(DEVICE_ID, DeviceID, device_id)                                                          \
	F(OBJECT_ID, ObjectID, object_id)                                                          \
	F(NUM_ERRORS, NumErrors, num_errors)                                                       \
	F(INTERFACE, Interface, interface)                                                         \
	F(SUBSYSTEM_VENDOR_ID, SubsystemVendorID, subsystem_vendor_id)                             \
	F(SUBSYSTEM_DEVICE_ID, SubsystemDeviceID, subsystem_device_id)                             \
	F(NUM_SLOTS, NumSlots, num_slots)                                                          \
	F(BBS_ID, BBSID, bbs_id)                                                                   \
	F(BBS_VERSION, BBSVersion, bbs_version)                                                    \
	F(STATE, AcceleratorState, state)                                                          \
	F(NUM_MMIO, NumMMIO, num_mmio)                                                             \
	F(NUM_INTERRUPTS, NumInterrupts, num_interrupts)

static const uint32_t bits[] = {
#define BIT(bit, name, member) OPAE_PROP_##bit,
	FIELDS(BIT)
#undef BIT
	OPAE_PROP_GUID, OPAE_PROP_HOSTNAME,
};
#define NUM_BITS (sizeof(bits) / sizeof(bits[0]))

static fpga_result get(fpga_properties prop, uint32_t bit, struct opae_props *v)
{
	switch (bit) {
#define GET(bit_name, name, member)                                                                \
	case OPAE_PROP_##bit_name:                                                                 \
		return fpgaPropertiesGet##name(prop, &v->member);
		FIELDS(GET)
#undef GET
	case OPAE_PROP_GUID:
		return fpgaPropertiesGetGUID(prop, &v->guid);
	case OPAE_PROP_HOSTNAME:
		return fpgaPropertiesGetHostname(prop, v->hostname, sizeof(v->hostname));
	default:
		return FPGA_INVALID_PARAM;
	}
}

static fpga_result set(fpga_properties prop, uint32_t bit, struct opae_props *v)
{
	switch (bit) {
#define SET(bit_name, name, member)                                                                \
	case OPAE_PROP_##bit_name:                                                                 \
		return fpgaPropertiesSet##name(prop, v->member);
		FIELDS(SET)
#undef SET
	case OPAE_PROP_GUID:
		return fpgaPropertiesSetGUID(prop, v->guid);
	case OPAE_PROP_HOSTNAME:
		return fpgaPropertiesSetHostname(prop, v->hostname);
	default:
		return FPGA_INVALID_PARAM;
	}
}

static fpga_result props_new(fpga_properties *ret)
{
	return fpgaGetProperties(NULL, ret);
}

static fpga_result props_write(fpga_properties prop, const struct opae_props *values)
{
	struct opae_props v = *values;
	fpga_result r = fpgaClearProperties(prop);

	for (size_t i = 0; r == FPGA_OK && i < NUM_BITS; i++)
		if (v.valid & bits[i])
			r = set(prop, bits[i], &v);
	return r;
}

/* Does the type that was read (or that there is none) rule the property out? Saves asking. */
static bool ruled_out(const struct opae_props *v, uint32_t bit)
{
	const uint32_t of_device = OPAE_PROP_NUM_SLOTS | OPAE_PROP_BBS_ID | OPAE_PROP_BBS_VERSION;
	const uint32_t of_accelerator = OPAE_PROP_STATE | OPAE_PROP_NUM_MMIO | OPAE_PROP_NUM_INTERRUPTS;

	if (!(bit & (of_device | of_accelerator)))
		return false;
	return !(v->valid & OPAE_PROP_OBJTYPE) ||
	       !(bit & (v->objtype == FPGA_DEVICE ? of_device : of_accelerator));
}

static fpga_result props_read(fpga_properties prop, struct opae_props *values)
{
	struct opae_props v = { 0 };
	fpga_result r;

	for (size_t i = 0; i < NUM_BITS; i++) {
		if (ruled_out(&v, bits[i]))
			continue;
		r = get(prop, bits[i], &v);
		if (r == FPGA_OK)
			v.valid |= bits[i];
		else if (r != FPGA_NOT_FOUND)
			return r;
	}
	*values = v;
	return FPGA_OK;
}

/* The library tells "fpgaPropertiesGetX: the property is not set", and behind a colon why, if it knows. */
static const char *props_why(fpga_properties prop, uint32_t bit)
{
	static const char before[] = "is not set: ";
	struct opae_props ignored;
	const char *why;

	if (get(prop, bit, &ignored) != FPGA_NOT_FOUND)
		return "";
	why = strstr(opaex_error_detail(), before);
	return why ? why + sizeof(before) - 1 : "";
}

/* ---- what has another form in the table ---- */

static fpga_result enumerate(void *instance, const fpga_properties *filters, uint32_t num_filters,
			     fpga_token *tokens, uint32_t max_tokens, uint32_t *num_matches)
{
	(void)instance;
	return fpgaEnumerate(num_filters ? filters : NULL, num_filters, tokens, max_tokens, num_matches);
}

/* The library's token for it is the library's own, so the caller gets a copy. */
static fpga_result parent_of(fpga_token token, fpga_token *parent)
{
	fpga_properties prop;
	fpga_token shared;
	fpga_result r = fpgaGetProperties(token, &prop);

	if (r != FPGA_OK)
		return r;
	r = fpgaPropertiesGetParent(prop, &shared);
	if (r == FPGA_OK)
		r = fpgaCloneToken(shared, parent);
	fpgaDestroyProperties(&prop);
	return r;
}

static fpga_result create_event(void *instance, fpga_event_handle *event_handle)
{
	(void)instance;
	return fpgaCreateEventHandle(event_handle);
}

static const opae_api_adapter_table table = {
	.size = sizeof(opae_api_adapter_table),
	.abi_major = OPAE_PLUGIN_ABI_MAJOR,
	.abi_minor = OPAE_PLUGIN_ABI_MINOR,
	.enumerate = enumerate,

	.fpgaCloneToken = fpgaCloneToken,
	.fpgaDestroyToken = fpgaDestroyToken,
	.fpgaGetProperties = fpgaGetProperties,
	.fpgaUpdateProperties = fpgaUpdateProperties,
	.parent_of = parent_of,
	.fpgaReadError = fpgaReadError,
	.fpgaClearError = fpgaClearError,
	.fpgaClearAllErrors = fpgaClearAllErrors,
	.fpgaGetErrorInfo = fpgaGetErrorInfo,

	.fpgaOpen = opaex_open_alone,
	.fpgaClose = fpgaClose,
	.fpgaReset = fpgaReset,
	.fpgaGetPropertiesFromHandle = fpgaGetPropertiesFromHandle,
	.quiesce = opaex_quiesce,

	.fpgaReadMMIO64 = fpgaReadMMIO64,
	.fpgaWriteMMIO64 = fpgaWriteMMIO64,
	.fpgaReadMMIO32 = fpgaReadMMIO32,
	.fpgaWriteMMIO32 = fpgaWriteMMIO32,
	.fpgaWriteMMIO512 = fpgaWriteMMIO512,
	.fpgaMapMMIO = fpgaMapMMIO,
	.fpgaUnmapMMIO = fpgaUnmapMMIO,
	.mmio_info = opaex_mmio_info,
	.poll_mmio = opaex_poll_mmio,
	.read_mmio_block = opaex_read_mmio_block,

	.fpgaPrepareBuffer = fpgaPrepareBuffer,
	.fpgaReleaseBuffer = fpgaReleaseBuffer,
	.fpgaGetIOAddress = fpgaGetIOAddress,
	.fpgaBindSVA = fpgaBindSVA,
	.pin_buffer = opaex_pin_buffer,
	.unpin_buffer = opaex_unpin_buffer,

	.create_event = create_event,
	.fpgaDestroyEventHandle = fpgaDestroyEventHandle,
	.fpgaGetOSObjectFromEventHandle = fpgaGetOSObjectFromEventHandle,
	.fpgaRegisterEvent = fpgaRegisterEvent,
	.fpgaUnregisterEvent = fpgaUnregisterEvent,

	.fpgaAssignPortToInterface = fpgaAssignPortToInterface,
	.fpgaAssignToInterface = fpgaAssignToInterface,
	.fpgaReleaseFromInterface = fpgaReleaseFromInterface,
	.fpgaReconfigureSlot = fpgaReconfigureSlot,
	.fpgaSetUserClock = fpgaSetUserClock,
	.fpgaGetUserClock = fpgaGetUserClock,

	.fpgaTokenGetObject = fpgaTokenGetObject,
	.fpgaHandleGetObject = fpgaHandleGetObject,
	.fpgaObjectGetObject = fpgaObjectGetObject,
	.fpgaObjectGetObjectAt = fpgaObjectGetObjectAt,
	.fpgaDestroyObject = fpgaDestroyObject,
	.fpgaObjectRead = fpgaObjectRead,
	.fpgaObjectRead64 = fpgaObjectRead64,
	.fpgaObjectGetSize = fpgaObjectGetSize,
	.fpgaObjectGetType = fpgaObjectGetType,
	.fpgaObjectWrite64 = fpgaObjectWrite64,

	.fpgaGetNumMetrics = fpgaGetNumMetrics,
	.fpgaGetMetricsInfo = fpgaGetMetricsInfo,
	.fpgaGetMetricsByIndex = fpgaGetMetricsByIndex,
	.fpgaGetMetricsByName = fpgaGetMetricsByName,
	.fpgaGetMetricsThresholdInfo = fpgaGetMetricsThresholdInfo,

	.push_buffer = opaex_push,
	.pull_buffer = opaex_pull,
};

static const struct rpc_served served = {
	.table = &table,
	.props_new = props_new,
	.props_write = props_write,
	.props_read = props_read,
	.props_destroy = fpgaDestroyProperties,
	.props_why = props_why,
	.detail = opaex_error_detail,
};

const struct rpc_served *daemon_served(void)
{
	return &served;
}
