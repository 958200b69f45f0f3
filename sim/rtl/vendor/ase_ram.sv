// SPDX-License-Identifier: BSD-3-Clause
// The memory behind altsyncram and altera_syncram: two ports, each of which may read and write; inputs are always
// registered. A port that writes reads the new data by itself; the other port reads the old ones, or the new ones
// where that is asked for and both are of one clock.
`include "ase_init_files.vh" // ASE_INIT_FILES: where ase-build has put them

module ase_ram #(
	parameter int WIDTH_A = 1,
	parameter int WIDTH_B = 1,
	parameter int ADDRESS_A = 1,
	parameter int ADDRESS_B = 1,
	parameter int WORDS_A = 2,
	parameter int BYTE = 8,
	parameter int ENABLES_A = 1,
	parameter int ENABLES_B = 1,
	parameter bit SECOND_CLOCK_B = 0, // port B's inputs are registered by clock1
	parameter bit REGISTER_A = 0,     // the outputs have a register more
	parameter bit REGISTER_B = 0,
	parameter bit OUT_CLOCK1_A = 0,   // and it is of clock1
	parameter bit OUT_CLOCK1_B = 0,
	parameter bit OLD_DATA_A = 0,     // what a port reads that it writes at the same time
	parameter bit OLD_DATA_B = 0,
	parameter bit MIXED_NEW = 0,
	parameter string INIT_FILE = "",
	parameter int INIT_WIDTH = 1 // of a word in that file
) (
	input logic clock0,
	input logic clock1,
	input logic enable0,
	input logic enable1,
	input logic clear_a,
	input logic clear_b,
	input logic write_a,
	input logic write_b,
	input logic read_a,
	input logic read_b,
	input logic stall_a,
	input logic stall_b,
	input logic [ADDRESS_A-1:0] address_a,
	input logic [ADDRESS_B-1:0] address_b,
	input logic [WIDTH_A-1:0] data_a,
	input logic [WIDTH_B-1:0] data_b,
	input logic [ENABLES_A-1:0] enables_a,
	input logic [ENABLES_B-1:0] enables_b,
	output logic [WIDTH_A-1:0] q_a,
	output logic [WIDTH_B-1:0] q_b
);

// The ports may be of different widths: the memory is of words of the narrower one.
localparam int NARROW = WIDTH_A < WIDTH_B ? WIDTH_A : WIDTH_B;
localparam int PER_A = WIDTH_A / NARROW;
localparam int PER_B = WIDTH_B / NARROW;
localparam int WORDS = WORDS_A * PER_A;

logic [NARROW-1:0] memory[WORDS];

// What it begins with. ase-build has made texts of .mif and .hex files: NAME.BITS or NAME.Nbytes for words of so many
// bits or bytes, which begins with how many there are; and NAME, which says why there is none for other words.
localparam bit HAS_FILE = INIT_FILE != "" && INIT_FILE != "UNUSED";
localparam int INIT_BYTES = (INIT_WIDTH + 7) / 8;
localparam int INIT_WORDS = WORDS * NARROW / INIT_WIDTH;
logic [8*INIT_BYTES-1:0] init_words[HAS_FILE ? INIT_WORDS : 1];

// The folders of a name are those of the vendor's project.
function automatic string last_part(string path);
	for (int i = path.len() - 1; i >= 0; i--)
		if (path.getc(i) == "/")
			return path.substr(i + 1, path.len() - 1);
	return path;
endfunction

function automatic string text_of(string path);
	string exact;
	int fd;

	exact = $sformatf("%s.%0d", path, INIT_WIDTH);
	fd = $fopen(exact, "r");
	if (fd == 0)
		return $sformatf("%s.%0dbytes", path, INIT_BYTES);
	$fclose(fd);
	return exact;
endfunction

// Why a memory of this width cannot begin with it; "" if it can.
function automatic string problem_of(string path);
	string why;
	int count, fd;

	fd = $fopen(text_of(path), "r");
	if (fd != 0) begin
		if ($fscanf(fd, "// %d words", count) != 1)
			count = 0;
		$fclose(fd);
		return count <= INIT_WORDS ? "" :
			$sformatf("it has %0d words: make the file shorter or the memory larger", count);
	end
	fd = $fopen(path, "r");
	if (fd == 0)
		return {"there is no such file: name the .mif or .hex in sources.txt, or put it beside the ",
			"sources, and build again by ase-build"};
	void'($fgets(why, fd));
	$fclose(fd);
	return why;
endfunction

// The simulation ends then, before its first cycle.
import "DPI-C" function void ase_cannot_begin(input string why);

initial begin
	for (int i = 0; i < WORDS; i++)
		memory[i] = '0;
	if (HAS_FILE) begin
		string path, problem;

		path = {`ASE_INIT_FILES, "/", last_part(INIT_FILE)};
		problem = problem_of(path);
		for (int i = 0; i < INIT_WORDS; i++)
			init_words[i] = '0;
		if (problem == "")
			$readmemh(text_of(path), init_words);
		else
			ase_cannot_begin($sformatf("init_file \"%s\" of a memory of %0d words of %0d bits: %s",
				INIT_FILE, INIT_WORDS, INIT_WIDTH, problem));
		for (int i = 0; i < WORDS; i++)
			memory[i] = init_words[i * NARROW / INIT_WIDTH][i * NARROW % INIT_WIDTH +: NARROW];
	end
end

logic clock_b, enable_b;
assign clock_b = SECOND_CLOCK_B ? clock1 : clock0;
assign enable_b = SECOND_CLOCK_B ? enable1 : enable0;

function automatic logic [WIDTH_A-1:0] mask_a(logic [ENABLES_A-1:0] enables);
	for (int i = 0; i < WIDTH_A; i++)
		mask_a[i] = ENABLES_A == 1 ? enables[0] : enables[i / BYTE];
endfunction

function automatic logic [WIDTH_B-1:0] mask_b(logic [ENABLES_B-1:0] enables);
	for (int i = 0; i < WIDTH_B; i++)
		mask_b[i] = ENABLES_B == 1 ? enables[0] : enables[i / BYTE];
endfunction

logic [ADDRESS_A-1:0] held_a, at_a;
logic [ADDRESS_B-1:0] held_b, at_b;
assign at_a = stall_a ? held_a : address_a;
assign at_b = stall_b ? held_b : address_b;

logic [WIDTH_A-1:0] old_a, new_a, bits_a, read_data_a;
logic [WIDTH_B-1:0] old_b, new_b, bits_b, read_data_b;
assign bits_a = mask_a(enables_a);
assign bits_b = mask_b(enables_b);
assign new_a = (old_a & ~bits_a) | (data_a & bits_a);
assign new_b = (old_b & ~bits_b) | (data_b & bits_b);
always_comb begin
	for (int i = 0; i < PER_A; i++)
		old_a[i*NARROW +: NARROW] = memory[int'(at_a) * PER_A + i];
	for (int i = 0; i < PER_B; i++)
		old_b[i*NARROW +: NARROW] = memory[int'(at_b) * PER_B + i];
end

always_ff @(posedge clock0) if (enable0) begin
	held_a <= at_a;
	if (write_a)
		for (int i = 0; i < PER_A; i++)
			memory[int'(at_a) * PER_A + i] <= new_a[i*NARROW +: NARROW];
	if (read_a)
		read_data_a <= write_a && !OLD_DATA_A ? new_a : old_a;
end

// What port A writes at the moment to the word that port B reads.
logic [WIDTH_B-1:0] seen_b;
always_comb begin
	seen_b = old_b;
	if (MIXED_NEW && write_a && enable0)
		for (int i = 0; i < PER_A; i++)
			for (int j = 0; j < PER_B; j++)
				if (int'(at_a) * PER_A + i == int'(at_b) * PER_B + j)
					seen_b[j*NARROW +: NARROW] = new_a[i*NARROW +: NARROW];
end

always_ff @(posedge clock_b) if (enable_b) begin
	held_b <= at_b;
	if (write_b)
		for (int i = 0; i < PER_B; i++)
			memory[int'(at_b) * PER_B + i] <= new_b[i*NARROW +: NARROW];
	if (read_b)
		read_data_b <= write_b && !OLD_DATA_B ? new_b : seen_b;
end

logic out_clock_a, out_enable_a, out_clock_b, out_enable_b;
assign out_clock_a = OUT_CLOCK1_A ? clock1 : clock0;
assign out_enable_a = OUT_CLOCK1_A ? enable1 : enable0;
assign out_clock_b = OUT_CLOCK1_B ? clock1 : clock0;
assign out_enable_b = OUT_CLOCK1_B ? enable1 : enable0;

logic [WIDTH_A-1:0] register_a;
logic [WIDTH_B-1:0] register_b;
always_ff @(posedge out_clock_a or posedge clear_a)
	if (clear_a)
		register_a <= '0;
	else if (out_enable_a)
		register_a <= read_data_a;
always_ff @(posedge out_clock_b or posedge clear_b)
	if (clear_b)
		register_b <= '0;
	else if (out_enable_b)
		register_b <= read_data_b;

assign q_a = REGISTER_A ? register_a : read_data_a;
assign q_b = REGISTER_B ? register_b : read_data_b;

endmodule
