// SPDX-License-Identifier: BSD-3-Clause
// Moves up to 65536 lines between the host's memory and a bank of the card's. The JSON asks for banks in pClk's domain.
//
//     0x28  the host's address, in lines of 64 bytes     0x48  start: bit 0; an interrupt at the end: bit 1;
//     0x30  the number of the bank's first line                to the host: bit 2, else to the bank
//     0x38  lines                                        0x50  bit 0: busy, bit 1: done
//     0x40  the bank                                     0x58  cycles that the last move took
//     0x60  how many banks there are                     0x68  how many lines a bank has
`include "platform_if.vh"
`include "afu_json_info.vh"

module ccip_std_afu #(
	parameter NUM_LOCAL_MEM_BANKS = 2
) (
	input logic pClk,
	input logic pClkDiv2,
	input logic pClkDiv4,
	input logic uClk_usr,
	input logic uClk_usrDiv2,
	input logic pck_cp2af_softReset,
	input logic [1:0] pck_cp2af_pwrState,
	input logic pck_cp2af_error,
	input t_if_ccip_Rx pck_cp2af_sRx,
	output t_if_ccip_Tx pck_af2cp_sTx,
	avalon_mem_if.to_fiu local_mem[NUM_LOCAL_MEM_BANKS]
);

import local_mem_cfg_pkg::*;

localparam logic [127:0] AFU_ID = `AFU_ACCEL_UUID;
// Registers, by their number of 64 bits.
localparam logic [14:0] DFH = 0, ID_LOW = 1, ID_HIGH = 2, HOST = 5, LOCAL = 6, LINES = 7, BANK = 8, START = 9,
	STATUS = 10, CYCLES = 11, BANKS = 12, BANK_LINES = 13;
// Lines that are asked for and not yet written.
localparam int DEPTH = 512, MOST_BURST = 8;
localparam int NUMBER = $clog2(DEPTH);
localparam int BANK_BITS = NUM_LOCAL_MEM_BANKS > 1 ? $clog2(NUM_LOCAL_MEM_BANKS) : 1;

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

t_ccip_clAddr host;
t_local_mem_addr first;
count_t lines;
logic [7:0] bank;
logic start, with_interrupt, to_host, busy, done;
logic [63:0] cycles;

function automatic logic [63:0] register_at(logic [14:0] number);
	case (number)
	DFH: return 64'h1000_0100_0000_0000;
	ID_LOW: return AFU_ID[63:0];
	ID_HIGH: return AFU_ID[127:64];
	HOST: return {16'h0, host, 6'h0};
	LOCAL: return 64'(first);
	LINES: return 64'(lines);
	BANK: return 64'(bank);
	STATUS: return {62'h0, done, busy};
	CYCLES: return cycles;
	BANKS: return 64'(NUM_LOCAL_MEM_BANKS);
	BANK_LINES: return 64'd1 << LOCAL_MEM_ADDR_WIDTH;
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
		HOST: host <= rx.c0.data[47:6];
		LOCAL: first <= rx.c0.data[LOCAL_MEM_ADDR_WIDTH-1:0];
		LINES: lines <= rx.c0.data > 512'd65536 ? 17'd65536 : rx.c0.data[16:0];
		BANK: bank <= rx.c0.data[7:0];
		START: begin
			start <= rx.c0.data[0] && lines != 0 && bank < 8'(NUM_LOCAL_MEM_BANKS);
			with_interrupt <= rx.c0.data[1];
			to_host <= rx.c0.data[2];
		end
		default: ;
		endcase
	end
	if (reset) begin
		start <= 1'b0;
		with_interrupt <= 1'b0;
		to_host <= 1'b0;
		host <= '0;
		first <= '0;
		lines <= '0;
		bank <= '0;
	end
end

// ---- the bank's port ----

logic mem_read, mem_write, mem_wait, mem_valid;
t_local_mem_addr mem_address;
t_local_mem_burst_cnt mem_burst;
t_local_mem_data mem_readdata;
logic [NUM_LOCAL_MEM_BANKS-1:0] waits, valids;
t_local_mem_data readdatas[NUM_LOCAL_MEM_BANKS];

for (genvar i = 0; i < NUM_LOCAL_MEM_BANKS; i++) begin : banks
	assign local_mem[i].read = mem_read && bank == i;
	assign local_mem[i].write = mem_write && bank == i;
	assign local_mem[i].address = mem_address;
	assign local_mem[i].burstcount = mem_burst;
	assign local_mem[i].writedata = line.data;
	assign local_mem[i].byteenable = '1;
	assign waits[i] = local_mem[i].waitrequest && bank == i;
	assign valids[i] = local_mem[i].readdatavalid && bank == i;
	assign readdatas[i] = local_mem[i].readdata;
end
assign mem_wait = |waits;
assign mem_valid = |valids;
assign mem_readdata = readdatas[bank[BANK_BITS-1:0]];

// ---- what is asked for, of the host by lines, of a bank by bursts ----

count_t asked, came, taken, answered; // taken: writes sent; answered: writes done
count_t left, in_flight;
logic ask_host, room;
assign left = lines - asked;
assign in_flight = asked - taken;
assign room = busy && left != 0 && in_flight < count_t'(DEPTH - MOST_BURST);
assign ask_host = room && !to_host && !rx.c0TxAlmFull;

always_ff @(posedge pClk) begin
	tx.c0.valid <= ask_host && !reset;
	tx.c0.hdr <= '0;
	tx.c0.hdr.req_type <= eREQ_RDLINE_I;
	tx.c0.hdr.address <= host + t_ccip_clAddr'(asked);
	tx.c0.hdr.mdata <= t_ccip_mdata'(asked);
end

// A read of the bank stays as it is until the bank has taken it. What is in flight only gets less meanwhile.
logic asked_bank;
t_local_mem_burst_cnt burst;
assign burst = left < count_t'(MOST_BURST) ? t_local_mem_burst_cnt'(left) : t_local_mem_burst_cnt'(MOST_BURST);
assign mem_read = room && to_host;
assign asked_bank = mem_read && !mem_wait;

// ---- lines that came and are not yet written ----

typedef struct packed {
	t_ccip_mdata number;
	t_ccip_clData data;
} line_t;

line_t waiting[DEPTH];
line_t arriving, line;
logic [NUMBER:0] put, get;
logic comes, goes;
assign comes = to_host ? mem_valid : rx.c0.rspValid && rx.c0.hdr.resp_type == eRSP_RDLINE;
assign arriving = to_host ? {t_ccip_mdata'(came), mem_readdata} : {rx.c0.hdr.mdata, rx.c0.data};
assign line = waiting[get[NUMBER-1:0]];

always_ff @(posedge pClk) begin
	if (comes) begin
		waiting[put[NUMBER-1:0]] <= arriving;
		put <= put + 1'b1;
		came <= came + 1'b1;
	end
	if (goes)
		get <= get + 1'b1;
	if (reset || start) begin
		put <= '0;
		get <= '0;
		came <= '0;
	end
end

// ---- writes, to the bank or to the host, and the interrupt after them ----

logic write_host, wrote, last, interrupt;
assign mem_write = busy && !to_host && put != get;
assign mem_address = to_host ? first + t_local_mem_addr'(asked) : first + t_local_mem_addr'(line.number);
assign mem_burst = to_host ? burst : t_local_mem_burst_cnt'(1);
assign write_host = busy && to_host && put != get && !rx.c1TxAlmFull;
assign goes = write_host || (mem_write && !mem_wait);
assign wrote = to_host ? rx.c1.rspValid && rx.c1.hdr.resp_type == eRSP_WRLINE : goes;
assign last = busy && wrote && answered + 17'd1 == lines;

t_ccip_c1_ReqMemHdr write_header;
t_ccip_c1_ReqIntrHdr interrupt_header;
always_comb begin
	write_header = '0;
	write_header.sop = 1'b1;
	write_header.req_type = eREQ_WRLINE_I;
	write_header.address = host + t_ccip_clAddr'(line.number);
	write_header.mdata = line.number;
	interrupt_header = '0;
	interrupt_header.req_type = eREQ_INTR;
end

always_ff @(posedge pClk) begin
	tx.c1.valid <= (write_host || (interrupt && !rx.c1TxAlmFull)) && !reset;
	tx.c1.hdr <= write_host ? write_header : t_ccip_c1_ReqMemHdr'(interrupt_header);
	tx.c1.data <= line.data;
	interrupt <= (last && with_interrupt) || (interrupt && rx.c1TxAlmFull);
	if (reset)
		interrupt <= 1'b0;
end

// ---- what stands ----

always_ff @(posedge pClk) begin
	asked <= asked + count_t'(ask_host) + (asked_bank ? count_t'(burst) : '0);
	taken <= taken + count_t'(goes);
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
