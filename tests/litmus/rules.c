/* SPDX-License-Identifier: BSD-3-Clause */
/* See model.h for the machine. What means nothing in a state is 0: states are told apart by their bytes. */
#include "tests/litmus/rules.h"

#include <string.h>

struct walk {
	const struct rules *r;
	rules_each *each;
	void *ctx;
	unsigned int forms; /* in which a store may travel */
	bool any;
};

static void next(struct walk *w, const struct state *s)
{
	w->any = true;
	w->each(w->ctx, s);
}

static bool is_remote(const struct rules *r)
{
	return r->flags & MODEL_REMOTE;
}

static uint8_t handle_of(const struct rules *r, unsigned int word)
{
	return r->p->words[word].buffer >= 2;
}

static void put(uint64_t *to, uint64_t mask, uint64_t value)
{
	*to = (*to & ~mask) | (value & mask);
}

/* ---- what is on its way ---- */

static void append(struct queue *q, struct item i)
{
	q->items[q->num++] = i; /* there is room: rules_fit() */
}

/* What is on its way of a store are the bytes that it changes; or with the eager tracker the whole word. */
static void send_store(struct queue *q, struct item i, uint64_t before, bool whole)
{
	uint64_t after = before, changed = 0;

	put(&after, i.mask, i.value);
	for (unsigned int b = 0; b < 64; b += 8)
		if ((after ^ before) >> b & 0xff)
			changed |= UINT64_C(0xff) << b;
	i.mask = whole ? UINT64_MAX : changed;
	i.value = after & i.mask;
	if (changed)
		append(q, i);
}

static struct item take(struct queue *q, unsigned int n)
{
	struct item i = q->items[n];

	memmove(&q->items[n], &q->items[n + 1], (--q->num - n) * sizeof(i));
	memset(&q->items[q->num], 0, sizeof(i));
	return i;
}

/* Must a store stay behind another one on its way down, to the device's memory, or up, to the program's? */
static bool is_ordered(const struct rules *r, const struct item *i, const struct item *before, bool down)
{
	const struct litmus_word *w = &r->p->words[i->word], *b = &r->p->words[before->word];
	bool shorter = i->handle == before->handle && r->longest[i->word] < r->shortest[before->word];

	if (i->word == before->word)
		return true;
	if (r->flags & MODEL_EAGER)
		return !down && shorter;
	if (down)
		return litmus_page(w) == litmus_page(b) ? w->offset < b->offset : shorter;
	return i->handle == before->handle;
}

/*
 * May the n-th of the queue arrive before those that stand before it? What is no store (a register write, a
 * mark, an event) stays behind the stores of its handle, and a store behind those before a register write.
 */
static bool can_arrive(const struct rules *r, const struct queue *q, unsigned int n, bool down)
{
	const struct item *i = &q->items[n];
	unsigned int released = 0; /* handles */

	for (const struct item *e = i; e-- > q->items;) {
		bool store = e->kind == STORE;

		if (i->kind != STORE ? (store ? i->handle == e->handle : down) :
		    store && (released >> e->handle & 1 || is_ordered(r, i, e, down)))
			return false;
		if (down && !store)
			released |= 1u << e->handle;
	}
	return true;
}

/* Which bytes of the store cross some on the way back. */
static uint64_t crossing(const struct queue *back, const struct item *i)
{
	uint64_t mask = 0;

	for (unsigned int k = 0; k < back->num; k++)
		if (back->items[k].kind == STORE && back->items[k].word == i->word)
			mask |= back->items[k].mask & i->mask;
	return mask;
}

static void drop(struct queue *q, unsigned int word, uint64_t mask)
{
	for (unsigned int k = 0; k < q->num; k++) {
		struct item *i = &q->items[k];

		if (i->kind != STORE || i->word != word)
			continue;
		i->mask &= ~mask;
		i->value &= i->mask;
		if (!i->mask)
			take(q, k--);
	}
}

/* A store arrives; where stores of both cross, one of them remains. */
static void store_arrives(struct walk *w, const struct state *from, bool down, const struct item *i)
{
	uint64_t crossed = crossing(down ? &from->up : &from->down, i);
	struct state s = *from;

	put(&s.memory[down][i->word], i->mask, i->value);
	if (!crossed || w->r->flags & MODEL_EAGER)
		next(w, &s);
	if (!crossed)
		return;
	drop(down ? &s.up : &s.down, i->word, crossed); /* this one */
	next(w, &s);
	s = *from; /* the other one */
	put(&s.memory[down][i->word], i->mask & ~crossed, i->value);
	next(w, &s);
}

static void arrivals(struct walk *w, const struct state *from, bool down)
{
	const struct queue *q = down ? &from->down : &from->up;

	for (unsigned int n = 0; n < q->num; n++) {
		struct state s = *from;
		struct item i;

		if (!can_arrive(w->r, q, n, down))
			continue;
		i = take(down ? &s.down : &s.up, n);
		switch (i.kind) {
		case STORE: store_arrives(w, &s, down, &i); continue;
		case WRITE: s.mailboxes[i.at] = i.value; break;
		case GO: s.dev_pc = s.dev_pc == NOT_STARTED ? 0 : s.dev_pc; break;
		case MARK: s.threads[i.at].waits = 0; break;
		default: s.events = 1; break;
		}
		next(w, &s);
	}
}

/* ---- the device ---- */

static bool device_runs(const struct rules *r, const struct state *s)
{
	return s->dev_pc < r->p->agents[LITMUS_DEVICE].num && !s->failed;
}

static void device_store(const struct rules *r, struct state *s, const struct litmus_place *at,
			 uint64_t value, bool whole)
{
	struct item i = { .kind = STORE, .word = at->word, .handle = handle_of(r, at->word),
			  .mask = litmus_mask(at), .value = value << 8 * at->shift };
	uint64_t *to = &s->memory[is_remote(r)][at->word];

	if (is_remote(r))
		send_store(&s->up, i, *to, whole && r->both[at->word]);
	put(to, i.mask, i.value);
}

static void device_load(const struct rules *r, struct state *s, unsigned int result, uint64_t value)
{
	s->results[result] = value;
	for (unsigned int reg = 0; reg < r->p->num_loads; reg++)
		if (r->p->result_of[reg] == result)
			s->regs[reg] = value;
}

/* In two steps. */
static void device_copy(const struct rules *r, struct state *s, const struct litmus_place *to, uint64_t seen,
			bool whole)
{
	s->half = !s->half;
	if (!s->half)
		device_store(r, s, to, s->latch, whole);
	s->latch = s->half ? seen : 0;
	s->dev_pc -= s->half;
}

/* False: it waits. */
static bool device_step(const struct rules *r, struct state *s, bool whole)
{
	const struct litmus_step *st = &r->p->agents[LITMUS_DEVICE].steps[s->dev_pc++];
	bool touches = st->op == OP_STORE || st->op == OP_LOAD || st->op == OP_WAIT || st->op == OP_COPY;
	const struct litmus_place *at = &r->p->places[st->op == OP_COPY && !s->half ? st->from : st->at];
	uint64_t seen = touches ? s->memory[is_remote(r)][at->word] : 0;

	if (touches && s->gone & 1u << at->buffer) {
		s->failed = 1;
		return true;
	}
	switch (st->op) {
	case OP_STORE: device_store(r, s, at, st->value, whole); return true;
	case OP_LOAD: device_load(r, s, st->result, seen); return true;
	case OP_WAIT: return (seen & litmus_mask(at)) == st->value << 8 * at->shift;
	case OP_WAIT_WRITE: return s->mailboxes[st->at] == st->value;
	case OP_SET: s->regs[st->at] = st->value; return true;
	case OP_IRQ: append(&s->up, (struct item){ .kind = EVENT }); return true;
	default: device_copy(r, s, at, seen, whole); return true;
	}
}

/* ---- threads ---- */

static bool is_buffered(const struct litmus_step *st)
{
	return st->op == OP_STORE || st->op == OP_WRITE || st->op == OP_GO;
}

static bool buffer_is_empty(const struct state *s, unsigned int a)
{
	return s->threads[a].drained == s->threads[a].pc;
}

/* Behind what is in no buffer. */
static void skip_others(const struct rules *r, struct state *s, unsigned int a)
{
	struct thread *t = &s->threads[a];

	while (t->drained < t->pc && !is_buffered(&r->p->agents[a].steps[t->drained]))
		t->drained++;
}

/* The eldest in the buffer leaves it. */
static void drain(struct walk *w, const struct state *from, unsigned int a, bool whole)
{
	const struct rules *r = w->r;
	struct state s = *from;
	const struct litmus_step *st = &r->p->agents[a].steps[s.threads[a].drained++];
	const struct litmus_place *at = &r->p->places[st->at];
	struct item i = { .kind = st->op == OP_GO ? GO : WRITE, .at = st->at,
			  .handle = r->p->agents[a].second, .value = st->value };

	if (st->op == OP_STORE) {
		i = (struct item){ .kind = STORE, .word = at->word, .handle = handle_of(r, at->word),
				   .mask = litmus_mask(at), .value = st->value << 8 * at->shift };
		if (is_remote(r))
			send_store(&s.down, i, s.memory[0][at->word], whole && r->both[at->word]);
		put(&s.memory[0][at->word], i.mask, i.value);
	} else {
		append(&s.down, i);
	}
	skip_others(r, &s, a);
	next(w, &s);
}

static uint64_t load(const struct rules *r, const struct state *s, unsigned int a,
		     const struct litmus_place *from)
{
	uint64_t v = s->memory[0][from->word];

	for (unsigned int i = s->threads[a].drained; i < s->threads[a].pc; i++) {
		const struct litmus_step *st = &r->p->agents[a].steps[i];
		const struct litmus_place *to = &r->p->places[st->at];

		if (st->op == OP_STORE && to->word == from->word)
			put(&v, litmus_mask(to), st->value << 8 * to->shift);
	}
	return (v & litmus_mask(from)) >> 8 * from->shift;
}

/* A call with a reply, which may bring along what the device stored before. False: not yet. */
static bool call(const struct rules *r, struct state *s, unsigned int a, bool acquires)
{
	for (unsigned int i = 0; i < s->down.num; i++)
		if (s->down.items[i].kind != STORE)
			return false;
	if (is_remote(r) && acquires) {
		append(&s->up,
		       (struct item){ .kind = MARK, .at = (uint8_t)a, .handle = r->p->agents[a].second });
		s->threads[a].waits = 1;
	}
	return true;
}

static void free_buffer(const struct rules *r, struct state *s, unsigned int buffer)
{
	s->gone |= (uint8_t)(1u << buffer);
	for (unsigned int i = 0; i < r->p->num_words; i++)
		if (r->p->words[i].buffer == buffer) {
			drop(&s->down, i, UINT64_MAX);
			drop(&s->up, i, UINT64_MAX);
		}
}

/* The thread's next step; false: not now. */
static bool thread_step(const struct rules *r, struct state *s, unsigned int a)
{
	const struct litmus_step *st = &r->p->agents[a].steps[s->threads[a].pc];
	const struct litmus_place *at = &r->p->places[st->at];
	bool empty = buffer_is_empty(s, a), good = true;

	switch (st->op) {
	case OP_LOAD: s->results[st->result] = load(r, s, a, at); break;
	case OP_WAIT: good = load(r, s, a, at) == st->value; break;
	case OP_READ:
		s->results[st->result] = s->regs[st->at];
		good = empty && call(r, s, a, true);
		break;
	case OP_WAIT_READ:
		good = empty && s->regs[st->at] == st->value && call(r, s, a, true);
		break;
	case OP_FENCE: good = empty; break;
	case OP_EVENT: good = s->events, s->events = 0; break;
	case OP_FREE:
		good = empty && call(r, s, a, false);
		free_buffer(r, s, st->at);
		break;
	default: break; /* into the buffer */
	}
	s->threads[a].pc++;
	skip_others(r, s, a);
	return good;
}

/* A step into the thread's own buffer is seen by nobody and hindered by nobody: no other order matters. */
static bool goes_first(struct walk *w, const struct state *from, unsigned int a)
{
	const struct thread *t = &from->threads[a];
	struct state s = *from;

	if (t->waits || t->pc == w->r->p->agents[a].num || !is_buffered(&w->r->p->agents[a].steps[t->pc]))
		return false;
	thread_step(w->r, &s, a);
	next(w, &s);
	return true;
}

static void thread_steps(struct walk *w, const struct state *from, unsigned int a)
{
	const struct thread *t = &from->threads[a];
	struct state s = *from;

	for (unsigned int whole = 0; whole < w->forms && !buffer_is_empty(from, a); whole++)
		drain(w, from, a, whole);
	if (!t->waits && t->pc < w->r->p->agents[a].num && thread_step(w->r, &s, a))
		next(w, &s);
}

bool rules_steps(const struct rules *r, const struct state *from, rules_each *each, void *ctx)
{
	struct walk w = { r, each, ctx, r->flags & MODEL_EAGER ? 2 : 1, false };

	for (unsigned int a = 0; a < r->p->num_threads; a++)
		if (goes_first(&w, from, a))
			return true;
	arrivals(&w, from, true);
	arrivals(&w, from, false);
	for (unsigned int a = 0; a < r->p->num_threads; a++)
		thread_steps(&w, from, a);
	for (unsigned int whole = 0; whole < w.forms && device_runs(r, from); whole++) {
		struct state s = *from;

		if (device_step(r, &s, whole))
			next(&w, &s);
	}
	return w.any;
}

bool rules_is_end(const struct rules *r, const struct state *s)
{
	for (unsigned int a = 0; a < r->p->num_threads; a++)
		if (s->threads[a].pc < r->p->agents[a].num)
			return false;
	return s->dev_pc != NOT_STARTED && !device_runs(r, s);
}

struct state rules_start(const struct rules *r)
{
	struct state s = { .dev_pc = r->p->has_go ? NOT_STARTED : 0 };

	return s;
}
