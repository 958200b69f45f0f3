/* SPDX-License-Identifier: BSD-3-Clause */
/* Buffers of a remote accelerator: a program uses them as it would local ones. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/buffers-rig.h"

static void copy_by_device(const struct buffer *to, const struct buffer *from, uint64_t len)
{
	write64(FAKE_SRC, from->io);
	write64(FAKE_DST, to->io);
	write64(FAKE_LEN, len);
	write64(FAKE_GO, 1);
}

/* ---- what travels by itself ---- */

static void a_register_read_shows_what_the_device_did(void **state)
{
	struct buffer src = prepare(MIB, 0), dst = prepare(MIB, 0);

	(void)state;
	for (unsigned int round = 0; round < 3; round++) {
		fill(src.at, MIB, round);
		copy_by_device(&dst, &src, MIB);
		assert_int_equal(read64(FAKE_DONE), round + 1);
		assert_memory_equal(dst.at, src.at, MIB);
	}
	/* A part of it, and not one byte more. */
	memset(src.at + 5000, 0x77, 10);
	dst.at[4999] = 1; /* the program's own, and not yet told */
	copy_by_device(&dst, &src, 5005);
	read64(FAKE_DONE);
	assert_int_equal(dst.at[5004], 0x77);
	assert_memory_equal(dst.at + 5005, dst.at + 5005, 5);
	release(&src);
	release(&dst);
}

/* As hello_fpga does: the flag stands in another buffer, and when it is there the data are, too. */
struct device {
	pthread_t thread;
	struct buffer data, flag;
	unsigned int rounds;
};

static void *write_data_then_flag(void *arg)
{
	struct device *d = arg;
	CLEANUP_FREE unsigned char *data = malloc(d->data.len);
	int64_t until = clock_deadline(60 * NS_PER_S);

	for (uint64_t round = 1; round <= d->rounds; round++) {
		while (atomic_load(&fake.cards[0].regs[BELL / 8]) != round)
			if (clock_now_ns() > until)
				return (void *)1;
		memset(data, (int)round, d->data.len);
		if (round % 3 == 0)
			clock_sleep_ns(3 * NS_PER_MS); /* the server dozes meanwhile */
		if (!fake_dma_write(d->data.io, data, d->data.len) ||
		    !fake_dma_write(d->flag.io + 64, &round, sizeof(round)))
			return (void *)1;
	}
	return NULL;
}

static void polling_works(struct device *d)
{
	void *bad;

	assert_int_equal(pthread_create(&d->thread, NULL, write_data_then_flag, d), 0);
	for (uint64_t round = 1; round <= d->rounds; round++) {
		write64(BELL, round);
		poll_memory(d->flag.at + 64, round);
		for (size_t i = 0; i < d->data.len; i++)
			if (d->data.at[i] != (unsigned char)round)
				fail_msg("round %u: the flag is there, and byte %zu is %u",
					 (unsigned int)round, i, d->data.at[i]);
	}
	pthread_join(d->thread, &bad);
	assert_null(bad);
}

static void a_flag_in_memory_comes_behind_its_data(void **state)
{
	struct device d = { .data = prepare(40000, 0), .flag = prepare(4096, 0), .rounds = 150 };

	(void)state;
	polling_works(&d);
	release(&d.data);
	release(&d.flag);
}

static void a_flag_that_is_looked_at_first_does_too(void **state)
{
	struct device d = { .flag = prepare(4096, 0), .data = prepare(40000, 0), .rounds = 150 };

	(void)state;
	polling_works(&d);
	d.data.len = 64; /* as short as the flag's line */
	d.rounds = 0;
	release(&d.data);
	release(&d.flag);
}

/* The program has the even words of each line, the device the odd ones: neither loses any. */
static void *write_odd_words(void *arg)
{
	const struct buffer *b = arg;

	for (uint64_t n = 1; atomic_load(&fake.cards[0].regs[BELL / 8]) != STOP; n++)
		for (size_t i = 8; i < b->len; i += 16)
			fake_dma_write(b->io + i, &n, sizeof(n));
	return NULL;
}

static void program_and_device_share_lines(void **state)
{
	struct buffer b = prepare(1024, 0);
	pthread_t thread;
	uint64_t word;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, write_odd_words, &b), 0);
	for (uint64_t n = 1; n < 400; n++) {
		for (size_t i = 0; i < b.len; i += 16)
			memcpy(b.at + i, &n, sizeof(n));
		write64(BELL, n);
		if (n % 10)
			continue;
		read64(BELL); /* the write has arrived, and what was ahead of it */
		for (size_t i = 0; i < b.len; i += 16) {
			assert_true(fake_dma_read(b.io + i, &word, sizeof(word)));
			assert_int_equal(word, n);
			memcpy(&word, b.at + i, sizeof(word));
			assert_int_equal(word, n);
		}
	}
	write64(BELL, STOP);
	read64(BELL);
	pthread_join(thread, NULL);
	read64(BELL);
	assert_true(device_has(&b, 0, b.at, b.len));
	release(&b);
}

/* Content is there when the doorbell is: also when other threads ring at the same time. */
struct ringer {
	struct buffer b;
	uint64_t bell;
	pthread_t thread;
};

static void *ring(void *arg)
{
	struct ringer *r = arg;

	for (uint64_t n = 1; n < 200; n++) {
		uint64_t seen = 0;

		memcpy(r->b.at + n % 60 * 64, &n, sizeof(n));
		if (rig.t.fpgaWriteMMIO64(h, 0, r->bell, n) != FPGA_OK)
			return (void *)1;
		if (n % 16)
			continue;
		if (rig.t.fpgaReadMMIO64(h, 0, r->bell, &seen) != FPGA_OK || seen != n)
			return (void *)2;
		if (!device_has(&r->b, n % 60 * 64, &n, sizeof(n)))
			return (void *)3;
	}
	return NULL;
}

static void content_is_there_before_the_doorbell(void **state)
{
	struct ringer r[3];
	void *bad;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		r[i] = (struct ringer){ .b = prepare(4096, 0), .bell = BELL + 8 * i };
		assert_int_equal(pthread_create(&r[i].thread, NULL, ring, &r[i]), 0);
	}
	for (unsigned int i = 0; i < 3; i++) {
		pthread_join(r[i].thread, &bad);
		assert_null(bad);
		release(&r[i].b);
	}
}

static void the_device_only_reads(void **state)
{
	struct buffer src = prepare(8192, FPGA_BUF_READ_ONLY), dst = prepare(8192, 0);
	unsigned char junk[64];

	(void)state;
	fill(src.at, 8192, 3);
	copy_by_device(&dst, &src, 8192);
	read64(FAKE_DONE);
	assert_memory_equal(dst.at, src.at, 8192);
	memset(junk, 0xee, sizeof(junk));
	assert_true(fake_dma_write(src.io, junk, sizeof(junk))); /* the model may, a device may not */
	read64(FAKE_DONE);
	assert_memory_not_equal(src.at, junk, sizeof(junk));
	release(&src);
	release(&dst);
}

/* The caller's memory, at any address: what it has at first is the device's soon, and it stays afterwards. */
static void the_callers_memory(void **state)
{
	unsigned char *mine = malloc(3 * 4096), sample[100];
	struct buffer b = { .len = 5003 }, dst = prepare(8192, 0);
	void *at = mine + 77;

	(void)state;
	memset(mine, 0x11, 3 * 4096);
	fill(at, b.len, 9);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, b.len, &at, &b.wsid, FPGA_BUF_PREALLOCATED), FPGA_OK);
	assert_ptr_equal(at, mine + 77);
	b.at = at;
	assert_int_equal(rig.t.fpgaGetIOAddress(h, b.wsid, &b.io), FPGA_OK);
	copy_by_device(&dst, &b, b.len);
	read64(FAKE_DONE);
	assert_memory_equal(dst.at, b.at, b.len);
	memset(sample, 0x99, sizeof(sample));
	assert_true(fake_dma_write(b.io + b.len - 100, sample, sizeof(sample)));
	release(&b); /* what the device did is told with it */
	assert_memory_equal(b.at + b.len - 100, sample, sizeof(sample));
	assert_int_equal(mine[76], 0x11);
	assert_int_equal(b.at[b.len], 0x11);
	release(&dst);
	free(mine);
}

static void arguments(void **state)
{
	void *p = NULL, *junk = (void *)0x1000, *end;
	uint64_t w = 0;

	(void)state;
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 0, NULL, &w, FPGA_BUF_PREALLOCATED), FPGA_OK);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 0, &p, &w, 0), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 4096, NULL, &w, 0), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 4096, &p, &w, 8), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 4096, &p, &w, FPGA_BUF_PREALLOCATED), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 4096, &junk, &w, FPGA_BUF_PREALLOCATED),
			 FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, UINT64_MAX, &junk, &w, FPGA_BUF_PREALLOCATED),
			 FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, UINT64_MAX, &p, &w, 0), FPGA_NO_MEMORY);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, UINT64_C(1) << 46, &p, &w, 0), FPGA_NO_MEMORY);
	end = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 8192, &end, &w, FPGA_BUF_PREALLOCATED),
			 FPGA_INVALID_PARAM);
	assert_non_null(strstr(detail(), "FPGA_BUF_READ_ONLY"));
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 8192, &end, &w,
						 FPGA_BUF_PREALLOCATED | FPGA_BUF_READ_ONLY), FPGA_OK);
	assert_int_equal(rig.t.fpgaReleaseBuffer(h, w), FPGA_OK);
	munmap(end, 8192);
	assert_int_equal(rig.t.fpgaBindSVA(h, NULL), FPGA_NOT_SUPPORTED);
	assert_non_null(strstr(detail(), "another machine"));
	assert_null(p);
	assert_int_equal(atomic_load(&fake.buffers), 0);
}

static void a_server_gives_no_more_than_its_limit(void **state)
{
	struct buffer b = prepare(MIB, 0);
	uint64_t rest = 512 * (uint64_t)MIB - b.len, w; /* each counts twice: it has a twin */
	void *p = NULL;

	(void)state;
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, rest + 1, &p, &w, 0), FPGA_NO_MEMORY);
	assert_non_null(strstr(detail(), "more than this server gives to a session: 2097152 of 1073741824"));
	release(&b);
	b = prepare(2 * MIB, 0);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, rest, &p, &w, 0), FPGA_NO_MEMORY);
	release(&b);
	assert_int_equal(atomic_load(&fake.buffers), 0);
}

static void many_buffers(void **state)
{
	enum { NUM = 1000 };
	static struct buffer b[NUM];
	uint64_t len, io;
	void *at;

	(void)state;
	for (unsigned int i = 0; i < NUM; i++) {
		b[i] = prepare(1 + i, 0);
		memset(b[i].at, (int)i, 4096); /* whole pages, as of a local one */
	}
	for (unsigned int i = 0; i < NUM; i += 3)
		release(&b[i]);
	write64(BELL, 1);
	read64(BELL);
	for (unsigned int i = 0; i < NUM; i++) {
		if (i % 3 == 0) {
			assert_int_equal(rig.t.fpgaGetIOAddress(h, b[i].wsid, &io), FPGA_NOT_FOUND);
			assert_int_equal(rig.t.fpgaReleaseBuffer(h, b[i].wsid), FPGA_INVALID_PARAM);
			continue;
		}
		assert_int_equal(rig.t.get_ws_info(h, b[i].wsid, &io, &at, &len), FPGA_OK);
		assert_int_equal(io, b[i].io);
		assert_ptr_equal(at, b[i].at);
		assert_int_equal(len, 1 + i);
		assert_true(device_has(&b[i], 0, b[i].at, 4096));
	}
	for (unsigned int i = 0; i < NUM; i += 3)
		b[i] = prepare(8, 0);
	for (unsigned int i = 0; i < NUM; i++)
		release(&b[i]);
}

static atomic_bool go_on;

/* The device writes its half all the time, and counts there. */
static void *write_second_half(void *arg)
{
	const struct buffer *b = arg;
	CLEANUP_FREE unsigned char *data = malloc(b->len / 2);

	for (unsigned int n = 0; atomic_load(&go_on); n++) {
		memset(data, (int)n, b->len / 2);
		fake_dma_write(b->io + b->len / 2, data, b->len / 2);
	}
	return NULL;
}

static void *push_first_half(void *arg)
{
	const struct buffer *b = arg;

	while (atomic_load(&go_on)) {
		fpga_result r = rig.t.push_buffer(h, b->wsid, 0, b->len / 2);

		if (r == FPGA_NOT_FOUND)
			break;
		if (r != FPGA_OK)
			return (void *)1;
	}
	return NULL;
}

/* Released while both sides send: who used it is waited for, and what comes late is nobody's. */
static void released_while_content_comes(void **state)
{
	pthread_t writer, pusher;
	void *bad;

	(void)state;
	for (unsigned int round = 0; round < 20; round++) {
		struct buffer b = prepare(MIB, 0), other = prepare(4096, 0);
		unsigned char *ghost;

		atomic_store(&go_on, true);
		assert_int_equal(pthread_create(&writer, NULL, write_second_half, &b), 0);
		assert_int_equal(pthread_create(&pusher, NULL, push_first_half, &b), 0);
		write64(BELL, round);
		while (!__atomic_load_n(b.at + b.len - 1, __ATOMIC_RELAXED))
			read64(BELL);
		release(&b);
		/* Whatever is there now is not to be written to. */
		ghost = mmap(b.at, b.len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			     0);
		read64(BELL);
		atomic_store(&go_on, false);
		pthread_join(writer, NULL);
		pthread_join(pusher, &bad);
		assert_null(bad);
		if (ghost != MAP_FAILED)
			munmap(ghost, b.len);
		release(&other);
	}
}

/* ---- the connection is lost ---- */

static void memory_stays_when_the_server_goes(void **state)
{
	struct buffer b = prepare(MIB, 0), c = prepare(4096, 0);
	uint64_t v;
	void *p;

	(void)state;
	fill(b.at, MIB, 1);
	server_stop(&rig.servers[0]);
	fill(b.at, MIB, 2);
	assert_int_equal(rig.t.fpgaReadMMIO64(h, 0, 0, &v), FPGA_EXCEPTION);
	assert_int_equal(rig.t.push_buffer(h, b.wsid, 0, MIB), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "the connection is lost"));
	assert_int_equal(rig.t.pull_buffer(h, b.wsid, 0, MIB), FPGA_EXCEPTION);
	assert_int_equal(rig.t.fpgaPrepareBuffer(h, 4096, &p, &v, 0), FPGA_EXCEPTION);
	assert_int_equal(rig.t.fpgaWriteMMIO64(h, 0, 0, 1), FPGA_EXCEPTION);
	assert_int_equal(rig.t.fpgaGetIOAddress(h, b.wsid, &v), FPGA_OK);
	fill(b.at, MIB, 3);
	assert_int_equal(rig.t.fpgaReleaseBuffer(h, b.wsid), FPGA_EXCEPTION);
	assert_non_null(strstr(detail(), "the connection is lost"));
	assert_int_equal(rig.t.fpgaReleaseBuffer(h, b.wsid), FPGA_INVALID_PARAM);
	fill(c.at, 4096, 3); /* until close */
	rig.t.fpgaClose(h);
	h = NULL;
	assert_int_equal(atomic_load(&fake.buffers), 0);
}

/* ---- system calls ---- */

/* Into pages that nobody has touched, and from pages where only the device has stored. */
static void system_calls_take_a_buffer(void **state)
{
	struct buffer in = prepare(16 * 4096, 0), out = prepare(16 * 4096, 0);
	unsigned char got[8192], sent[8192];
	int fds[2];

	(void)state;
	fill(sent, sizeof(sent), 7);
	assert_true(fake_dma_write(out.io + 5 * 4096 + 100, sent, sizeof(sent)));
	write64(BELL, 1);
	read64(BELL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(write(fds[0], out.at + 5 * 4096 + 100, 5000), 5000);
	assert_int_equal(send(fds[0], out.at + 5 * 4096 + 5100, 3192, 0), 3192);
	assert_int_equal(recv(fds[1], got, sizeof(got), MSG_WAITALL), sizeof(got));
	assert_memory_equal(got, sent, sizeof(got));
	assert_int_equal(write(fds[1], sent, sizeof(sent)), sizeof(sent));
	assert_int_equal(read(fds[0], in.at + 9 * 4096 + 1, 100), 100);
	assert_int_equal(recv(fds[0], in.at + 9 * 4096 + 101, 8092, MSG_WAITALL), 8092);
	write64(BELL, 2);
	read64(BELL);
	assert_true(device_has(&in, 9 * 4096 + 1, sent, sizeof(sent)));
	close(fds[0]);
	close(fds[1]);
	release(&in);
	release(&out);
}

/* ---- children ---- */

/* What another accelerator's register starts works on the buffer that it was given. */
static void a_buffer_of_two_accelerators(void **state)
{
	struct buffer src = prepare(8192, 0), dst = prepare(8192, 0);
	fpga_token t[4];
	fpga_handle child;

	(void)state;
	assert_int_equal(rig_enumerate(FPGA_ACCELERATOR, t, 4), 2);
	assert_int_equal(rig.t.fpgaOpen(t[1], &child, 0), FPGA_OK);
	assert_int_equal(rig.t.pin_buffer(child, src.at, 8192, src.io + 1), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.unpin_buffer(child, src.at, 8192, src.io), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.pin_buffer(child, src.at, 8192, src.io), FPGA_OK);
	assert_int_equal(rig.t.pin_buffer(child, dst.at, 8192, dst.io), FPGA_OK);
	fill(src.at, 8192, 4);
	assert_int_equal(rig.t.fpgaWriteMMIO64(child, 0, FAKE_SRC, src.io), FPGA_OK);
	assert_int_equal(rig.t.fpgaWriteMMIO64(child, 0, FAKE_DST, dst.io), FPGA_OK);
	assert_int_equal(rig.t.fpgaWriteMMIO64(child, 0, FAKE_LEN, 8192), FPGA_OK);
	assert_int_equal(rig.t.fpgaWriteMMIO64(child, 0, FAKE_GO, 1), FPGA_OK);
	poll_memory(dst.at + 8184, *(uint64_t *)(void *)(src.at + 8184));
	read64(BELL);
	assert_memory_equal(dst.at, src.at, 8192);
	assert_int_equal(rig.t.unpin_buffer(child, dst.at, 8192, dst.io), FPGA_OK);
	assert_int_equal(rig.t.unpin_buffer(child, src.at, 8192, src.io), FPGA_OK);
	assert_int_equal(rig.t.unpin_buffer(child, src.at, 8192, src.io), FPGA_INVALID_PARAM);
	release(&src);
	release(&dst);
	assert_int_equal(rig.t.pin_buffer(child, src.at, 8192, src.io), FPGA_INVALID_PARAM);
	assert_int_equal(rig.t.fpgaClose(child), FPGA_OK);
	rig_destroy(t, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(a_register_read_shows_what_the_device_did),
		RIGGED(a_flag_in_memory_comes_behind_its_data),
		RIGGED(a_flag_that_is_looked_at_first_does_too),
		RIGGED(program_and_device_share_lines),
		RIGGED(content_is_there_before_the_doorbell),
		RIGGED(the_device_only_reads),
		RIGGED(the_callers_memory),
		RIGGED(arguments),
		RIGGED(a_server_gives_no_more_than_its_limit),
		RIGGED(many_buffers),
		RIGGED(released_while_content_comes),
		RIGGED(memory_stays_when_the_server_goes),
		RIGGED(system_calls_take_a_buffer),
		RIGGED(a_buffer_of_two_accelerators),
	};

	return RUN(tests);
}
