/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where software moves the bytes, a write that has begun goes on though its registration is gone. So memory
 * is given back when the peer has said a word behind his last one; and if he does not say it, his connection
 * is freed first.
 */
#include "daemon/worker-fabric.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "daemon/log.h"
#include "transport/fabric.h"
#include "transport/listen.h"
#include "wire/bytes.h"

#define TURN_NS (100 * NS_PER_MS)   /* the thread looks so often whether it is to do something else */
#define SPIN_NS (50 * NS_PER_US)
#define ACCEPT_NS (5 * NS_PER_S)
#define SETTLE_NS NS_PER_S	    /* for a peer to say his word */
#define EXPECT_NS (10 * NS_PER_S)   /* for the peer to connect, once he has asked where to */
#define TOKEN 16u

#ifdef __SANITIZE_THREAD__
/*
 * What libfabric's provider tcp writes to memory on this thread another one reads when the peer has said that
 * it is there: of that ThreadSanitizer can know nothing.
 */
const char *__tsan_default_suppressions(void) __attribute__((visibility("default")));
const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:libfabric.so.1\n";
}
#endif

static struct {
	struct fabric *fabric;
	struct fabric_listener *listener;
	char provider[16];
	struct address at; /* where it listens */
	int wake; /* eventfd */
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t moved; /* one of these has */
	bool runs, stop;
	bool cut;	      /* the connection is to be freed */
	bool connected;
	int64_t expected;     /* until then the token is good for one connection; 0: it is not */
	uint8_t token[TOKEN];
	uint64_t words, said;
} w = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- the thread ---- */

static bool is_expected(const struct fabric_greeting *hello)
{
	unsigned char differs = 0;
	SCOPED_LOCK(&w.lock);

	if (hello->len != TOKEN || !w.expected)
		return false;
	for (size_t i = 0; i < TOKEN; i++) /* takes as long whichever differs */
		differs |= (unsigned char)(hello->data[i] ^ w.token[i]);
	if (!differs)
		w.expected = 0;
	return !differs;
}

static void note_connected(bool on)
{
	SCOPED_LOCK(&w.lock);

	w.connected = on;
	w.cut = false;
	pthread_cond_broadcast(&w.moved);
}

/* Nobody else comes: a stranger who is silent would keep a descriptor. */
static void stop_listening(void)
{
	SCOPED_LOCK(&w.lock);

	fabric_listener_free(w.listener);
	w.listener = NULL;
	w.expected = 0;
}

static struct fabric_conn *take(struct fabric_request *r)
{
	struct fabric_conn *c = NULL;

	if (!is_expected(fabric_request_greeting(r))) {
		fabric_request_refuse(r, NULL);
		return NULL;
	}
	if (!fabric_request_accept(r, NULL, clock_deadline(ACCEPT_NS), &c))
		note_connected(true);
	stop_listening();
	return c;
}

/* False: the peer has had his time. */
static bool is_awaited(void)
{
	SCOPED_LOCK(&w.lock);

	return clock_now_ns() < w.expected;
}

static struct fabric_conn *await_peer(void)
{
	struct pollfd p[2] = { { .fd = fabric_listener_fd(w.listener), .events = POLLIN },
			       { .fd = w.wake, .events = POLLIN } };
	struct fabric_request *r;
	eventfd_t woken;

	if (!fabric_listener_next(w.listener, &r))
		return take(r);
	if (!is_awaited()) {
		stop_listening();
		return NULL;
	}
	poll(p, 2, (int)(TURN_NS / NS_PER_MS));
	if (p[1].revents)
		eventfd_read(w.wake, &woken);
	return NULL;
}

/* What the peer moves is moved meanwhile. False: the connection is over. */
static bool drive(struct fabric_conn *c)
{
	unsigned char word[8];
	ssize_t n;
	int rc = fabric_wait(c, FABRIC_IN, clock_deadline(SPIN_NS), clock_deadline(TURN_NS));

	if (rc)
		return rc == -ETIMEDOUT;
	n = fabric_recv(c, word, sizeof(word));
	if (n == -EAGAIN)
		return true;
	if (n != sizeof(word))
		return false;
	SCOPED_LOCK(&w.lock);
	w.said = bytes_get64(word);
	pthread_cond_broadcast(&w.moved);
	return true;
}

static bool is_to(const bool *what)
{
	SCOPED_LOCK(&w.lock);

	return *what;
}

static void *run(void *arg)
{
	struct fabric_conn *c = NULL;

	(void)arg;
	while (!c && w.listener && !is_to(&w.stop))
		c = await_peer();
	while (c && !is_to(&w.stop) && !is_to(&w.cut) && drive(c))
		;
	fabric_conn_free(c);
	note_connected(false);
	return NULL;
}

/* ---- what a session asks ---- */

static int start(void)
{
	int rc = w.runs ? 0 : thread_start(&w.thread, NULL, run, NULL);

	w.runs = w.runs || !rc;
	return rc;
}

static int offer(void *ctx, struct rpc_offer *ret)
{
	int rc;
	SCOPED_LOCK(&w.lock);

	(void)ctx;
	if (!w.listener) /* one connection, or none in time: a session has no second one */
		return -EALREADY;
	if (getrandom(w.token, TOKEN, GRND_NONBLOCK) != TOKEN)
		return -EAGAIN;
	rc = start();
	if (rc)
		return rc;
	w.expected = clock_deadline(EXPECT_NS);
	*ret = (struct rpc_offer){ 0 };
	snprintf(ret->provider, sizeof(ret->provider), "%s", w.provider);
	address_text(&w.at, ret->address, sizeof(ret->address));
	memcpy(ret->token, w.token, TOKEN);
	return 0;
}

static int expose(void *ctx, void *at, size_t len, bool writable, struct rpc_exposed *ret)
{
	struct fabric_memory *m;
	struct fabric_remote r;
	unsigned int access = FABRIC_PEER_READS | (writable ? FABRIC_PEER_WRITES : 0u);
	int rc = fabric_memory_add(w.fabric, at, len, access, &m);

	(void)ctx;
	if (rc)
		return rc;
	fabric_memory_tell(m, &r);
	*ret = (struct rpc_exposed){ r.key, r.base, m };
	return 0;
}

static uint64_t cover(void *ctx, struct rpc_exposed *e)
{
	SCOPED_LOCK(&w.lock);

	(void)ctx;
	fabric_memory_remove(e->region);
	*e = (struct rpc_exposed){ 0 };
	return ++w.words;
}

static bool has_settled(uint64_t word)
{
	return !w.connected || (word && w.said >= word);
}

/* With the lock. False: it has not settled until then. */
static bool await_settled(uint64_t word, int64_t until)
{
	while (!has_settled(word) && clock_now_ns() < until) {
		struct timespec at = { until / NS_PER_S, until % NS_PER_S };

		pthread_cond_clockwait(&w.moved, &w.lock, CLOCK_MONOTONIC, &at);
	}
	return has_settled(word);
}

static void settle(void *ctx, uint64_t word)
{
	SCOPED_LOCK(&w.lock);

	(void)ctx;
	if (await_settled(word, word ? clock_deadline(SETTLE_NS) : 0))
		return;
	w.cut = true; /* the thread frees it within a turn */
	while (!await_settled(0, clock_deadline(NS_PER_S)))
		;
}

static struct rpc_exposer exposer = { NULL, 0, offer, expose, cover, settle };

/* ---- life ---- */

static struct address local_address(int peer)
{
	struct address at = { .kind = ADDRESS_TCP, .host = "127.0.0.1" };
	struct address own;

	if (!address_of_socket(peer, &own) && own.kind == ADDRESS_TCP)
		memcpy(at.host, own.host, sizeof(at.host));
	return at;
}

static int open_at(const char *provider, const struct address *at, char *why)
{
	int rc = fabric_open(provider, at, FABRIC_SERVER, &w.fabric, why);

	if (rc)
		return rc;
	rc = fabric_listen(w.fabric, &w.listener, why);
	if (!rc)
		rc = fabric_listener_address(w.listener, &w.at);
	if (!rc)
		return 0;
	fabric_listener_free(w.listener);
	fabric_close(w.fabric);
	w.listener = NULL;
	w.fabric = NULL;
	return rc;
}

const struct rpc_exposer *worker_fabric_open(const struct channel_start *start, int peer)
{
	struct address at = local_address(peer);
	char why[FABRIC_WHY_MAX] = "";
	int rc;

	if (!start->rdma_in_clear && !address_is_loopback(&at)) {
		log_line("session %u: its content goes by the connection: by RDMA it would be in clear text; "
			 "\"data_in_clear\": true of \"rdma\" allows that", start->session);
		return NULL;
	}
	snprintf(w.provider, sizeof(w.provider), "%s", start->rdma);
	w.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = w.wake < 0 ? -errno : open_at(start->rdma, &at, why);
	exposer.fetch_least = start->rdma_least;
	if (!rc)
		return &exposer;
	log_line("session %u: its content goes by the connection: \"rdma\": %s", start->session,
		 *why ? why : strerror(-rc));
	return NULL;
}

void worker_fabric_close(void)
{
	pthread_mutex_lock(&w.lock);
	w.stop = true;
	pthread_mutex_unlock(&w.lock);
	if (w.wake >= 0)
		eventfd_write(w.wake, 1);
	if (w.runs)
		pthread_join(w.thread, NULL);
	fabric_listener_free(w.listener);
	fabric_close(w.fabric);
}
