/* SPDX-License-Identifier: BSD-3-Clause */
/* The codec, the frame's header, properties, UTF-8: what is put is what is got, and nothing else is taken. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "wire/codec.h"
#include "wire/frame.h"
#include "wire/ops.h"
#include "wire/props.h"
#include "wire/utf8.h"

static const uint8_t guid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

/* ---- types ---- */

#define EVERY "yqutgsbp"
static const unsigned char every[] = {
	0xab,						   /* y */
	0x34, 0x12,					   /* q */
	0x78, 0x56, 0x34, 0x12,				   /* u */
	0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,	   /* t */
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, /* g */
	3, 0, 'a', 0xc3, 0xa9,				   /* s */
	2, 0, 0, 0, 0xfe, 0xff,				   /* b */
	1, 0, 0x77,					   /* p */
};

static void put_every(struct wire_writer *w)
{
	wire_put_u8(w, 0xab);
	wire_put_u16(w, 0x1234);
	wire_put_u32(w, 0x12345678);
	wire_put_u64(w, UINT64_C(0x0123456789abcdef));
	wire_put_guid(w, guid);
	wire_put_text(w, "a\xc3\xa9");
	wire_put_bytes(w, "\xfe\xff", 2);
	wire_put_block(w, "w", 1);
}

static void every_type_has_its_bytes(void **state)
{
	unsigned char out[sizeof(every)];
	struct wire_writer w;

	(void)state;
	wire_writer_init(&w, out, sizeof(out), EVERY);
	put_every(&w);
	assert_false(w.bad);
	assert_int_equal(w.len, sizeof(every));
	assert_memory_equal(out, every, sizeof(every));
}

struct values {
	uint8_t y, g[16];
	uint16_t q;
	uint32_t u;
	uint64_t t;
	struct wire_text s;
	const void *b, *p;
	size_t b_len, p_len;
};

static struct values get_every(struct wire_reader *r)
{
	struct values v;

	v.y = wire_get_u8(r);
	v.q = wire_get_u16(r);
	v.u = wire_get_u32(r);
	v.t = wire_get_u64(r);
	wire_get_guid(r, v.g);
	v.s = wire_get_text(r);
	v.b = wire_get_bytes(r, &v.b_len);
	v.p = wire_get_block(r, &v.p_len);
	return v;
}

static void every_type_is_read(void **state)
{
	struct wire_reader r;
	struct values v;

	(void)state;
	wire_reader_init(&r, every, sizeof(every), EVERY);
	assert_true(wire_more(&r));
	v = get_every(&r);
	assert_false(r.bad);
	assert_false(wire_more(&r));
	assert_int_equal(v.y, 0xab);
	assert_int_equal(v.q, 0x1234);
	assert_int_equal(v.u, 0x12345678);
	assert_true(v.t == UINT64_C(0x0123456789abcdef));
	assert_memory_equal(v.g, guid, 16);
	assert_int_equal(v.s.len, 3);
	assert_memory_equal(v.s.at, "a\xc3\xa9", 3);
	assert_int_equal(v.b_len, 2);
	assert_memory_equal(v.b, "\xfe\xff", 2);
	assert_int_equal(v.p_len, 1);
	assert_memory_equal(v.p, "w", 1);
}

/* Wherever it is cut: bad, nothing behind the cut is given, and nothing is written or read past the room. */
static void an_error_stays(void **state)
{
	(void)state;
	for (size_t room = 0; room < sizeof(every); room++) {
		unsigned char *out = test_malloc(room + 1); /* its guard bytes find one too far */
		struct wire_writer w;
		struct wire_reader r;
		struct values v;

		wire_writer_init(&w, out, room, EVERY);
		put_every(&w);
		assert_true(w.bad);
		assert_true(w.len <= room);
		memcpy(out, every, room);
		wire_reader_init(&r, out, room, EVERY);
		v = get_every(&r);
		assert_true(r.bad);
		assert_false(wire_more(&r));
		assert_null(v.p);
		assert_int_equal(v.p_len, 0);
		if (room < 31)
			assert_int_equal(v.s.len, 0);
		if (room < 7)
			assert_int_equal(v.u, 0);
		test_free(out);
	}
}

/* Does it end the process by an assertion? */
static bool aborts(void (*f)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		signal(SIGABRT, SIG_DFL);
		dup2(null, STDERR_FILENO);
		f();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WIFEXITED(status));
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static struct wire_writer writer_of(const char *form)
{
	static unsigned char out[64];
	struct wire_writer w;

	wire_writer_init(&w, out, sizeof(out), form);
	return w;
}

static void wrong_type(void)
{
	struct wire_writer w = writer_of("ut");

	wire_put_u32(&w, 1);
	wire_put_u32(&w, 1);
}

static void one_too_many(void)
{
	struct wire_writer w = writer_of("u");

	wire_put_u32(&w, 1);
	wire_put_u32(&w, 1);
}

static void half_a_group(void)
{
	struct wire_writer w = writer_of("(uq)");

	wire_put_u32(&w, 1);
	wire_put_u16(&w, 1);
	wire_put_u32(&w, 1);
	wire_put_u32(&w, 1);
}

static void read_wrongly(void)
{
	struct wire_reader r;

	wire_reader_init(&r, every, sizeof(every), "yq");
	wire_get_u16(&r);
}

static void fine(void)
{
	struct wire_writer w = writer_of("t(uq)");

	wire_put_u64(&w, 1);
	for (int i = 0; i < 3; i++) {
		wire_put_u32(&w, 1);
		wire_put_u16(&w, 1);
	}
}

static void the_form_is_upheld(void **state)
{
	(void)state;
	assert_false(aborts(fine));
	assert_true(aborts(wrong_type));
	assert_true(aborts(one_too_many));
	assert_true(aborts(half_a_group));
	assert_true(aborts(read_wrongly));
}

static void groups_go_on_to_the_end(void **state)
{
	unsigned char out[64];
	struct wire_writer w;
	struct wire_reader r;
	unsigned int n = 0;

	(void)state;
	wire_writer_init(&w, out, sizeof(out), "(uq)");
	for (uint32_t i = 0; i < 5; i++) {
		wire_put_u32(&w, i);
		wire_put_u16(&w, (uint16_t)(i * i));
	}
	wire_reader_init(&r, out, w.len, "(uq)");
	for (; wire_more(&r); n++) {
		assert_int_equal(wire_get_u32(&r), n);
		assert_int_equal(wire_get_u16(&r), n * n);
	}
	assert_int_equal(n, 5);
	assert_false(r.bad);
	/* A group that is cut off is an error, not an end. */
	wire_reader_init(&r, out, w.len - 1, "(uq)");
	for (n = 0; wire_more(&r); n++) {
		wire_get_u32(&r);
		wire_get_u16(&r);
	}
	assert_true(r.bad);
}

/* ---- strings ---- */

static bool text_is_taken(const void *bytes, size_t len)
{
	unsigned char body[WIRE_STRING_MAX + 16];
	struct wire_reader r;

	body[0] = (unsigned char)len;
	body[1] = (unsigned char)(len >> 8);
	memcpy(body + 2, bytes, len);
	wire_reader_init(&r, body, 2 + len, "s");
	return wire_get_text(&r).len == len && !r.bad;
}

static void strings_are_judged(void **state)
{
	char big[WIRE_STRING_MAX + 1], small[4];
	struct wire_reader r;

	(void)state;
	memset(big, 'a', sizeof(big));
	assert_true(text_is_taken("", 0));
	assert_true(text_is_taken("caf\xc3\xa9", 5));
	assert_false(text_is_taken("a\0b", 3));
	assert_false(text_is_taken("\xff", 1));
	assert_true(text_is_taken(big, WIRE_STRING_MAX));
	assert_false(text_is_taken(big, WIRE_STRING_MAX + 1));
	wire_reader_init(&r, "\3\0abc", 5, "s");
	wire_get_string(&r, small, sizeof(small));
	assert_string_equal(small, "abc");
	wire_reader_init(&r, "\4\0abcd", 6, "s");
	wire_get_string(&r, small, sizeof(small));
	assert_true(r.bad);
	assert_string_equal(small, "");
}

/* What we send is always taken: cut between characters, and cleaned of what is none. */
static void strings_are_made_fit(void **state)
{
	static char in[WIRE_STRING_MAX + 8];
	static unsigned char out[WIRE_STRING_MAX + 8];
	struct wire_writer w;
	struct wire_reader r;

	(void)state;
	memset(in, 'a', WIRE_STRING_MAX - 1);
	memcpy(in + WIRE_STRING_MAX - 1, "\xe2\x82\xac", 4);
	wire_writer_init(&w, out, sizeof(out), "s");
	wire_put_text(&w, in);
	wire_reader_init(&r, out, w.len, "s");
	assert_int_equal(wire_get_text(&r).len, WIRE_STRING_MAX - 1);
	assert_false(r.bad);
	wire_writer_init(&w, out, sizeof(out), "s");
	wire_put_text(&w, "a\xff\xc3\xa9\xe2\x82");
	assert_int_equal(w.len, 8);
	assert_memory_equal(out, "\6\0a?\xc3\xa9??", 8);
}

static void bytes_have_bounds(void **state)
{
	unsigned char out[32];
	struct wire_writer w;
	struct wire_reader r;
	size_t len = 9;

	(void)state;
	wire_writer_init(&w, out, sizeof(out), NULL);
	assert_null(wire_put_bytes_room(&w, SIZE_MAX - 2)); /* 4 + it would wrap */
	assert_true(w.bad);
	wire_writer_init(&w, out, sizeof(out), NULL);
	wire_put_block(&w, out, 65536);
	assert_true(w.bad);
	wire_writer_init(&w, out, sizeof(out), "tb");
	wire_put_u64(&w, 1);
	wire_put_bytes_len(&w, 4096);
	assert_int_equal(w.len, 12);
	wire_reader_init(&r, "\xff\xff\xff\xff", 4, "b");
	assert_null(wire_get_bytes(&r, &len));
	assert_int_equal(len, 0);
	assert_true(r.bad);
}

/* ---- UTF-8 ---- */

static void utf8_is_rfc_3629(void **state)
{
	static const struct {
		const char *s;
		size_t good; /* bytes of whole characters at the front */
	} t[] = {
		{ "", 0 },		 { "abc", 3 },		{ "\xc2\x80", 2 },
		{ "\xdf\xbf", 2 },	 { "\xe0\xa0\x80", 3 },	{ "\xed\x9f\xbf", 3 },
		{ "\xee\x80\x80", 3 },	 { "\xef\xbf\xbf", 3 }, { "\xf0\x90\x80\x80", 4 },
		{ "\xf4\x8f\xbf\xbf", 4 }, { "\xc0\x80", 0 },	{ "\xc1\xbf", 0 },
		{ "\xe0\x9f\xbf", 0 },	 { "\xf0\x8f\xbf\xbf", 0 }, { "\xed\xa0\x80", 0 },
		{ "\xed\xbf\xbf", 0 },	 { "\xf4\x90\x80\x80", 0 }, { "\xf5\x80\x80\x80", 0 },
		{ "\x80", 0 },		 { "\xbf", 0 },		{ "\xc3", 0 },
		{ "\xe2\x82", 0 },	 { "\xc3\x28", 0 },	{ "\xfe", 0 },
		{ "a\xff", 1 },		 { "\xe2\x82\xac\x80", 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		size_t len = strlen(t[i].s);

		assert_int_equal(utf8_valid(t[i].s, len), t[i].good == len);
		assert_true(utf8_valid(t[i].s, t[i].good));
	}
	assert_int_equal(utf8_fit("abc", 3), 3);
	assert_int_equal(utf8_fit("abcd", 3), 3);
	assert_int_equal(utf8_fit("ab\xe2\x82\xac", 4), 2);
	assert_int_equal(utf8_fit("\xe2\x82\xac", 2), 0);
}

/* ---- the header ---- */

static uint32_t le32(const unsigned char *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The rules once more, from the page's words. */
static int verdict(const unsigned char *h, uint32_t max)
{
	uint32_t size = le32(h), head = h[4] | (uint32_t)h[5] << 8, flags = le32(h + 8) & 0xffff;

	if (head < 32 || head > 256 || size < head)
		return -EPROTO;
	if (size > max)
		return -EMSGSIZE;
	return flags == 0 || flags == 1 || flags == 2 || flags == 5 ? 0 : -EPROTO;
}

static void every_flipped_bit_is_judged(void **state)
{
	static const uint32_t flags[] = { 0, WIRE_REPLY, WIRE_ONE_WAY, WIRE_REPLY | WIRE_MORE };
	unsigned char at[WIRE_HEAD];
	struct wire_head back;
	unsigned int refused = 0;

	(void)state;
	for (size_t i = 0; i < 4 * WIRE_HEAD * 8; i++) {
		struct wire_head h = { .size = 80, .op = 30, .flags = flags[i / 256], .id = 7,
				       .object = 9, .budget = 5000, .error = 2 };
		size_t bit = i % 256;
		int want;

		wire_head_write(at, &h);
		at[bit / 8] ^= (unsigned char)(1u << bit % 8);
		want = verdict(at, WIRE_FRAME_MAX);
		assert_int_equal(wire_head_read(at, WIRE_FRAME_MAX, &back), want);
		refused += want != 0;
		if (!want)
			assert_int_equal(back.head | (uint32_t)back.op << 16, le32(at + 4));
	}
	assert_true(refused > 100);
}

static void a_header_is_what_it_was(void **state)
{
	struct wire_head h = { .size = 99, .op = 84, .flags = WIRE_REPLY | WIRE_MORE | 1u << 20,
			       .id = UINT32_MAX,
			       .object = UINT64_MAX - 1, .budget = 7, .error = 71 };
	unsigned char at[WIRE_HEAD];
	struct wire_head back;

	(void)state;
	wire_head_write(at, &h);
	h.head = WIRE_HEAD;
	assert_int_equal(wire_head_read(at, 99, &back), 0); /* flags of the upper half are anybody's */
	assert_memory_equal(&h, &back, sizeof(h));
	assert_int_equal(wire_head_read(at, 98, &back), -EMSGSIZE);
}

/* ---- rows ---- */

static bool is_form(const char *s)
{
	size_t plain = strspn(s, "yqutgsbp");

	if (!s[plain])
		return true;
	return s[plain] == '(' && strspn(s + plain + 1, "yqutgsbp") == strlen(s) - plain - 2 &&
	       s[strlen(s) - 1] == ')';
}

static void rows_make_sense(void **state)
{
	uint16_t last = 0;

	(void)state;
	for (unsigned int i = 0; i < wire_num_ops; i++) {
		const struct wire_op_info *o = &wire_ops[i];

		assert_true(o->number > last);
		last = o->number;
		assert_ptr_equal(wire_op_info(o->number), o);
		assert_true(is_form(o->request) && is_form(o->reply));
		if (o->kind == WIRE_KIND_PUSH)
			assert_string_equal(o->request, "");
		if (o->kind == WIRE_KIND_POST)
			assert_string_equal(o->reply, "");
	}
	assert_null(wire_op_info(0));
	assert_null(wire_op_info((uint16_t)(last + 1)));
	assert_null(wire_op_info(UINT16_MAX));
	for (uint32_t bit = 1; bit < WIRE_RIGHTS_ALL; bit <<= 1)
		assert_int_equal(wire_right_parse(wire_right_name(bit)), bit);
	assert_int_equal(wire_right_parse("everything"), 0);
}

/* ---- properties ---- */

static const struct opae_props whole = {
	.valid = 0x7fffffff & ~(uint32_t)OPAE_PROP_PARENT,
	.objtype = FPGA_ACCELERATOR, .segment = 0x8003, .bus = 1, .device = 2, .function = 3, .socket_id = 4,
	.vendor_id = 0x8086, .device_id = 0xbcce, .subsystem_vendor_id = 5, .subsystem_device_id = 0x1771,
	.guid = { 0xd8, 0x42, 0x4d }, .object_id = UINT64_C(0x1122334455667788), .num_errors = 6,
	.interface = FPGA_IFC_UIO, .num_slots = 7, .bbs_version = { 8, 9, 10 }, .bbs_id = 11,
	.state = FPGA_ACCELERATOR_UNASSIGNED, .num_mmio = 12, .num_interrupts = 13,
	.hostname = "b\xc3\xbc" "ro",
};

static size_t put_props(unsigned char *out, size_t room, const struct opae_props *p)
{
	struct wire_writer w;

	wire_writer_init(&w, out, room, "p");
	wire_put_props(&w, p);
	assert_false(w.bad);
	return w.len;
}

static bool get_props(const unsigned char *at, size_t len, struct opae_props *p)
{
	struct wire_reader r;

	wire_reader_init(&r, at, len, "p");
	wire_get_props(&r, p);
	return !r.bad;
}

static void properties_travel_whole(void **state)
{
	struct opae_props p = whole, back;
	unsigned char out[1024];
	size_t len;

	(void)state;
	p.valid |= OPAE_PROP_PARENT; /* a token means nothing over there */
	len = put_props(out, sizeof(out), &p);
	assert_true(get_props(out, len, &back));
	assert_memory_equal(&back, &whole, sizeof(back));
	for (size_t cut = 0; cut < len; cut++)
		assert_false(get_props(out, cut, &back));
}

/* A filter of a program: memory that was something else before, and two values. */
static void what_is_not_set_stays_here(void **state)
{
	struct opae_props p, back, want = { .valid = OPAE_PROP_OBJTYPE | OPAE_PROP_BUS,
					    .objtype = FPGA_ACCELERATOR,
					    .bus = 3 };
	unsigned char out[1024];
	size_t len;

	(void)state;
	memset(&p, 0xbe, sizeof(p));
	p.valid = want.valid;
	p.objtype = want.objtype;
	p.bus = want.bus;
	len = put_props(out, sizeof(out), &p);
	assert_null(memchr(out, 0xbe, len));
	assert_true(get_props(out, len, &back));
	assert_memory_equal(&back, &want, sizeof(back));
}

static void properties_may_grow(void **state)
{
	struct opae_props back;
	unsigned char out[1024];
	size_t len = put_props(out, sizeof(out), &whole);

	(void)state;
	memset(out + len, 0x5a, 8);
	out[0] = (unsigned char)(out[0] + 8); /* the block's length; a newer peer's has more in it */
	assert_true(get_props(out, len + 8, &back));
	assert_memory_equal(&back, &whole, sizeof(back));
}

/* Nothing of the sender's memory travels, and nothing that is not set is believed. */
static void what_is_not_set_is_zero(void **state)
{
	const struct opae_props few = { .valid = OPAE_PROP_BUS, .bus = 7 };
	unsigned char out[1024], clean[1024];
	struct opae_props p, back;
	size_t len;

	(void)state;
	memset(&p, 0xbe, sizeof(p));
	p.valid = few.valid;
	p.bus = few.bus;
	len = put_props(out, sizeof(out), &p);
	assert_int_equal(put_props(clean, sizeof(clean), &few), len);
	assert_memory_equal(out, clean, len);
	memset(out + 2 + 4, 0xbe, 6);	/* type and segment */
	memset(out + 2 + 11, 0xbe, 71); /* all behind the bus, up to the hostname */
	assert_true(get_props(out, len, &back));
	assert_memory_equal(&back, &few, sizeof(few));
}

static void properties_out_of_range_are_refused(void **state)
{
	static const size_t at[] = { 4, 50, 70 }; /* objtype, interface, state: in the block */
	unsigned char out[1024];
	struct opae_props back;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t len = put_props(out, sizeof(out), &whole);

		out[2 + at[i]] = 9;
		assert_false(get_props(out, len, &back));
		assert_int_equal(back.valid, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_has_its_bytes),
		cmocka_unit_test(every_type_is_read),
		cmocka_unit_test(an_error_stays),
		cmocka_unit_test(the_form_is_upheld),
		cmocka_unit_test(groups_go_on_to_the_end),
		cmocka_unit_test(strings_are_judged),
		cmocka_unit_test(strings_are_made_fit),
		cmocka_unit_test(bytes_have_bounds),
		cmocka_unit_test(utf8_is_rfc_3629),
		cmocka_unit_test(every_flipped_bit_is_judged),
		cmocka_unit_test(a_header_is_what_it_was),
		cmocka_unit_test(rows_make_sense),
		cmocka_unit_test(properties_travel_whole),
		cmocka_unit_test(what_is_not_set_stays_here),
		cmocka_unit_test(properties_may_grow),
		cmocka_unit_test(what_is_not_set_is_zero),
		cmocka_unit_test(properties_out_of_range_are_refused),
	};

	return RUN(tests);
}
