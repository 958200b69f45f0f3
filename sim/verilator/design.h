// SPDX-License-Identifier: BSD-3-Clause
// A Verilated design with the clocks that CCI-P and PCIe SS give to an AFU. Every edge of a clock lies on an
// edge of pClk, so a cycle is two evaluations, whichever clocks the AFU uses; uClk_usr keeps its mean rate.
#ifndef SIM_VERILATOR_DESIGN_H
#define SIM_VERILATOR_DESIGN_H

#include <verilated.h>

#include <cerrno>
#include <cstdint>
#include <memory>

#include <Vase.h>
#include "sim/host/host-port.h"
#if VM_COVERAGE
#include <verilated_cov.h>
#endif
#if VM_TRACE
#include <verilated_fst_c.h>
#endif

class Design {
public:
	VerilatedContext context;
	std::unique_ptr<Vase> pins;

	Design(int argc, char **argv);

	// The number of an argument +NAME=NUMBER, if given. False: it is none up to `most`; it has told.
	bool option(const char *name, unsigned most, unsigned &ret);
	int start(const sim_settings &settings);
	// Initial blocks, before the first cycle. False: one of them cannot go on, and has said why.
	bool begin();

	// Of pClk: the AFU's registers take what is on their inputs.
	void rise()
	{
		Vase &p = *pins;
		const unsigned cycle = cycle_++;

		p.pClk = 1;
		p.pClkDiv2 = !(cycle & 1);
		p.pClkDiv4 = !(cycle & 2);
		user_clock(p);
		evaluate(p);
	}

	// The outputs follow what was set since.
	void fall()
	{
		Vase &p = *pins;

		p.pClk = 0;
		user_clock(p);
		evaluate(p);
	}

	bool finished(host_port *p) { return context.gotFinish() && tell_finish(p); }
	void stop();
	int wave_open(const char *path);
	void wave_close();

private:
	static constexpr uint64_t half_ps = 1250;
	static constexpr unsigned half_rate = 400000; // of pClk's edges, in the unit of user_rate_

	uint64_t time_ = 0;
	unsigned cycle_ = 0;
	unsigned user_rate_ = 0, user_phase_ = 0; // kHz
	bool told_finish_ = false;
#if VM_TRACE
	std::unique_ptr<VerilatedFstC> wave_;
	bool wave_on_ = false;
#endif

	// Without branches: no processor foresees when an edge is due.
	void user_clock(Vase &p)
	{
		const unsigned phase = user_phase_ + user_rate_;
		const unsigned edge = phase >= half_rate;

		user_phase_ = phase - edge * half_rate;
		const unsigned level = p.uClk_usr ^ edge;

		p.uClk_usr = level;
		p.uClk_usrDiv2 ^= edge & level;
	}

	void evaluate(Vase &p)
	{
#if VM_TIMING
		while (p.eventsPending() && p.nextTimeSlot() < time_) {
			context.time(p.nextTimeSlot());
			p.eval();
		}
#endif
		context.time(time_);
		p.eval();
#if VM_TRACE
		if (wave_on_)
			wave_->dump(time_);
#endif
		time_ += half_ps;
	}

	bool tell_finish(host_port *p);
};

#endif
