/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The golden frames (tests/golden): what was ever released is still what we send, byte for byte, and still
 * what we read. They were made by another encoder, from the page on the protocol.
 *
 *	test_golden FOLDER
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/check.h"
#include "wire/codec.h"
#include "wire/frame.h"
#include "wire/ops.h"
#include "wire/props.h"

#define ROOM 4096u
#define OBJECT UINT64_C(0x0123456789abcdef)
#define ID 0x01020304u
#define BUDGET 5000u
#define TEXT "caf\xc3\xa9"

static const char *folder;
static const uint8_t guid[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static const struct opae_props props = {
	.valid = 0x77ffff & ~(uint32_t)OPAE_PROP_PARENT,
	.objtype = FPGA_ACCELERATOR, .segment = 0x8003, .bus = 1, .device = 2, .function = 3, .socket_id = 4,
	.vendor_id = 0x8086, .device_id = 0xbcce, .subsystem_vendor_id = 5, .subsystem_device_id = 0x1771,
	.guid = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	.object_id = UINT64_C(0x1122334455667788), .num_errors = 6, .interface = FPGA_IFC_UIO, .num_slots = 7,
	.bbs_version = { 8, 9, 10 }, .bbs_id = 11, .state = FPGA_ACCELERATOR_UNASSIGNED, .num_mmio = 12,
	.num_interrupts = 13, .hostname = "h\xc3\xb6st",
};

static size_t load(const char *name, unsigned char *out)
{
	char path[512];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.bin", folder, name);
	f = fopen(path, "rbe");
	if (!f)
		fail_msg("there is no %s: tests/golden/make.py makes what is new", path);
	len = fread(out, 1, ROOM, f);
	fclose(f);
	assert_true(len && len < ROOM);
	return len;
}

static void put(struct wire_writer *w, char type)
{
	switch (type) {
	case 'y':
		wire_put_u8(w, 1);
		break;
	case 'q':
		wire_put_u16(w, 0x1234);
		break;
	case 'u':
		wire_put_u32(w, 0x12345678);
		break;
	case 't':
		wire_put_u64(w, UINT64_C(0x123456789abcdef0));
		break;
	case 'g':
		wire_put_guid(w, guid);
		break;
	case 's':
		wire_put_text(w, TEXT);
		break;
	case 'b':
		wire_put_bytes(w, "bytes", 5);
		break;
	default:
		assert_int_equal(type, 'p');
		wire_put_props(w, &props);
	}
}

static void get(struct wire_reader *r, char type)
{
	struct opae_props p;
	char text[16];
	uint8_t g[16];
	size_t len;

	switch (type) {
	case 'y':
		assert_int_equal(wire_get_u8(r), 1);
		break;
	case 'q':
		assert_int_equal(wire_get_u16(r), 0x1234);
		break;
	case 'u':
		assert_int_equal(wire_get_u32(r), 0x12345678);
		break;
	case 't':
		assert_true(wire_get_u64(r) == UINT64_C(0x123456789abcdef0));
		break;
	case 'g':
		wire_get_guid(r, g);
		assert_memory_equal(g, guid, 16);
		break;
	case 's':
		wire_get_string(r, text, sizeof(text));
		assert_string_equal(text, TEXT);
		break;
	case 'b':
		assert_memory_equal(wire_get_bytes(r, &len), "bytes", 5);
		assert_int_equal(len, 5);
		break;
	default:
		wire_get_props(r, &p);
		assert_memory_equal(&p, &props, sizeof(p));
	}
}

/* Appends a frame; its length. */
static size_t make(unsigned char *at, struct wire_head h, const char *form)
{
	const char *group = strchr(form, '(');
	struct wire_writer w;

	wire_writer_init(&w, at + WIRE_HEAD, ROOM / 4, form);
	for (const char *c = form; *c && *c != '('; c++)
		put(&w, *c);
	for (int i = 0; group && i < 2; i++)
		for (const char *c = group + 1; *c != ')'; c++)
			put(&w, *c);
	assert_false(w.bad);
	h.size = (uint32_t)(WIRE_HEAD + w.len);
	wire_head_write(at, &h);
	return h.size;
}

/* Reads the frame at `at`; its length. */
static size_t read_back(const unsigned char *at, const struct wire_head *want, const char *form)
{
	const char *group = strchr(form, '(');
	struct wire_reader r;
	struct wire_head h;
	int groups = 0;

	assert_int_equal(wire_head_read(at, ROOM, &h), 0);
	assert_int_equal(h.op, want->op);
	assert_int_equal(h.flags, want->flags);
	assert_int_equal(h.id, want->id);
	assert_true(h.object == want->object);
	assert_int_equal(h.budget, want->budget);
	wire_reader_init(&r, at + h.head, h.size - h.head, form);
	for (const char *c = form; *c && *c != '('; c++)
		get(&r, *c);
	for (; group && wire_more(&r); groups++)
		for (const char *c = group + 1; *c != ')'; c++)
			get(&r, *c);
	assert_false(r.bad);
	assert_int_equal(r.len, h.size - h.head);
	assert_int_equal(groups, group ? 2 : 0);
	return h.size;
}

/* The frames of a message: their heads and forms; how many. */
static size_t frames_of(const struct wire_op_info *o, struct wire_head heads[3], const char *forms[3])
{
	struct wire_head h = { .op = o->number, .id = ID, .object = OBJECT };
	struct wire_head one_way = { .op = o->number, .flags = WIRE_ONE_WAY, .object = OBJECT };
	size_t n = 0;

	if (o->kind == WIRE_KIND_PUSH) {
		heads[0] = one_way;
		forms[0] = o->reply;
		return 1;
	}
	heads[n] = h;
	heads[n].budget = BUDGET;
	forms[n++] = o->request;
	if (o->kind == WIRE_KIND_POST) {
		heads[n] = one_way;
		forms[n++] = o->request;
	}
	heads[n] = h;
	heads[n].flags = WIRE_REPLY;
	forms[n++] = o->reply;
	return n;
}

static void every_message_is_what_it_was(void **state)
{
	static unsigned char golden[ROOM], now[ROOM];

	(void)state;
	for (unsigned int i = 0; i < wire_num_ops; i++) {
		const struct wire_op_info *o = &wire_ops[i];
		size_t len = load(o->name, golden), made = 0, read = 0;
		struct wire_head heads[3];
		const char *forms[3];
		size_t n = frames_of(o, heads, forms);

		for (size_t f = 0; f < n; f++)
			made += make(now + made, heads[f], forms[f]);
		if (made != len || memcmp(now, golden, len))
			fail_msg("%s is not what it was", o->name);
		for (size_t f = 0; f < n; f++)
			read += read_back(golden + read, &heads[f], forms[f]);
		assert_int_equal(read, len);
	}
}

static void a_failure_is_what_it_was(void **state)
{
	static unsigned char golden[ROOM], now[ROOM];
	struct wire_head back, h = { .op = WIRE_READ64, .flags = WIRE_REPLY, .id = ID, .object = OBJECT,
				     .budget = FPGA_EXCEPTION, .error = 5 };
	size_t len = load("failure", golden);
	struct wire_writer w;
	struct wire_reader r;
	char why[16];

	(void)state;
	wire_writer_init(&w, now + WIRE_HEAD, 64, "s");
	wire_put_text(&w, "it fails");
	h.size = (uint32_t)(WIRE_HEAD + w.len);
	wire_head_write(now, &h);
	assert_int_equal(h.size, len);
	assert_memory_equal(now, golden, len);
	assert_int_equal(wire_head_read(golden, ROOM, &back), 0);
	assert_int_equal(back.budget, FPGA_EXCEPTION);
	assert_int_equal(back.error, 5);
	wire_reader_init(&r, golden + back.head, back.size - back.head, "s");
	wire_get_string(&r, why, sizeof(why));
	assert_string_equal(why, "it fails");
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_is_what_it_was),
		cmocka_unit_test(a_failure_is_what_it_was),
	};

	if (argc != 2)
		return 2;
	folder = argv[1];
	return RUN(tests);
}
