// SPDX-License-Identifier: BSD-3-Clause
// Headers of the PCIe subsystem's packets: 256 bits in the low half of a packet's first beat. Names and
// places of fields are those of OFS. "PU" (power user) headers are PCIe's own; "DM" (data mover) headers,
// with bit 0 of tuser, count bytes. DW n is bits 32n+31 to 32n; structs list the highest bits first.
package pcie_ss_hdr_pkg;

localparam TUSER_WIDTH = ofs_pcie_ss_cfg_pkg::TUSER_WIDTH;
localparam PCIE_TAG_WIDTH = 10;
localparam PCIE_HDR_WIDTH = 128;
localparam HDR_WIDTH = 256;
localparam PF_WIDTH = 3;
localparam VF_WIDTH = 11;
localparam LOWER_ADDR_WIDTH = 24;

localparam PCIE_VDM_VENDOR_ID = 16'h1AB4;

localparam PCIE_TYPE_CPL = 5'b01010;
localparam PCIE_TYPE_MEM_RW = 5'b00000;

localparam PCIE_FMTTYPE_MEM_READ32 = 7'h00;
localparam PCIE_FMTTYPE_MEM_READ64 = 7'h20;
localparam PCIE_FMTTYPE_MEM_WRITE32 = 7'h40;
localparam PCIE_FMTTYPE_MEM_WRITE64 = 7'h60;
localparam PCIE_FMTTYPE_CFG_WRITE = 7'h44;
localparam PCIE_FMTTYPE_CPL = 7'h0A;
localparam PCIE_FMTTYPE_CPLD = 7'h4A;
localparam PCIE_FMTTYPE_FETCH_ADD32 = 7'h4C;
localparam PCIE_FMTTYPE_FETCH_ADD64 = 7'h6C;
localparam PCIE_FMTTYPE_SWAP32 = 7'h4D;
localparam PCIE_FMTTYPE_SWAP64 = 7'h6D;
localparam PCIE_FMTTYPE_CAS32 = 7'h4E;
localparam PCIE_FMTTYPE_CAS64 = 7'h6E;
// The top five bits of a message's type: without and with data.
localparam PCIE_FMTTYPE_MSGWOD = 5'b00110;
localparam PCIE_FMTTYPE_MSGWD = 5'b01110;

typedef enum logic [7:0] {
	M_RD = 8'h00,    // read, address of 32 bits
	DM_RD = 8'h20,   // read, address of 64 bits; the data mover's read
	DM_INTR = 8'h30, // the data mover's interrupt
	M_WR = 8'h40,    // write, address of 32 bits
	DM_CPL = 8'h4A,  // completion with data
	M_FADD32 = 8'h4C,
	M_SWAP32 = 8'h4D,
	M_CAS32 = 8'h4E,
	DM_WR = 8'h60,   // write, address of 64 bits; the data mover's write
	M_FADD64 = 8'h6C,
	M_SWAP64 = 8'h6D,
	M_CAS64 = 8'h6E
} ReqHdr_FmtType_e;

typedef struct packed {
	logic rsvd1;
	logic LN;
	logic TH;
	logic TD;
	logic EP;
	logic [1:0] rsvd2;
	logic [1:0] AT;
} ReqHdr_Attr_t;

typedef logic [10:0] ReqHdr_vf_num_t;
typedef logic [2:0] ReqHdr_pf_num_t;

// Which function a port belongs to.
typedef struct packed {
	ReqHdr_pf_num_t pf_num;
	ReqHdr_vf_num_t vf_num;
	logic vf_active;
} ReqHdr_pf_vf_info_t;

// A read, a write or an atomic, PU. An address of 32 bits is in host_addr_h.
typedef struct packed {
	logic [31:0] metadata_l;   // DW 7
	logic [31:0] metadata_h;   // DW 6
	logic [6:0] bar_number;    // DW 5
	logic mm_mode;
	logic [4:0] slot_num;
	logic [3:0] rsvd2;
	logic vf_active;
	logic [10:0] vf_num;
	logic [2:0] pf_num;
	logic [1:0] rsvd3;         // DW 4
	logic pref_present;
	logic [4:0] pref_type;
	logic [23:0] pref;
	logic [29:0] host_addr_l;  // DW 3: bits 31 to 2 of the address
	logic [1:0] PH;
	logic [31:0] host_addr_h;  // DW 2
	logic [15:0] req_id;       // DW 1
	logic [7:0] tag_l;
	logic [3:0] last_dw_be;
	logic [3:0] first_dw_be;
	ReqHdr_FmtType_e fmt_type; // DW 0
	logic tag_h;
	logic [2:0] TC;
	logic tag_m;
	ReqHdr_Attr_t attr;
	logic [9:0] length;        // in DWs
} PCIe_PUReqHdr_t;

// A read or a write, DM. The length, in bytes, is in three pieces.
typedef struct packed {
	logic [31:0] metadata_l;   // DW 7
	logic [31:0] metadata_h;   // DW 6
	logic [6:0] rsvd3;         // DW 5
	logic mm_mode;
	logic [4:0] slot_num;
	logic [3:0] rsvd4;
	logic vf_active;
	logic [10:0] vf_num;
	logic [2:0] pf_num;
	logic [1:0] rsvd5;         // DW 4
	logic pref_present;
	logic [4:0] pref_type;
	logic [23:0] pref;
	logic [29:0] host_addr_m;  // DW 3: bits 31 to 2
	logic [1:0] PH;
	logic [31:0] host_addr_h;  // DW 2: bits 63 to 32
	logic [1:0] host_addr_l;   // DW 1: bits 1 and 0
	logic [11:0] length_h;
	logic [1:0] length_l;
	logic [7:0] tag_l;
	logic [7:0] rsvd6;
	ReqHdr_FmtType_e fmt_type; // DW 0
	logic tag_h;
	logic [2:0] TC;
	logic tag_m;
	ReqHdr_Attr_t attr;
	logic [9:0] length_m;
} PCIe_ReqHdr_t;

// A completion, PU.
typedef struct packed {
	logic [31:0] metadata_l;   // DW 7
	logic [31:0] metadata_h;   // DW 6
	logic [6:0] rsvd1;         // DW 5
	logic mm_mode;
	logic [4:0] slot_num;
	logic [3:0] rsvd2;
	logic vf_active;
	logic [10:0] vf_num;
	logic [2:0] pf_num;
	logic [1:0] rsvd3;         // DW 4
	logic pref_present;
	logic [4:0] pref_type;
	logic [23:0] pref;
	logic [31:0] rsvd4;        // DW 3
	logic [15:0] req_id;       // DW 2
	logic [7:0] tag_l;
	logic rsvd5;
	logic [6:0] low_addr;
	logic [15:0] comp_id;      // DW 1
	logic [2:0] cpl_status;
	logic bcm;
	logic [11:0] byte_count;   // from this completion on
	ReqHdr_FmtType_e fmt_type; // DW 0
	logic tag_h;
	logic [2:0] TC;
	logic tag_m;
	ReqHdr_Attr_t attr;
	logic [9:0] length;
} PCIe_PUCplHdr_t;

// A completion, DM. FC: nothing of the request comes after it.
typedef struct packed {
	logic [31:0] metadata_l;   // DW 7
	logic [31:0] metadata_h;   // DW 6
	logic [6:0] rsvd1;         // DW 5
	logic mm_mode;
	logic [4:0] slot_num;
	logic [3:0] rsvd2;
	logic vf_active;
	logic [10:0] vf_num;
	logic [2:0] pf_num;
	logic [1:0] rsvd3;         // DW 4
	logic pref_present;
	logic [4:0] pref_type;
	logic [23:0] pref;
	logic [9:0] tag;           // DW 3
	logic FC;
	logic rsvd4;
	logic [1:0] length_h;
	logic [1:0] length_l;
	logic [15:0] low_addr_h;
	logic [15:0] rsvd5;        // DW 2
	logic [7:0] rsvd6;
	logic [7:0] low_addr_l;
	logic [15:0] rsvd7;        // DW 1
	logic [2:0] cpl_status;
	logic [12:0] rsvd8;
	ReqHdr_FmtType_e fmt_type; // DW 0
	logic rsvd9;
	logic [2:0] TC;            // bit 0 in a commit: of an interrupt
	logic rsvd10;
	ReqHdr_Attr_t attr;
	logic [9:0] length_m;
} PCIe_CplHdr_t;

// An interrupt, DM.
typedef struct packed {
	logic [31:0] rsvd1;        // DW 7
	logic [31:0] rsvd2;        // DW 6
	logic [6:0] rsvd3;         // DW 5
	logic mm_mode;
	logic [4:0] slot_num;
	logic [3:0] rsvd4;
	logic vf_active;
	logic [10:0] vf_num;
	logic [2:0] pf_num;
	logic [1:0] rsvd5;         // DW 4
	logic pref_present;
	logic [4:0] pref_type;
	logic [23:0] pref;
	logic [31:0] rsvd6;        // DW 3
	logic [15:0] rsvd7;        // DW 2
	logic [15:0] vector_num;
	logic [31:0] rsvd8;        // DW 1
	ReqHdr_FmtType_e fmt_type; // DW 0
	logic [23:0] rsvd9;
} PCIe_IntrHdr_t;

// Any PU packet: PCIe's four DWs as they are.
typedef struct packed {
	logic [63:0] rsvd1;
	logic [7:0] rsvd2;
	logic [4:0] slot_num;
	logic [6:0] bar_number;
	logic vf_active;
	logic [10:0] vf_num;
	logic [2:0] pf_num;
	logic [1:0] rsvd3;
	logic pref_present;
	logic [4:0] pref_type;
	logic [23:0] pref;
	logic [PCIE_HDR_WIDTH-1:0] hdr;
} PCIe_PUHdr_t;

function automatic bit func_is_addr32(input ReqHdr_FmtType_e fmttype);
	return !fmttype[5];
endfunction

function automatic bit func_is_addr64(input ReqHdr_FmtType_e fmttype);
	return fmttype[5];
endfunction

function automatic bit func_has_data(input ReqHdr_FmtType_e fmttype);
	return fmttype[6];
endfunction

function automatic bit func_is_completion(input ReqHdr_FmtType_e fmttype);
	return fmttype[3:2] == 2'b10;
endfunction

function automatic bit func_is_interrupt_req(input ReqHdr_FmtType_e fmttype);
	return fmttype == DM_INTR;
endfunction

function automatic bit func_is_atomic_req(input ReqHdr_FmtType_e fmttype);
	return fmttype[6] && fmttype[4:2] == 3'b011;
endfunction

function automatic bit func_is_mem_req(input ReqHdr_FmtType_e fmttype);
	return fmttype[4:0] == PCIE_TYPE_MEM_RW || func_is_atomic_req(fmttype);
endfunction

function automatic bit func_is_msg(input ReqHdr_FmtType_e fmttype);
	return !fmttype[7] && fmttype[5:3] == 3'b110;
endfunction

function automatic bit func_is_mem_req64(input ReqHdr_FmtType_e fmttype);
	return func_is_mem_req(fmttype) && func_is_addr64(fmttype);
endfunction

function automatic bit func_is_mem_req32(input ReqHdr_FmtType_e fmttype);
	return func_is_mem_req(fmttype) && func_is_addr32(fmttype);
endfunction

function automatic bit func_is_mwr_req(input ReqHdr_FmtType_e fmttype);
	return func_is_mem_req(fmttype) && func_has_data(fmttype);
endfunction

function automatic bit func_is_mrd_req(input ReqHdr_FmtType_e fmttype);
	return func_is_mem_req(fmttype) && !func_has_data(fmttype);
endfunction

function automatic logic func_hdr_is_dm_mode(input logic [TUSER_WIDTH-1:0] tuser_vendor);
	return tuser_vendor[ofs_pcie_ss_cfg_pkg::TUSER_DM_ENCODING_BIT];
endfunction

function automatic logic func_hdr_is_pu_mode(input logic [TUSER_WIDTH-1:0] tuser_vendor);
	return !func_hdr_is_dm_mode(tuser_vendor);
endfunction

endpackage
