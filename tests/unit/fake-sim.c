/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulation's program without Verilator: the accelerator of fake-afu.h behind libase-sim. */
#include "tests/unit/fake-afu.h"

int main(int argc, char *argv[])
{
	struct fake_afu afu;
	struct sim_model model = fake_afu_model(&afu);

	fake_afu_init(&afu);
	return ase_sim_main(argc, argv, &model);
}
