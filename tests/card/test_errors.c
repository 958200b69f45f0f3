/* SPDX-License-Identifier: BSD-3-Clause */
/* Error registers by index and by name, through a handle, a token, and while nobody has the device. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/card/card.h"

static int up(void **state)
{
	(void)state;
	return card_up("a10", "trap");
}

static int up_nlb(void **state)
{
	(void)state;
	return card_up("nlb0", "trap");
}

static uint32_t num_errors(fpga_token t)
{
	fpga_properties p;
	uint32_t n = 0;

	assert_int_equal(fpgaGetProperties(t, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetNumErrors(p, &n), FPGA_OK);
	fpgaDestroyProperties(&p);
	return n;
}

static uint32_t index_of(fpga_token t, const char *name)
{
	struct fpga_error_info info;

	for (uint32_t i = 0; i < num_errors(t); i++) {
		assert_int_equal(fpgaGetErrorInfo(t, i, &info), FPGA_OK);
		if (!strcmp(info.name, name))
			return i;
	}
	fail_msg("there is no %s", name);
	return 0;
}

static uint64_t value(fpga_token t, const char *name)
{
	uint64_t v = 0;

	assert_int_equal(fpgaReadError(t, index_of(t, name), &v), FPGA_OK);
	return v;
}

static uint64_t object_value(fpga_handle h, const char *name)
{
	fpga_object o;
	uint64_t v = 0;

	assert_int_equal(fpgaHandleGetObject(h, name, &o, 0), FPGA_OK);
	assert_int_equal(fpgaObjectRead64(o, &v, FPGA_OBJECT_SYNC), FPGA_OK);
	assert_int_equal(fpgaDestroyObject(&o), FPGA_OK);
	return v;
}

static void raised_and_cleared(void **state)
{
	fpga_token dev, afu;
	fpga_handle h;
	uint64_t v;

	(void)state;
	card = card_start_with("card0", "a10", "trap", NULL, "fme-error=4,port-error=0x10");
	library_start("{}");
	dev = nth_token(FPGA_DEVICE, NULL, 0);
	afu = nth_token(FPGA_ACCELERATOR, NULL, 0);
	assert_int_equal(num_errors(dev), 8);
	assert_int_equal(num_errors(afu), 3);
	assert_int_equal(fpgaClearAllErrors(dev), FPGA_OK); /* they outlive resets: another test's */
	assert_int_equal(fpgaClearAllErrors(afu), FPGA_OK);
	assert_int_equal(value(dev, "fme_errors"), 0); /* nobody has the device */
	assert_int_equal(fpgaOpen(dev, &h, 0), FPGA_OK);
	card_fault(card);
	for (int i = 0; i < 2000 && !value(afu, "errors"); i++)
		usleep(1000);
	assert_int_equal(value(dev, "fme_errors"), 4);
	assert_int_equal(value(dev, "first_error"), 4);
	assert_int_equal(value(afu, "errors"), 0x10);
	assert_int_equal(value(afu, "first_error"), 0x10);
	assert_int_equal(fpgaClearError(dev, index_of(dev, "first_error")), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaClearError(dev, index_of(dev, "fme_errors")), FPGA_OK);
	assert_int_equal(value(dev, "fme_errors"), 0);
	assert_int_equal(fpgaClearAllErrors(afu), FPGA_OK);
	assert_int_equal(value(afu, "errors"), 0);
	assert_int_equal(fpgaReadError(dev, 8, &v), FPGA_NOT_FOUND);
	assert_int_equal(fpgaClearError(afu, UINT32_MAX), FPGA_NOT_FOUND);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	fpgaDestroyToken(&dev);
	fpgaDestroyToken(&afu);
}

static void by_name(void **state)
{
	fpga_handle h = open_nth(FPGA_DEVICE, NULL, 0);
	fpga_object o, inner;
	char text[16] = "";
	uint32_t size = 0;
	uint64_t v = 9;

	(void)state;
	assert_int_equal(fpgaHandleGetObject(h, "errors/inject_errors", &o, 0), FPGA_OK);
	assert_int_equal(fpgaObjectWrite64(o, 4, 0), FPGA_OK);
	assert_int_equal(fpgaObjectRead64(o, &v, 0), FPGA_OK);
	assert_int_equal(v, 4);
	assert_int_equal(fpgaObjectGetSize(o, &size, 0), FPGA_OK);
	assert_int_equal(size, 4);
	assert_int_equal(fpgaObjectRead(o, (uint8_t *)text, 0, size, 0), FPGA_OK);
	assert_string_equal(text, "0x4\n");
	assert_int_equal(fpgaObjectRead(o, (uint8_t *)text, 1, size, 0), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaObjectGetObject(o, "x", &inner, 0), FPGA_INVALID_PARAM);
	assert_int_not_equal(object_value(h, "errors/nonfatal_errors"), 0);
	assert_int_equal(fpgaObjectWrite64(o, 0, 0), FPGA_OK);
	assert_int_equal(object_value(h, "errors/nonfatal_errors"), 0);
	assert_int_equal(fpgaDestroyObject(&o), FPGA_OK);
	assert_int_equal(fpgaHandleGetObject(h, "errors/first_error", &o, 0), FPGA_OK);
	assert_int_equal(fpgaObjectWrite64(o, 0, 0), FPGA_NO_ACCESS);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaObjectRead64(o, &v, 0), FPGA_INVALID_PARAM); /* its handle is closed */
	assert_int_equal(fpgaDestroyObject(&o), FPGA_OK);
}

static void folders_and_patterns(void **state)
{
	fpga_token t = nth_token(FPGA_DEVICE, NULL, 0);
	enum fpga_sysobject_type type;
	fpga_object o, inner;
	uint32_t size = 9;
	uint64_t v;

	(void)state;
	assert_int_equal(fpgaTokenGetObject(t, "errors", &o, 0), FPGA_OK);
	assert_int_equal(fpgaObjectGetType(o, &type), FPGA_OK);
	assert_int_equal(type, FPGA_OBJECT_CONTAINER);
	assert_int_equal(fpgaObjectGetSize(o, &size, 0), FPGA_OK);
	assert_int_equal(size, 0); /* nothing is loaded without RECURSE */
	assert_int_equal(fpgaObjectGetObjectAt(o, 0, &inner), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaObjectGetObject(o, "fme_errors", &inner, 0), FPGA_OK);
	assert_int_equal(fpgaObjectRead64(inner, &v, 0), FPGA_OK);
	assert_int_equal(fpgaObjectWrite64(inner, 0, 0), FPGA_INVALID_PARAM); /* of a token */
	assert_int_equal(fpgaDestroyObject(&inner), FPGA_OK);
	assert_int_equal(fpgaObjectRead64(o, &v, 0), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaDestroyObject(&o), FPGA_OK);
	assert_int_equal(fpgaTokenGetObject(t, "err*/pcie?_errors", &o, FPGA_OBJECT_GLOB), FPGA_OK);
	assert_int_equal(fpgaObjectGetSize(o, &size, 0), FPGA_OK);
	assert_int_equal(size, 2);
	assert_int_equal(fpgaObjectGetObjectAt(o, 1, &inner), FPGA_OK);
	assert_int_equal(fpgaObjectGetType(inner, &type), FPGA_OK);
	assert_int_equal(type, FPGA_OBJECT_ATTRIBUTE);
	assert_int_equal(fpgaDestroyObject(&inner), FPGA_OK);
	assert_int_equal(fpgaDestroyObject(&o), FPGA_OK);
	assert_int_equal(fpgaTokenGetObject(t, "errors", &o, FPGA_OBJECT_RECURSE_ALL), FPGA_OK);
	assert_int_equal(fpgaObjectGetSize(o, &size, 0), FPGA_OK);
	assert_int_equal(size, 8);
	assert_int_equal(fpgaDestroyObject(&o), FPGA_OK);
	assert_int_equal(fpgaTokenGetObject(t, "err*/pcie?_errors", &o, 0), FPGA_NOT_FOUND);
	assert_int_equal(fpgaTokenGetObject(t, "errors/none", &o, 0), FPGA_NOT_FOUND);
	assert_int_equal(fpgaTokenGetObject(t, "../errors", &o, 0), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaTokenGetObject(t, "/errors", &o, 0), FPGA_INVALID_PARAM);
	fpgaDestroyToken(&t);
}

static void without_error_registers(void **state)
{
	fpga_token t = only_token();
	struct fpga_error_info info;
	fpga_properties p;
	fpga_object o;
	uint64_t v;
	uint32_t n;

	(void)state;
	card_needs(CARD_NO_PORT);
	assert_int_equal(fpgaReadError(t, 0, &v), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaClearAllErrors(t), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaGetErrorInfo(t, 0, &info), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaTokenGetObject(t, "errors", &o, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaGetProperties(t, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetNumErrors(p, &n), FPGA_NOT_FOUND);
	fpgaDestroyProperties(&p);
	fpgaDestroyToken(&t);
}

#define WITH(test, up) cmocka_unit_test_setup_teardown(test, up, card_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(raised_and_cleared, NULL),
		WITH(by_name, up),
		WITH(folders_and_patterns, up),
		WITH(without_error_registers, up_nlb),
	};

	return CARD_RUN(tests);
}
