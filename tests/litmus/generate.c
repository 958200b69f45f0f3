/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A random program: places of a layout, steps of each side, and now and then a bond between the two: a
 * flag in memory, a register, an interrupt that one sets or raises and the other waits for.
 */
#include "tests/litmus/generate.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WIDE "0x1111111111111111"

const struct litmus_shape litmus_shapes[] = {
	{ "mp-down", "x@0.0/8 f@0.4096/8 | P x=" WIDE " m0=1 | D m0==1 ?x" },
	{ "mp-down-memory", "x@0.64/8 f@0.0/8 | P x=" WIDE " f=1 | D f==1 ?x" },
	{ "mp-down-page", "x@0.0/8 f@0.4096/8 | P x=" WIDE " f=1 | D f==1 ?x" },
	{ "mp-down-buffers", "x@1.0/8 y@0.8192/8 f@0.0/8 | P x=" WIDE " y=" WIDE " f=1 | D f==1 ?x ?y" },
	{ "mp-down-go", "x@0.0/8 y@1.8192/4 | P x=" WIDE " y=7 go ?y | D ?x y=9 ?y" },
	{ "mp-down-two", "x@0.0/8 y@0.4096/8 | P x=1 ?y m0=1 | P y=1 ?x m1=1 | D m0==1 m1==1 ?x ?y" },
	{ "mp-up-page", "x@0.4096/8 f@0.0/8 | P f==1 ?x | D x=" WIDE " f=1" },
	{ "mp-up-same-page", "x@0.1024/8 f@0.0/8 | P f==1 ?x | D x=" WIDE " f=1" },
	{ "mp-up-behind", "x@0.0/8 f@0.1024/8 | P f==1 ?x | D x=" WIDE " f=1" },
	{ "mp-up-line", "x@0.24/8 f@0.0/8 | P f==1 ?x | D x=" WIDE " f=1" },
	{ "mp-up-neighbour", "x@0.8/8 f@0.0/8 | P f==1 ?x | D x=" WIDE " f=1" },
	{ "mp-up-word", "x@0.0/4 f@0.4/4 | P f==1 ?x | D x=0x11111111 f=1" },
	{ "mp-up-buffers", "x@1.0/8 y@0.8192/8 f@0.0/8 | P f==1 ?x ?y | D x=" WIDE " y=" WIDE " f=1" },
	{ "mp-up-much",
	  "f@0.0/8 a@0.256/8 b@0.512/8 c@0.768/8 d@0.4096/8 e@0.8192/8 | P f==1 ?a ?b ?c ?d ?e | D a=" WIDE
	  " b=" WIDE " c=" WIDE " d=" WIDE " e=" WIDE " f=1" },
	{ "mp-up-chance", "x@1.0/8 f@0.0/8 | P ?f ?x | P ?f ?x | D x=" WIDE " f=1" },
	{ "mp-up-mmio", "x@0.4096/8 | P r4==1 ?x | D x=1 r4=1" },
	{ "mp-up-mmio-chance", "x@0.0/8 y@1.0/8 | P ?r4 ?x ?y | D x=1 y=2 r4=1 x=3 r4=2" },
	{ "mp-up-event", "x@0.0/8 y@1.4096/8 | P event ?x ?y | D x=1 y=" WIDE " irq" },
	{ "mp-up-two-threads", "x@0.0/8 f@0.4096/8 g@1.0/8 | P f==1 g=1 | P g==1 ?x | D x=" WIDE " f=1" },
	{ "poll-with-mmio", "x@0.0/8 f@0.4096/8 | P ?r4 ?f ?r4 ?f ?x | D x=" WIDE " f=1 r4=1" },
	{ "poll-without-mmio", "x@0.0/8 f@0.4096/8 | P ?f ?x ?f ?x | D x=" WIDE " f=1" },
	{ "ping-pong", "f@0.0/8 g@0.4096/8 | P f=1 g==1 f=2 g==2 ?f | D f==1 g=1 f==2 g=2" },
	{ "false-sharing-page", "x@0.0/8 y@0.2048/8 | P x=1 x=2 m0=1 ?y | D y=1 y=2 m0==1 ?x y=3" },
	{ "false-sharing-line", "x@0.0/8 y@0.8/8 | P x=1 m0=1 x=2 m1=1 | D y=1 m0==1 ?x y=2 m1==1 ?x" },
	{ "false-sharing-word", "x@0.0/4 y@0.4/4 | P x=1 m0=1 x=2 ?y | D y=1 m0==1 y=2 ?x" },
	{ "false-sharing-bytes",
	  "x@0.0/1 y@0.1/1 z@0.2/2 | P x=1 m0=1 ?y | P z=0x101 ?y | D y=1 m0==1 y=2 ?x" },
	{ "ring", "h@0.0/8 t@0.64/8 a@0.4096/8 b@0.4104/8 | P a=" WIDE " h=1 m0=1 b=" WIDE " t==1 h=2 m1=1"
		  " t==2 | D m0==1 h==1 ?a t=1 m1==1 h==2 ?b t=2" },
	{ "ring-in-memory",
	  "h@0.64/8 t@0.0/8 a@0.128/8 | P a=1 h=1 t==1 a=2 h=2 t==2 | D h==1 ?a t=1 h==2 ?a t=2" },
	{ "queue", "c@0.0/8 d@0.64/8 x@0.128/8 y@0.192/8 | P x=" WIDE " c=1 d==1 ?y | Q c==1 y:=x d=1" },
	{ "queue-twice", "c@0.0/8 d@0.64/8 x@0.256/8 y@0.512/8 | P x=1 c=1 d==1 ?y x=2 c=2 d==2 ?y"
			 " | Q c==1 y:=x d=1 c==2 y:=x d=2" },
	{ "two-handles-down", "x@0.0/8 y@2.0/8 | P x=1 y=2 m0=1 | D m0==1 ?x ?y" },
	{ "two-handles-up", "x@0.0/8 y@2.0/8 | P r4==1 ?x ?y | S r4==1 ?y ?x | D x=1 y=2 r4=1" },
	{ "two-handles-each", "x@0.0/8 y@2.0/8 | P x=1 m0=1 | S y=1 m1=1 | D m0==1 ?x m1==1 ?y" },
	{ "release-while-pushed",
	  "x@0.0/8 f@1.0/8 g@1.64/8 y@1.4096/8 | P f==1 free0 ?y g==2 ?y | D x=1 x=2 f=1 y=" WIDE " g=2" },
	{ "release-under-device", "x@0.0/8 f@1.0/8 | P ?f free0 ?f | D f=1 x=1 x=2 f=2" },
	{ "store-buffering", "x@0.0/8 y@0.4096/8 | P x=1 ?y | D y=1 ?x" },
	{ "store-buffering-fence", "x@0.0/8 y@0.4096/8 | P x=1 fence ?y | D y=1 ?x" },
	{ "same-byte", "x@0.0/8 | P x=1 m0=1 ?x | D x=2 m0==1 ?x" },
	{ "same-byte-word", "x@0.0/8 | P x=" WIDE " m0=1 | P ?x ?x | D x=0x2222222222222222 ?x" },
	{ "same-byte-twice", "x@0.0/8 | P x=1 m0=1 x=3 m1=1 | D x=2 x=4 ?x" },
	{ NULL, NULL },
};

uint32_t litmus_random(uint64_t *seed, uint32_t below)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) % below);
}

/* ---- by chance ---- */

static const char *const layouts[] = {
	"x@0.0/8 y@0.4096/8 z@0.8192/8",   "x@0.0/8 y@0.64/8 z@0.128/8",
	"x@0.0/8 y@0.8/8 z@0.16/8",	   "x@0.0/4 y@0.4/4 z@0.64/8",
	"x@0.0/2 y@0.2/2 z@0.4/4",	   "x@0.0/8 y@1.0/8 z@0.2048/8",
	"x@0.4088/8 y@0.4096/8 z@1.0/8",   "x@0.16376/8 y@0.0/8 z@1.16376/8",
	"x@0.0/1 y@0.1/1 z@0.7/1",	   "x@0.1024/8 y@0.3000/8 z@0.5000/8",
	"x@1.12288/8 y@0.512/8 z@0.520/4", "x@0.0/8 y@0.4096/1 z@0.4097/1",
};

struct draft {
	uint64_t seed;
	const char *layout;
	char agents[LITMUS_AGENTS][256]; /* steps */
	unsigned int threads, stores, bonds, loads, sets, events;
};

static uint32_t chance(struct draft *d, uint32_t below)
{
	return litmus_random(&d->seed, below);
}

__attribute__((format(printf, 3, 4)))
static void add(struct draft *d, unsigned int agent, const char *fmt, ...)
{
	size_t len = strlen(d->agents[agent]);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(d->agents[agent] + len, sizeof(d->agents[agent]) - len, fmt, ap);
	va_end(ap);
}

static unsigned int width_of(const struct draft *d, char place)
{
	const char *at = strchr(d->layout, place);

	return (unsigned int)(strchr(at, '/')[1] - '0');
}

/* Each store has a value of its own; some change all bytes of their place, some the lowest alone. */
static void store(struct draft *d, unsigned int agent)
{
	char place = (char)('x' + chance(d, 3));
	uint64_t value = ++d->stores;

	if (chance(d, 2))
		value *= UINT64_C(0x1111111111111111);
	if (width_of(d, place) < 8)
		value &= (UINT64_C(1) << 8 * width_of(d, place)) - 1;
	add(d, agent, " %c=0x%" PRIx64, place, value);
}

static void load(struct draft *d, unsigned int agent)
{
	if (agent == LITMUS_DEVICE && d->loads == 3)
		return;
	d->loads += agent == LITMUS_DEVICE;
	add(d, agent, " ?%c", 'x' + (int)chance(d, 3));
}

static void down_bond(struct draft *d, unsigned int agent)
{
	unsigned int n = d->bonds++;

	if (chance(d, 3)) {
		add(d, agent, " m%u=1", n);
		add(d, LITMUS_DEVICE, " m%u==1", n);
	} else {
		add(d, agent, " %c=1", 'e' + (int)n);
		add(d, LITMUS_DEVICE, " %c==1", 'e' + (int)n);
	}
}

static void up_bond(struct draft *d, unsigned int agent)
{
	unsigned int n = d->bonds++;

	switch (chance(d, 4)) {
	case 0:
		add(d, LITMUS_DEVICE, " r%u=1", 4 + n);
		add(d, agent, " r%u==1", 4 + n);
		break;
	case 1:
		if (d->events++)
			break;
		add(d, LITMUS_DEVICE, " irq");
		add(d, agent, " event");
		break;
	default:
		add(d, LITMUS_DEVICE, " %c=1", 'e' + (int)n);
		add(d, agent, " %c==1", 'e' + (int)n);
		break;
	}
}

static void step(struct draft *d)
{
	unsigned int agent = chance(d, d->threads + 1), thread = chance(d, d->threads);

	if (agent == d->threads)
		agent = LITMUS_DEVICE;
	switch (chance(d, 8)) {
	case 0:
	case 1:
	case 2: store(d, agent); break;
	case 3:
	case 4: load(d, agent); break;
	case 5:
		if (d->bonds < 3)
			down_bond(d, thread);
		break;
	case 6:
		if (d->bonds < 3)
			up_bond(d, thread);
		break;
	default:
		if (agent == LITMUS_DEVICE && d->sets < 2)
			add(d, agent, " r7=%u", ++d->sets);
		else if (agent != LITMUS_DEVICE)
			add(d, agent, chance(d, 3) ? " ?r7" : " fence");
		break;
	}
}

void litmus_generate(uint64_t seed, char text[LITMUS_TEXT])
{
	static const char *const flags[] = { "e@0.512/8 f@0.9000/8 g@1.4096/8",
					     "e@0.32/8 f@0.8256/4 g@0.8320/1",
					     "e@1.8/8 f@1.2048/8 g@1.8192/8" };
	struct draft d = { .seed = seed };
	unsigned int steps, len;

	d.layout = layouts[chance(&d, sizeof(layouts) / sizeof(layouts[0]))];
	d.threads = 1 + chance(&d, 2);
	if (!chance(&d, 3))
		add(&d, 0, " go");
	steps = 4 + chance(&d, 4);
	while (steps--)
		step(&d);
	if (*d.agents[0])
		store(&d, 0);
	for (unsigned int t = 0; t < d.threads; t++)
		load(&d, t);
	load(&d, LITMUS_DEVICE);
	len = (unsigned int)snprintf(text, LITMUS_TEXT, "%s %s | P%s", d.layout,
				     flags[chance(&d, sizeof(flags) / sizeof(flags[0]))], d.agents[0]);
	if (d.threads > 1)
		len += (unsigned int)snprintf(text + len, LITMUS_TEXT - len, " | P%s", d.agents[1]);
	snprintf(text + len, LITMUS_TEXT - len, " | D%s", d.agents[LITMUS_DEVICE]);
}
