/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program on the public API against a simulation: the accelerator of tests/unit/fake-afu.h behind the
 * host's model, started by the program, or reached by its socket.
 */
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/card/card.h"
#include "tests/unit/fake-afu.h"

#define GUID "5c0ffee0-1122-4466-a5a0-b2d0c9d8e711"
#define PATIENCE_S 60

static pid_t sim; /* that listens on a socket; 0: none */
static char sim_socket[128];

static void configure(void)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/ase.cfg", card_dir());
	f = fopen(path, "we");
	assert_non_null(f);
	fputs("{\"plugins\": [\"ase\"], \"configurations\": {\"ase\": {\"enabled\": true, \"plugin\": "
	      "\"libase-opae.so\", \"configuration\": {}}}}", f);
	fclose(f);
	assert_int_equal(fpgaInitialize(path), FPGA_OK);
	unlink(path);
}

static int up_started(void **state)
{
	char command[512];

	(void)state;
	snprintf(command, sizeof(command), "%s --workdir %s", getenv("OPAE_TEST_FAKE_SIM"), card_dir());
	setenv("ASE_LOG", "0", 1);
	assert_int_equal(setenv("OPAE_ASE_EXEC", command, 1), 0);
	assert_int_equal(unsetenv("OPAE_ASE_SOCKET"), 0);
	configure();
	return 0;
}

static pid_t start_listening(void)
{
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(getenv("OPAE_TEST_FAKE_SIM"), "fake-sim", "--quiet", "--socket", sim_socket,
		      "--workdir", card_dir(), (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* It writes this when clients can come. */
static void await_ready(void)
{
	time_t end = time(NULL) + PATIENCE_S;
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/.ase_ready.pid", card_dir());
	while (stat(path, &st)) {
		assert_true(time(NULL) < end);
		usleep(1000);
	}
}

static int up_listening(void **state)
{
	(void)state;
	snprintf(sim_socket, sizeof(sim_socket), "%s/sim.sock", card_dir());
	sim = start_listening();
	await_ready();
	setenv("ASE_LOG", "0", 1);
	assert_int_equal(setenv("OPAE_ASE_SOCKET", sim_socket, 1), 0);
	assert_int_equal(unsetenv("OPAE_ASE_EXEC"), 0);
	configure();
	return 0;
}

static void remove_logs(void)
{
	static const char *const logs[] = { ".ase_ready.pid", "ase_memory_error.log", "ase_seed.txt",
					    "ccip_transactions.tsv", "ccip_warning_and_errors.txt",
					    "workspace_info.log", "ase.ctl", "sim.sock", "sim.sock.ctl" };
	char path[160];
	glob_t others = { 0 }; /* of simulations that ran beside another one */

	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", card_dir(), logs[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/*.[1-9]*", card_dir());
	if (!glob(path, 0, NULL, &others))
		for (size_t i = 0; i < others.gl_pathc; i++)
			unlink(others.gl_pathv[i]);
	globfree(&others);
}

static int down(void **state)
{
	int status;

	(void)state;
	assert_int_equal(fpgaFinalize(), FPGA_OK);
	if (sim) {
		kill(sim, SIGTERM);
		assert_int_equal(waitpid(sim, &status, 0), sim);
		sim = 0;
	}
	remove_logs();
	return 0;
}

static fpga_handle open_it(void)
{
	return open_nth(FPGA_ACCELERATOR, GUID, 0);
}

/* ---- registers ---- */

static void registers(void **state)
{
	fpga_handle h = open_it();
	uint64_t wide[8], *pointer;
	uint32_t half = 0;

	(void)state;
	assert_int_equal(read64(h, 0), FAKE_DFH);
	write64(h, FAKE_SCRATCH, UINT64_C(0x0123456789abcdef));
	assert_int_equal(read64(h, FAKE_SCRATCH), UINT64_C(0x0123456789abcdef));
	assert_int_equal(fpgaReadMMIO32(h, 0, FAKE_SCRATCH + 4, &half), FPGA_OK);
	assert_int_equal(half, 0x01234567);
	write32(h, FAKE_SCRATCH, 0x600df00d);
	assert_int_equal(fpgaReadMMIO32(h, 0, FAKE_SCRATCH, &half), FPGA_OK);
	assert_int_equal(half, 0x600df00d);
	for (unsigned int i = 0; i < 8; i++)
		wide[i] = 0x1000 + i;
	assert_int_equal(fpgaWriteMMIO512(h, 0, FAKE_WIDE, wide), FPGA_OK);
	for (unsigned int i = 0; i < 8; i++)
		assert_int_equal(read64(h, FAKE_WIDE + 8 * i), 0x1000 + i);
	assert_int_equal(fpgaMapMMIO(h, 0, NULL), FPGA_OK);
	assert_int_equal(fpgaMapMMIO(h, 0, &pointer), FPGA_NOT_SUPPORTED);
	assert_non_null(strstr(opaex_error_detail(), "use fpgaReadMMIO"));
	assert_int_equal(fpgaReset(h), FPGA_OK);
	assert_int_equal(read64(h, FAKE_SCRATCH), 0);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* OPAE's programs look for a device with this id, and have patience then. */
static void the_card_says_that_it_is_simulated(void **state)
{
	fpga_token t = nth_token(FPGA_DEVICE, NULL, 0);
	uint16_t vendor = 0, device = 0;
	fpga_properties p;

	(void)state;
	assert_int_equal(fpgaGetProperties(t, &p), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetVendorID(p, &vendor), FPGA_OK);
	assert_int_equal(fpgaPropertiesGetDeviceID(p, &device), FPGA_OK);
	assert_int_equal(vendor, 0x8086);
	assert_int_equal(device, 0x0a5e);
	assert_int_equal(fpgaDestroyProperties(&p), FPGA_OK);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}

/* ---- memory ---- */

static void start_copy(fpga_handle h, const struct shared *src, const struct shared *dst, uint64_t lines,
		       uint64_t ctl)
{
	write64(h, FAKE_SRC, src->io);
	write64(h, FAKE_DST, dst->io);
	write64(h, FAKE_LINES, lines);
	write64(h, FAKE_CTL, FAKE_START | ctl);
}

static void copy(fpga_handle h, const struct shared *src, const struct shared *dst, uint64_t lines)
{
	uint64_t copies = read64(h, FAKE_COPIES);

	start_copy(h, src, dst, lines, 0);
	await_register(h, FAKE_COPIES, UINT64_MAX, copies + 1);
	assert_int_equal(read64(h, FAKE_STATUS), 0);
	assert_memory_equal(dst->at, src->at, 64 * lines);
}

static void fill(const struct shared *s, unsigned int seed)
{
	unsigned char *at = s->at;

	for (uint64_t i = 0; i < s->bytes; i++)
		at[i] = (unsigned char)(i * 7 + i / 251 + seed);
}

static void copies(void **state)
{
	fpga_handle h = open_it();
	struct shared src = shared_new(h, 1 << 20), dst = shared_new(h, 1 << 20);

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		fill(&src, i);
		copy(h, &src, &dst, i ? 64u << i : 1u << 14);
	}
	shared_free(h, &src);
	shared_free(h, &dst);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* The program's own memory, which no descriptor leads to: each line is a message. */
static void copies_of_the_programs_own_memory(void **state)
{
	static _Alignas(64) char mine[2][4096 + 128];
	fpga_handle h = open_it();
	struct shared src = shared_own(h, mine[0] + 64, 4096), dst = shared_own(h, mine[1] + 64, 4096);
	struct shared own = shared_new(h, 4096);

	(void)state;
	fill(&src, 1);
	copy(h, &src, &dst, 64);
	copy(h, &src, &own, 64);
	fill(&own, 2);
	copy(h, &own, &dst, 64);
	assert_int_equal(mine[1][0], 0);
	assert_int_equal(mine[1][4096 + 64], 0);
	shared_free(h, &own);
	shared_free(h, &src);
	shared_free(h, &dst);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void interrupts(void **state)
{
	fpga_handle h = open_it();
	struct shared src = shared_new(h, 4096), dst = shared_new(h, 4096);
	fpga_event_handle eh;
	int fd = event_of(h, 3, &eh);

	(void)state;
	fill(&src, 3);
	for (unsigned int i = 0; i < 10; i++) {
		start_copy(h, &src, &dst, 64, FAKE_FENCE | FAKE_INTERRUPT | 3 << 8);
		await_event(fd);
		assert_memory_equal(dst.at, src.at, 4096);
		await_register(h, FAKE_STATUS, 1, 0);
	}
	assert_int_equal(fpgaUnregisterEvent(h, FPGA_EVENT_INTERRUPT, eh), FPGA_OK);
	assert_int_equal(fpgaDestroyEventHandle(&eh), FPGA_OK);
	shared_free(h, &src);
	shared_free(h, &dst);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void a_buffer_that_goes_while_it_is_copied(void **state)
{
	fpga_handle h = open_it();
	struct shared src = shared_new(h, 1 << 20), dst = shared_new(h, 1 << 20);

	(void)state;
	start_copy(h, &src, &dst, 1 << 14, 0);
	shared_free(h, &dst);
	assert_int_equal(fpgaReset(h), FPGA_OK);
	dst = shared_new(h, 1 << 20);
	fill(&src, 9);
	copy(h, &src, &dst, 1 << 14);
	shared_free(h, &src);
	shared_free(h, &dst);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void clients_one_after_the_other(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 5; i++) {
		fpga_handle h = open_it();
		struct shared src = shared_new(h, 4096), dst = shared_new(h, 4096);

		assert_int_equal(read64(h, FAKE_SCRATCH), 0); /* nothing of the one before */
		write64(h, FAKE_SCRATCH, i + 1);
		fill(&src, i);
		copy(h, &src, &dst, 64);
		assert_int_equal(fpgaClose(h), FPGA_OK); /* with its buffers */
	}
}

/* ---- its end ---- */

/* Its process, where this one has not started it itself: by what it writes of itself. */
static pid_t pid_of_it(void)
{
	char path[128];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/.ase_ready.pid", card_dir());
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "pid = %d", &pid), 1);
	fclose(f);
	return pid;
}

static void killed_while_it_copies(void **state)
{
	fpga_handle h = open_it();
	struct shared src = shared_new(h, 1 << 20), dst = shared_new(h, 1 << 20);
	fpga_result r = FPGA_OK;
	time_t end = time(NULL) + PATIENCE_S;
	uint64_t v;

	(void)state;
	start_copy(h, &src, &dst, 1 << 14, 0);
	assert_int_equal(kill(pid_of_it(), SIGKILL), 0);
	while (r == FPGA_OK && time(NULL) < end)
		r = fpgaReadMMIO64(h, 0, FAKE_STATUS, &v);
	assert_int_equal(r, FPGA_EXCEPTION);
	assert_int_equal(fpgaReadMMIO64(h, 0, FAKE_STATUS, &v), FPGA_EXCEPTION);
	assert_non_null(strstr(opaex_error_detail(), sim ? "gone" : "signal 9"));
	memset(dst.at, 1, dst.bytes); /* memory is still there */
	assert_int_equal(fpgaClose(h), FPGA_EXCEPTION);
	if (sim) { /* the next one is not another's to end */
		assert_int_equal(waitpid(sim, NULL, 0), sim);
		remove_logs();
		sim = start_listening();
		await_ready();
	}
	h = open_it();
	assert_int_equal(read64(h, 0), FAKE_DFH);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* ---- two programs ---- */

#ifndef __SANITIZE_THREAD__ /* which ends a child of several threads that starts one */
static void another_program(void **state)
{
	int status = -1;
	fpga_handle h;
	pid_t child;

	(void)state;
	h = open_it();
	write64(h, FAKE_SCRATCH, 5);
	child = fork();
	if (!child) {
		fpga_token t;
		fpga_handle other;
		bool fine;

		fpgaFinalize();
		configure();
		t = nth_token(FPGA_ACCELERATOR, GUID, 0);
		fine = fpgaOpen(t, &other, 0) == (sim ? FPGA_BUSY : FPGA_OK);
		_exit(fine && (sim || fpgaClose(other) == FPGA_OK) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(read64(h, FAKE_SCRATCH), 5);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* A program that has it open, and so much memory that its end takes a while. */
static void hold_it(int ready)
{
	size_t large = 256u << 20;
	char *memory = malloc(large);
	fpga_handle h;

	fpgaFinalize();
	configure();
	if (!memory || fpgaOpen(nth_token(FPGA_ACCELERATOR, GUID, 0), &h, 0) != FPGA_OK)
		_exit(1);
	memset(memory, 1, large);
	if (write(ready, memory, 1) == 1)
		pause();
	_exit(1);
}

/* Who is killed is gone a moment later, and the program that follows at once need not know. */
static void a_program_behind_one_that_was_killed(void **state)
{
	int ends[2];
	fpga_handle h;
	fpga_token t;
	pid_t child;
	char byte;

	(void)state;
	t = nth_token(FPGA_ACCELERATOR, GUID, 0);
	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (!child)
		hold_it(ends[1]);
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(fpgaOpen(t, &h, 0), FPGA_OK);
	assert_int_equal(fpgaClose(h), FPGA_OK);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(ends[0]);
	assert_int_equal(fpgaDestroyToken(&t), FPGA_OK);
}
#endif

#define BOTH(test)                                                   \
	cmocka_unit_test_setup_teardown(test, up_started, down),     \
		cmocka_unit_test_setup_teardown(test, up_listening, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(registers),
		BOTH(the_card_says_that_it_is_simulated),
		BOTH(copies),
		BOTH(copies_of_the_programs_own_memory),
		BOTH(interrupts),
		BOTH(a_buffer_that_goes_while_it_is_copied),
		BOTH(clients_one_after_the_other),
		BOTH(killed_while_it_copies),
#ifndef __SANITIZE_THREAD__
		BOTH(another_program),
		cmocka_unit_test_setup_teardown(a_program_behind_one_that_was_killed, up_listening, down),
#endif
	};

	return CARD_RUN(tests);
}
