// SPDX-License-Identifier: BSD-3-Clause
// An AFU on PCIe SS streams that sends what it is told, right or wrong: beats are put into a list for each stream by
// registers, and are played one after the other. Bits 3 to 17 of an address are the register's number.
//
//     0x40 to 0x78  the words of a beat        0x80 a register of 64 bits
//     0x88 its tkeep
//     0x90 puts it into a list: tuser 9:0, tlast 16, TX-B 17
//     0x98 plays the lists and empties them
//     0xa0 bit 0: tvalid falls before tready, 1: the beat changes while it waits, 2: TX-B is valid in reset
//     0xa8 inverts bits 95:32 of the next answer's header
//     0xb0 packets on RX-A that were no accesses, 0xb8 packets on RX-B
//     0xc0 to 0xf8 the first beat of the last one on RX-A, 0x100 to 0x138 the same of RX-B
//     0x140 bit 0: RX-B takes nothing          0x200 is never answered
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

puppet_tlp #(.PF_VF(PORT_PF_VF_INFO[0])) puppet (
	.clk, .rst_n(port_rst_n[0]), .tx_a(afu_axi_tx_a_if[0]), .rx_a(afu_axi_rx_a_if[0]),
	.tx_b(afu_axi_tx_b_if[0]), .rx_b(afu_axi_rx_b_if[0])
);

endmodule

module puppet_tlp #(
	parameter pcie_ss_hdr_pkg::ReqHdr_pf_vf_info_t PF_VF = '0
) (
	input logic clk,
	input logic rst_n,
	pcie_ss_axis_if.source tx_a,
	pcie_ss_axis_if.sink rx_a,
	pcie_ss_axis_if.source tx_b,
	pcie_ss_axis_if.sink rx_b
);

import pcie_ss_hdr_pkg::*;

localparam logic [127:0] AFU_ID = `AFU_ACCEL_UUID;
localparam logic [14:0] WORDS = 8, SCRATCH = 16, KEEP = 17, PUT = 18, PLAY = 19, MODE = 20, INVERT = 21, COUNT_A = 22,
	COUNT_B = 23, LAST_A = 24, LAST_B = 32, HOLD_B = 40, SILENT = 64;
localparam int ROOM = 64;

typedef struct packed {
	logic last;
	logic [9:0] user;
	logic [63:0] keep;
	logic [511:0] data;
} beat_t;

// ---- registers ----

logic first, is_access, in_access, request, write, answer, answer_taken;
logic [14:0] number;
logic [63:0] data, value, scratch, invert;
logic [7:0] enables;
logic [511:0] answer_data, last_a, last_b;
logic [63:0] answer_keep;
PCIe_PUReqHdr_t header;
assign header = PCIe_PUReqHdr_t'(rx_a.tdata[255:0]);
assign is_access = first ? !func_is_completion(header.fmt_type) : in_access;
assign rx_a.tready = !is_access || !answer;
assign request = rx_a.tvalid && rx_a.tready && first && is_access
	&& !(func_is_mrd_req(header.fmt_type) && header.host_addr_h[17:3] == SILENT);

tlp_registers #(.PF_VF(PF_VF)) registers (
	.clk, .rst_n, .request, .beat(rx_a.tdata), .number, .write, .data, .enables, .value,
	.answer, .answer_data, .answer_keep, .answer_taken
);

beat_t staged;
beat_t list_a[ROOM], list_b[ROOM];
int num_a, num_b, at_a, at_b;
logic playing, hold_b;
logic withdraw, change, in_reset;
initial begin
	num_a = 0;
	num_b = 0;
	{withdraw, change, in_reset} = '0;
end

logic first_b;
logic [31:0] count_a, count_b;
always_comb begin
	case (number)
	0: value = 64'h1000_0100_0000_0000;
	1: value = AFU_ID[63:0];
	2: value = AFU_ID[127:64];
	SCRATCH: value = scratch;
	COUNT_A: value = 64'(count_a);
	COUNT_B: value = 64'(count_b);
	default:
		if (number >= LAST_A && number < LAST_A + 8)
			value = last_a[64*(number - LAST_A) +: 64];
		else if (number >= LAST_B && number < LAST_B + 8)
			value = last_b[64*(number - LAST_B) +: 64];
		else
			value = '0;
	endcase
end

always_ff @(posedge clk) begin
	if (write) begin
		if (number >= WORDS && number < WORDS + 8)
			staged.data[64*(number - WORDS) +: 64] <= data;
		case (number)
		SCRATCH:
			for (int i = 0; i < 8; i++)
				if (enables[i])
					scratch[i*8 +: 8] <= data[i*8 +: 8];
		KEEP: staged.keep <= data;
		PUT:
			if (data[17]) begin
				list_b[num_b] <= '{data[16], data[9:0], staged.keep, staged.data};
				num_b <= num_b + 1;
			end else begin
				list_a[num_a] <= '{data[16], data[9:0], staged.keep, staged.data};
				num_a <= num_a + 1;
			end
		PLAY: playing <= 1'b1;
		MODE: {in_reset, change, withdraw} <= data[2:0];
		INVERT: invert <= data;
		HOLD_B: hold_b <= data[0];
		default: ;
		endcase
	end
	if (answer_taken)
		invert <= '0;
	if (playing && at_a == num_a && at_b == num_b && !tx_a.tvalid && !tx_b.tvalid) begin
		playing <= 1'b0;
		num_a <= 0;
		num_b <= 0;
	end
	if (!rst_n) begin
		playing <= 1'b0;
		invert <= '0;
		hold_b <= 1'b0;
	end
end

// ---- what is sent ----

assign answer_taken = answer && !playing && (!tx_a.tvalid || tx_a.tready);

always_ff @(posedge clk) begin
	if (tx_a.tvalid && !tx_a.tready) begin
		if (withdraw) begin
			tx_a.tvalid <= 1'b0;
			at_a <= at_a - 1;
		end
		if (change)
			tx_a.tdata[300] <= !tx_a.tdata[300];
	end else if (playing && at_a != num_a) begin
		tx_a.tvalid <= 1'b1;
		{tx_a.tlast, tx_a.tuser_vendor, tx_a.tkeep, tx_a.tdata} <= list_a[at_a];
		at_a <= at_a + 1;
	end else begin
		tx_a.tvalid <= answer_taken;
		tx_a.tlast <= 1'b1;
		tx_a.tuser_vendor <= '0;
		tx_a.tkeep <= answer_keep;
		tx_a.tdata <= answer_data ^ {416'h0, invert, 32'h0};
	end
	if (tx_b.tready || !tx_b.tvalid) begin
		tx_b.tvalid <= playing && at_b != num_b;
		{tx_b.tlast, tx_b.tuser_vendor, tx_b.tkeep, tx_b.tdata} <= list_b[at_b];
		if (playing && at_b != num_b)
			at_b <= at_b + 1;
	end
	if (!playing) begin
		at_a <= 0;
		at_b <= 0;
	end
	if (!rst_n) begin
		tx_a.tvalid <= 1'b0;
		tx_b.tvalid <= in_reset;
	end
end

// ---- what comes ----

assign rx_b.tready = !hold_b;
always_ff @(posedge clk) begin
	if (rx_a.tvalid && rx_a.tready) begin
		first <= rx_a.tlast;
		in_access <= is_access;
		if (first && !is_access)
			last_a <= rx_a.tdata;
		if (rx_a.tlast && !is_access)
			count_a <= count_a + 1;
	end
	if (rx_b.tvalid && rx_b.tready) begin
		first_b <= rx_b.tlast;
		if (first_b)
			last_b <= rx_b.tdata;
		if (rx_b.tlast)
			count_b <= count_b + 1;
	end
	if (!rst_n) begin
		first <= 1'b1;
		first_b <= 1'b1;
		count_a <= '0;
		count_b <= '0;
	end
end

endmodule
