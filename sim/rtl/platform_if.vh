// SPDX-License-Identifier: BSD-3-Clause
// Included by every AFU: CCI-P's names, and what the platform gives to the AFU's top module.
`ifndef PLATFORM_IF_VH
`define PLATFORM_IF_VH

`include "ccip_if_pkg.sv"
`include "ccip_cfg_pkg.sv"
import ccip_if_pkg::*;
`ifdef PLATFORM_PROVIDES_LOCAL_MEMORY
`include "local_mem_cfg_pkg.sv"
`include "avalon_mem_if.vh"
`endif

`define PLATFORM_SIMULATED 1
`define PLATFORM_PROVIDES_CCI_P 1
`define PLATFORM_PARAM_CCI_P_CLOCK pClk
`define PLATFORM_PARAM_CCI_P_RESET pck_cp2af_softReset
`define PLATFORM_PARAM_CLOCKS_PCLK_FREQ 400
`define CCIP_ENCODING_HAS_RDLSPEC 1
`define CCIP_ENCODING_HAS_BYTE_WR 1

`endif
