// SPDX-License-Identifier: BSD-3-Clause
#include "sim/verilator/design.h"

#include <cstdio>

// Before Verilator aborts: the last words of the process, and the logs as far as they came.
static void last_words(void *)
{
	std::fprintf(stderr, "[SIM]  the design cannot go on: see the last %%Error. One that did not "
			     "converge is a combinational loop: ase-build warns of it, UNOPTFLAT\n");
	std::fflush(nullptr);
}

Design::Design(int argc, char **argv)
{
	Verilated::addExitCb(last_words, nullptr);
	context.commandArgs(argc, argv);
	context.fatalOnError(false); // the host tells of it, and ends well
#if VM_TRACE
	context.traceEverOn(true);
#endif
}

int Design::start(const sim_settings &settings)
{
	if (settings.user_clock_mhz <= 0 || settings.user_clock_mhz > half_rate / 1e3) {
		std::fprintf(stderr, "USR_CLK_MHZ is %g; pClk's %u are the most\n", settings.user_clock_mhz,
			     half_rate / 1000);
		return -ERANGE;
	}
	user_rate_ = static_cast<unsigned>(settings.user_clock_mhz * 1000);
	context.randReset(2);
	context.randSeed(static_cast<int>(settings.seed % 0x7ffffffe + 1)); // 0 would be a seed of the day
	pins.reset(new Vase(&context, "TOP"));
#if VM_TRACE
	wave_.reset(new VerilatedFstC);
	pins->trace(wave_.get(), 99);
#endif
	return 0;
}

void Design::user_clock()
{
	user_phase_ += user_rate_;
	if (user_phase_ < half_rate)
		return;
	user_phase_ -= half_rate;
	pins->uClk_usr = !pins->uClk_usr;
	if (pins->uClk_usr)
		pins->uClk_usrDiv2 = !pins->uClk_usrDiv2;
}

void Design::evaluate()
{
#if VM_TIMING
	while (pins->eventsPending() && pins->nextTimeSlot() < time_) {
		context.time(pins->nextTimeSlot());
		pins->eval();
	}
#endif
	context.time(time_);
	pins->eval();
#if VM_TRACE
	if (wave_on_)
		wave_->dump(time_);
#endif
	time_ += half_ps;
}

void Design::rise()
{
	pins->pClk = 1;
	pins->pClkDiv2 = !(cycle_ & 1);
	pins->pClkDiv4 = !(cycle_ & 2);
	cycle_++;
	user_clock();
	evaluate();
}

void Design::fall()
{
	pins->pClk = 0;
	user_clock();
	evaluate();
}

bool Design::finished(host_port *p)
{
	if (!context.gotFinish())
		return false;
	if (context.gotError() && !told_finish_)
		host_error(p, "design-stop", "the design stopped: $stop, $fatal or an assertion that failed");
	told_finish_ = true;
	return true;
}

void Design::stop()
{
	wave_close();
	pins->final();
#if VM_COVERAGE
	context.coveragep()->write("coverage.dat");
#endif
}

int Design::wave_open(const char *path)
{
#if VM_TRACE
	wave_close();
	wave_->open(path);
	wave_on_ = wave_->isOpen();
	return wave_on_ ? 0 : -EIO;
#else
	static_cast<void>(path);
	return -ENOTSUP;
#endif
}

void Design::wave_close()
{
#if VM_TRACE
	if (wave_on_)
		wave_->close();
	wave_on_ = false;
#endif
}
