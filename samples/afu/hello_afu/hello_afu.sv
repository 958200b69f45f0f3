// SPDX-License-Identifier: BSD-3-Clause
// hello_afu: who it is, and a 64-bit scratch register at 0x80.
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
// Addresses count units of four bytes.
localparam t_ccip_mmioAddr DFH = 16'h0, ID_LOW = 16'h2, ID_HIGH = 16'h4, SCRATCH = 16'h20;

t_if_ccip_Rx rx;
t_ccip_c0_ReqMmioHdr mmio;
logic [63:0] scratch;

assign rx = pck_cp2af_sRx;
assign mmio = t_ccip_c0_ReqMmioHdr'(rx.c0.hdr);

function automatic logic [63:0] register_at(t_ccip_mmioAddr address);
	case ({address[15:1], 1'b0})
	DFH: return 64'h1000_0100_0000_0000; // an AFU, the end of the list
	ID_LOW: return AFU_ID[63:0];
	ID_HIGH: return AFU_ID[127:64];
	SCRATCH: return scratch;
	default: return 64'h0;
	endcase
endfunction

// A 32-bit access is to the half that bit 0 of the address names, and its data is in the low half.
always_ff @(posedge pClk) begin
	if (rx.c0.mmioWrValid && {mmio.address[15:1], 1'b0} == SCRATCH) begin
		if (mmio.length == 2'd1)
			scratch <= rx.c0.data[63:0];
		else if (mmio.address[0])
			scratch[63:32] <= rx.c0.data[31:0];
		else
			scratch[31:0] <= rx.c0.data[31:0];
	end
	if (pck_cp2af_softReset)
		scratch <= 64'h0;
end

logic [63:0] whole;
assign whole = register_at(mmio.address);

always_ff @(posedge pClk) begin
	pck_af2cp_sTx.c0 <= '0;
	pck_af2cp_sTx.c1 <= '0;
	pck_af2cp_sTx.c2.hdr.tid <= mmio.tid;
	pck_af2cp_sTx.c2.data <= mmio.length == 2'd0 && mmio.address[0] ? 64'(whole[63:32]) : whole;
	pck_af2cp_sTx.c2.mmioRdValid <= rx.c0.mmioRdValid && !pck_cp2af_softReset;
end

endmodule
