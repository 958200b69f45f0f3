/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker of the daemon serves, over an emulated card: the library in this process, a session on a
 * thread, and a client at the other end. What the client sees must be what the library sees.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/served.h"
#include "tests/card/card.h"
#include "tests/unit/props-host.h"
#include "tests/unit/served-host.h"

#define SCRATCH 0x100u /* NLB0: keeps what is written */
#define TOKENS 16u

static struct served_host host;
static opae_api_adapter_table far;
static struct rpc_client *client;
static const opae_api_adapter_table *near;

static int up(void **state)
{
	(void)state;
	card_up("a10", "trap");
	near = daemon_served()->table;
	host = (struct served_host){ .served = daemon_served(),
				     .options = { .host = "this", .principal = "me" } };
	served_host_start(&host);
	client = served_client(&host, 1, 20 * NS_PER_S, &far);
	return 0;
}

static int down(void **state)
{
	rpc_client_free(client);
	served_host_end(&host);
	return card_down(state);
}

static fpga_objtype type_of(const opae_api_adapter_table *t, fpga_token token)
{
	struct host_props p = { .num = 0 };
	fpga_properties prop;

	if (t == &far) {
		assert_int_equal(t->fpgaUpdateProperties(token, &p), FPGA_OK);
	} else {
		assert_int_equal(t->fpgaGetProperties(token, &prop), FPGA_OK);
		assert_int_equal(daemon_served()->props_read(prop, &p.v), FPGA_OK);
		daemon_served()->props_destroy(&prop);
	}
	assert_true(p.v.valid & OPAE_PROP_OBJTYPE);
	return p.v.objtype;
}

/* The board has one of each type. */
static fpga_token one_of(const opae_api_adapter_table *t, fpga_objtype type)
{
	fpga_token list[TOKENS], found = NULL;
	uint32_t n = 0;

	assert_int_equal(t->enumerate(t->instance, NULL, 0, list, TOKENS, &n), FPGA_OK);
	assert_int_equal(n, 2);
	for (uint32_t i = 0; i < n; i++)
		if (type_of(t, list[i]) == type)
			found = list[i];
		else
			assert_int_equal(t->fpgaDestroyToken(&list[i]), FPGA_OK);
	assert_non_null(found);
	return found;
}

/* ---- the table by itself ---- */

static void properties_are_written_and_read(void **state)
{
	const struct rpc_served *s = daemon_served();
	struct opae_props in = { .valid = OPAE_PROP_OBJTYPE | OPAE_PROP_GUID | OPAE_PROP_FUNCTION |
					  OPAE_PROP_BBS_VERSION | OPAE_PROP_BBS_ID | OPAE_PROP_HOSTNAME |
					  OPAE_PROP_NUM_SLOTS,
				 .objtype = FPGA_DEVICE,
				 .guid = { 1, 2, 3 },
				 .function = 7,
				 .bbs_version = { 1, 2, 300 },
				 .bbs_id = UINT64_MAX - 1,
				 .num_slots = 5,
				 .hostname = "somewhere" }, out;
	fpga_properties p, gone;

	(void)state;
	assert_int_equal(s->props_new(&p), FPGA_OK);
	assert_int_equal(s->props_read(p, &out), FPGA_OK);
	assert_int_equal(out.valid, 0);
	assert_int_equal(s->props_write(p, &in), FPGA_OK);
	assert_int_equal(s->props_read(p, &out), FPGA_OK);
	assert_memory_equal(&out, &in, sizeof(in));
	in = (struct opae_props){ .valid = OPAE_PROP_OBJTYPE | OPAE_PROP_STATE | OPAE_PROP_NUM_MMIO,
				  .objtype = FPGA_ACCELERATOR,
				  .state = FPGA_ACCELERATOR_UNASSIGNED,
				  .num_mmio = 2 };
	assert_int_equal(s->props_write(p, &in), FPGA_OK);
	assert_int_equal(s->props_read(p, &out), FPGA_OK);
	assert_memory_equal(&out, &in, sizeof(in));
	assert_string_equal(s->props_why(p, OPAE_PROP_GUID), "");
	assert_string_equal(s->props_why(p, OPAE_PROP_NUM_MMIO), ""); /* it is set */
	in.valid |= OPAE_PROP_BBS_ID; /* of the other type */
	assert_int_equal(s->props_write(p, &in), FPGA_INVALID_PARAM);
	assert_non_null(strstr(s->detail(), "FPGA_DEVICE"));
	gone = p;
	assert_int_equal(s->props_destroy(&p), FPGA_OK);
	assert_int_equal(s->props_read(gone, &out), FPGA_INVALID_PARAM);
	assert_int_equal(s->props_write(gone, &in), FPGA_INVALID_PARAM);
}

static void filters_are_the_librarys(void **state)
{
	struct opae_props want = { .valid = OPAE_PROP_OBJTYPE, .objtype = FPGA_ACCELERATOR };
	const struct rpc_served *s = daemon_served();
	fpga_properties filters[2];
	fpga_token t;
	uint32_t n = 9;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(s->props_new(&filters[i]), FPGA_OK);
		assert_int_equal(s->props_write(filters[i], &want), FPGA_OK);
		want.objtype = FPGA_DEVICE;
	}
	assert_int_equal(near->enumerate(NULL, filters, 1, &t, 1, &n), FPGA_OK);
	assert_int_equal(n, 1);
	assert_int_equal(type_of(near, t), FPGA_ACCELERATOR);
	assert_int_equal(near->fpgaDestroyToken(&t), FPGA_OK);
	assert_int_equal(near->enumerate(NULL, filters, 2, NULL, 0, &n), FPGA_OK);
	assert_int_equal(n, 2);
	assert_int_equal(near->enumerate(NULL, filters, 0, NULL, 0, &n), FPGA_OK);
	assert_int_equal(n, 2);
	for (int i = 0; i < 2; i++)
		s->props_destroy(&filters[i]);
	assert_int_equal(near->enumerate(NULL, filters, 1, &t, 1, &n), FPGA_INVALID_PARAM);
}

static void the_parent_is_a_token_of_ones_own(void **state)
{
	fpga_token accelerator = one_of(near, FPGA_ACCELERATOR), device = one_of(near, FPGA_DEVICE), a, b;

	(void)state;
	assert_int_equal(near->parent_of(accelerator, &a), FPGA_OK);
	assert_int_equal(near->parent_of(accelerator, &b), FPGA_OK);
	assert_int_equal(near->fpgaDestroyToken(&a), FPGA_OK);
	assert_int_equal(near->fpgaDestroyToken(&b), FPGA_OK);
	assert_int_equal(near->parent_of(device, &a), FPGA_NOT_FOUND);
	assert_int_equal(near->fpgaDestroyToken(&device), FPGA_OK);
	assert_int_equal(near->parent_of(device, &a), FPGA_INVALID_PARAM);
	assert_int_equal(near->fpgaDestroyToken(&accelerator), FPGA_OK);
}

/* ---- from the other end ---- */

/* But for what the client makes its own: the host's name, and an object id that no other host has. */
static void same_properties(fpga_token here, fpga_token there)
{
	const struct rpc_served *s = daemon_served();
	struct opae_props want;
	struct host_props got;
	fpga_properties p;

	assert_int_equal(near->fpgaGetProperties(here, &p), FPGA_OK);
	assert_int_equal(s->props_read(p, &want), FPGA_OK);
	memset(&got, 0, sizeof(got));
	assert_int_equal(far.fpgaUpdateProperties(there, &got), FPGA_OK);
	assert_string_equal(got.v.hostname, "far0");
	assert_int_equal(got.v.valid, want.valid | OPAE_PROP_HOSTNAME);
	memset(got.v.hostname, 0, sizeof(got.v.hostname));
	want.valid = got.v.valid;
	want.object_id = got.v.object_id;
	assert_memory_equal(&got.v, &want, sizeof(want));
	for (uint32_t bit = 1; bit; bit <<= 1) {
		const char *why = s->props_why(p, bit);

		if (*why && !strstr(props_host_why(&got, bit), why))
			fail_msg("bit %#x is not set here because \"%s\", and there because \"%s\"", bit, why,
				 props_host_why(&got, bit));
	}
	s->props_destroy(&p);
}

static void what_is_listed_is_what_there_is(void **state)
{
	uint32_t here = 0, there = 0;

	(void)state;
	assert_int_equal(near->enumerate(NULL, NULL, 0, NULL, 0, &here), FPGA_OK);
	assert_int_equal(far.enumerate(far.instance, NULL, 0, NULL, 0, &there), FPGA_OK);
	assert_int_equal(here, 2);
	assert_int_equal(there, here);
	for (int i = 0; i < 2; i++) {
		fpga_objtype type = i ? FPGA_ACCELERATOR : FPGA_DEVICE;
		fpga_token a = one_of(near, type), b = one_of(&far, type), parent;

		same_properties(a, b);
		assert_int_equal(far.parent_of(b, &parent), i ? FPGA_OK : FPGA_NOT_FOUND);
		if (i) {
			fpga_token device = one_of(&far, FPGA_DEVICE);

			assert_true(far.same_token(parent, device));
			far.fpgaDestroyToken(&device);
			far.fpgaDestroyToken(&parent);
		}
		near->fpgaDestroyToken(&a);
		far.fpgaDestroyToken(&b);
	}
}

static fpga_accelerator_state state_of(fpga_token here)
{
	struct opae_props v;
	fpga_properties p;

	assert_int_equal(near->fpgaGetProperties(here, &p), FPGA_OK);
	assert_int_equal(daemon_served()->props_read(p, &v), FPGA_OK);
	daemon_served()->props_destroy(&p);
	assert_true(v.valid & OPAE_PROP_STATE);
	return v.state;
}

static void registers_are_the_cards(void **state)
{
	fpga_token here = one_of(near, FPGA_ACCELERATOR), there = one_of(&far, FPGA_ACCELERATOR);
	uint64_t v = 0, block[3];
	struct host_props p;
	struct opaex_mmio_info info;
	fpga_handle h, local;
	uint32_t v32 = 0;

	(void)state;
	assert_int_equal(far.fpgaOpen(there, &h, 0), FPGA_OK);
	assert_int_equal(state_of(here), FPGA_ACCELERATOR_ASSIGNED);
	assert_int_equal(near->fpgaOpen(here, &local, 0), FPGA_BUSY);
	assert_int_equal(far.mmio_info(h, 0, &info), FPGA_OK);
	memset(&p, 0, sizeof(p));
	assert_int_equal(far.fpgaUpdateProperties(there, &p), FPGA_OK);
	assert_int_equal(far.read_mmio_block(h, 0, 0, block, sizeof(block)), FPGA_OK);
	for (int i = 0; i < 8; i++) { /* the accelerator's id, low half first */
		assert_int_equal((uint8_t)(block[1] >> 8 * i), p.v.guid[15 - i]);
		assert_int_equal((uint8_t)(block[2] >> 8 * i), p.v.guid[7 - i]);
	}
	assert_int_equal(far.fpgaWriteMMIO64(h, 0, SCRATCH, UINT64_C(0x1122334455667788)), FPGA_OK);
	assert_int_equal(far.fpgaReadMMIO64(h, 0, SCRATCH, &v), FPGA_OK);
	assert_true(v == UINT64_C(0x1122334455667788));
	assert_int_equal(far.fpgaWriteMMIO32(h, 0, SCRATCH + 4, 7), FPGA_OK);
	assert_int_equal(far.fpgaReadMMIO32(h, 0, SCRATCH + 4, &v32), FPGA_OK);
	assert_int_equal(v32, 7);
	assert_int_equal(far.poll_mmio(h, 0, SCRATCH, UINT32_MAX, 0x55667788, 0, 1000000, &v), FPGA_OK);
	assert_true(v == UINT64_C(0x755667788));
	assert_int_equal(far.poll_mmio(h, 0, SCRATCH, UINT32_MAX, 1, 0, 1000, &v), FPGA_BUSY);
	assert_int_equal(far.fpgaReadMMIO64(h, 0, info.size, &v), FPGA_INVALID_PARAM);
	assert_int_equal(far.fpgaReadMMIO64(h, 9, 0, &v), FPGA_INVALID_PARAM);
	assert_int_equal(far.quiesce(h), FPGA_OK);
	assert_int_equal(far.fpgaReset(h), FPGA_OK);
	assert_int_equal(far.fpgaReadMMIO64(h, 0, 8, &v), FPGA_OK);
	assert_true(v == block[1]);
	assert_int_equal(far.fpgaClose(h), FPGA_OK);
	assert_int_equal(state_of(here), FPGA_ACCELERATOR_UNASSIGNED);
	near->fpgaDestroyToken(&here);
	far.fpgaDestroyToken(&there);
}

/* Who holds it does not matter: the client is told what the library tells. */
static void a_device_that_is_held_is_busy(void **state)
{
	fpga_token here = one_of(near, FPGA_ACCELERATOR), there = one_of(&far, FPGA_ACCELERATOR);
	fpga_handle local, h;

	(void)state;
	assert_int_equal(near->fpgaOpen(here, &local, 0), FPGA_OK);
	assert_int_equal(far.fpgaOpen(there, &h, 0), FPGA_BUSY);
	assert_int_equal(near->fpgaOpen(here, &h, 0), FPGA_BUSY);
	if (strncmp(host_detail, "far0: ", 6) || !strstr(host_detail, opaex_error_detail()))
		fail_msg("there: \"%s\"; here: \"%s\"", host_detail, opaex_error_detail());
	assert_int_equal(near->fpgaClose(local), FPGA_OK);
	assert_int_equal(far.fpgaOpen(there, &h, 0), FPGA_OK);
	assert_int_equal(far.fpgaClose(h), FPGA_OK);
	near->fpgaDestroyToken(&here);
	far.fpgaDestroyToken(&there);
}

static void errors_are_the_cards(void **state)
{
	fpga_token here = one_of(near, FPGA_DEVICE), there = one_of(&far, FPGA_DEVICE);
	struct fpga_error_info a, b;
	uint64_t v = 0, w = 1;
	uint32_t i;

	(void)state;
	assert_int_equal(far.fpgaClearAllErrors(there), near->fpgaClearAllErrors(here));
	for (i = 0; near->fpgaGetErrorInfo(here, i, &a) == FPGA_OK; i++) {
		assert_int_equal(far.fpgaGetErrorInfo(there, i, &b), FPGA_OK);
		assert_string_equal(a.name, b.name);
		assert_int_equal(a.can_clear, b.can_clear);
		assert_int_equal(near->fpgaReadError(here, i, &v), FPGA_OK);
		assert_int_equal(far.fpgaReadError(there, i, &w), FPGA_OK);
		assert_true(v == w);
	}
	assert_int_equal(i, 8);
	assert_int_equal(far.fpgaGetErrorInfo(there, i, &b), FPGA_NOT_FOUND);
	assert_int_equal(near->fpgaGetErrorInfo(here, i, &a), FPGA_NOT_FOUND);
	assert_non_null(strstr(host_detail, opaex_error_detail()));
	near->fpgaDestroyToken(&here);
	far.fpgaDestroyToken(&there);
}

static void objects_are_the_cards(void **state)
{
	fpga_token there = one_of(&far, FPGA_DEVICE);
	fpga_object o, all, one;
	char text[16] = "";
	fpga_handle h;
	uint32_t size = 0;
	uint64_t v = 9;

	(void)state;
	assert_int_equal(far.fpgaOpen(there, &h, 0), FPGA_OK);
	assert_int_equal(far.fpgaHandleGetObject(h, "errors/inject_errors", &o, 0), FPGA_OK);
	assert_int_equal(far.fpgaObjectWrite64(o, 4, 0), FPGA_OK);
	assert_int_equal(far.fpgaObjectRead64(o, &v, 0), FPGA_OK);
	assert_int_equal(v, 4);
	assert_int_equal(far.fpgaObjectGetSize(o, &size, 0), FPGA_OK);
	assert_int_equal(size, 4);
	assert_int_equal(far.fpgaObjectRead(o, (uint8_t *)text, 0, size, 0), FPGA_OK);
	assert_string_equal(text, "0x4\n");
	assert_int_equal(far.fpgaObjectWrite64(o, 0, 0), FPGA_OK);
	assert_int_equal(far.fpgaTokenGetObject(there, "errors", &all, FPGA_OBJECT_RECURSE_ALL), FPGA_OK);
	assert_int_equal(far.fpgaObjectGetSize(all, &size, 0), FPGA_OK);
	assert_int_equal(size, 8);
	assert_int_equal(far.fpgaObjectGetObjectAt(all, 7, &one), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&all), FPGA_OK);
	assert_int_equal(far.fpgaObjectRead64(one, &v, FPGA_OBJECT_SYNC), FPGA_OK);
	assert_int_equal(far.fpgaClose(h), FPGA_OK); /* before its object */
	assert_int_equal(far.fpgaObjectRead64(o, &v, 0), FPGA_INVALID_PARAM);
	assert_int_equal(far.fpgaObjectRead64(one, &v, 0), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&o), FPGA_OK);
	assert_int_equal(far.fpgaDestroyObject(&one), FPGA_OK);
	assert_int_equal(far.fpgaTokenGetObject(there, "../errors", &o, 0), FPGA_INVALID_PARAM);
	far.fpgaDestroyToken(&there);
}

/* What v-opae does not have comes back with its reason. */
static void what_the_plugin_lacks_is_told(void **state)
{
	fpga_token there = one_of(&far, FPGA_DEVICE), here = one_of(near, FPGA_DEVICE);
	uint8_t bits[100] = { 0 };
	fpga_handle h, local;
	uint64_t n = 0;
	fpga_result r;

	(void)state;
	assert_int_equal(near->fpgaOpen(here, &local, 0), FPGA_OK);
	r = near->fpgaReconfigureSlot(local, 0, bits, sizeof(bits), 0);
	assert_int_equal(near->fpgaClose(local), FPGA_OK);
	assert_int_equal(far.fpgaOpen(there, &h, 0), FPGA_OK);
	assert_int_equal(r, FPGA_NOT_SUPPORTED);
	assert_int_equal(far.fpgaReconfigureSlot(h, 0, bits, sizeof(bits), 0), r);
	assert_true(!strncmp(host_detail, "far0: ", 6) && strlen(host_detail) > 10);
	assert_int_equal(far.fpgaGetNumMetrics(h, &n), FPGA_NOT_SUPPORTED);
	assert_int_equal(far.fpgaSetUserClock(h, 100, 50, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(far.fpgaAssignPortToInterface(h, 0, 0, 0), FPGA_NOT_SUPPORTED);
	assert_int_equal(far.fpgaClose(h), FPGA_OK);
	far.fpgaDestroyToken(&there);
	near->fpgaDestroyToken(&here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(properties_are_written_and_read),
		RIGGED(filters_are_the_librarys),
		RIGGED(the_parent_is_a_token_of_ones_own),
		RIGGED(what_is_listed_is_what_there_is),
		RIGGED(registers_are_the_cards),
		RIGGED(a_device_that_is_held_is_busy),
		RIGGED(errors_are_the_cards),
		RIGGED(objects_are_the_cards),
		RIGGED(what_the_plugin_lacks_is_told),
	};

	return CARD_RUN(tests);
}
