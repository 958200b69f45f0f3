// SPDX-License-Identifier: BSD-3-Clause
// The PCIe subsystem as AFUs see it, whatever the board.
`include "ofs_pcie_ss_cfg.vh"

package ofs_pcie_ss_cfg_pkg;

typedef enum bit [0:0] { PCIE_CHAN_A, PCIE_CHAN_B } e_pcie_chan;

localparam TDATA_WIDTH = ofs_pcie_ss_plat_cfg_pkg::TDATA_WIDTH;
localparam TUSER_VENDOR_WIDTH = ofs_pcie_ss_plat_cfg_pkg::TUSER_VENDOR_WIDTH;
localparam TUSER_WIDTH = TUSER_VENDOR_WIDTH;

// Bits of tuser: the header is the data mover's; a write or an interrupt wants no commit on RX-B.
localparam TUSER_DM_ENCODING_BIT = 0;
localparam TUSER_NO_STORE_COMMIT_MSG_BIT = TUSER_WIDTH - 1;

localparam MAX_RD_REQ_BYTES = ofs_pcie_ss_plat_cfg_pkg::MAX_RD_REQ_BYTES;
localparam MAX_WR_PAYLOAD_BYTES = ofs_pcie_ss_plat_cfg_pkg::MAX_WR_PAYLOAD_BYTES;

// A beat has at most one header, and it starts at bit 0.
localparam NUM_OF_SOP = ofs_pcie_ss_plat_cfg_pkg::NUM_OF_SOP;
localparam NUM_OF_SEG = ofs_pcie_ss_plat_cfg_pkg::NUM_OF_SEG;

// Tags are smaller than these: of the AFU's requests, of the host's.
localparam PCIE_EP_MAX_TAGS = ofs_pcie_ss_plat_cfg_pkg::PCIE_EP_MAX_TAGS;
localparam PCIE_RP_MAX_TAGS = ofs_pcie_ss_plat_cfg_pkg::PCIE_RP_MAX_TAGS;
localparam PCIE_TILE_MAX_TAGS = ofs_pcie_ss_plat_cfg_pkg::PCIE_TILE_MAX_TAGS;

localparam CPL_REORDER_EN = `OFS_PCIE_SS_CFG_FLAG_CPL_REORDER;
localparam e_pcie_chan CPL_CHAN = `OFS_PCIE_SS_CFG_FLAG_CPL_CHAN;
localparam e_pcie_chan WR_COMMIT_CHAN = `OFS_PCIE_SS_CFG_FLAG_WR_COMMIT_CHAN;
localparam NUM_OF_STREAMS = ofs_pcie_ss_plat_cfg_pkg::NUM_OF_STREAMS;

endpackage
