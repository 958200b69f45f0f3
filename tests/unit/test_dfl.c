/* SPDX-License-Identifier: BSD-3-Clause */
/* Feature lists that real cards have, version 1 headers among them, from registers in memory. */
#include <errno.h>
#include <string.h>

#include "plugins/vfio/dfl.h"
#include "tests/unit/check.h"

#define BAR_BYTES 0x4000u
#define PRIVATE(id, next) (UINT64_C(3) << 60 | (uint64_t)(next) << 16 | (id))
#define FIU(id, next) (UINT64_C(4) << 60 | (uint64_t)(next) << 16 | (id))
#define AFU (UINT64_C(1) << 60 | EOL)
#define EOL (UINT64_C(1) << 40)
#define V1 (UINT64_C(1) << 52)
#define PARAM(id, words, last) ((uint64_t)(words) << 35 | (uint64_t)(last) << 32 | (id))

static uint64_t bars[2][BAR_BYTES / 8];
static unsigned int reads;
static struct facts facts;

static int io_read(void *ctx, uint32_t bar, uint64_t offset, uint64_t *v)
{
	(void)ctx;
	assert_true(bar < 2 && offset % 8 == 0 && offset <= BAR_BYTES - 8);
	*v = bars[bar][offset / 8];
	reads++;
	return 0;
}

static int io_write(void *ctx, uint32_t bar, uint64_t offset, uint64_t v)
{
	(void)ctx;
	assert_true(bar < 2 && offset % 8 == 0 && offset <= BAR_BYTES - 8);
	bars[bar][offset / 8] = v;
	return 0;
}

static const struct dfl_io io = { .read = io_read, .write = io_write,
				  .bar_size = { BAR_BYTES, BAR_BYTES } };

static void put(uint64_t at, uint64_t v)
{
	bars[0][at / 8] = v;
}

static int up(void **state)
{
	(void)state;
	memset(bars, 0, sizeof(bars));
	memset(&facts, 0, sizeof(facts));
	facts.vectors = 8;
	reads = 0;
	return 0;
}

static int down(void **state)
{
	(void)state;
	return 0;
}

static void read_all(void)
{
	assert_int_equal(dfl_read(&io, NULL, 0, &facts), 0);
}

/* A port at 0 with an accelerator of 4 KiB at 0x2000; its features begin at 0x100. */
static void put_port(void)
{
	put(0x00, FIU(1, 0x100));
	put(0x18, 0x2000);
	put(0x30, 4u << 8 | 2);
	put(0x2000, AFU);
	put(0x2008, 0x1122334455667788);
	put(0x2010, 0x99aabbccddeeff00);
}

static void a_port_of_version_0(void **state)
{
	const struct object *o = &facts.objects[0];

	(void)state;
	put_port();
	put(0x100, PRIVATE(0x12, 0x100));
	put(0x108, 3 | 2u << 12);
	put(0x200, PRIVATE(0x10, 0x100));
	put(0x238, 1 | 7u << 1);
	put(0x300, PRIVATE(0x13, 0) | EOL);
	read_all();
	assert_string_equal(facts.defect, "");
	assert_int_equal(facts.num_objects, 1);
	assert_int_equal(o->type, FPGA_ACCELERATOR);
	assert_int_equal(o->port, 2);
	assert_int_equal(o->guid[0], 0x99);
	assert_int_equal(o->guid[15], 0x88);
	assert_int_equal(o->first_vector, 2);
	assert_int_equal(o->num_interrupts, 3);
	assert_int_equal(o->error_vector, 7);
	assert_int_equal(o->errors, 0x200);
	assert_int_equal(o->num_mmio, 2);
	assert_true(o->mmio[0].offset == 0x2000 && o->mmio[0].size == 4096);
	assert_true(o->mmio[1].offset == 0x300 && o->mmio[1].size == 4096);
}

/* The registers are elsewhere, and parameters name the interrupts. */
static void a_port_of_version_1(void **state)
{
	const struct object *o = &facts.objects[0];

	(void)state;
	put_port();
	put(0x100, PRIVATE(0x12, 0x100) | V1);
	put(0x118, 0x800 << 1);
	put(0x120, UINT64_C(0x100) << 32 | 1u << 31);
	put(0x128, PARAM(7, 2, 0));
	put(0x138, PARAM(1, 2, 1));
	put(0x140, UINT64_C(4) << 32 | 1);
	put(0x200, PRIVATE(0x10, 0x100) | V1);
	put(0x218, 0x1000 << 1);
	put(0x220, UINT64_C(0x100) << 32 | 1u << 31);
	put(0x228, PARAM(1, 2, 1));
	put(0x230, UINT64_C(1) << 32 | 6);
	put(0x300, PRIVATE(0x13, 0) | EOL | V1);
	put(0x318, 0x800 << 1);
	put(0x320, UINT64_C(0x200) << 32);
	read_all();
	assert_string_equal(facts.defect, "");
	assert_int_equal(o->first_vector, 1);
	assert_int_equal(o->num_interrupts, 4);
	assert_int_equal(o->error_vector, 6);
	assert_int_equal(o->errors, 0x1200);
	assert_true(o->mmio[1].offset == 0xb00 && o->mmio[1].size == 0x200);
}

static void version_1_that_lies(void **state)
{
	static const struct {
		uint64_t registers, group, param, value;
		const char *defect;
	} lies[] = {
		{ 0x800 << 1, 1u << 31, PARAM(1, 2, 1), UINT64_C(9) << 32, "interrupts 0 to 8" },
		{ 0x800 << 1, 1u << 31, PARAM(1, 2, 1), UINT64_C(2) << 32 | 7, "interrupts 7 to 8" },
		{ 0x800 << 1, 1u << 31, PARAM(1, 2, 1), UINT64_MAX, "but the device has 8" },
		{ 0x800 << 1 | 1, 0, 0, 0, "absolute" },
		{ 0x3ff8 << 1, 0, 0, 0, "ends past BAR0" },
		{ UINT64_MAX - 1, 0, 0, 0, "" }, /* wraps round: passed over */
		{ 0x800 << 1, 1u << 31, PARAM(5, 0, 0), 0, "" }, /* a chain that stands still */
		{ 0x800 << 1, 1u << 31, PARAM(5, 0x1fffffff, 0), 0, "" },
	};

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		up(state);
		put_port();
		put(0x100, PRIVATE(0x12, 0) | EOL | V1);
		put(0x118, lies[i].registers);
		put(0x120, lies[i].group);
		put(0x128, lies[i].param);
		put(0x130, lies[i].value);
		read_all();
		assert_int_equal(facts.num_objects, 1);
		assert_int_equal(facts.objects[0].num_interrupts, 0);
		if (!strstr(facts.defect, lies[i].defect))
			fail_msg("%zu: \"%s\" has no \"%s\"", i, facts.defect, lies[i].defect);
		assert_true(reads < 100);
	}
}

static void parameters_without_an_end(void **state)
{
	(void)state;
	put_port();
	put(0x100, PRIVATE(0x12, 0) | EOL | V1);
	put(0x118, 0x800 << 1);
	put(0x120, 1u << 31);
	for (uint64_t at = 0x128; at < 0x2000; at += 8)
		put(at, PARAM(5, 1, 0));
	read_all();
	assert_int_equal(facts.num_objects, 1);
	assert_true(reads < 100);
}

static int config_word(void *ctx, uint32_t at, uint32_t *word)
{
	memcpy(word, (const uint8_t *)ctx + at, sizeof(*word));
	return 0;
}

static unsigned int find_lists(uint8_t *config, uint32_t len, struct dfl_list *ret)
{
	struct dfl_config c = { config, config_word, len };
	unsigned int n;

	assert_int_equal(dfl_find_lists(&c, ret, &n), 0);
	return n;
}

/* Which lists there are: the capability of Intel's, in a chain that may go backwards. */
static void lists_of_a_capability(void **state)
{
	uint8_t config[4096] = { 0x86, 0x80 };
	const uint32_t words[] = { 0x0b | 1u << 16 | 0x140u << 20, 0x99, 0, 0 };
	const uint32_t ours[] = { 0x0b | 1u << 16, 0x43, 2, 0x1000 | 2, 0x80 };
	struct dfl_list lists[DFL_MAX_LISTS];

	(void)state;
	assert_int_equal(find_lists(config, sizeof(config), lists), 0);
	memcpy(config + 0x100, words, sizeof(words));
	memcpy(config + 0x140, ours, sizeof(ours));
	assert_int_equal(find_lists(config, sizeof(config), lists), 2);
	assert_true(lists[0].bar == 2 && lists[0].offset == 0x1000);
	assert_true(lists[1].bar == 0 && lists[1].offset == 0x80);
	assert_int_equal(find_lists(config, 256, lists), 0);
	config[0] = 0x87; /* another vendor's capability means something else */
	assert_int_equal(find_lists(config, sizeof(config), lists), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_port_of_version_0),
		RIGGED(a_port_of_version_1),
		RIGGED(version_1_that_lies),
		RIGGED(parameters_without_an_end),
		RIGGED(lists_of_a_capability),
	};

	return RUN(tests);
}
