/* SPDX-License-Identifier: BSD-3-Clause */
/* A fabric's connection as a stream of bytes, by provider tcp over the loopback. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"
#include "tests/unit/check.h"
#include "tests/unit/stream-rig.h"

#define LAST "why it ends"
#define BULK ((size_t)3 << 20)

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 7 + (i >> 8) + (i >> 16));
}

static unsigned char *pattern(void)
{
	unsigned char *p = malloc(BULK);

	assert_non_null(p);
	for (size_t i = 0; i < BULK; i++)
		p[i] = byte_at(i);
	return p;
}

/* ---- bytes ---- */

struct sending {
	struct transport *t;
	const unsigned char *data;
	size_t piece; /* of one call, at most */
	int rc;
};

static void *send_pieces(void *arg)
{
	struct sending *s = arg;

	for (size_t at = 0, piece = 1; at < BULK && !s->rc; at += piece) {
		piece = piece * 3 % s->piece + 1;
		if (piece > BULK - at)
			piece = BULK - at;
		s->rc = stream_send(s->t, s->data + at, piece);
	}
	return NULL;
}

/* Small and big pieces, more than all credits, are read in other pieces. */
static void bytes_keep_their_order(void **state)
{
	static const size_t pieces[] = { 50, 5000, BULK };
	unsigned char *data = pattern(), *got = test_malloc(BULK);
	pthread_t t;

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct sending s = { i % 2 ? there : here, data, pieces[i], 0 };

		memset(got, 0, BULK);
		assert_int_equal(thread_start(&t, NULL, send_pieces, &s), 0);
		assert_int_equal(stream_get_all(i % 2 ? here : there, got, BULK), 0);
		pthread_join(t, NULL);
		assert_int_equal(s.rc, 0);
		assert_memory_equal(got, data, BULK);
	}
	test_free(got);
	free(data);
}

static void pieces_on_both_sides(void **state)
{
	char a[] = "one ", b[] = "stream", got[2][8] = { "", "" };
	struct iovec out[] = { { NULL, 0 }, { a, 4 }, { NULL, 0 }, { b, 6 } };
	struct iovec in[] = { { got[0], 3 }, { NULL, 0 }, { got[1], 5 } };

	(void)state;
	assert_int_equal(transport_send_all(here, out, 4, SOON), 0);
	assert_int_equal(transport_wait(there, 0, SOON), 0);
	assert_int_equal(there->ops->recv(there, in, 3), 8);
	assert_string_equal(got[0], "one");
	assert_string_equal(got[1], " stre");
	assert_true(transport_pending(there));
	assert_int_equal(stream_get(there, got[0], 8), 2);
	assert_memory_equal(got[0], "am", 2);
	assert_false(transport_pending(there));
}

/* Several threads that send, one after the other as the callers of a transport must: nothing is torn. */
#define SENDERS 4
#define RECORDS 400
#define RECORD 997

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void *send_records(void *arg)
{
	unsigned char record[RECORD];
	int rc = 0;

	memset(record, *(unsigned char *)arg, sizeof(record));
	for (int i = 0; i < RECORDS && !rc; i++) {
		pthread_mutex_lock(&turn);
		rc = stream_send(here, record, sizeof(record));
		pthread_mutex_unlock(&turn);
	}
	return NULL;
}

static void several_threads_send(void **state)
{
	unsigned char ids[SENDERS], record[RECORD];
	unsigned int seen[SENDERS] = { 0 };
	pthread_t t[SENDERS];

	(void)state;
	for (unsigned char i = 0; i < SENDERS; i++) {
		ids[i] = i;
		assert_int_equal(thread_start(&t[i], NULL, send_records, &ids[i]), 0);
	}
	for (int i = 0; i < SENDERS * RECORDS; i++) {
		assert_int_equal(stream_get_all(there, record, RECORD), 0);
		assert_true(record[0] < SENDERS);
		for (size_t k = 1; k < RECORD; k++)
			assert_int_equal(record[k], record[0]);
		seen[record[0]]++;
	}
	for (int i = 0; i < SENDERS; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(seen[i], RECORDS);
	}
}

/* ---- room ---- */

static ssize_t fill_up(struct transport *t)
{
	unsigned char page[4096] = { 0 };
	struct iovec iov = { page, sizeof(page) };
	ssize_t n, sum = 0;

	while ((n = t->ops->send(t, &iov, 1)) > 0)
		sum += n;
	assert_int_equal(n, -EAGAIN);
	return sum;
}

static void who_takes_nothing_stops_the_sender(void **state)
{
	unsigned char page[4096] = { 0 };
	struct iovec iov = { page, sizeof(page) };
	struct pollfd p;
	ssize_t sum;

	(void)state;
	assert_true(transport_has_room(here, 0));
	sum = fill_up(here);
	assert_int_equal(sum, FABRIC_CREDITS * sizeof(page));
	assert_false(transport_has_room(here, 0));
	assert_false(transport_has_room(here, 10));
	assert_true(transport_poll_for(here, POLLOUT, &p) > 0);
	assert_int_equal(transport_send_all(here, &iov, 1, clock_deadline(20 * NS_PER_MS)), -ETIMEDOUT);
	for (ssize_t got = 0; got < sum; got += (ssize_t)sizeof(page))
		assert_int_equal(stream_get_all(there, page, sizeof(page)), 0);
	assert_true(transport_has_room(here, 20000));
	assert_int_equal(transport_poll_for(here, POLLOUT, &p), 0);
}

struct stuck {
	size_t read;
	int times;
};

static void read_here(void *ctx)
{
	unsigned char page[4096];
	struct iovec iov = { page, sizeof(page) };
	struct stuck *s = ctx;
	ssize_t n;

	s->times++;
	while ((n = here->ops->recv(here, &iov, 1)) > 0)
		s->read += (size_t)n;
}

static void *fill_then_take(void *arg)
{
	unsigned char page[4096] = { 0 };

	for (int i = 0; i < 2 * (int)FABRIC_CREDITS; i++)
		if (stream_send(there, page, sizeof(page)))
			return arg;
	for (int i = 0; i < 2 * (int)FABRIC_CREDITS; i++)
		if (stream_get_all(there, page, sizeof(page)))
			return arg;
	return NULL;
}

/* Each end has more to send than there is room for; the one that reads meanwhile gets both on. */
static void who_reads_while_it_sends_is_not_stuck(void **state)
{
	unsigned char page[4096] = { 0 };
	struct stuck s = { 0, 0 };
	pthread_t t;
	void *failed;

	(void)state;
	assert_int_equal(thread_start(&t, NULL, fill_then_take, &s), 0);
	for (int i = 0; i < 2 * (int)FABRIC_CREDITS; i++) {
		struct iovec iov = { page, sizeof(page) };

		assert_int_equal(transport_send_all_or(here, &iov, 1, SOON, read_here, &s), 0);
	}
	pthread_join(t, &failed);
	assert_null(failed);
	assert_true(s.times > 0);
	while (s.read < 2 * FABRIC_CREDITS * sizeof(page)) {
		assert_int_equal(transport_wait(here, 0, SOON), 0);
		read_here(&s);
	}
	assert_int_equal(s.read, 2 * FABRIC_CREDITS * sizeof(page));
}

/* ---- waiting ---- */

static void a_deadline_is_kept(void **state)
{
	int64_t begun = clock_now_ns();

	(void)state;
	assert_int_equal(transport_wait(here, 0, clock_deadline(60 * NS_PER_MS)), -ETIMEDOUT);
	assert_true(clock_now_ns() - begun >= 60 * NS_PER_MS);
	begun = clock_now_ns();
	assert_int_equal(transport_wait(here, clock_deadline(NS_PER_S), clock_deadline(NS_PER_MS)),
			 -ETIMEDOUT);
	assert_true(clock_now_ns() - begun >= NS_PER_MS);
}

struct waiting {
	struct transport *t;
	int wake, rc;
};

static void *wait_long(void *arg)
{
	struct waiting *w = arg;

	w->rc = transport_wait_or_wake(w->t, 0, SOON, w->wake);
	return NULL;
}

/* Also of two that wait, one of whom sleeps for both. */
static void the_other_descriptor_wakes(void **state)
{
	struct waiting w[2];
	pthread_t t[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		w[i] = (struct waiting){ here, eventfd(0, EFD_CLOEXEC), 0 };
		assert_int_equal(thread_start(&t[i], NULL, wait_long, &w[i]), 0);
	}
	for (int i = 1; i >= 0; i--) {
		eventfd_write(w[i].wake, 1);
		pthread_join(t[i], NULL);
		assert_int_equal(w[i].rc, -EINTR);
		close(w[i].wake);
	}
}

static void bytes_wake_all_who_wait(void **state)
{
	struct waiting w[2] = { { here, -1, 1 }, { here, -1, 1 } };
	pthread_t t[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(thread_start(&t[i], NULL, wait_long, &w[i]), 0);
	assert_int_equal(stream_send(there, "x", 1), 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		assert_int_equal(w[i].rc, 0);
	}
}

static void *send_slowly(void *arg)
{
	for (unsigned char i = 0; i < 200; i++)
		if (stream_send(arg, &i, 1))
			break;
	return NULL;
}

/* A poll of one's own, beside a thread that waits and takes the message from the provider. */
static void a_poll_beside_one_who_waits(void **state)
{
	struct waiting w = { here, eventfd(0, EFD_CLOEXEC), 0 };
	int64_t deadline = SOON;
	pthread_t sender, waiter;
	unsigned char in;
	struct iovec iov = { &in, 1 };
	ssize_t n;

	(void)state;
	assert_int_equal(thread_start(&waiter, NULL, wait_long, &w), 0);
	assert_int_equal(thread_start(&sender, NULL, send_slowly, there), 0);
	for (int i = 0; i < 200; i++) {
		while ((n = here->ops->recv(here, &iov, 1)) == -EAGAIN && clock_left_ms(deadline)) {
			struct pollfd p;
			int nap = transport_poll_for(here, POLLIN, &p);

			poll(&p, 1, nap);
		}
		assert_int_equal(n, 1);
		assert_int_equal(in, i);
	}
	pthread_join(sender, NULL);
	eventfd_write(w.wake, 1);
	pthread_join(waiter, NULL);
	close(w.wake);
}

static int64_t thread_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Neither who waits nor who polls turns in circles. */
static void quiet_costs_next_to_nothing(void **state)
{
	int64_t begun = thread_time(), until = clock_deadline(500 * NS_PER_MS);

	(void)state;
	assert_int_equal(transport_wait(here, 0, clock_deadline(500 * NS_PER_MS)), -ETIMEDOUT);
	assert_true(thread_time() - begun < 25 * NS_PER_MS); /* 5 %, for slow machines and sanitizers */
	begun = thread_time();
	while (clock_left_ms(until)) {
		struct pollfd p;
		int nap = transport_poll_for(here, POLLIN, &p);

		assert_true(nap > 0 && nap <= TRANSPORT_NAP_MS);
		poll(&p, 1, nap);
	}
	assert_true(thread_time() - begun < 25 * NS_PER_MS);
}

/* ---- the last words ---- */

static void *linger(void *arg)
{
	transport_linger(arg, SOON);
	transport_free(arg);
	return NULL;
}

/* They arrive though their reader goes on talking; once he has ended nobody lingers. */
static void last_words_arrive(void **state)
{
	char got[sizeof(LAST)] = "";
	pthread_t t;

	(void)state;
	assert_int_equal(stream_send(there, LAST, sizeof(LAST)), 0);
	assert_int_equal(thread_start(&t, NULL, linger, there), 0);
	there = NULL;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(stream_send(here, got, sizeof(got)), 0);
		usleep(1000);
	}
	assert_int_equal(stream_get_all(here, (unsigned char *)got, sizeof(got)), 0);
	assert_string_equal(got, LAST);
	transport_free(here);
	here = NULL;
	pthread_join(t, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(bytes_keep_their_order),
		RIGGED(pieces_on_both_sides),
		RIGGED(several_threads_send),
		RIGGED(who_takes_nothing_stops_the_sender),
		RIGGED(who_reads_while_it_sends_is_not_stuck),
		RIGGED(a_deadline_is_kept),
		RIGGED(the_other_descriptor_wakes),
		RIGGED(bytes_wake_all_who_wait),
		RIGGED(a_poll_beside_one_who_waits),
		RIGGED(last_words_arrive),
		RIGGED(quiet_costs_next_to_nothing),
	};

	return RUN(tests);
}
