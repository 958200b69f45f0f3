/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_MEMINFO_H
#define BASE_MEMINFO_H

#include <stdbool.h>
#include <stdint.h>

/* Has the machine so many bytes left? More cannot work, and trying would take it down. */
bool meminfo_has(uint64_t len);

#endif
