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

	// The number of an argument +NAME=NUMBER, if that is there. False: it is no number up to `most`.
	bool option(const char *name, unsigned most, unsigned &ret);
	int start(const sim_settings &settings);
	void rise(); // of pClk: the AFU's registers take what is on their inputs
	void fall(); // the outputs follow what was set since
	bool finished(host_port *p);
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
	void user_clock();
	void evaluate();
};

#endif
