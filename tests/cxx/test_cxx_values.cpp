/* SPDX-License-Identifier: BSD-3-Clause */
/* What needs no device: exceptions, properties and their members, GUIDs, the version. */
#include <opae/ext.h>
#include <opae/utils.h>
#include <opae/version.h>

#include <typeinfo>

#include "tests/cxx/check.h"

using namespace opae::fpga::types;

/* ---- exceptions ---- */

static void fail_with(fpga_result r)
{
	ASSERT_FPGA_OK(r);
}

template <typename E> static void is_thrown_by(fpga_result r)
{
	const std::string text = THROWN(E, fail_with(r));

	CHECK(contains(text, fpgaErrStr(r)));
	CHECK(contains(text, "[test_cxx_values.cpp:"));
	CHECK(contains(text, "fail_with()]"));
	try {
		throw E(OPAECXX_HERE);
	} catch (const except &e) {
		CHECK_EQ(static_cast<fpga_result>(e), r);
	}
}

static void each_code_has_its_class()
{
	is_thrown_by<invalid_param>(FPGA_INVALID_PARAM);
	is_thrown_by<busy>(FPGA_BUSY);
	is_thrown_by<opae::fpga::types::exception>(FPGA_EXCEPTION);
	is_thrown_by<not_found>(FPGA_NOT_FOUND);
	is_thrown_by<no_memory>(FPGA_NO_MEMORY);
	is_thrown_by<not_supported>(FPGA_NOT_SUPPORTED);
	is_thrown_by<no_driver>(FPGA_NO_DRIVER);
	is_thrown_by<no_daemon>(FPGA_NO_DAEMON);
	is_thrown_by<no_access>(FPGA_NO_ACCESS);
	is_thrown_by<reconf_error>(FPGA_RECONF_ERROR);
	fail_with(FPGA_OK);
	THROWN(except, fail_with(static_cast<fpga_result>(11))); /* one of the future is not lost */
}

static void a_failed_call_says_why()
{
	const properties::ptr_t p = properties::get();
	std::string text = THROWN(invalid_param, p->function = 8);

	CHECK(contains(text, opaex_error_detail()));
	CHECK(contains(text, "fpgaPropertiesSetFunction"));
	text = THROWN(not_found, static_cast<uint8_t>(p->bus));
	CHECK(contains(text, "fpgaPropertiesGetBus"));
}

/* The text belongs to the exception: what the thread does later does not change it. */
static void a_reason_is_kept()
{
	try {
		properties::get()->function = 9;
		CHECK(!"thrown");
	} catch (const invalid_param &e) {
		const std::string before = e.what();

		fpgaReset(nullptr);
		CHECK_EQ(before, e.what());
		const except copy = e;
		CHECK_EQ(before, copy.what());
	}
}

static void texts_of_a_programs_own()
{
	const std::string at_length(1000, 'x');
	std::string text = except(OPAECXX_HERE).what();

	CHECK(contains(text, "exception [test_cxx_values.cpp"));
	text = except(FPGA_BUSY, "no luck", OPAECXX_HERE).what();
	CHECK(contains(text, "resource busy: no luck [test_cxx_values.cpp"));
	text = except(FPGA_BUSY, at_length.c_str(), src_location("a/b/c.cpp", "f", 12)).what();
	CHECK_EQ(text.size(), except::MAX_EXCEPT - 1);
	CHECK(contains(text, "xxx... [c.cpp:12 f()]"));
	text = except(FPGA_BUSY, at_length.c_str(),
		      src_location(at_length.c_str(), at_length.c_str(), 1)).what();
	CHECK(text.size() < except::MAX_EXCEPT);
	text = except(FPGA_OK, nullptr, src_location(nullptr, nullptr, 0)).what();
	CHECK(contains(text, "success [?:0 ?()]"));
}

static void a_place_in_a_source()
{
	src_location here("/x/y.cpp", "f", 3), there("z.cpp", "g", 4);

	CHECK_EQ(std::string(here.file()), "y.cpp");
	CHECK_EQ(std::string(here.fn()), "f");
	CHECK_EQ(here.line(), 3);
	here = there;
	CHECK_EQ(std::string(src_location(here).file()), "z.cpp");
	CHECK_EQ(OPAECXX_HERE.line(), __LINE__);
}

/* ---- properties ---- */

static void a_member_that_is_not_set()
{
	const properties::ptr_t p = properties::get();
	uint8_t value = 77;

	CHECK(!p->bus.is_set());
	THROWN(not_found, static_cast<uint8_t>(p->bus));
	THROWN(not_found, p->bus.update());
	CHECK_EQ(p->bus.get_value(value), FPGA_NOT_FOUND);
	CHECK_EQ(value, 77);
	CHECK(!p->bus.is_set());
	CHECK(!(p->bus == 0));
	CHECK(p->bus != 0);
	CHECK_EQ(shown(p->bus), "(not set)");
	CHECK_EQ(shown(p->guid), "(not set)");
	CHECK(!p->guid.is_set());
	THROWN(not_found, p->guid.update());
	THROWN(invalid_param, static_cast<uint32_t>(p->num_slots)); /* a type is needed first */
	THROWN(invalid_param, shown(p->num_slots));
}

static void a_member_that_is_set()
{
	const properties::ptr_t p = properties::get();
	uint8_t value = 0;

	p->bus = 0xb1;
	CHECK(p->bus.is_set());
	CHECK(p->bus == 0xb1);
	CHECK(p->bus == uint8_t(0xb1));
	CHECK(!(p->bus == 0x1b1)); /* cut to a byte it would be */
	CHECK(p->bus != 0x1b1);
	CHECK_EQ(static_cast<uint8_t>(p->bus), 0xb1);
	CHECK_EQ(shown(p->bus), "177");
	p->bus.invalidate();
	CHECK(!p->bus.is_set());
	CHECK(p->bus == 0xb1);
	p->bus.update();
	CHECK(p->bus.is_set());
	CHECK_EQ(p->bus.get_value(value), FPGA_OK);
	CHECK_EQ(value, 0xb1);
	CHECK_EQ(fpgaPropertiesGetBus(*p, &value), FPGA_OK);
	CHECK_EQ(value, 0xb1);
	CHECK_EQ(fpgaPropertiesSetBus(p->c_type(), 3), FPGA_OK);
	CHECK(p->bus == 3);
	THROWN(invalid_param, p->function = 8);
	CHECK(!p->function.is_set());
}

/* Assigning one object's member to another's copies the value: the two stay two objects. */
static void members_are_copied_by_value()
{
	const properties::ptr_t from = properties::get(), to = properties::get();

	from->segment = 5;
	from->guid.parse("d8424dc4-a4a3-c413-f89e-433683f9040b");
	to->segment = from->segment;
	to->guid = from->guid;
	CHECK(to->segment == from->segment && to->guid == from->guid);
	from->segment = 6;
	CHECK(to->segment == 5 && to->segment != from->segment);
	THROWN(not_found, to->bus = from->bus);
	THROWN(not_found, to->guid = properties::get()->guid);
	THROWN(invalid_param, static_cast<int>(pvalue<int>()));
	THROWN(invalid_param, pvalue<int>() = 3);

	pvalue<uint16_t> member;

	member = from->segment; /* nobody's so far: from now on it is that member */
	CHECK(member == 6);
	member = 7;
	CHECK(from->segment == 7 && to->segment == 5);
}

static void members_of_every_kind()
{
	const properties::ptr_t p = properties::get(FPGA_DEVICE);
	fpga_version v = { 1, 2, 3 }, other = { 1, 2, 4 };

	CHECK(p->type == FPGA_DEVICE);
	CHECK_EQ(shown(p->type), "0");
	p->num_slots = 2;
	p->bbs_id = UINT64_C(0x1234567890abcdef);
	p->bbs_version = v;
	p->vendor_id = 0x8086;
	p->device_id = 0xbcce;
	p->subsystem_vendor_id = 0x8086;
	p->subsystem_device_id = 0x1771;
	p->interface = FPGA_IFC_VFIO;
	p->object_id = 7;
	p->num_errors = 1;
	p->socket_id = 1;
	p->device = 31;
	CHECK(p->bbs_id == UINT64_C(0x1234567890abcdef) && p->bbs_version == v);
	CHECK(!(p->bbs_version == other));
	CHECK_EQ(shown(p->bbs_version), "1.2.3");
	CHECK_EQ(shown(p->vendor_id), "32902");
	CHECK(p->interface == FPGA_IFC_VFIO);
	CHECK(!(p->bbs_id == -1));
	p->type = FPGA_ACCELERATOR;
	p->num_mmio = 2;
	p->num_interrupts = 4;
	p->accelerator_state = FPGA_ACCELERATOR_UNASSIGNED;
	CHECK(p->accelerator_state == FPGA_ACCELERATOR_UNASSIGNED && p->num_mmio == 2u);
	CHECK(!(p->num_slots == 2)); /* an accelerator has none */
	THROWN(not_supported, p->model = const_cast<char *>("x"));
	THROWN(not_supported, static_cast<std::string>(p->model));
	THROWN(not_supported, p->local_memory_size = 1);
	THROWN(not_supported, static_cast<uint64_t>(p->capabilities));
	THROWN(not_found, static_cast<fpga_token>(p->parent));
}

static void guids()
{
	const char text[] = "D8424DC4-a4a3-c413-f89e-433683f9040b";
	fpga_guid guid = { 0xd8, 0x42, 0x4d, 0xc4, 0xa4, 0xa3, 0xc4, 0x13,
			   0xf8, 0x9e, 0x43, 0x36, 0x83, 0xf9, 0x04, 0x0b };
	const properties::ptr_t p = properties::get(guid), q = properties::get();

	CHECK(p->guid == guid && p->guid.is_set());
	CHECK_EQ(shown(p->guid), "d8424dc4-a4a3-c413-f89e-433683f9040b");
	CHECK_EQ(q->guid.c_type()[0], 0);
	CHECK(q->guid != guid && q->guid != &guid[0]);
	q->guid.parse(text);
	CHECK(q->guid == guid && q->guid == p->guid && q->guid == &guid[0]);
	CHECK(!std::memcmp(q->guid.c_type(), guid, sizeof(guid)));
	q->guid.invalidate();
	CHECK(!q->guid.is_set());
	CHECK(!std::memcmp(static_cast<uint8_t *>(q->guid), guid, sizeof(guid)));
	for (const char *bad : { "", "x", "d8424dc4", "d8424dc4-a4a3-c413-f89e-433683f9040bb",
				 "d8424dc4-a4a3-c413-f89e-433683f9040g" })
		CHECK(contains(THROWN(invalid_param, q->guid.parse(bad)), bad));
	THROWN(invalid_param, q->guid.parse(nullptr));
	CHECK(q->guid == guid); /* what was set before stays */
	guid[15] = 0;
	q->guid = guid;
	CHECK(q->guid == guid && q->guid != p->guid);
}

static void empty_pointers_are_refused()
{
	THROWN(std::invalid_argument, properties::get(token::ptr_t()));
	THROWN(std::invalid_argument, properties::get(handle::ptr_t()));
	THROWN(std::invalid_argument, token::enumerate({ properties::ptr_t() }));
	THROWN(std::invalid_argument, handle::open(token::ptr_t(), 0));
	THROWN(std::invalid_argument, shared_buffer::allocate(nullptr, 4096));
	THROWN(std::invalid_argument, shared_buffer::attach(nullptr, nullptr, 4096));
	THROWN(std::invalid_argument, event::register_event(nullptr, event::type_t::interrupt));
	THROWN(std::invalid_argument, error::get(nullptr, 0));
	THROWN(std::invalid_argument, sysobject::get(token::ptr_t(), "x"));
	THROWN(std::invalid_argument, sysobject::get(handle::ptr_t(), "x"));
	THROWN(invalid_param, handle::open(fpga_token(nullptr), 0));
	CHECK(properties::none.empty());
}

static void the_version()
{
	const fpga_version v = version::as_struct();
	char build[FPGA_BUILD_STR_MAX];

	CHECK_EQ(version::as_string(), std::to_string(v.major) + "." + std::to_string(v.minor) +
					       "." + std::to_string(v.patch));
	CHECK_EQ(fpgaGetOPAECBuildString(build, sizeof(build)), FPGA_OK);
	CHECK_EQ(version::build(), build);
}

static void types_of_events()
{
	const fpga_event_type &bound = event::type_t::interrupt; /* it has an address */
	event::type_t t = event::type_t::error;

	CHECK_EQ(bound, FPGA_EVENT_INTERRUPT);
	CHECK_EQ(static_cast<fpga_event_type>(t), FPGA_EVENT_ERROR);
	t = FPGA_EVENT_POWER_THERMAL;
	CHECK_EQ(static_cast<fpga_event_type>(t), event::type_t::power_thermal);
}

/* Programs have these compiled in: inline functions, members, room for exceptions. */
static void layouts()
{
	CHECK_EQ(sizeof(src_location), 24u);
	CHECK_EQ(sizeof(except), 304u);
	CHECK_EQ(sizeof(busy), sizeof(except));
	CHECK_EQ(sizeof(token), 8u);
	CHECK_EQ(sizeof(handle), 32u);
	CHECK_EQ(sizeof(shared_buffer), 56u);
	CHECK_EQ(sizeof(event), 48u);
	CHECK_EQ(sizeof(event::type_t), 4u);
	CHECK_EQ(sizeof(error), 88u);
	CHECK_EQ(sizeof(sysobject), 48u);
	CHECK_EQ(sizeof(guid_t), 32u);
	CHECK_EQ(sizeof(pvalue<uint8_t>), 40u);
	CHECK_EQ(sizeof(pvalue<char *>), 64u);
	CHECK_EQ(sizeof(properties), 8u + 22 * 40 + 64 + 32);
}

int main()
{
	const struct CMUnitTest tests[] = {
		TEST(each_code_has_its_class),
		TEST(a_failed_call_says_why),
		TEST(a_reason_is_kept),
		TEST(texts_of_a_programs_own),
		TEST(a_place_in_a_source),
		TEST(a_member_that_is_not_set),
		TEST(a_member_that_is_set),
		TEST(members_are_copied_by_value),
		TEST(members_of_every_kind),
		TEST(guids),
		TEST(empty_pointers_are_refused),
		TEST(the_version),
		TEST(types_of_events),
		TEST(layouts),
	};

	return RUN(tests);
}
