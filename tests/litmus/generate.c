/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A random program of the script: places of a layout, steps of each side, and now and then a bond between the
 * two: a flag in memory, a register, an interrupt that one sets or raises and the other waits for. One of the
 * poller: commands, and around them what else the program does with the places.
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
	{ "mp-down-between", "x@0.0/8 f@0.4096/8 | P x=" WIDE " m0=1 f=" WIDE " | D f==" WIDE " ?x" },
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
	{ "queue-pages",
	  "c@0.4096/8 d@0.4160/8 x@0.0/8 y@0.8192/8 | P x=" WIDE " c=1 d==1 ?y | Q c==1 y:=x d=1" },
	{ "queue-beside",
	  "c@0.0/8 d@0.64/8 x@0.128/8 y@0.136/8 z@0.144/8 | P x=" WIDE " c=1 z=1 z=2 z=3 d==1 ?y z=4"
	  " | P ?z ?y | Q c==1 y:=x d=1" },
	{ "queue-started", "c@0.0/8 d@0.64/8 x@1.0/8 y@1.8/8 | P x=1 c=1 go d==1 ?y | Q c==1 y:=x d=1" },
	{ "queue-event", "c@0.0/8 d@0.64/8 x@0.128/8 y@1.0/8 | P x=" WIDE " m0=1 c=1 event ?y ?d"
			 " | Q c==1 y:=x d=1 irq" },
	{ "two-handles-down", "x@0.0/8 y@2.0/8 | P x=1 y=2 m0=1 | D m0==1 ?x ?y" },
	{ "two-handles-up", "x@0.0/8 y@2.0/8 | P r4==1 ?x ?y | S r4==1 ?y ?x | D x=1 y=2 r4=1" },
	{ "two-handles-each", "x@0.0/8 y@2.0/8 | P x=1 m0=1 | S y=1 m1=1 | D m0==1 ?x m1==1 ?y" },
	{ "two-handles-event", "x@0.0/8 y@2.0/8 | P event ?x ?y | S ?r4 ?y | D x=1 y=1 r4=1 irq" },
	{ "release-while-pushed",
	  "x@0.0/8 f@1.0/8 g@1.64/8 y@1.4096/8 | P f==1 free0 ?y g==2 ?y | D x=1 x=2 f=1 y=" WIDE " g=2" },
	{ "release-under-device", "x@0.0/8 f@1.0/8 | P ?f free0 ?f | D f=1 x=1 x=2 f=2" },
	{ "release-of-one-handle", "x@0.0/8 y@2.0/8 z@2.8/8 | P r4==1 free0 ?y m0=1 | S ?z z=1 m1=1"
				   " | D x=1 y=1 r4=1 x=2 m0==1 m1==1 ?z" },
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

/* ---- kinds ---- */

const char *const litmus_kinds[] = { [LITMUS_PLAIN] = "plain", [LITMUS_HANDLES] = "handles",
				     [LITMUS_EVENTS] = "events", [LITMUS_FREES] = "frees",
				     [LITMUS_QUEUES] = "queues", NULL };

enum litmus_kind litmus_kind_of(const struct litmus_program *p)
{
	bool second = false;

	for (unsigned int t = 0; t < p->num_threads; t++)
		second |= p->agents[t].second;
	for (unsigned int w = 0; w < p->num_words; w++)
		second |= p->words[w].buffer >= 2;
	if (p->poller)
		return LITMUS_QUEUES;
	if (litmus_freed(p))
		return LITMUS_FREES;
	if (second)
		return LITMUS_HANDLES;
	return litmus_count(p, LITMUS_DEVICE, OP_IRQ) ? LITMUS_EVENTS : LITMUS_PLAIN;
}

/* ---- by chance ---- */

static const char *const layouts[] = {
	"x@0.0/8 y@0.4096/8 z@0.8192/8",   "x@0.0/8 y@0.64/8 z@0.128/8",
	"x@0.0/8 y@0.8/8 z@0.16/8",	   "x@0.0/4 y@0.4/4 z@0.64/8",
	"x@0.0/2 y@0.2/2 z@0.4/4",	   "x@0.0/8 y@1.0/8 z@0.2048/8",
	"x@0.4088/8 y@0.4096/8 z@1.0/8",   "x@0.16376/8 y@0.0/8 z@1.16376/8",
	"x@0.0/1 y@0.1/1 z@0.7/1",	   "x@0.1024/8 y@0.3000/8 z@0.5000/8",
	"x@1.12288/8 y@0.512/8 z@0.520/4", "x@0.0/8 y@0.4096/1 z@0.4097/1",
	NULL,
};

static const char *const flags[] = {
	"e@0.512/8 f@0.9000/8 g@1.4096/8",
	"e@0.32/8 f@0.8256/4 g@0.8320/1",
	"e@1.8/8 f@1.2048/8 g@1.8192/8",
	NULL,
};

/* Buffers 2 and 3 are the second handle's. */
static const char *const handle_layouts[] = {
	"x@0.0/8 y@2.0/8 z@2.4096/8", "x@2.64/4 y@0.64/4 z@2.72/8", "x@0.0/8 y@1.0/8 z@3.0/8",
	"x@2.0/8 y@3.0/8 z@0.4096/1", "x@0.8/8 y@2.16376/8 z@2.0/2", NULL,
};

static const char *const handle_flags[] = {
	"e@0.512/8 f@2.9000/8 g@1.4096/8",
	"e@2.32/8 f@2.8256/4 g@0.8320/1",
	"e@3.8/8 f@1.2048/8 g@2.8192/8",
	NULL,
};

/* The buffer of x has nothing else: the first thread releases it. */
static const char *const free_layouts[] = {
	"x@0.0/8 y@1.0/8 z@1.4096/8", "x@0.4096/8 y@1.64/4 z@1.72/8", "x@2.0/8 y@0.0/8 z@1.0/8",
	"x@2.8192/8 y@3.0/8 z@3.8/8", NULL,
};

static const char *const free_flags[] = {
	"e@1.512/8 f@1.9000/8 g@1.12288/8",
	"e@1.32/8 f@3.8256/4 g@1.8320/1",
	"e@3.512/8 f@1.2048/8 g@1.8192/8",
	NULL,
};

/* The slot c, with d behind it; y is the poller's. */
static const char *const queue_layouts[] = {
	"c@0.0/8 d@0.64/8 x@0.128/8 y@0.192/8 z@0.4096/8",
	"c@0.4096/8 d@0.4160/8 x@0.0/8 y@0.8192/8 z@0.8200/8",
	"c@1.0/8 d@1.64/8 x@0.0/8 y@0.4096/8 z@1.4096/8",
	"c@1.8192/8 d@1.8256/8 x@0.64/8 y@0.72/8 z@0.80/8",
	"c@0.64/8 d@0.128/8 x@1.0/8 y@0.0/8 z@0.8/4",
	"c@0.4032/8 d@0.4096/8 x@0.8/8 y@1.16/8 z@1.12288/8",
	NULL,
};

static const char *const nothing[] = { "", NULL };

struct draft {
	uint64_t seed;
	enum litmus_kind kind;
	const char *layout;
	char agents[LITMUS_AGENTS][256]; /* steps */
	char who[LITMUS_THREADS];	 /* P or S */
	unsigned int threads, stores, bonds, loads, sets, events;
	bool freed; /* the buffer of x */
};

static uint32_t chance(struct draft *d, uint32_t below)
{
	return litmus_random(&d->seed, below);
}

static const char *one_of(struct draft *d, const char *const *list)
{
	uint32_t num = 0;

	while (list[num])
		num++;
	return list[chance(d, num)];
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

static unsigned int number_behind(const struct draft *d, char place, char sign)
{
	return (unsigned int)(strchr(strchr(d->layout, place), sign)[1] - '0');
}

/* Who releases a buffer has it for himself, but for the device. */
static char pick(struct draft *d, unsigned int agent)
{
	bool barred = d->kind == LITMUS_FREES && agent != LITMUS_DEVICE && (agent || d->freed);

	return (char)('x' + barred + (int)chance(d, barred ? 2 : 3));
}

/* Each store has a value of its own; some change all bytes of their place, some the lowest alone. */
static void store_to(struct draft *d, unsigned int agent, char place)
{
	unsigned int width = number_behind(d, place, '/');
	uint64_t value = ++d->stores;

	if (chance(d, 2))
		value *= UINT64_C(0x1111111111111111);
	if (width < 8)
		value &= (UINT64_C(1) << 8 * width) - 1;
	add(d, agent, " %c=0x%" PRIx64, place, value);
}

static void store(struct draft *d, unsigned int agent)
{
	store_to(d, agent, pick(d, agent));
}

static void load(struct draft *d, unsigned int agent)
{
	if (agent == LITMUS_DEVICE && d->loads == 3)
		return;
	d->loads += agent == LITMUS_DEVICE;
	add(d, agent, " ?%c", pick(d, agent));
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

static void event_bond(struct draft *d, unsigned int agent)
{
	if (d->events++ > (d->kind == LITMUS_EVENTS))
		return;
	add(d, LITMUS_DEVICE, " irq");
	add(d, agent, " event");
}

static void up_bond(struct draft *d, unsigned int agent)
{
	unsigned int n = d->bonds++;

	switch (chance(d, d->kind == LITMUS_PLAIN ? 3 : 4)) {
	case 0:
		add(d, LITMUS_DEVICE, " r%u=1", 4 + n);
		add(d, agent, " r%u==1", 4 + n);
		break;
	case 3: event_bond(d, agent); break;
	default:
		add(d, LITMUS_DEVICE, " %c=1", 'e' + (int)n);
		add(d, agent, " %c==1", 'e' + (int)n);
		break;
	}
}

static void other_step(struct draft *d, unsigned int agent)
{
	if (agent == LITMUS_DEVICE && d->sets < 2)
		add(d, agent, " r7=%u", ++d->sets);
	else if (agent != LITMUS_DEVICE)
		add(d, agent, chance(d, 3) ? " ?r7" : " fence");
}

static void release(struct draft *d)
{
	add(d, 0, " free%u", number_behind(d, 'x', '@'));
	d->freed = true;
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
		if (d->kind == LITMUS_EVENTS && chance(d, 2))
			event_bond(d, thread);
		else if (d->bonds < 3)
			up_bond(d, thread);
		break;
	default:
		if (d->kind == LITMUS_FREES && !d->freed)
			release(d);
		else
			other_step(d, agent);
		break;
	}
}

static void script_steps(struct draft *d)
{
	unsigned int steps = 4 + chance(d, 4);

	if (!chance(d, 3))
		add(d, 0, " go");
	if (d->kind == LITMUS_EVENTS)
		store(d, LITMUS_DEVICE);
	while (steps--)
		step(d);
	if (d->kind == LITMUS_EVENTS && !d->events)
		event_bond(d, chance(d, d->threads));
	if (d->kind == LITMUS_FREES && !d->freed)
		release(d);
	else if (*d->agents[0])
		store(d, 0);
	for (unsigned int t = 0; t < d->threads; t++)
		load(d, t);
	load(d, LITMUS_DEVICE);
}

/* ---- of the poller ---- */

/* What has nothing to do with the command, or all. */
static void beside(struct draft *d, unsigned int agent)
{
	switch (chance(d, 8)) {
	case 0:
	case 1: store_to(d, agent, 'z'); break;
	case 2: add(d, agent, " m0=1"); break;
	case 3: add(d, agent, " ?r7"); break;
	case 4: add(d, agent, chance(d, 2) ? " fence" : " ?d"); break;
	default: add(d, agent, " ?%c", 'x' + (int)chance(d, 3)); break;
	}
}

/* `started`: the device is, behind the command. */
static void command(struct draft *d, unsigned int number, bool started, bool waits, bool interrupts)
{
	store_to(d, 0, 'x');
	if (chance(d, 2))
		beside(d, 0);
	add(d, 0, " c=%u%s", number, started ? " go" : "");
	if (interrupts)
		add(d, 0, " event");
	else if (waits)
		add(d, 0, " d==%u", number);
	else
		beside(d, 0);
	add(d, 0, chance(d, 3) ? " ?y" : " ?d");
	add(d, LITMUS_DEVICE, " c==%u y:=x d=%u%s", number, number, interrupts ? " irq" : "");
}

static void queue_steps(struct draft *d)
{
	unsigned int commands = 1 + chance(d, 2), start = chance(d, 8);
	bool interrupts = !chance(d, 4);

	if (!start)
		add(d, 0, " go");
	else if (chance(d, 2))
		beside(d, 0);
	for (unsigned int n = 1; n <= commands; n++)
		command(d, n, n == start, n < commands || chance(d, 3), interrupts);
	for (unsigned int n = chance(d, 3); d->threads > 1 && n < 3; n++)
		beside(d, 1);
}

/* ---- all of it ---- */

static enum litmus_kind draw_kind(struct draft *d)
{
	static const enum litmus_kind kinds[] = { LITMUS_PLAIN,	  LITMUS_PLAIN,	 LITMUS_PLAIN, LITMUS_HANDLES,
						  LITMUS_HANDLES, LITMUS_EVENTS, LITMUS_FREES, LITMUS_QUEUES,
						  LITMUS_QUEUES };

	return kinds[chance(d, sizeof(kinds) / sizeof(kinds[0]))];
}

/* Its places, and who the threads are. */
static const char *draw_places(struct draft *d)
{
	static const char *const *const places[][2] = {
		[LITMUS_PLAIN] = { layouts, flags },
		[LITMUS_HANDLES] = { handle_layouts, handle_flags },
		[LITMUS_EVENTS] = { layouts, flags },
		[LITMUS_FREES] = { free_layouts, free_flags },
		[LITMUS_QUEUES] = { queue_layouts, nothing },
	};
	bool two = d->kind == LITMUS_HANDLES || d->kind == LITMUS_FREES;

	d->layout = one_of(d, places[d->kind][0]);
	d->threads = 1 + chance(d, 2);
	for (unsigned int t = 0; t < d->threads; t++)
		d->who[t] = two && chance(d, 2) ? 'S' : 'P';
	return one_of(d, places[d->kind][1]);
}

void litmus_generate(uint64_t seed, enum litmus_kind kind, char text[LITMUS_TEXT])
{
	struct draft d = { .seed = seed };
	const char *more;
	unsigned int len;

	d.kind = draw_kind(&d);
	if (kind != LITMUS_ANY)
		d.kind = kind;
	more = draw_places(&d);
	if (d.kind == LITMUS_QUEUES)
		queue_steps(&d);
	else
		script_steps(&d);
	len = (unsigned int)snprintf(text, LITMUS_TEXT, "%s %s", d.layout, more);
	for (unsigned int t = 0; t < d.threads; t++)
		len += (unsigned int)snprintf(text + len, LITMUS_TEXT - len, " | %c%s", d.who[t],
					      d.agents[t]);
	snprintf(text + len, LITMUS_TEXT - len, " | %c%s", d.kind == LITMUS_QUEUES ? 'Q' : 'D',
		 d.agents[LITMUS_DEVICE]);
}
