/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The cards that a virtual machine has, for the same tests inside it: they are devices behind vfio-pci, or
 * those of the kernel's FPGA driver, and there before the test and after it. The environment tells of them
 * (tests/vm/test_ways.py sets it).
 */
#ifndef TESTS_CARD_MACHINE_H
#define TESTS_CARD_MACHINE_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

/* What a test asks of its card; afu and faults may be NULL. */
struct machine_card {
	const char *board, *mmio, *afu, *faults;
};

/* In such a machine? If not, nothing else of this is called. */
bool machine_is(void);
/* And in one whose kernel has a driver for the cards, so that vfio-pci is not on the way? */
bool machine_has_driver(void);

/* Takes one of the cards. It stands for a process, but is none: no signal reaches it. -1: there is none. */
pid_t machine_take(const struct machine_card *want);
void machine_give_back(pid_t card);
void machine_give_all_back(void);
/* Has the host send it SIGUSR1. */
void machine_signal(pid_t card);

/* The "configuration" of a test, and with it the cards that are taken, by the way that is tested. */
void machine_configure(FILE *f, const char *configuration);

#endif
