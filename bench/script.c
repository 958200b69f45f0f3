/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/script.h"

#include "base/clock.h"
#include "bench/program.h"
#include "bench/subject.h"

#define RUN_NS (20 * NS_PER_S)

static bool load(fpga_handle h, const struct script_insn *program, unsigned int num)
{
	fpga_result r = FPGA_OK;

	for (unsigned int i = 0; i < 4 * num; i++)
		r |= fpgaWriteMMIO64(h, 0, SCRIPT_WINDOW + i * 8, script_word(&program[i / 4], i % 4));
	r |= fpgaWriteMMIO64(h, 0, SCRIPT_COUNT, num);
	return subject_ok(r, "fpgaWriteMMIO64");
}

bool script_run(fpga_handle h, const struct script_insn *program, unsigned int num)
{
	int64_t deadline = clock_deadline(RUN_NS);
	uint64_t before = 0, runs, state = 0;
	fpga_result r = fpgaReadMMIO64(h, 0, SCRIPT_RUNS, &before);

	if (!subject_ok(r, "fpgaReadMMIO64") || !load(h, program, num) ||
	    !subject_ok(fpgaWriteMMIO32(h, 0, SCRIPT_CTL, SCRIPT_START), "fpgaWriteMMIO32"))
		return false;
	do {
		r = fpgaReadMMIO64(h, 0, SCRIPT_RUNS, &runs);
		if (r == FPGA_OK && runs == before && clock_now_ns() >= deadline)
			return bench_fail("the card does not end its program");
	} while (r == FPGA_OK && runs == before);
	r |= fpgaReadMMIO64(h, 0, SCRIPT_STATE, &state);
	return subject_ok(r, "fpgaReadMMIO64") &&
	       (state == SCRIPT_DONE || bench_fail("the card's program failed"));
}
