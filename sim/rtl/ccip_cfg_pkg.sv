// SPDX-License-Identifier: BSD-3-Clause
// What the simulated card can do, for AFUs that adapt to their platform. An array indexed by a
// channel or a length has one entry for each code of t_ccip_vc or t_ccip_clLen.
`ifndef CCIP_CFG_PKG_SV
`define CCIP_CFG_PKG_SV

package ccip_cfg_pkg;

parameter VERSION_NUMBER = 1;

typedef enum {
	C0_REQ_RDLINE_S = 1,
	C0_REQ_RDLINE_I = 2,
	C0_REQ_RDLSPEC_S = 4,
	C0_REQ_RDLSPEC_I = 8
} e_c0_req;

typedef enum {
	C1_REQ_WRLINE_S = 1,
	C1_REQ_WRLINE_I = 2,
	C1_REQ_WRPUSH_I = 4,
	C1_REQ_WRFENCE = 8,
	C1_REQ_INTR = 16
} e_c1_req;

parameter int VC_SUPPORTED[4] = '{1, 1, 1, 1};
parameter ccip_if_pkg::t_ccip_vc VC_DEFAULT = ccip_if_pkg::eVC_VA;
parameter int NUM_PHYS_CHANNELS = 3;
parameter int CL_LEN_SUPPORTED[4] = '{1, 1, 0, 1};
parameter int BYTE_EN_SUPPORTED = 1;
parameter int SUGGESTED_TIMING_REG_STAGES = 1;
parameter int C0_SUPPORTED_REQS = C0_REQ_RDLINE_S | C0_REQ_RDLINE_I | C0_REQ_RDLSPEC_S | C0_REQ_RDLSPEC_I;
parameter int C1_SUPPORTED_REQS =
	C1_REQ_WRLINE_S | C1_REQ_WRLINE_I | C1_REQ_WRPUSH_I | C1_REQ_WRFENCE | C1_REQ_INTR;
parameter int MAX_OUTSTANDING_MMIO_RD_REQS = 64;
// Lines in flight at which a channel is at its full rate.
parameter int C0_MAX_BW_ACTIVE_LINES[4] = '{256, 256, 256, 256};
parameter int C1_MAX_BW_ACTIVE_LINES[4] = '{128, 128, 128, 128};
parameter int PCLK_FREQ = 400; // MHz

endpackage

`endif
