// SPDX-License-Identifier: BSD-3-Clause
// The board around the PCIe subsystem, as far as AFUs without PIM ask for it.
package ofs_fim_cfg_pkg;

localparam real MAIN_CLK_MHZ = 400.0;
localparam PCIE_TDATA_WIDTH = ofs_pcie_ss_plat_cfg_pkg::TDATA_WIDTH;
localparam PCIE_TUSER_WIDTH = ofs_pcie_ss_plat_cfg_pkg::TUSER_VENDOR_WIDTH;
localparam MMIO_ADDR_WIDTH = 18;
localparam MMIO_DATA_WIDTH = 64;
localparam NUM_AFU_INTERRUPTS = 64;

endpackage
