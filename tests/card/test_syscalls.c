/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers in system calls, with the device in between: what a call brings is there for the device, and what
 * the device wrote is what a call takes; the program itself touches neither before.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/card/card.h"

#define PAGE 4096u
#define LONGEST (50 * PAGE + 7)
#define DIRECT (16 * PAGE) /* what O_DIRECT is tried with: any device's blocks divide it */
#define SCRATCH 0x108u	   /* a register that says nothing of a run */
#define TURNS 2u	   /* with the same buffers; in the second one they were touched before */
#define READERS 4u

static const size_t sizes[] = { 1, 64, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE + 13, LONGEST };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

static void fill(unsigned char *at, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)(i * 31 + (i >> 8) * 7 + seed + 1);
}

/* The device copies bytes. Every second time the program waits by its memory alone, for long ones. */
static void copied(fpga_handle h, const struct nlb *n, size_t bytes, unsigned int turn)
{
	nlb_start(h, n, (uint32_t)((bytes + 63) / 64), 0);
	assert_int_equal(nlb_wait(n) >> 32, 0);
	if (turn % 2 == 0 || bytes < PAGE)
		read64(h, SCRATCH);
}

/* ---- what calls read from and write to ---- */

/* The far end of a pipe or a socket, on a thread of its own: gives all that there is, or takes it. */
struct far {
	pthread_t thread;
	int fd;
	unsigned char *at;
	size_t len, done;
	bool takes;
};

static void *be_far(void *arg)
{
	struct far *f = arg;
	ssize_t n = 1;

	while (f->done < f->len && n > 0) {
		n = f->takes ? read(f->fd, f->at + f->done, f->len - f->done) :
			       write(f->fd, f->at + f->done, f->len - f->done);
		f->done += n > 0 ? (size_t)n : 0;
	}
	return NULL;
}

static void far_start(struct far *f, int fd, unsigned char *at, size_t len, bool takes)
{
	*f = (struct far){ .fd = fd, .at = at, .len = len, .takes = takes };
	assert_int_equal(pthread_create(&f->thread, NULL, be_far, f), 0);
}

static void far_end(struct far *f)
{
	pthread_join(f->thread, NULL);
	assert_int_equal(f->done, f->len);
}

typedef ssize_t (*in_call)(int fd, void *at, size_t len);
typedef ssize_t (*out_call)(int fd, const void *at, size_t len);

static ssize_t receive(int fd, void *at, size_t len)
{
	return recv(fd, at, len, MSG_WAITALL);
}

static ssize_t post(int fd, const void *at, size_t len)
{
	return send(fd, at, len, MSG_NOSIGNAL);
}

/* In three pieces, which end within pages. */
static void pieces(struct iovec iov[3], const void *at, size_t len)
{
	size_t third = len / 3;

	for (unsigned int i = 0; i < 3; i++)
		iov[i] = (struct iovec){ (char *)(uintptr_t)at + i * third, i < 2 ? third : len - 2 * third };
}

static ssize_t read_pieces(int fd, void *at, size_t len)
{
	struct iovec iov[3];

	pieces(iov, at, len);
	return readv(fd, iov, 3);
}

static ssize_t write_pieces(int fd, const void *at, size_t len)
{
	struct iovec iov[3];

	pieces(iov, at, len);
	return writev(fd, iov, 3);
}

/* However much a call takes: a pipe gives what it has. */
static void all_in(in_call call, int fd, unsigned char *at, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = call(fd, at + done, len - done);

		if (n <= 0)
			fail_msg("%zu of %zu bytes came: errno %d", done, len, errno);
		done += (size_t)n;
	}
}

static void all_out(out_call call, int fd, const unsigned char *at, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = call(fd, at + done, len - done);

		if (n <= 0)
			fail_msg("%zu of %zu bytes left: errno %d", done, len, errno);
		done += (size_t)n;
	}
}

static void make_pipe(int fds[2])
{
	assert_int_equal(pipe(fds), 0);
}

static void make_sockets(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

/* An unlinked file: both descriptors are of it. `flags`: of the second. -1: the file system has no such. */
static int make_file(int fds[2], int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/content", card_dir());
	fds[0] = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fds[0] >= 0);
	fds[1] = open(path, O_RDWR | O_CLOEXEC | flags);
	unlink(path);
	if (fds[1] < 0)
		close(fds[0]);
	return fds[1] < 0 ? -1 : 0;
}

static void close_both(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* ---- streams ---- */

/* What comes in by `in` goes through the device and out by `out`, from buffers that nobody touches. */
static void through(fpga_handle h, void (*make)(int fds[2]), in_call in, out_call out, size_t len, size_t at)
{
	unsigned char *given = malloc(len), *got = malloc(len);
	struct nlb n;

	nlb_buffers(h, &n, len + at);
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		struct far f;
		int fds[2];

		fill(given, len, turn + (unsigned int)len);
		memset(got, 0, len);
		make(fds);
		far_start(&f, fds[1], given, len, false);
		all_in(in, fds[0], (unsigned char *)n.src + at, len);
		far_end(&f);
		close_both(fds);
		copied(h, &n, len + at, turn);
		make(fds);
		far_start(&f, fds[0], got, len, true);
		all_out(out, fds[1], (const unsigned char *)n.dst + at, len);
		far_end(&f);
		close_both(fds);
		assert_memory_equal(got, given, len);
		assert_memory_equal((unsigned char *)n.dst + at, given, len);
	}
	nlb_release(h, &n);
	free(given);
	free(got);
}

static void each_size(void (*make)(int fds[2]), in_call in, out_call out)
{
	fpga_handle h = open_only();

	for (size_t i = 0; i < SIZES; i++) {
		through(h, make, in, out, sizes[i], 0);
		through(h, make, in, out, sizes[i], 100); /* which lies otherwise in its pages */
	}
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

static void pipes(void **state)
{
	(void)state;
	each_size(make_pipe, read, write);
	each_size(make_pipe, read_pieces, write_pieces);
}

static void sockets(void **state)
{
	(void)state;
	each_size(make_sockets, receive, post);
	each_size(make_sockets, read_pieces, write_pieces);
}

/* ---- files ---- */

static void through_a_file(fpga_handle h, size_t len)
{
	unsigned char *given = malloc(len), *got = malloc(len);
	struct nlb n;
	int fds[2];

	nlb_buffers(h, &n, len);
	assert_int_equal(make_file(fds, 0), 0);
	for (unsigned int turn = 0; turn < TURNS; turn++) {
		fill(given, len, 3 * turn + (unsigned int)len);
		assert_int_equal(pwrite(fds[0], given, len, 0), len);
		assert_int_equal(pread(fds[1], n.src, len, 0), len);
		copied(h, &n, len, turn);
		assert_int_equal(pwrite(fds[1], n.dst, len, LONGEST), len);
		assert_int_equal(pread(fds[0], got, len, LONGEST), len);
		assert_memory_equal(got, given, len);
	}
	close_both(fds);
	nlb_release(h, &n);
	free(given);
	free(got);
}

static void files(void **state)
{
	fpga_handle h = open_only();

	(void)state;
	for (size_t i = 0; i < SIZES; i++)
		through_a_file(h, sizes[i]);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* What the device only reads is kept in another way than what it writes. */
static void a_file_read_into_a_read_only_buffer(void **state)
{
	static unsigned char given[LONGEST];
	fpga_handle h = open_only();
	uint64_t id, io;
	void *at = NULL;
	fpga_result r;
	struct nlb n;
	int fds[2];

	(void)state;
	r = fpgaPrepareBuffer(h, LONGEST, &at, &id, FPGA_BUF_READ_ONLY);
	assert_int_equal(r, card_by_driver() ? FPGA_NOT_SUPPORTED : FPGA_OK);
	if (r != FPGA_OK) {
		assert_int_equal(fpgaClose(h), FPGA_OK);
		return;
	}
	nlb_buffers(h, &n, LONGEST);
	assert_int_equal(fpgaGetIOAddress(h, id, &io), FPGA_OK);
	n.src_io = io;
	assert_int_equal(make_file(fds, 0), 0);
	for (unsigned int turn = 0; turn < 2 * TURNS; turn++) {
		fill(given, LONGEST, turn);
		assert_int_equal(pwrite(fds[0], given, LONGEST, 0), LONGEST);
		assert_int_equal(pread(fds[1], at, LONGEST, 0), LONGEST);
		copied(h, &n, LONGEST, turn);
		assert_memory_equal(n.dst, given, LONGEST);
	}
	close_both(fds);
	assert_int_equal(fpgaReleaseBuffer(h, id), FPGA_OK);
	nlb_release(h, &n);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* ---- several at once ---- */

struct reader {
	pthread_t thread;
	int fd;
	unsigned char *at;
	size_t len;
	bool bad;
};

static void *read_part(void *arg)
{
	struct reader *r = arg;
	ssize_t n = 1;

	for (size_t done = 0; done < r->len && n > 0; done += (size_t)n)
		n = read(r->fd, r->at + done, r->len - done < 1000 ? r->len - done : 1000);
	r->bad = n <= 0;
	return NULL;
}

/* Threads wait in read(2) for parts of a buffer, which share pages, while registers are read and written. */
static void reads_that_wait_beside_register_accesses(void **state)
{
	static unsigned char given[READERS * 3001];
	fpga_handle h = open_only();
	struct reader r[READERS];
	int fds[READERS][2];
	struct nlb n;

	(void)state;
	nlb_buffers(h, &n, sizeof(given));
	for (unsigned int turn = 0; turn < 2 * TURNS; turn++) {
		fill(given, sizeof(given), turn);
		for (unsigned int i = 0; i < READERS; i++) {
			make_pipe(fds[i]);
			r[i] = (struct reader){ .fd = fds[i][0], .at = (unsigned char *)n.src + 3001 * i,
						.len = 3001 };
			assert_int_equal(pthread_create(&r[i].thread, NULL, read_part, &r[i]), 0);
		}
		for (size_t at = 0; at < 3001; at += 1000)
			for (unsigned int i = 0; i < READERS; i++) {
				size_t len = 3001 - at < 1000 ? 3001 - at : 1000;

				write64(h, SCRATCH, at);
				all_out(write, fds[i][1], given + 3001 * i + at, len);
				assert_int_equal(read64(h, SCRATCH), at);
			}
		for (unsigned int i = 0; i < READERS; i++) {
			pthread_join(r[i].thread, NULL);
			assert_false(r[i].bad);
			close_both(fds[i]);
		}
		copied(h, &n, sizeof(given), turn);
		assert_memory_equal(n.dst, given, sizeof(given));
	}
	nlb_release(h, &n);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

/* ---- O_DIRECT ---- */

/*
 * The kernel pins a buffer's pages, and stores or loads without anybody's touching them. What it loads is
 * what the device wrote. What it stores is not noticed where pages are tracked: opaex_push() is for that.
 */
static void past_the_page_cache(void **state)
{
	static unsigned char given[DIRECT], got[DIRECT];
	fpga_handle h;
	struct nlb n;
	int fds[2];

	(void)state;
	if (make_file(fds, O_DIRECT))
		card_skip("the file system of %s has no O_DIRECT", "/tmp");
	h = open_only();
	nlb_buffers(h, &n, DIRECT);
	for (unsigned int turn = 0; turn < 4 * TURNS; turn++) {
		fill(given, DIRECT, turn);
		assert_int_equal(pwrite(fds[0], given, DIRECT, 0), DIRECT);
		assert_int_equal(pread(fds[1], n.src, DIRECT, 0), DIRECT);
		assert_int_equal(opaex_push(h, n.src_id, 0, DIRECT), FPGA_OK);
		copied(h, &n, DIRECT, turn);
		assert_int_equal(pwrite(fds[1], n.dst, DIRECT, DIRECT), DIRECT);
		assert_int_equal(pread(fds[0], got, DIRECT, DIRECT), DIRECT);
		assert_memory_equal(got, given, DIRECT);
	}
	close_both(fds);
	nlb_release(h, &n);
	assert_int_equal(fpgaClose(h), FPGA_OK);
}

int main(void)
{
#define WITH(t, u) cmocka_unit_test_setup_teardown(t, u, card_down)
	const struct CMUnitTest tests[] = {
		WITH(pipes, card_up_trap),
		WITH(sockets, card_up_map),
		WITH(files, card_up_trap),
		WITH(a_file_read_into_a_read_only_buffer, card_up_trap),
		WITH(reads_that_wait_beside_register_accesses, card_up_trap),
		WITH(past_the_page_cache, card_up_trap),
	};

	return CARD_RUN(tests);
}
