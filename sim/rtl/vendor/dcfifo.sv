// SPDX-License-Identifier: BSD-3-Clause
// A model of dcfifo as it is documented, a FIFO between two clocks. Each side learns of the other's progress after as many
// of its own cycles as its synchronizer has stages. Parameters that only say how it is made are taken and mean
// nothing here.
// verilator lint_off UNUSEDPARAM
module dcfifo #(
	parameter int lpm_width = 1,
	parameter int lpm_widthu = 1,
	parameter int lpm_numwords = 2,
	parameter lpm_showahead = "OFF",
	parameter overflow_checking = "ON",
	parameter underflow_checking = "ON",
	parameter int rdsync_delaypipe = 0,
	parameter int wrsync_delaypipe = 0,
	parameter delay_rdusedw = 1,
	parameter delay_wrusedw = 1,
	parameter add_usedw_msb_bit = "OFF",
	parameter write_aclr_synch = "OFF",
	parameter read_aclr_synch = "OFF",
	parameter clocks_are_synchronized = "FALSE",
	parameter add_ram_output_register = "OFF",
	parameter use_eab = "ON",
	parameter ram_block_type = "AUTO",
	parameter enable_ecc = "FALSE",
	parameter intended_device_family = "UNUSED",
	parameter lpm_hint = "UNUSED",
	parameter lpm_type = "dcfifo"
) (
	input logic [lpm_width-1:0] data,
	input logic wrclk,
	input logic wrreq,
	input logic rdclk,
	input logic rdreq,
	input tri0 aclr,
	output logic [lpm_width-1:0] q,
	output logic rdempty,
	output logic rdfull,
	output logic wrempty,
	output logic wrfull,
	output logic [lpm_widthu-1:0] rdusedw,
	output logic [lpm_widthu-1:0] wrusedw,
	output logic [1:0] eccstatus
);

localparam bit AHEAD = lpm_showahead == "ON";
// The first two stages of the documented number are not told apart from the synchronizer's own.
localparam int READ_STAGES = rdsync_delaypipe > 2 ? rdsync_delaypipe - 2 : 2;
localparam int WRITE_STAGES = wrsync_delaypipe > 2 ? wrsync_delaypipe - 2 : 2;

logic [lpm_width-1:0] words[lpm_numwords];
// All words that were ever written and read, so that their difference is what is in the FIFO.
int written, read;
int seen_written[READ_STAGES], seen_read[WRITE_STAGES];
int in_read_side, in_write_side;
logic give, take;

assign in_read_side = seen_written[READ_STAGES-1] - read;
assign in_write_side = written - seen_read[WRITE_STAGES-1];
assign rdempty = in_read_side == 0;
assign rdfull = in_read_side == lpm_numwords;
assign wrempty = in_write_side == 0;
assign wrfull = in_write_side == lpm_numwords;
assign rdusedw = lpm_widthu'(in_read_side);
assign wrusedw = lpm_widthu'(in_write_side);
assign eccstatus = '0;
assign give = wrreq && !wrfull;
assign take = rdreq && !rdempty;

always_ff @(posedge wrclk or posedge aclr) begin
	if (aclr) begin
		written <= 0;
		for (int i = 0; i < WRITE_STAGES; i++)
			seen_read[i] <= 0;
	end else begin
		if (give) begin
			words[written % lpm_numwords] <= data;
			written <= written + 1;
		end
		seen_read[0] <= read;
		for (int i = 1; i < WRITE_STAGES; i++)
			seen_read[i] <= seen_read[i-1];
	end
end

logic [lpm_width-1:0] taken;
assign q = AHEAD ? words[read % lpm_numwords] : taken;

always_ff @(posedge rdclk or posedge aclr) begin
	if (aclr) begin
		read <= 0;
		taken <= '0;
		for (int i = 0; i < READ_STAGES; i++)
			seen_written[i] <= 0;
	end else begin
		if (take) begin
			taken <= words[read % lpm_numwords];
			read <= read + 1;
		end
		seen_written[0] <= written;
		for (int i = 1; i < READ_STAGES; i++)
			seen_written[i] <= seen_written[i-1];
	end
end

initial begin
	written = 0;
	read = 0;
	for (int i = 0; i < READ_STAGES; i++)
		seen_written[i] = 0;
	for (int i = 0; i < WRITE_STAGES; i++)
		seen_read[i] = 0;
end

endmodule
