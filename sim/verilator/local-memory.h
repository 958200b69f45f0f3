// SPDX-License-Identifier: BSD-3-Clause
// The banks of local memory at the pins of a Verilated ase_ccip_shell. A bank's clock, too, has its edges on
// those of pClk.
//
//     +lm-latency=CYCLES    of the bank's clock, from a read to its data; 40
//     +lm-stall=PERCENT     cycles in which nothing is taken, or given; 25 in shuffled order, else 0
#ifndef SIM_VERILATOR_LOCAL_MEMORY_H
#define SIM_VERILATOR_LOCAL_MEMORY_H

#include <cstdio>
#include <cstring>

#include "sim/memory/bank.h"
#include "sim/verilator/design.h"

class LocalMemory {
public:
	~LocalMemory()
	{
		for (Bank &b : banks_)
			bank_free(b.model);
	}

	int start(Design &design, const host_port &p, const sim_settings &settings)
	{
		bank_options options = {};

		options.lines = UINT64_C(1) << ASE_LOCAL_MEMORY_BITS;
		options.latency = 40;
		options.stall = p.shuffle ? 25 : 0;
		options.shuffle = p.shuffle;
		if (!design.option("lm-latency", 1000000, options.latency) ||
		    !design.option("lm-stall", 99, options.stall))
			return SIM_HAS_TOLD;
		for (unsigned i = 0; i < count; i++) {
			options.seed = settings.seed + i;
			const int result = bank_new(&options, &banks_[i].model);

			if (result) {
				std::fprintf(stderr, "%s: local memory of %u banks of %u MiB: %s; ase-build "
						     "--local-memory makes a card with less\n",
					     ASE_NAME, count, 1u << (ASE_LOCAL_MEMORY_BITS - 14),
					     std::strerror(-result));
				return SIM_HAS_TOLD;
			}
			banks_[i].answer.wait = true;
			design.pins->lm_clock[i] = 0; // pins, too, begin with random values
			set_pins(*design.pins, i);
		}
		return 0;
	}

	// Before each evaluation.
	void clock(Vase &pins)
	{
		for (unsigned i = 0; i < count; i++) {
			Bank &b = banks_[i];

			b.phase += rate - i * step;
			if (b.phase < half_rate)
				continue;
			b.phase -= half_rate;
			pins.lm_clock[i] ^= 1;
		}
	}

	// After each: a clock that has risen is an edge of its bank.
	void evaluated(Vase &pins, host_port *p)
	{
		for (unsigned i = 0; i < count; i++) {
			Bank &b = banks_[i];
			const bool rose = pins.lm_edge[i] && !b.level;

			b.level = pins.lm_edge[i];
			if (rose)
				edge(pins, p, i);
		}
	}

private:
	static constexpr unsigned count = ASE_LOCAL_MEMORY_BANKS;
	static constexpr unsigned half_rate = 400000; // kHz, of pClk's edges
	static constexpr unsigned rate = 266667;      // of the first bank; no two have the same,
	static constexpr unsigned step = 300;	      // as on a card

	struct Bank {
		bank *model = nullptr;
		bank_answer answer = {};
		unsigned phase = 0;
		bool level = true; // a clock that is high from the beginning has not risen
	};
	Bank banks_[count];

	void edge(Vase &pins, host_port *p, unsigned i)
	{
		bank_request r;

		r.reset = pins.lm_reset[i];
		r.read = pins.lm_read[i];
		r.write = pins.lm_write[i];
		r.burst = pins.lm_burst[i];
		r.address = pins.lm_address[i];
		r.enables = pins.lm_enables[i];
		r.data = pins.lm_writedata[i].data();
		bank_edge(banks_[i].model, p, &r, &banks_[i].answer);
		set_pins(pins, i);
	}

	void set_pins(Vase &pins, unsigned i)
	{
		const bank_answer &a = banks_[i].answer;

		pins.lm_stall[i] = a.wait;
		pins.lm_valid[i] = a.valid;
		if (a.valid)
			std::memcpy(pins.lm_readdata[i].data(), a.data, sizeof(a.data));
	}
};

#endif
