// SPDX-License-Identifier: BSD-3-Clause
// Copies up to 65536 lines of memory, one line a cycle. Lines come back in any order; each is written where its number,
// which travels in mdata, says. When the last write is answered, the engine is done and may raise an interrupt.
//
//     0x28  source, a byte address in lines of 64        0x40  start: bit 0; an interrupt at the end: bit 1
//     0x30  destination, likewise                        0x48  bit 0: busy, bit 1: done
//     0x38  lines                                        0x50  cycles that the last copy took
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
// Registers, by their number of 64 bits.
localparam logic [14:0] DFH = 0, ID_LOW = 1, ID_HIGH = 2, SOURCE = 5, DESTINATION = 6, LINES = 7, START = 8, STATUS = 9,
	CYCLES = 10;
// Lines that are asked for and not yet written: more than the memory's latency in cycles.
localparam int DEPTH = 512;

typedef logic [16:0] count_t;

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
count_t lines;
logic start, with_interrupt, busy, done;
logic [63:0] cycles;

function automatic logic [63:0] register_at(logic [14:0] number);
	case (number)
	DFH: return 64'h1000_0100_0000_0000;
	ID_LOW: return AFU_ID[63:0];
	ID_HIGH: return AFU_ID[127:64];
	SOURCE: return {16'h0, source, 6'h0};
	DESTINATION: return {16'h0, destination, 6'h0};
	LINES: return 64'(lines);
	STATUS: return {62'h0, done, busy};
	CYCLES: return cycles;
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
		SOURCE: source <= rx.c0.data[47:6];
		DESTINATION: destination <= rx.c0.data[47:6];
		LINES: lines <= rx.c0.data > 512'd65536 ? 17'd65536 : rx.c0.data[16:0];
		START: begin
			start <= rx.c0.data[0] && lines != 0;
			with_interrupt <= rx.c0.data[1];
		end
		default: ;
		endcase
	end
	if (reset) begin
		start <= 1'b0;
		with_interrupt <= 1'b0;
		source <= '0;
		destination <= '0;
		lines <= '0;
	end
end

// ---- reads ----

count_t asked, taken, answered; // reads sent, writes sent, writes answered
count_t in_flight;
logic ask;
assign in_flight = asked - taken;
assign ask = busy && asked != lines && in_flight < count_t'(DEPTH) && !rx.c0TxAlmFull;

always_ff @(posedge pClk) begin
	tx.c0.valid <= ask && !reset;
	tx.c0.hdr <= '0;
	tx.c0.hdr.req_type <= eREQ_RDLINE_I;
	tx.c0.hdr.address <= source + t_ccip_clAddr'(asked);
	tx.c0.hdr.mdata <= t_ccip_mdata'(asked);
end

// ---- lines that came and are not yet written ----

typedef struct packed {
	t_ccip_mdata number;
	t_ccip_clData data;
} line_t;

line_t waiting[DEPTH];
logic [$clog2(DEPTH):0] put, get;
logic came, write;
assign came = rx.c0.rspValid && rx.c0.hdr.resp_type == eRSP_RDLINE;
assign write = put != get && !rx.c1TxAlmFull;

always_ff @(posedge pClk) begin
	if (came) begin
		waiting[put[$clog2(DEPTH)-1:0]] <= '{number: rx.c0.hdr.mdata, data: rx.c0.data};
		put <= put + 1'b1;
	end
	if (write)
		get <= get + 1'b1;
	if (reset || start) begin
		put <= '0;
		get <= '0;
	end
end

// ---- writes, and the interrupt after them ----

line_t line;
assign line = waiting[get[$clog2(DEPTH)-1:0]];

t_ccip_c1_ReqMemHdr write_header;
t_ccip_c1_ReqIntrHdr interrupt_header;
always_comb begin
	write_header = '0;
	write_header.sop = 1'b1;
	write_header.req_type = eREQ_WRLINE_I;
	write_header.address = destination + t_ccip_clAddr'(line.number);
	write_header.mdata = line.number;
	interrupt_header = '0;
	interrupt_header.req_type = eREQ_INTR;
end

logic wrote, last, interrupt;
assign wrote = rx.c1.rspValid && rx.c1.hdr.resp_type == eRSP_WRLINE;
assign last = busy && wrote && answered + 17'd1 == lines;

always_ff @(posedge pClk) begin
	tx.c1.valid <= (write || (interrupt && !rx.c1TxAlmFull)) && !reset;
	tx.c1.hdr <= write ? write_header : t_ccip_c1_ReqMemHdr'(interrupt_header);
	tx.c1.data <= line.data;
	interrupt <= (last && with_interrupt) || (interrupt && rx.c1TxAlmFull);
	if (reset)
		interrupt <= 1'b0;
end

// ---- what stands ----

always_ff @(posedge pClk) begin
	asked <= asked + count_t'(ask);
	taken <= taken + count_t'(write);
	answered <= answered + count_t'(wrote);
	cycles <= cycles + 64'(busy);
	if (last) begin
		busy <= 1'b0;
		done <= 1'b1;
	end
	if (start) begin
		asked <= '0;
		taken <= '0;
		answered <= '0;
		cycles <= '0;
		busy <= 1'b1;
		done <= 1'b0;
	end
	if (reset) begin
		busy <= 1'b0;
		done <= 1'b0;
		cycles <= '0;
	end
end

endmodule
