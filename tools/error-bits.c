/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two layouts are known: 0 of cards with CCI-P, 1 of those with PCIe TLPs to the accelerator. The
 * kernel's driver does not tell which it is; some out-of-tree ones have an attribute "revision".
 */
#include "error-bits.h"

#include <string.h>

#define L0 1u
#define L1 2u
#define BOTH (L0 | L1)

struct bit {
	const char *reg;
	unsigned int layouts, bit;
	const char *means;
};

#define PCIE(reg)                                                                                  \
	{ reg, BOTH, 0, "TLP of a wrong format or type" },                                         \
	{ reg, BOTH, 1, "memory write to a wrong address" },                                       \
	{ reg, BOTH, 2, "memory write of a wrong length" },                                        \
	{ reg, BOTH, 3, "memory read from a wrong address" },                                      \
	{ reg, BOTH, 4, "memory read of a wrong length" },                                         \
	{ reg, BOTH, 5, "completion with a wrong tag" },                                           \
	{ reg, BOTH, 6, "completion with an error status" },                                       \
	{ reg, BOTH, 7, "completion timed out" },                                                  \
	{ reg, BOTH, 8, "parity error in the CCI bridge" },                                        \
	{ reg, BOTH, 9, "poisoned TLP received" }

static const struct bit fme_bits[] = {
	{ "fme_errors", L0, 0, "fabric error" },
	{ "fme_errors", L0, 1, "fabric FIFO ran over or empty" },
	{ "fme_errors", L0, 4, "parity error in the IOMMU" },
	{ "fme_errors", L1, 0, "parity error in the FIFO for partial reconfiguration" },
	{ "fme_errors", L1, 1, "parity error in the remote signal tap" },
	{ "fme_errors", BOTH, 5, "access to an AFU by the wrong function (PF, VF)" },
	{ "fme_errors", L0, 6, "MBP event" },
	PCIE("pcie0_errors"),
	{ "pcie0_errors", L1, 10, "TLP that begins inside another" },
	{ "pcie0_errors", L1, 11, "TLP that ends too early or too late" },
	{ "pcie0_errors", L1, 12, "receive FIFO ran over" },
	PCIE("pcie1_errors"),
	{ "nonfatal_errors", L0, 0, "temperature above threshold AP1" },
	{ "nonfatal_errors", L0, 1, "temperature above threshold AP2" },
	{ "nonfatal_errors", BOTH, 2, "PCIe error" },
	{ "nonfatal_errors", BOTH, 3, "fatal error of a port" },
	{ "nonfatal_errors", L0, 4, "ProcHot event" },
	{ "nonfatal_errors", BOTH, 5, "access to an AFU by the wrong function (PF, VF)" },
	{ "nonfatal_errors", BOTH, 6, "injected" },
	{ "nonfatal_errors", L0, 9, "temperature above threshold AP6" },
	{ "nonfatal_errors", L0, 10, "power above threshold AP1" },
	{ "nonfatal_errors", L0, 11, "power above threshold AP2" },
	{ "nonfatal_errors", L0, 12, "MBP event" },
	{ "catfatal_errors", L0, 0, "link layer of KTI" },
	{ "catfatal_errors", L0, 1, "tag and cache" },
	{ "catfatal_errors", L0, 2, "CCI" },
	{ "catfatal_errors", L0, 3, "protocol of KTI" },
	{ "catfatal_errors", L0, 4, "DRAM" },
	{ "catfatal_errors", L0, 5, "parity error in the IOMMU" },
	{ "catfatal_errors", BOTH, 6, "fabric" },
	{ "catfatal_errors", BOTH, 7, "poisoned TLP on a PCIe port" },
	{ "catfatal_errors", BOTH, 8, "injected, fatal" },
	{ "catfatal_errors", BOTH, 9, "CRC" },
	{ "catfatal_errors", L0, 10, "thermal runaway" },
	{ "catfatal_errors", BOTH, 11, "injected, catastrophic" },
	{ "inject_errors", BOTH, 0, "catastrophic error" },
	{ "inject_errors", BOTH, 1, "fatal error" },
	{ "inject_errors", BOTH, 2, "nonfatal error" },
};

static const struct bit port_bits[] = {
	{ "errors", L0, 0, "Tx channel 0: overflow" },
	{ "errors", L0, 1, "Tx channel 0: wrong encoding of a request" },
	{ "errors", L0, 2, "Tx channel 0: length of 3 lines" },
	{ "errors", L0, 3, "Tx channel 0: 2 lines at an odd address" },
	{ "errors", L0, 4, "Tx channel 0: 4 lines at an odd address" },
	{ "errors", L0, 9, "MMIO read while the port is in reset" },
	{ "errors", L0, 10, "MMIO write while the port is in reset" },
	{ "errors", L0, 16, "Tx channel 1: overflow" },
	{ "errors", L0, 17, "Tx channel 1: wrong encoding of a request" },
	{ "errors", L0, 18, "Tx channel 1: length of 3 lines" },
	{ "errors", L0, 19, "Tx channel 1: 2 lines at an odd address" },
	{ "errors", L0, 20, "Tx channel 1: 4 lines at an odd address" },
	{ "errors", L0, 21, "Tx channel 1: too little payload" },
	{ "errors", L0, 22, "Tx channel 1: too much payload" },
	{ "errors", L0, 23, "Tx channel 1: wrong address of a later line" },
	{ "errors", L0, 24, "Tx channel 1: start of a packet where none may be" },
	{ "errors", L0, 33, "MMIO read timed out" },
	{ "errors", L0, 34, "Tx channel 2: FIFO ran over" },
	{ "errors", L0, 35, "MMIO response without a request" },
	{ "errors", L0, 41, "counter of pending requests ran over" },
	{ "errors", L0, 42, "request to SMM memory" },
	{ "errors", L0, 43, "request to the second SMM memory" },
	{ "errors", L0, 44, "request to memory of the management engine" },
	{ "errors", L0, 45, "request to the generic protected range" },
	{ "errors", L0, 46, "request to the low legacy range" },
	{ "errors", L0, 47, "request to the high legacy range" },
	{ "errors", L0, 48, "request to VGA memory" },
	{ "errors", L0, 49, "page fault" },
	{ "errors", L0, 50, "protected memory register" },
	{ "errors", L0, 51, "AP6 event" },
	{ "errors", L0, 52, "VF reset while the port is the PF's" },
	{ "errors", L1, 0, "Tx: valid signal violated" },
	{ "errors", L1, 1, "memory write: too little data" },
	{ "errors", L1, 2, "memory write: too much payload" },
	{ "errors", L1, 3, "MMIO: too little data" },
	{ "errors", L1, 4, "MMIO: too much payload" },
	{ "errors", L1, 5, "MMIO read while the port is in reset" },
	{ "errors", L1, 6, "MMIO write while the port is in reset" },
	{ "errors", L1, 7, "MMIO timed out" },
	{ "errors", L1, 8, "MMIO response without a request" },
	{ "errors", L1, 9, "tag in use" },
	{ "errors", L1, 10, "unaligned address" },
	{ "errors", L1, 11, "tag too large" },
	{ "errors", L1, 12, "read request too large" },
	{ "errors", L1, 13, "payload too large" },
	{ "errors", L1, 14, "malformed TLP" },
	{ "errors", L1, 15, "counter of pending requests ran over" },
};

int error_layout(fpga_token token)
{
	int layout = ERROR_LAYOUT_UNKNOWN;
	fpga_object o;
	uint64_t v;

	if (fpgaTokenGetObject(token, "errors/revision", &o, 0) != FPGA_OK)
		return layout;
	if (fpgaObjectRead64(o, &v, 0) == FPGA_OK && v <= 1)
		layout = (int)v;
	fpgaDestroyObject(&o);
	return layout;
}

const char *error_bit(fpga_objtype type, const char *reg, int layout, unsigned int bit)
{
	const struct bit *list = type == FPGA_DEVICE ? fme_bits : port_bits;
	size_t n = type == FPGA_DEVICE ? sizeof(fme_bits) / sizeof(fme_bits[0]) :
					 sizeof(port_bits) / sizeof(port_bits[0]);
	unsigned int of = layout == ERROR_LAYOUT_UNKNOWN ? BOTH : 1u << layout;
	const char *means = "";

	for (size_t i = 0; i < n; i++) {
		if (list[i].bit != bit || !(list[i].layouts & of) || strcmp(list[i].reg, reg))
			continue;
		if (*means)
			return ""; /* it depends on the layout */
		means = list[i].means;
	}
	return means;
}
