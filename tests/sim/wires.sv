// SPDX-License-Identifier: BSD-3-Clause
// The top of an AFU that has its two banks of local memory as single wires, round the module `mover`, which has them
// as interfaces.
`include "platform_if.vh"

module ccip_std_afu (
	input logic pClk,
	input logic pClkDiv2,
	input logic pClkDiv4,
	input logic uClk_usr,
	input logic uClk_usrDiv2,
	input logic pck_cp2af_softReset,
	input logic [1:0] pck_cp2af_pwrState,
	input logic pck_cp2af_error,
`ifdef INCLUDE_DDR4
	input wire DDR4a_USERCLK,
	input wire DDR4a_waitrequest,
	input wire [511:0] DDR4a_readdata,
	input wire DDR4a_readdatavalid,
	output wire [6:0] DDR4a_burstcount,
	output wire [511:0] DDR4a_writedata,
	output wire [25:0] DDR4a_address,
	output wire DDR4a_write,
	output wire DDR4a_read,
	output wire [63:0] DDR4a_byteenable,
	input wire DDR4b_USERCLK,
	input wire DDR4b_waitrequest,
	input wire [511:0] DDR4b_readdata,
	input wire DDR4b_readdatavalid,
	output wire [6:0] DDR4b_burstcount,
	output wire [511:0] DDR4b_writedata,
	output wire [25:0] DDR4b_address,
	output wire DDR4b_write,
	output wire DDR4b_read,
	output wire [63:0] DDR4b_byteenable,
`endif
	input t_if_ccip_Rx pck_cp2af_sRx,
	output t_if_ccip_Tx pck_af2cp_sTx
);

avalon_mem_if local_mem[2] (.clk(DDR4a_USERCLK), .reset(pck_cp2af_softReset));

assign local_mem[0].waitrequest = DDR4a_waitrequest;
assign local_mem[0].readdata = DDR4a_readdata;
assign local_mem[0].readdatavalid = DDR4a_readdatavalid;
assign DDR4a_burstcount = local_mem[0].burstcount;
assign DDR4a_writedata = local_mem[0].writedata;
assign DDR4a_address = local_mem[0].address;
assign DDR4a_write = local_mem[0].write;
assign DDR4a_read = local_mem[0].read;
assign DDR4a_byteenable = local_mem[0].byteenable;

assign local_mem[1].waitrequest = DDR4b_waitrequest;
assign local_mem[1].readdata = DDR4b_readdata;
assign local_mem[1].readdatavalid = DDR4b_readdatavalid;
assign DDR4b_burstcount = local_mem[1].burstcount;
assign DDR4b_writedata = local_mem[1].writedata;
assign DDR4b_address = local_mem[1].address;
assign DDR4b_write = local_mem[1].write;
assign DDR4b_read = local_mem[1].read;
assign DDR4b_byteenable = local_mem[1].byteenable;

mover #(.NUM_LOCAL_MEM_BANKS(2)) mover (.*);

endmodule
