/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench/stats.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double stats_percentile(double *values, size_t n, unsigned int percent)
{
	qsort(values, n, sizeof(*values), compare);
	return values[n * percent / 100 < n ? n * percent / 100 : n - 1];
}
