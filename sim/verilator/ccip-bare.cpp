// SPDX-License-Identifier: BSD-3-Clause
// An AFU with CCI-P in a bare loop, with no host behind it: what its cycles cost at least. A request, of one
// line, is answered in the next cycle, out of 8 MiB of memory that begin at address 0.
//
//     bare CYCLES [OFFSET=VALUE ...]
//
// For each line "go" on standard input these registers are written, and so many cycles follow. Two numbers:
// nanoseconds a cycle, and how many requests there were in a cycle.
#include <Vase.h>
#include <verilated.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr unsigned rest = 4096; // cycles in which the AFU ends what it was told before
constexpr unsigned gap = 16;	// between two register accesses
constexpr size_t line = 64;	// bytes
constexpr size_t lines = 1 << 17;

class Bare {
public:
	Bare()
	{
		context_.randReset(2);
		context_.randSeed(1);
		pins_.reset(new Vase(&context_, "TOP"));
		pins_->c0_almfull = pins_->c1_almfull = 0; // pins, too, begin with random values
		pins_->c0rx_mmio_rd = pins_->c0rx_mmio_wr = 0;
		pins_->reset = 1;
		run(rest);
		pins_->reset = 0;
		run(rest);
	}
	~Bare() { pins_->final(); }

	void run(uint64_t cycles)
	{
		while (cycles--)
			cycle();
	}

	void write(uint32_t offset, uint64_t value)
	{
		Vase &p = *pins_;

		p.c0rx_hdr = (offset / 4) << 12 | 1 << 10; // 8 bytes
		p.c0rx_data[0] = static_cast<uint32_t>(value);
		p.c0rx_data[1] = static_cast<uint32_t>(value >> 32);
		p.c0rx_mmio_wr = 1;
		clock(1);
		p.c0rx_mmio_wr = 0;
		clock(0);
		run(gap);
	}

	uint64_t requests() const { return requests_; }

private:
	VerilatedContext context_;
	std::unique_ptr<Vase> pins_;
	std::vector<uint8_t> memory_ = std::vector<uint8_t>(line * lines);
	uint64_t requests_ = 0;

	template <typename Header>
	uint8_t *line_of(const Header &header) // its address lies above 16 bits of mdata
	{
		return &memory_[line * ((header[0] >> 16 | header[1] << 16) % lines)];
	}

	void clock(unsigned level)
	{
		pins_->pClk = level;
		pins_->eval();
	}

	void cycle()
	{
		Vase &p = *pins_;

		clock(1);
		p.c0rx_rsp = p.c0tx_valid;
		p.c0rx_hdr = p.c0tx_hdr[0] & 0xffff; // mdata; a response to a line has the code 0
		if (p.c0tx_valid)
			std::memcpy(p.c0rx_data.data(), line_of(p.c0tx_hdr), line);
		p.c1rx_rsp = p.c1tx_valid;
		p.c1rx_hdr = p.c1tx_hdr[0] & 0xffff;
		if (p.c1tx_valid)
			std::memcpy(line_of(p.c1tx_hdr), p.c1tx_data.data(), line);
		requests_ += p.c0tx_valid + p.c1tx_valid;
		clock(0);
	}
};

struct Register {
	uint32_t offset;
	uint64_t value;
};

bool parse(int argc, char **argv, uint64_t &cycles, std::vector<Register> &registers)
{
	char *end;

	cycles = argc > 1 ? std::strtoull(argv[1], &end, 0) : 0;
	if (!cycles || *end)
		return false;
	for (int i = 2; i < argc; i++) {
		Register r;

		r.offset = static_cast<uint32_t>(std::strtoul(argv[i], &end, 0));
		if (end == argv[i] || *end != '=' || r.offset % 8)
			return false;
		r.value = std::strtoull(end + 1, &end, 0);
		if (*end)
			return false;
		registers.push_back(r);
	}
	return true;
}

} // namespace

int main(int argc, char **argv)
{
	using clock = std::chrono::steady_clock;
	std::vector<Register> registers;
	uint64_t cycles;
	std::string word;

	if (!parse(argc, argv, cycles, registers)) {
		std::fprintf(stderr, "usage: %s CYCLES [OFFSET=VALUE ...]\n", argv[0]);
		return 2;
	}
	Bare bare;

	while (std::getline(std::cin, word)) {
		bare.run(rest);
		for (const Register &r : registers)
			bare.write(r.offset, r.value);
		const uint64_t before = bare.requests();
		const clock::time_point begin = clock::now();

		bare.run(cycles);
		const std::chrono::duration<double, std::nano> took = clock::now() - begin;

		std::printf("%.4f %.4f\n", took.count() / static_cast<double>(cycles),
			    static_cast<double>(bare.requests() - before) / static_cast<double>(cycles));
		std::fflush(stdout);
	}
	return 0;
}
