/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages. With each come 32 bits: how many of the other end's messages were taken since the last, by which
 * that end may send as many again, and whether there is nothing but that.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "transport/fabric-internal.h"

#define BARE 0x80000000u
#define COUNT_MASK 0xffffu

static unsigned char *slot(struct fabric_conn *c, unsigned int i)
{
	return c->room + (size_t)i * FABRIC_MESSAGE_MAX;
}

static unsigned char *send_slot(struct fabric_conn *c, unsigned int i)
{
	return slot(c, RECVS + i);
}

int fabric_post_recv(struct fabric_conn *c, unsigned int recv)
{
	return fabric_error(fi_recv(c->ep, slot(c, recv), FABRIC_MESSAGE_MAX, fi_mr_desc(c->slots->mr), 0,
				    &c->recvs[recv]));
}

static void post_again(struct fabric_conn *c, unsigned int recv)
{
	if (fabric_post_recv(c, recv))
		fabric_lose(c, -EIO, "the provider takes no more receives");
}

/* From the topmost idle slot, which holds `len` bytes. 0, -EAGAIN, or it is lost. */
static int post_send(struct fabric_conn *c, size_t len, uint32_t bare)
{
	unsigned int i = c->idle_sends[c->idle_send_count - 1];
	ssize_t rc = fi_senddata(c->ep, send_slot(c, i), len, fi_mr_desc(c->slots->mr), bare | c->owed, 0,
				 &c->sends[i]);

	if (rc == -FI_EAGAIN)
		return -EAGAIN;
	if (rc) {
		fabric_lose(c, -EPIPE, "has gone");
		return c->lost;
	}
	c->idle_send_count--;
	c->owed = 0;
	return 0;
}

void fabric_repay(struct fabric_conn *c)
{
	if (c->owed >= FABRIC_CREDITS / 2 && c->idle_send_count)
		post_send(c, 0, BARE);
}

/* ---- sending ---- */

static int total(const struct iovec *iov, int iovs, size_t *ret)
{
	size_t sum = 0;

	for (int i = 0; i < iovs; i++) {
		if (iov[i].iov_len > FABRIC_MESSAGE_MAX - sum)
			return -EMSGSIZE;
		sum += iov[i].iov_len;
	}
	*ret = sum;
	return sum ? 0 : -EMSGSIZE;
}

static void gather(unsigned char *to, const struct iovec *iov, int iovs)
{
	for (int i = 0; i < iovs; i++) {
		if (iov[i].iov_len) /* else it may be nowhere */
			memcpy(to, iov[i].iov_base, iov[i].iov_len);
		to += iov[i].iov_len;
	}
}

int fabric_send(struct fabric_conn *c, const struct iovec *iov, int iovs)
{
	size_t len;
	int rc = total(iov, iovs, &len);

	if (rc)
		return rc;
	SCOPED_LOCK(&c->lock);
	if (!c->idle_send_count || !c->credits)
		fabric_progress(c);
	if (c->lost)
		return c->lost;
	if (!c->idle_send_count || !c->credits)
		return -EAGAIN;
	gather(send_slot(c, c->idle_sends[c->idle_send_count - 1]), iov, iovs);
	rc = post_send(c, len, 0);
	if (!rc)
		c->credits--;
	return rc;
}

int fabric_flush(struct fabric_conn *c, int64_t deadline)
{
	SCOPED_LOCK(&c->lock);
	int rc = 0;

	fabric_progress(c);
	while (!rc && !c->lost && c->idle_send_count < SENDS)
		rc = fabric_pause(c, 0, deadline);
	return c->lost ? c->lost : rc;
}

/* ---- receiving ---- */

/* What a polite peer never sends. */
static const char *fault(const struct fabric_conn *c, const struct fi_cq_data_entry *e)
{
	uint32_t data = (uint32_t)e->data, count = data & COUNT_MASK;

	if (!(e->flags & FI_REMOTE_CQ_DATA) || data & ~(BARE | COUNT_MASK))
		return "has sent a message that is none of ours";
	if (count > FABRIC_CREDITS - c->credits)
		return "gives back more credits than it has got";
	if (data & BARE ? e->len || !count : !e->len)
		return "has sent a message without anything in it";
	if (!(data & BARE) && c->ready_count + c->owed >= FABRIC_CREDITS)
		return "has sent more messages than it may";
	return NULL;
}

void fabric_received(struct fabric_conn *c, unsigned int recv, const struct fi_cq_data_entry *e)
{
	const char *wrong = fault(c, e);
	unsigned int last = (c->ready_first + c->ready_count) % FABRIC_CREDITS;

	if (wrong) {
		fabric_lose(c, -EPROTO, wrong);
		return;
	}
	c->credits += (uint32_t)e->data & COUNT_MASK;
	if ((uint32_t)e->data & BARE) {
		post_again(c, recv);
		return;
	}
	c->ready[last].recv = recv;
	c->ready[last].len = e->len;
	if (!c->ready_count++)
		fabric_ring(c);
}

ssize_t fabric_recv(struct fabric_conn *c, void *buf, size_t size)
{
	unsigned int recv;
	size_t len;

	SCOPED_LOCK(&c->lock);
	if (!c->ready_count)
		fabric_progress(c);
	if (!c->ready_count)
		return c->lost ? c->lost : -EAGAIN;
	recv = c->ready[c->ready_first].recv;
	len = c->ready[c->ready_first].len;
	if (len > size)
		return -EMSGSIZE;
	memcpy(buf, slot(c, recv), len);
	c->ready_first = (c->ready_first + 1) % FABRIC_CREDITS;
	c->ready_count--;
	c->owed++;
	if (!c->lost)
		post_again(c, recv);
	if (!c->lost)
		fabric_repay(c);
	return (ssize_t)len;
}
