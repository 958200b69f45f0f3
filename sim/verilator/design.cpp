// SPDX-License-Identifier: BSD-3-Clause
#include "sim/verilator/design.h"

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <string>

// Before Verilator aborts: the last words of the process, and the logs as far as they came.
static void last_words(void *)
{
	std::fprintf(stderr, "[SIM]  the design cannot go on: see the last %%Error. One that did not "
			     "converge is a combinational loop: ase-build warns of it, UNOPTFLAT\n");
	std::fflush(nullptr);
}

// Of initial blocks of the vendor's models.
static bool cannot_begin;

extern "C" void ase_cannot_begin(const char *why)
{
	std::fprintf(stderr, "[SIM]  %s\n", why);
	cannot_begin = true;
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

bool Design::option(const char *name, unsigned most, unsigned &ret)
{
	const std::string text = context.commandArgsPlusMatch((std::string(name) + "=").c_str());
	char *end;

	if (text.empty())
		return true;
	const std::string value = text.substr(text.find('=') + 1);
	const unsigned long n = std::strtoul(value.c_str(), &end, 10);

	if (!std::isdigit(static_cast<unsigned char>(value[0])) || *end || n > most) {
		std::fprintf(stderr, "%s: %s: a number from 0 to %u is wanted\n", ASE_NAME, text.c_str(),
			     most);
		return false;
	}
	ret = static_cast<unsigned>(n);
	return true;
}

int Design::start(const sim_settings &settings)
{
	static_assert(half_rate == SIM_USER_CLOCK_MHZ * 1000, "the host lets through what can be made");
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

bool Design::begin()
{
	pins->pClk = pins->pClkDiv2 = pins->pClkDiv4 = 1; // as the first cycle sets them: it has no edges
	pins->eval();
	return !cannot_begin;
}

bool Design::tell_finish(host_port *p)
{
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
	const char *folder = std::getenv("ASE_WORKDIR"); // libase-sim has set it
	const std::string path = std::string(folder ? folder : ".") + "/coverage.dat";

	context.coveragep()->write(path.c_str());
	std::printf("[SIM]  coverage is in %s\n", path.c_str());
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
