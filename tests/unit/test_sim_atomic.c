/* SPDX-License-Identifier: BSD-3-Clause */
/* Words of the client's memory that an AFU changes in one go. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "tests/unit/sim-rig.h"
#include "vfio-user/message.h"

#define WORD (RIG_BYTES / 2)
#define MINUTE (60 * NS_PER_S)
#define MOST 100000u /* cycles until an answer */

static struct sim_rig rig;

static int up(void **state)
{
	sim_rig_up_default(&rig);
	sim_rig_get(&rig, 0); /* the reset has ended */
	*state = &rig;
	return 0;
}

static int up_shuffled(void **state)
{
	struct settings set;

	settings_default(&set);
	set.shuffle = true;
	sim_rig_up(&rig, &set);
	sim_rig_get(&rig, 0);
	*state = &rig;
	return 0;
}

static int down(void **state)
{
	sim_rig_down(*state);
	return 0;
}

static void ask(struct sim_rig *r, uint64_t iova, enum host_atomic_op op, uint32_t bytes, uint64_t operand,
		uint64_t compare)
{
	struct host_atomic a = { 7, iova, op, bytes, operand, compare };

	assert_true(host_atomic(&r->h.port, &a));
}

static struct host_read_line answer(struct sim_rig *r)
{
	struct host_read_line l;

	for (unsigned int i = 0; !host_take_read(&r->h.port, &l); i++) {
		assert_true(i < MOST);
		host_cycle(&r->h);
	}
	assert_int_equal(l.cookie, 7);
	assert_int_equal(l.index, 0);
	assert_true(l.last);
	return l;
}

static uint64_t word(const struct sim_rig *r)
{
	uint64_t value;

	memcpy(&value, r->mem + WORD, sizeof(value));
	return value;
}

static void set_word(struct sim_rig *r, uint64_t value)
{
	memcpy(r->mem + WORD, &value, sizeof(value));
}

/* ---- what it does ---- */

static void changes_memory_and_tells_what_was_there(void **state)
{
	static const uint64_t big = UINT64_C(0x1ffffffff);
	static const struct {
		enum host_atomic_op op;
		uint32_t bytes;
		uint64_t operand, compare, old, due;
	} all[] = {
		{ HOST_FETCH_ADD, 8, 1, 0, UINT32_MAX, UINT64_C(1) << 32 },
		{ HOST_FETCH_ADD, 4, 1, 0, big, UINT64_C(1) << 32 },
		{ HOST_SWAP, 8, big, 0, 5, big },
		{ HOST_SWAP, 4, 6, 0, big, UINT64_C(1) << 32 | 6 },
		{ HOST_COMPARE_SWAP, 8, 5, big, big, 5 },
		{ HOST_COMPARE_SWAP, 8, 5, UINT32_MAX, big, big },
		{ HOST_COMPARE_SWAP, 4, 5, UINT32_MAX, big, UINT64_C(1) << 32 | 5 },
		{ HOST_COMPARE_SWAP, 4, 5, 4, big, big },
	};
	struct sim_rig *r = *state;

	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct host_read_line l;

		set_word(r, all[i].old);
		ask(r, RIG_IOVA + WORD, all[i].op, all[i].bytes, all[i].operand, all[i].compare);
		l = answer(r);
		assert_false(l.error);
		assert_int_equal(l.bytes, all[i].bytes);
		assert_memory_equal(l.data, &all[i].old, l.bytes);
		assert_int_equal(word(r), all[i].due);
	}
	assert_int_equal(r->h.log.errors, 0);
}

static void takes_aligned_words_alone(void **state)
{
	static const struct host_atomic all[] = { { .iova = RIG_IOVA + 2, .bytes = 4 },
						  { .iova = RIG_IOVA + 4, .bytes = 8 },
						  { .iova = RIG_IOVA, .bytes = 2 },
						  { .iova = RIG_IOVA, .bytes = 16 } };
	struct sim_rig *r = *state;

	for (unsigned int i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_false(host_atomic(&r->h.port, &all[i]));
	assert_int_equal(r->h.reads.due.num, 0);
}

static void expect_failure(struct sim_rig *r, uint64_t unread, uint64_t unwritten)
{
	struct host_read_line l = answer(r);

	assert_true(l.error);
	assert_memory_equal(l.data, &(uint64_t){ UINT64_MAX }, l.bytes);
	assert_int_equal(sim_rig_rule(r, "memory-read"), unread);
	assert_int_equal(sim_rig_rule(r, "memory-write"), unwritten);
}

static void what_is_not_mapped_is_answered_as_a_read_of_it(void **state)
{
	struct sim_rig *r = *state;

	ask(r, RIG_IOVA + RIG_BYTES, HOST_FETCH_ADD, 8, 1, 0);
	expect_failure(r, 1, 0);
}

static void what_may_only_be_read_is_not_changed(void **state)
{
	struct sim_rig *r = *state;
	struct vu_dma_unmap u = { sizeof(u), 0, RIG_IOVA, RIG_BYTES };
	struct vu_dma_map m = { sizeof(m), VU_DMA_CAN_READ, 0, RIG_IOVA, RIG_BYTES };

	sim_rig_command(r, VU_DMA_UNMAP, &u, sizeof(u), -1);
	sim_rig_command(r, VU_DMA_MAP, &m, sizeof(m), r->mem_fd);
	set_word(r, 3);
	ask(r, RIG_IOVA + WORD, HOST_FETCH_ADD, 8, 1, 0);
	expect_failure(r, 0, 1);
	assert_int_equal(word(r), 3);
}

/* ---- at once ---- */

#define OFTEN 400000u
#define AT_A_TIME 64u

struct program {
	uint64_t *word;
	atomic_ullong added;
	atomic_bool end;
};

static void *add_ones(void *arg)
{
	struct program *p = arg;

	while (!atomic_load(&p->end)) {
		__atomic_fetch_add(p->word, 1, __ATOMIC_SEQ_CST);
		atomic_fetch_add(&p->added, 1);
	}
	return NULL;
}

/* Until both have added often: no sum is lost. */
static void a_program_adds_to_the_same_word(void **state)
{
	struct sim_rig *r = *state;
	struct program p = { .word = (uint64_t *)(void *)(r->mem + WORD) };
	int64_t end = clock_deadline(MINUTE);
	uint64_t mine = 0;
	pthread_t thread;

	set_word(r, 0);
	assert_int_equal(pthread_create(&thread, NULL, add_ones, &p), 0);
	while ((mine < OFTEN || atomic_load(&p.added) < OFTEN) && clock_left_ms(end)) {
		for (unsigned int i = 0; i < AT_A_TIME; i++)
			ask(r, RIG_IOVA + WORD, HOST_FETCH_ADD, 8, UINT64_C(1) << 32, 0);
		for (unsigned int i = 0; i < AT_A_TIME; i++)
			answer(r);
		mine += AT_A_TIME;
	}
	atomic_store(&p.end, true);
	pthread_join(thread, NULL);
	assert_true(mine && atomic_load(&p.added));
	assert_int_equal(word(r), mine << 32 | atomic_load(&p.added));
}

/* ---- order ---- */

static void put(struct sim_rig *r, uint64_t iova, uint64_t value)
{
	struct host_write w = { .iova = iova, .bytes = 8, .enables = UINT64_MAX, .ordered = true,
				.data = &value };

	assert_true(host_write(&r->h.port, &w));
}

static void is_carried_out_when_it_is_accepted(void **state)
{
	struct sim_rig *r = *state;

	put(r, RIG_IOVA + WORD, 40);
	ask(r, RIG_IOVA + WORD, HOST_FETCH_ADD, 8, 2, 0);
	assert_int_equal(word(r), 42);
	put(r, RIG_IOVA + WORD, 50);
	assert_int_equal(*answer(r).data, 40);
	assert_int_equal(word(r), 50);
}

/* As a read, which what the AFU sends later may overtake. */
static void shuffled_it_is_carried_out_when_its_answer_is_due(void **state)
{
	struct sim_rig *r = *state;
	unsigned int cycles = 0;

	set_word(r, 40);
	ask(r, RIG_IOVA + WORD, HOST_FETCH_ADD, 8, 2, 0);
	for (; !r->h.port.read_ready; cycles++) {
		assert_int_equal(word(r), 40);
		host_cycle(&r->h);
	}
	assert_in_range(cycles, r->h.set.read_latency / 2, 2 * r->h.set.read_latency);
	assert_int_equal(word(r), 42);
	assert_int_equal(*answer(r).data, 40);
}

static void a_reset_forgets_it(void **state)
{
	struct sim_rig *r = *state;

	set_word(r, 40);
	ask(r, RIG_IOVA + WORD, HOST_FETCH_ADD, 8, 2, 0);
	host_ask_reset(&r->h);
	sim_rig_settle(r);
	assert_int_equal(word(r), 40);
	assert_int_equal(r->h.reads.due.num, 0);
	assert_int_equal(r->h.log.errors, 0);
}

/* ---- memory that is reached by messages, of a client that waits for a register meanwhile ---- */

struct far_message {
	struct vu_header h;
	struct vu_dma_access a;
	uint8_t data[8];
};

static struct far_message expect_message(struct sim_rig *r, uint16_t command, uint32_t bytes)
{
	size_t len = sizeof(struct vu_header) + sizeof(struct vu_dma_access) + bytes;
	struct far_message m;

	assert_int_equal(recv(r->peer, &m, len, MSG_DONTWAIT), len);
	assert_int_equal(m.h.command, command);
	return m;
}

static void wait_for_a_register(struct sim_rig *r)
{
	r->afu.deaf = true;
	sim_rig_ask(r, VU_BAR0, FAKE_MUTE, 8);
	while (!r->h.mmio.outstanding)
		host_cycle(&r->h);
}

static void have_the_register(struct sim_rig *r)
{
	uint64_t value;

	host_mmio_done(&r->h.port, r->h.mmio.next_tag - 1, 1);
	sim_rig_answer(r, &value, sizeof(value));
}

/* The client says what is there. */
static void give(struct sim_rig *r, const struct far_message *asked, uint32_t value)
{
	struct {
		struct vu_dma_access a;
		uint32_t value;
	} __attribute__((packed)) reply = { asked->a, value };

	sim_rig_reply(r, asked->h.id, VU_DMA_READ, &reply, sizeof(reply));
	vu_server_glance(r->h.server, 1);
	sim_rig_cycles(r, 1);
}

/* Nothing comes between the two, though its memory is reached at once. */
static void by_messages_it_is_a_read_and_a_write(void **state)
{
	struct sim_rig *r = *state;
	struct far_message m;
	uint32_t sum;

	set_word(r, 0);
	wait_for_a_register(r);
	ask(r, RIG_FAR + 8, HOST_FETCH_ADD, 4, 2, 0);
	ask(r, RIG_IOVA + WORD, HOST_FETCH_ADD, 8, 1, 0);
	m = expect_message(r, VU_DMA_READ, 0);
	assert_int_equal(m.a.address, RIG_FAR + 8);
	have_the_register(r);
	wait_for_a_register(r);
	give(r, &m, 40);
	assert_int_equal(word(r), 0);
	m = expect_message(r, VU_DMA_WRITE, 4);
	assert_int_equal(m.a.address, RIG_FAR + 8);
	memcpy(&sum, m.data, sizeof(sum));
	assert_int_equal(sum, 42);
	have_the_register(r);
	sim_rig_reply(r, m.h.id, VU_DMA_WRITE, &m.a, sizeof(m.a));
	sim_rig_cycles(r, 1);
	assert_int_equal(word(r), 1);
	assert_int_equal(*answer(r).data, 40);
	assert_int_equal(*answer(r).data, 0);
	assert_int_equal(r->h.log.errors, 0);
}

static void by_messages_nothing_is_written_if_it_compares_in_vain(void **state)
{
	struct sim_rig *r = *state;
	struct far_message m;

	wait_for_a_register(r);
	ask(r, RIG_FAR, HOST_COMPARE_SWAP, 4, 1, 2);
	m = expect_message(r, VU_DMA_READ, 0);
	have_the_register(r);
	give(r, &m, 3);
	assert_int_equal(*answer(r).data, 3);
	assert_int_equal(recv(r->peer, &m, 1, MSG_DONTWAIT), -1);
	assert_int_equal(r->h.log.errors, 0);
}

#define SHUFFLED(t) cmocka_unit_test_setup_teardown(t, up_shuffled, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(changes_memory_and_tells_what_was_there),
		RIGGED(takes_aligned_words_alone),
		RIGGED(what_is_not_mapped_is_answered_as_a_read_of_it),
		RIGGED(what_may_only_be_read_is_not_changed),
		RIGGED(a_program_adds_to_the_same_word),
		RIGGED(is_carried_out_when_it_is_accepted),
		SHUFFLED(shuffled_it_is_carried_out_when_its_answer_is_due),
		SHUFFLED(a_reset_forgets_it),
		RIGGED(by_messages_it_is_a_read_and_a_write),
		RIGGED(by_messages_nothing_is_written_if_it_compares_in_vain),
	};

	return RUN(tests);
}
