/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PCI configuration space of a device that is served: 4096 bytes, a mask of the bits that may
 * be written, BARs that answer sizing, and the capabilities a card has. Layouts: PCI Local Bus 3.0
 * chapter 6 and PCI Express base specification chapter 7; names as in linux/pci_regs.h.
 */
#ifndef VFIO_USER_CONFIG_SPACE_H
#define VFIO_USER_CONFIG_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#define VU_CONFIG_SIZE 4096u

struct vu_config_ids {
	uint16_t vendor, device, subsystem_vendor, subsystem_device;
	uint32_t class_code; /* 24 bits: base class, subclass, interface */
	uint8_t revision;
};

struct vu_config_space {
	uint8_t bytes[VU_CONFIG_SIZE];
	uint8_t initial[VU_CONFIG_SIZE]; /* what a reset restores in the writable bits */
	uint8_t writable[VU_CONFIG_SIZE];
	uint16_t last_cap; /* where the next capability's address goes; 0: the head */
	uint16_t next_free;
	uint16_t pcie_cap, msix_cap, pm_cap; /* 0: none */
};

void vu_config_init(struct vu_config_space *c, const struct vu_config_ids *ids);
/* size: a power of two of at least 16 bytes; wide takes two BARs. */
void vu_config_add_bar(struct vu_config_space *c, unsigned int bar, uint64_t size, bool wide);
void vu_config_add_msix(struct vu_config_space *c, unsigned int vectors, unsigned int bar,
			uint32_t table, uint32_t pba);
/* Power states D0 and D3hot, between which nothing is lost. The device is ready at once after that and after
 * a reset, and says so: otherwise who resets it waits for 100 ms. */
void vu_config_add_pm(struct vu_config_space *c);
/* An endpoint that can do a function level reset. */
void vu_config_add_pcie(struct vu_config_space *c);
/* A vendor-specific extended capability with that many words behind its two headers (at most 32).
 * There is one; config space has extended capabilities only behind a PCI Express capability. */
void vu_config_add_vsec(struct vu_config_space *c, uint16_t id, uint8_t revision,
			const uint32_t *words, unsigned int num);

/* Inside the 4096 bytes; the caller has checked. */
void vu_config_read(const struct vu_config_space *c, uint64_t offset, void *buf, uint32_t len);
/* True: the write asked for a function level reset. */
bool vu_config_write(struct vu_config_space *c, uint64_t offset, const void *buf, uint32_t len);
void vu_config_reset(struct vu_config_space *c);

/* Both are off in D3hot. */
bool vu_config_memory_enabled(const struct vu_config_space *c);
bool vu_config_bus_master(const struct vu_config_space *c);

#endif
