// SPDX-License-Identifier: BSD-3-Clause
// A model of scfifo as it is documented, a FIFO of one clock. Parameters that only say how it is made are taken and mean
// nothing here.
// verilator lint_off UNUSEDPARAM
module scfifo #(
	parameter int lpm_width = 1,
	parameter int lpm_widthu = 1,
	parameter int lpm_numwords = 2,
	parameter lpm_showahead = "OFF",
	parameter int almost_full_value = 0,
	parameter int almost_empty_value = 0,
	parameter overflow_checking = "ON",
	parameter underflow_checking = "ON",
	parameter allow_rwcycle_when_full = "OFF",
	parameter add_ram_output_register = "OFF",
	parameter use_eab = "ON",
	parameter ram_block_type = "AUTO",
	parameter maximize_speed = 5,
	parameter enable_ecc = "FALSE",
	parameter intended_device_family = "UNUSED",
	parameter lpm_hint = "UNUSED",
	parameter lpm_type = "scfifo"
) (
	input logic clock,
	input logic [lpm_width-1:0] data,
	input logic wrreq,
	input logic rdreq,
	input tri0 aclr,
	input tri0 sclr,
	output logic [lpm_width-1:0] q,
	output logic [lpm_widthu-1:0] usedw,
	output logic full,
	output logic empty,
	output logic almost_full,
	output logic almost_empty,
	output logic [1:0] eccstatus
);

localparam bit AHEAD = lpm_showahead == "ON";

logic [lpm_width-1:0] words[lpm_numwords];
int first, count;
logic take, give;

assign take = rdreq && (!empty || underflow_checking == "OFF") && count != 0;
assign give = wrreq && (!full || (allow_rwcycle_when_full == "ON" && rdreq)) && (count != lpm_numwords || take);

assign full = count == lpm_numwords;
assign empty = count == 0;
assign almost_full = almost_full_value != 0 && count >= almost_full_value;
assign almost_empty = count < almost_empty_value;
assign usedw = lpm_widthu'(count);
assign eccstatus = '0;

function automatic int wrapped(int place);
	return place >= lpm_numwords ? place - lpm_numwords : place;
endfunction

int free; // a word; Verilator 5.032 takes no call in the index of what is assigned
assign free = wrapped(first + count);

logic [lpm_width-1:0] taken;
assign q = AHEAD ? words[first] : taken;

always_ff @(posedge clock or posedge aclr) begin
	if (aclr) begin
		first <= 0;
		count <= 0;
		taken <= '0;
	end else if (sclr) begin
		first <= 0;
		count <= 0;
		taken <= '0;
	end else begin
		if (give)
			words[free] <= data;
		if (take) begin
			taken <= words[first];
			first <= wrapped(first + 1);
		end
		count <= count + int'(give) - int'(take);
	end
end

initial begin
	first = 0;
	count = 0;
end

endmodule
