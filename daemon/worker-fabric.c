/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where software moves the bytes, an access that has begun goes on though its registration is gone. So memory
 * that was exposed is not unmapped as long as the peer's connection is there: nothing can be done with it any
 * more, and nothing else comes to lie there. An access that is still under way then fails, and the connection
 * with it. A peer that gives back many buffers connects anew, by and by.
 */
#include "daemon/worker-fabric.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/thread.h"
#include "daemon/log.h"
#include "daemon/seam.h"
#include "transport/fabric.h"
#include "transport/listen.h"

#define TURN_NS (100 * NS_PER_MS)   /* the thread looks so often whether it is to do something else */
#define SPIN_NS (100 * NS_PER_US)
#define ACCEPT_NS (5 * NS_PER_S)
#define LINGER_MAX 16384u /* places that are kept: with so many the connection ends */
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
	return "called_from_lib:libfabric.so.1\n" /* so it does not see what the end of the process unlocks */
	       "mutex:ld-linux\n";
}
#endif

/* Memory that is exposed, or was while there was a connection: it is kept until that has ended. */
struct region {
	struct fabric_memory *memory;
	unsigned char *at;
	size_t len;
	bool gone;	     /* kept, and to be unmapped with the connection */
	struct region *next; /* kept before it */
};

static struct {
	struct fabric *fabric;
	struct fabric_listener *listener;
	char provider[16];
	struct address at; /* where it listens */
	int wake; /* eventfd */
	pthread_t thread;
	pthread_mutex_t lock; /* guards what follows */
	bool runs, stop;
	bool cut;	      /* the connection is to be freed */
	bool connected;	      /* or about to be */
	int64_t expected;     /* until then the token is good for one connection; 0: it is not */
	uint8_t token[TOKEN], proof[TOKEN];
	struct region *kept;
	unsigned int num_kept;
} w = { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = -1 };

/* ---- the thread ---- */

static bool is_expected(const struct fabric_greeting *hello)
{
	unsigned char differs = 0;
	SCOPED_LOCK(&w.lock);

	if (hello->len != TOKEN || !w.expected)
		return false;
	for (size_t i = 0; i < TOKEN; i++) /* takes as long whichever differs */
		differs |= (unsigned char)(hello->data[i] ^ w.token[i]);
	if (differs)
		return false;
	w.expected = 0;
	w.connected = true; /* before there is a connection that memory could be lent by */
	return true;
}

/* Nothing reaches memory any more. */
static void note_end(void)
{
	SCOPED_LOCK(&w.lock);

	w.connected = w.cut = false;
	while (w.kept) {
		struct region *e = w.kept;

		w.kept = e->next;
		if (e->gone)
			sys_munmap(e->at, e->len);
		free(e);
	}
	w.num_kept = 0;
}

static struct fabric_conn *take(struct fabric_request *r)
{
	struct fabric_greeting answer = { .len = TOKEN };
	struct fabric_conn *c = NULL;

	if (!is_expected(fabric_request_greeting(r))) {
		fabric_request_refuse(r, NULL);
		return NULL;
	}
	memcpy(answer.data, w.proof, TOKEN);
	if (!fabric_request_accept(r, &answer, clock_deadline(ACCEPT_NS), &c))
		return c;
	note_end();
	return NULL;
}

/* False: the peer has had his time. */
static bool is_awaited(void)
{
	SCOPED_LOCK(&w.lock);

	return clock_now_ns() < w.expected;
}

/* At other times nobody is taken: a stranger who says nothing would keep a descriptor. */
static struct fabric_conn *await_peer(void)
{
	struct pollfd p[2] = { { .fd = w.wake, .events = POLLIN },
			       { .fd = fabric_listener_fd(w.listener), .events = POLLIN } };
	bool awaited = is_awaited();
	struct fabric_request *r;
	eventfd_t woken;

	if (awaited && !fabric_listener_next(w.listener, &r))
		return take(r);
	poll(p, awaited ? 2 : 1, awaited ? (int)(TURN_NS / NS_PER_MS) : -1);
	if (p[0].revents)
		eventfd_read(w.wake, &woken);
	return NULL;
}

/* What the peer moves is moved meanwhile. False: it is over; or the peer says something, which none does. */
static bool drive(struct fabric_conn *c)
{
	return fabric_serve(c, SPIN_NS, clock_deadline(TURN_NS)) == -ETIMEDOUT;
}

static bool is_to(const bool *what)
{
	SCOPED_LOCK(&w.lock);

	return *what;
}

static void *run(void *arg)
{
	(void)arg;
	while (!is_to(&w.stop)) {
		struct fabric_conn *c = await_peer();

		while (c && !is_to(&w.stop) && !is_to(&w.cut) && drive(c))
			;
		if (c)
			fabric_conn_free(c);
		if (c)
			note_end();
	}
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
	if (getrandom(w.token, TOKEN, GRND_NONBLOCK) != TOKEN ||
	    getrandom(w.proof, TOKEN, GRND_NONBLOCK) != TOKEN)
		return -EAGAIN;
	rc = start();
	if (rc)
		return rc;
	w.expected = clock_deadline(EXPECT_NS);
	eventfd_write(w.wake, 1);
	*ret = (struct rpc_offer){ 0 };
	snprintf(ret->provider, sizeof(ret->provider), "%s", w.provider);
	address_text(&w.at, ret->address, sizeof(ret->address));
	memcpy(ret->token, w.token, TOKEN);
	memcpy(ret->proof, w.proof, TOKEN);
	return 0;
}

/* A connection that stands while another one is offered is about to end. */
static bool stands(void *ctx)
{
	SCOPED_LOCK(&w.lock);

	(void)ctx;
	return w.connected && !w.expected;
}

static int expose(void *ctx, void *at, size_t len, bool writable, struct rpc_exposed *ret)
{
	unsigned int access = FABRIC_PEER_READS | (writable ? FABRIC_PEER_WRITES : 0u);
	struct region *e = malloc(sizeof(*e));
	struct fabric_remote far;
	int rc;

	(void)ctx;
	if (!e)
		return -ENOMEM;
	*e = (struct region){ .at = at, .len = len };
	rc = fabric_memory_add(w.fabric, at, len, access, &e->memory);
	if (rc) {
		free(e);
		return rc;
	}
	fabric_memory_tell(e->memory, &far);
	*ret = (struct rpc_exposed){ far.key, far.base, e };
	return 0;
}

/* With the lock. Many places end the connection; until it has ended all that come are kept. */
static void keep(struct region *e)
{
	e->next = w.kept;
	w.kept = e;
	w.cut |= ++w.num_kept >= LINGER_MAX;
}

static void cover(void *ctx, struct rpc_exposed *exposed)
{
	struct region *e = exposed->region;
	SCOPED_LOCK(&w.lock);

	(void)ctx;
	fabric_memory_remove(e->memory);
	if (w.connected && fabric_lingers(w.fabric))
		keep(e);
	else
		free(e);
	*exposed = (struct rpc_exposed){ 0 };
}

/* With the lock. */
static struct region *find(const unsigned char *at, size_t len)
{
	struct region *e = w.kept;

	while (e && (e->gone || at >= e->at + e->len || e->at >= at + len))
		e = e->next;
	return e;
}

/* What of it was exposed is kept, as nothing. */
static int unmap_memory(void *at, size_t len)
{
	struct region *e;
	void *there;
	int rc;
	SCOPED_LOCK(&w.lock);

	e = find(at, len);
	if (!e)
		return sys_kernel.munmap(at, len);
	rc = sys_kernel.mmap(at, len, PROT_NONE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			     0, &there);
	if (rc)
		return rc;
	e->at = at;
	e->len = len;
	e->gone = true;
	return 0;
}

static void unmap(void *ctx, void *at, size_t len)
{
	(void)ctx;
	unmap_memory(at, len);
}

static struct rpc_exposer exposer = { NULL, 0, offer, stands, expose, cover, unmap };

/* ---- life ---- */

/*
 * Where the peer's own socket ends here. A virtual machine's loopback is another one. A peer on a unix
 * socket has nothing to gain, and might be handed descriptors: by a socketpair, which the sandbox lets a
 * fabric make, his socket could get a number that the sandbox does not know.
 */
static int local_address(int peer, struct address *ret)
{
	struct address own;
	int rc = address_of_socket(peer, &own);

	if (rc || own.kind != ADDRESS_TCP)
		return rc ? rc : -EOPNOTSUPP;
	*ret = (struct address){ .kind = ADDRESS_TCP };
	memcpy(ret->host, own.host, sizeof(ret->host));
	return 0;
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

int worker_fabric_open_at(const struct channel_start *start, const struct address *at,
			  const struct rpc_exposer **ret, char *why)
{
	int rc;

	snprintf(w.provider, sizeof(w.provider), "%s", start->rdma);
	w.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	rc = w.wake < 0 ? -errno : open_at(start->rdma, at, why);
	exposer.fetch_least = start->rdma_least;
	if (rc)
		return rc;
	seam_unmap_by(unmap_memory);
	*ret = &exposer;
	return 0;
}

const struct rpc_exposer *worker_fabric_open(const struct channel_start *start, int peer)
{
	const struct rpc_exposer *ret;
	struct address at;
	char why[FABRIC_WHY_MAX] = "";
	int rc = local_address(peer, &at);

	if (rc)
		return NULL;
	if (!start->rdma_in_clear && !address_is_loopback(&at)) {
		log_line("session %u: its content goes by the connection: by RDMA it would be in clear text; "
			 "\"data_in_clear\": true of \"rdma\" allows that", start->session);
		return NULL;
	}
	rc = worker_fabric_open_at(start, &at, &ret, why);
	if (!rc)
		return ret;
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
	if (w.wake >= 0)
		close(w.wake);
	w.listener = NULL;
	w.fabric = NULL;
	w.wake = -1;
	w.runs = w.stop = w.cut = false;
}
