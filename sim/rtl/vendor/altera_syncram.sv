// SPDX-License-Identifier: BSD-3-Clause
// A model of altera_syncram as it is documented: ROM, single port, simple and true dual port. Without ECC. Parameters
// that only say how the memory is made are taken and mean nothing here.
// verilator lint_off UNUSEDPARAM
// verilator lint_off UNUSEDSIGNAL
module altera_syncram #(
	parameter operation_mode = "BIDIR_DUAL_PORT",
	parameter int width_a = 1,
	parameter int widthad_a = 1,
	parameter int numwords_a = 0,
	parameter int width_b = 1,
	parameter int widthad_b = 1,
	parameter int numwords_b = 0,
	parameter int width_byteena_a = 1,
	parameter int width_byteena_b = 1,
	parameter int byte_size = 8,
	parameter outdata_reg_a = "UNREGISTERED",
	parameter outdata_reg_b = "UNREGISTERED",
	parameter outdata_aclr_a = "NONE",
	parameter outdata_aclr_b = "NONE",
	parameter address_reg_b = "CLOCK1",
	parameter address_aclr_a = "NONE",
	parameter address_aclr_b = "NONE",
	parameter indata_reg_b = "CLOCK1",
	parameter indata_aclr_a = "NONE",
	parameter indata_aclr_b = "NONE",
	parameter byteena_reg_b = "CLOCK1",
	parameter byteena_aclr_a = "NONE",
	parameter byteena_aclr_b = "NONE",
	parameter rdcontrol_reg_b = "CLOCK1",
	parameter rdcontrol_aclr_b = "NONE",
	parameter wrcontrol_aclr_a = "NONE",
	parameter wrcontrol_aclr_b = "NONE",
	parameter wrcontrol_wraddress_reg_b = "CLOCK1",
	parameter read_during_write_mode_port_a = "NEW_DATA_NO_NBE_READ",
	parameter read_during_write_mode_port_b = "NEW_DATA_NO_NBE_READ",
	parameter read_during_write_mode_mixed_ports = "DONT_CARE",
	parameter clock_enable_input_a = "NORMAL",
	parameter clock_enable_input_b = "NORMAL",
	parameter clock_enable_output_a = "NORMAL",
	parameter clock_enable_output_b = "NORMAL",
	parameter clock_enable_core_a = "USE_INPUT_CLKEN",
	parameter clock_enable_core_b = "USE_INPUT_CLKEN",
	parameter init_file = "UNUSED",
	parameter init_file_layout = "UNUSED",
	parameter power_up_uninitialized = "FALSE",
	parameter ram_block_type = "AUTO",
	parameter intended_device_family = "UNUSED",
	parameter enable_ecc = "FALSE",
	parameter ecc_pipeline_stage_enabled = "FALSE",
	parameter width_eccstatus = 3,
	parameter maximum_depth = 0,
	parameter implement_in_les = "OFF",
	parameter lpm_hint = "UNUSED",
	parameter optimization_option = "AUTO",
	parameter enable_coherent_read = "FALSE",
	parameter enable_force_to_zero = "FALSE",
	parameter enable_ecc_encoder_bypass = "FALSE",
	parameter outdata_sclr_a = "NONE",
	parameter outdata_sclr_b = "NONE",
	parameter address2_width_a = 1,
	parameter address2_width_b = 1,
	parameter width_eccencparity = 8,
	parameter lpm_type = "altera_syncram"
) (
	input tri0 wren_a,
	input tri0 wren_b,
	input tri1 rden_a,
	input tri1 rden_b,
	input tri1 [width_a-1:0] data_a,
	input tri1 [width_b-1:0] data_b,
	input tri1 [widthad_a-1:0] address_a,
	input tri1 [widthad_b-1:0] address_b,
	input tri1 clock0,
	input tri1 clock1,
	input tri1 clocken0,
	input tri1 clocken1,
	input tri1 clocken2,
	input tri1 clocken3,
	input tri0 aclr0,
	input tri0 aclr1,
	input tri1 [width_byteena_a-1:0] byteena_a,
	input tri1 [width_byteena_b-1:0] byteena_b,
	input tri0 addressstall_a,
	input tri0 addressstall_b,
	input tri0 sclr,
	input tri1 [widthad_a-1:0] address2_a,
	input tri1 [widthad_b-1:0] address2_b,
	input tri0 eccencbypass,
	input tri0 [width_eccencparity-1:0] eccencparity,
	output logic [width_a-1:0] q_a,
	output logic [width_b-1:0] q_b,
	output logic [width_eccstatus-1:0] eccstatus
);

localparam bit TWO_PORTS = operation_mode == "DUAL_PORT" || operation_mode == "BIDIR_DUAL_PORT";
localparam bit WRITES_B = operation_mode == "BIDIR_DUAL_PORT";
localparam bit WRITES_A = operation_mode != "ROM";

initial begin
	if (enable_ecc != "FALSE")
		$fatal(1, "altera_syncram: there is no model with ECC");
	if (TWO_PORTS && width_a % width_b != 0 && width_b % width_a != 0)
		$fatal(1, "altera_syncram: widths %0d and %0d are no multiples of each other", width_a, width_b);
end

ase_ram #(
	.WIDTH_A(width_a),
	.WIDTH_B(TWO_PORTS ? width_b : width_a),
	.ADDRESS_A(widthad_a),
	.ADDRESS_B(TWO_PORTS ? widthad_b : widthad_a),
	.WORDS_A(1 << widthad_a),
	.BYTE(byte_size),
	.ENABLES_A(width_byteena_a),
	.ENABLES_B(WRITES_B ? width_byteena_b : 1),
	.SECOND_CLOCK_B(address_reg_b == "CLOCK1"),
	.REGISTER_A(outdata_reg_a != "UNREGISTERED"),
	.REGISTER_B(outdata_reg_b != "UNREGISTERED"),
	.OUT_CLOCK1_A(outdata_reg_a == "CLOCK1"),
	.OUT_CLOCK1_B(outdata_reg_b == "CLOCK1"),
	.OLD_DATA_A(read_during_write_mode_port_a == "OLD_DATA"),
	.OLD_DATA_B(read_during_write_mode_port_b == "OLD_DATA"),
	.MIXED_NEW(read_during_write_mode_mixed_ports == "NEW_DATA"
		|| read_during_write_mode_mixed_ports == "NEW_A_OLD_B"),
	.INIT_FILE(init_file),
	.INIT_WIDTH(TWO_PORTS && init_file_layout == "PORT_B" ? width_b : width_a)
) ram (
	.clock0,
	.clock1,
	.enable0(clock_enable_input_a == "BYPASS" || clocken0),
	.enable1(clock_enable_input_b == "BYPASS" || clocken1),
	.clear_a((outdata_aclr_a == "CLEAR0" && aclr0) || (outdata_aclr_a == "CLEAR1" && aclr1)),
	.clear_b((outdata_aclr_b == "CLEAR0" && aclr0) || (outdata_aclr_b == "CLEAR1" && aclr1)),
	.write_a(WRITES_A && wren_a),
	.write_b(WRITES_B && wren_b),
	.read_a(rden_a),
	.read_b(rden_b),
	.stall_a(addressstall_a),
	.stall_b(addressstall_b),
	.address_a,
	.address_b(TWO_PORTS ? address_b : '0),
	.data_a,
	.data_b(TWO_PORTS ? data_b : '0),
	.enables_a(byteena_a),
	.enables_b(WRITES_B ? byteena_b : '1),
	.q_a,
	.q_b
);

assign eccstatus = '0;

endmodule
