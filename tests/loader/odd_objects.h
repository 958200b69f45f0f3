/* SPDX-License-Identifier: BSD-3-Clause */
/* Objects and errors of the odd plugin: an attribute "answer" and a container "box" of two of them,
 * the same for every token and handle; two error registers; a slot 0 that takes any bitstream. */
#ifndef TESTS_LOADER_ODD_OBJECTS_H
#define TESTS_LOADER_ODD_OBJECTS_H

#include <opae/plugin.h>

void odd_fill_objects(opae_api_adapter_table *t);

#endif
