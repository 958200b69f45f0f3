/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/fake-afu.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BURST 4u /* lines in a read */
#define EVEN UINT64_C(0x5555555555555555)

void fake_afu_init(struct fake_afu *a)
{
	memset(a, 0, sizeof(*a));
	a->least_gap = UINT64_MAX;
}

static uint64_t *reg(struct fake_afu *a, uint32_t at)
{
	return &a->regs[at / 8];
}

/* What software has set is lost as well. */
static void reset(struct fake_afu *a)
{
	memset(a->regs, 0, sizeof(a->regs));
	*reg(a, 0) = FAKE_DFH;
	*reg(a, 8) = FAKE_GUID_LOW;
	*reg(a, 16) = FAKE_GUID_HIGH;
	a->phase = FAKE_IDLE;
	a->unanswered = 0;
}

/* ---- registers ---- */

static void start(struct fake_afu *a, struct host_port *p)
{
	if (a->phase != FAKE_IDLE)
		return;
	a->phase = FAKE_COPYING;
	a->asked = a->written = 0;
	a->finish_step = 0;
	a->begun = p->cycle;
	*reg(a, FAKE_STATUS) = 1;
}

static void written(struct fake_afu *a, struct host_port *p, const struct host_mmio *m)
{
	bool settable = m->address >= FAKE_SCRATCH && m->address + m->bytes <= sizeof(a->regs);

	if (!settable || m->address / 8 == FAKE_STATUS / 8)
		return;
	memcpy((uint8_t *)a->regs + m->address, m->data, m->bytes);
	if (m->address == FAKE_CTL && (m->data[0] & FAKE_START))
		start(a, p);
}

static void read_asked(struct fake_afu *a, struct host_port *p, const struct host_mmio *m)
{
	uint64_t value = 0;

	if (m->address == FAKE_MUTE)
		return;
	if (m->address + m->bytes <= sizeof(a->regs))
		memcpy(&value, (const uint8_t *)a->regs + m->address, m->bytes);
	host_mmio_done(p, m->tag, value);
	if (m->address == FAKE_TWICE)
		host_mmio_done(p, m->tag, value);
}

static void registers(struct fake_afu *a, struct host_port *p)
{
	struct host_mmio m;

	if (!host_take_mmio(p, &m))
		return;
	if (a->accesses++ && p->cycle - a->last_access < a->least_gap)
		a->least_gap = p->cycle - a->last_access;
	a->last_access = p->cycle;
	if (m.write)
		written(a, p, &m);
	else
		read_asked(a, p, &m);
}

/* ---- the copy ---- */

static void ask(struct fake_afu *a, struct host_port *p)
{
	uint64_t left = *reg(a, FAKE_LINES) - a->asked;
	uint32_t lines = left < BURST ? (uint32_t)left : BURST;
	struct host_read r = { .cookie = a->asked,
			       .iova = *reg(a, FAKE_SRC) + a->asked * HOST_LINE,
			       .bytes = lines * HOST_LINE };

	if (!lines || p->read_full)
		return;
	if (!host_read(p, &r))
		host_error(p, "fake-read-overflow", "the host has no room for a read");
	a->asked += lines;
}

static void copy_line(struct fake_afu *a, struct host_port *p)
{
	uint64_t ctl = *reg(a, FAKE_CTL);
	struct host_read_line line;
	struct host_write w;

	if (p->write_full || !host_take_read(p, &line))
		return;
	w = (struct host_write){ .cookie = line.cookie + line.index,
				 .iova = *reg(a, FAKE_DST) + (line.cookie + line.index) * HOST_LINE,
				 .bytes = line.bytes,
				 .enables = ctl & FAKE_EVEN ? EVEN : UINT64_MAX,
				 .ordered = ctl & FAKE_ORDERED,
				 .data = line.data };
	if (line.error)
		*reg(a, FAKE_STATUS) += UINT64_C(1) << 32;
	if (!host_write(p, &w))
		host_error(p, "fake-write-overflow", "the host has no room for a write");
	a->written++;
	a->unanswered++;
}

/* Fence, flag and interrupt, one in a cycle. */
static void finish(struct fake_afu *a, struct host_port *p)
{
	uint64_t ctl = *reg(a, FAKE_CTL);
	struct host_write flag = { .cookie = UINT64_MAX,
				   .iova = *reg(a, FAKE_FLAG_AT),
				   .bytes = 8,
				   .enables = UINT64_MAX,
				   .ordered = ctl & FAKE_ORDERED,
				   .data = reg(a, FAKE_LINES) };

	switch (a->finish_step++) {
	case 0:
		if (ctl & FAKE_FENCE)
			a->unanswered += host_fence(p, 0, 0);
		break;
	case 1:
		if (ctl & FAKE_FLAG)
			a->unanswered += host_write(p, &flag);
		break;
	default:
		if (ctl & FAKE_INTERRUPT)
			a->unanswered += host_interrupt(p, 0, 0, (uint32_t)(ctl >> 8 & 0xff),
							ctl & FAKE_ORDERED);
		a->phase = FAKE_WAITING;
	}
}

static void answers(struct fake_afu *a, struct host_port *p)
{
	struct host_write_done done;

	if (a->deaf || !host_take_write(p, &done))
		return;
	a->unanswered--;
	if (done.error)
		*reg(a, FAKE_STATUS) += UINT64_C(1) << 32;
}

static void work(struct fake_afu *a, struct host_port *p)
{
	switch (a->phase) {
	case FAKE_IDLE: break;
	case FAKE_COPYING:
		ask(a, p);
		copy_line(a, p);
		if (a->written == *reg(a, FAKE_LINES))
			a->phase = FAKE_FINISHING;
		break;
	case FAKE_FINISHING: finish(a, p); break;
	case FAKE_WAITING:
		if (a->unanswered)
			break;
		a->phase = FAKE_IDLE;
		*reg(a, FAKE_STATUS) &= ~UINT64_C(1);
		++*reg(a, FAKE_COPIES);
		*reg(a, FAKE_CYCLES) = p->cycle - a->begun;
		break;
	}
}

bool fake_afu_tick(void *afu, struct host_port *p)
{
	struct fake_afu *a = afu;

	if (p->reset) {
		if (!a->was_reset)
			a->resets++;
		a->was_reset = true;
		reset(a);
		return true;
	}
	a->was_reset = false;
	registers(a, p);
	answers(a, p);
	work(a, p);
	return true;
}

static int wave_open(void *self, const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return -errno;
	fclose(f);
	((struct fake_afu *)self)->waves = true;
	return 0;
}

static void wave_close(void *self)
{
	((struct fake_afu *)self)->waves = false;
}

struct sim_model fake_afu_model(struct fake_afu *a)
{
	return (struct sim_model){ .size = sizeof(struct sim_model),
				   .name = "fake-sim",
				   .self = a,
				   .tick = fake_afu_tick,
				   .wave_open = wave_open,
				   .wave_close = wave_close };
}
