/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker's fabric, and peers in processes of their own that do what ours never would: they begin an access,
 * stand still while the worker gives the memory back, and go on.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/seam.h"
#include "daemon/worker-fabric.h"
#include "tests/unit/check.h"
#include "transport/fabric-internal.h"

#define LEN ((size_t)64 << 20) /* more than sockets hold */
#define MANY 20000u /* places: their number ends the connection */
#define SMALL ((size_t)1024) /* one of them */
#define SOON_NS (30 * NS_PER_S)

static const struct rpc_exposer *x;
static int (*unmap_by_seam)(void *at, size_t len);
static int to_peer[2], from_peer[2];
static pid_t peer;
static struct rpc_exposed *crowd; /* MANY that are covered first */

void seam_unmap_by(int (*unmap)(void *at, size_t len))
{
	unmap_by_seam = unmap;
}

/* What the peer is told, and may reach. */
struct told {
	struct rpc_offer offer;
	struct rpc_exposed at;
};

static unsigned char *map(int fill)
{
	unsigned char *at = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(at != MAP_FAILED);
	memset(at, fill, LEN);
	return at;
}

/* ---- the peer ---- */

static void await(int fd)
{
	char word;

	if (read(fd, &word, 1) != 1)
		_exit(3);
}

static void say(int fd)
{
	if (write(fd, "", 1) != 1)
		_exit(3);
}

static struct fabric_conn *connect_peer(const struct told *t, struct fabric **f)
{
	struct fabric_greeting hello = { .len = 16 }, answer;
	char why[FABRIC_WHY_MAX] = "";
	struct fabric_conn *c;
	const char *wrong;
	struct address a;

	memcpy(hello.data, t->offer.token, 16);
	if (address_parse(t->offer.address, &a, &wrong) ||
	    fabric_open(t->offer.provider, &a, FABRIC_CLIENT, f, why) ||
	    fabric_connect(*f, 0, &hello, clock_deadline(SOON_NS), &answer, &c))
		_exit(4);
	if (answer.len != 16 || memcmp(answer.data, t->offer.proof, 16) != 0)
		_exit(5);
	return c;
}

/* The exit code: 0: nothing came that was none of the peer's business. */
static void run_peer(bool writes)
{
	struct fabric_memory *own;
	struct fabric_conn *c;
	unsigned char *mine;
	void *desc;
	struct fabric *f;
	struct told t;

	if (read(to_peer[0], &t, sizeof(t)) != sizeof(t))
		_exit(3);
	c = connect_peer(&t, &f);
	mine = map(writes ? 'W' : '.');
	if (fabric_memory_add(f, mine, LEN, FABRIC_OWN, &own))
		_exit(4);
	desc = fi_mr_desc(own->mr);
	if (writes ? fi_write(c->ep, mine, LEN, desc, 0, t.at.address, t.at.key, &c->moves[0]) :
		     fi_read(c->ep, mine, LEN, desc, 0, t.at.address, t.at.key, &c->moves[0]))
		_exit(6);
	usleep(200000); /* as much of it as goes by itself */
	say(from_peer[1]);
	await(to_peer[0]);
	fabric_wait(c, FABRIC_IN, 0, clock_deadline(5 * NS_PER_S)); /* ends with the connection */
	for (size_t i = 0; i < LEN; i++)
		if (mine[i] == 'S')
			_exit(7);
	_exit(0);
}

/* ---- the worker ---- */

static unsigned char *lend(void)
{
	unsigned char *at = map('m');
	struct told t = { .at = { 0 } };

	assert_int_equal(x->offer(x->ctx, &t.offer), 0);
	assert_int_equal(x->expose(x->ctx, at, LEN, true, &t.at), 0);
	assert_int_equal(write(to_peer[1], &t, sizeof(t)), sizeof(t));
	await(from_peer[0]);
	for (size_t i = 0; crowd && i < MANY; i++)
		x->cover(x->ctx, &crowd[i]);
	x->cover(x->ctx, &t.at);
	assert_null(t.at.region);
	return at;
}

/* fill 0 takes no time, 'S' is what the peer must not read. */
static unsigned char *put_there(unsigned char *at, unsigned char fill)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	unsigned char *there = mmap(at, LEN, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (there == MAP_FAILED)
		return NULL;
	if (fill)
		memset(there, fill, LEN);
	return there;
}

static void check_untouched(unsigned char *there, unsigned char fill)
{
	int status;

	assert_int_equal(waitpid(peer, &status, 0), peer);
	peer = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	for (size_t i = 0; i < LEN; i++)
		if (there[i] != fill)
			fail_msg("byte %zu was written to", i);
	munmap(there, LEN);
}

/* The access fails when it goes on, and that ends the connection. */
static unsigned char *put_there_at_last(unsigned char *at, unsigned char fill)
{
	int64_t until = clock_deadline(SOON_NS);
	unsigned char *there;

	for (there = put_there(at, fill); !there; there = put_there(at, fill)) {
		assert_true(clock_now_ns() < until);
		clock_sleep_ns(NS_PER_MS);
	}
	return there;
}

/* Nothing else can be put there as long as the peer's connection lives; afterwards it can. */
static void check_kept(unsigned char *at)
{
	assert_null(put_there(at, 'S'));
	assert_int_equal(errno, EEXIST);
	say(to_peer[1]);
	check_untouched(put_there_at_last(at, 'S'), 'S');
}

/* The peer is there before libfabric is loaded. */
static int start(bool writes)
{
	static struct channel_start s = { .rdma = "tcp", .rdma_least = 4096 };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int socket_of_peer = socket(AF_INET, SOCK_STREAM, 0);

	if (pipe(to_peer) || pipe(from_peer) || bind(socket_of_peer, (struct sockaddr *)&at, sizeof(at)))
		return -1;
	peer = fork();
	if (!peer)
		run_peer(writes);
	x = worker_fabric_open(&s, socket_of_peer);
	close(socket_of_peer);
	if (!x) /* nobody would tell it what to do */
		kill(peer, SIGKILL);
	return x ? 0 : -1;
}

static int up_writes(void **state)
{
	(void)state;
	return start(true);
}

static int up_reads(void **state)
{
	(void)state;
	return start(false);
}

static int down(void **state)
{
	(void)state;
	crowd = NULL;
	worker_fabric_close();
	for (int i = 0; i < 2; i++) {
		close(to_peer[i]);
		close(from_peer[i]);
	}
	if (peer > 0) { /* the test has failed */
		kill(peer, SIGKILL);
		waitpid(peer, NULL, 0);
	}
	return 0;
}

static void a_write_that_stands_still(void **state)
{
	unsigned char *at = lend();

	(void)state;
	x->unmap(x->ctx, at, LEN);
	check_kept(at);
}

static void a_read_that_stands_still(void **state)
{
	unsigned char *at = lend();

	(void)state;
	assert_int_equal(unmap_by_seam(at, LEN), 0); /* as a plugin's memory goes */
	check_kept(at);
}

/* Their number ends the connection soon, and not at once: until then it is as with few. */
static void one_of_many(void **state)
{
	static struct rpc_exposed many[MANY];
	unsigned char *small = map('m'), *at, *there;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(x->expose(x->ctx, small + i * SMALL, SMALL, true, &many[i]), 0);
	crowd = many;
	at = lend();
	x->unmap(x->ctx, at, LEN);
	there = put_there(at, 0); /* if the connection has ended */
	say(to_peer[1]);
	check_untouched(there ? there : put_there_at_last(at, 0), 0);
	x->unmap(x->ctx, small, LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_write_that_stands_still, up_writes, down),
		cmocka_unit_test_setup_teardown(a_read_that_stands_still, up_reads, down),
		cmocka_unit_test_setup_teardown(one_of_many, up_writes, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
