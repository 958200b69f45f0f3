/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Included ahead of every file of the library (see meson.build), which is compiled with hidden
 * visibility: what the public headers declare, and that alone, can be seen from outside. The
 * linker's map says the same by name.
 */
#ifndef LIB_VISIBLE_H
#define LIB_VISIBLE_H

#pragma GCC visibility push(default)
#include <opae/ext.h>
#include <opae/fpga.h>
#include <opae/seam.h>
#pragma GCC visibility pop

#endif
