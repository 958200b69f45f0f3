// SPDX-License-Identifier: BSD-3-Clause
// Memories that begin with what a file says. A write to 0x80 is an address in all of them; from 0x100 on are the
// words that they have there.
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

t_ccip_c0_ReqMmioHdr mmio;
logic [3:0] at;
logic [15:0] first, tied;
logic [31:0] second;
logic [11:0] third;
logic [7:0] fourth;
logic [63:0] read;
assign mmio = t_ccip_c0_ReqMmioHdr'(pck_cp2af_sRx.c0.hdr);

altsyncram #(
	.operation_mode("ROM"), .width_a(16), .widthad_a(4), .init_file("./ip/rom.mif")
) rom (.clock0(pClk), .address_a(at), .q_a(first));

altera_syncram #(
	.operation_mode("SINGLE_PORT"), .width_a(32), .widthad_a(4), .init_file("words.hex")
) words (.clock0(pClk), .wren_a(1'b0), .data_a(32'h0), .address_a(at), .q_a(second));

altsyncram #(
	.operation_mode("ROM"), .width_a(12), .widthad_a(4), .init_file("twelve.hex")
) twelve (.clock0(pClk), .address_a(at), .q_a(third));

// The file has words of port A; port B sees halves of them.
altsyncram #(
	.operation_mode("DUAL_PORT"), .width_a(16), .widthad_a(3), .width_b(8), .widthad_b(4),
	.address_reg_b("CLOCK0"), .init_file("rom.mif")
) halves (.clock0(pClk), .wren_a(1'b0), .data_a(16'h0), .address_a(3'h0), .address_b(at), .q_b(fourth));

// The file has words of port B.
altera_syncram #(
	.operation_mode("DUAL_PORT"), .width_a(8), .widthad_a(5), .width_b(16), .widthad_b(4),
	.address_reg_b("CLOCK0"), .init_file("rom.mif"), .init_file_layout("PORT_B")
) pairs (.clock0(pClk), .wren_a(1'b0), .data_a(8'h0), .address_a(5'h0), .address_b(at), .q_b(tied));

always_ff @(posedge pClk) if (pck_cp2af_sRx.c0.mmioWrValid && mmio.address == 16'h20)
	at <= pck_cp2af_sRx.c0.data[3:0];

always_comb
	case (mmio.address)
	16'h0: read = 64'h1000_0100_0000_0000;
	16'h2: read = 64'(`AFU_ACCEL_UUID);
	16'h4: read = 64'(`AFU_ACCEL_UUID >> 64);
	16'h40: read = 64'(first);
	16'h42: read = 64'(second);
	16'h44: read = 64'(third);
	16'h46: read = 64'(fourth);
	16'h48: read = 64'(tied);
	default: read = 64'h0;
	endcase

always_ff @(posedge pClk) begin
	pck_af2cp_sTx.c0 <= '0;
	pck_af2cp_sTx.c1 <= '0;
	pck_af2cp_sTx.c2.hdr.tid <= mmio.tid;
	pck_af2cp_sTx.c2.data <= read;
	pck_af2cp_sTx.c2.mmioRdValid <= pck_cp2af_sRx.c0.mmioRdValid && !pck_cp2af_softReset;
end

endmodule
