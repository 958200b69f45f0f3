/* SPDX-License-Identifier: BSD-3-Clause */
/* What an open device is: from its configuration space and its registers. */
#ifndef PLUGINS_VFIO_FACTS_READ_H
#define PLUGINS_VFIO_FACTS_READ_H

#include "plugins/vfio/vfio.h"

/* Whose word it is, as the configuration has it. */
enum facts_source facts_source_of(const struct place *p);
/* What reading one may take in all: budget_ns, or longer behind the kernel. */
int64_t facts_budget(const struct place *p, int64_t budget_ns);
/*
 * Memory accesses are on afterwards. Each answer has the device's deadline, all together
 * have facts_budget(), for the device decides how many there are. -ENODEV: it has no object;
 * -ETIMEDOUT: the budget is spent. ret->defect is "" or a reason, whatever is returned.
 */
int facts_read(struct vdev *d, const struct place *p, int64_t budget_ns, struct facts *ret);

#endif
