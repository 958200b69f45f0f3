/* SPDX-License-Identifier: BSD-3-Clause */
/* Which PCI ids are FPGAs': those of opae.cfg as OPAE ships it, and of the kernel's dfl-pci. */
#include <stdint.h>

#include "dev/pci.h"

#define ANY 0xffffu

static const struct row {
	unsigned int vendor, device, subsystem_vendor, subsystem_device;
	const char *name;
} rows[] = {
	{ 0x8086, 0xbcbd, ANY, ANY, "integrated FPGA" },
	{ 0x8086, 0xbcbf, ANY, ANY, "integrated FPGA, VF" },
	{ 0x8086, 0xbcc0, ANY, ANY, "integrated FPGA" },
	{ 0x8086, 0xbcc1, ANY, ANY, "integrated FPGA, VF" },
	{ 0x8086, 0x09c4, ANY, ANY, "PAC with Arria 10" },
	{ 0x8086, 0x09c5, ANY, ANY, "PAC with Arria 10, VF" },
	{ 0x8086, 0x0b2b, ANY, ANY, "PAC D5005" },
	{ 0x8086, 0x0b2c, ANY, ANY, "PAC D5005, VF" },
	{ 0x8086, 0x0b30, ANY, ANY, "PAC N3000" },
	{ 0x8086, 0x0b31, ANY, ANY, "PAC N3000, VF" },
	{ 0x8086, 0x0ddb, ANY, ANY, "CMC" },
	{ 0x8086, 0xbcce, 0x8086, 0x0000, "OFS" },
	{ 0x8086, 0xbcce, 0x8086, 0x0001, "OFS, PCIe kit" },
	{ 0x8086, 0xbcce, 0x8086, 0x138d, "OFS, D5005" },
	{ 0x8086, 0xbcce, 0x8086, 0x1770, "OFS, N6000" },
	{ 0x8086, 0xbcce, 0x8086, 0x1771, "OFS, N6001" },
	{ 0x8086, 0xbcce, 0x8086, 0x17d4, "OFS, C6100" },
	{ 0x8086, 0xbccf, 0x8086, 0x0000, "OFS, VF" },
	{ 0x8086, 0xbccf, 0x8086, 0x0001, "OFS, PCIe kit, VF" },
	{ 0x8086, 0xbccf, 0x8086, 0x138d, "OFS, D5005, VF" },
	{ 0x8086, 0xbccf, 0x8086, 0x1770, "OFS, N6000, VF" },
	{ 0x8086, 0xbccf, 0x8086, 0x1771, "OFS, N6001, VF" },
	{ 0x8086, 0xbccf, 0x8086, 0x17d4, "OFS, C6100, VF" },
	{ 0x8086, 0xaf00, 0x8086, 0x0000, "OFS" },
	{ 0x8086, 0xaf01, 0x8086, 0x0000, "OFS, VF" },
	{ 0x1c2c, 0x1000, ANY, ANY, "Silicom N5010" },
	{ 0x1c2c, 0x1001, ANY, ANY, "Silicom N5011" },
	{ 0x1c2c, 0x1002, ANY, ANY, "Silicom N5013" },
	{ 0x1c2c, 0x1003, ANY, ANY, "Silicom N5014" },
	{ 0x1ded, 0x8103, 0x1ded, 0x4342, "F5" },
};

static bool fits(unsigned int known, unsigned int value)
{
	return known == ANY || known == value;
}

/* One whose subsystem alone does not fit is better than none. */
const char *pci_fpga_name(const struct pci_id *id, bool *exact)
{
	const char *near = NULL;

	*exact = false;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !*exact; i++) {
		const struct row *r = &rows[i];

		if (r->vendor != id->vendor || r->device != id->device)
			continue;
		*exact = fits(r->subsystem_vendor, id->subsystem_vendor) &&
			 fits(r->subsystem_device, id->subsystem_device);
		near = r->name;
	}
	return near;
}
