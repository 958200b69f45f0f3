// SPDX-License-Identifier: BSD-3-Clause
// hello_afu on PCIe SS streams: who it is, and a 64-bit scratch register at 0x80.
`include "ofs_plat_if.vh"
`include "afu_json_info.vh"

module port_afu_instances #(
	parameter PG_NUM_PORTS = 1,
	parameter pcie_ss_hdr_pkg::ReqHdr_pf_vf_info_t [PG_NUM_PORTS-1:0] PORT_PF_VF_INFO = '0,
	parameter NUM_MEM_CH = 0
) (
	input logic clk,
	input logic clk_div2,
	input logic clk_div4,
	input logic uclk_usr,
	input logic uclk_usr_div2,
	input logic rst_n,
	input logic [PG_NUM_PORTS-1:0] port_rst_n,
	pcie_ss_axis_if.source afu_axi_tx_a_if [PG_NUM_PORTS-1:0],
	pcie_ss_axis_if.sink afu_axi_rx_a_if [PG_NUM_PORTS-1:0],
	pcie_ss_axis_if.source afu_axi_tx_b_if [PG_NUM_PORTS-1:0],
	pcie_ss_axis_if.sink afu_axi_rx_b_if [PG_NUM_PORTS-1:0]
);

hello_afu #(.PF_VF(PORT_PF_VF_INFO[0])) hello (
	.clk,
	.rst_n(port_rst_n[0]),
	.tx_a(afu_axi_tx_a_if[0]),
	.rx_a(afu_axi_rx_a_if[0]),
	.tx_b(afu_axi_tx_b_if[0]),
	.rx_b(afu_axi_rx_b_if[0])
);

endmodule

module hello_afu #(
	parameter pcie_ss_hdr_pkg::ReqHdr_pf_vf_info_t PF_VF = '0
) (
	input logic clk,
	input logic rst_n,
	pcie_ss_axis_if.source tx_a,
	pcie_ss_axis_if.sink rx_a,
	pcie_ss_axis_if.source tx_b,
	pcie_ss_axis_if.sink rx_b
);

localparam logic [127:0] AFU_ID = `AFU_ACCEL_UUID;
localparam logic [14:0] DFH = 0, ID_LOW = 1, ID_HIGH = 2, SCRATCH = 16;

logic request, write, answer;
logic [14:0] number;
logic [63:0] data, value, scratch;
logic [7:0] enables;

// Every packet that comes is an access to a register; the data of a long one is more than one beat.
logic first;
assign rx_a.tready = !answer;
assign request = rx_a.tvalid && rx_a.tready && first;
always_ff @(posedge clk) begin
	if (rx_a.tvalid && rx_a.tready)
		first <= rx_a.tlast;
	if (!rst_n)
		first <= 1'b1;
end

tlp_registers #(.PF_VF(PF_VF)) registers (
	.clk, .rst_n, .request, .beat(rx_a.tdata),
	.number, .write, .data, .enables, .value,
	.answer, .answer_data(tx_a.tdata), .answer_keep(tx_a.tkeep), .answer_taken(tx_a.tready)
);
assign tx_a.tvalid = answer;
assign tx_a.tlast = 1'b1;
assign tx_a.tuser_vendor = '0;

always_comb begin
	case (number)
	DFH: value = 64'h1000_0100_0000_0000; // an AFU, the end of the list
	ID_LOW: value = AFU_ID[63:0];
	ID_HIGH: value = AFU_ID[127:64];
	SCRATCH: value = scratch;
	default: value = 64'h0;
	endcase
end

always_ff @(posedge clk) begin
	if (write && number == SCRATCH)
		for (int i = 0; i < 8; i++)
			if (enables[i])
				scratch[i*8 +: 8] <= data[i*8 +: 8];
	if (!rst_n)
		scratch <= 64'h0;
end

assign tx_b.tvalid = 1'b0;
assign tx_b.tlast = 1'b0;
assign tx_b.tuser_vendor = '0;
assign tx_b.tdata = '0;
assign tx_b.tkeep = '0;
assign rx_b.tready = 1'b1;

endmodule
