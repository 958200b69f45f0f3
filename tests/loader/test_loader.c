/* SPDX-License-Identifier: BSD-3-Clause */
/* Each way for a plugin to go wrong, always next to one that goes right and must not notice. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/loader/rig.h"
#include "tests/unit/check.h"

static void refused(const char *variant, const char *reason)
{
	char entry[64];
	const char *const list[] = { entry, "good:good:{\"devices\": 2}", NULL };
	struct opaex_plugin row;

	snprintf(entry, sizeof(entry), "odd:%s:", variant);
	rig_start(list);
	row = rig_row("odd");
	assert_string_equal(row.state, "failed");
	if (!strstr(row.reason, reason))
		fail_msg("%s: the reason is \"%s\" and says nothing of \"%s\"", variant, row.reason,
			 reason);
	assert_string_equal(rig_row("good").state, "ready");
	assert_string_equal(rig_row("good").reason, "");
	assert_int_equal(rig_count(NULL), 3);
	rig_stop();
}

static void missing_file(void **state)
{
	(void)state;
	refused("nowhere", "libodd-nowhere.so: no such plugin file");
}

static void no_symbol(void **state)
{
	(void)state;
	refused("no_symbol", "not a plugin");
}

static void foreign(void **state)
{
	(void)state;
	refused("foreign", "foreign");
}

static void no_configure(void **state)
{
	(void)state;
	refused("no_configure", "no opae_plugin_configure");
}

static void bad_magic(void **state)
{
	(void)state;
	refused("bad_magic", "magic");
}

static void wrong_abi(void **state)
{
	(void)state;
	refused("wrong_abi", "ABI 9.2; this library needs 1.x");
}

static void bad_sizes(void **state)
{
	(void)state;
	refused("bad_size", "1073741824 bytes");
	refused("tiny", "8 bytes");
}

static void configure_fails(void **state)
{
	(void)state;
	refused("configure_fails", "no driver available");
}

static void configure_overruns(void **state)
{
	(void)state;
	refused("configure_overruns", "wrote past");
}

static void initialize_fails(void **state)
{
	(void)state;
	refused("initialize_fails", "no driver available");
}

/* Usable with what it has; the rest answers that it is not supported. */
static void smaller_table(void **state)
{
	const char *const list[] = { "odd:smaller:{\"segment\": 5}", "good:good:", NULL };
	fpga_token t;
	fpga_handle h;
	uint64_t v;

	(void)state;
	rig_start(list);
	assert_string_equal(rig_row("odd").state, "ready");
	t = rig_token(5, FPGA_ACCELERATOR, 0);
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(fpgaReset(h), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaReadMMIO64(h, 0, 0, &v), FPGA_NOT_SUPPORTED);
	assert_non_null(strstr(opaex_error_detail(), "fpgaReadMMIO64"));
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
	rig_stop();
}

static void larger_table(void **state)
{
	const char *const list[] = { "odd:larger:{\"segment\": 5}", "good:good:", NULL };
	fpga_token t;
	fpga_handle h;
	uint64_t v;

	(void)state;
	rig_start(list);
	assert_string_equal(rig_row("odd").state, "ready");
	t = rig_token(5, FPGA_ACCELERATOR, 0);
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(fpgaWriteMMIO64(h, 0, 8, 9), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(h, 0, 8, &v), FPGA_OK);
	assert_int_equal(v, 9);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
	rig_stop();
}

/* Enumeration goes wrong in one plugin; the other's devices are all there. */
static void enumerates_wrongly(const char *variant)
{
	char entry[64];
	const char *const list[] = { entry, "good:good:{\"devices\": 3}", NULL };

	snprintf(entry, sizeof(entry), "odd:%s:", variant);
	rig_start(list);
	assert_string_equal(rig_row("odd").state, "ready");
	assert_int_equal(rig_count(NULL), 4);
	rig_stop();
}

static void garbage_counts(void **state)
{
	(void)state;
	enumerates_wrongly("counts_garbage");
	enumerates_wrongly("counts_nulls");
	enumerates_wrongly("enumerate_fails");
	enumerates_wrongly("empty");
}

static void writes_past_max_tokens(void **state)
{
	(void)state;
	enumerates_wrongly("overruns_tokens");
}

static void calls_back_into_the_api(void **state)
{
	const char *const list[] = { "odd:calls_back:{\"devices\": 2}",
				     "good:good:{\"segment\": 9}", NULL };
	fpga_properties p;
	fpga_object o;
	fpga_handle h;
	fpga_token t;

	(void)state;
	rig_start(list);
	assert_string_equal(rig_row("odd").state, "ready");
	assert_int_equal(rig_count(NULL), 3 + 2);
	/* Also from closing and destroying, while the library ends with things left over. */
	t = rig_token(0, FPGA_ACCELERATOR, 0);
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(fpgaHandleGetObject(h, "answer", &o, 0), FPGA_OK);
	assert_int_equal(fpgaGetProperties(t, &p), FPGA_OK);
	rig_stop();
}

static void finalize_fails(void **state)
{
	const char *const list[] = { "odd:finalize_fails:", "good:good:", NULL };

	(void)state;
	rig_start(list);
	assert_int_equal(rig_count(NULL), 4);
	assert_int_equal(fpgaFinalize(), FPGA_EXCEPTION);
	assert_int_equal(opaex_plugin_count(), 0);
	rig_start(list); /* and all is well again */
	assert_int_equal(rig_count(NULL), 4);
	assert_int_equal(fpgaFinalize(), FPGA_EXCEPTION);
}

/* One file, two instances, two configurations. */
static void configured_twice(void **state)
{
	const char *const list[] = { "a:good:{\"devices\": 1, \"segment\": 1}",
				     "b:good:{\"devices\": 3, \"segment\": 2}", NULL };
	fpga_properties f;

	(void)state;
	rig_start(list);
	assert_string_equal(rig_row("a").file, rig_row("b").file);
	assert_int_equal(rig_count(NULL), 2 + 4);
	assert_int_equal(fpgaGetProperties(NULL, &f), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetSegment(f, 2), FPGA_OK);
	assert_int_equal(rig_count(f), 4);
	assert_int_equal(fpgaDestroyProperties(&f), FPGA_OK);
	rig_stop();
}

/* The first-level query: a plugin of another interface or host is not even asked. */
/* What a diagnosis asks: is the configuration as it should be, and what was each plugin given. */
static void configuration_is_told(void **state)
{
	const char *const list[] = { "good:good:{\"devices\": 2}", NULL };
	char path[64] = "/tmp/opae-test-broken.XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	rig_start(list);
	assert_string_equal(opaex_config_problem(), "");
	assert_string_equal(opaex_plugin_configuration(0), "{\"devices\":2}");
	assert_string_equal(opaex_plugin_configuration(1), "");
	rig_stop();
	assert_int_equal(write(fd, "{,", 2), 2);
	close(fd);
	assert_int_equal(fpgaInitialize(path), FPGA_OK);
	assert_non_null(strstr(opaex_config_problem(), path));
	assert_non_null(strstr(opaex_config_problem(), "at byte 1"));
	assert_string_equal(opaex_config_path(), "");
	rig_stop();
	unlink(path);
}

static void first_level_query(void **state)
{
	const char *const list[] = { "here:good:{\"segment\": 1}",
				     "there:good:{\"segment\": 2, \"hostname\": \"far\"}", NULL };
	fpga_properties f;

	(void)state;
	rig_start(list);
	assert_int_equal(fpgaGetProperties(NULL, &f), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetHostname(f, "far"), FPGA_OK);
	assert_int_equal(rig_count(f), 2);
	assert_int_equal(fpgaPropertiesSetHostname(f, "nowhere"), FPGA_OK);
	assert_int_equal(rig_count(f), 0);
	assert_int_equal(fpgaClearProperties(f), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetInterface(f, FPGA_IFC_DFL), FPGA_OK);
	assert_int_equal(rig_count(f), 4);
	assert_int_equal(fpgaPropertiesSetInterface(f, FPGA_IFC_VFIO), FPGA_OK);
	assert_int_equal(rig_count(f), 0);
	assert_int_equal(fpgaDestroyProperties(&f), FPGA_OK);
	rig_stop();
}

static void *initialize_too(void *arg)
{
	return (void *)(uintptr_t)fpgaInitialize(arg);
}

/* Many threads start the library at once: it starts once, and all find it started. */
static void many_threads_initialize(void **state)
{
	const char *const list[] = { "odd:calls_back:", "good:good:", NULL };
	pthread_t t[8];
	void *r;

	(void)state;
	rig_start(list);
	for (int i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&t[i], NULL, initialize_too, NULL), 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], &r);
		assert_ptr_equal(r, (void *)FPGA_OK);
	}
	assert_int_equal(opaex_plugin_count(), 2);
	rig_stop();
	rig_stop(); /* nothing is left to do */
}

static void everything_is_invalid_after_finalize(void **state)
{
	const char *const list[] = { "good:good:", NULL };
	fpga_properties p;
	fpga_token t;
	fpga_handle h;
	uint64_t v;

	(void)state;
	rig_start(list);
	t = rig_token(0, FPGA_ACCELERATOR, 0);
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(fpgaGetProperties(t, &p), FPGA_OK);
	rig_stop();
	assert_int_equal(fpgaReadMMIO64(h, 0, 0, &v), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaClose(h), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_INVALID_PARAM);
	assert_int_equal(rig_count(NULL), 0);
}

static fpga_handle open_odd(const char *variant)
{
	const char *const list[] = { variant, NULL };
	fpga_token t;
	fpga_handle h;

	rig_start(list);
	t = rig_token(0, FPGA_ACCELERATOR, 0);
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	fpgaDestroyToken(&t);
	return h;
}

static uint64_t read64(fpga_handle h, uint64_t offset)
{
	uint64_t v = 0;

	assert_int_equal(fpgaReadMMIO64(h, 0, offset, &v), FPGA_OK);
	return v;
}

/* By fpgaGetProperties and an enumeration's filter; an update asks anew. */
static void properties_that_are_known_already(void **state)
{
	const char *const list[] = { "odd:windows:", NULL };
	fpga_properties p, filter;
	fpga_token t;
	uint8_t socket = 0;

	(void)state;
	rig_start(list);
	t = rig_token(0, FPGA_ACCELERATOR, 0);
	assert_int_equal(fpgaGetProperties(t, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetSocketID(p, &socket), FPGA_OK);
	assert_int_equal(socket, 77);
	assert_int_equal(fpgaUpdateProperties(t, p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetSocketID(p, &socket), FPGA_NOT_FOUND);
	assert_int_equal(fpgaGetProperties(NULL, &filter), FPGA_OK);
	assert_int_equal(fpgaPropertiesSetSocketID(filter, 77), FPGA_OK);
	assert_int_equal(rig_count(filter), rig_count(NULL));
	assert_int_equal(fpgaDestroyProperties(&filter), FPGA_OK);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
	rig_stop();
}

/* The window is [64, 192): what is in it the shell does, and the plugin all else. */
static void registers_that_are_the_shells_to_access(void **state)
{
	fpga_handle h = open_odd("odd:windows:");
	uint32_t half = 0;
	uint64_t v;

	(void)state;
	for (uint64_t at = 0; at < 256; at += 8)
		assert_int_equal(fpgaWriteMMIO64(h, 0, at, at << 32 | (at + 1)), FPGA_OK);
	for (uint64_t at = 0; at < 256; at += 8)
		assert_int_equal(read64(h, at) ^ (at < 64 || at >= 192 ? ODD_CALLED : 0),
				 at << 32 | (at + 1));
	assert_int_equal(fpgaReadMMIO32(h, 0, 188, &half), FPGA_OK); /* the last one */
	assert_int_equal(half, 184);
	assert_int_equal(fpgaWriteMMIO32(h, 0, 64, 7), FPGA_OK);
	assert_int_equal(read64(h, 64), UINT64_C(64) << 32 | 7);
	/* Of these the plugin is asked, which has no 32-bit access, no other region, and nothing crooked. */
	assert_int_equal(fpgaReadMMIO32(h, 0, 60, &half), FPGA_NOT_SUPPORTED);
	assert_int_equal(fpgaReadMMIO32(h, 0, 192, &half), FPGA_NOT_SUPPORTED);
	for (uint64_t at = 65; at < 72; at++) {
		assert_int_equal(fpgaReadMMIO64(h, 0, at, &v), FPGA_INVALID_PARAM);
		assert_int_equal(fpgaWriteMMIO64(h, 0, at, 0), FPGA_INVALID_PARAM);
	}
	assert_int_equal(fpgaReadMMIO32(h, 0, 66, &half), FPGA_NOT_SUPPORTED);
	for (uint32_t num = 1; num; num <<= 1)
		assert_int_equal(fpgaReadMMIO64(h, num, 64, &v), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaReadMMIO64(h, 0, UINT64_MAX - 7, &v), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaReadMMIO64(h, 0, UINT64_MAX - 63, &v), FPGA_INVALID_PARAM);
	assert_int_equal(fpgaReadMMIO64(h, 0, 64, NULL), FPGA_INVALID_PARAM);
	/* The device goes: whoever finds out is told why, and the handle closes as ever. */
	assert_int_equal(fpgaWriteMMIO64(h, 0, 65536 - 8, 1), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(h, 0, 64, &v), FPGA_RECONF_ERROR);
	assert_int_equal(fpgaWriteMMIO64(h, 0, 64, 1), FPGA_RECONF_ERROR);
	assert_int_equal(fpgaReadMMIO32(h, 0, 64, &half), FPGA_RECONF_ERROR);
	assert_int_equal(fpgaWriteMMIO32(h, 0, 64, 1), FPGA_RECONF_ERROR);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(fpgaReadMMIO64(h, 0, 64, &v), FPGA_INVALID_PARAM);
	rig_stop();
}

static void a_window_that_cannot_be_is_none(void **state)
{
	fpga_handle h = open_odd("odd:bad_windows:");

	(void)state;
	assert_int_equal(read64(h, 64), ODD_CALLED);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	rig_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_file),
		cmocka_unit_test(no_symbol),
		cmocka_unit_test(foreign),
		cmocka_unit_test(no_configure),
		cmocka_unit_test(bad_magic),
		cmocka_unit_test(wrong_abi),
		cmocka_unit_test(bad_sizes),
		cmocka_unit_test(configure_fails),
		cmocka_unit_test(configure_overruns),
		cmocka_unit_test(initialize_fails),
		cmocka_unit_test(smaller_table),
		cmocka_unit_test(registers_that_are_the_shells_to_access),
		cmocka_unit_test(a_window_that_cannot_be_is_none),
		cmocka_unit_test(larger_table),
		cmocka_unit_test(garbage_counts),
		cmocka_unit_test(writes_past_max_tokens),
		cmocka_unit_test(calls_back_into_the_api),
		cmocka_unit_test(finalize_fails),
		cmocka_unit_test(configured_twice),
		cmocka_unit_test(configuration_is_told),
		cmocka_unit_test(first_level_query),
		cmocka_unit_test(many_threads_initialize),
		cmocka_unit_test(everything_is_invalid_after_finalize),
		cmocka_unit_test(properties_that_are_known_already),
	};

	return RUN(tests);
}
