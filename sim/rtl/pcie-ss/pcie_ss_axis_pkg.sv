// SPDX-License-Identifier: BSD-3-Clause
// A stream's signals as one struct.
package pcie_ss_axis_pkg;

localparam TDATA_WIDTH = pcie_ss_pkg::TDATA_WIDTH;
localparam TKEEP_WIDTH = TDATA_WIDTH / 8;
localparam TUSER_WIDTH = pcie_ss_pkg::TUSER_WIDTH;

typedef struct packed {
	logic tvalid;
	logic [TDATA_WIDTH-1:0] tdata;
	logic [TKEEP_WIDTH-1:0] tkeep;
	logic [TUSER_WIDTH-1:0] tuser;
	logic tlast;
} t_axis_pcie;
localparam T_AXIS_PCIE_WIDTH = $bits(t_axis_pcie);

endpackage
