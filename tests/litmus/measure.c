/* SPDX-License-Identifier: BSD-3-Clause */
/* What the rules know of a program beforehand: how long the changes of its words are. */
#include "tests/litmus/rules.h"

static unsigned int span(uint64_t change)
{
	return (71u - (unsigned int)__builtin_clzll(change)) / 8 - (unsigned int)__builtin_ctzll(change) / 8;
}

static unsigned int bytes(uint64_t change)
{
	unsigned int n = 0;

	for (; change; change >>= 8)
		n += (change & 0xff) != 0;
	return n;
}

/*
 * Of a word that is one place: the changes from any of its values to any other. As the eager tracker has it,
 * from the first byte that changes to the last; else how many do.
 */
static void measure(struct rules *r, unsigned int word, unsigned int place)
{
	uint64_t values[LITMUS_AGENTS * LITMUS_STEPS + 1] = { 0 };
	unsigned int num = 1;

	for (unsigned int a = 0; a < LITMUS_AGENTS; a++)
		for (unsigned int i = 0; i < r->p->agents[a].num; i++)
			if (r->p->agents[a].steps[i].op == OP_STORE && r->p->agents[a].steps[i].at == place)
				values[num++] = r->p->agents[a].steps[i].value;
	r->longest[word] = 0;
	r->shortest[word] = 8;
	for (unsigned int i = 0; i < num; i++)
		for (unsigned int k = 0; k < i; k++) {
			uint64_t change = values[i] ^ values[k];
			unsigned int n = !change ? 0 : r->flags & MODEL_EAGER ? span(change) : bytes(change);

			r->longest[word] = n > r->longest[word] ? (uint8_t)n : r->longest[word];
			r->shortest[word] = n && n < r->shortest[word] ? (uint8_t)n : r->shortest[word];
		}
}

/* Does one of these agents store to the word? */
static bool stored_by(const struct litmus_program *p, unsigned int word, unsigned int first,
		      unsigned int last)
{
	for (unsigned int a = first; a <= last; a++)
		for (unsigned int i = 0; i < p->agents[a].num; i++) {
			const struct litmus_step *s = &p->agents[a].steps[i];

			if ((s->op == OP_STORE || s->op == OP_COPY) && p->places[s->at].word == word)
				return true;
		}
	return false;
}

static bool program_stores(const struct litmus_program *p, unsigned int word)
{
	return stored_by(p, word, 0, LITMUS_THREADS - 1);
}

static bool both_store(const struct litmus_program *p, unsigned int word)
{
	return program_stores(p, word) && stored_by(p, word, LITMUS_DEVICE, LITMUS_DEVICE);
}

static bool on_one_page(const struct litmus_word *a, const struct litmus_word *b)
{
	return a != b && litmus_page(a) == litmus_page(b);
}

/* Are they one change? */
static bool are_neighbours(const struct litmus_word *a, const struct litmus_word *b)
{
	return a->buffer == b->buffer && (a->offset == b->offset + 8 || a->offset + 8 == b->offset);
}

/*
 * Is anything said of such a word? Neighbours may be one change, several places several; where pages are
 * tracked, all that the program changes on one.
 */
static bool is_alone(const struct rules *r, unsigned int word)
{
	const struct litmus_program *p = r->p;
	bool copied = false, near = !(r->flags & MODEL_EAGER) && r->both[word];
	unsigned int places = 0;

	for (unsigned int i = 0; i < p->num_places; i++)
		places += p->places[i].word == word;
	for (unsigned int i = 0; i < p->agents[LITMUS_DEVICE].num; i++)
		copied |= p->agents[LITMUS_DEVICE].steps[i].op == OP_COPY &&
			  p->places[p->agents[LITMUS_DEVICE].steps[i].at].word == word;
	for (unsigned int i = 0; i < p->num_words; i++)
		near |= r->flags & MODEL_EAGER
				? are_neighbours(&p->words[i], &p->words[word])
				: program_stores(p, i) && on_one_page(&p->words[i], &p->words[word]);
	return places == 1 && !copied && !near;
}

/* What is stored to a byte of a word; of a copy it is not known. */
struct byte {
	uint8_t values[LITMUS_AGENTS * LITMUS_STEPS];
	unsigned int num;
	bool copied;
};

static struct byte stored_to(const struct litmus_program *p, unsigned int word, unsigned int shift)
{
	struct byte b = { .num = 0 };

	for (unsigned int a = 0; a < LITMUS_AGENTS; a++)
		for (unsigned int i = 0; i < p->agents[a].num; i++) {
			const struct litmus_step *s = &p->agents[a].steps[i];
			const struct litmus_place *at = &p->places[s->at];

			if ((s->op != OP_STORE && s->op != OP_COPY) || at->word != word ||
			    !(litmus_mask(at) >> shift & 0xff))
				continue;
			b.copied |= s->op == OP_COPY;
			b.values[b.num++] = (uint8_t)(s->value << 8 * at->shift >> shift);
		}
	return b;
}

/* May it come to have a value again that it had before? */
static bool may_return(const struct byte *b)
{
	bool changes = false, zero = false, same = false;

	for (unsigned int i = 0; i < b->num; i++) {
		changes |= b->values[i];
		zero |= !b->values[i];
		for (unsigned int k = 0; k < i; k++)
			same |= b->values[i] == b->values[k];
	}
	return b->copied || (changes && (zero || same));
}

/* The places and the bytes of a word that the device, or the program, stores to. */
static unsigned int stored_places(const struct litmus_program *p, unsigned int word, bool device,
				  uint64_t *mask)
{
	unsigned int places = 0;

	for (unsigned int a = 0; a < LITMUS_AGENTS; a++)
		for (unsigned int i = 0; i < p->agents[a].num && (a == LITMUS_DEVICE) == device; i++) {
			const struct litmus_step *s = &p->agents[a].steps[i];

			if ((s->op != OP_STORE && s->op != OP_COPY) || p->places[s->at].word != word)
				continue;
			places |= 1u << s->at;
			*mask |= litmus_mask(&p->places[s->at]);
		}
	return places;
}

/*
 * With the eager tracker stores to two places of a word may travel as one, with what lies between: more than
 * the bytes of each, and less than the word. Does it matter, as the other side stores to more than a byte?
 */
static bool may_merge(const struct litmus_program *p, unsigned int word)
{
	uint64_t masks[2] = { 0 };
	unsigned int up = stored_places(p, word, true, &masks[0]);
	unsigned int down = stored_places(p, word, false, &masks[1]);

	return (up & (up - 1) && bytes(masks[1]) > 1) || (down & (down - 1) && bytes(masks[0]) > 1);
}

bool model_knows(const struct litmus_program *p, unsigned int flags)
{
	for (unsigned int w = 0; w < p->num_words && flags & MODEL_EAGER; w++)
		if (both_store(p, w) && may_merge(p, w))
			return false;
	for (unsigned int w = 0; w < p->num_words; w++)
		for (unsigned int shift = 0; shift < 64 && both_store(p, w); shift += 8) {
			struct byte b = stored_to(p, w, shift);

			if (b.num > 2 && may_return(&b))
				return false;
		}
	return true;
}

struct rules rules_of(const struct litmus_program *p, unsigned int flags)
{
	struct rules r = { .p = p, .flags = flags };

	for (unsigned int w = 0; w < p->num_words; w++) {
		r.both[w] = both_store(p, w);
		r.longest[w] = UINT8_MAX;
		r.shortest[w] = 1;
		for (unsigned int i = 0; i < p->num_places && is_alone(&r, w); i++)
			if (p->places[i].word == w)
				measure(&r, w, i);
	}
	return r;
}

bool rules_fit(const struct litmus_program *p)
{
	unsigned int down = 0, up = p->num_threads; /* marks */

	for (unsigned int a = 0; a < LITMUS_AGENTS; a++)
		for (unsigned int i = 0; i < p->agents[a].num; i++) {
			unsigned int op = p->agents[a].steps[i].op;

			down += a != LITMUS_DEVICE && (op == OP_STORE || op == OP_WRITE || op == OP_GO);
			up += a == LITMUS_DEVICE && (op == OP_STORE || op == OP_COPY || op == OP_IRQ);
		}
	return down <= RULES_QUEUE && up <= RULES_QUEUE;
}
