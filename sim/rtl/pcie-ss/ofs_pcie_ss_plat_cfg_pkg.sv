// SPDX-License-Identifier: BSD-3-Clause
// What a board's PCIe subsystem is like; here, what the simulation's is like. sim/tlp/ has the same numbers.
package ofs_pcie_ss_plat_cfg_pkg;

localparam TDATA_WIDTH = 512;
localparam TUSER_VENDOR_WIDTH = 10;
localparam MAX_RD_REQ_BYTES = 512;
localparam MAX_WR_PAYLOAD_BYTES = 512;
localparam NUM_OF_SOP = 1;
localparam NUM_OF_SEG = 1;
localparam PCIE_EP_MAX_TAGS = 256;
localparam PCIE_RP_MAX_TAGS = 64;
localparam PCIE_TILE_MAX_TAGS = 256;
localparam NUM_OF_STREAMS = 1;

endpackage
