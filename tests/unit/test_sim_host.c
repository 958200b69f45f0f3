/* SPDX-License-Identifier: BSD-3-Clause */
/* The model of a simulation's host: registers, memory in strict order, interrupts, resets and clients. */
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
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
	struct settings set;

	settings_default(&set);
	sim_rig_up(&rig, &set);
	*state = &rig;
	return 0;
}

static int down(void **state)
{
	sim_rig_down(*state);
	return 0;
}

/* For a test with settings of its own. */
static void again(const struct settings *set)
{
	sim_rig_down(&rig);
	sim_rig_up(&rig, set);
}

static bool copied(const struct sim_rig *r, uint64_t lines)
{
	return !memcmp(r->mem, r->mem + DST, lines * HOST_LINE);
}

static bool fired(const struct sim_rig *r)
{
	eventfd_t v;

	return !eventfd_read(r->vector, &v);
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
	again(&set);
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
	assert_true(copied(r, lines));
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
	again(&set);
	sim_rig_copy(r, 0, DST, 64, 0);
	sim_rig_settle(r);
	assert_true(copied(r, 64));
	assert_true(sim_rig_get(r, FAKE_CYCLES) > 4000);
	assert_int_equal(r->h.log.errors, 0);
}

static void more_than_the_slack_is_refused(void **state)
{
	struct sim_rig *r = *state;
	struct host_read read = { .iova = RIG_IOVA, .bytes = HOST_MAX_READ };
	struct host_write write = { .iova = RIG_IOVA, .bytes = 64, .enables = UINT64_MAX, .data = r->mem };
	unsigned int reads = 0, writes = 0;

	sim_rig_get(r, 0); /* the reset is over */
	while (host_read(&r->h.port, &read))
		assert_true(reads++ < 1000);
	while (host_write(&r->h.port, &write))
		assert_true(writes++ < 1000);
	assert_int_equal(reads * 8, r->h.set.outstanding + HOST_SLACK);
	assert_int_equal(writes, r->h.set.outstanding + HOST_SLACK);
	assert_false(host_fence(&r->h.port, 0));
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

static void the_first_error_ends_a_strict_simulation(void **state)
{
	struct sim_rig *r = *state;
	struct settings set = r->h.set;

	set.strict_rules = true;
	again(&set);
	sim_rig_get(r, FAKE_TWICE);
	assert_true(r->h.ending);
}

static void a_device_that_is_no_bus_master_reaches_nothing(void **state)
{
	struct sim_rig *r = *state;
	uint16_t off = PCI_COMMAND_MEMORY;

	sim_rig_write(r, VU_CONFIG, PCI_COMMAND, &off, sizeof(off));
	sim_rig_copy(r, 0, DST, 1, 0);
	sim_rig_settle(r);
	assert_false(copied(r, 1));
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

/* The client resets the device while it is asked for its memory: the rest of the request reaches nothing. */
static void a_reset_while_memory_is_asked_for(void **state)
{
	struct sim_rig *r = *state;
	struct vu_dma_access a = { RIG_FAR, HOST_LINE };
	uint8_t answer[sizeof(a) + HOST_LINE] = { 0 };
	struct host_read read = { .iova = RIG_FAR, .bytes = 4 * HOST_LINE };

	sim_rig_get(r, 0);
	memcpy(answer, &a, sizeof(a));
	sim_rig_send(r, VU_DEVICE_RESET);
	sim_rig_reply(r, 1, VU_DMA_READ, answer, sizeof(answer));
	assert_true(host_read(&r->h.port, &read));
	sim_rig_settle(r);
	assert_int_equal(r->h.log.errors, 0);
	assert_int_equal(r->h.reads.due.num, 0);
}

/* The AFU takes answers before register accesses, as the adapter of PCIe SS does. */
static bool take_answers_first(void *self, struct host_port *p)
{
	struct host_read_line line;
	struct host_mmio m;

	(void)self;
	if (host_take_read(p, &line))
		host_take_mmio(p, &m);
	return true;
}

/* Memory is asked for in a cycle in which a register access waits to be taken. */
static void ask_with_accesses_waiting(struct sim_rig *r)
{
	struct settings set = r->h.set;
	struct host_read read = { .iova = RIG_FAR, .bytes = HOST_LINE };

	set.shuffle = true;
	again(&set);
	sim_rig_get(r, 0);
	r->model.tick = take_answers_first;
	for (unsigned int i = 0; i < 20; i++)
		sim_rig_set(r, FAKE_SCRATCH, i);
	assert_true(host_read(&r->h.port, &read));
}

static void goes_on(struct sim_rig *r)
{
	while (r->h.reads.due.num)
		host_cycle(&r->h);
	assert_int_equal(r->h.mmio.num, 0);
	r->model.tick = fake_afu_tick;
	sim_rig_settle(r);
	assert_int_equal(r->h.log.errors, 0);
}

static void a_reset_while_memory_is_asked_for_takes_accesses_along(void **state)
{
	struct sim_rig *r = *state;
	struct vu_dma_access a = { RIG_FAR, HOST_LINE };
	uint8_t answer[sizeof(a) + HOST_LINE] = { 0 };

	ask_with_accesses_waiting(r);
	memcpy(answer, &a, sizeof(a));
	sim_rig_send(r, VU_DEVICE_RESET);
	sim_rig_reply(r, 1, VU_DMA_READ, answer, sizeof(answer));
	goes_on(r);
}

static void a_client_that_dies_while_memory_is_asked_for_takes_accesses_along(void **state)
{
	struct sim_rig *r = *state;

	ask_with_accesses_waiting(r);
	close(r->peer);
	goes_on(r);
	sim_rig_join(r);
	assert_int_equal(sim_rig_get(r, 0), FAKE_DFH);
}

static void enable_unseen(struct sim_rig *r)
{
	struct {
		struct vu_access a;
		uint16_t command;
	} w = { { PCI_COMMAND, VU_CONFIG, 2 }, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER };

	sim_rig_send_body(r, VU_REGION_WRITE, &w, sizeof(w.a) + sizeof(w.command));
}

/* Reset, enabled again and read, all of it while the answer to a register read pushes a write. */
static void a_reset_while_an_answer_pushes_writes(void **state)
{
	struct sim_rig *r = *state;
	struct settings set = r->h.set;
	struct host_write w = { .iova = RIG_FAR, .bytes = 8, .enables = UINT64_MAX, .ordered = true,
				.data = r->dir };
	struct vu_dma_access done = { RIG_FAR, 8 };
	struct vu_access read = { FAKE_MUTE, VU_BAR0, 8 };
	uint8_t asked[sizeof(struct vu_header) + sizeof(done) + 8];
	uint64_t value;

	set.shuffle = true;
	again(&set);
	sim_rig_get(r, 0);
	r->afu.deaf = true;
	sim_rig_ask(r, VU_BAR0, FAKE_MUTE, 8);
	while (!r->h.mmio.outstanding)
		host_cycle(&r->h);
	assert_true(host_write(&r->h.port, &w));
	sim_rig_send(r, VU_DEVICE_RESET);
	enable_unseen(r);
	sim_rig_send_body(r, VU_REGION_READ, &read, sizeof(read));
	sim_rig_reply(r, 1, VU_DMA_WRITE, &done, sizeof(done));
	host_mmio_done(&r->h.port, r->h.mmio.next_tag - 1, 1);
	assert_int_equal(recv(r->peer, asked, sizeof(asked), MSG_DONTWAIT), sizeof(asked));
	r->id -= 3; /* the read that was under way */
	sim_rig_answer(r, &value, 8);
	assert_int_equal(value, UINT64_MAX);
	assert_int_equal(r->h.mmio.num, 1);
	assert_int_equal(r->h.mmio.gathers[0].left, 8); /* the new one was not answered by the old tag */
	host_mmio_done(&r->h.port, r->h.mmio.next_tag - 1, 1); /* nobody blames the AFU in that cycle */
	assert_int_equal(r->h.log.errors, 0);
}

/* What the AFU asked for before the reset reaches nothing after it, though the client is at it again. */
static void a_reset_stands_between_two_lines(void **state)
{
	struct sim_rig *r = *state;
	struct vu_dma_access a = { RIG_FAR, HOST_LINE };
	uint8_t answer[sizeof(a) + HOST_LINE] = { 0 };
	struct host_read read = { .iova = RIG_FAR, .bytes = HOST_LINE };
	struct host_write w = { .iova = RIG_IOVA + DST, .bytes = 8, .enables = UINT64_MAX, .data = r->dir };

	sim_rig_get(r, 0);
	memcpy(answer, &a, sizeof(a));
	memset(r->mem + DST, 0xee, HOST_LINE);
	sim_rig_send(r, VU_DEVICE_RESET);
	enable_unseen(r);
	sim_rig_reply(r, 1, VU_DMA_READ, answer, sizeof(answer));
	assert_true(host_read(&r->h.port, &read));
	assert_true(host_write(&r->h.port, &w));
	assert_true(host_interrupt(&r->h.port, 0, 3, false));
	assert_int_equal(r->mem[DST], 0xee);
	assert_false(fired(r));
	sim_rig_settle(r);
	assert_int_equal(r->h.log.errors, 0);
}

/* ---- interrupts ---- */

static void an_interrupt_reaches_its_eventfd(void **state)
{
	struct sim_rig *r = *state;

	assert_false(fired(r));
	sim_rig_copy(r, 0, DST, 4, FAKE_INTERRUPT | FAKE_FENCE | 3 << 8);
	while (!fired(r))
		host_cycle(&r->h);
	assert_true(copied(r, 4));
	sim_rig_settle(r);
	assert_int_equal(sim_rig_get(r, FAKE_STATUS), 0);
	sim_rig_copy(r, 0, DST, 4, FAKE_INTERRUPT | 200 << 8); /* there is no such vector */
	sim_rig_settle(r);
	assert_false(fired(r));
	assert_int_equal(sim_rig_get(r, FAKE_STATUS), UINT64_C(1) << 32);
	assert_int_equal(sim_rig_rule(r, "interrupt-vector"), 1);
	assert_int_equal(r->h.log.warnings, 0);
	sim_rig_copy(r, 0, DST, 4, FAKE_INTERRUPT | 5 << 8); /* there is, but nobody listens */
	sim_rig_settle(r);
	assert_int_equal(r->h.log.errors, 1);
	assert_int_equal(r->h.log.warnings, 1);
	assert_string_equal(r->h.log.rules[1].name, "interrupt-unbound");
}

/* ---- resets and clients ---- */

static void start_long_copy(struct sim_rig *r)
{
	sim_rig_copy(r, 0, DST, 1024, FAKE_FLAG);
	while (r->afu.written < 100)
		host_cycle(&r->h);
}

static void a_reset_in_the_middle_ends_everything(void **state)
{
	struct sim_rig *r = *state;
	static uint8_t seen[RIG_BYTES];
	uint64_t resets, value, from;

	start_long_copy(r);
	resets = r->afu.resets;
	sim_rig_ask(r, VU_BAR0, FAKE_MUTE, 8);
	sim_rig_cycles(r, 40);
	assert_int_equal(r->h.mmio.outstanding, 1);
	from = r->h.port.cycle;
	host_ask_reset(&r->h);
	sim_rig_answer(r, &value, 8);
	assert_int_equal(value, UINT64_MAX);
	memcpy(seen, r->mem, RIG_BYTES);
	assert_int_equal(r->h.port.cycle, from);
	host_cycle(&r->h);
	while (r->h.port.reset)
		host_cycle(&r->h);
	assert_true(r->h.port.cycle - from >= HOST_RESET_CYCLES);
	sim_rig_cycles(r, 2000);
	assert_memory_equal(seen, r->mem, RIG_BYTES);
	assert_int_equal(r->afu.resets, resets + 1);
	assert_int_equal(r->h.log.errors, 0);
}

static void a_reset_by_command_lets_the_client_go_on(void **state)
{
	struct sim_rig *r = *state;
	uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

	start_long_copy(r);
	sim_rig_command(r, VU_DEVICE_RESET, NULL, 0, -1);
	sim_rig_write(r, VU_CONFIG, PCI_COMMAND, &command, sizeof(command));
	assert_int_equal(sim_rig_get(r, FAKE_COPIES), 0); /* it waits for the end of the reset */
	sim_rig_copy(r, 0, DST + HOST_LINE, 4, 0);
	sim_rig_settle(r);
	assert_memory_equal(r->mem, r->mem + DST + HOST_LINE, 4 * HOST_LINE);
	assert_int_equal(r->h.log.errors, 0);
}

static void a_client_that_dies_leaves_a_clean_device(void **state)
{
	struct sim_rig *r = *state;

	start_long_copy(r);
	sim_rig_leave(r);
	sim_rig_settle(r);
	assert_int_equal(r->h.log.errors, 0); /* nobody wants to hear of its memory */
	sim_rig_join(r);
	assert_int_equal(sim_rig_get(r, FAKE_LINES), 0);
	sim_rig_copy(r, 0, DST, 4, FAKE_INTERRUPT | 3 << 8);
	sim_rig_settle(r);
	assert_true(copied(r, 4));
	assert_true(fired(r));
	assert_int_equal(r->h.sessions, 2);
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
		RIGGED(an_answer_to_nothing_is_an_error),
		RIGGED(a_copy_takes_a_cycle_a_line),
		RIGGED(bytes_that_are_not_enabled_stay),
		RIGGED(the_afu_is_told_when_it_is_almost_full),
		RIGGED(more_than_the_slack_is_refused),
		RIGGED(nothing_goes_on_at_address_0),
		RIGGED(an_unmapped_read_is_ones_and_the_simulation_lives),
		RIGGED(the_first_error_ends_a_strict_simulation),
		RIGGED(a_device_that_is_no_bus_master_reaches_nothing),
		RIGGED(memory_without_a_descriptor_is_asked_for),
		RIGGED(a_reset_while_memory_is_asked_for),
		RIGGED(a_reset_while_memory_is_asked_for_takes_accesses_along),
		RIGGED(a_client_that_dies_while_memory_is_asked_for_takes_accesses_along),
		RIGGED(a_reset_while_an_answer_pushes_writes),
		RIGGED(a_reset_stands_between_two_lines),
		RIGGED(an_interrupt_reaches_its_eventfd),
		RIGGED(a_reset_in_the_middle_ends_everything),
		RIGGED(a_reset_by_command_lets_the_client_go_on),
		RIGGED(a_client_that_dies_leaves_a_clean_device),
	};

	return RUN(tests);
}
