/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc/client/direct.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sys.h"
#include "rpc/client/call.h"
#include "rpc/client/conn.h"
#include "rpc/client/host.h"
#include "rpc/client/pages.h"

#define PAGE 4096u

void direct_lament(const struct conn *n, const char *fmt, ...)
{
	char why[WIRE_REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	warn("%s: content goes by the connection, and not by RDMA: %s", n->name, why);
}

/* ---- the connection ---- */

void direct_init(struct direct *d)
{
	*d = (struct direct){ 0 };
	pthread_mutex_init(&d->lock, NULL);
	pthread_mutex_init(&d->conn_lock, NULL);
	pthread_rwlock_init(&d->moving, NULL);
}

void direct_shutdown(struct direct *d)
{
	SCOPED_LOCK(&d->conn_lock);

	if (d->conn)
		fabric_shutdown(d->conn);
}

/* The one that there was is freed. Nobody is moving anything. */
static void set_conn(struct direct *d, struct fabric_conn *conn)
{
	struct fabric_conn *old;

	pthread_mutex_lock(&d->conn_lock);
	old = d->conn;
	d->conn = conn;
	pthread_mutex_unlock(&d->conn_lock);
	fabric_conn_free(old);
	atomic_store(&d->exposed, 0);
}

void direct_done(struct direct *d)
{
	set_conn(d, NULL);
	fabric_close(d->fabric); /* its memory was removed with the buffers */
	pthread_rwlock_destroy(&d->moving);
	pthread_mutex_destroy(&d->conn_lock);
	pthread_mutex_destroy(&d->lock);
}

/* What another thread of the parent held stays locked. One that was being freed is not `conn` any more. */
void direct_forked(struct direct *d)
{
	if (d->conn)
		fabric_forget(d->conn);
}

/* What the server says of itself. */
struct offer {
	char provider[16];
	struct address at;
	uint8_t token[16], proof[16];
};

static bool ask_offer(struct conn *n, struct offer *ret)
{
	char text[ADDRESS_TEXT_MAX];
	const char *why = "";
	struct call c;
	fpga_result r;

	call_begin(&c, n, WIRE_FABRIC, 0);
	r = call_run(&c);
	if (r == FPGA_OK) {
		wire_get_string(&c.reply, ret->provider, sizeof(ret->provider));
		wire_get_string(&c.reply, text, sizeof(text));
		wire_get_guid(&c.reply, ret->token);
		wire_get_guid(&c.reply, ret->proof);
	}
	r = call_end(&c, r);
	if (r != FPGA_OK) {
		direct_lament(n, "%s", said());
		return false;
	}
	if (!address_parse(text, &ret->at, &why))
		return true;
	direct_lament(n, "\"%s\": %s", text, why);
	return false;
}

/* Where others than this machine can read along, the configuration has to say that they may. */
static bool is_allowed(const struct conn *n, const struct offer *o)
{
	if (address_is_loopback(&o->at) || client_config(n->host->client)->data_in_clear)
		return true;
	direct_lament(n, "it would be in clear text on the network; \"data_in_clear\": true allows that");
	return false;
}

static bool proves(const struct fabric_greeting *answer, const struct offer *o)
{
	return answer->len == sizeof(o->proof) && !memcmp(answer->data, o->proof, sizeof(o->proof));
}

static int connect_to(struct conn *n, struct direct *d, const struct offer *o)
{
	struct fabric_greeting hello = { .len = sizeof(o->token) }, answer;
	int64_t deadline = clock_deadline(client_config(n->host->client)->connect_ns);
	struct fabric_conn *conn;
	int rc;

	memcpy(hello.data, o->token, sizeof(o->token));
	rc = fabric_connect(d->fabric, o->at.port, &hello, deadline, &answer, &conn);
	if (rc)
		return rc;
	if (!proves(&answer, o)) { /* whoever has that port on this machine */
		fabric_conn_free(conn);
		return -EPERM;
	}
	set_conn(d, conn);
	return 0;
}

/* The first connection. */
static void begin(struct conn *n, struct direct *d)
{
	char why[FABRIC_WHY_MAX] = "";
	struct offer o;
	int rc;

	if (!ask_offer(n, &o) || !is_allowed(n, &o))
		return;
	if (fabric_open(o.provider, &o.at, FABRIC_CLIENT, &d->fabric, why)) {
		d->fabric = NULL;
		direct_lament(n, "%s", why);
		return;
	}
	rc = connect_to(n, d, &o);
	if (!rc) {
		debug("%s: content goes by RDMA (%s)", n->name, o.provider);
		return;
	}
	fabric_close(d->fabric);
	d->fabric = NULL;
	direct_lament(n, "no connection to its fabric: %s", strerror(-rc));
}

/*
 * What is registered stays so. From the offer's reply on the server has nothing fetched until it is connected
 * to: so who reads the connection does not wait here for a move, while this thread waits for what is read.
 * Without another connection nobody could do what the two have agreed on.
 */
static void renew(struct conn *n, struct direct *d)
{
	struct offer o;
	int rc = ask_offer(n, &o) ? 0 : -EREMOTEIO;

	if (!rc) {
		pthread_rwlock_wrlock(&d->moving);
		set_conn(d, NULL);
		rc = connect_to(n, d, &o);
		pthread_rwlock_unlock(&d->moving);
	}
	if (rc)
		rpc_link_break(&n->link, -EREMOTEIO);
}

/* The connection's, made by the first who needs it; NULL: there is none. */
static struct direct *direct_of(struct conn *n)
{
	struct direct *d = &n->direct;
	SCOPED_LOCK(&d->lock);

	if (!d->tried && client_config(n->host->client)->data_rdma) {
		d->tried = true;
		if (n->features & WIRE_FEATURE_FABRIC)
			begin(n, d);
		else
			direct_lament(n, "the server offers none");
	} else if (d->fabric && atomic_load(&d->exposed) >= DIRECT_RENEW && !conn_lost(n)) {
		renew(n, d);
	}
	return d->fabric ? d : NULL;
}

/* ---- registration ---- */

static bool ask_expose(struct remote_handle *h, uint64_t wsid, struct fabric_remote *far)
{
	struct call c;
	fpga_result r;

	call_begin(&c, h->conn, WIRE_EXPOSE, h->id);
	wire_put_u64(&c.body, wsid);
	r = call_run(&c);
	if (r == FPGA_OK) {
		far->key = wire_get_u64(&c.reply);
		far->base = wire_get_u64(&c.reply);
		far->len = wire_get_u64(&c.reply);
		atomic_fetch_add(&h->conn->direct.exposed, 1);
	}
	return call_end(&c, r) == FPGA_OK;
}

static bool prepare_landing(struct remote_handle *h, struct direct *d)
{
	struct direct_landing *l = &h->landing;
	void *words;
	SCOPED_LOCK(&d->lock);

	if (l->far.len)
		return true;
	if (sys_mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &words))
		return false;
	l->words = words;
	if (!fabric_memory_add(d->fabric, words, PAGE, FABRIC_OWN, &l->own) &&
	    ask_expose(h, 0, &l->far) && l->far.len >= WIRE_LANDING_HEAD + DIRECT_MOST)
		return true;
	direct_lament(h->conn, "there is no place to write content back to");
	direct_landing_done(l);
	return false;
}

void direct_prepare(struct remote_handle *h, struct client_buffer *buf)
{
	bool explicit = !buf->t.twin && !buf->pages;
	struct direct *d = buf->t.twin ? NULL : direct_of(h->conn);

	if (!d || (!explicit && !prepare_landing(h, d)))
		return;
	if (fabric_memory_add(d->fabric, buf->t.memory, buf->t.len, FABRIC_OWN, &buf->direct.own)) {
		direct_lament(h->conn, "a buffer of %zu bytes cannot be registered", buf->t.len);
		return;
	}
	if (buf->pages && buf->read_only) /* lands, and is never fetched */
		return;
	if (ask_expose(h, buf->wsid, &buf->direct.far) && buf->direct.far.len == buf->t.len)
		return;
	direct_lament(h->conn, "%s", said());
	direct_drop(buf);
}

/* Nobody finds it registered any more, so nothing is moved when this returns. */
static struct fabric_memory *take_out(struct handle_buffers *b, struct client_buffer *buf)
{
	struct fabric_memory *own;
	SCOPED_LOCK(&b->release_lock);
	SCOPED_LOCK(&b->lock);

	own = buf->direct.own;
	buf->direct = (struct direct_buffer){ 0 };
	return own;
}

void direct_release(struct remote_handle *h, struct client_buffer *buf)
{
	fabric_memory_remove(take_out(h->buffers, buf));
}

void direct_drop(struct client_buffer *buf)
{
	fabric_memory_remove(buf->direct.own);
	buf->direct = (struct direct_buffer){ 0 };
}

void direct_landing_done(struct direct_landing *l)
{
	fabric_memory_remove(l->own);
	if (l->words)
		sys_munmap(l->words, PAGE);
	*l = (struct direct_landing){ 0 };
}
