// SPDX-License-Identifier: BSD-3-Clause
// One AXI stream of packets. What goes against its rules is reported by the simulation, not by assertions here.
interface pcie_ss_axis_if #(
	parameter USER_W = pcie_ss_pkg::TUSER_WIDTH,
	parameter DATA_W = pcie_ss_pkg::TDATA_WIDTH
) (
	input wire clk,
	input wire rst_n
);

localparam KEEP_W = DATA_W / 8;

logic tvalid;
logic tlast;
logic [USER_W-1:0] tuser_vendor;
logic [DATA_W-1:0] tdata;
logic [KEEP_W-1:0] tkeep;
logic tready;

modport source (
	input clk, rst_n,
	output tvalid, tlast, tuser_vendor, tdata, tkeep,
	input tready
);

modport sink (
	input clk, rst_n,
	input tvalid, tlast, tuser_vendor, tdata, tkeep,
	output tready
);

endinterface
