// SPDX-License-Identifier: BSD-3-Clause
// What AFUs ask with `ifdef before they use a constant of ofs_pcie_ss_cfg_pkg.
`ifndef OFS_PCIE_SS_CFG_VH
`define OFS_PCIE_SS_CFG_VH

`define OFS_PCIE_SS_CFG_FLAG_TUSER_NO_STORE_COMMIT 1
`define OFS_PCIE_SS_CFG_FLAG_CPL_REORDER 0
`define OFS_PCIE_SS_CFG_FLAG_CPL_CHAN ofs_pcie_ss_cfg_pkg::PCIE_CHAN_A
`define OFS_PCIE_SS_CFG_FLAG_WR_COMMIT_CHAN ofs_pcie_ss_cfg_pkg::PCIE_CHAN_B

`endif
