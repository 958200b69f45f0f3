/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BASE_BESIDE_H
#define BASE_BESIDE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Finds a program that belongs to the running one: the first of the places (paths relative to the
 * directory of the running program, or absolute) that has an executable file `name`. False: none
 * has, or the path is longer than len.
 */
bool beside_find(const char *const *places, size_t num_places, const char *name, char *out,
		 size_t len);

#endif
