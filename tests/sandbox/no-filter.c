/* SPDX-License-Identifier: BSD-3-Clause */
/* In the filter's place: every call is allowed. What is refused elsewhere must work here. */
#include "daemon/sandbox.h"

int sandbox_filter(const struct sandbox *s)
{
	(void)s;
	return 0;
}
