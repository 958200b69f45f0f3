// SPDX-License-Identifier: BSD-3-Clause
// The macros by which an AFU asks what its platform is. The PIM's own modules are not here: an AFU that
// wants them (ofs_plat_afu) cannot be simulated; one that provides port_afu_instances can.
`ifndef OFS_PLAT_IF_VH
`define OFS_PLAT_IF_VH

`include "ofs_pcie_ss_cfg.vh"

`define PLATFORM_FPGA_FAMILY_AGILEX 1
`define PLATFORM_FPGA_FAMILY_AGILEX7 1
`define OFS_PLAT_PARAM_CLOCKS_PCLK_FREQ 400
`define OFS_PLAT_PARAM_CLOCKS_PCLK_FREQ_MHZ_REAL 400.0
`define OFS_PLAT_PARAM_HOST_CHAN_IS_NATIVE_AXIS_PCIE_TLP 1
`define OFS_PLAT_PARAM_HOST_CHAN_GASKET_PCIE_SS 1
`define OFS_PLAT_PARAM_HOST_CHAN_ATOMICS 1
`define OFS_PLAT_PARAM_HOST_CHAN_NUM_PORTS 1
`define OFS_PLAT_PARAM_HOST_CHAN_DATA_WIDTH ofs_pcie_ss_cfg_pkg::TDATA_WIDTH
`define OFS_PLAT_PARAM_HOST_CHAN_MMIO_ADDR_WIDTH ofs_fim_cfg_pkg::MMIO_ADDR_WIDTH
`define OFS_PLAT_PARAM_HOST_CHAN_MMIO_DATA_WIDTH 64
`define OFS_PLAT_PARAM_HOST_CHAN_NUM_INTR_VECS ofs_fim_cfg_pkg::NUM_AFU_INTERRUPTS

`endif
