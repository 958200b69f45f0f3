/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's DFL FPGA driver as sysfs shows it (kernel: Documentation/fpga/dfl.rst and
 * Documentation/ABI/testing/sysfs-platform-dfl-fme, -port). A card's management engine (FME) and its ports
 * are folders below a region of the class fpga_region:
 *
 *     /sys/class/fpga_region/region0/dfl-fme.0      node /dev/dfl-fme.0
 *     /sys/class/fpga_region/region0/dfl-port.0     node /dev/dfl-port.0
 */
#ifndef DEV_DFL_H
#define DEV_DFL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/pci.h"

#define DFL_CLASS "/sys/class/fpga_region"
#define DFL_DIR_MAX 96

enum dfl_kind { DFL_FME, DFL_PORT };

struct dfl_device {
	enum dfl_kind kind;
	/* N of dfl-fme.N, dfl-port.N: unique on this machine while it lives */
	uint32_t number;
	char address[PCI_ADDRESS_LEN];	/* of the card's function */
	char dir[DFL_DIR_MAX];		/* its folder, for the functions of dev/sysfs.h */
	char node[32];			/* "/dev/dfl-fme.0" */
};

/* Those of all cards, by region and name; the caller frees. Without the driver: none, and 0. */
int dfl_list(struct dfl_device **ret, size_t *n);
/* Is the folder there, and still of the same card's function? */
bool dfl_there(const struct dfl_device *d);
/* Tells this device from every other that has been or will be in its folder's place: one that comes back
 * after its driver was bound anew is another one. -ENOENT: it is not there. */
int dfl_identity(const struct dfl_device *d, uint64_t *ret);
/* Has the kernel the driver at all (the class exists)? */
bool dfl_has_driver(void);

#endif
