/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake-fabric.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "tests/unit/check.h"
#include "transport/fabric.h"
#include "wire/bytes.h"
#include "wire/limits.h"

#define PLACES 64u
#define LATE 64u /* writes that have not arrived */

struct fabric {
	int unused;
};

struct fabric_conn {
	int unused;
};

struct fabric_memory {
	unsigned char *at;
	size_t len;
};

struct place {
	unsigned char *at;
	size_t len;
	uint64_t key;
	bool writable;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct fake_fabric seen;
static struct place places[PLACES];
static uint64_t keys;
static bool refuse, broken, impostor;
static bool connected, offered; /* since it was connected */
static void (*when_freed)(void);
static struct {
	uint64_t key, at;
	size_t len;
	unsigned char *bytes;
} late[LATE];
static unsigned int num_late;

struct fake_fabric fake_fabric_seen(void)
{
	SCOPED_LOCK(&lock);

	return seen;
}

void fake_fabric_reset(void)
{
	SCOPED_LOCK(&lock);

	seen = (struct fake_fabric){ 0 };
	refuse = broken = impostor = connected = offered = false;
	when_freed = NULL;
}

void fake_fabric_refuse(void)
{
	SCOPED_LOCK(&lock);

	refuse = true;
}

void fake_fabric_impostor(void)
{
	SCOPED_LOCK(&lock);

	impostor = true;
}

void fake_fabric_break(void)
{
	SCOPED_LOCK(&lock);

	broken = true;
}

void fake_fabric_when_freed(void (*call)(void))
{
	SCOPED_LOCK(&lock);

	when_freed = call;
}

/* ---- both ---- */

/* With the lock. NULL: an access that the far side refuses. */
static unsigned char *far_at(uint64_t key, uint64_t at, size_t len, bool write)
{
	for (struct place *p = places; p < places + PLACES; p++)
		if (p->at && p->key == key)
			return (p->writable || !write) && at <= p->len && len <= p->len - at ? p->at + at :
												NULL;
	return NULL;
}

/* A word at once, as both ends look at such without a lock. */
static void copy(unsigned char *to, const unsigned char *from, size_t len)
{
	uint64_t word;

	if (len != sizeof(word)) {
		memcpy(to, from, len);
		return;
	}
	__atomic_load((const uint64_t *)(const void *)from, &word, __ATOMIC_ACQUIRE);
	__atomic_store((uint64_t *)(void *)to, &word, __ATOMIC_RELEASE);
}

/* With the lock. */
static int arrive(void)
{
	int rc = 0;

	for (unsigned int i = 0; i < num_late; i++) {
		unsigned char *far = far_at(late[i].key, late[i].at, late[i].len, true);

		if (far)
			copy(far, late[i].bytes, late[i].len);
		else
			rc = -EPIPE;
		free(late[i].bytes);
	}
	num_late = 0;
	return rc;
}

/* ---- the server ---- */

static int offer(void *ctx, struct rpc_offer *ret)
{
	SCOPED_LOCK(&lock);

	(void)ctx;
	offered = true;
	*ret = (struct rpc_offer){ .provider = "fake", .address = "127.0.0.1:1", .token = "let me in",
				   .proof = "it is me" };
	return 0;
}

static int expose(void *ctx, void *at, size_t len, bool writable, struct rpc_exposed *ret)
{
	struct place *p = places;
	SCOPED_LOCK(&lock);

	(void)ctx;
	while (p->at)
		p++;
	assert_true(p < places + PLACES);
	*p = (struct place){ at, len, ++keys, writable };
	seen.exposed++;
	*ret = (struct rpc_exposed){ p->key, (uintptr_t)at, p };
	return 0;
}

static void cover(void *ctx, struct rpc_exposed *e)
{
	SCOPED_LOCK(&lock);

	(void)ctx;
	arrive();
	memset(e->region, 0, sizeof(struct place));
	*e = (struct rpc_exposed){ 0 };
	seen.exposed--;
}

static void unmap(void *ctx, void *at, size_t len)
{
	(void)ctx;
	munmap(at, len);
}

static bool stands(void *ctx)
{
	SCOPED_LOCK(&lock);

	(void)ctx;
	return connected && !offered;
}

const struct rpc_exposer fake_exposer = { NULL, 16 * 1024, offer, stands, expose, cover, unmap };

/* ---- the client ---- */

static struct fabric the_fabric;
static struct fabric_conn the_conn;

int fabric_open(const char *provider, const struct address *at, enum fabric_side side, struct fabric **ret,
		char *why)
{
	assert_string_equal(provider, "fake");
	assert_int_equal(at->port, 1);
	assert_int_equal(side, FABRIC_CLIENT);
	*why = '\0';
	*ret = &the_fabric;
	return 0;
}

void fabric_close(struct fabric *f)
{
	(void)f;
}

int fabric_connect(struct fabric *f, uint32_t port, const struct fabric_greeting *hello, int64_t deadline,
		   struct fabric_greeting *answer, struct fabric_conn **ret)
{
	SCOPED_LOCK(&lock);

	(void)f;
	(void)port;
	(void)deadline;
	*answer = (struct fabric_greeting){ .len = 16 };
	memcpy(answer->data, impostor ? "who else" : "it is me", 9);
	assert_int_equal(hello->len, 16);
	assert_string_equal((const char *)hello->data, "let me in");
	if (refuse)
		return -ECONNREFUSED;
	seen.connects++;
	connected = true;
	offered = false;
	*ret = &the_conn;
	return 0;
}

void fabric_why(struct fabric_conn *c, char out[FABRIC_WHY_MAX])
{
	(void)c;
	out[0] = 0;
}

void fabric_conn_free(struct fabric_conn *c)
{
	void (*call)(void);

	pthread_mutex_lock(&lock);
	call = when_freed;
	pthread_mutex_unlock(&lock);
	if (c && call)
		call();
}

int fabric_memory_add(struct fabric *f, void *base, size_t len, unsigned int access,
		      struct fabric_memory **ret)
{
	SCOPED_LOCK(&lock);

	(void)f;
	assert_int_equal(access, FABRIC_OWN);
	*ret = malloc(sizeof(**ret));
	**ret = (struct fabric_memory){ base, len };
	seen.registered++;
	return 0;
}

void fabric_memory_remove(struct fabric_memory *m)
{
	SCOPED_LOCK(&lock);

	seen.registered -= m != NULL;
	free(m);
}

void fabric_shutdown(struct fabric_conn *c)
{
	(void)c;
}

static void check_move(const struct fabric_move *m)
{
	assert_true(m->own_at <= m->own->len && m->len <= m->own->len - m->own_at);
	assert_true(m->remote_at <= m->remote->len && m->len <= m->remote->len - m->remote_at);
}

int fabric_read(struct fabric_conn *c, const struct fabric_move *m, int64_t deadline)
{
	const unsigned char *far;
	SCOPED_LOCK(&lock);

	(void)c;
	(void)deadline;
	check_move(m);
	far = far_at(m->remote->key, m->remote_at, m->len, false);
	if (broken || !far)
		return -EPIPE;
	copy(m->own->at + m->own_at, far, m->len);
	seen.read += m->len;
	seen.fetches += m->len > sizeof(uint64_t);
	return 0;
}

int fabric_write(struct fabric_conn *c, const struct fabric_move *m, int64_t deadline)
{
	SCOPED_LOCK(&lock);

	(void)c;
	(void)deadline;
	check_move(m);
	if (broken || (num_late == LATE && arrive()))
		return -EPIPE;
	late[num_late].key = m->remote->key;
	late[num_late].at = m->remote_at;
	late[num_late].len = m->len;
	late[num_late].bytes = malloc(m->len);
	memcpy(late[num_late++].bytes, m->own->at + m->own_at, m->len);
	seen.written += m->len;
	if (m->len == sizeof(uint64_t) && m->remote_at == WIRE_LANDING_FETCHED)
		seen.fetched = bytes_get64(m->own->at + m->own_at);
	return 0;
}

int fabric_fence(struct fabric_conn *c, const struct fabric_remote *readable, int64_t deadline)
{
	SCOPED_LOCK(&lock);

	(void)c;
	(void)deadline;
	assert_non_null(far_at(readable->key, 0, 1, false));
	return broken ? -EPIPE : arrive();
}

/* ---- messages: nobody connects by it alone ---- */

int fabric_send(struct fabric_conn *c, const struct iovec *iov, int iovs)
{
	(void)c;
	(void)iov;
	(void)iovs;
	return -EPIPE;
}

int fabric_flush(struct fabric_conn *c, int64_t deadline)
{
	(void)c;
	(void)deadline;
	return -EPIPE;
}

ssize_t fabric_recv(struct fabric_conn *c, void *buf, size_t size)
{
	(void)c;
	(void)buf;
	(void)size;
	return -EPIPE;
}

int fabric_wait_or_wake(struct fabric_conn *c, unsigned int what, int64_t spin_until, int64_t deadline,
			int wake_fd)
{
	(void)c;
	(void)spin_until;
	(void)deadline;
	(void)wake_fd;
	return (int)what;
}

int fabric_alive(struct fabric_conn *c)
{
	(void)c;
	return 0;
}

void fabric_forget(struct fabric_conn *c)
{
	assert_ptr_equal(c, &the_conn);
	seen.forgotten++; /* a child's, who waits for no lock */
}

int fabric_fd(const struct fabric_conn *c)
{
	(void)c;
	return -1;
}

bool fabric_may_sleep(struct fabric_conn *c)
{
	(void)c;
	return false;
}

bool fabric_has_message(struct fabric_conn *c)
{
	(void)c;
	return true;
}
