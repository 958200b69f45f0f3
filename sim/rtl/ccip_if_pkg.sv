// SPDX-License-Identifier: BSD-3-Clause
// CCI-P, the core cache interface of OPAE's FPGA cards: its sizes, codes, headers and channels.
// The names are those that published AFUs use; the header fields are listed from the top bit down.
`ifndef CCIP_IF_PKG_SV
`define CCIP_IF_PKG_SV

package ccip_if_pkg;

parameter CCIP_VERSION_NUMBER = 12'h080;

parameter CCIP_CLADDR_WIDTH = 42;
parameter CCIP_CLDATA_WIDTH = 512;
parameter CCIP_MMIOADDR_WIDTH = 16; // in units of four bytes
parameter CCIP_MMIODATA_WIDTH = 64;
parameter CCIP_TID_WIDTH = 9;
parameter CCIP_MDATA_WIDTH = 16;

// Requests that are still accepted after almost full was raised.
parameter CCIP_TX_ALMOST_FULL_THRESHOLD = 8;
// Cycles of pClk in which a read of a register must be answered.
parameter CCIP_MMIO_RD_TIMEOUT = 65536;
parameter CCIP_SYNC_RESET_POLARITY = 1;

typedef logic [CCIP_CLADDR_WIDTH-1:0] t_ccip_clAddr;
typedef logic [CCIP_CLDATA_WIDTH-1:0] t_ccip_clData;
typedef logic [CCIP_MMIOADDR_WIDTH-1:0] t_ccip_mmioAddr;
typedef logic [CCIP_MMIODATA_WIDTH-1:0] t_ccip_mmioData;
typedef logic [CCIP_TID_WIDTH-1:0] t_ccip_tid;
typedef logic [CCIP_MDATA_WIDTH-1:0] t_ccip_mdata;
typedef logic [1:0] t_ccip_clNum;
typedef logic [2:0] t_ccip_qwIdx;
typedef logic [5:0] t_ccip_clByteIdx;

typedef enum logic [3:0] {
	eREQ_RDLINE_I = 4'h0,
	eREQ_RDLINE_S = 4'h1,
	eREQ_RDLSPEC_I = 4'h2,
	eREQ_RDLSPEC_S = 4'h3
} t_ccip_c0_req;

typedef enum logic [3:0] {
	eREQ_WRLINE_I = 4'h0,
	eREQ_WRLINE_M = 4'h1,
	eREQ_WRPUSH_I = 4'h2,
	eREQ_WRFENCE = 4'h4,
	eREQ_INTR = 4'h6
} t_ccip_c1_req;

typedef enum logic [3:0] {
	eRSP_RDLINE = 4'h0,
	eRSP_UMSG = 4'h4
} t_ccip_c0_rsp;

typedef enum logic [3:0] {
	eRSP_WRLINE = 4'h0,
	eRSP_WRFENCE = 4'h4,
	eRSP_INTR = 4'h6
} t_ccip_c1_rsp;

typedef enum logic [1:0] {
	eVC_VA = 2'b00,
	eVC_VL0 = 2'b01,
	eVC_VH0 = 2'b10,
	eVC_VH1 = 2'b11
} t_ccip_vc;

typedef enum logic [1:0] {
	eCL_LEN_1 = 2'b00,
	eCL_LEN_2 = 2'b01,
	eCL_LEN_4 = 2'b11
} t_ccip_clLen;

typedef enum logic {
	eMOD_CL = 1'b0,
	eMOD_BYTE = 1'b1
} t_ccip_mem_access_mode;

// Requests of the AFU.
typedef struct packed {
	t_ccip_vc vc_sel;
	logic [1:0] rsvd1;
	t_ccip_clLen cl_len;
	t_ccip_c0_req req_type;
	logic [5:0] rsvd0;
	t_ccip_clAddr address;
	t_ccip_mdata mdata;
} t_ccip_c0_ReqMemHdr;
parameter CCIP_C0TX_HDR_WIDTH = $bits(t_ccip_c0_ReqMemHdr);

typedef struct packed {
	t_ccip_clByteIdx byte_len;
	t_ccip_vc vc_sel;
	logic sop;
	t_ccip_mem_access_mode mode;
	t_ccip_clLen cl_len;
	t_ccip_c1_req req_type;
	t_ccip_clByteIdx byte_start;
	t_ccip_clAddr address;
	t_ccip_mdata mdata;
} t_ccip_c1_ReqMemHdr;
parameter CCIP_C1TX_HDR_WIDTH = $bits(t_ccip_c1_ReqMemHdr);

typedef struct packed {
	logic [5:0] rsvd2;
	t_ccip_vc vc_sel;
	logic [3:0] rsvd1;
	t_ccip_c1_req req_type;
	logic [47:0] rsvd0;
	t_ccip_mdata mdata;
} t_ccip_c1_ReqFenceHdr;

typedef struct packed {
	logic [5:0] rsvd2;
	t_ccip_vc vc_sel;
	logic [3:0] rsvd1;
	t_ccip_c1_req req_type;
	logic [61:0] rsvd0;
	logic [1:0] id;
} t_ccip_c1_ReqIntrHdr;

// Responses to them.
typedef struct packed {
	t_ccip_vc vc_used;
	logic rsvd1;
	logic hit_miss;
	logic error;
	logic rsvd0;
	t_ccip_clNum cl_num;
	t_ccip_c0_rsp resp_type;
	t_ccip_mdata mdata;
} t_ccip_c0_RspMemHdr;
parameter CCIP_C0RX_HDR_WIDTH = $bits(t_ccip_c0_RspMemHdr);

typedef struct packed {
	t_ccip_vc vc_used;
	logic rsvd1;
	logic hit_miss;
	logic format; // 1: this one response is for all lines of the packet
	logic rsvd0;
	t_ccip_clNum cl_num;
	t_ccip_c1_rsp resp_type;
	t_ccip_mdata mdata;
} t_ccip_c1_RspMemHdr;
parameter CCIP_C1RX_HDR_WIDTH = $bits(t_ccip_c1_RspMemHdr);

typedef struct packed {
	logic [7:0] rsvd0;
	t_ccip_c1_rsp resp_type;
	t_ccip_mdata mdata;
} t_ccip_c1_RspFenceHdr;

typedef struct packed {
	logic [7:0] rsvd1;
	t_ccip_c1_rsp resp_type;
	logic [13:0] rsvd0;
	logic [1:0] id;
} t_ccip_c1_RspIntrHdr;

// Registers: a request lies over the header of channel 0, the answer has its own channel.
typedef struct packed {
	t_ccip_mmioAddr address;
	logic [1:0] length; // 0: 4 bytes, 1: 8, 2: 64
	logic rsvd;
	t_ccip_tid tid;
} t_ccip_c0_ReqMmioHdr;

typedef struct packed {
	t_ccip_tid tid;
} t_ccip_c2_RspMmioHdr;
parameter CCIP_C2TX_HDR_WIDTH = $bits(t_ccip_c2_RspMmioHdr);

// What the AFU drives.
typedef struct packed {
	t_ccip_c0_ReqMemHdr hdr;
	logic valid;
} t_if_ccip_c0_Tx;

typedef struct packed {
	t_ccip_c1_ReqMemHdr hdr;
	t_ccip_clData data;
	logic valid;
} t_if_ccip_c1_Tx;

typedef struct packed {
	t_ccip_c2_RspMmioHdr hdr;
	logic mmioRdValid;
	t_ccip_mmioData data;
} t_if_ccip_c2_Tx;

typedef struct packed {
	t_if_ccip_c0_Tx c0;
	t_if_ccip_c1_Tx c1;
	t_if_ccip_c2_Tx c2;
} t_if_ccip_Tx;

// What the AFU is given. At most one of the three valid bits of c0 is set in a cycle.
typedef struct packed {
	t_ccip_c0_RspMemHdr hdr;
	t_ccip_clData data;
	logic rspValid;
	logic mmioRdValid;
	logic mmioWrValid;
} t_if_ccip_c0_Rx;

typedef struct packed {
	t_ccip_c1_RspMemHdr hdr;
	logic rspValid;
} t_if_ccip_c1_Rx;

typedef struct packed {
	logic c0TxAlmFull;
	logic c1TxAlmFull;
	t_if_ccip_c0_Rx c0;
	t_if_ccip_c1_Rx c1;
} t_if_ccip_Rx;

endpackage

`endif
