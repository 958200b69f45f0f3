/* SPDX-License-Identifier: BSD-3-Clause */
#include "vfio-user/config-space.h"

#include <linux/pci_regs.h>
#include <string.h>

#define FIRST_CAP 0x40
#define PM_D3HOT 3
#define PCIE_CAP_BYTES 0x3c
#define MSIX_CAP_BYTES 0x0c

static void put16(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
}

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

/* A field with its reset value and the bits that may be written. */
static void field16(struct vu_config_space *c, unsigned int at, uint32_t value, uint32_t mask)
{
	put16(c->bytes + at, value);
	put16(c->initial + at, value);
	put16(c->writable + at, mask);
}

static void field32(struct vu_config_space *c, unsigned int at, uint32_t value, uint32_t mask)
{
	field16(c, at, value & 0xffff, mask & 0xffff);
	field16(c, at + 2, value >> 16, mask >> 16);
}

void vu_config_init(struct vu_config_space *c, const struct vu_config_ids *ids)
{
	memset(c, 0, sizeof(*c));
	c->next_free = FIRST_CAP;
	field16(c, PCI_VENDOR_ID, ids->vendor, 0);
	field16(c, PCI_DEVICE_ID, ids->device, 0);
	field16(c, PCI_COMMAND, 0,
		PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR |
			PCI_COMMAND_INTX_DISABLE);
	field32(c, PCI_CLASS_REVISION, ids->class_code << 8 | ids->revision, 0);
	field16(c, PCI_CACHE_LINE_SIZE, 0, 0xff);
	field16(c, PCI_SUBSYSTEM_VENDOR_ID, ids->subsystem_vendor, 0);
	field16(c, PCI_SUBSYSTEM_ID, ids->subsystem_device, 0);
	field16(c, PCI_INTERRUPT_LINE, 0, 0xff);
}

void vu_config_add_bar(struct vu_config_space *c, unsigned int bar, uint64_t size, bool wide)
{
	unsigned int at = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint64_t mask = ~(size - 1);

	field32(c, at, wide ? PCI_BASE_ADDRESS_MEM_TYPE_64 : PCI_BASE_ADDRESS_MEM_TYPE_32,
		(uint32_t)mask & ~15u);
	if (wide)
		field32(c, at + 4, 0, (uint32_t)(mask >> 32));
}

/* Links a capability of that many bytes into the list; returns where it is. */
static uint16_t add_cap(struct vu_config_space *c, uint8_t id, uint16_t bytes)
{
	uint16_t at = c->next_free;
	unsigned int link = c->last_cap ? c->last_cap + 1u : PCI_CAPABILITY_LIST;

	c->bytes[link] = c->initial[link] = (uint8_t)at;
	c->bytes[at] = c->initial[at] = id;
	c->last_cap = at;
	c->next_free = (uint16_t)((at + bytes + 7) & ~7);
	field16(c, PCI_STATUS, get16(c->bytes + PCI_STATUS) | PCI_STATUS_CAP_LIST, 0);
	return at;
}

void vu_config_add_msix(struct vu_config_space *c, unsigned int vectors, unsigned int bar,
			uint32_t table, uint32_t pba)
{
	uint16_t at = add_cap(c, PCI_CAP_ID_MSIX, MSIX_CAP_BYTES);

	c->msix_cap = at;
	field16(c, at + PCI_MSIX_FLAGS, vectors - 1,
		PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	field32(c, at + PCI_MSIX_TABLE, table | bar, 0);
	field32(c, at + PCI_MSIX_PBA, pba | bar, 0);
}

void vu_config_add_pm(struct vu_config_space *c)
{
	uint16_t at = add_cap(c, PCI_CAP_ID_PM, PCI_PM_SIZEOF);

	c->pm_cap = at;
	field16(c, at + PCI_PM_PMC, 3, 0); /* the version */
	field16(c, at + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET, PCI_PM_CTRL_STATE_MASK);
	field16(c, PCI_STATUS, get16(c->bytes + PCI_STATUS) | PCI_STATUS_IMM_READY, 0);
}

void vu_config_add_pcie(struct vu_config_space *c)
{
	uint16_t at = add_cap(c, PCI_CAP_ID_EXP, PCIE_CAP_BYTES);

	c->pcie_cap = at;
	field16(c, at + PCI_EXP_FLAGS, 2u | PCI_EXP_TYPE_ENDPOINT << 4, 0);
	field32(c, at + PCI_EXP_DEVCAP, PCI_EXP_DEVCAP_FLR | PCI_EXP_DEVCAP_RBER, 0);
	field16(c, at + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN,
		0xffff & ~(uint32_t)PCI_EXP_DEVCTL_BCR_FLR);
	field32(c, at + PCI_EXP_LNKCAP, PCI_EXP_LNKCAP_SLS_2_5GB | 1u << 4, 0);
	field16(c, at + PCI_EXP_LNKCTL, 0, PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_CCC);
	field16(c, at + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1, 0);
}

void vu_config_add_vsec(struct vu_config_space *c, uint16_t id, uint8_t revision,
			const uint32_t *words, unsigned int num)
{
	unsigned int at = PCI_CFG_SPACE_SIZE; /* where extended capabilities begin */

	field32(c, at, PCI_EXT_CAP_ID_VNDR | 1u << 16, 0);
	field32(c, at + 4, id | (uint32_t)revision << 16 | (8 + 4 * num) << 20, 0);
	for (unsigned int i = 0; i < num; i++)
		field32(c, at + 8 + 4 * i, words[i], 0);
}

void vu_config_read(const struct vu_config_space *c, uint64_t offset, void *buf, uint32_t len)
{
	memcpy(buf, c->bytes + offset, len);
}

static bool asks_for_reset(const struct vu_config_space *c, uint64_t offset, const uint8_t *buf,
			   uint32_t len)
{
	unsigned int at = c->pcie_cap + PCI_EXP_DEVCTL + 1u; /* bit 15 is in the second byte */

	return c->pcie_cap && offset <= at && offset + len > at &&
	       (buf[at - offset] & (PCI_EXP_DEVCTL_BCR_FLR >> 8));
}

bool vu_config_write(struct vu_config_space *c, uint64_t offset, const void *buf, uint32_t len)
{
	const uint8_t *from = buf;

	for (uint32_t i = 0; i < len; i++) {
		uint8_t mask = c->writable[offset + i];

		c->bytes[offset + i] =
			(uint8_t)((c->bytes[offset + i] & ~mask) | (from[i] & mask));
	}
	return asks_for_reset(c, offset, from, len);
}

void vu_config_reset(struct vu_config_space *c)
{
	memcpy(c->bytes, c->initial, sizeof(c->bytes));
}

static bool is_awake(const struct vu_config_space *c)
{
	return !c->pm_cap ||
	       (get16(c->bytes + c->pm_cap + PCI_PM_CTRL) & PCI_PM_CTRL_STATE_MASK) != PM_D3HOT;
}

bool vu_config_memory_enabled(const struct vu_config_space *c)
{
	return is_awake(c) && (get16(c->bytes + PCI_COMMAND) & PCI_COMMAND_MEMORY);
}

bool vu_config_bus_master(const struct vu_config_space *c)
{
	return is_awake(c) && (get16(c->bytes + PCI_COMMAND) & PCI_COMMAND_MASTER);
}
