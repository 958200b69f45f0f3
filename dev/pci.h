/* SPDX-License-Identifier: BSD-3-Clause */
/* PCI devices as sysfs shows them (kernel: Documentation/ABI/testing/sysfs-bus-pci). */
#ifndef DEV_PCI_H
#define DEV_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_ADDRESS_LEN 13 /* "0000:b1:00.0" and its NUL */
#define PCI_NO_GROUP UINT32_MAX

struct pci_address {
	uint16_t segment;
	uint8_t bus, device, function;
};

struct pci_id {
	uint16_t vendor, device, subsystem_vendor, subsystem_device;
};

struct pci_info {
	struct pci_id id;
	int numa_node;		     /* -1: none is near */
	char driver[64];	     /* "": none is bound */
	uint32_t group;		     /* IOMMU group; PCI_NO_GROUP: the IOMMU is off */
	char physfn[PCI_ADDRESS_LEN]; /* of a virtual function its physical one; "" otherwise */
};

/* "[ssss:]bb:dd.f", in hexadecimal. */
bool pci_parse(const char *text, struct pci_address *ret);
void pci_format(const struct pci_address *a, char out[PCI_ADDRESS_LEN]);

/* The device at an address in the long form. -ENOENT: there is none. */
int pci_read(const char *address, struct pci_info *ret);
/* Parts of that, for who lists many. */
int pci_read_id(const char *address, struct pci_id *ret);
int pci_numa_node(const char *address);
/* The devices that a driver is bound to, by address; the caller frees. None is 0 as well. */
int pci_list_bound(const char *driver, char (**ret)[PCI_ADDRESS_LEN], size_t *n);
/* Another device of the IOMMU group whose driver keeps programs from the group (kernel: the group
 * is not "viable"); false: there is none. */
bool pci_group_spoiler(uint32_t group, char address[PCI_ADDRESS_LEN], char *driver, size_t len);
/* As if the drivers of these n devices did not count. */
bool pci_group_spoiler_but(uint32_t group, const char (*except)[PCI_ADDRESS_LEN], size_t n,
			   char address[PCI_ADDRESS_LEN], char *driver, size_t len);
/* May a device stay with this driver ("": none) while a program has its group. */
bool pci_driver_harmless(const char *driver);
/* The name below /dev/vfio/devices of the node of one that vfio-pci has, "vfio3". -ENOENT: there is none. */
int pci_vfio_dev(const char *address, char *out, size_t len);

/*
 * Tells one binding of a driver to a device from every other, also of other boots: what was learned of
 * the device holds no longer than this. -ENOENT: the driver is not bound to it.
 */
int pci_binding(const char *driver, const char *address, uint64_t ret[2]);

/* An FPGA's name by its ids; NULL: not known as one. *exact: its subsystem is known as well. */
const char *pci_fpga_name(const struct pci_id *id, bool *exact);

#endif
