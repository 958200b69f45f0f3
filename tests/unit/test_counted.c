/* SPDX-License-Identifier: BSD-3-Clause */
/* What the monitor makes of a worker's counters, true ones and others, and of its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/counts-page.h"
#include "daemon/metrics.h"
#include "tests/unit/check.h"

#define MAX_PINNED 8192u
#define MAX_HANDLES 2u
#define KILLED SIGKILL /* as waitpid() says it */

static struct counted c;
static struct rpc_counts *page; /* the worker's */
static struct metrics m;
static int fd;

static int up(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	fd = counted_new(&c, MAX_PINNED, MAX_HANDLES);
	assert_true(fd >= 0);
	page = counts_page_map(dup(fd));
	return page ? 0 : -1;
}

static int down(void **state)
{
	(void)state;
	close(fd);
	counts_page_free(page);
	counted_done(&c);
	counted_done(&c); /* once more does no harm */
	return 0;
}

static void it_is_read_while_it_grows(void **state)
{
	(void)state;
	assert_true(counted_read(&c));
	assert_int_equal(c.total[RPC_FRAMES_IN], 0);
	counts_add(page, RPC_FRAMES_IN, 3);
	counts_move(page, RPC_PINNED_BYTES, 4096);
	counts_time(page, RPC_CLASS_OTHER, NS_PER_US);
	assert_true(counted_read(&c));
	assert_int_equal(c.total[RPC_FRAMES_IN], 3);
	assert_int_equal(c.total[RPC_TOTALS - RPC_TIME_LEN], NS_PER_US);
	assert_int_equal(c.total[RPC_TOTALS - RPC_TIME_LEN + 1], 1);
	assert_int_equal(c.gauge[RPC_PINNED_BYTES], 4096);
	counts_move(page, RPC_PINNED_BYTES, -4096);
	assert_true(counted_read(&c));
	assert_int_equal(c.gauge[RPC_PINNED_BYTES], 0);
}

/* Were it cut, the monitor would die of reading it. */
static void the_page_keeps_its_size(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(fd, 1 << 20), -1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static void is_not_believed(uint64_t total, uint64_t gauge, enum rpc_gauge which)
{
	counts_add(page, RPC_FRAMES_IN, 5);
	assert_true(counted_read(&c));
	atomic_store(&page->total[RPC_FRAMES_IN], total);
	atomic_store(&page->gauge[which], gauge);
	assert_false(counted_read(&c)); /* it is told of once */
	assert_true(counted_read(&c));
	assert_true(c.total[RPC_FRAMES_IN] >= 5 && c.total[RPC_FRAMES_IN] <= COUNTED_MAX);
	for (size_t i = 0; i < RPC_GAUGES; i++)
		assert_int_equal(c.gauge[i], 0);
	atomic_store(&page->total[RPC_FRAMES_IN], 1000); /* and for good */
	atomic_store(&page->ended, (uint64_t)clock_now_ns());
	assert_true(counted_read(&c));
	assert_true(c.total[RPC_FRAMES_IN] != 1000);
	assert_int_equal(counted_since_end(&c, clock_now_ns()), -1);
}

static void shrinking(void **state)
{
	(void)state;
	is_not_believed(4, 0, RPC_OPEN_HANDLES);
}

static void too_many(void **state)
{
	(void)state;
	is_not_believed(COUNTED_MAX + 1, 0, RPC_OPEN_HANDLES);
}

static void beyond_its_limits(void **state)
{
	(void)state;
	is_not_believed(6, MAX_HANDLES + 1, RPC_OPEN_HANDLES);
}

static void more_pinned_than_it_may(void **state)
{
	(void)state;
	is_not_believed(6, MAX_PINNED + 1, RPC_PINNED_BYTES);
}

static void when_it_ended(void **state)
{
	int64_t now = clock_now_ns();

	(void)state;
	assert_int_equal(counted_since_end(&c, now), -1);
	atomic_store(&page->ended, (uint64_t)now);
	assert_int_equal(counted_since_end(&c, now + 5), 5);
	assert_int_equal(counted_since_end(&c, now), 0);
	assert_int_equal(counted_since_end(&c, now - 1), -1); /* in the future */
	atomic_store(&page->ended, (uint64_t)c.began - 1);
	assert_int_equal(counted_since_end(&c, now), -1); /* before it began */
	atomic_store(&page->ended, UINT64_MAX);
	assert_int_equal(counted_since_end(&c, now), -1);
}

static void without_a_page(void **state)
{
	struct counted none = { .page = NULL };

	(void)state;
	assert_true(counted_read(&none));
	assert_int_equal(counted_since_end(&none, clock_now_ns()), -1);
	metrics_end(&m, &none, 1, true, 0);
	assert_int_equal(m.ended[METRICS_PEER_GONE], 1);
	counted_done(&none);
}

static void what_stays_of_it(void **state)
{
	(void)state;
	counts_add(page, RPC_BYTES_OUT, 70);
	atomic_store(&page->ended, (uint64_t)clock_now_ns());
	metrics_end(&m, &c, 1, true, 0);
	assert_int_equal(m.gone[RPC_BYTES_OUT], 70);
	assert_int_equal(m.ended[METRICS_PEER_GONE], 1);
	assert_true(m.cleanup[0] > 0);
	m.gone[RPC_BYTES_OUT] = UINT64_MAX - 1;
	metrics_end(&m, &c, 1, false, KILLED);
	assert_true(m.gone[RPC_BYTES_OUT] == UINT64_MAX); /* and not from 0 on */
	assert_int_equal(m.ended[METRICS_DIED], 1);
	assert_int_equal(m.deaths[SIGKILL], 1);
}

static void reasons(void **state)
{
	static const struct {
		int end;
		enum metrics_end why;
	} of[] = { { -ECANCELED, METRICS_STOPPED },   { -EPROTO, METRICS_PROTOCOL },
		   { -EMSGSIZE, METRICS_PROTOCOL },   { -ETIMEDOUT, METRICS_TIMEOUT },
		   { -EHOSTDOWN, METRICS_HOST_DOWN }, { -ENOMEM, METRICS_ERROR },
		   { 12345, METRICS_ERROR } };

	(void)state;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		uint64_t before = m.ended[of[i].why];

		c.end = of[i].end;
		metrics_end(&m, &c, 1, true, 0);
		assert_int_equal(m.ended[of[i].why], before + 1);
	}
	c.killed = true;
	metrics_end(&m, &c, 1, false, KILLED);
	assert_int_equal(m.ended[METRICS_KILLED], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(it_is_read_while_it_grows),
		RIGGED(the_page_keeps_its_size),
		RIGGED(shrinking),
		RIGGED(too_many),
		RIGGED(beyond_its_limits),
		RIGGED(more_pinned_than_it_may),
		RIGGED(when_it_ended),
		RIGGED(without_a_page),
		RIGGED(what_stays_of_it),
		RIGGED(reasons),
	};

	return RUN(tests);
}
