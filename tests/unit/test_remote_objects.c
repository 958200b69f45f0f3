/* SPDX-License-Identifier: BSD-3-Clause */
/* Sysobjects over client and session. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/calls-rig.h"
#include "wire/limits.h"

static void objects_are_found_and_read(void **state)
{
	fpga_object num, box, a, b;
	enum fpga_sysobject_type type;
	uint32_t size;
	uint64_t v;

	(void)state;
	assert_int_equal(far.fpgaTokenGetObject(devices[0], "num", &num, 0), FPGA_OK);
	assert_int_equal(far.fpgaObjectGetType(num, &type), FPGA_OK);
	assert_int_equal(type, FPGA_OBJECT_ATTRIBUTE);
	assert_int_equal(far.fpgaObjectRead64(num, &v, 0), FPGA_OK);
	assert_int_equal(v, 42);
	assert_int_equal(far.fpgaHandleGetObject(handle, "box", &box, FPGA_OBJECT_RECURSE_ONE), FPGA_OK);
	assert_int_equal(fake_manage.get_flags, FPGA_OBJECT_RECURSE_ONE);
	assert_int_equal(far.fpgaObjectGetType(box, &type), FPGA_OK);
	assert_int_equal(type, FPGA_OBJECT_CONTAINER);
	assert_int_equal(far.fpgaObjectGetSize(box, &size, 0), FPGA_OK);
	assert_int_equal(size, 2);
	assert_int_equal(far.fpgaObjectGetObject(box, "a", &a, FPGA_OBJECT_GLOB), FPGA_OK);
	assert_int_equal(fake_manage.get_flags, FPGA_OBJECT_GLOB);
	assert_int_equal(far.fpgaObjectGetObjectAt(box, 1, &b), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&box), FPGA_OK); /* its children stay */
	assert_int_equal(far.fpgaObjectRead64(a, &v, 0), FPGA_OK);
	assert_int_equal(v, 1);
	assert_int_equal(far.fpgaObjectRead64(b, &v, 0), FPGA_OK);
	assert_int_equal(v, 2);
	assert_int_equal(atomic_load(&fake_manage.objects), 3);
	assert_int_equal(far.fpgaDestroyObject(&a), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&b), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&num), FPGA_OK);
	assert_null(num);
	assert_int_equal(atomic_load(&fake_manage.objects), 0);
}

static void objects_of_handles_are_written(void **state)
{
	fpga_object by_token, by_handle;

	(void)state;
	assert_int_equal(far.fpgaTokenGetObject(devices[0], "num", &by_token, 0), FPGA_OK);
	assert_int_equal(far.fpgaHandleGetObject(handle, "num", &by_handle, 0), FPGA_OK);
	assert_int_equal(far.fpgaObjectWrite64(by_token, 1, 0), FPGA_INVALID_PARAM);
	assert_reason("cannot be written");
	assert_int_equal(far.fpgaObjectWrite64(by_handle, UINT64_MAX - 1, FPGA_OBJECT_RAW), FPGA_OK);
	assert_true(fake_manage.num == UINT64_MAX - 1);
	far.fpgaDestroyObject(&by_token);
	far.fpgaDestroyObject(&by_handle);
}

static void long_attributes_come_in_pieces(void **state)
{
	uint8_t *all = calloc(1, FAKE_LONG + 1);
	fpga_object o;
	uint32_t size;

	(void)state;
	assert_non_null(all);
	assert_int_equal(far.fpgaTokenGetObject(devices[0], "long", &o, 0), FPGA_OK);
	assert_int_equal(far.fpgaObjectGetSize(o, &size, FPGA_OBJECT_SYNC), FPGA_OK);
	assert_int_equal(size, FAKE_LONG);
	all[FAKE_LONG] = 0x55;
	assert_int_equal(far.fpgaObjectRead(o, all, 0, FAKE_LONG, FPGA_OBJECT_SYNC), FPGA_OK);
	for (uint32_t i = 0; i < FAKE_LONG; i++)
		assert_int_equal(all[i], (uint8_t)(i * 7));
	assert_int_equal(all[FAKE_LONG], 0x55);
	memset(all, 0, FAKE_LONG);
	assert_int_equal(far.fpgaObjectRead(o, all, 70000, 3, 0), FPGA_OK);
	assert_int_equal(all[2], (uint8_t)(70002u * 7));
	assert_int_equal(all[3], 0);
	assert_int_equal(far.fpgaObjectRead(o, all, FAKE_LONG, 0, 0), FPGA_OK);
	assert_int_equal(far.fpgaObjectRead(o, all, 1, FAKE_LONG, 0), FPGA_INVALID_PARAM);
	assert_reason("there are 150000");
	assert_int_equal(far.fpgaObjectRead(o, all, SIZE_MAX, 1, 0), FPGA_INVALID_PARAM);
	far.fpgaDestroyObject(&o);
	free(all);
}

static void flags_of_objects_pass(void **state)
{
	fpga_object o;
	uint64_t v;

	(void)state;
	assert_int_equal(far.fpgaTokenGetObject(devices[0], "flags", &o, 0x7ffffff0), FPGA_OK);
	assert_int_equal(fake_manage.get_flags, 0x7ffffff0);
	assert_int_equal(far.fpgaObjectRead64(o, &v, FPGA_OBJECT_RAW | FPGA_OBJECT_SYNC), FPGA_OK);
	assert_int_equal(v, FPGA_OBJECT_RAW | FPGA_OBJECT_SYNC);
	far.fpgaDestroyObject(&o);
}

static void names_of_objects_are_judged(void **state)
{
	char name[WIRE_STRING_MAX + 2];
	fpga_object o = NULL, num;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[WIRE_STRING_MAX + 1] = '\0';
	assert_int_equal(far.fpgaTokenGetObject(devices[0], name, &o, 0), FPGA_INVALID_PARAM);
	assert_non_null(strstr(host_detail, "longer than 4096"));
	name[WIRE_STRING_MAX] = '\0';
	assert_int_equal(far.fpgaHandleGetObject(handle, name, &o, 0), FPGA_NOT_FOUND);
	assert_reason("(4096)");
	assert_int_equal(far.fpgaHandleGetObject(handle, "", &o, 0), FPGA_NOT_FOUND);
	assert_int_equal(far.fpgaHandleGetObject(handle, "caf\xe9", &o, 0), FPGA_INVALID_PARAM);
	assert_non_null(strstr(host_detail, "UTF-8"));
	assert_int_equal(far.fpgaTokenGetObject(devices[0], "num", &num, 0), FPGA_OK);
	assert_int_equal(far.fpgaObjectGetObject(num, "a", &o, 0), FPGA_INVALID_PARAM);
	assert_reason("no container");
	assert_int_equal(far.fpgaObjectGetObjectAt(num, SIZE_MAX, &o), FPGA_INVALID_PARAM);
	assert_null(o);
	far.fpgaDestroyObject(&num);
}

static void objects_have_a_limit(void **state)
{
	fpga_object list[OBJECTS], more = NULL;

	(void)state;
	for (uint32_t i = 0; i < OBJECTS; i++)
		assert_int_equal(far.fpgaTokenGetObject(devices[0], "num", &list[i], 0), FPGA_OK);
	assert_int_equal(far.fpgaTokenGetObject(devices[0], "num", &more, 0), FPGA_NO_MEMORY);
	assert_reason("24 objects");
	assert_int_equal(far.fpgaHandleGetObject(handle, "box", &more, 0), FPGA_NO_MEMORY);
	assert_int_equal(atomic_load(&fake_manage.objects), OBJECTS);
	assert_int_equal(far.fpgaDestroyObject(&list[5]), FPGA_OK);
	assert_int_equal(far.fpgaTokenGetObject(devices[0], "num", &list[5], 0), FPGA_OK);
	for (uint32_t i = 0; i < OBJECTS; i++)
		assert_int_equal(far.fpgaDestroyObject(&list[i]), FPGA_OK);
}

static void objects_die_with_their_handle(void **state)
{
	fpga_object of_handle, of_box, of_token, box;
	uint64_t v;

	(void)state;
	assert_int_equal(far.fpgaHandleGetObject(handle, "num", &of_handle, 0), FPGA_OK);
	assert_int_equal(far.fpgaHandleGetObject(handle, "box", &box, FPGA_OBJECT_RECURSE_ONE), FPGA_OK);
	assert_int_equal(far.fpgaObjectGetObjectAt(box, 0, &of_box), FPGA_OK);
	assert_int_equal(far.fpgaTokenGetObject(devices[0], "num", &of_token, 0), FPGA_OK);
	assert_int_equal(far.fpgaClose(handle), FPGA_OK);
	handle = NULL;
	assert_int_equal(atomic_load(&fake_manage.objects), 1);
	assert_int_equal(far.fpgaObjectRead64(of_handle, &v, 0), FPGA_INVALID_PARAM);
	assert_int_equal(far.fpgaObjectRead64(of_box, &v, 0), FPGA_INVALID_PARAM);
	assert_int_equal(far.fpgaObjectRead64(of_token, &v, 0), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&of_handle), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&of_box), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&box), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&of_token), FPGA_OK);
}

static void objects_of_a_lost_link_say_so(void **state)
{
	fpga_object of_handle, of_token, again;
	unsigned int before = atomic_load(&hosts[0].ended);
	enum fpga_sysobject_type type;
	uint64_t v = 5;
	uint8_t byte;

	(void)state;
	assert_int_equal(far.fpgaHandleGetObject(handle, "long", &of_handle, 0), FPGA_OK);
	assert_int_equal(far.fpgaTokenGetObject(devices[0], "num", &of_token, 0), FPGA_OK);
	served_host_cut(&hosts[0]);
	await_number(&hosts[0].ended, before + 1);
	assert_int_equal(atomic_load(&fake_manage.objects), 0); /* the session took them along */
	assert_int_equal(far.fpgaObjectRead64(of_token, &v, 0), FPGA_EXCEPTION);
	assert_reason("");
	assert_int_equal(v, 5);
	assert_int_equal(far.fpgaObjectRead(of_handle, &byte, 0, 1, 0), FPGA_EXCEPTION);
	assert_int_equal(far.fpgaObjectGetType(of_token, &type), FPGA_OK);
	assert_int_equal(far.fpgaHandleGetObject(handle, "num", &again, 0), FPGA_EXCEPTION);
	/* A token makes a new connection; ids of the old one are not taken for the new one's. */
	assert_int_equal(far.fpgaTokenGetObject(devices[0], "num", &again, 0), FPGA_OK);
	assert_int_equal(far.fpgaObjectRead64(of_token, &v, 0), FPGA_EXCEPTION);
	assert_int_equal(far.fpgaDestroyObject(&of_token), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&of_handle), FPGA_OK);
	assert_int_equal(far.fpgaObjectRead64(again, &v, 0), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&again), FPGA_OK);
}

/* The child has no connection: it is told so, and the parent's is not touched. */
static void a_forked_child_has_no_objects(void **state)
{
	fpga_object o;
	uint64_t v;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(far.fpgaHandleGetObject(handle, "num", &o, 0), FPGA_OK);
	pid = fork();
	if (!pid) {
		bool fine = far.fpgaObjectRead64(o, &v, 0) == FPGA_EXCEPTION &&
			    strstr(host_detail, "parent process") &&
			    far.fpgaReconfigureSlot(handle, 0, (const uint8_t *)"", 0, 0) == FPGA_EXCEPTION &&
			    far.fpgaDestroyObject(&o) == FPGA_OK;

		_exit(fine ? 0 : 1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(atomic_load(&fake_manage.objects), 1);
	assert_int_equal(far.fpgaObjectRead64(o, &v, 0), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&o), FPGA_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALLS(objects_are_found_and_read),
		CALLS(objects_of_handles_are_written),
		CALLS(long_attributes_come_in_pieces),
		CALLS(flags_of_objects_pass),
		CALLS(names_of_objects_are_judged),
		CALLS(objects_have_a_limit),
		CALLS(objects_die_with_their_handle),
		CALLS(objects_of_a_lost_link_say_so),
		CALLS(a_forked_child_has_no_objects),
	};

	return RUN(tests);
}
