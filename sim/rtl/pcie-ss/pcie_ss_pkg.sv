// SPDX-License-Identifier: BSD-3-Clause
package pcie_ss_pkg;

localparam TDATA_WIDTH = ofs_pcie_ss_cfg_pkg::TDATA_WIDTH;
localparam TUSER_WIDTH = ofs_pcie_ss_cfg_pkg::TUSER_WIDTH;

endpackage
