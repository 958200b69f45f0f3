/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake-port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_port *of(struct host_port *p)
{
	return (struct fake_port *)(void *)p;
}

void fake_port_init(struct fake_port *f)
{
	memset(f, 0, sizeof(*f));
	f->vector = -1;
	f->all_ordered = true;
}

void fake_port_cycle(struct fake_port *f)
{
	f->port.cycle++;
	f->port.mmio_ready = f->access_waits;
	f->port.read_ready = f->read_num && !f->hold_reads;
	f->port.write_ready = f->write_num && !f->hold_writes;
}

uint8_t *fake_port_memory(struct fake_port *f, uint64_t iova, uint32_t bytes)
{
	if (iova < FAKE_MEMORY && bytes <= FAKE_MEMORY - iova)
		return f->low + iova;
	if (iova >= FAKE_HIGH && iova < FAKE_HIGH + FAKE_MEMORY && bytes <= FAKE_HIGH + FAKE_MEMORY - iova)
		return f->high + (iova - FAKE_HIGH);
	return NULL;
}

bool host_take_mmio(struct host_port *p, struct host_mmio *ret)
{
	struct fake_port *f = of(p);

	if (!f->access_waits)
		return false;
	*ret = f->access;
	f->access_waits = false;
	return true;
}

void host_mmio_done(struct host_port *p, uint32_t tag, uint64_t value)
{
	struct fake_port *f = of(p);

	f->answers++;
	f->answer_tag = tag;
	f->answer = value;
}

static bool queue_read(struct fake_port *f, const struct host_read *r, const struct host_atomic *a)
{
	uint32_t at = (f->read_head + f->read_num) % FAKE_QUEUE;

	if (f->full || f->read_num == FAKE_QUEUE)
		return false;
	f->reads[at] = *r;
	f->atomics[at] = *a;
	f->read_num++;
	f->num_reads++;
	return true;
}

bool host_read(struct host_port *p, const struct host_read *r)
{
	if (!r->bytes || r->bytes > HOST_MAX_READ)
		abort();
	return queue_read(of(p), r, &(struct host_atomic){ 0 });
}

bool host_atomic(struct host_port *p, const struct host_atomic *a)
{
	struct host_read r = { .cookie = a->cookie, .iova = a->iova, .bytes = a->bytes };

	if ((a->bytes != 4 && a->bytes != 8) || a->iova % a->bytes)
		abort();
	return queue_read(of(p), &r, a);
}

/* When its answer is taken. */
static void change(uint8_t *memory, const struct host_atomic *a)
{
	uint64_t value = 0;

	memcpy(&value, memory, a->bytes);
	if (a->op == HOST_FETCH_ADD)
		value += a->operand;
	else if (a->op == HOST_SWAP || value == a->compare)
		value = a->operand;
	memcpy(memory, &value, a->bytes);
}

bool host_take_read(struct host_port *p, struct host_read_line *ret)
{
	struct fake_port *f = of(p);
	const struct host_read *r = &f->reads[f->read_head];
	uint32_t from = f->read_at * HOST_LINE;
	uint8_t *memory;

	if (!f->read_num)
		return false;
	ret->cookie = r->cookie;
	ret->index = f->read_at++;
	ret->bytes = r->bytes - from < HOST_LINE ? r->bytes - from : HOST_LINE;
	ret->last = from + ret->bytes == r->bytes;
	memory = fake_port_memory(f, r->iova + from, ret->bytes);
	ret->error = !memory;
	memset(f->line, 0xff, sizeof(f->line));
	if (memory)
		memcpy(f->line, memory, ret->bytes);
	if (memory)
		change(memory, &f->atomics[f->read_head]);
	ret->data = f->line;
	if (ret->last) {
		f->read_at = 0;
		f->read_head = (f->read_head + 1) % FAKE_QUEUE;
		f->read_num--;
	}
	return true;
}

static bool queue_write(struct fake_port *f, enum host_write_kind kind, uint64_t cookie, bool error)
{
	if (f->full || f->write_num == FAKE_QUEUE)
		return false;
	f->writes[(f->write_head + f->write_num++) % FAKE_QUEUE] =
		(struct host_write_done){ kind, cookie, error };
	return true;
}

bool host_write(struct host_port *p, const struct host_write *w)
{
	struct fake_port *f = of(p);
	uint8_t *memory = fake_port_memory(f, w->iova, w->bytes);

	if (!w->bytes || w->bytes > HOST_LINE)
		abort();
	if (!queue_write(f, HOST_WRITE, w->cookie, !memory))
		return false;
	for (uint32_t i = 0; memory && i < w->bytes; i++)
		if (w->enables >> i & 1)
			memory[i] = ((const uint8_t *)w->data)[i];
	f->num_writes++;
	f->all_ordered &= w->ordered;
	f->channel = w->channel;
	f->enables = w->enables;
	return true;
}

bool host_fence(struct host_port *p, uint64_t cookie, uint32_t channel)
{
	of(p)->channel = channel;
	return queue_write(of(p), HOST_FENCE, cookie, false);
}

bool host_interrupt(struct host_port *p, uint64_t cookie, uint32_t channel, uint32_t vector, bool ordered)
{
	struct fake_port *f = of(p);

	f->vector = (int)vector;
	f->channel = channel;
	f->vector_ordered = ordered;
	return queue_write(f, HOST_INTERRUPT, cookie, vector >= HOST_VECTORS);
}

bool host_take_write(struct host_port *p, struct host_write_done *ret)
{
	struct fake_port *f = of(p);

	if (!f->write_num)
		return false;
	*ret = f->writes[f->write_head];
	f->write_head = (f->write_head + 1) % FAKE_QUEUE;
	f->write_num--;
	return true;
}

void host_active(struct host_port *p)
{
	of(p)->active++;
}

void host_error(struct host_port *p, const char *rule, const char *fmt, ...)
{
	struct fake_port *f = of(p);

	(void)fmt;
	f->errors++;
	snprintf(f->rule, sizeof(f->rule), "%s", rule);
}

void host_warning(struct host_port *p, const char *rule, const char *fmt, ...)
{
	struct fake_port *f = of(p);

	(void)fmt;
	f->warnings++;
	snprintf(f->warning, sizeof(f->warning), "%s", rule);
}
