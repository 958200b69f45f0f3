// SPDX-License-Identifier: BSD-3-Clause
// A stream through the AFU: it reads packets of four lines, adds a constant to each 32-bit word, and writes packets of
// four lines. Lines come back in any order, so that they wait in a buffer until it is their turn.
//
//     0x28  source, a byte address, a multiple of 256    0x40  the constant; writing it starts
//     0x30  destination, likewise                        0x48  bit 0: busy, bit 1: done
//     0x38  packets of 256 bytes
`include "platform_if.vh"
`include "afu_json_info.vh"

module ccip_std_afu (
	input logic pClk,
	input logic pClkDiv2,
	input logic pClkDiv4,
	input logic uClk_usr,
	input logic uClk_usrDiv2,
	input logic pck_cp2af_softReset,
	input logic [1:0] pck_cp2af_pwrState,
	input logic pck_cp2af_error,
	input t_if_ccip_Rx pck_cp2af_sRx,
	output t_if_ccip_Tx pck_af2cp_sTx
);

localparam logic [127:0] AFU_ID = `AFU_ACCEL_UUID;
localparam logic [14:0] DFH = 0, ID_LOW = 1, ID_HIGH = 2, SOURCE = 5, DESTINATION = 6, PACKETS = 7, ADD = 8, STATUS = 9;
// Packets in the buffer: a place each, which a read's mdata names.
localparam int PLACES = 64;
localparam int PLACE_BITS = $clog2(PLACES);

typedef logic [31:0] count_t;
typedef logic [PLACE_BITS-1:0] place_t;

t_if_ccip_Rx rx;
t_if_ccip_Tx tx;
logic reset;
assign rx = pck_cp2af_sRx;
assign pck_af2cp_sTx = tx;
assign reset = pck_cp2af_softReset;

// ---- registers ----

t_ccip_c0_ReqMmioHdr mmio;
assign mmio = t_ccip_c0_ReqMmioHdr'(rx.c0.hdr);

t_ccip_clAddr source, destination;
count_t packets;
logic [31:0] constant;
logic start, busy, done;

function automatic logic [63:0] register_at(logic [14:0] number);
	case (number)
	DFH: return 64'h1000_0100_0000_0000;
	ID_LOW: return AFU_ID[63:0];
	ID_HIGH: return AFU_ID[127:64];
	SOURCE: return {16'h0, source, 6'h0};
	DESTINATION: return {16'h0, destination, 6'h0};
	PACKETS: return 64'(packets);
	ADD: return 64'(constant);
	STATUS: return {62'h0, done, busy};
	default: return 64'h0;
	endcase
endfunction

logic [63:0] whole;
assign whole = register_at(mmio.address[15:1]);

always_ff @(posedge pClk) begin
	tx.c2.hdr.tid <= mmio.tid;
	tx.c2.data <= mmio.length == 2'd0 && mmio.address[0] ? 64'(whole[63:32]) : whole;
	tx.c2.mmioRdValid <= rx.c0.mmioRdValid && !reset;
end

always_ff @(posedge pClk) begin
	start <= 1'b0;
	if (rx.c0.mmioWrValid && mmio.length == 2'd1 && !busy) begin
		case (mmio.address[15:1])
		SOURCE: source <= {rx.c0.data[47:8], 2'b00};
		DESTINATION: destination <= {rx.c0.data[47:8], 2'b00};
		PACKETS: packets <= rx.c0.data[31:0];
		ADD: begin
			constant <= rx.c0.data[31:0];
			start <= packets != 0;
		end
		default: ;
		endcase
	end
	if (reset) begin
		start <= 1'b0;
		source <= '0;
		destination <= '0;
		packets <= '0;
		constant <= '0;
	end
end

// ---- reads: a packet is asked for when it has a place ----

count_t asked, written, answered;
logic ask;
assign ask = busy && asked != packets && asked - written < count_t'(PLACES) && !rx.c0TxAlmFull;

always_ff @(posedge pClk) begin
	tx.c0.valid <= ask && !reset;
	tx.c0.hdr <= '0;
	tx.c0.hdr.cl_len <= eCL_LEN_4;
	tx.c0.hdr.req_type <= eREQ_RDLINE_I;
	tx.c0.hdr.address <= source + {8'h0, asked, 2'b00};
	tx.c0.hdr.mdata <= t_ccip_mdata'(place_t'(asked));
end

// ---- the buffer ----

t_ccip_clData buffer[PLACES * 4];
logic [3:0] here[PLACES]; // which lines of a packet have come
logic came;
place_t came_to, turn;
assign came = rx.c0.rspValid && rx.c0.hdr.resp_type == eRSP_RDLINE;
assign came_to = place_t'(rx.c0.hdr.mdata);
assign turn = place_t'(written);

logic [1:0] beat; // of the packet that is being written
logic write, last_beat;
// A packet that was begun is brought to its end: almost full leaves room for that.
assign write = busy && written != asked && here[turn] == 4'hf && (beat != 0 || !rx.c1TxAlmFull);
assign last_beat = write && beat == 2'd3;

always_ff @(posedge pClk) begin
	if (came) begin
		buffer[{came_to, rx.c0.hdr.cl_num}] <= rx.c0.data;
		here[came_to][rx.c0.hdr.cl_num] <= 1'b1;
	end
	if (last_beat)
		here[turn] <= 4'h0;
	if (reset || start)
		for (int i = 0; i < PLACES; i++)
			here[i] <= 4'h0;
end

// ---- writes ----

function automatic t_ccip_clData plus(t_ccip_clData line, logic [31:0] value);
	for (int i = 0; i < 16; i++)
		plus[i*32 +: 32] = line[i*32 +: 32] + value;
endfunction

always_ff @(posedge pClk) begin
	beat <= beat + 2'(write);
	tx.c1.valid <= write && !reset;
	tx.c1.hdr <= '0;
	tx.c1.hdr.sop <= beat == 0;
	tx.c1.hdr.cl_len <= eCL_LEN_4;
	tx.c1.hdr.req_type <= eREQ_WRLINE_I;
	tx.c1.hdr.address <= destination + {8'h0, written, beat};
	tx.c1.hdr.mdata <= t_ccip_mdata'(turn);
	tx.c1.data <= plus(buffer[{turn, beat}], constant);
	if (reset || start)
		beat <= 2'd0;
end

// ---- the end: a packet is answered at once or line by line ----

count_t lines_answered;
logic wrote;
assign wrote = rx.c1.rspValid && rx.c1.hdr.resp_type == eRSP_WRLINE;
assign lines_answered = answered + (rx.c1.hdr.format ? 32'd4 : 32'd1);

always_ff @(posedge pClk) begin
	asked <= asked + count_t'(ask);
	written <= written + count_t'(last_beat);
	if (wrote)
		answered <= lines_answered;
	if (busy && wrote && lines_answered == {packets[29:0], 2'b00}) begin
		busy <= 1'b0;
		done <= 1'b1;
	end
	if (start) begin
		asked <= '0;
		written <= '0;
		answered <= '0;
		busy <= 1'b1;
		done <= 1'b0;
	end
	if (reset) begin
		busy <= 1'b0;
		done <= 1'b0;
	end
end

endmodule
