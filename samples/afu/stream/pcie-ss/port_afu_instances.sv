// SPDX-License-Identifier: BSD-3-Clause
// The streaming AFU on PCIe SS streams, with the registers that it has on CCI-P. Bit 2 of its status: it failed.
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

localparam logic [127:0] AFU_ID = `AFU_ACCEL_UUID;
localparam logic [14:0] DFH = 0, ID_LOW = 1, ID_HIGH = 2, SOURCE = 5, DESTINATION = 6, PACKETS = 7, ADD = 8,
	STATUS = 9;

logic reset_n, write, start, with_interrupt, busy, done, failed;
logic [14:0] number;
logic [63:0] data, value, source, destination, bytes, cycles;
logic [7:0] enables;
logic [31:0] packets, constant;
assign reset_n = port_rst_n[0];
assign with_interrupt = 1'b0;
assign bytes = {24'h0, packets, 8'h0};

tlp_mover #(.PF_VF(PORT_PF_VF_INFO[0])) mover (
	.clk, .rst_n(reset_n),
	.tx_a(afu_axi_tx_a_if[0]), .rx_a(afu_axi_rx_a_if[0]), .tx_b(afu_axi_tx_b_if[0]), .rx_b(afu_axi_rx_b_if[0]),
	.number, .write, .data, .enables, .value,
	.start, .source, .destination, .bytes, .constant, .with_interrupt, .busy, .done, .failed, .cycles
);

always_comb begin
	case (number)
	DFH: value = 64'h1000_0100_0000_0000;
	ID_LOW: value = AFU_ID[63:0];
	ID_HIGH: value = AFU_ID[127:64];
	SOURCE: value = source;
	DESTINATION: value = destination;
	PACKETS: value = 64'(packets);
	ADD: value = 64'(constant);
	STATUS: value = {61'h0, failed, done, busy};
	default: value = 64'h0;
	endcase
end

always_ff @(posedge clk) begin
	start <= 1'b0;
	if (write && enables == 8'hff && !busy) begin
		case (number)
		SOURCE: source <= {data[63:8], 8'h0};
		DESTINATION: destination <= {data[63:8], 8'h0};
		PACKETS: packets <= data[31:0];
		ADD: begin
			constant <= data[31:0];
			start <= packets != 0;
		end
		default: ;
		endcase
	end
	if (!reset_n) begin
		start <= 1'b0;
		source <= '0;
		destination <= '0;
		packets <= '0;
		constant <= '0;
	end
end

endmodule
