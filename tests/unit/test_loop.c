/* SPDX-License-Identifier: BSD-3-Clause */
/* What is the loop-back's own: its end, and the pump that lets the other side work. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/check.h"
#include "transport/loop.h"

#define SOON clock_deadline(20 * NS_PER_S)

static void read_whole(struct transport *t, unsigned char *at, size_t len)
{
	while (len) {
		struct iovec iov = { at, len };
		ssize_t n = t->ops->recv(t, &iov, 1);

		if (n == -EAGAIN) {
			assert_int_equal(transport_wait(t, 0, SOON), 0);
			continue;
		}
		assert_true(n > 0 && (size_t)n <= len);
		at += n;
		len -= (size_t)n;
	}
}

static void the_loop_ends_behind_its_bytes(void **state)
{
	unsigned char in[4] = "xyz", out[8];
	struct iovec iov = { in, 3 };
	struct transport *a, *b;

	(void)state;
	assert_int_equal(loop_pair(16, &a, &b), 0);
	assert_int_equal(transport_send_all(a, &iov, 1, SOON), 0);
	transport_free(a);
	read_whole(b, out, 3);
	assert_memory_equal(out, "xyz", 3);
	iov = (struct iovec){ out, 1 };
	assert_int_equal(b->ops->recv(b, &iov, 1), -EPIPE);
	assert_int_equal(b->ops->send(b, &iov, 1), -EPIPE);
	transport_free(b);
}

struct echo {
	struct transport *t;
	int runs;
};

/* What has come is sent back. */
static void echo(void *ctx)
{
	struct echo *e = ctx;
	unsigned char bytes[3];
	struct iovec iov = { bytes, sizeof(bytes) };
	ssize_t n = e->t->ops->recv(e->t, &iov, 1);

	e->runs++;
	if (n > 0) {
		iov.iov_len = (size_t)n;
		assert_int_equal(transport_send_all(e->t, &iov, 1, SOON), 0);
	}
}

static void the_loop_pumps(void **state)
{
	struct transport *a, *b;
	unsigned char bytes[] = "0123456789", back[16];
	struct iovec iov = { bytes, 10 };
	struct echo e = { 0 };

	(void)state;
	assert_int_equal(loop_pair(16, &a, &b), 0);
	e.t = b;
	loop_set_pump(a, echo, &e);
	for (int i = 0; i < 3; i++) {
		iov = (struct iovec){ bytes, 10 };
		assert_int_equal(transport_send_all(a, &iov, 1, SOON), 0);
		memset(back, 0, sizeof(back));
		read_whole(a, back, 10);
		assert_memory_equal(back, bytes, 10);
	}
	assert_true(e.runs >= 12);
	iov = (struct iovec){ back, 1 };
	assert_int_equal(a->ops->recv(a, &iov, 1), -EAGAIN);
	transport_free(b);
	assert_int_equal(a->ops->recv(a, &iov, 1), -EPIPE);
	transport_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_loop_ends_behind_its_bytes),
		cmocka_unit_test(the_loop_pumps),
	};

	return RUN(tests);
}
