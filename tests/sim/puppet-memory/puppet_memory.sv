// SPDX-License-Identifier: BSD-3-Clause
// An AFU that drives bank 0 of local memory as it is told, right or wrong, in the bank's own clock: what is put into a
// list by registers is played, an entry a cycle. Bank 1 is left alone.
//
//     0x28 byte enables, 0x30 data (each of a line's 8 words), 0x38 the request, which puts all three into the list:
//          bits 31:0 address, 39:32 burst count, 40 read, 41 write, 42 patient: stays until it is taken
//     0x48 a number that differs from the last one: plays the list      0x50 empties it, when it has been played
//     0x58 bit 0: the first entry is driven while reset is active
//     0x60 lines that came                 0x68 the number of the last list that was played to its end
//     0x80 a register of 64 bits           0x400 to 0x5ff: the first words of the last 64 lines that came
//     0x600 to 0x63f the last line that came
`include "platform_if.vh"
`include "afu_json_info.vh"

module ccip_std_afu #(
	parameter NUM_LOCAL_MEM_BANKS = 2
) (
	input logic pClk,
	input logic pck_cp2af_softReset,
	input t_if_ccip_Rx pck_cp2af_sRx,
	output t_if_ccip_Tx pck_af2cp_sTx,
	avalon_mem_if.to_fiu local_mem[NUM_LOCAL_MEM_BANKS]
);

localparam logic [127:0] AFU_ID = `AFU_ACCEL_UUID;
localparam logic [14:0] ENABLES = 5, DATA = 6, REQUEST = 7, PLAY = 9, EMPTY = 10, IN_RESET = 11, CAME = 12,
	PLAYED = 13, SCRATCH = 16, FIRSTS = 128, LAST = 192;
localparam int ROOM = 128;

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

typedef struct packed {
	logic [63:0] enables;
	logic [63:0] data;
	logic patient;
	logic write;
	logic read;
	logic [7:0] burst;
	logic [31:0] address;
} entry_t;

// ---- in pClk's domain: the list ----

entry_t list[ROOM];
logic [7:0] count;
logic [63:0] enables, word, scratch;
logic [7:0] play;
logic in_reset;
initial begin
	count = 0;
	in_reset = 0;
	play = 0;
end

always_ff @(posedge pClk) begin
	if (write) begin
		case (number)
		ENABLES: enables <= data;
		DATA: word <= data;
		REQUEST: begin
			list[count[6:0]] <= {enables, word, data[42:0]};
			count <= count + 1'b1;
		end
		PLAY: play <= data[7:0];
		EMPTY: count <= 0;
		IN_RESET: in_reset <= data[0];
		SCRATCH: scratch <= data;
		default: ;
		endcase
	end
end

// ---- in the bank's: play the list when the number has come across and has changed ----

logic clk;
logic [7:0] play1, play2, played, at;
logic playing, driven, next;
entry_t now;
initial begin
	played = 0;
	playing = 0;
end
assign clk = local_mem[0].clk;
assign now = list[at[6:0]];
assign driven = playing || (in_reset && local_mem[0].reset);
assign next = !now.patient || !local_mem[0].waitrequest;

always_ff @(posedge clk) begin
	play1 <= play;
	play2 <= play1;
	if (!playing) begin
		at <= 0;
		playing <= play2 == play1 && play2 != played && count != 0;
	end else if (next) begin
		at <= at + 1'b1;
		if (at + 1'b1 == count) begin
			playing <= 1'b0;
			played <= play2;
		end
	end
end

assign local_mem[0].read = driven && now.read;
assign local_mem[0].write = driven && now.write;
assign local_mem[0].address = now.address[25:0];
assign local_mem[0].burstcount = now.burst[6:0];
assign local_mem[0].byteenable = now.enables;
assign local_mem[0].writedata = {8{now.data}};
assign local_mem[1].read = 1'b0;
assign local_mem[1].write = 1'b0;

logic [31:0] came;
logic [63:0] firsts[64];
logic [511:0] last;
initial came = 0;

always_ff @(posedge clk) begin
	if (local_mem[0].readdatavalid) begin
		came <= came + 1;
		firsts[came[5:0]] <= local_mem[0].readdata[63:0];
		last <= local_mem[0].readdata;
	end
end

// ---- registers ----

function automatic logic [63:0] register_at(logic [14:0] n);
	case (n)
	0: return 64'h1000_0100_0000_0000;
	1: return AFU_ID[63:0];
	2: return AFU_ID[127:64];
	CAME: return 64'(came);
	PLAYED: return 64'(played);
	SCRATCH: return scratch;
	default:
		if (n >= LAST && n < LAST + 8)
			return last[(n - LAST)*64 +: 64];
		else
			return n >= FIRSTS ? firsts[n[5:0]] : 64'h0;
	endcase
endfunction

logic [63:0] whole;
assign whole = register_at(number);

always_ff @(posedge pClk) begin
	tx.c0.valid <= 1'b0;
	tx.c1.valid <= 1'b0;
	tx.c2.data <= mmio.length == 2'd0 && mmio.address[0] ? 64'(whole[63:32]) : whole;
	tx.c2.hdr.tid <= mmio.tid;
	tx.c2.mmioRdValid <= rx.c0.mmioRdValid && !reset;
end

endmodule
