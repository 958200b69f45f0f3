// SPDX-License-Identifier: BSD-3-Clause
// Accesses to an AFU's registers of 64 bits, out of packets: tells of a write, and answers a read with `value`.
module tlp_registers #(
	parameter pcie_ss_hdr_pkg::ReqHdr_pf_vf_info_t PF_VF = '0
) (
	input logic clk,
	input logic rst_n,

	// The first beat of a host's request is here. None may come while an answer waits.
	input logic request,
	input logic [511:0] beat,

	output logic [14:0] number, // of the register, while `request` is set
	output logic write,
	output logic [63:0] data,
	output logic [7:0] enables,
	input logic [63:0] value,

	// The answer, a packet of one beat.
	output logic answer,
	output logic [511:0] answer_data,
	output logic [63:0] answer_keep,
	input logic answer_taken
);

import pcie_ss_hdr_pkg::*;

PCIe_PUReqHdr_t header;
logic [17:0] address;
logic short;
assign header = PCIe_PUReqHdr_t'(beat[255:0]);
assign address = func_is_addr64(header.fmt_type) ? {header.host_addr_l[15:0], 2'b00} : header.host_addr_h[17:0];
assign short = header.length == 10'd1;

assign number = address[17:3];
assign write = request && func_is_mwr_req(header.fmt_type) && header.length <= 10'd2;
assign data = short ? {2{beat[287:256]}} : beat[319:256];
assign enables = !short ? 8'hff : address[2] ? 8'hf0 : 8'h0f;

PCIe_PUReqHdr_t asked;
logic [17:0] asked_at;
logic [63:0] answer_value;
always_ff @(posedge clk) begin
	if (request && func_is_mrd_req(header.fmt_type)) begin
		answer <= 1'b1;
		asked <= header;
		asked_at <= address;
		answer_value <= short && address[2] ? 64'(value[63:32]) : value;
	end else if (answer_taken) begin
		answer <= 1'b0;
	end
	if (!rst_n)
		answer <= 1'b0;
end

PCIe_PUCplHdr_t completion;
always_comb begin
	completion = '0;
	completion.fmt_type = DM_CPL;
	completion.length = asked.length;
	completion.byte_count = {asked.length, 2'b00};
	completion.low_addr = asked_at[6:0];
	completion.req_id = asked.req_id;
	completion.tag_h = asked.tag_h;
	completion.tag_m = asked.tag_m;
	completion.tag_l = asked.tag_l;
	completion.TC = asked.TC;
	completion.comp_id = {1'b0, PF_VF.vf_num, PF_VF.vf_active, PF_VF.pf_num};
	completion.pf_num = PF_VF.pf_num;
	completion.vf_num = PF_VF.vf_num;
	completion.vf_active = PF_VF.vf_active;
end
assign answer_data = {192'h0, answer_value, completion};
assign answer_keep = {24'h0, {4{asked.length != 10'd1}}, {36{1'b1}}};

endmodule
