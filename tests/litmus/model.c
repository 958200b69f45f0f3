/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All orders, depth first; a state that was met is not looked at again. Of those the hash alone is
 * kept: among a million, two that differ have the same one by a chance of one in thirty million.
 */
#include "tests/litmus/model.h"

#include <stdlib.h>
#include <string.h>

#include "tests/litmus/rules.h"

#define MOST_STATES (1u << 20)
#define SLOTS (2 * MOST_STATES) /* of the hash table */
#define MOST_OUTCOMES 32768u

struct model {
	struct rules r;
	unsigned int freed;
	bool stuck, large;
	uint64_t seen[SLOTS]; /* 0: free */
	uint32_t used[MOST_STATES];
	size_t num_states, num_outcomes;
	struct litmus_outcome outcomes[MOST_OUTCOMES];
};

struct model *model_new(void)
{
	return calloc(1, sizeof(struct model));
}

void model_free(struct model *m)
{
	free(m);
}

static uint64_t mix(uint64_t h, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i += 8) {
		uint64_t word;

		memcpy(&word, (const char *)bytes + i, 8);
		h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
		h ^= h >> 32;
	}
	return h;
}

static uint64_t hash(const struct state *s)
{
	uint64_t h = mix(UINT64_C(0x9e3779b97f4a7c15), s, offsetof(struct state, down));

	h = mix(h, &s->down, 8 + s->down.num * sizeof(s->down.items[0]));
	return mix(h, &s->up, 8 + s->up.num * sizeof(s->up.items[0])) | 1;
}

static bool is_new(struct model *m, const struct state *s)
{
	uint64_t h = hash(s);
	uint32_t i = h >> 20 & (SLOTS - 1);

	for (; m->seen[i]; i = (i + 1) & (SLOTS - 1))
		if (m->seen[i] == h)
			return false;
	m->large |= m->num_states == MOST_STATES;
	if (m->large)
		return false;
	m->seen[i] = h;
	m->used[m->num_states++] = i;
	return true;
}

static void ended(struct model *m, const struct state *s)
{
	const struct litmus_program *p = m->r.p;
	struct litmus_outcome o = { .failed = s->failed };

	memcpy(o.results, s->results, sizeof(o.results));
	for (unsigned int w = 0; w < p->num_words; w++) {
		bool there = !(m->freed & 1u << p->words[w].buffer);

		o.program[w] = there ? s->memory[0][w] : 0;
		o.device[w] = there ? s->memory[m->r.flags & MODEL_REMOTE ? 1 : 0][w] : 0;
	}
	if (model_allows(m, &o))
		return;
	m->large |= m->num_outcomes == MOST_OUTCOMES;
	if (!m->large)
		m->outcomes[m->num_outcomes++] = o;
}

static void explore(void *ctx, const struct state *s)
{
	struct model *m = ctx;

	if (m->stuck || m->large || !is_new(m, s) || rules_steps(&m->r, s, explore, m))
		return;
	if (rules_is_end(&m->r, s))
		ended(m, s);
	else
		m->stuck = true;
}

enum model_verdict model_run(struct model *m, const struct litmus_program *p, unsigned int flags)
{
	struct state start;

	while (m->num_states)
		m->seen[m->used[--m->num_states]] = 0;
	m->num_outcomes = 0;
	m->stuck = m->large = false;
	m->freed = litmus_freed(p);
	if (!rules_fit(p))
		return MODEL_LARGE;
	m->r = rules_of(p, flags);
	start = rules_start(&m->r);
	explore(m, &start);
	return m->stuck ? MODEL_STUCK : m->large ? MODEL_LARGE : MODEL_DONE;
}

size_t model_num_states(const struct model *m)
{
	return m->num_states;
}

size_t model_num_outcomes(const struct model *m)
{
	return m->num_outcomes;
}

const struct litmus_outcome *model_outcome(const struct model *m, size_t i)
{
	return &m->outcomes[i];
}

bool model_allows(const struct model *m, const struct litmus_outcome *o)
{
	for (size_t i = 0; i < m->num_outcomes; i++)
		if (!memcmp(&m->outcomes[i], o, sizeof(*o)))
			return true;
	return false;
}
