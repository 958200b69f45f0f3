/* SPDX-License-Identifier: BSD-3-Clause */
/* Included ahead of every file of the library: what its public headers declare can be seen, as in lib/. */
#ifndef OPAEMEM_VISIBLE_H
#define OPAEMEM_VISIBLE_H

#pragma GCC visibility push(default)
#include <opae/hash_map.h>
#include <opae/mem_alloc.h>
#pragma GCC visibility pop

#endif
