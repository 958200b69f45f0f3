/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors and sysobjects of the local plugin, on the kernel's own driver. $1 "root": all of them, on a
 * card that raises errors at a signal. "user": what one may not do who may read alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/vm/guest/dfl.h"
#include "tests/vm/guest/edu.h"

#define FME_ERROR 0x20u	 /* as the test's card raises them */
#define PORT_ERROR 0x10u
#define NONFATAL 4u	 /* injects */
#define NONFATAL_SHOWN 0x40u
#define SOON_MS 20000

/* ---- errors ---- */

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

	expect(fpgaReadError(t, index_of(t, name), &v), FPGA_OK, NULL);
	return v;
}

static void test_error_registers(void **state)
{
	static const struct {
		const char *name;
		bool clears;
	} fme[] = { { "catfatal_errors", false }, { "first_error", false }, { "fme_errors", true },
		    { "inject_errors", true },	  { "next_error", false },  { "nonfatal_errors", false },
		    { "pcie0_errors", true },	  { "pcie1_errors", true } };
	fpga_token t = dfl_token(FPGA_DEVICE), port = dfl_token(FPGA_ACCELERATOR);
	struct fpga_error_info info;
	uint64_t v;

	(void)state;
	assert_int_equal(num_errors(t), 8);
	for (uint32_t i = 0; i < 8; i++) {
		assert_int_equal(fpgaGetErrorInfo(t, i, &info), FPGA_OK);
		assert_string_equal(info.name, fme[i].name);
		assert_int_equal(info.can_clear, fme[i].clears);
		expect(fpgaReadError(t, i, &v), FPGA_OK, NULL);
	}
	expect(fpgaReadError(t, 8, &v), FPGA_NOT_FOUND, "has 8 error registers");
	assert_int_equal(num_errors(port), 3);
	assert_int_equal(value(port, "first_malformed_req"), 0);
	expect(fpgaClearError(port, index_of(port, "first_error")), FPGA_NOT_SUPPORTED, "first_error");
	fpgaDestroyToken(&t);
	fpgaDestroyToken(&port);
}

static void test_raised_and_cleared(void **state)
{
	fpga_token fme = dfl_token(FPGA_DEVICE), port = dfl_token(FPGA_ACCELERATOR);

	(void)state;
	expect(fpgaClearAllErrors(fme), FPGA_OK, NULL);
	expect(fpgaClearAllErrors(port), FPGA_OK, NULL);
	assert_int_equal(value(fme, "fme_errors") | value(port, "errors"), 0);
	assert_int_equal(dfl_run("/rig/signal $CARD_NAME"), 0);
	for (int i = 0; i < SOON_MS && !(value(fme, "fme_errors") && value(port, "errors")); i++)
		usleep(1000);
	assert_int_equal(value(fme, "fme_errors"), FME_ERROR);
	assert_int_equal(value(port, "errors"), PORT_ERROR);
	assert_int_equal(value(port, "first_error"), PORT_ERROR);
	expect(fpgaClearError(fme, index_of(fme, "fme_errors")), FPGA_OK, NULL);
	assert_int_equal(value(fme, "fme_errors"), 0);
	assert_int_equal(value(port, "errors"), PORT_ERROR);
	expect(fpgaClearAllErrors(port), FPGA_OK, NULL);
	assert_int_equal(value(port, "errors") | value(port, "first_error"), 0);
	fpgaDestroyToken(&fme);
	fpgaDestroyToken(&port);
}

/* To clear a port's errors the driver resets the port; where there are none it must not come to that. */
static void test_nothing_to_clear_disturbs_nobody(void **state)
{
	fpga_token port = dfl_token(FPGA_ACCELERATOR);
	fpga_handle h = dfl_open(FPGA_ACCELERATOR, 0);
	uint64_t v = 0;

	(void)state;
	expect(fpgaWriteMMIO64(h, 0, 0x108, 0x0123456789abcdef), FPGA_OK, NULL);
	expect(fpgaClearAllErrors(port), FPGA_OK, NULL);
	expect(fpgaReadMMIO64(h, 0, 0x108, &v), FPGA_OK, NULL);
	assert_true(v == 0x0123456789abcdef);
	expect(fpgaClose(h), FPGA_OK, NULL);
	fpgaDestroyToken(&port);
}

static void test_injected(void **state)
{
	fpga_handle h = dfl_open(FPGA_DEVICE, 0);
	fpga_token fme = dfl_token(FPGA_DEVICE);
	fpga_object inject, shown;
	uint64_t v = 0;

	(void)state;
	expect(fpgaHandleGetObject(h, "errors/inject_errors", &inject, 0), FPGA_OK, NULL);
	expect(fpgaTokenGetObject(fme, "errors/nonfatal_errors", &shown, 0), FPGA_OK, NULL);
	expect(fpgaObjectWrite64(inject, 0x80, 0), FPGA_INVALID_PARAM, "refuses this value");
	expect(fpgaObjectWrite64(inject, NONFATAL, 0), FPGA_OK, NULL);
	expect(fpgaObjectRead64(inject, &v, 0), FPGA_OK, NULL);
	assert_int_equal(v, NONFATAL);
	assert_int_equal(value(fme, "nonfatal_errors"), NONFATAL_SHOWN);
	expect(fpgaObjectRead64(shown, &v, 0), FPGA_OK, NULL);
	assert_int_equal(v, 0); /* as it was when it was read */
	expect(fpgaObjectRead64(shown, &v, FPGA_OBJECT_SYNC), FPGA_OK, NULL);
	assert_int_equal(v, NONFATAL_SHOWN);
	expect(fpgaObjectWrite64(shown, 0, 0), FPGA_INVALID_PARAM, "from a token");
	expect(fpgaClearError(fme, index_of(fme, "inject_errors")), FPGA_OK, NULL);
	assert_int_equal(value(fme, "inject_errors") | value(fme, "nonfatal_errors"), 0);
	fpgaDestroyObject(&inject);
	fpgaDestroyObject(&shown);
	expect(fpgaHandleGetObject(h, "errors/nonfatal_errors", &shown, 0), FPGA_OK, NULL);
	expect(fpgaObjectWrite64(shown, 0, 0), FPGA_NO_ACCESS, "can only be read"); /* not by root either */
	fpgaDestroyObject(&shown);
	expect(fpgaClose(h), FPGA_OK, NULL);
	fpgaDestroyToken(&fme);
}

/* ---- sysobjects ---- */

#define FME_DIR "fpga_region/region*/dfl-fme.*/"

static void object_text(fpga_object o, char *out, size_t room)
{
	uint32_t n = 0;

	expect(fpgaObjectGetSize(o, &n, 0), FPGA_OK, NULL);
	assert_in_range(n, 1, room - 1);
	expect(fpgaObjectRead(o, (uint8_t *)out, 0, n, 0), FPGA_OK, NULL);
	out[n] = 0;
	out[strcspn(out, "\n")] = 0;
}

/* The object of a name or pattern shows what the file does. */
static void same_text(fpga_token t, const char *name, const char *file, int flags)
{
	char got[256], want[256];
	fpga_object o;

	expect(fpgaTokenGetObject(t, name, &o, flags), FPGA_OK, NULL);
	object_text(o, got, sizeof(got));
	fpgaDestroyObject(&o);
	dfl_read(file, want, sizeof(want));
	assert_string_equal(got, want);
}

static void test_names_and_patterns(void **state)
{
	fpga_token t = dfl_token(FPGA_DEVICE);
	enum fpga_sysobject_type type;
	fpga_object o, inner;
	uint32_t n;

	(void)state;
	same_text(t, "bitstream_id", FME_DIR "bitstream_id", 0);
	same_text(t, "bitstream_i[a-e]", FME_DIR "bitstream_id", FPGA_OBJECT_GLOB);
	same_text(t, "hwmon/hwmon*/temp1_input", FME_DIR "hwmon/hwmon*/temp1_input", FPGA_OBJECT_GLOB);
	same_text(t, "**/temp1_input", FME_DIR "hwmon/hwmon*/temp1_input", FPGA_OBJECT_GLOB);
	same_text(t, "**/compat_id", FME_DIR "dfl-fme-region.*/fpga_region/region*/compat_id",
		  FPGA_OBJECT_GLOB);
	expect(fpgaTokenGetObject(t, "bitstream_*", &o, 0), FPGA_NOT_FOUND, "bitstream_*");
	expect(fpgaTokenGetObject(t, "../dev", &o, 0), FPGA_INVALID_PARAM, "..");
	expect(fpgaTokenGetObject(t, "subsystem", &o, 0), FPGA_NOT_FOUND, "subsystem");
	expect(fpgaTokenGetObject(t, "bitstream_*", &o, FPGA_OBJECT_GLOB), FPGA_OK, NULL);
	assert_int_equal(fpgaObjectGetType(o, &type), FPGA_OK);
	assert_int_equal(type, FPGA_OBJECT_CONTAINER);
	expect(fpgaObjectGetSize(o, &n, 0), FPGA_OK, NULL);
	assert_int_equal(n, 2); /* bitstream_id, bitstream_metadata */
	fpgaDestroyObject(&o);

	expect(fpgaTokenGetObject(t, "errors", &o, 0), FPGA_OK, NULL);
	expect(fpgaObjectGetSize(o, &n, 0), FPGA_OK, NULL);
	assert_int_equal(n, 0);
	expect(fpgaObjectGetObject(o, "fme_errors", &inner, 0), FPGA_OK, NULL);
	fpgaDestroyObject(&inner);
	fpgaDestroyObject(&o);
	expect(fpgaTokenGetObject(t, "errors", &o, FPGA_OBJECT_RECURSE_ONE), FPGA_OK, NULL);
	expect(fpgaObjectGetSize(o, &n, 0), FPGA_OK, NULL);
	assert_int_equal(n, 8);
	expect(fpgaObjectGetObjectAt(o, 2, &inner), FPGA_OK, NULL); /* by name: fme_errors */
	fpgaDestroyObject(&o);
	assert_int_equal(fpgaObjectGetType(inner, &type), FPGA_OK);
	assert_int_equal(type, FPGA_OBJECT_ATTRIBUTE);
	fpgaDestroyObject(&inner);
	fpgaDestroyToken(&t);
}

struct counts {
	unsigned int attributes, containers, unread;
};

static void count(fpga_object o, struct counts *c)
{
	enum fpga_sysobject_type type;
	uint32_t n = 0;

	assert_int_equal(fpgaObjectGetType(o, &type), FPGA_OK);
	if (type == FPGA_OBJECT_ATTRIBUTE) {
		c->attributes++;
		if (fpgaObjectGetSize(o, &n, 0) != FPGA_OK) {
			assert_string_not_equal(opaex_error_detail(), "");
			c->unread++;
		}
		return;
	}
	c->containers++;
	expect(fpgaObjectGetSize(o, &n, 0), FPGA_OK, NULL);
	for (uint32_t i = 0; i < n; i++) {
		fpga_object child;

		expect(fpgaObjectGetObjectAt(o, i, &child), FPGA_OK, NULL);
		count(child, c);
		fpgaDestroyObject(&child);
	}
}

static unsigned int found(const char *dir, const char *type)
{
	char command[600];
	unsigned int n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "find %s/ -mindepth 1 -type %s | wc -l", dir, type);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	assert_int_equal(pclose(f), 0);
	return n;
}

/* Every file and folder that the kernel shows below a device, and no link. */
static void test_everything_that_is_there(void **state)
{
	static const char *const dirs[] = { FME_DIR, "fpga_region/region*/dfl-port.*/" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		fpga_token t = dfl_token(i ? FPGA_ACCELERATOR : FPGA_DEVICE);
		struct counts c = { 0 };
		char *dir = dfl_path(dirs[i]);
		fpga_object o;

		expect(fpgaTokenGetObject(t, "*", &o, FPGA_OBJECT_GLOB | FPGA_OBJECT_RECURSE_ALL), FPGA_OK,
		       NULL);
		count(o, &c);
		fpgaDestroyObject(&o);
		printf("# %s: %u attributes, %u of them not readable, %u containers\n", dir, c.attributes,
		       c.unread, c.containers - 1);
		assert_int_equal(c.attributes, found(dir, "f"));
		assert_int_equal(c.containers - 1, found(dir, "d")); /* and the one of all that was found */
		assert_true(c.unread < c.attributes);
		free(dir);
		fpgaDestroyToken(&t);
	}
}

/* Of tokens alone: what becomes of open handles is test_dfl_life.c's. */
static void test_gone_and_back(void **state)
{
	fpga_token t = dfl_token(FPGA_DEVICE), again;
	fpga_object o, folder, more;
	uint32_t n = 0;
	uint64_t v;

	(void)state;
	expect(fpgaTokenGetObject(t, "errors/fme_errors", &o, 0), FPGA_OK, NULL);
	expect(fpgaTokenGetObject(t, "errors", &folder, FPGA_OBJECT_RECURSE_ONE), FPGA_OK, NULL);
	assert_int_equal(dfl_run(DFL_UNBIND), 0);
	expect(fpgaObjectRead64(o, &v, FPGA_OBJECT_SYNC), FPGA_NOT_FOUND, "no longer there");
	expect(fpgaObjectRead64(o, &v, 0), FPGA_OK, NULL); /* as it was */
	expect(fpgaObjectGetObject(folder, "fme_errors", &more, 0), FPGA_NOT_FOUND, "no longer there");
	expect(fpgaObjectGetSize(folder, &n, 0), FPGA_OK, NULL);
	assert_int_equal(n, 8);
	expect(fpgaTokenGetObject(t, "errors", &more, 0), FPGA_NOT_FOUND, "no longer there");
	expect(fpgaReadError(t, 0, &v), FPGA_NOT_FOUND, "no longer there");
	expect(fpgaClearAllErrors(t), FPGA_NOT_FOUND, "no longer there");
	assert_int_equal(dfl_run(DFL_BIND), 0);
	again = dfl_token(FPGA_DEVICE);
	assert_int_equal(value(again, "inject_errors"), 0);
	expect(fpgaObjectRead64(o, &v, FPGA_OBJECT_SYNC), FPGA_OK, NULL); /* the same, by name and card */
	fpgaDestroyObject(&o);
	fpgaDestroyObject(&folder);
	fpgaDestroyToken(&t);
	fpgaDestroyToken(&again);
}

/* ---- who may read alone ---- */

static void test_not_for_this_user(void **state)
{
	fpga_token t = dfl_token(FPGA_DEVICE);
	fpga_handle h = dfl_open(FPGA_DEVICE, 0);
	fpga_object o;
	uint64_t v;

	(void)state;
	assert_int_equal(value(t, "fme_errors"), FME_ERROR);
	expect(fpgaClearError(t, index_of(t, "fme_errors")), FPGA_NO_ACCESS, "errors/fme_errors");
	expect(fpgaClearAllErrors(t), FPGA_NO_ACCESS, "you are uid");
	expect(fpgaClearError(t, index_of(t, "pcie0_errors")), FPGA_OK, NULL); /* there is nothing in it */
	expect(fpgaHandleGetObject(h, "errors/inject_errors", &o, 0), FPGA_OK, NULL);
	expect(fpgaObjectWrite64(o, NONFATAL, 0), FPGA_NO_ACCESS, "errors/inject_errors");
	expect(fpgaObjectRead64(o, &v, FPGA_OBJECT_SYNC), FPGA_OK, NULL);
	assert_int_equal(v, 0);
	fpgaDestroyObject(&o);
	expect(fpgaClose(h), FPGA_OK, NULL);
	fpgaDestroyToken(&t);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest root[] = {
		cmocka_unit_test(test_error_registers),
		cmocka_unit_test(test_raised_and_cleared),
		cmocka_unit_test(test_nothing_to_clear_disturbs_nobody),
		cmocka_unit_test(test_injected),
		cmocka_unit_test(test_names_and_patterns),
		cmocka_unit_test(test_everything_that_is_there),
		cmocka_unit_test(test_gone_and_back),
	};
	const struct CMUnitTest user[] = { cmocka_unit_test(test_not_for_this_user) };

	dfl_library();
	return argc > 1 && !strcmp(argv[1], "user") ? RUN(user) : RUN(root);
}
