// SPDX-License-Identifier: BSD-3-Clause
// The top of a simulation of an AFU on PCIe SS streams: one port, its four streams as flat ports.
module ase_pcie_ss_shell (
	input logic pClk,
	input logic pClkDiv2,
	input logic pClkDiv4,
	input logic uClk_usr,
	input logic uClk_usrDiv2,
	input logic reset,

	input logic tx_a_ready,
	output logic tx_a_valid,
	output logic tx_a_last,
	output logic [9:0] tx_a_user,
	output logic [63:0] tx_a_keep,
	output logic [511:0] tx_a_data,

	input logic tx_b_ready,
	output logic tx_b_valid,
	output logic tx_b_last,
	output logic [9:0] tx_b_user,
	output logic [63:0] tx_b_keep,
	output logic [511:0] tx_b_data,

	output logic rx_a_ready,
	input logic rx_a_valid,
	input logic rx_a_last,
	input logic [9:0] rx_a_user,
	input logic [63:0] rx_a_keep,
	input logic [511:0] rx_a_data,

	output logic rx_b_ready,
	input logic rx_b_valid,
	input logic rx_b_last,
	input logic [9:0] rx_b_user,
	input logic [63:0] rx_b_keep,
	input logic [511:0] rx_b_data
);

localparam NUM_PORTS = 1;
// The AFU is the first virtual function of function 0.
localparam pcie_ss_hdr_pkg::ReqHdr_pf_vf_info_t [NUM_PORTS-1:0] PF_VF = '{'{3'd0, 11'd0, 1'b1}};

logic rst_n;
assign rst_n = !reset;

pcie_ss_axis_if tx_a [NUM_PORTS-1:0] (.clk(pClk), .rst_n(rst_n));
pcie_ss_axis_if tx_b [NUM_PORTS-1:0] (.clk(pClk), .rst_n(rst_n));
pcie_ss_axis_if rx_a [NUM_PORTS-1:0] (.clk(pClk), .rst_n(rst_n));
pcie_ss_axis_if rx_b [NUM_PORTS-1:0] (.clk(pClk), .rst_n(rst_n));

assign tx_a[0].tready = tx_a_ready;
assign tx_a_valid = tx_a[0].tvalid;
assign tx_a_last = tx_a[0].tlast;
assign tx_a_user = tx_a[0].tuser_vendor;
assign tx_a_keep = tx_a[0].tkeep;
assign tx_a_data = tx_a[0].tdata;

assign tx_b[0].tready = tx_b_ready;
assign tx_b_valid = tx_b[0].tvalid;
assign tx_b_last = tx_b[0].tlast;
assign tx_b_user = tx_b[0].tuser_vendor;
assign tx_b_keep = tx_b[0].tkeep;
assign tx_b_data = tx_b[0].tdata;

assign rx_a_ready = rx_a[0].tready;
assign rx_a[0].tvalid = rx_a_valid;
assign rx_a[0].tlast = rx_a_last;
assign rx_a[0].tuser_vendor = rx_a_user;
assign rx_a[0].tkeep = rx_a_keep;
assign rx_a[0].tdata = rx_a_data;

assign rx_b_ready = rx_b[0].tready;
assign rx_b[0].tvalid = rx_b_valid;
assign rx_b[0].tlast = rx_b_last;
assign rx_b[0].tuser_vendor = rx_b_user;
assign rx_b[0].tkeep = rx_b_keep;
assign rx_b[0].tdata = rx_b_data;

port_afu_instances #(
	.PG_NUM_PORTS(NUM_PORTS),
	.PORT_PF_VF_INFO(PF_VF)
) afu (
	.clk(pClk),
	.clk_div2(pClkDiv2),
	.clk_div4(pClkDiv4),
	.uclk_usr(uClk_usr),
	.uclk_usr_div2(uClk_usrDiv2),
	.rst_n,
	.port_rst_n({NUM_PORTS{rst_n}}),
	.afu_axi_tx_a_if(tx_a),
	.afu_axi_rx_a_if(rx_a),
	.afu_axi_tx_b_if(tx_b),
	.afu_axi_rx_b_if(rx_b)
);

endmodule
