/* SPDX-License-Identifier: BSD-3-Clause */
/* OPAE programs in C++, whole way: the layer, libopae-c, v-opae, a socket, the emulated card. */
#include <dirent.h>
#include <opae/mmio.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/cxx/check.h"

extern "C" {
#include "tests/card/card.h"
}

using namespace opae::fpga::types;

namespace
{

const char NLB0[] = "d8424dc4-a4a3-c413-f89e-433683f9040b";
const char HELLO_AFU[] = "850adcc2-6ceb-4b22-9722-d43375b61c66";
const std::size_t LINE = 64, MIB = 1 << 20;

pid_t second_card;

int up_two(void **)
{
	second_card = card_start("card1", "hello", "trap");
	return card_up("nlb0", "trap");
}

int down_two(void **state)
{
	const int failed = card_down(state);

	card_end(second_card, SIGTERM);
	return failed;
}

int up_bench(void **)
{
	return card_up("bench", "map");
}

int up_messages(void **state)
{
	card_needs(CARD_MESSAGES);
	return card_up_trap(state);
}

int up_pointer(void **state)
{
	card_needs(CARD_POINTER);
	return card_up_map(state);
}

int up_any_memory(void **state)
{
	card_needs(CARD_ANY_MEMORY);
	return card_up_trap(state);
}

int up_no_port(void **state)
{
	card_needs(CARD_NO_PORT);
	return card_up_trap(state);
}

handle::ptr_t open_any()
{
	const std::vector<token::ptr_t> all = token::enumerate({ properties::get(FPGA_ACCELERATOR) });

	CHECK_EQ(all.size(), 1u);
	return handle::open(all[0], 0);
}

uint64_t registers_end(const handle::ptr_t &h)
{
	struct opaex_mmio_info info = {};

	CHECK_EQ(opaex_mmio_info(h->c_type(), 0, &info), FPGA_OK);
	return info.size;
}

/* NLB0, as programs drive it. */
class nlb
{
public:
	explicit nlb(handle::ptr_t h, std::size_t bytes)
	    : h_(h), dsm(shared_buffer::allocate(h, 4096)), src(shared_buffer::allocate(h, bytes)),
	      dst(shared_buffer::allocate(h, bytes))
	{
	}

	void start(std::size_t lines, uint32_t cfg)
	{
		dsm->fill(0);
		h_->write_csr64(0x110, dsm->io_address());
		h_->write_csr32(0x138, 0);
		h_->write_csr32(0x138, 1);
		h_->write_csr64(0x120, src->io_address() / LINE);
		h_->write_csr64(0x128, dst->io_address() / LINE);
		h_->write_csr32(0x130, static_cast<uint32_t>(lines));
		h_->write_csr32(0x140, cfg);
		h_->write_csr32(0x138, 3);
	}

	/* The error that the status line tells; 0 is none. */
	uint64_t wait() const
	{
		const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);

		while (!(dsm->read<uint64_t>(0x40) & 1)) {
			CHECK(std::chrono::steady_clock::now() < end);
			std::this_thread::sleep_for(std::chrono::microseconds(50));
		}
		return dsm->read<uint64_t>(0x40) >> 32;
	}

private:
	handle::ptr_t h_;

public:
	shared_buffer::ptr_t dsm, src, dst;
};

/* ---- finding and opening ---- */

void a_card_is_found_by_what_it_is()
{
	const properties::ptr_t by_guid = properties::get(FPGA_ACCELERATOR);
	const properties::ptr_t other = properties::get();
	std::vector<token::ptr_t> found;

	CHECK_EQ(token::enumerate(properties::none).size(), 2u);
	by_guid->guid.parse(NLB0);
	found = token::enumerate({ by_guid });
	CHECK_EQ(found.size(), 1u);
	const properties::ptr_t p = properties::get(found[0]);
	CHECK_EQ(shown(p->guid), NLB0);
	CHECK(p->vendor_id == 0x8086 && p->device_id == 0xbccf);
	CHECK(p->subsystem_vendor_id == 0x8086 && p->subsystem_device_id == 0x1771);
	CHECK(p->interface == (card_by_driver() ? FPGA_IFC_DFL : FPGA_IFC_VFIO) && p->num_interrupts == 4);
	CHECK(p->accelerator_state == FPGA_ACCELERATOR_UNASSIGNED);
	CHECK(!found[0]->get_parent());
	other->guid.parse(HELLO_AFU);
	CHECK_EQ(token::enumerate({ other }).size(), 1u);
	CHECK_EQ(token::enumerate({ by_guid, other }).size(), 2u);
	other->bus = 0xfe;
	CHECK(token::enumerate({ other }).empty());
	other->bus = properties::get(found[0])->bus;
	other->segment = p->segment;
	CHECK(token::enumerate({ other }).empty()); /* the other card's address */
	CHECK_EQ(token::enumerate({ properties::get(FPGA_DEVICE) }).size(), 0u);
}

void a_held_card_is_busy_and_says_so()
{
	handle::ptr_t h = open_any();
	const token::ptr_t t = h->get_token();
	const std::string text = THROWN(busy, handle::open(t, 0));

	CHECK(contains(text, "resource busy: "));
	CHECK(contains(text, "[handle.cpp:"));
	CHECK(properties::get(t)->accelerator_state == FPGA_ACCELERATOR_ASSIGNED);
	h.reset();
	h = handle::open(t, 0);
	CHECK_EQ(h->read_csr64(8), UINT64_C(0xf89e433683f9040b));
}

/* ---- registers ---- */

void registers()
{
	const handle::ptr_t h = open_any();
	const uint64_t end = registers_end(h);

	CHECK_EQ(h->read_csr64(8), UINT64_C(0xf89e433683f9040b));
	h->write_csr64(0x108, UINT64_C(0x1122334455667788));
	CHECK_EQ(h->read_csr32(0x10c), 0x11223344u);
	h->write_csr32(0x100, 7);
	CHECK_EQ(h->read_csr32(0x100, 0), 7u);
	THROWN(invalid_param, h->read_csr64(end - 4));
	CHECK(contains(THROWN(invalid_param, h->read_csr64(end)), "0x"));
	THROWN(invalid_param, h->read_csr64(0, 4));
	THROWN(invalid_param, h->write_csr32(2, 0));
	h->reset();
	CHECK_EQ(h->read_csr64(0x108), 0u);
}

void registers_by_pointer()
{
	const handle::ptr_t h = open_any();
	volatile uint64_t *scratch = reinterpret_cast<volatile uint64_t *>(h->mmio_ptr(0x108));

	*scratch = 42;
	CHECK_EQ(h->read_csr64(0x108), 42u);
	CHECK_EQ(h->mmio_ptr(0x108, 0) - h->mmio_ptr(0), 0x108);
	CHECK(contains(THROWN(invalid_param, h->mmio_ptr(registers_end(h))), "0x"));
	THROWN(invalid_param, h->mmio_ptr(UINT64_MAX));
	THROWN(invalid_param, h->mmio_ptr(0, 4));
}

void no_pointer_to_messages()
{
	const handle::ptr_t h = open_any();

	THROWN(not_supported, h->mmio_ptr(0));
	CHECK_EQ(h->read_csr64(8), UINT64_C(0xf89e433683f9040b));
}

void a_line_at_once()
{
	const handle::ptr_t h = open_any();
	alignas(64) uint64_t line[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	bool done = false;

	THROWN(invalid_param, h->write_csr512(0x1008, line));
	THROWN(invalid_param, h->write_csr512(0x1000, nullptr));
	try {
		h->write_csr512(0x1000, line);
		done = true;
	} catch (const not_supported &e) {
		CHECK(contains(e.what(), "fpgaWriteMMIO512"));
	}
	for (unsigned int i = 0; done && i < 8; i++)
		CHECK_EQ(h->read_csr64(0x1000 + 8 * i), line[i]);
}

/* ---- buffers ---- */

void loopback()
{
	const handle::ptr_t h = open_any();
	nlb n(h, 2 * MIB);

	for (int round = 0; round < 3; round++) {
		n.src->fill(0xaf + round);
		n.dst->fill(0xbe);
		n.src->write<uint32_t>(0x12345678, MIB - 4);
		n.start(MIB / LINE, 0);
		CHECK_EQ(n.wait(), 0u);
		CHECK_EQ(n.src->compare(n.dst, MIB), 0);
		CHECK(n.src->compare(n.dst, MIB + 1) != 0);
		CHECK_EQ(n.dst->read<uint32_t>(MIB - 4), 0x12345678u);
		CHECK_EQ(n.dst->read<uint8_t>(MIB), 0xbe);
		h->write_csr32(0x138, 7);
	}
}

struct odd_size {
	uint8_t bytes[3];
};

void a_buffer_is_bounded()
{
	const handle::ptr_t h = open_any();
	const shared_buffer::ptr_t b = shared_buffer::allocate(h, 4096), c = shared_buffer::allocate(h, 64);
	const odd_size three = { { 1, 2, 3 } };

	CHECK(b->c_type() && b->wsid() && b->owner() == h);
	CHECK_EQ(b->size(), 4096u);
	CHECK(b->io_address() != c->io_address());
	CHECK_EQ(b->read<uint64_t>(4088), 0u);
	CHECK(contains(THROWN(invalid_param, b->read<uint64_t>(4089)), "8 bytes at offset 4089"));
	THROWN(invalid_param, b->read<uint8_t>(4096));
	THROWN(invalid_param, b->read<uint64_t>(SIZE_MAX));
	THROWN(invalid_param, b->read<uint64_t>(SIZE_MAX - 7));
	THROWN(invalid_param, b->write<uint16_t>(1, 4095));
	b->write<uint64_t>(UINT64_C(0x0807060504030201), 8);
	CHECK_EQ(b->read<uint32_t>(9), 0x05040302u); /* not aligned */
	CHECK_EQ(b->c_type()[15], 8);
	b->write<uint32_t>(0x11223344, 4091);
	CHECK_EQ(b->read<uint32_t>(4091), 0x11223344u);
	b->write(three, 4093);
	CHECK_EQ(b->read<odd_size>(4093).bytes[2], 3);
	THROWN(invalid_param, b->write(three, 4094));
	THROWN(invalid_param, b->read<odd_size>(4094));
	THROWN(invalid_param, b->compare(c, 65));
	THROWN(std::invalid_argument, b->compare(nullptr, 1));
	THROWN(invalid_param, shared_buffer::allocate(h, 0));
	THROWN(invalid_param, shared_buffer::attach(h, nullptr, 4096));
	c->fill(1);
	CHECK_EQ(c->read<uint8_t>(63), 1);
	CHECK(c->compare(b, 64) != 0);
}

/* Programs cut buffers into parts in this way: a part holds the whole, and no handle. */
class part : public shared_buffer
{
public:
	part(shared_buffer::ptr_t whole, std::size_t offset, std::size_t len)
	    : shared_buffer(handle::ptr_t(), len, const_cast<uint8_t *>(whole->c_type()) + offset,
			    whole->wsid(), whole->io_address() + offset),
	      whole_(whole)
	{
	}

private:
	shared_buffer::ptr_t whole_;
};

void parts_of_a_buffer()
{
	const handle::ptr_t h = open_any();
	shared_buffer::ptr_t whole = shared_buffer::allocate(h, 8192);
	shared_buffer::ptr_t low = std::make_shared<part>(whole, 0, 4096);
	shared_buffer::ptr_t high = std::make_shared<part>(whole, 4096, 4096);

	high->fill(7);
	CHECK_EQ(whole->read<uint8_t>(4095), 0);
	CHECK_EQ(whole->read<uint8_t>(4096), 7);
	CHECK(low->compare(high, 1) != 0);
	low->write<uint32_t>(1, 4092);
	THROWN(invalid_param, low->write<uint32_t>(1, 4093));
	CHECK(!low->owner());
	low.reset(); /* which releases nothing */
	whole.reset();
	CHECK_EQ(high->read<uint8_t>(0), 7);
}

void attached_memory_stays_the_callers()
{
	const handle::ptr_t h = open_any();
	void *pages = mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *memory = static_cast<uint8_t *>(pages);
	nlb n(h, 65536);

	CHECK(pages != MAP_FAILED);
	n.dst = shared_buffer::attach(h, memory, 65536);
	CHECK(n.dst->c_type() == memory);
	n.src->fill(0x5a);
	n.start(65536 / LINE, 0);
	CHECK_EQ(n.wait(), 0u);
	CHECK_EQ(memory[65535], 0x5a);
	n.dst->release();
	CHECK(!n.dst->c_type() && !n.dst->size() && !n.dst->wsid() && !n.dst->io_address());
	CHECK(contains(THROWN(invalid_param, n.dst->read<int>(0)), "released"));
	n.dst->release(); /* twice is nothing */
	CHECK_EQ(memory[0], 0x5a);
	munmap(pages, 65536);
}

void a_read_only_buffer_is_not_written()
{
	const handle::ptr_t h = open_any();
	nlb n(h, 4096);

	if (card_by_driver()) { /* then it is said, and is not a buffer that can be written */
		THROWN(not_supported, shared_buffer::allocate(h, 4096, true));
		return;
	}
	n.dst = shared_buffer::allocate(h, 4096, true);
	n.dst->fill(5);
	n.start(1, 0);
	CHECK_EQ(n.wait(), 1u); /* DMA error */
	CHECK_EQ(n.dst->read<uint8_t>(0), 5);
}

/* Buffers and events hold the handle; when all are gone the card is free again. */
void references_go_in_any_order()
{
	handle::ptr_t h = open_any();
	const token::ptr_t t = h->get_token();

	for (int order = 0; order < 3; order++) {
		shared_buffer::ptr_t b = shared_buffer::allocate(h, 4096);
		event::ptr_t e = event::register_event(h, event::type_t::interrupt, 1);

		if (order == 2)
			h->close();
		h.reset();
		if (order == 1)
			e.reset();
		if (order != 2)
			b->write<int>(3, 0);
		b.reset();
		e.reset();
		h = handle::open(t, 0);
	}
}

/* ---- events ---- */

bool fired(const event &e)
{
	struct pollfd p = { e.os_object(), POLLIN, 0 };
	uint64_t n;

	return poll(&p, 1, 20000) == 1 && read(p.fd, &n, sizeof(n)) == sizeof(n);
}

void an_interrupt_is_an_event()
{
	const handle::ptr_t h = open_any();
	nlb n(h, 4096);
	event::ptr_t e = event::register_event(h, event::type_t::interrupt, 2);
	int fd = -1;

	CHECK_EQ(fpgaGetOSObjectFromEventHandle(*e, &fd), FPGA_OK);
	CHECK_EQ(fd, e->os_object());
	CHECK(e->get() == static_cast<fpga_event_handle>(*e));
	h->write_csr32(0x150, 2);
	for (int i = 0; i < 10; i++) {
		n.start(16, 1u << 29);
		CHECK(fired(*e));
		CHECK_EQ(n.wait(), 0u);
	}
}

int open_files()
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

void a_failure_leaves_nothing_behind()
{
	const handle::ptr_t h = open_any();
	int before;

	event::register_event(h, event::type_t::interrupt); /* the handle keeps what it needs for it */
	before = open_files();
	for (int i = 0; i < 5; i++) {
		THROWN(invalid_param, event::register_event(h, event::type_t::interrupt, 4));
		THROWN(invalid_param, event::register_event(h, event::type_t::interrupt, -1));
		if (!card_by_driver()) /* by it each has a port, which has one for errors */
			THROWN(not_supported, event::register_event(h, event::type_t::error));
	}
	CHECK_EQ(open_files(), before);
	for (unsigned int i = 0; i < 4; i++)
		event::register_event(h, event::type_t::interrupt, static_cast<int>(i));
	CHECK_EQ(open_files(), before);
}

/* What this kind of card cannot do says so, and is no crash. */
void what_is_not_there_is_not_supported()
{
	const handle::ptr_t h = open_any();
	const uint8_t bits[16] = {};

	THROWN(not_supported, h->bind_sva());
	THROWN(not_supported, sysobject::get(h, "errors/first_error"));
	THROWN(not_supported, sysobject::get(h->get_token(), "errors/first_error"));
	THROWN(not_supported, error::get(h->get_token(), 0));
	THROWN(not_supported, h->reconfigure(0, bits, sizeof(bits), 0));
}

void a_card_that_dies_is_an_exception()
{
	const handle::ptr_t h = open_any();
	const shared_buffer::ptr_t b = shared_buffer::allocate(h, 4096);

	card_end(card, SIGKILL);
	card = 0;
	THROWN(opae::fpga::types::exception, h->read_csr64(8));
	b->write<int>(1, 0);
	CHECK_EQ(b->read<int>(0), 1);
}

} // namespace

int main()
{
#define ON(t, up) TEST_WITH(t, up, card_down)
	const struct CMUnitTest tests[] = {
		TEST_WITH(a_card_is_found_by_what_it_is, up_two, down_two),
		ON(a_held_card_is_busy_and_says_so, card_up_trap),
		ON(registers, card_up_trap),
		ON(registers, card_up_map),
		ON(registers_by_pointer, up_pointer),
		ON(no_pointer_to_messages, up_messages),
		ON(a_line_at_once, up_bench),
		ON(loopback, card_up_trap),
		ON(loopback, card_up_map),
		ON(a_buffer_is_bounded, card_up_trap),
		ON(parts_of_a_buffer, card_up_trap),
		ON(attached_memory_stays_the_callers, up_any_memory),
		ON(a_read_only_buffer_is_not_written, card_up_trap),
		ON(references_go_in_any_order, card_up_trap),
		ON(an_interrupt_is_an_event, card_up_trap),
		ON(an_interrupt_is_an_event, card_up_map),
		ON(a_failure_leaves_nothing_behind, card_up_trap),
		ON(what_is_not_there_is_not_supported, up_no_port),
		ON(a_card_that_dies_is_an_exception, card_up_mortal),
	};
	const int failures = CARD_RUN(tests);

	return failures;
}
