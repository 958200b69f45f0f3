/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracked buffers to which a device stores all the time: no flag is told before what it stands for. */
#include <pthread.h>
#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/held-rig.h"

#define WATCHED(t) cmocka_unit_test_setup_teardown(t, up_watched, down)

static atomic_bool stop_device;

static void *store_without_a_pause(void *arg)
{
	unsigned char n = 0;

	(void)arg;
	while (!atomic_load(&stop_device)) {
		n++;
		fake_dma_write(io, &n, 1);
	}
	return NULL;
}

static pthread_t start_device(void *(*run)(void *arg))
{
	pthread_t t;

	atomic_store(&stop_device, false);
	assert_int_equal(pthread_create(&t, NULL, run, NULL), 0);
	return t;
}

static void end_device(pthread_t t)
{
	atomic_store(&stop_device, true);
	pthread_join(t, NULL);
}

/* It is held no more, and whoever asks for it gets it after three times at most. */
static void a_page_that_never_rests(void **state)
{
	uint64_t cuts = 0, stales = 0;
	pthread_t t;

	(void)state;
	prepare(2 * PAGE, TRACKED);
	held(0, PAGE, 0);
	t = start_device(store_without_a_pause);
	while (!stales) {
		look();
		for (unsigned int i = 0; i < r.num_pushes; i++)
			stales += r.pushes[i].head.op == WIRE_STALE;
		cuts += forget_pushes(WIRE_CUT);
	}
	for (unsigned int round = 0; round < 50; round++) {
		unsigned int times = 0;

		do {
			assert_int_equal(hold(0, 2 * PAGE, cuts), FPGA_OK);
			cuts += forget_pushes(WIRE_CUT);
		} while (!wire_get_u64(&r.reply.in) && ++times < 3);
		assert_in_range(times, 0, 2);
		look();
		cuts += forget_pushes(WIRE_CUT);
	}
	end_device(t);
}

/* ---- flags ---- */

static size_t flag_at, data_at; /* on the first page and the last */

/* One that is longer than a word, on another page; then the flag, and both in turns. */
static void *store_data_then_flag(void *arg)
{
	uint64_t data[4];

	(void)arg;
	for (uint64_t n = 1; !atomic_load(&stop_device); n++) {
		for (unsigned int i = 0; i < 4; i++)
			data[i] = n;
		fake_dma_write(io + data_at, data, sizeof(data));
		fake_dma_write(io + flag_at, &n, sizeof(n));
	}
	return NULL;
}

/* The client's library view, as of the last cut. */
static unsigned char view[65 * PAGE];

#define FEW (4 * PAGE)

static void apply_data(struct wire_reader *in)
{
	uint64_t at;
	const void *bytes;
	size_t len;

	assert_int_equal(wire_get_u64(in), wsid);
	at = wire_get_u64(in);
	bytes = wire_get_bytes(in, &len);
	memcpy(view + at, bytes, len);
}

/* Applies all that was told; which of both pages are shown then: bits 0 and 1. */
static unsigned int apply(unsigned int shown, uint64_t *cut)
{
	for (unsigned int i = 0; i < r.num_pushes; i++) {
		struct rig_frame *f = &r.pushes[i];

		if (f->head.op == WIRE_DATA) {
			apply_data(&f->in);
		} else if (f->head.op == WIRE_STALE) {
			wire_get_u64(&f->in);
			shown &= wire_get_u64(&f->in) ? 1u : 2u;
		} else {
			*cut = wire_get_u64(&f->in);
		}
	}
	forget_pushes(WIRE_CUT);
	return shown;
}

/* Both at once when neither is shown. */
static unsigned int hold_again(unsigned int shown, uint64_t *cut)
{
	uint64_t given;

	if (!shown) {
		assert_int_equal(hold(0, FEW, *cut), FPGA_OK);
		apply(0, cut);
		given = wire_get_u64(&r.reply.in);
		shown = given == FEW ? 3 : !!given;
	}
	for (unsigned int i = 0; i < 2; i++) {
		if (shown & 1u << i)
			continue;
		assert_int_equal(hold(i * 3 * PAGE, PAGE, *cut), FPGA_OK);
		shown = apply(shown, cut);
		shown |= wire_get_u64(&r.reply.in) ? 1u << i : 0;
	}
	return shown;
}

static void drop_all(unsigned int shown, uint64_t cut)
{
	for (unsigned int i = 0; i < 2; i++)
		if (shown & 1u << i)
			assert_int_equal(drop(i * 3 * PAGE, PAGE, cut), FPGA_OK);
}

/* No flag without what it stands for, whether both came by a cut or one by HOLD. */
static void run_flags(size_t at_flag, size_t at_data)
{
	unsigned int shown = 0, checked = 0;
	uint64_t cut = 0;
	pthread_t t;

	flag_at = at_flag;
	data_at = at_data;
	prepare(FEW, TRACKED);
	memset(view, 0, sizeof(view));
	t = start_device(store_data_then_flag);
	for (unsigned int i = 0; i < 1000 || (checked < 10 && i < 100000); i++) {
		uint64_t flag, data[4];

		shown = hold_again(shown, &cut);
		memcpy(&flag, view + flag_at, sizeof(flag));
		memcpy(data, view + data_at, sizeof(data));
		for (unsigned int k = 0; shown == 3 && k < 4; k++)
			assert_true(data[k] >= flag);
		checked += shown == 3;
		look();
		shown = apply(shown, &cut);
		if (i % 2) {
			drop_all(shown, cut);
			shown = 0;
		}
	}
	end_device(t);
	assert_in_range(checked, 1, UINT32_MAX);
}

static void no_flag_comes_before_its_data(void **state)
{
	(void)state;
	run_flags(8, 3 * PAGE + 64);
}

static void no_flag_behind_its_data_comes_before(void **state)
{
	(void)state;
	run_flags(3 * PAGE + 8, 64);
}

/* Page 0 has a counter that never rests, and the flag; page 1 the data. */
static void *count_and_store(void *arg)
{
	uint64_t n = 0;

	(void)arg;
	for (uint64_t count = 0; !atomic_load(&stop_device); count++) {
		fake_dma_write(io, &count, sizeof(count));
		if (count % 4001)
			continue;
		n++;
		fake_dma_write(io + PAGE, &n, sizeof(n));
		fake_dma_write(io + 512, &n, sizeof(n));
	}
	return NULL;
}

/* Page 0 or the others; the bit of what has been given. */
static unsigned int hold_one(unsigned int shown, uint64_t *cut)
{
	size_t from = shown & 2u ? 0 : PAGE, len = shown & 2u ? PAGE : sizeof(view) - PAGE;

	assert_int_equal(hold(from, len, *cut), FPGA_OK);
	shown = apply(shown, cut);
	return wire_get_u64(&r.reply.in) == len ? shown | (from ? 2u : 1u) : shown;
}

/* Nor where a page that never rests is given because it was asked for so often. */
static void no_flag_on_a_page_that_never_rests(void **state)
{
	unsigned int shown = 0, checked = 0;
	uint64_t cut = 0;
	pthread_t t;

	(void)state;
	prepare(sizeof(view), TRACKED);
	memset(view, 0, sizeof(view));
	t = start_device(count_and_store);
	for (unsigned int i = 0; i < 60000; i++) {
		uint64_t flag, data;

		shown = hold_one(shown, &cut);
		memcpy(&flag, view + 512, sizeof(flag));
		memcpy(&data, view + PAGE, sizeof(data));
		checked += shown == 3;
		if (shown == 3 && data < flag)
			fail_msg("flag %llu, data %llu", (unsigned long long)flag, (unsigned long long)data);
		if (shown & 1u)
			assert_int_equal(drop(0, PAGE, cut), FPGA_OK);
		shown &= 2u;
	}
	end_device(t);
	assert_in_range(checked, 1, UINT32_MAX);
}

static void await_byte(void)
{
	struct rig_frame f;

	held(0, PAGE, 0);
	device_byte(7, 7);
	f = rig_await_push(&r, WIRE_CUT);
	rig_frame_free(&f);
	told_byte(7, 7);
}

/* The watch tells, though nothing was held when the device was started. */
static void the_watch_tells(void **state)
{
	(void)state;
	prepare(PAGE, TRACKED);
	rig_put_write(&r, 0, 8, 0x2000, 1);
	rig_post(&r, WIRE_WRITE, h);
	await_byte();
}

/* So it does where this handle has started nothing: another one may have. */
static void the_watch_tells_what_others_started(void **state)
{
	(void)state;
	prepare(PAGE, TRACKED);
	await_byte();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_page_that_never_rests),
		RIGGED(no_flag_comes_before_its_data),
		RIGGED(no_flag_behind_its_data_comes_before),
		RIGGED(no_flag_on_a_page_that_never_rests),
		WATCHED(the_watch_tells),
		WATCHED(the_watch_tells_what_others_started),
	};

	return RUN(tests);
}
