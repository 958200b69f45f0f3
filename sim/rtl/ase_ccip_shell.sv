// SPDX-License-Identifier: BSD-3-Clause
// The top of a simulation: CCI-P's structs as flat ports, one for each part that C code reads or sets, and banks of
// local memory where the AFU has them.
`include "platform_if.vh"

module ase_ccip_shell (
	input logic pClk,
	input logic pClkDiv2,
	input logic pClkDiv4,
	input logic uClk_usr,
	input logic uClk_usrDiv2,
	input logic reset,
	input logic c0_almfull,
	input logic c1_almfull,
	input logic [27:0] c0rx_hdr,
	input logic [511:0] c0rx_data,
	input logic c0rx_rsp,
	input logic c0rx_mmio_rd,
	input logic c0rx_mmio_wr,
	input logic [27:0] c1rx_hdr,
	input logic c1rx_rsp,
`ifdef PLATFORM_PROVIDES_LOCAL_MEMORY
	input logic lm_clock[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
	input logic lm_stall[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
	input logic lm_valid[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
	input logic [511:0] lm_readdata[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
	output logic lm_edge[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
	output logic lm_reset[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
	output logic lm_read[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
	output logic lm_write[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
	output logic [15:0] lm_burst[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
	output logic [63:0] lm_address[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
	output logic [63:0] lm_enables[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
	output logic [511:0] lm_writedata[`PLATFORM_PARAM_LOCAL_MEMORY_BANKS],
`endif
	output logic [73:0] c0tx_hdr,
	output logic c0tx_valid,
	output logic [79:0] c1tx_hdr,
	output logic [511:0] c1tx_data,
	output logic c1tx_valid,
	output logic [8:0] c2tx_tid,
	output logic [63:0] c2tx_data,
	output logic c2tx_valid
);

t_if_ccip_Rx rx;
t_if_ccip_Tx tx;

assign rx.c0TxAlmFull = c0_almfull;
assign rx.c1TxAlmFull = c1_almfull;
assign rx.c0.hdr = t_ccip_c0_RspMemHdr'(c0rx_hdr);
assign rx.c0.data = c0rx_data;
assign rx.c0.rspValid = c0rx_rsp;
assign rx.c0.mmioRdValid = c0rx_mmio_rd;
assign rx.c0.mmioWrValid = c0rx_mmio_wr;
assign rx.c1.hdr = t_ccip_c1_RspMemHdr'(c1rx_hdr);
assign rx.c1.rspValid = c1rx_rsp;

assign c0tx_hdr = tx.c0.hdr;
assign c0tx_valid = tx.c0.valid;
assign c1tx_hdr = tx.c1.hdr;
assign c1tx_data = tx.c1.data;
assign c1tx_valid = tx.c1.valid;
assign c2tx_tid = tx.c2.hdr.tid;
assign c2tx_data = tx.c2.data;
assign c2tx_valid = tx.c2.mmioRdValid;

// By name, so that an AFU that leaves out clocks, power state or error fits as well.
logic pck_cp2af_softReset;
logic [1:0] pck_cp2af_pwrState;
logic pck_cp2af_error;
t_if_ccip_Rx pck_cp2af_sRx;
t_if_ccip_Tx pck_af2cp_sTx;

assign pck_cp2af_softReset = reset;
assign pck_cp2af_pwrState = 2'b00;
assign pck_cp2af_error = 1'b0;
assign pck_cp2af_sRx = rx;
assign tx = pck_af2cp_sTx;

`ifdef PLATFORM_PROVIDES_LOCAL_MEMORY
localparam BANKS = `PLATFORM_PARAM_LOCAL_MEMORY_BANKS;

// A bank has the clock that the AFU's JSON names, or one of its own. C code finds its edges on lm_edge.
wire [0:BANKS-1] bank_clock;
avalon_mem_if #(.NUM_BANKS(BANKS)) local_mem[BANKS] (.clk(bank_clock), .reset(reset));

for (genvar i = 0; i < BANKS; i++) begin : bank
`ifdef PLATFORM_PARAM_LOCAL_MEMORY_CLOCK
	assign bank_clock[i] = `PLATFORM_PARAM_LOCAL_MEMORY_CLOCK;
`else
	assign bank_clock[i] = lm_clock[i];
`endif
	assign lm_edge[i] = bank_clock[i];
	assign local_mem[i].bank_number = i;
	ase_local_mem_bank pins (.mem(local_mem[i]), .stall(lm_stall[i]), .valid(lm_valid[i]), .readdata(lm_readdata[i]),
		.reset(lm_reset[i]), .read(lm_read[i]), .write(lm_write[i]), .burst(lm_burst[i]), .address(lm_address[i]),
		.enables(lm_enables[i]), .writedata(lm_writedata[i]));
end

`ifdef AFU_TOP_REQUIRES_LOCAL_MEMORY_AVALON_MM_LEGACY_WIRES_2BANK
// The same two banks as single wires. Those that the AFU leaves alone ask for nothing.
`define ASE_BANK_WIRES(NAME, NUMBER) \
	wire NAME``_USERCLK = local_mem[NUMBER].clk; \
	wire NAME``_waitrequest = local_mem[NUMBER].waitrequest; \
	wire [511:0] NAME``_readdata = local_mem[NUMBER].readdata; \
	wire NAME``_readdatavalid = local_mem[NUMBER].readdatavalid; \
	tri0 [6:0] NAME``_burstcount; \
	tri0 [511:0] NAME``_writedata; \
	tri0 [`PLATFORM_PARAM_LOCAL_MEMORY_ADDR_WIDTH-1:0] NAME``_address; \
	tri0 NAME``_write; \
	tri0 NAME``_read; \
	tri0 [63:0] NAME``_byteenable; \
	assign local_mem[NUMBER].burstcount = NAME``_burstcount; \
	assign local_mem[NUMBER].writedata = NAME``_writedata; \
	assign local_mem[NUMBER].address = NAME``_address; \
	assign local_mem[NUMBER].write = NAME``_write; \
	assign local_mem[NUMBER].read = NAME``_read; \
	assign local_mem[NUMBER].byteenable = NAME``_byteenable;

`ASE_BANK_WIRES(DDR4a, 0)
`ASE_BANK_WIRES(DDR4b, 1)
ccip_std_afu afu (.*);
`else
ccip_std_afu #(.NUM_LOCAL_MEM_BANKS(BANKS)) afu (.*);
`endif
`else
ccip_std_afu afu (.*);
`endif

endmodule
