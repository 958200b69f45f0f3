/* SPDX-License-Identifier: BSD-3-Clause */
/* A table between plugins and the kernel that holds up what goes over sockets, and cuts it, by chance. */
#ifndef TESTS_LITMUS_SEAM_H
#define TESTS_LITMUS_SEAM_H

#include <stdint.h>

/* To be called before the library is started. Each time 0 to delay_us, of a quarter of the calls; 0: none. */
void litmus_seam(unsigned int delay_us, uint64_t seed);

#endif
