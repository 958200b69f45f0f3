// SPDX-License-Identifier: BSD-3-Clause
// A port of local memory, Avalon's memory-mapped interface: addresses count lines, of which the AFU asks for a burst.
`ifndef AVALON_MEM_IF_VH
`define AVALON_MEM_IF_VH

interface avalon_mem_if #(
	parameter ENABLE_LOG = 0, // the first three are there for AFUs that set them
	parameter LOG_NAME = "avalon_mem_if.tsv",
	parameter BANK_NUMBER = -1,
	parameter NUM_BANKS = 1,
	parameter ADDR_WIDTH = `PLATFORM_PARAM_LOCAL_MEMORY_ADDR_WIDTH,
	parameter DATA_WIDTH = `PLATFORM_PARAM_LOCAL_MEMORY_DATA_WIDTH,
	parameter BURST_CNT_WIDTH = `PLATFORM_PARAM_LOCAL_MEMORY_BURST_CNT_WIDTH
) (
	input wire clk,
	input wire reset
);

localparam DATA_N_BYTES = (DATA_WIDTH + 7) / 8;
localparam NUMBER_WIDTH = NUM_BANKS > 1 ? $clog2(NUM_BANKS) : 1;

logic waitrequest;
logic [DATA_WIDTH-1:0] readdata;
logic readdatavalid;
logic [BURST_CNT_WIDTH-1:0] burstcount;
logic [DATA_WIDTH-1:0] writedata;
logic [ADDR_WIDTH-1:0] address;
logic write;
logic read;
logic [DATA_N_BYTES-1:0] byteenable;
logic [NUMBER_WIDTH-1:0] bank_number;

// To the card: of the AFU.
modport to_fiu (
	input clk, reset, waitrequest, readdata, readdatavalid,
	output burstcount, writedata, address, write, read, byteenable, bank_number
);

// To the AFU: of the card.
modport to_afu (
	input clk, reset,
	output waitrequest, readdata, readdatavalid,
	input burstcount, writedata, address, write, read, byteenable,
	output bank_number
);

modport monitor (
	input clk, reset, waitrequest, readdata, readdatavalid, burstcount, writedata, address, write, read,
	byteenable, bank_number
);

endinterface

`endif
