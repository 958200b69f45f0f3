// SPDX-License-Identifier: BSD-3-Clause
// Moves memory: reads it, adds a constant to each word of 32 bits, and writes it elsewhere. Data comes in a
// completion and goes out in a write, both behind a header of 32 bytes, so a beat keeps its shape: its header is
// replaced and the words are added to. Reads go out on TX-B, writes on TX-A, between the answers to reads of
// registers. It is done when the last write is committed.
module tlp_mover #(
	parameter pcie_ss_hdr_pkg::ReqHdr_pf_vf_info_t PF_VF = '0
) (
	input logic clk,
	input logic rst_n,
	pcie_ss_axis_if.source tx_a,
	pcie_ss_axis_if.sink rx_a,
	pcie_ss_axis_if.source tx_b,
	pcie_ss_axis_if.sink rx_b,

	// Registers: see tlp_registers.
	output logic [14:0] number,
	output logic write,
	output logic [63:0] data,
	output logic [7:0] enables,
	input logic [63:0] value,

	// Source, destination and bytes are multiples of 64.
	input logic start,
	input logic [63:0] source,
	input logic [63:0] destination,
	input logic [63:0] bytes,
	input logic [31:0] constant,
	input logic with_interrupt,
	output logic busy,
	output logic done,
	output logic failed, // some of the memory cannot be read
	output logic [63:0] cycles
);

import pcie_ss_hdr_pkg::*;

// Reads under way, of up to 512 bytes each.
localparam int TAGS = 64;
typedef logic [$clog2(TAGS)-1:0] tag_t;

function automatic PCIe_ReqHdr_t request_of(ReqHdr_FmtType_e kind, logic [63:0] address, logic [23:0] length,
	tag_t tag);
	request_of = '0;
	request_of.fmt_type = kind;
	request_of.pf_num = PF_VF.pf_num;
	request_of.vf_num = PF_VF.vf_num;
	request_of.vf_active = PF_VF.vf_active;
	{request_of.host_addr_h, request_of.host_addr_m, request_of.host_addr_l} = address;
	{request_of.length_h, request_of.length_m, request_of.length_l} = length;
	request_of.tag_l = 8'(tag);
endfunction

// ---- what comes on RX-A: accesses to registers and completions ----

PCIe_CplHdr_t cpl;
tag_t cpl_tag;
logic first, in_completion, is_completion, go, take, request, answer, answer_taken;
logic [511:0] answer_data;
logic [63:0] answer_keep;

assign cpl = PCIe_CplHdr_t'(rx_a.tdata[255:0]);
assign cpl_tag = tag_t'(cpl.tag);
assign is_completion = first ? func_is_completion(cpl.fmt_type) : in_completion;
assign rx_a.tready = is_completion ? go : !answer;
assign request = rx_a.tvalid && first && !is_completion && !answer;
assign take = rx_a.tvalid && is_completion && go;

always_ff @(posedge clk) begin
	if (rx_a.tvalid && rx_a.tready) begin
		first <= rx_a.tlast;
		in_completion <= is_completion;
	end
	if (!rst_n)
		first <= 1'b1;
end

tlp_registers #(.PF_VF(PF_VF)) registers (
	.clk, .rst_n, .request, .beat(rx_a.tdata), .number, .write, .data, .enables, .value,
	.answer, .answer_data, .answer_keep, .answer_taken
);

// ---- TX-B: reads, and the interrupt at the end ----

logic [63:0] next_read, next_write, left;
logic [TAGS-1:0] tag_busy;
tag_t tag;
logic [63:0] where[TAGS]; // the next data of a read goes there
logic [9:0] room;
logic [23:0] length;
logic tx_b_free, ask, interrupt, last_commit;
logic free_tag, final_one, final_of_packet; // a tag is free when the last beat of its last completion is here
tag_t tag_of_packet;
assign tx_b_free = !tx_b.tvalid || tx_b.tready;
assign room = 10'd512 - {1'b0, next_read[8:0]};
assign length = left < 64'(room) ? left[23:0] : 24'(room);
assign ask = busy && left != 0 && !tag_busy[tag] && tx_b_free;
assign free_tag = take && rx_a.tlast && (first ? final_one : final_of_packet);
assign final_one = cpl.FC || !func_has_data(cpl.fmt_type);

PCIe_IntrHdr_t interrupt_header;
always_comb begin
	interrupt_header = '0;
	interrupt_header.fmt_type = DM_INTR;
	interrupt_header.pf_num = PF_VF.pf_num;
	interrupt_header.vf_num = PF_VF.vf_num;
	interrupt_header.vf_active = PF_VF.vf_active;
end

always_ff @(posedge clk) begin
	if (tx_b_free) begin
		tx_b.tvalid <= ask || interrupt;
		tx_b.tlast <= 1'b1;
		tx_b.tuser_vendor <= 10'd1;
		tx_b.tkeep <= {32'h0, 32'hffff_ffff};
		tx_b.tdata <= interrupt ? 512'(interrupt_header) : 512'(request_of(DM_RD, next_read, length, tag));
		interrupt <= 1'b0;
	end
	if (ask) begin
		next_read <= next_read + 64'(length);
		next_write <= next_write + 64'(length);
		left <= left - 64'(length);
		tag <= tag + 1'b1;
	end
	if (last_commit && with_interrupt)
		interrupt <= 1'b1;
	if (start) begin
		next_read <= source;
		next_write <= destination;
		left <= bytes;
	end
	if (!rst_n) begin
		tx_b.tvalid <= 1'b0;
		interrupt <= 1'b0;
		tag <= '0;
	end
end

always_ff @(posedge clk) begin
	if (ask) begin
		tag_busy[tag] <= 1'b1;
		where[tag] <= next_write;
	end
	if (take && first)
		where[cpl_tag] <= where[cpl_tag] + 64'({cpl.length_h, cpl.length_m, cpl.length_l});
	if (take && first) begin
		final_of_packet <= final_one;
		tag_of_packet <= cpl_tag;
	end
	if (free_tag)
		tag_busy[first ? cpl_tag : tag_of_packet] <= 1'b0;
	if (!rst_n)
		tag_busy <= '0;
end

// ---- TX-A: completions become writes ----

function automatic logic [511:0] plus(logic [511:0] beat, logic [31:0] amount);
	for (int i = 0; i < 16; i++)
		plus[i*32 +: 32] = beat[i*32 +: 32] + amount;
endfunction

logic tx_a_free, in_write;
logic [511:0] sum;
assign tx_a_free = !tx_a.tvalid || tx_a.tready;
assign go = tx_a_free && (in_write || !answer);
assign answer_taken = answer && tx_a_free && !in_write;
assign sum = plus(rx_a.tdata, constant);

always_ff @(posedge clk) begin
	if (tx_a_free) begin
		tx_a.tvalid <= answer_taken || (take && (!first || func_has_data(cpl.fmt_type)));
		if (answer_taken) begin
			tx_a.tlast <= 1'b1;
			tx_a.tuser_vendor <= '0;
			tx_a.tdata <= answer_data;
			tx_a.tkeep <= answer_keep;
		end else begin
			tx_a.tlast <= rx_a.tlast;
			tx_a.tuser_vendor <= 10'd1;
			tx_a.tdata <= sum;
			tx_a.tkeep <= rx_a.tkeep;
			if (first)
				tx_a.tdata[255:0] <= request_of(DM_WR, where[cpl_tag],
					24'({cpl.length_h, cpl.length_m, cpl.length_l}), cpl_tag);
		end
	end
	if (take)
		in_write <= !rx_a.tlast;
	if (!rst_n) begin
		tx_a.tvalid <= 1'b0;
		in_write <= 1'b0;
	end
end

// ---- RX-B: commits, and what stands ----

PCIe_CplHdr_t commit;
logic committed;
logic [63:0] answered, now_answered;
assign rx_b.tready = 1'b1;
assign commit = PCIe_CplHdr_t'(rx_b.tdata[255:0]);
assign committed = rx_b.tvalid && !commit.TC[0]; // TC[0]: of an interrupt
assign now_answered = answered + 64'({commit.length_h, commit.length_m, commit.length_l});
assign last_commit = busy && committed && now_answered == bytes;

always_ff @(posedge clk) begin
	if (committed)
		answered <= now_answered;
	cycles <= cycles + 64'(busy);
	if (take && first && !func_has_data(cpl.fmt_type)) begin
		failed <= 1'b1;
		busy <= 1'b0;
	end
	if (last_commit) begin
		busy <= 1'b0;
		done <= 1'b1;
	end
	if (start) begin
		answered <= '0;
		cycles <= '0;
		busy <= 1'b1;
		done <= 1'b0;
		failed <= 1'b0;
	end
	if (!rst_n) begin
		busy <= 1'b0;
		done <= 1'b0;
		failed <= 1'b0;
		cycles <= '0;
	end
end

endmodule
