/* SPDX-License-Identifier: BSD-3-Clause */
/* Included ahead of every file of the library: what its public header declares can be seen, as in lib/. */
#ifndef OPAEVFIO_VISIBLE_H
#define OPAEVFIO_VISIBLE_H

#pragma GCC visibility push(default)
#include <opae/vfio.h>
#pragma GCC visibility pop

#endif
