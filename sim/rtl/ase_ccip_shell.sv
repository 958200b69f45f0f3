// SPDX-License-Identifier: BSD-3-Clause
// The top of a simulation: CCI-P's structs as flat ports, one for each part that C code reads or sets.
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

ccip_std_afu afu (.*);

endmodule
