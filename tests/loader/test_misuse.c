/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every public function with what is not an object of its kind: NULL, destroyed, another kind,
 * memory of the program's, numbers. Then with a good object and NULL where a pointer is needed.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/loader/rig.h"
#include "tests/unit/check.h"

#define BAD 10

static void *not_tokens[BAD], *not_handles[BAD], *not_events[BAD], *not_objects[BAD],
	*not_props[BAD];
static fpga_token token;
static fpga_handle handle;
static fpga_event_handle event;
static fpga_object object;
static fpga_properties props;
static uint64_t on_stack_like[8] = { 0x6b6f7477, 0x6e616877 }; /* magics of the original */
static void *heap;

/* Room for whatever a function would write. */
static union {
	uint64_t u64;
	uint32_t u32;
	void *ptr;
	int fd;
	struct fpga_error_info error;
	fpga_metric metric;
	fpga_metric_info metric_info;
	struct opaex_mmio_info mmio;
	enum fpga_sysobject_type type;
	unsigned char bytes[64];
	struct metric_threshold threshold;
} out;

static void fill_common(void **list, void *destroyed, void *other)
{
	list[0] = NULL;
	list[1] = destroyed;
	list[2] = other;
	list[3] = on_stack_like;
	list[4] = heap;
	list[5] = (void *)1;
	list[6] = (void *)UINTPTR_MAX;
	list[7] = (void *)(UINTPTR_MAX / 2 & ~(uintptr_t)7);
	list[8] = (char *)destroyed + (1 << 24); /* a later generation */
	list[9] = (char *)destroyed + 1;         /* another slot */
}

static int up(void **state)
{
	const char *const list[] = { "good:good:{\"devices\": 2}", NULL };
	fpga_token dead_token;
	fpga_handle dead_handle;
	fpga_event_handle dead_event;
	fpga_object dead_object;
	fpga_properties dead_props;
	void *was[5];

	(void)state;
	rig_start(list);
	heap = malloc(64);
	token = rig_token(0, FPGA_ACCELERATOR, 0);
	if (!heap || fpgaOpen(token, &handle, 0) || fpgaCloneToken(token, &dead_token) ||
	    fpgaOpen(token, &dead_handle, 0) || fpgaCreateEventHandle(&event) ||
	    fpgaCreateEventHandle(&dead_event) || fpgaGetProperties(NULL, &props) ||
	    fpgaGetProperties(NULL, &dead_props) ||
	    fpgaHandleGetObject(handle, "answer", &object, 0) ||
	    fpgaHandleGetObject(handle, "answer", &dead_object, 0))
		return -1;
	was[0] = dead_token;
	was[1] = dead_handle;
	was[2] = dead_event;
	was[3] = dead_object;
	was[4] = dead_props;
	if (fpgaDestroyToken(&dead_token) || fpgaClose(dead_handle) ||
	    fpgaDestroyEventHandle(&dead_event) || fpgaDestroyObject(&dead_object) ||
	    fpgaDestroyProperties(&dead_props))
		return -1;
	fill_common(not_tokens, was[0], handle);
	fill_common(not_handles, was[1], token);
	fill_common(not_events, was[2], handle);
	fill_common(not_objects, was[3], event);
	fill_common(not_props, was[4], token);
	return 0;
}

static int down(void **state)
{
	(void)state;
	free(heap);
	rig_stop();
	return 0;
}

#define REFUSES(call)                                                                              \
	do {                                                                                       \
		fpga_result r_ = (call);                                                           \
		if (r_ != FPGA_INVALID_PARAM)                                                      \
			fail_msg("%s is \"%s\"", #call, fpgaErrStr(r_));                           \
		if (!*opaex_error_detail())                                                        \
			fail_msg("%s gives no reason", #call);                                     \
	} while (0)
#define EACH(list, name, ...)                                                                      \
	for (int i_ = 0; i_ < BAD; i_++) {                                                         \
		void *name = (list)[i_];                                                           \
		__VA_ARGS__                                                                        \
	}

static void bad_handles(void **state)
{
	fpga_guid guid = { 0 };
	char *names[] = { (char *)heap };
	uint64_t num = 1;

	(void)state;
	(void)guid;
	EACH(not_handles, h,
	     REFUSES(fpgaClose(h));
	     REFUSES(fpgaReset(h));
	     REFUSES(fpgaGetChildren(h, 0, NULL, &out.u32));
	     REFUSES(fpgaGetPropertiesFromHandle(h, &out.ptr));
	     REFUSES(fpgaPrepareBuffer(h, 4096, &out.ptr, &num, 0));
	     REFUSES(fpgaReleaseBuffer(h, 1));
	     REFUSES(fpgaGetIOAddress(h, 1, &out.u64));
	     REFUSES(fpgaBindSVA(h, &out.u32));
	     REFUSES(fpgaReadMMIO64(h, 0, 0, &out.u64));
	     REFUSES(fpgaReadMMIO32(h, 0, 0, &out.u32));
	     REFUSES(fpgaWriteMMIO64(h, 0, 0, 0));
	     REFUSES(fpgaWriteMMIO32(h, 0, 0, 0));
	     REFUSES(fpgaWriteMMIO512(h, 0, 0, out.bytes));
	     REFUSES(fpgaMapMMIO(h, 0, NULL));
	     REFUSES(fpgaUnmapMMIO(h, 0));
	     REFUSES(opaex_mmio_info(h, 0, &out.mmio));
	     REFUSES(opaex_poll_mmio(h, 0, 0, 0, 0, 0, 0, NULL));
	     REFUSES(opaex_read_mmio_block(h, 0, 0, out.bytes, 8));
	     REFUSES(opaex_push(h, 1, 0, 8));
	     REFUSES(opaex_pull(h, 1, 0, 8));
	     REFUSES(opaex_pin_buffer(h, out.bytes, 8, 0x1000));
	     REFUSES(opaex_unpin_buffer(h, out.bytes, 8, 0x1000));
	     REFUSES(opaex_quiesce(h));)
	EACH(not_handles, h,
	     REFUSES(fpgaRegisterEvent(h, FPGA_EVENT_INTERRUPT, event, 0));
	     REFUSES(fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, event));
	     REFUSES(fpgaAssignPortToInterface(h, 0, 0, 0));
	     REFUSES(fpgaAssignToInterface(h, token, 0, 0));
	     REFUSES(fpgaReleaseFromInterface(h, token));
	     REFUSES(fpgaReconfigureSlot(h, 0, out.bytes, 8, 0));
	     REFUSES(fpgaSetUserClock(h, 100, 50, 0));
	     REFUSES(fpgaGetUserClock(h, &out.u64, &num, 0));
	     REFUSES(fpgaHandleGetObject(h, "answer", &out.ptr, 0));
	     REFUSES(fpgaGetNumMetrics(h, &out.u64));
	     REFUSES(fpgaGetMetricsInfo(h, &out.metric_info, &num));
	     REFUSES(fpgaGetMetricsByIndex(h, &num, 1, &out.metric));
	     REFUSES(fpgaGetMetricsByName(h, names, 1, &out.metric));
	     REFUSES(fpgaGetMetricsThresholdInfo(h, &out.threshold, &out.u32));)
}

static void bad_tokens(void **state)
{
	(void)state;
	EACH(not_tokens, t,
	     REFUSES(fpgaOpen(t, &out.ptr, 0));
	     REFUSES(fpgaCloneToken(t, &out.ptr));
	     REFUSES(fpgaDestroyToken(&t));
	     REFUSES(fpgaUpdateProperties(t, props));
	     REFUSES(fpgaReadError(t, 0, &out.u64));
	     REFUSES(fpgaClearError(t, 0));
	     REFUSES(fpgaClearAllErrors(t));
	     REFUSES(fpgaGetErrorInfo(t, 0, &out.error));
	     REFUSES(fpgaTokenGetObject(t, "x", &out.ptr, 0));
	     REFUSES(fpgaAssignToInterface(handle, t, 0, 0));
	     REFUSES(fpgaReleaseFromInterface(handle, t));
	     REFUSES(fpgaPropertiesSetParent(props, t));
	     if (t) /* NULL makes an empty object */
		REFUSES(fpgaGetProperties(t, &out.ptr));)
}

static void bad_events_and_objects(void **state)
{
	(void)state;
	EACH(not_events, e,
	     REFUSES(fpgaDestroyEventHandle(&e));
	     REFUSES(fpgaGetOSObjectFromEventHandle(e, &out.fd));
	     REFUSES(fpgaRegisterEvent(handle, FPGA_EVENT_INTERRUPT, e, 0));
	     REFUSES(fpgaUnregisterEvent(handle, FPGA_EVENT_INTERRUPT, e));)
	EACH(not_objects, o,
	     REFUSES(fpgaDestroyObject(&o));
	     REFUSES(fpgaObjectGetObject(o, "x", &out.ptr, 0));
	     REFUSES(fpgaObjectGetObjectAt(o, 0, &out.ptr));
	     REFUSES(fpgaObjectGetType(o, &out.type));
	     REFUSES(fpgaObjectGetSize(o, &out.u32, 0));
	     REFUSES(fpgaObjectRead(o, out.bytes, 0, 8, 0));
	     REFUSES(fpgaObjectRead64(o, &out.u64, 0));
	     REFUSES(fpgaObjectWrite64(o, 1, 0));)
}

#define FIELD(name, type)                                                                          \
	do {                                                                                       \
		type v_;                                                                           \
		memset(&v_, 0, sizeof(v_));                                                        \
		REFUSES(fpgaPropertiesGet##name(p, &v_));                                          \
		REFUSES(fpgaPropertiesSet##name(p, v_));                                           \
		REFUSES(fpgaPropertiesGet##name(props, NULL));                                     \
	} while (0)

static void bad_properties(void **state)
{
	fpga_guid guid = { 0 };
	uint32_t n;

	(void)state;
	EACH(not_props, p,
	     REFUSES(fpgaDestroyProperties(&p));
	     REFUSES(fpgaClearProperties(p));
	     REFUSES(fpgaCloneProperties(p, &out.ptr));
	     REFUSES(fpgaUpdateProperties(token, p));
	     REFUSES(fpgaEnumerate(&p, 1, NULL, 0, &n));
	     REFUSES(fpgaPropertiesGetParent(p, &out.ptr));
	     REFUSES(fpgaPropertiesSetParent(p, token));
	     REFUSES(fpgaPropertiesGetGUID(p, &guid));
	     REFUSES(fpgaPropertiesSetGUID(p, guid));
	     FIELD(ObjectType, fpga_objtype);
	     FIELD(Segment, uint16_t);
	     FIELD(Bus, uint8_t);
	     FIELD(Device, uint8_t);
	     FIELD(Function, uint8_t);
	     FIELD(SocketID, uint8_t);
	     FIELD(VendorID, uint16_t);
	     FIELD(DeviceID, uint16_t);
	     FIELD(SubsystemVendorID, uint16_t);
	     FIELD(SubsystemDeviceID, uint16_t);
	     FIELD(ObjectID, uint64_t);
	     FIELD(NumErrors, uint32_t);
	     FIELD(Interface, fpga_interface);
	     FIELD(NumSlots, uint32_t);
	     FIELD(BBSID, uint64_t);
	     FIELD(BBSVersion, fpga_version);
	     FIELD(AcceleratorState, fpga_accelerator_state);
	     FIELD(NumMMIO, uint32_t);
	     FIELD(NumInterrupts, uint32_t);)
	REFUSES(fpgaDestroyProperties(NULL));
	REFUSES(fpgaPropertiesGetHostname(props, NULL, 8));
	REFUSES(fpgaPropertiesSetHostname(props, NULL));
	REFUSES(fpgaPropertiesGetHostname(NULL, (char *)out.bytes, 8));
	REFUSES(fpgaPropertiesSetHostname(NULL, "x"));
}

static void null_pointers(void **state)
{
	uint64_t num = 1;

	(void)state;
	REFUSES(fpgaOpen(token, NULL, 0));
	REFUSES(fpgaCloneToken(token, NULL));
	REFUSES(fpgaDestroyToken(NULL));
	REFUSES(fpgaGetProperties(token, NULL));
	REFUSES(fpgaGetPropertiesFromHandle(handle, NULL));
	REFUSES(fpgaCloneProperties(props, NULL));
	REFUSES(fpgaGetChildren(handle, 0, NULL, NULL));
	REFUSES(fpgaGetChildren(handle, 1, NULL, &out.u32));
	REFUSES(fpgaPrepareBuffer(handle, 4096, &out.ptr, NULL, 0));
	REFUSES(fpgaPrepareBuffer(handle, 4096, NULL, &num, 0));
	REFUSES(fpgaGetIOAddress(handle, 1, NULL));
	REFUSES(fpgaReadMMIO64(handle, 0, 0, NULL));
	REFUSES(fpgaReadMMIO32(handle, 0, 0, NULL));
	REFUSES(fpgaWriteMMIO512(handle, 0, 0, NULL));
	REFUSES(opaex_mmio_info(handle, 0, NULL));
	REFUSES(opaex_read_mmio_block(handle, 0, 0, NULL, 8));
	REFUSES(opaex_pin_buffer(handle, NULL, 8, 0x1000));
	REFUSES(opaex_unpin_buffer(handle, out.bytes, 0, 0x1000));
	REFUSES(fpgaCreateEventHandle(NULL));
	REFUSES(fpgaDestroyEventHandle(NULL));
	REFUSES(fpgaGetOSObjectFromEventHandle(event, NULL));
	REFUSES(fpgaReconfigureSlot(handle, 0, NULL, 8, 0));
	REFUSES(fpgaGetUserClock(handle, NULL, &num, 0));
	REFUSES(fpgaTokenGetObject(token, NULL, &out.ptr, 0));
	REFUSES(fpgaTokenGetObject(token, "x", NULL, 0));
	REFUSES(fpgaHandleGetObject(handle, NULL, &out.ptr, 0));
	REFUSES(fpgaHandleGetObject(handle, "x", NULL, 0));
	REFUSES(fpgaObjectGetObject(object, NULL, &out.ptr, 0));
	REFUSES(fpgaObjectGetObjectAt(object, 0, NULL));
	REFUSES(fpgaDestroyObject(NULL));
	REFUSES(fpgaObjectRead64(object, NULL, 0));
	REFUSES(fpgaObjectRead(object, NULL, 0, 8, 0));
	REFUSES(fpgaObjectGetSize(object, NULL, 0));
	REFUSES(fpgaObjectGetType(object, NULL));
}

static void null_pointers_elsewhere(void **state)
{
	uint64_t num = 1;

	(void)state;
	REFUSES(fpgaReadError(token, 0, NULL));
	REFUSES(fpgaGetErrorInfo(token, 0, NULL));
	REFUSES(fpgaGetNumMetrics(handle, NULL));
	REFUSES(fpgaGetMetricsInfo(handle, NULL, &num));
	REFUSES(fpgaGetMetricsInfo(handle, &out.metric_info, NULL));
	REFUSES(fpgaGetMetricsByIndex(handle, NULL, 1, &out.metric));
	REFUSES(fpgaGetMetricsByIndex(handle, &num, 1, NULL));
	REFUSES(fpgaGetMetricsByName(handle, NULL, 1, &out.metric));
	REFUSES(fpgaGetMetricsThresholdInfo(handle, &out.threshold, NULL));
	REFUSES(fpgaGetOPAECVersion(NULL));
	REFUSES(fpgaGetOPAECVersionString(NULL, 10));
	REFUSES(fpgaGetOPAECVersionString((char *)out.bytes, 7));
	REFUSES(fpgaGetOPAECBuildString(NULL, 10));
	REFUSES(fpgaGetOPAECBuildString((char *)out.bytes, 0));
	REFUSES(opaex_plugin_get(0, NULL));
	assert_int_equal(opaex_plugin_get(99, &(struct opaex_plugin){ 0 }), FPGA_NOT_FOUND);
	assert_int_equal(fpgaGetOPAECVersionString((char *)out.bytes, 8), FPGA_OK);
	assert_string_equal(out.bytes, "2.14.0");
}

static void what_nobody_has(void **state)
{
	(void)state;
	assert_int_equal(fpgaGetNumUmsg(NULL, NULL), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaSetUmsgAttributes(NULL, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaTriggerUmsg(NULL, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaGetUmsgPtr(NULL, NULL), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaPropertiesGetModel(NULL, NULL), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaPropertiesSetModel(NULL, NULL), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaPropertiesGetLocalMemorySize(NULL, NULL), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaPropertiesSetLocalMemorySize(NULL, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaPropertiesGetCapabilities(NULL, NULL), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaPropertiesSetCapabilities(NULL, 0), FPGA_NOT_SUPPORTED);
}

static void results_have_their_texts(void **state)
{
	static const char *const texts[] = { "success", "invalid parameter", "resource busy",
					     "exception", "not found", "no memory",
					     "not supported", "no driver available",
					     "no fpga daemon running", "insufficient privileges",
					     "reconfiguration error", "unknown error" };

	(void)state;
	for (int i = 0; i < 12; i++)
		assert_string_equal(fpgaErrStr((fpga_result)i), texts[i]);
	assert_string_equal(fpgaErrStr((fpga_result)-1), "unknown error");
}

/* Still good after all of that. */
static void the_good_ones_still_work(void **state)
{
	uint64_t v = 0;

	(void)state;
	assert_int_equal(fpgaWriteMMIO64(handle, 0, 16, 5), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(handle, 0, 16, &v), FPGA_OK);
	assert_int_equal(v, 5);
	assert_int_equal(fpgaObjectRead64(object, &v, 0), FPGA_OK);
	assert_int_equal(fpgaUpdateProperties(token, props), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_handles),
		cmocka_unit_test(bad_tokens),
		cmocka_unit_test(bad_events_and_objects),
		cmocka_unit_test(bad_properties),
		cmocka_unit_test(null_pointers),
		cmocka_unit_test(null_pointers_elsewhere),
		cmocka_unit_test(what_nobody_has),
		cmocka_unit_test(results_have_their_texts),
		cmocka_unit_test(the_good_ones_still_work),
	};

	return cmocka_run_group_tests(tests, up, down);
}
