/* SPDX-License-Identifier: BSD-3-Clause */
/* The model of a simulation's host: registers, memory in strict order, interrupts. */
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/host/control.h"
#include "tests/unit/check.h"
#include "tests/unit/sim-rig.h"
#include "vfio-user/message.h"

#define DST (RIG_BYTES / 2)
#define FLAG_AT (RIG_BYTES - 64)

static struct sim_rig rig;

static int up(void **state)
{
	sim_rig_up_default(&rig);
	*state = &rig;
	return 0;
}

static int down(void **state)
{
	sim_rig_down(*state);
	return 0;
}

/* Who reads the answer splits it by blanks. */
static void a_name_is_one_word_of_the_status(void **state)
{
	struct sim_rig *r = *state;
	char answer[1024];
	uint64_t until;

	r->model.name = "my own afu";
	control_line(&r->h, "status", answer, sizeof(answer), &until);
	assert_non_null(strstr(answer, "ok model=my_own_afu pid="));
}

/* ---- registers ---- */

static void registers_are_words(void **state)
{
	struct sim_rig *r = *state;
	uint8_t wide[64], got[64], block[40], bytes[3];
	uint32_t half;

	assert_int_equal(sim_rig_get(r, 0), FAKE_DFH);
	assert_int_equal(sim_rig_get(r, 8), FAKE_GUID_LOW);
	sim_rig_set(r, FAKE_SCRATCH, UINT64_C(0x1122334455667788));
	sim_rig_write(r, VU_BAR0, FAKE_SCRATCH + 4, "\x0d\x0c\x0b\x0a", 4);
	assert_int_equal(sim_rig_get(r, FAKE_SCRATCH), UINT64_C(0x0a0b0c0d55667788));
	sim_rig_ask(r, VU_BAR0, FAKE_SCRATCH + 4, 4);
	sim_rig_answer(r, &half, 4);
	assert_int_equal(half, 0x0a0b0c0d);
	sim_rig_ask(r, VU_BAR0, FAKE_SCRATCH + 3, 3); /* across a word */
	sim_rig_answer(r, bytes, 3);
	assert_memory_equal(bytes, "\x55\x0d\x0c", 3);
	sim_rig_ask(r, VU_BAR0, 4, sizeof(block)); /* half a word at each end */
	sim_rig_answer(r, block, sizeof(block));
	assert_memory_equal(block + 4, "\x11\xe7\xd8\xc9", 4);
	assert_memory_equal(block + 36, "\x88\x77\x66\x55", 4);
	for (unsigned int i = 0; i < sizeof(wide); i++)
		wide[i] = (uint8_t)(i + 100);
	r->afu.accesses = 0;
	sim_rig_write(r, VU_BAR0, FAKE_WIDE, wide, sizeof(wide));
	sim_rig_settle(r);
	assert_int_equal(r->afu.accesses, 1);
	sim_rig_ask(r, VU_BAR0, FAKE_WIDE, sizeof(got));
	sim_rig_answer(r, got, sizeof(got));
	assert_memory_equal(got, wide, sizeof(got));
}

static void a_write_of_less_than_a_word_is_lost_and_told(void **state)
{
	struct sim_rig *r = *state;

	sim_rig_set(r, FAKE_SCRATCH, 5);
	sim_rig_write(r, VU_BAR0, FAKE_SCRATCH, "\xff", 1);
	assert_int_equal(sim_rig_get(r, FAKE_SCRATCH), 5);
	assert_int_equal(r->h.log.warnings, 1);
	assert_string_equal(r->h.log.rules[0].name, "mmio-narrow");
	assert_int_equal(r->h.log.errors, 0);
}

static void accesses_are_a_gap_apart(void **state)
{
	struct sim_rig *r = *state;
	struct settings set = r->h.set;

	for (unsigned int i = 0; i < 600; i++) /* more than the queue had room for at first */
		sim_rig_set(r, FAKE_SCRATCH, i);
	assert_int_equal(sim_rig_get(r, FAKE_SCRATCH), 599);
	assert_int_equal(r->afu.accesses, 601);
	assert_int_equal(r->afu.least_gap, 16);
	set.mmio_gap = 1;
	sim_rig_again(r, &set);
	for (unsigned int i = 0; i < 10; i++)
		sim_rig_set(r, FAKE_SCRATCH, i);
	sim_rig_settle(r);
	assert_int_equal(r->afu.least_gap, 1);
}

/* What is read for a megabyte is a hundred thousand accesses. */
static void a_crowd_of_accesses_is_bounded(void **state)
{
	struct sim_rig *r = *state;
	struct vu_access a = { 0, VU_BAR0, HOST_MMIO_BYTES };

	for (unsigned int i = 0; i < 8; i++)
		sim_rig_send_body(r, VU_REGION_READ, &a, sizeof(a));
	vu_server_glance(r->h.server, 64);
	assert_in_range(r->h.mmio.num, HOST_MMIO_CROWD, HOST_MMIO_CROWD + HOST_MMIO_BYTES / 8);
	for (unsigned int i = 0; i < 8; i++)
		vu_server_glance(r->h.server, 1); /* as who waits for an answer of his does */
	assert_in_range(r->h.mmio.num, HOST_MMIO_CROWD, HOST_MMIO_MOST);
	assert_in_range(r->h.mmio.room, 64, HOST_MMIO_MOST);
	assert_int_equal(sim_rig_rule(r, "mmio-crowd"), 7);
}

static void without_memory_enable_nobody_answers(void **state)
{
	struct sim_rig *r = *state;
	uint16_t off = PCI_COMMAND_MASTER;

	sim_rig_write(r, VU_CONFIG, PCI_COMMAND, &off, sizeof(off));
	r->afu.accesses = 0;
	assert_int_equal(sim_rig_get(r, 0), UINT64_MAX);
	sim_rig_set(r, FAKE_SCRATCH, 1);
	sim_rig_settle(r);
	assert_int_equal(r->afu.accesses, 0);
}

static void a_read_that_is_not_answered_is_ones_in_the_end(void **state)
{
	struct sim_rig *r = *state;
	uint64_t from, value;

	assert_int_equal(sim_rig_get(r, 0), FAKE_DFH);
	from = r->h.port.cycle;
	sim_rig_ask(r, VU_BAR0, FAKE_MUTE, 8);
	sim_rig_set(r, FAKE_SCRATCH, 7); /* what is posted behind it is not held up */
	sim_rig_cycles(r, 100);
	assert_int_equal(r->afu.regs[FAKE_SCRATCH / 8], 7);
	r->id--; /* the reply is the read's */
	sim_rig_answer(r, &value, 8);
	r->id++;
	assert_int_equal(value, UINT64_MAX);
	assert_in_range(r->h.port.cycle - from, HOST_MMIO_TIMEOUT, HOST_MMIO_TIMEOUT + 32);
	assert_int_equal(sim_rig_rule(r, "mmio-timeout"), 1);
	assert_int_equal(r->h.log.errors, 1);
}

/* Nobody else is given its tag meanwhile, as long as there are others. */
static void an_answer_that_comes_too_late_is_no_other_error(void **state)
{
	struct sim_rig *r = *state;
	uint64_t value;

	sim_rig_ask(r, VU_BAR0, FAKE_MUTE, 8); /* tag 0 */
	sim_rig_answer(r, &value, 8);
	for (unsigned int i = 0; i < 2 * HOST_MMIO_TAGS; i++)
		sim_rig_get(r, 0);
	host_mmio_done(&r->h.port, 0, 5);
	assert_int_equal(r->h.log.errors, 1);
	host_mmio_done(&r->h.port, 0, 5);
	assert_int_equal(sim_rig_rule(r, "mmio-unsolicited"), 1);
	for (unsigned int i = 0; i < HOST_MMIO_TAGS; i++)
		r->h.mmio.tags[i].given_up = true;
	for (unsigned int i = 0; i < HOST_MMIO_TAGS; i++)
		assert_int_equal(sim_rig_get(r, 0), FAKE_DFH);
	assert_int_equal(r->h.log.errors, 2);
}

static void an_answer_to_nothing_is_an_error(void **state)
{
	struct sim_rig *r = *state;

	sim_rig_get(r, FAKE_TWICE);
	host_mmio_done(&r->h.port, 1000, 0);
	assert_int_equal(sim_rig_rule(r, "mmio-unsolicited"), 2);
}

/* ---- memory ---- */

static void a_copy_takes_a_cycle_a_line(void **state)
{
	struct sim_rig *r = *state;
	const uint64_t lines = 1024;

	sim_rig_copy(r, 0, DST, lines, 0);
	sim_rig_settle(r);
	assert_true(sim_rig_copied(r, DST, lines));
	assert_int_equal(sim_rig_get(r, FAKE_COPIES), 1);
	/* The latencies of a read and of a write, and a few for the engine itself. */
	assert_in_range(sim_rig_get(r, FAKE_CYCLES), lines + 155, lines + 165);
	assert_int_equal(r->h.log.errors, 0);
}

static void bytes_that_are_not_enabled_stay(void **state)
{
	struct sim_rig *r = *state;

	memset(r->mem + DST, 0xee, 2 * HOST_LINE);
	sim_rig_copy(r, 0, DST, 1, FAKE_EVEN);
	sim_rig_settle(r);
	for (unsigned int i = 0; i < 2 * HOST_LINE; i++)
		assert_int_equal(r->mem[DST + i], i % 2 || i >= HOST_LINE ? 0xee : r->mem[i]);
}

static void the_afu_is_told_when_it_is_almost_full(void **state)
{
	struct sim_rig *r = *state;
	struct settings set = r->h.set;

	set.outstanding = 8;
	set.read_latency = 1000;
	sim_rig_again(r, &set);
	sim_rig_copy(r, 0, DST, 64, 0);
	sim_rig_settle(r);
	assert_true(sim_rig_copied(r, DST, 64));
	assert_true(sim_rig_get(r, FAKE_CYCLES) > 4000);
	assert_int_equal(r->h.log.errors, 0);
}

static void more_than_there_is_room_for_is_refused(void **state)
{
	struct sim_rig *r = *state;
	struct host_read read = { .iova = RIG_IOVA, .bytes = HOST_MAX_READ };
	struct host_write write = { .iova = RIG_IOVA, .bytes = 64, .enables = UINT64_MAX, .data = r->mem };
	unsigned int reads = 0, writes = 0;

	sim_rig_get(r, 0); /* the reset is over */
	while (host_read(&r->h.port, &read))
		assert_true(reads++ < 1000);
	while (host_write(&r->h.port, &write))
		assert_true(writes++ < 10000);
	assert_int_equal(reads * 8, host_most_lines(r->h.set.outstanding) + HOST_SLACK);
	assert_int_equal(writes, host_most_lines(r->h.set.outstanding) + HOST_SLACK);
	assert_false(host_fence(&r->h.port, 0, 0));
	read.bytes = HOST_MAX_READ + 1;
	assert_false(host_read(&r->h.port, &read));
	write.bytes = 0;
	assert_false(host_write(&r->h.port, &write));
}

static void nothing_goes_on_at_address_0(void **state)
{
	struct sim_rig *r = *state;
	struct host_read read = { .iova = UINT64_MAX - 63, .bytes = 65 };
	struct host_write write = { .iova = UINT64_MAX - 62, .bytes = 64, .enables = UINT64_MAX,
				    .data = r->mem };

	sim_rig_get(r, 0);
	assert_false(host_read(&r->h.port, &read));
	assert_false(host_write(&r->h.port, &write));
	read.bytes = 64;
	write.iova--;
	assert_true(host_read(&r->h.port, &read));
	assert_true(host_write(&r->h.port, &write));
}

static void an_unmapped_read_is_ones_and_the_simulation_lives(void **state)
{
	struct sim_rig *r = *state;

	sim_rig_set(r, FAKE_SRC, 0x7000);
	sim_rig_set(r, FAKE_DST, RIG_IOVA + DST);
	sim_rig_set(r, FAKE_LINES, 2);
	sim_rig_set(r, FAKE_CTL, FAKE_START);
	sim_rig_settle(r);
	for (unsigned int i = 0; i < 2 * HOST_LINE; i++)
		assert_int_equal(r->mem[DST + i], 0xff);
	assert_int_equal(sim_rig_get(r, FAKE_STATUS), UINT64_C(2) << 32);
	assert_int_equal(sim_rig_rule(r, "memory-read"), 2);
	sim_rig_set(r, FAKE_SRC, RIG_IOVA);
	sim_rig_set(r, FAKE_DST, RIG_IOVA + RIG_BYTES - HOST_LINE); /* the second line is behind the end */
	sim_rig_set(r, FAKE_CTL, FAKE_START);
	sim_rig_settle(r);
	assert_memory_equal(r->mem + RIG_BYTES - HOST_LINE, r->mem, HOST_LINE);
	assert_int_equal(sim_rig_rule(r, "memory-write"), 1);
	assert_int_equal(ftell(r->h.log.memory) > 0, 1);
	assert_false(r->h.ending);
}

static unsigned int lines_of(const struct sim_rig *r, const char *name, char *last, int room)
{
	char path[sizeof(r->dir) + 64];
	unsigned int lines = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(last, room, f))
		lines++;
	fclose(f);
	return lines;
}

/* An AFU that does the same wrong thing in each cycle does not fill the disk. */
static void what_is_wrong_again_and_again_is_only_counted(void **state)
{
	struct sim_rig *r = *state;
	char last[256];

	for (unsigned int i = 0; i < LOG_LINES + 10; i++) {
		log_fault(&r->h, false, 0x1000, 64, "not mapped");
		host_warning(&r->h.port, "odd", "%s", "it is odd");
	}
	assert_int_equal(sim_rig_rule(r, "memory-read"), LOG_LINES + 10);
	assert_int_equal(r->h.log.warnings, LOG_LINES + 10);
	assert_int_equal(lines_of(r, "ase_memory_error.log", last, sizeof(last)), LOG_LINES + 1);
	assert_non_null(strstr(last, "read there were 100000; more are only counted"));
	assert_int_equal(lines_of(r, "ccip_warning_and_errors.txt", last, sizeof(last)), 2 * (LOG_LINES + 1));
	assert_non_null(strstr(last, "odd\tthere were 100000; more are only counted"));
	log_fault(&r->h, true, 0x1000, 64, "not mapped"); /* another one is told */
	lines_of(r, "ase_memory_error.log", last, sizeof(last));
	assert_non_null(strstr(last, "write of 64 bytes at 0x1000: not mapped"));
}

static void the_first_error_ends_a_strict_simulation(void **state)
{
	struct sim_rig *r = *state;
	struct settings set = r->h.set;

	set.strict_rules = true;
	sim_rig_again(r, &set);
	sim_rig_get(r, FAKE_TWICE);
	assert_true(r->h.ending);
}

static void a_device_that_is_no_bus_master_reaches_nothing(void **state)
{
	struct sim_rig *r = *state;
	uint16_t off = PCI_COMMAND_MEMORY;

	sim_rig_command(r, VU_DEVICE_RESET, NULL, 0, -1);
	sim_rig_write(r, VU_CONFIG, PCI_COMMAND, &off, sizeof(off));
	sim_rig_copy(r, 0, DST, 1, 0);
	sim_rig_settle(r);
	assert_false(sim_rig_copied(r, DST, 1));
	assert_int_equal(sim_rig_rule(r, "memory-read") + sim_rig_rule(r, "memory-write"), 2);
}

static void memory_without_a_descriptor_is_asked_for(void **state)
{
	struct sim_rig *r = *state;
	struct {
		struct vu_dma_access a;
		uint8_t line[HOST_LINE];
	} answer = { { RIG_FAR, HOST_LINE }, "far away" };

	sim_rig_set(r, FAKE_SRC, RIG_FAR);
	sim_rig_set(r, FAKE_DST, RIG_IOVA + DST);
	sim_rig_set(r, FAKE_LINES, 2);
	sim_rig_set(r, FAKE_CTL, FAKE_START);
	for (uint16_t i = 1; i <= 2; i++) { /* under way before they are asked for */
		sim_rig_reply(r, i, VU_DMA_READ, &answer, sizeof(answer));
		answer.a.address += HOST_LINE;
		answer.line[0]++;
	}
	sim_rig_settle(r);
	assert_string_equal((char *)r->mem + DST, "far away");
	assert_string_equal((char *)r->mem + DST + HOST_LINE, "gar away");
	assert_int_equal(r->h.log.errors, 0);
}

/* ---- interrupts ---- */

static void an_interrupt_reaches_its_eventfd(void **state)
{
	struct sim_rig *r = *state;

	assert_false(sim_rig_fired(r));
	sim_rig_copy(r, 0, DST, 4, FAKE_INTERRUPT | FAKE_FENCE | 3 << 8);
	while (!sim_rig_fired(r))
		host_cycle(&r->h);
	assert_true(sim_rig_copied(r, DST, 4));
	sim_rig_settle(r);
	assert_int_equal(sim_rig_get(r, FAKE_STATUS), 0);
	sim_rig_copy(r, 0, DST, 4, FAKE_INTERRUPT | 200 << 8); /* there is no such vector */
	sim_rig_settle(r);
	assert_false(sim_rig_fired(r));
	assert_int_equal(sim_rig_get(r, FAKE_STATUS), UINT64_C(1) << 32);
	assert_int_equal(sim_rig_rule(r, "interrupt-vector"), 1);
	assert_int_equal(r->h.log.warnings, 0);
	sim_rig_copy(r, 0, DST, 4, FAKE_INTERRUPT | 5 << 8); /* there is, but nobody listens */
	sim_rig_settle(r);
	assert_int_equal(r->h.log.errors, 1);
	assert_int_equal(r->h.log.warnings, 1);
	assert_string_equal(r->h.log.rules[1].name, "interrupt-unbound");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_name_is_one_word_of_the_status),
		RIGGED(registers_are_words),
		RIGGED(a_write_of_less_than_a_word_is_lost_and_told),
		RIGGED(accesses_are_a_gap_apart),
		RIGGED(a_crowd_of_accesses_is_bounded),
		RIGGED(without_memory_enable_nobody_answers),
		RIGGED(a_read_that_is_not_answered_is_ones_in_the_end),
		RIGGED(an_answer_that_comes_too_late_is_no_other_error),
		RIGGED(an_answer_to_nothing_is_an_error),
		RIGGED(a_copy_takes_a_cycle_a_line),
		RIGGED(bytes_that_are_not_enabled_stay),
		RIGGED(the_afu_is_told_when_it_is_almost_full),
		RIGGED(more_than_there_is_room_for_is_refused),
		RIGGED(nothing_goes_on_at_address_0),
		RIGGED(an_unmapped_read_is_ones_and_the_simulation_lives),
		RIGGED(what_is_wrong_again_and_again_is_only_counted),
		RIGGED(the_first_error_ends_a_strict_simulation),
		RIGGED(a_device_that_is_no_bus_master_reaches_nothing),
		RIGGED(memory_without_a_descriptor_is_asked_for),
		RIGGED(an_interrupt_reaches_its_eventfd),
	};

	return RUN(tests);
}
