// SPDX-License-Identifier: BSD-3-Clause
// One bank of local memory: what the AFU drives, as flip-flops of the bank's clock take it, as flat ports.
module ase_local_mem_bank (
	avalon_mem_if.to_afu mem,
	input logic stall,
	input logic valid,
	input logic [511:0] readdata,
	output logic reset,
	output logic read,
	output logic write,
	output logic [15:0] burst,
	output logic [63:0] address,
	output logic [63:0] enables,
	output logic [511:0] writedata
);

assign mem.waitrequest = stall;
assign mem.readdatavalid = valid;
assign mem.readdata = readdata;

always_ff @(posedge mem.clk) begin
	reset <= mem.reset;
	read <= mem.read;
	write <= mem.write;
	burst <= 16'(mem.burstcount);
	address <= 64'(mem.address);
	enables <= mem.byteenable;
	if (mem.write)
		writedata <= mem.writedata;
end

endmodule
