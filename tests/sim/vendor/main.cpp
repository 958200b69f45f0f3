// SPDX-License-Identifier: BSD-3-Clause
// Two clocks whose rates have no common divisor, until the design says $finish.
#include <verilated.h>

#include <Vvendor.h>

#include <cstdlib>

extern "C" void ase_cannot_begin(const char *)
{
	std::abort(); // no memory here begins with a file
}

int main()
{
	VerilatedContext context;
	Vvendor design(&context);

	context.fatalOnError(false);
	for (int time = 0; !context.gotFinish() && time < 1000000; time++) {
		design.clock = time / 5 & 1;
		design.other_clock = time / 7 & 1;
		design.eval();
	}
	design.final();
	return context.gotError() || !context.gotFinish();
}
