/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/pages-rig.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "wire/bytes.h"
#include "wire/ops.h"

struct pages_rig pr;
fpga_handle h;

static void post(struct rpc_link *l, uint16_t op, const void *body, size_t len, const void *data,
		 size_t data_len)
{
	struct wire_head head = { .op = op, .flags = WIRE_ONE_WAY, .object = pr.handle };

	rpc_link_send(l, &head, body, len, data, data_len, clock_deadline(20 * NS_PER_S));
}

void say_data(struct rpc_link *l, uint64_t offset, const void *data, size_t len)
{
	unsigned char body[20];

	bytes_put64(body, WSID);
	bytes_put64(body + 8, offset);
	bytes_put32(body + 16, (uint32_t)len);
	post(l, WIRE_DATA, body, sizeof(body), data, len);
}

void say_stale(struct rpc_link *l, uint64_t offset, uint64_t len)
{
	unsigned char body[24];

	bytes_put64(body, WSID);
	bytes_put64(body + 8, offset);
	bytes_put64(body + 16, len);
	for (uint64_t i = offset / PAGE; i < (offset + len) / PAGE && i < MAX_PAGES; i++)
		pr.held[i] = false;
	post(l, WIRE_STALE, body, sizeof(body), NULL, 0);
}

void say_cut(struct rpc_link *l)
{
	unsigned char body[8];

	bytes_put64(body, ++pr.cut);
	post(l, WIRE_CUT, body, sizeof(body), NULL, 0);
}

void say_granted(struct rpc_link *l, const struct rpc_frame *f, uint64_t len)
{
	unsigned char body[8];

	bytes_put64(body, len);
	script_reply(l, &f->head, body, sizeof(body));
}

/* Words where that goes, for tests look at them meanwhile. */
static void store(uint64_t offset, const unsigned char *data, size_t len)
{
	uint64_t word;

	for (size_t i = 0, n; i < len; i += n) {
		unsigned char *at = pr.memory + offset + i;

		n = (offset + i) % 8 || len - i < 8 ? 1 : 8;
		memcpy(&word, data + i, n);
		if (n == 8)
			__atomic_store_n((uint64_t *)(void *)at, word, __ATOMIC_RELEASE);
		else
			__atomic_store_n(at, data[i], __ATOMIC_RELEASE);
	}
}

void device_store(struct rpc_link *l, uint64_t offset, const void *data, size_t len)
{
	store(offset, data, len);
	if (pr.held[offset / PAGE])
		say_data(l, offset, data, len);
}

uint64_t pages_word(size_t offset)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8; i++)
		v |= (uint64_t)__atomic_load_n(pr.memory + offset + i, __ATOMIC_ACQUIRE) << (8 * i);
	return v;
}

bool pages_has(size_t offset, const void *what, size_t len)
{
	const unsigned char *bytes = what;

	for (size_t i = 0; i < len; i++)
		if (__atomic_load_n(pr.memory + offset + i, __ATOMIC_ACQUIRE) != bytes[i])
			return false;
	return true;
}

bool pages_await_word(size_t offset, uint64_t want)
{
	int64_t until = clock_deadline(20 * NS_PER_S);

	while (pages_word(offset) != want) {
		if (clock_now_ns() > until)
			return false;
		clock_sleep_ns(100 * NS_PER_US);
	}
	return true;
}

/* ---- what it is asked ---- */

static void note_held(uint64_t offset, uint64_t len, bool held)
{
	unsigned int num = 0;

	for (uint64_t i = offset / PAGE; i < (offset + len) / PAGE; i++)
		pr.held[i] = held;
	for (unsigned int i = 0; i < pr.len / PAGE; i++)
		num += pr.held[i];
	atomic_store(&pr.now_held, num);
	if (num > atomic_load(&pr.most_held))
		atomic_store(&pr.most_held, num);
}

static bool hold(struct rpc_link *l, const struct rpc_frame *f)
{
	uint64_t offset = bytes_get64(f->body + 8), len = bytes_get64(f->body + 16);

	atomic_fetch_add(&pr.holds, 1);
	if (len > atomic_load(&pr.longest_hold))
		atomic_store(&pr.longest_hold, len);
	if (pr.on_hold)
		return pr.on_hold(l, f, offset, len);
	for (uint64_t at = offset; at < offset + len; at += WIRE_BULK)
		say_data(l, at, pr.memory + at,
			 offset + len - at < WIRE_BULK ? offset + len - at : WIRE_BULK);
	note_held(offset, len, true);
	say_granted(l, f, len);
	return true;
}

static void write_back(const struct rpc_frame *f)
{
	uint64_t offset = bytes_get64(f->body + 8), seen = bytes_get64(f->body + 16);
	uint32_t more = bytes_get32(f->body + 24), len = bytes_get32(f->body + 28);

	assert_true(offset % PAGE == 0 && offset + len <= pr.len && len % PAGE == 0);
	assert_true(more < 2 && (len || !more));
	assert_true(seen <= pr.cut && seen >= atomic_load(&pr.seen));
	atomic_fetch_add(&pr.writebacks, len > 0);
	atomic_store(&pr.seen, seen);
	atomic_fetch_add(&pr.groups, !more);
	store(offset, f->body + 32, len);
}

static bool written(struct rpc_link *l, const struct rpc_frame *f)
{
	for (size_t at = 0; at < f->body_len; at += 24)
		if (pr.on_write &&
		    !pr.on_write(l, bytes_get64(f->body + at + 8), bytes_get64(f->body + at + 16)))
			return false;
	return true;
}

static void prepared(struct rpc_link *l, const struct rpc_frame *f)
{
	unsigned char body[16];

	assert_int_equal(bytes_get64(f->body), pr.len);
	atomic_store(&pr.prepare_flags, bytes_get32(f->body + 8));
	bytes_put64(body, WSID);
	bytes_put64(body + 8, 0x1000);
	script_reply(l, &f->head, body, sizeof(body));
}

static bool answer(struct rpc_link *l, const struct rpc_frame *f)
{
	unsigned char body[8];

	switch (f->head.op) {
	case WIRE_PREPARE:
		prepared(l, f);
		return true;
	case WIRE_HOLD:
		return hold(l, f);
	case WIRE_DROP:
		atomic_fetch_add(&pr.drops, 1);
		note_held(bytes_get64(f->body + 8), bytes_get64(f->body + 16), false);
		return true;
	case WIRE_WRITEBACK:
		write_back(f);
		return true;
	case WIRE_WRITE:
		return written(l, f);
	case WIRE_READ64:
		bytes_put64(body, pages_word(bytes_get64(f->body + 4)));
		script_reply(l, &f->head, body, sizeof(body));
		return true;
	default:
		if (!script_usual(l, f) && f->head.id)
			script_reply(l, &f->head, NULL, 0);
		return true;
	}
}

static void serve(struct rpc_link *l)
{
	struct rpc_frame f;

	script_hello_with(l, pr.untracked ? 0 : WIRE_FEATURE_TRACKED);
	while (script_next(l, &f)) {
		pr.handle = f.head.object;
		if (!answer(l, &f))
			return;
	}
}

/* ---- life ---- */

static enum rpc_tracker tracker;

static void set_tracker(struct rpc_client_config *c)
{
	c->tracker = tracker;
}

int pages_up(size_t len)
{
	return pages_up_with(len, RPC_TRACKER_TRAP);
}

int pages_up_with(size_t len, enum rpc_tracker wanted)
{
	bool untracked = pr.untracked;

	memset(&pr, 0, sizeof(pr));
	pr.untracked = untracked;
	pr.len = len;
	pr.memory = calloc(1, len);
	tracker = wanted;
	rig_up(1, set_tracker);
	rig.servers[0].script = serve;
	server_start(&rig.servers[0]);
	h = rig_open();
	return 0;
}

int pages_down(void **state)
{
	(void)state;
	if (h)
		rig.t.fpgaClose(h);
	h = NULL;
	rig_down();
	free(pr.memory);
	pr.memory = NULL;
	pr.untracked = false;
	return 0;
}

unsigned char *pages_prepare(int flags)
{
	uint64_t wsid = 0;
	void *at = NULL;

	if (rig.t.fpgaPrepareBuffer(h, pr.len, &at, &wsid, flags) != FPGA_OK)
		fail_msg("no buffer: %s", detail());
	assert_int_equal(wsid, WSID);
	return at;
}
