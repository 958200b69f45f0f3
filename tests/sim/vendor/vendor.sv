// SPDX-License-Identifier: BSD-3-Clause
// Self-tests of the vendors' models: random accesses beside a plain reference. Each says what it has compared.
module vendor (
	input logic clock,
	input logic other_clock
);

int cycle = 0;
int unsigned state = 32'h1234567;
always_ff @(posedge clock) begin
	cycle <= cycle + 1;
	state <= (state << 1) ^ (state[31] ? 32'h04c11db7 : 32'h0);
	if (cycle == 5000) begin
		$display("done");
		$finish;
	end
end

logic [31:0] r;
assign r = state ^ (state >> 7);

ram_test #("altsyncram") altsyncram_test (.clock, .cycle, .r);
new_ram_test altera_syncram_test (.clock, .cycle, .r);
single_fifo_test #("OFF") scfifo_test (.clock, .cycle, .r);
single_fifo_test #("ON") scfifo_ahead_test (.clock, .cycle, .r);
double_fifo_test dcfifo_test (.clock, .other_clock, .cycle, .r);

endmodule

// Simple dual port with byte enables, a registered output, and old data where both ports are at one word.
module ram_test #(
	parameter string name = ""
) (
	input logic clock,
	input int cycle,
	input int unsigned r
);

logic [31:0] reference[16];
logic [31:0] q, first, second;
int compared = 0;
logic [3:0] write_at, read_at, enables;
assign write_at = r[3:0];
assign read_at = r[7:4];
assign enables = r[11:8];

altsyncram #(
	.operation_mode("DUAL_PORT"),
	.width_a(32),
	.widthad_a(4),
	.numwords_a(16),
	.width_b(32),
	.widthad_b(4),
	.numwords_b(16),
	.width_byteena_a(4),
	.address_reg_b("CLOCK0"),
	.outdata_reg_b("CLOCK0"),
	.read_during_write_mode_mixed_ports("OLD_DATA")
) ram (
	.clock0(clock),
	.wren_a(r[12]),
	.byteena_a(enables),
	.address_a(write_at),
	.data_a({r[15:0], r[31:16]}),
	.address_b(read_at),
	.q_b(q)
);

initial
	for (int i = 0; i < 16; i++)
		reference[i] = 0;

always_ff @(posedge clock) begin
	for (int i = 0; i < 4; i++)
		if (r[12] && enables[i])
			reference[write_at][i*8 +: 8] <= {r[15:0], r[31:16]}[i*8 +: 8];
	first <= reference[read_at];
	second <= first;
	if (cycle > 4) begin
		compared <= compared + 1;
		if (q !== second)
			$error("%s: %h is not %h", name, q, second);
	end
	if (cycle == 4999)
		$display("%s compared %0d", name, compared);
end

endmodule

// True dual port, one clock for each, without output registers: a port that writes reads what it writes.
module new_ram_test (
	input logic clock,
	input int cycle,
	input int unsigned r
);

logic [15:0] reference[32];
logic [15:0] q_a, q_b, due_a, due_b;
logic [4:0] at_a, at_b;
int compared = 0;
assign at_a = {1'b0, r[3:0]}; // the ports write to halves of their own
assign at_b = {1'b1, r[7:4]};

altera_syncram #(
	.operation_mode("BIDIR_DUAL_PORT"),
	.width_a(16),
	.widthad_a(5),
	.width_b(16),
	.widthad_b(5),
	.address_reg_b("CLOCK1")
) ram (
	.clock0(clock),
	.clock1(clock),
	.wren_a(r[8]),
	.wren_b(r[9]),
	.address_a(at_a),
	.address_b(at_b),
	.data_a(r[31:16]),
	.data_b(r[25:10]),
	.q_a,
	.q_b
);

initial
	for (int i = 0; i < 32; i++)
		reference[i] = 0;

always_ff @(posedge clock) begin
	if (r[8])
		reference[at_a] <= r[31:16];
	if (r[9])
		reference[at_b] <= r[25:10];
	due_a <= r[8] ? r[31:16] : reference[at_a];
	due_b <= r[9] ? r[25:10] : reference[at_b];
	if (cycle > 4) begin
		compared <= compared + 1;
		if (q_a !== due_a || q_b !== due_b)
			$error("altera_syncram: %h %h are not %h %h", q_a, q_b, due_a, due_b);
	end
	if (cycle == 4999)
		$display("altera_syncram compared %0d", compared);
end

endmodule

// Fills and empties; what comes out is a running number, and the counts and flags are as the reference's.
module single_fifo_test #(
	parameter ahead = "OFF"
) (
	input logic clock,
	input int cycle,
	input int unsigned r
);

logic [15:0] q;
logic [2:0] used;
logic full, empty, nearly_full, nearly_empty;
int given = 0, taken = 0, compared = 0;
logic give, take, took = 0;
// More comes than goes for a while, and then the other way round: it is full and empty at times.
assign give = r[0] || (r[1] && cycle[6]);
assign take = r[2] && (r[3] || !cycle[6]);

scfifo #(
	.lpm_width(16),
	.lpm_widthu(3),
	.lpm_numwords(8),
	.lpm_showahead(ahead),
	.almost_full_value(6),
	.almost_empty_value(2)
) fifo (
	.clock,
	.data(16'(given)),
	.wrreq(give),
	.rdreq(take),
	.q,
	.usedw(used),
	.full,
	.empty,
	.almost_full(nearly_full),
	.almost_empty(nearly_empty)
);

always_ff @(posedge clock) begin
	given <= given + int'(give && given - taken < 8);
	taken <= taken + int'(take && given != taken);
	took <= take && given != taken;
	if (full != (given - taken == 8) || empty != (given == taken) || used != 3'(given - taken)
		|| nearly_full != (given - taken >= 6) || nearly_empty != (given - taken < 2))
		$error("scfifo %s: flags %b%b%b%b with %0d words", ahead, full, empty, nearly_full, nearly_empty,
			given - taken);
	if (ahead == "ON" && !empty) begin
		compared <= compared + 1;
		if (q != 16'(taken))
			$error("scfifo ahead: %0d is not %0d", q, taken);
	end
	if (ahead != "ON" && took) begin
		compared <= compared + 1;
		if (q != 16'(taken - 1))
			$error("scfifo: %0d is not %0d", q, taken - 1);
	end
	if (cycle == 4999)
		$display("scfifo %s compared %0d", ahead, compared);
end

endmodule

// Two clocks: nothing is lost or doubled, and nothing is taken that the writing side says is not there.
module double_fifo_test (
	input logic clock,
	input logic other_clock,
	input int cycle,
	input int unsigned r
);

logic [15:0] q;
logic full, empty;
int given = 0, taken = 0;
int unsigned mine = 32'h55aa1234;

dcfifo #(
	.lpm_width(16),
	.lpm_widthu(3),
	.lpm_numwords(8),
	.lpm_showahead("ON"),
	.rdsync_delaypipe(4),
	.wrsync_delaypipe(4)
) fifo (
	.data(16'(given)),
	.wrclk(clock),
	.wrreq(r[5]),
	.rdclk(other_clock),
	.rdreq(mine[3] || mine[9]),
	.q,
	.rdempty(empty),
	.wrfull(full)
);

always_ff @(posedge clock) begin
	given <= given + int'(r[5] && !full);
	if (given - taken > 8)
		$error("dcfifo: %0d words in a FIFO of 8", given - taken);
	if (cycle == 4999)
		$display("dcfifo compared %0d", taken);
end

always_ff @(posedge other_clock) begin
	mine <= (mine << 1) ^ (mine[31] ? 32'h04c11db7 : 32'h0);
	if (!empty && (mine[3] || mine[9])) begin
		taken <= taken + 1;
		if (q != 16'(taken))
			$error("dcfifo: %0d is not %0d", q, taken);
	end
end

endmodule
