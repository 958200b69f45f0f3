/* SPDX-License-Identifier: BSD-3-Clause */
/* The shell over a model of devices: filters, parents, lifetimes, and threads that race with close. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/loader/rig.h"
#include "tests/unit/check.h"

static int up(void **state)
{
	const char *const list[] = { "a:good:{\"devices\": 3, \"segment\": 1}",
				     "b:good:{\"devices\": 2, \"segment\": 2}", NULL };

	(void)state;
	rig_start(list);
	return 0;
}

static int down(void **state)
{
	(void)state;
	rig_stop();
	return 0;
}

static fpga_properties filter(void)
{
	fpga_properties f;

	assert_int_equal(fpgaGetProperties(NULL, &f), FPGA_OK);
	return f;
}

/* ---- enumeration ---- */

static void the_count_is_the_true_total(void **state)
{
	fpga_token list[9];
	uint32_t n;

	(void)state;
	memset(list, 0x55, sizeof(list));
	assert_int_equal(fpgaEnumerate(NULL, 0, list, 4, &n), FPGA_OK);
	assert_int_equal(n, 7);
	for (int i = 0; i < 4; i++)
		assert_int_equal(fpgaDestroyToken(&list[i]), FPGA_OK);
	assert_int_equal(((unsigned char *)&list[4])[0], 0x55);
	assert_int_equal(fpgaEnumerate(NULL, 0, list, 0, &n), FPGA_OK);
	assert_int_equal(n, 7);
	assert_int_equal(fpgaEnumerate(NULL, 0, NULL, 1, &n), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaEnumerate(NULL, 1, NULL, 0, &n), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaEnumerate((fpga_properties *)list, 0, NULL, 0, &n),
			 FPGA_INVALID_PARAM);
	assert_int_equal(fpgaEnumerate(NULL, 0, NULL, 0, NULL), FPGA_INVALID_PARAM);
}

/* (segment 1 and function 2) or (segment 2 and function 1): two, and no mixture. */
static void filters_are_an_or_of_ands(void **state)
{
	fpga_properties f[2] = { filter(), filter() };
	uint32_t n;

	(void)state;
	assert_int_equal(fpgaPropertiesSetSegment(f[0], 1), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetFunction(f[0], 2), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetSegment(f[1], 2), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetFunction(f[1], 1), FPGA_OK);
	assert_int_equal(fpgaEnumerate(f, 2, NULL, 0, &n), FPGA_OK);
	assert_int_equal(n, 2);
	assert_int_equal(fpgaPropertiesSetFunction(f[1], 7), FPGA_OK);
	assert_int_equal(fpgaEnumerate(f, 2, NULL, 0, &n), FPGA_OK);
	assert_int_equal(n, 1);
	/* The same device by both filters is one device. */
	assert_int_equal(fpgaEnumerate((fpga_properties[]){ f[0], f[0] }, 2, NULL, 0, &n), FPGA_OK);
	assert_int_equal(n, 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(fpgaDestroyProperties(&f[i]), FPGA_OK);
}

/* A plugin's reason for a value that is missing is what who asks for that one gets. */
static void a_property_that_is_not_set_says_why(void **state)
{
	fpga_token token = rig_token(1, FPGA_DEVICE, 0);
	fpga_properties p;
	fpga_version version;
	uint32_t n;
	uint8_t socket;

	(void)state;
	assert_int_equal(fpgaGetProperties(token, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetNumErrors(p, &n), FPGA_NOT_FOUND);
	assert_non_null(strstr(opaex_error_detail(), "not set: nobody has counted them"));
	assert_int_equal(fpgaPropertiesGetBBSVersion(p, &version), FPGA_NOT_FOUND);
	assert_non_null(strstr(opaex_error_detail(), "not set: a reason for something else"));
	assert_int_equal(fpgaPropertiesGetSocketID(p, &socket), FPGA_NOT_FOUND);
	assert_null(strstr(opaex_error_detail(), "not set: "));
	assert_int_equal(fpgaClearProperties(p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetNumErrors(p, &n), FPGA_NOT_FOUND);
	assert_null(strstr(opaex_error_detail(), "not set: "));
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&token), FPGA_OK);
}

/* Every property is honoured, each by a value that is there and one that is not. */
static void every_property_filters(void **state)
{
	fpga_guid guid = { 0 };
	fpga_properties f = filter();

	(void)state;
#define FILTERS(set, hit, hits, miss)                                                              \
	do {                                                                                       \
		assert_int_equal(fpgaClearProperties(f), FPGA_OK);                                 \
		assert_int_equal(fpgaPropertiesSet##set(f, hit), FPGA_OK);                         \
		assert_int_equal(rig_count(f), hits);                                              \
		assert_int_equal(fpgaPropertiesSet##set(f, miss), FPGA_OK);                        \
		assert_int_equal(rig_count(f), 0);                                                 \
	} while (0)
#define TYPED(type, set, hit, hits, miss)                                                          \
	do {                                                                                       \
		assert_int_equal(fpgaClearProperties(f), FPGA_OK);                                 \
		assert_int_equal(fpgaPropertiesSetObjectType(f, type), FPGA_OK);                   \
		assert_int_equal(fpgaPropertiesSet##set(f, hit), FPGA_OK);                         \
		assert_int_equal(rig_count(f), hits);                                              \
		assert_int_equal(fpgaPropertiesSet##set(f, miss), FPGA_OK);                        \
		assert_int_equal(rig_count(f), 0);                                                 \
	} while (0)
	FILTERS(Segment, 1, 4, 9);
	FILTERS(Bus, 1, 7, 2);
	FILTERS(Device, 0, 7, 1);
	FILTERS(Function, 1, 2, 7);
	FILTERS(ObjectID, (UINT64_C(2) << 32) + 1, 1, 77);
	FILTERS(Interface, FPGA_IFC_DFL, 7, FPGA_IFC_VFIO);
	/* Set in the filter, but nothing that the devices have. */
	FILTERS(VendorID, 0, 0, 0x8086);
	FILTERS(DeviceID, 0, 0, 1);
	FILTERS(SubsystemVendorID, 0, 0, 1);
	FILTERS(SubsystemDeviceID, 0, 0, 1);
	FILTERS(SocketID, 0, 0, 1);
	FILTERS(NumErrors, 0, 0, 1);
	TYPED(FPGA_DEVICE, NumSlots, 3, 2, 4);
	TYPED(FPGA_DEVICE, BBSID, 0xb0b, 2, 1);
	TYPED(FPGA_ACCELERATOR, NumMMIO, 1, 5, 2);
	TYPED(FPGA_ACCELERATOR, NumInterrupts, 3, 1, 9);
	TYPED(FPGA_ACCELERATOR, AcceleratorState, FPGA_ACCELERATOR_UNASSIGNED, 5,
	      FPGA_ACCELERATOR_ASSIGNED);
	assert_int_equal(fpgaClearProperties(f), FPGA_OK);
	guid[15] = 2;
	assert_int_equal(fpgaPropertiesSetGUID(f, guid), FPGA_OK);
	assert_int_equal(rig_count(f), 2);
	guid[0] = 1;
	assert_int_equal(fpgaPropertiesSetGUID(f, guid), FPGA_OK);
	assert_int_equal(rig_count(f), 0);
	assert_int_equal(fpgaDestroyProperties(&f), FPGA_OK);
}

/* ---- parents ---- */

static void the_parent_is_the_plugins_word(void **state)
{
	fpga_token child = rig_token(2, FPGA_ACCELERATOR, 1), device = rig_token(2, FPGA_DEVICE, 0);
	fpga_token other = rig_token(1, FPGA_DEVICE, 0), parent = NULL;
	fpga_properties p, f = filter();
	uint16_t segment = 0;

	(void)state;
	assert_int_equal(fpgaGetProperties(child, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetParent(p, &parent), FPGA_OK);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	assert_int_equal(fpgaGetProperties(parent, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetSegment(p, &segment), FPGA_OK);
	assert_int_equal(segment, 2);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	/* As a filter: the children of this device and of no other. */
	assert_int_equal(fpgaPropertiesSetParent(f, device), FPGA_OK);
	assert_int_equal(rig_count(f), 2);
	assert_int_equal(fpgaPropertiesSetParent(f, other), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&other), FPGA_OK); /* the filter keeps its own hold */
	assert_int_equal(rig_count(f), 3);
	assert_int_equal(fpgaGetProperties(device, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetParent(p, &parent), FPGA_NOT_FOUND);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	assert_int_equal(fpgaDestroyProperties(&f), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&child), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&device), FPGA_OK);
}

/* ---- properties ---- */

static void fields_of_the_two_types_do_not_alias(void **state)
{
	fpga_properties p = filter();
	fpga_accelerator_state s;
	uint32_t n;

	(void)state;
	assert_int_equal(fpgaPropertiesSetNumSlots(p, 1), FPGA_INVALID_PARAM); /* no type yet */
	assert_int_equal(fpgaPropertiesSetObjectType(p, FPGA_DEVICE), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetNumSlots(p, 1), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetNumMMIO(p, &n), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaPropertiesSetObjectType(p, FPGA_ACCELERATOR), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetAcceleratorState(p, &s), FPGA_NOT_FOUND);
	assert_int_equal(fpgaPropertiesSetFunction(p, 8), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaPropertiesGetBus(p, NULL), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	assert_null(p);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_INVALID_PARAM);
}

static void a_clone_is_independent(void **state)
{
	fpga_properties p = filter(), q;
	uint8_t bus = 0;

	(void)state;
	assert_int_equal(fpgaPropertiesSetBus(p, 5), FPGA_OK);
	assert_int_equal(fpgaCloneProperties(p, &q), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetBus(p, 6), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetBus(q, &bus), FPGA_OK);
	assert_int_equal(bus, 5);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetBus(q, &bus), FPGA_OK);
	assert_int_equal(fpgaDestroyProperties(&q), FPGA_OK);
}

/* ---- lifetimes ---- */

static void a_token_may_go_before_its_handle(void **state)
{
	fpga_token t = rig_token(1, FPGA_ACCELERATOR, 0), copy;
	fpga_properties p;
	fpga_handle h;
	uint64_t v;

	(void)state;
	assert_int_equal(fpgaCloneToken(t, &copy), FPGA_OK);
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaWriteMMIO64(h, 0, 0, 3), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(h, 0, 0, &v), FPGA_OK);
	assert_int_equal(fpgaGetPropertiesFromHandle(h, &p), FPGA_OK);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaOpen(copy, &h, 0), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&copy), FPGA_OK);
}

static void objects_of_a_handle_die_with_it(void **state)
{
	fpga_token t = rig_token(1, FPGA_ACCELERATOR, 0);
	fpga_object o;
	fpga_handle h;
	uint64_t v = 0;

	(void)state;
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(fpgaHandleGetObject(h, "nothing", &o, 0), FPGA_NOT_FOUND);
	assert_int_equal(fpgaHandleGetObject(h, "answer", &o, 0), FPGA_OK);
	assert_int_equal(fpgaObjectRead64(o, &v, 0), FPGA_OK);
	assert_int_equal(v, 42);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaObjectRead64(o, &v, 0), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaDestroyObject(&o), FPGA_OK);
	assert_int_equal(fpgaDestroyObject(&o), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

static void an_event_belongs_to_the_plugin_that_registers_it(void **state)
{
	fpga_token a = rig_token(1, FPGA_ACCELERATOR, 0), b = rig_token(2, FPGA_ACCELERATOR, 0);
	fpga_event_handle eh, other;
	fpga_handle ha, hb;
	int fd = -1;

	(void)state;
	assert_int_equal(fpgaOpen(a, &ha, 0), FPGA_OK);
	assert_int_equal(fpgaOpen(b, &hb, 0), FPGA_OK);
	assert_int_equal(fpgaCreateEventHandle(&eh), FPGA_OK);
	assert_int_equal(fpgaGetOSObjectFromEventHandle(eh, &fd), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaUnregisterEvent(ha, FPGA_EVENT_INTERRUPT, eh), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaRegisterEvent(ha, FPGA_EVENT_INTERRUPT, eh, 0), FPGA_OK);
	assert_int_equal(fpgaGetOSObjectFromEventHandle(eh, &fd), FPGA_OK);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	/* A registration that failed leaves the event as it was. */
	assert_int_equal(fpgaCreateEventHandle(&other), FPGA_OK);
	assert_int_equal(fpgaRegisterEvent(ha, FPGA_EVENT_ERROR, other, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaGetOSObjectFromEventHandle(other, &fd), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaRegisterEvent(hb, FPGA_EVENT_INTERRUPT, other, 0), FPGA_OK);
	assert_int_equal(fpgaDestroyEventHandle(&other), FPGA_OK);
	/* Another plugin's event would be read as something that it is not. */
	assert_int_equal(fpgaRegisterEvent(hb, FPGA_EVENT_INTERRUPT, eh, 0), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaUnregisterEvent(ha, FPGA_EVENT_INTERRUPT, eh), FPGA_OK);
	assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_OK);
	assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaClose(ha), FPGA_OK);
	assert_int_equal(fpgaClose(hb), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&a), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&b), FPGA_OK);
}

static void polls_and_blocks_without_the_plugins_help(void **state)
{
	fpga_token t = rig_token(1, FPGA_ACCELERATOR, 0);
	uint64_t block[4], last = 0;
	fpga_handle h;

	(void)state;
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(fpgaWriteMMIO64(h, 0, 8 * i, 100 + i), FPGA_OK);
	assert_int_equal(opaex_read_mmio_block(h, 0, 0, block, sizeof(block)), FPGA_OK);
	assert_int_equal(block[3], 103);
	assert_int_equal(opaex_read_mmio_block(h, 0, 4, block, 8), FPGA_INVALID_PARAM);
	assert_int_equal(opaex_read_mmio_block(h, 0, 65536 - 8, block, 16), FPGA_INVALID_PARAM);
	assert_int_equal(opaex_read_mmio_block(h, 0, UINT64_MAX - 7, block, 8), FPGA_INVALID_PARAM);
	assert_int_equal(opaex_poll_mmio(h, 0, 8, 0xff, 101, 0, 1000, &last), FPGA_OK);
	assert_int_equal(opaex_poll_mmio(h, 0, 8, 0xff, 7, 100, 2000, &last), FPGA_BUSY);
	assert_int_equal(last, 101);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

/* ---- threads ---- */

static fpga_handle shared;
static atomic_bool go_on;

static void *access_until_closed(void *arg)
{
	uint64_t v, n = 0;

	(void)arg;
	while (atomic_load(&go_on)) {
		fpga_result r = fpgaReadMMIO64(shared, 0, 8, &v);

		if (r == FPGA_INVALID_PARAM)
			break;
		if (r != FPGA_OK)
			return (void *)1;
		n++;
	}
	(void)n;
	return NULL;
}

/* Accesses race with close: each one is done or refused, none touches what was freed. */
static void close_waits_for_calls_under_way(void **state)
{
	fpga_token t = rig_token(1, FPGA_ACCELERATOR, 0);
	pthread_t threads[3];
	void *r;

	(void)state;
	for (int round = 0; round < 50; round++) {
		assert_int_equal(fpgaOpen(t, &shared, 0), FPGA_OK);
		atomic_store(&go_on, true);
		for (int i = 0; i < 3; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, access_until_closed,
							NULL), 0);
		usleep(200);
		assert_int_equal(fpgaClose(shared), FPGA_OK);
		for (int i = 0; i < 3; i++) {
			pthread_join(threads[i], &r);
			assert_null(r);
		}
	}
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

static void *poll_for_long(void *arg)
{
	return (void *)(uintptr_t)opaex_poll_mmio(arg, 0, 8, UINT64_MAX, 12345, 1000000, 600000000,
						  NULL);
}

/* Ten minutes were asked for; close does not wait for them. */
static void close_ends_a_poll(void **state)
{
	fpga_token t = rig_token(1, FPGA_ACCELERATOR, 0);
	time_t begin = time(NULL);
	fpga_handle h;
	pthread_t thread;
	void *r;

	(void)state;
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(pthread_create(&thread, NULL, poll_for_long, h), 0);
	usleep(20000);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	pthread_join(thread, &r);
	assert_ptr_equal(r, (void *)FPGA_INVALID_PARAM);
	assert_true(time(NULL) - begin < 5);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

/* A child that forks off in the middle of calls of other threads ends like any process. */
static void a_child_can_exit(void **state)
{
	fpga_token t = rig_token(1, FPGA_ACCELERATOR, 0);
	pthread_t thread;
	int status;
	void *r;

	(void)state;
	assert_int_equal(fpgaOpen(t, &shared, 0), FPGA_OK);
	atomic_store(&go_on, true);
	assert_int_equal(pthread_create(&thread, NULL, access_until_closed, NULL), 0);
	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(10); /* a hang ends it by a signal */
			exit(fpgaClose(shared) == FPGA_OK ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	atomic_store(&go_on, false);
	pthread_join(thread, &r);
	assert_null(r);
	assert_int_equal(fpgaClose(shared), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

static void *enumerate_a_lot(void *arg)
{
	fpga_properties f = arg;
	fpga_token list[8];
	uint32_t n;

	for (int i = 0; i < 100; i++) {
		if (fpgaEnumerate(&f, 1, list, 8, &n) != FPGA_OK || n != 5)
			return (void *)1;
		for (uint32_t k = 0; k < n; k++)
			if (fpgaDestroyToken(&list[k]) != FPGA_OK)
				return (void *)1;
	}
	return NULL;
}

/* One filter serves many threads: enumeration leaves it alone. */
static void threads_share_a_filter(void **state)
{
	fpga_properties f = filter();
	pthread_t threads[4];
	void *r;

	(void)state;
	assert_int_equal(fpgaPropertiesSetObjectType(f, FPGA_ACCELERATOR), FPGA_OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, enumerate_a_lot, f), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &r);
		assert_null(r);
	}
	assert_int_equal(fpgaDestroyProperties(&f), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(the_count_is_the_true_total),
		RIGGED(filters_are_an_or_of_ands),
		RIGGED(a_property_that_is_not_set_says_why),
		RIGGED(every_property_filters),
		RIGGED(the_parent_is_the_plugins_word),
		RIGGED(fields_of_the_two_types_do_not_alias),
		RIGGED(a_clone_is_independent),
		RIGGED(a_token_may_go_before_its_handle),
		RIGGED(objects_of_a_handle_die_with_it),
		RIGGED(an_event_belongs_to_the_plugin_that_registers_it),
		RIGGED(polls_and_blocks_without_the_plugins_help),
		RIGGED(close_waits_for_calls_under_way),
		RIGGED(close_ends_a_poll),
		RIGGED(a_child_can_exit),
		RIGGED(threads_share_a_filter),
	};

	return RUN(tests);
}
