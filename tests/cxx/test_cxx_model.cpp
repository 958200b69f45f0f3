/* SPDX-License-Identifier: BSD-3-Clause */
/* The layer over a model of devices: parents, objects, errors, and threads that race with close. */
#include <thread>

#include "tests/cxx/check.h"

extern "C" {
#include "tests/loader/rig.h"
}

using namespace opae::fpga::types;

static int up(void **)
{
	const char *const list[] = { "a:good:{\"devices\": 3, \"segment\": 1}",
				     "b:good:{\"devices\": 2, \"segment\": 2}", nullptr };

	rig_start(list);
	return 0;
}

static int down(void **)
{
	rig_stop();
	return 0;
}

static token::ptr_t first(fpga_objtype type)
{
	const std::vector<token::ptr_t> all = token::enumerate({ properties::get(type) });

	CHECK(!all.empty());
	return all[0];
}

static handle::ptr_t open_first()
{
	return handle::open(first(FPGA_ACCELERATOR), 0);
}

/* ---- tokens ---- */

static void enumeration_honours_filters()
{
	const properties::ptr_t one = properties::get(), other = properties::get(FPGA_DEVICE);

	CHECK_EQ(token::enumerate(properties::none).size(), 7u);
	CHECK_EQ(token::enumerate({}).size(), 7u);
	CHECK_EQ(token::enumerate({ properties::get(FPGA_ACCELERATOR) }).size(), 5u);
	one->segment = 1;
	CHECK_EQ(token::enumerate({ one }).size(), 4u);
	one->function = 2;
	CHECK_EQ(token::enumerate({ one }).size(), 1u);
	CHECK_EQ(token::enumerate({ one, other }).size(), 3u);
	one->bus = 9;
	CHECK(token::enumerate({ one }).empty());
}

static void an_accelerator_has_a_parent()
{
	const token::ptr_t device = first(FPGA_DEVICE), parent = first(FPGA_ACCELERATOR)->get_parent();

	CHECK(parent && !device->get_parent());
	CHECK(properties::get(parent)->type == FPGA_DEVICE);
	CHECK(properties::get(parent)->object_id == properties::get(device)->object_id);

	const properties::ptr_t child = properties::get(first(FPGA_ACCELERATOR));
	auto member = child->parent;
	const properties::ptr_t of_parent = properties::get(member), filter = properties::get();

	CHECK(of_parent->type == FPGA_DEVICE);
	filter->parent = *parent;
	CHECK_EQ(token::enumerate({ filter }).size(), 3u);
}

static void properties_of_what_there_is()
{
	const token::ptr_t t = first(FPGA_ACCELERATOR);
	const handle::ptr_t h = handle::open(t, 0);

	for (const properties::ptr_t &p : { properties::get(t), properties::get(t->c_type()),
					    properties::get(h), properties::get(h->get_token()) }) {
		CHECK(p->type == FPGA_ACCELERATOR && p->bus == 1 && p->num_mmio == 1);
		CHECK(p->accelerator_state == FPGA_ACCELERATOR_UNASSIGNED);
		CHECK(p->interface == FPGA_IFC_DFL);
		CHECK_EQ(shown(p->guid), "00000000-0000-0000-0000-000000000001");
		CHECK(!p->vendor_id.is_set() && p->vendor_id != 0x8086);
	}
}

/* ---- handles ---- */

static void what_is_opened_is_closed()
{
	handle::ptr_t h = open_first();
	const fpga_handle c = *h;
	uint64_t v = 0;

	h->write_csr64(8, 5);
	CHECK_EQ(fpgaReadMMIO64(c, 0, 8, &v), FPGA_OK);
	CHECK_EQ(v, 5u);
	h->reset();
	CHECK_EQ(h->read_csr64(8), 0u);
	h.reset();
	CHECK_EQ(fpgaReadMMIO64(c, 0, 8, &v), FPGA_INVALID_PARAM);
}

static void every_call_refuses_a_closed_handle()
{
	const handle::ptr_t h = open_first();
	const sysobject::ptr_t o = sysobject::get(h, "answer");
	const shared_buffer::ptr_t b = shared_buffer::allocate(h, 4096), c = shared_buffer::allocate(h, 1);
	const event::ptr_t e = event::register_event(h, event::type_t::interrupt);
	const uint8_t bits[64] = {};

	CHECK_EQ(h->close(), FPGA_OK);
	CHECK_EQ(h->close(), FPGA_EXCEPTION);
	CHECK(!h->c_type() && !static_cast<fpga_handle>(*h));
	THROWN(invalid_param, h->read_csr32(0));
	THROWN(invalid_param, h->read_csr64(0));
	CHECK(contains(THROWN(invalid_param, h->write_csr32(0, 0)), "fpgaWriteMMIO32"));
	THROWN(invalid_param, h->write_csr64(0, 0));
	THROWN(invalid_param, h->write_csr512(0, bits));
	THROWN(invalid_param, h->mmio_ptr(0));
	THROWN(invalid_param, h->reset());
	THROWN(invalid_param, h->reconfigure(0, bits, sizeof(bits), 0));
	THROWN(invalid_param, h->bind_sva());
	THROWN(invalid_param, properties::get(h));
	THROWN(invalid_param, shared_buffer::allocate(h, 4096));
	THROWN(invalid_param, event::register_event(h, event::type_t::interrupt));
	THROWN(invalid_param, sysobject::get(h, "answer"));
	THROWN(invalid_param, o->read64());
	CHECK(contains(THROWN(invalid_param, b->read<int>(0)), "closed"));
	THROWN(invalid_param, b->write(1, 0));
	THROWN(invalid_param, b->fill(0));
	THROWN(invalid_param, b->compare(c, 1));
	b->release();
	CHECK(!b->c_type());
	CHECK(properties::get(h->get_token())->type == FPGA_ACCELERATOR); /* this one it can do */
}

static void reconfiguration()
{
	const handle::ptr_t h = handle::open(first(FPGA_DEVICE)->c_type(), 0);
	const uint8_t bits[64] = {};

	h->reconfigure(0, bits, sizeof(bits), 0);
	THROWN(reconf_error, h->reconfigure(1, bits, sizeof(bits), 0));
	THROWN(invalid_param, h->reconfigure(0, bits, 0, 0));
}

static void a_pasid_is_asked_for_once()
{
	const handle::ptr_t h = open_first();
	const uint32_t pasid = h->bind_sva();

	CHECK(pasid);
	CHECK_EQ(h->bind_sva(), pasid);
}

/* Calls in two threads while a third closes: each works or is refused. */
static void calls_race_with_close()
{
	for (int round = 0; round < 20; round++) {
		const handle::ptr_t h = open_first();
		std::atomic<int> running(0);
		std::vector<std::thread> all;

		for (int i = 0; i < 2; i++)
			all.emplace_back([&] {
				running++;
				try {
					for (;;)
						h->write_csr64(8, h->read_csr64(8) + 1);
				} catch (const invalid_param &) {
				}
			});
		while (running < 2)
			std::this_thread::yield();
		CHECK_EQ(h->close(), FPGA_OK);
		for (std::thread &t : all)
			t.join();
	}
}

static void only_one_close_closes()
{
	for (int round = 0; round < 50; round++) {
		const handle::ptr_t h = open_first();
		std::atomic<int> closed(0);
		std::vector<std::thread> all;

		for (int i = 0; i < 3; i++)
			all.emplace_back([&] { closed += h->close() == FPGA_OK; });
		for (std::thread &t : all)
			t.join();
		CHECK_EQ(closed.load(), 1);
	}
}

/* ---- objects and errors ---- */

static void objects_of_tokens_are_read_only()
{
	const sysobject::ptr_t o = sysobject::get(first(FPGA_DEVICE), "answer");
	const std::vector<uint8_t> text = o->bytes(), part = o->bytes(2, 2);

	CHECK_EQ(o->read64(), 42u);
	CHECK_EQ(o->type(), FPGA_OBJECT_ATTRIBUTE);
	CHECK_EQ(o->size(), 5u);
	CHECK_EQ(std::string(text.begin(), text.end()), "0x2a\n");
	CHECK_EQ(std::string(part.begin(), part.end()), "2a");
	THROWN(invalid_param, o->bytes(4, 2));
	THROWN(invalid_param, o->write64(1));
	THROWN(not_found, sysobject::get(first(FPGA_DEVICE), "question"));
}

static void objects_of_handles_are_written()
{
	const handle::ptr_t h = open_first();
	const sysobject::ptr_t box = sysobject::get(h, "box", FPGA_OBJECT_RECURSE_ONE);
	const sysobject::ptr_t o = box->get("answer"), first_child = box->get(0);

	CHECK_EQ(box->type(), FPGA_OBJECT_CONTAINER);
	CHECK_EQ(box->size(), 2u);
	o->write64(0x77);
	CHECK_EQ(o->read64(), 0x77u);
	CHECK_EQ(first_child->read64(), 42u);
	CHECK(o->c_type() && static_cast<fpga_object>(*o) == o->c_type());
	THROWN(invalid_param, box->get(2));
	CHECK(contains(THROWN(invalid_param, box->get(-1)), "-1"));
	THROWN(not_found, o->get("answer"));
	THROWN(invalid_param, box->read64());
}

/* An object holds what it came from. */
static void objects_outlive_names()
{
	sysobject::ptr_t o;

	{
		const handle::ptr_t h = open_first();

		o = sysobject::get(h, "box")->get("answer");
	}
	CHECK_EQ(o->read64(), 42u);
}

static void error_registers()
{
	const error::ptr_t all = error::get(first(FPGA_DEVICE), 0), one = error::get(first(FPGA_DEVICE), 1);

	CHECK_EQ(all->name(), "errors");
	CHECK(all->can_clear() && !one->can_clear());
	CHECK_EQ(one->name(), one->c_type().name);
	CHECK_EQ(all->read_value(), 0xe0u);
	CHECK_EQ(one->read_value(), 0xe1u);
	THROWN(not_found, error::get(first(FPGA_DEVICE), 2));
}

int main()
{
#define RIGGED_TEST(t) TEST_WITH(t, up, down)
	const struct CMUnitTest tests[] = {
		RIGGED_TEST(enumeration_honours_filters),
		RIGGED_TEST(an_accelerator_has_a_parent),
		RIGGED_TEST(properties_of_what_there_is),
		RIGGED_TEST(what_is_opened_is_closed),
		RIGGED_TEST(every_call_refuses_a_closed_handle),
		RIGGED_TEST(reconfiguration),
		RIGGED_TEST(a_pasid_is_asked_for_once),
		RIGGED_TEST(calls_race_with_close),
		RIGGED_TEST(only_one_close_closes),
		RIGGED_TEST(objects_of_tokens_are_read_only),
		RIGGED_TEST(objects_of_handles_are_written),
		RIGGED_TEST(objects_outlive_names),
		RIGGED_TEST(error_registers),
	};

	return RUN(tests);
}
