/* SPDX-License-Identifier: BSD-3-Clause */
#include "vfio-user/config-space.h"

#include <linux/pci_regs.h>
#include <string.h>

#include "tests/unit/check.h"

static struct vu_config_space space(void)
{
	static const struct vu_config_ids ids = { 0x8086, 0xbccf, 0x8086, 0x1771, 0x120000, 3 };
	struct vu_config_space c;

	vu_config_init(&c, &ids);
	vu_config_add_bar(&c, 0, 0x8000, true);
	vu_config_add_bar(&c, 4, 0x1000, false);
	vu_config_add_pm(&c);
	vu_config_add_pcie(&c);
	vu_config_add_msix(&c, 4, 4, 0, 0x800);
	return c;
}

static uint32_t get(const struct vu_config_space *c, unsigned int at)
{
	uint32_t v;

	vu_config_read(c, at, &v, 4);
	return v;
}

static bool put(struct vu_config_space *c, unsigned int at, uint32_t v)
{
	return vu_config_write(c, at, &v, 4);
}

static void bars_answer_sizing(void **state)
{
	struct vu_config_space c = space();

	(void)state;
	for (unsigned int at = PCI_BASE_ADDRESS_0; at <= PCI_BASE_ADDRESS_5; at += 4)
		put(&c, at, UINT32_MAX);
	assert_int_equal(get(&c, PCI_BASE_ADDRESS_0), 0xffff8004);
	assert_int_equal(get(&c, PCI_BASE_ADDRESS_1), 0xffffffff);
	assert_int_equal(get(&c, PCI_BASE_ADDRESS_2), 0);
	assert_int_equal(get(&c, PCI_BASE_ADDRESS_4), 0xfffff000);
	put(&c, PCI_BASE_ADDRESS_0, 0xfe001234);
	assert_int_equal(get(&c, PCI_BASE_ADDRESS_0), 0xfe000004);
}

static void identity_cannot_be_written(void **state)
{
	struct vu_config_space c = space();

	(void)state;
	put(&c, PCI_VENDOR_ID, 0);
	put(&c, PCI_CLASS_REVISION, 0);
	put(&c, PCI_SUBSYSTEM_VENDOR_ID, 0);
	assert_int_equal(get(&c, PCI_VENDOR_ID), 0xbccf8086);
	assert_int_equal(get(&c, PCI_CLASS_REVISION), 0x12000003);
	assert_int_equal(get(&c, PCI_SUBSYSTEM_VENDOR_ID), 0x17718086);
}

/* The list ends, does not loop, and holds all capabilities. */
static void capabilities_are_linked(void **state)
{
	struct vu_config_space c = space();
	unsigned int at = get(&c, PCI_CAPABILITY_LIST) & 0xff, links = 0, seen = 0;

	(void)state;
	assert_true(get(&c, PCI_COMMAND) >> 16 & PCI_STATUS_CAP_LIST);
	for (; at && links < 10; links++) {
		uint32_t id = get(&c, at) & 0xff;

		seen |= id == PCI_CAP_ID_EXP ? 1 : id == PCI_CAP_ID_MSIX ? 2 : 4;
		at = get(&c, at) >> 8 & 0xff;
	}
	assert_int_equal(links, 3);
	assert_int_equal(seen, 7);
	assert_int_equal(get(&c, c.msix_cap + PCI_MSIX_TABLE), 4);
	assert_int_equal(get(&c, c.msix_cap + PCI_MSIX_PBA), 0x804);
}

static void function_level_reset(void **state)
{
	struct vu_config_space c = space();
	uint8_t byte = PCI_EXP_DEVCTL_BCR_FLR >> 8;

	(void)state;
	assert_false(put(&c, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
	assert_true(vu_config_memory_enabled(&c));
	assert_true(vu_config_bus_master(&c));
	assert_true(put(&c, c.pcie_cap + PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR));
	assert_true(vu_config_write(&c, c.pcie_cap + PCI_EXP_DEVCTL + 1u, &byte, 1));
	assert_false(vu_config_write(&c, c.pcie_cap + PCI_EXP_DEVCTL, &byte, 1));
	/* The bit reads as 0, and the reset clears what was written. */
	assert_false(get(&c, c.pcie_cap + PCI_EXP_DEVCTL) & PCI_EXP_DEVCTL_BCR_FLR);
	vu_config_reset(&c);
	assert_false(vu_config_memory_enabled(&c));
	assert_int_equal(get(&c, PCI_VENDOR_ID), 0xbccf8086);
}

/* A device that says it is ready at once is not waited for, and nothing but memory and DMA sleeps. */
static void sleep_and_readiness(void **state)
{
	struct vu_config_space c = space();
	unsigned int at = c.pm_cap + PCI_PM_CTRL;

	(void)state;
	assert_true(get(&c, PCI_COMMAND) >> 16 & PCI_STATUS_IMM_READY);
	put(&c, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_false(put(&c, at, 3));
	assert_int_equal(get(&c, at), PCI_PM_CTRL_NO_SOFT_RESET | 3);
	assert_false(vu_config_memory_enabled(&c));
	assert_false(vu_config_bus_master(&c));
	assert_int_equal(get(&c, PCI_VENDOR_ID), 0xbccf8086);
	assert_false(put(&c, at, 0));
	assert_true(vu_config_memory_enabled(&c));
	assert_true(vu_config_bus_master(&c));
	put(&c, at, 3);
	vu_config_reset(&c);
	assert_int_equal(get(&c, at), PCI_PM_CTRL_NO_SOFT_RESET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bars_answer_sizing),
		cmocka_unit_test(identity_cannot_be_written),
		cmocka_unit_test(capabilities_are_linked),
		cmocka_unit_test(function_level_reset),
		cmocka_unit_test(sleep_and_readiness),
	};

	return RUN(tests);
}
