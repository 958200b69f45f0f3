/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts: a vector is an eventfd of the client's, a mask, and whether it fired while masked.
 * Only real eventfds are taken, and one whose counter is full is left alone. (A client that fills it
 * between that look and the write stops its own device.)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "vfio-user/server-internal.h"

int vu_irqs_init(struct vu_irqs *q, const uint32_t *counts)
{
	pthread_mutex_init(&q->lock, NULL);
	for (unsigned int i = 0; i < VU_NUM_IRQS; i++) {
		q->vectors[i] = calloc(counts[i] ? counts[i] : 1, sizeof(*q->vectors[i]));
		if (!q->vectors[i])
			return -ENOMEM;
		for (uint32_t v = 0; v < counts[i]; v++)
			q->vectors[i][v].fd = -1;
	}
	return 0;
}

static void bind_vector(struct vu_vector *v, int fd)
{
	if (v->fd >= 0)
		sys_close(v->fd);
	*v = (struct vu_vector){ .fd = fd };
}

static void clear_index(struct vu_irqs *q, unsigned int index, uint32_t count)
{
	for (uint32_t v = 0; q->vectors[index] && v < count; v++)
		bind_vector(&q->vectors[index][v], -1);
}

void vu_irqs_clear(struct vu_irqs *q, const uint32_t *counts)
{
	SCOPED_LOCK(&q->lock);

	for (unsigned int i = 0; i < VU_NUM_IRQS; i++)
		clear_index(q, i, counts[i]);
}

void vu_irqs_done(struct vu_irqs *q, const uint32_t *counts)
{
	vu_irqs_clear(q, counts);
	for (unsigned int i = 0; i < VU_NUM_IRQS; i++)
		free(q->vectors[i]);
	pthread_mutex_destroy(&q->lock);
}

/* A full counter holds a signal already; a write would block. */
static void signal_fd(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	const uint64_t one = 1;

	if (sys_poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) &&
	    write(fd, &one, sizeof(one)) != sizeof(one))
		return; /* the client's loss */
}

static void fire(struct vu_vector *v)
{
	if (v->masked)
		v->pending = true;
	else if (v->fd >= 0)
		signal_fd(v->fd);
}

int vu_server_irq(struct vu_server *s, uint32_t index, uint32_t vector)
{
	SCOPED_LOCK(&s->irqs.lock);

	if (index >= VU_NUM_IRQS || vector >= s->cfg.irq_count[index])
		return -EINVAL;
	fire(&s->irqs.vectors[index][vector]);
	return 0;
}

bool vu_server_irq_bound(struct vu_server *s, uint32_t index, uint32_t vector)
{
	SCOPED_LOCK(&s->irqs.lock);

	return index < VU_NUM_IRQS && vector < s->cfg.irq_count[index] &&
	       s->irqs.vectors[index][vector].fd >= 0;
}

/* ---- SET_IRQS ---- */

static bool one_bit(uint32_t v)
{
	return v && !(v & (v - 1));
}

static int check(const struct vu_server *s, const struct vu_inbox *in, const struct vu_set_irqs *q)
{
	uint32_t have = q->index < VU_NUM_IRQS ? s->cfg.irq_count[q->index] : 0;
	uint32_t data = q->flags & VU_IRQ_DATA;

	if (q->argsz < sizeof(*q) || q->index >= VU_NUM_IRQS || !one_bit(data) ||
	    !one_bit(q->flags & VU_IRQ_ACTION) ||
	    (q->flags & ~(uint32_t)(VU_IRQ_DATA | VU_IRQ_ACTION)))
		return -EINVAL;
	if (!q->count) /* "disable the whole index" and nothing else */
		return !q->start && q->flags == (VU_IRQ_DATA_NONE | VU_IRQ_TRIGGER) && !in->num_fds ?
			       0 :
			       -EINVAL;
	if (q->start >= have || q->count > have - q->start)
		return -EINVAL;
	if (q->index >= VU_ERR && !(q->flags & VU_IRQ_TRIGGER))
		return -EINVAL;
	if (in->body_len - sizeof(*q) != (data == VU_IRQ_DATA_BOOL ? q->count : 0))
		return -EINVAL;
	if (in->num_fds && (data != VU_IRQ_DATA_EVENTFD || in->num_fds != q->count))
		return -EINVAL;
	return data == VU_IRQ_DATA_EVENTFD && !(q->flags & VU_IRQ_TRIGGER) ? -ENOTSUP : 0;
}

static bool is_eventfd(int fd)
{
	char path[32], target[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return true; /* no /proc to ask */
	target[n] = 0;
	return !strcmp(target, "anon_inode:[eventfd]");
}

static int bind_all(struct vu_inbox *in, const struct vu_set_irqs *q, struct vu_vector *v)
{
	for (uint32_t i = 0; i < in->num_fds; i++)
		if (!is_eventfd(in->fds[i]))
			return -EINVAL;
	for (uint32_t i = 0; i < q->count; i++)
		bind_vector(&v[i], vu_inbox_take_fd(in, i));
	return 0;
}

static void act(struct vu_vector *v, uint32_t action)
{
	if (action == VU_IRQ_TRIGGER) {
		fire(v);
	} else if (action == VU_IRQ_MASK) {
		v->masked = true;
	} else {
		v->masked = false;
		if (v->pending)
			fire(v);
		v->pending = false;
	}
}

int vu_server_set_irqs(struct vu_server *s, struct vu_inbox *in)
{
	struct vu_set_irqs q;
	struct vu_vector *v;
	int rc;
	SCOPED_LOCK(&s->irqs.lock);

	if (in->body_len < sizeof(q))
		return -EINVAL;
	memcpy(&q, in->body, sizeof(q));
	rc = check(s, in, &q);
	if (rc)
		return rc;
	if (!q.count) {
		clear_index(&s->irqs, q.index, s->cfg.irq_count[q.index]);
		return 0;
	}
	v = s->irqs.vectors[q.index] + q.start;
	if (q.flags & VU_IRQ_DATA_EVENTFD)
		return bind_all(in, &q, v);
	for (uint32_t i = 0; i < q.count; i++)
		if (!(q.flags & VU_IRQ_DATA_BOOL) || in->body[sizeof(q) + i] == 1)
			act(&v[i], q.flags & VU_IRQ_ACTION);
	return 0;
}
