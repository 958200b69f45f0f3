/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The error registers of a management engine and of a port, by the names that the kernel gives them
 * in sysfs. Layouts: drivers/fpga/dfl-fme-error.c and dfl-afu-error.c.
 */
#ifndef PLUGINS_VFIO_ERRORS_H
#define PLUGINS_VFIO_ERRORS_H

#include "plugins/vfio/vfio.h"

#define ERRORS_MAX 8u

struct error_register {
	const char *name;
	uint32_t offset; /* from the error feature's header */
	bool clears;	 /* ones written clear their bits, or (injects) zero is written */
	bool injects;
};

/* Those of an object, n of them; 0: it has no error feature. */
uint32_t errors_of(const struct object *o, const struct error_register **ret);

/* Reads or writes one. Through the handle if there is one; otherwise by the device that this process
 * has open, or one that is opened for it. The reason is set. */
fpga_result errors_read(struct handle *h, struct token *t, const struct error_register *reg,
			uint64_t *value);
fpga_result errors_write(struct handle *h, struct token *t, const struct error_register *reg,
			 uint64_t value);

#endif
