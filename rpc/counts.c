/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/counts.h"

#define STEP(unit) unit, 5 * (unit) / 2, 5 * (unit)

const int64_t rpc_bounds[RPC_BUCKETS] = {
	STEP(NS_PER_US),       STEP(10 * NS_PER_US),  STEP(100 * NS_PER_US), STEP(NS_PER_MS),
	STEP(10 * NS_PER_MS), STEP(100 * NS_PER_MS), STEP(NS_PER_S),	     10 * NS_PER_S,
};

/* Most are in one of the first few. */
size_t rpc_bucket(int64_t ns)
{
	size_t i = 0;

	while (i < RPC_BUCKETS && ns > rpc_bounds[i])
		i++;
	return i;
}
