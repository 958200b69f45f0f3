/* SPDX-License-Identifier: BSD-3-Clause */
/* cmocka with the headers that it wants before itself. */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A test with the file's own up() and down() around it. */
#define RIGGED(t) cmocka_unit_test_setup_teardown(t, up, down)
#define RUN(tests) cmocka_run_group_tests(tests, NULL, NULL)

#endif
