/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulation's device that is reset, and its client that goes: in the middle of whatever is under way. */
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "tests/unit/sim-rig.h"
#include "vfio-user/message.h"

#define DST (RIG_BYTES / 2)

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

/* ---- while the client is asked for its memory ---- */

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
	sim_rig_again(r, &set);
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

/* ---- while the client waits for a register, and can give no memory before it has it ---- */

static void wait_for_a_register(struct sim_rig *r, bool shuffle)
{
	struct settings set = r->h.set;

	set.shuffle = shuffle;
	sim_rig_again(r, &set);
	sim_rig_get(r, 0);
	r->afu.deaf = true;
	sim_rig_ask(r, VU_BAR0, FAKE_MUTE, 8);
	while (!r->h.mmio.outstanding)
		host_cycle(&r->h);
}

static void expect_message(struct sim_rig *r, uint16_t command, size_t len)
{
	struct vu_header h;
	uint8_t rest[256];

	assert_int_equal(recv(r->peer, &h, sizeof(h), MSG_DONTWAIT), sizeof(h));
	assert_int_equal(h.command, command);
	assert_int_equal(h.size - sizeof(h), len);
	assert_true(!len || recv(r->peer, rest, len, MSG_DONTWAIT) == (ssize_t)len);
}

/* The writes that it pushes are on their way before it. */
static void an_answer_does_not_wait_for_who_waits_for_it(void **state)
{
	struct sim_rig *r = *state;
	struct host_write w = { .iova = RIG_FAR, .bytes = 8, .enables = UINT64_MAX, .ordered = true,
				.data = r->dir };
	struct vu_dma_access done = { RIG_FAR, 8 };
	uint64_t value;

	wait_for_a_register(r, true);
	assert_true(host_write(&r->h.port, &w));
	host_mmio_done(&r->h.port, r->h.mmio.next_tag - 1, 1);
	expect_message(r, VU_DMA_WRITE, sizeof(done) + 8);
	sim_rig_answer(r, &value, 8);
	assert_int_equal(value, 1);
	assert_int_equal(r->h.writes.due.num, 1);
	sim_rig_reply(r, 1, VU_DMA_WRITE, &done, sizeof(done));
	r->afu.deaf = false;
	sim_rig_settle(r);
	assert_int_equal(r->h.log.errors, 0);
}

/* The clock goes on, and nothing overtakes the read that is in progress. */
static void what_waits_for_memory_stays_in_order(void **state)
{
	struct sim_rig *r = *state;
	struct host_read read = { .iova = RIG_FAR, .bytes = HOST_LINE };
	struct host_write w = { .iova = RIG_IOVA, .bytes = 8, .enables = UINT64_MAX, .ordered = true,
				.data = r->dir };
	struct vu_dma_access a = { RIG_FAR, HOST_LINE };
	uint8_t answer[sizeof(a) + HOST_LINE] = { 0 };
	struct host_read_line line;
	uint64_t value;

	wait_for_a_register(r, false);
	assert_true(host_read(&r->h.port, &read));
	assert_true(host_write(&r->h.port, &w));
	assert_true(host_interrupt(&r->h.port, 0, 0, 3, true));
	sim_rig_cycles(r, 1000);
	expect_message(r, VU_DMA_READ, sizeof(a));
	assert_memory_not_equal(r->mem, r->dir, 8);
	assert_false(sim_rig_fired(r));

	host_mmio_done(&r->h.port, r->h.mmio.next_tag - 1, 1);
	sim_rig_answer(r, &value, 8);
	memcpy(answer, &a, sizeof(a));
	sim_rig_reply(r, 1, VU_DMA_READ, answer, sizeof(answer));
	r->afu.deaf = false;
	sim_rig_cycles(r, 1);
	assert_true(host_take_read(&r->h.port, &line));
	sim_rig_settle(r);
	assert_memory_equal(r->mem, r->dir, 8);
	assert_true(sim_rig_fired(r));
	assert_int_equal(r->h.log.errors, 0);
}

static void a_reset_ends_what_is_in_progress(void **state)
{
	struct sim_rig *r = *state;
	struct host_read read = { .iova = RIG_FAR, .bytes = 4 * HOST_LINE };
	struct vu_dma_access a = { RIG_FAR, HOST_LINE };
	uint8_t answer[sizeof(a) + HOST_LINE] = { 0 };
	uint64_t value;

	wait_for_a_register(r, false);
	assert_true(host_read(&r->h.port, &read));
	expect_message(r, VU_DMA_READ, sizeof(a));
	sim_rig_send(r, VU_DEVICE_RESET);
	vu_server_glance(r->h.server, 1);
	r->id--; /* the read that was under way */
	sim_rig_answer(r, &value, 8);
	assert_int_equal(value, UINT64_MAX);
	expect_message(r, VU_DEVICE_RESET, 0);
	r->afu.deaf = false;
	sim_rig_settle(r);
	memcpy(answer, &a, sizeof(a));
	sim_rig_reply(r, 1, VU_DMA_READ, answer, sizeof(answer)); /* nobody waits for it */
	vu_server_glance(r->h.server, 1);
	assert_true(vu_server_has_client(r->h.server));
	assert_int_equal(r->h.reads.due.num, 0);
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
	assert_true(host_interrupt(&r->h.port, 0, 0, 3, false));
	assert_int_equal(r->mem[DST], 0xee);
	assert_false(sim_rig_fired(r));
	sim_rig_settle(r);
	assert_int_equal(r->h.log.errors, 0);
}

/* ---- while lines are on their way ---- */

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
	assert_true(sim_rig_copied(r, DST, 4));
	assert_true(sim_rig_fired(r));
	assert_int_equal(r->h.sessions, 2);
}

/* So a program closes a device that is at work: what is stopped is no fault of the AFU's. */
static void bus_mastering_that_is_turned_off_in_the_middle(void **state)
{
	struct sim_rig *r = *state;
	static uint8_t seen[RIG_BYTES];
	uint16_t off = PCI_COMMAND_MEMORY;

	start_long_copy(r);
	sim_rig_write(r, VU_CONFIG, PCI_COMMAND, &off, sizeof(off));
	memcpy(seen, r->mem, RIG_BYTES);
	sim_rig_settle(r);
	assert_memory_equal(seen, r->mem, RIG_BYTES);
	assert_int_equal(r->h.log.errors, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_reset_while_memory_is_asked_for),
		RIGGED(a_reset_while_memory_is_asked_for_takes_accesses_along),
		RIGGED(a_client_that_dies_while_memory_is_asked_for_takes_accesses_along),
		RIGGED(an_answer_does_not_wait_for_who_waits_for_it),
		RIGGED(what_waits_for_memory_stays_in_order),
		RIGGED(a_reset_ends_what_is_in_progress),
		RIGGED(a_reset_stands_between_two_lines),
		RIGGED(a_reset_in_the_middle_ends_everything),
		RIGGED(a_reset_by_command_lets_the_client_go_on),
		RIGGED(a_client_that_dies_leaves_a_clean_device),
		RIGGED(bus_mastering_that_is_turned_off_in_the_middle),
	};

	return RUN(tests);
}
