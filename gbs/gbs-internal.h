/* SPDX-License-Identifier: BSD-3-Clause */
/* What reading and writing have in common. */
#ifndef GBS_GBS_INTERNAL_H
#define GBS_GBS_INTERNAL_H

#include "gbs/gbs.h"

#define GBS_CLOCK_MAX 10000u   /* MHz */
#define GBS_POWER_MAX 1000000u /* W */

extern const uint8_t gbs_format[16];

/* Writes the reason; returns -EINVAL. */
int gbs_refuse(char why[GBS_WHY_MAX], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for another errno, whose words are the reason. */
int gbs_fail(char why[GBS_WHY_MAX], int rc);

#endif
