// SPDX-License-Identifier: BSD-3-Clause
// An AFU that sends what it is told, right or wrong: requests are put into a list for each channel by registers, and
// are played one a cycle.
//
//     0x28 the low 64 bits of a request on channel 0    0x30 the rest of it, which puts it into the list
//     0x38 and 0x40, likewise, for channel 1            0x48 plays the lists as many times, and empties them
//     0x50 answers a read that nobody made: its tag     0x58 bit 0: plays while reset is active, bit 1: answers then
//     0x60 lines that were read                         0x68 writes, fences and interrupts that were answered
//     0x70 the low 28 bits: the last header on channel 1's answers      0x78 the same of channel 0's
//     0x80 a register of 64 bits                        0x200 is never answered
//     0x208 stops the design: 1 $stop, 2 $fatal, 3 an assertion, 4 $finish
`include "platform_if.vh"
`include "afu_json_info.vh"

module ccip_std_afu (
	input logic pClk,
	input logic pck_cp2af_softReset,
	input t_if_ccip_Rx pck_cp2af_sRx,
	output t_if_ccip_Tx pck_af2cp_sTx
);

localparam logic [127:0] AFU_ID = `AFU_ACCEL_UUID;
localparam logic [14:0] C0_LOW = 5, C0_HIGH = 6, C1_LOW = 7, C1_HIGH = 8, PLAY = 9, ANSWER = 10, IN_RESET = 11,
	LINES_READ = 12, ANSWERED = 13, LAST_C1 = 14, LAST_C0 = 15, SCRATCH = 16, SILENT = 64, STOP = 65,
	WIDE = 128;
localparam int ROOM = 64;

t_if_ccip_Rx rx;
t_if_ccip_Tx tx;
logic reset, write;
t_ccip_c0_ReqMmioHdr mmio;
logic [14:0] number;
logic [63:0] data;
assign rx = pck_cp2af_sRx;
assign pck_af2cp_sTx = tx;
assign reset = pck_cp2af_softReset;
assign mmio = t_ccip_c0_ReqMmioHdr'(rx.c0.hdr);
assign number = mmio.address[15:1];
assign data = rx.c0.data[63:0];
assign write = rx.c0.mmioWrValid;

// The lists. Reset leaves them and the two bits of IN_RESET alone.
logic [73:0] c0_list[ROOM];
logic [79:0] c1_list[ROOM];
int c0_count, c1_count;
logic [63:0] c0_low, c1_low, scratch;
logic [511:0] wide;
logic play_in_reset, answer_in_reset;
initial begin
	c0_count = 0;
	c1_count = 0;
	play_in_reset = 0;
	answer_in_reset = 0;
end

int times, c0_at, c1_at;
logic playing, last;
assign playing = times != 0 || (reset && play_in_reset);
assign last = c0_at + 1 >= c0_count && c1_at + 1 >= c1_count;

always_ff @(posedge pClk) begin
	if (write) begin
		case (number)
		C0_LOW: c0_low <= data;
		C0_HIGH: begin
			c0_list[c0_count] <= {data[9:0], c0_low};
			c0_count <= c0_count + 1;
		end
		C1_LOW: c1_low <= data;
		C1_HIGH: begin
			c1_list[c1_count] <= {data[15:0], c1_low};
			c1_count <= c1_count + 1;
		end
		PLAY: times <= data[31:0];
		IN_RESET: {answer_in_reset, play_in_reset} <= data[1:0];
		SCRATCH:
			if (mmio.length == 2'd0)
				scratch[mmio.address[0]*32 +: 32] <= data[31:0];
			else
				scratch <= data;
		WIDE: wide <= rx.c0.data;
		default: ;
		endcase
	end
	if (playing) begin
		c0_at <= last ? 0 : c0_at + 1;
		c1_at <= last ? 0 : c1_at + 1;
		if (last && !reset) begin
			times <= times - 1;
			if (times == 1) begin
				c0_count <= 0;
				c1_count <= 0;
			end
		end
	end
	if (reset && !play_in_reset) begin
		times <= 0;
		c0_at <= 0;
		c1_at <= 0;
	end
end

always_ff @(posedge pClk) begin
	tx.c0.valid <= playing && c0_at < c0_count;
	tx.c0.hdr <= t_ccip_c0_ReqMemHdr'(c0_list[c0_at]);
	tx.c1.valid <= playing && c1_at < c1_count;
	tx.c1.hdr <= t_ccip_c1_ReqMemHdr'(c1_list[c1_at]);
	tx.c1.data <= {16{32'hfeed0000 | 32'(c1_at)}};
end

logic stopping, told;
assign stopping = write && number == STOP;
assign told = stopping && data == 3;
always_ff @(posedge pClk) begin
	if (stopping) begin
		case (data)
		1: $stop;
		2: $fatal(1, "told to");
		4: $finish;
		default: ;
		endcase
	end
	never_told: assert (!told);
end

int in_reset; // cycles, so that the one answer is well within it
always_ff @(posedge pClk)
	in_reset <= reset ? in_reset + 1 : 0;

// What came.
logic [31:0] lines_read, answered;
logic [27:0] last_c0, last_c1;
always_ff @(posedge pClk) begin
	if (rx.c0.rspValid) begin
		lines_read <= lines_read + 1;
		last_c0 <= rx.c0.hdr;
	end
	if (rx.c1.rspValid) begin
		answered <= answered + 1;
		last_c1 <= rx.c1.hdr;
	end
	if (reset) begin
		lines_read <= 0;
		answered <= 0;
	end
end

function automatic logic [63:0] register_at(logic [14:0] n);
	case (n)
	0: return 64'h1000_0100_0000_0000;
	1: return AFU_ID[63:0];
	2: return AFU_ID[127:64];
	LINES_READ: return 64'(lines_read);
	ANSWERED: return 64'(answered);
	LAST_C0: return 64'(last_c0);
	LAST_C1: return 64'(last_c1);
	SCRATCH: return scratch;
	default: return n >= WIDE && n < WIDE + 8 ? wide[(n - WIDE)*64 +: 64] : 64'h0;
	endcase
endfunction

logic [63:0] whole;
assign whole = register_at(number);

always_ff @(posedge pClk) begin
	tx.c2.data <= mmio.length == 2'd0 && mmio.address[0] ? 64'(whole[63:32]) : whole;
	tx.c2.hdr.tid <= write ? data[8:0] : mmio.tid;
	tx.c2.mmioRdValid <= (rx.c0.mmioRdValid && number != SILENT) || (write && number == ANSWER)
		|| (in_reset == 32 && answer_in_reset);
end

endmodule
