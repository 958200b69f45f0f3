/* SPDX-License-Identifier: BSD-3-Clause */
/* Two far hosts that serve the model, and a client of both: for tests of the plain calls. */
#ifndef TESTS_UNIT_CALLS_RIG_H
#define TESTS_UNIT_CALLS_RIG_H

#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/fake-served-manage.h"
#include "tests/unit/fake-served.h"
#include "tests/unit/props-host.h"
#include "tests/unit/served-host.h"
#include "wire/ops.h"

#define OBJECTS 24u /* that a session may have */

extern struct served_host hosts[2];
extern opae_api_adapter_table far; /* the client's */
/* Of the first card of each host. */
extern fpga_token devices[2], accelerators[2];
extern fpga_handle handle; /* of the first host's device; a test that closes it sets it to NULL */
extern atomic_uint rights;	   /* what the policy allows */

int calls_up(void **state);
int calls_down(void **state);
#define CALLS(t) cmocka_unit_test_setup_teardown(t, calls_up, calls_down)

/* The first host's reason. */
#define assert_reason(text)                                                                        \
	do {                                                                                       \
		if (strncmp(host_detail, "far0: ", 6) || !strstr(host_detail, text))               \
			fail_msg("the reason is \"%s\"", host_detail);                             \
	} while (0)

void await_true(const atomic_bool *b);
void await_number(const atomic_uint *at, unsigned int least);

#endif
