/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PLUGINS_LOCAL_FORKED_H
#define PLUGINS_LOCAL_FORKED_H

#include "plugins/local/local.h"

/* From now on a child of fork has none of the instance's handles: what it inherited is closed there at once,
 * for by its descriptor or its mapping it would keep a device that its parent has closed. */
void forked_prepare(struct instance *inst);
/* No longer, unless a handle is open. */
void forked_rest(struct instance *inst);

#endif
