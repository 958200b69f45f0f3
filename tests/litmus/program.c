/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/litmus/program.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned int litmus_freed(const struct litmus_program *p)
{
	unsigned int freed = 0;

	for (unsigned int t = 0; t < p->num_threads; t++)
		for (unsigned int i = 0; i < p->agents[t].num; i++)
			if (p->agents[t].steps[i].op == OP_FREE)
				freed |= 1u << p->agents[t].steps[i].at;
	return freed;
}

/* ---- reading ---- */

struct reader {
	struct litmus_program *p;
	const char *why;
};

static bool wrong(struct reader *r, const char *why)
{
	r->why = why;
	return false;
}

static bool find_place(const struct litmus_program *p, char name, uint8_t *ret)
{
	for (unsigned int i = 0; i < p->num_places; i++)
		if (p->places[i].name == name) {
			*ret = (uint8_t)i;
			return true;
		}
	return false;
}

static uint8_t word_of(struct litmus_program *p, uint8_t buffer, uint16_t offset)
{
	for (unsigned int i = 0; i < p->num_words; i++)
		if (p->words[i].buffer == buffer && p->words[i].offset == offset)
			return (uint8_t)i;
	p->words[p->num_words] = (struct litmus_word){ buffer, offset };
	return (uint8_t)p->num_words++;
}

static bool read_place(struct reader *r, const char *word)
{
	struct litmus_program *p = r->p;
	unsigned int buffer, offset, width;
	char name, more;

	if (sscanf(word, "%c@%u.%u/%u%c", &name, &buffer, &offset, &width, &more) != 4 || name < 'a' ||
	    name > 'z')
		return wrong(r, "a place is written like x@0.4096/8");
	if (p->num_places == LITMUS_PLACES)
		return wrong(r, "too many places");
	if (buffer >= LITMUS_BUFFERS || offset >= LITMUS_BUFFER_BYTES)
		return wrong(r, "there are buffers 0 to 3 of 16384 bytes");
	if (!width || width > 8 || width & (width - 1) || offset % width)
		return wrong(r, "a place has 1, 2, 4 or 8 bytes, naturally aligned");
	p->places[p->num_places++] =
		(struct litmus_place){ .name = name, .buffer = (uint8_t)buffer, .width = (uint8_t)width,
				       .offset = (uint16_t)offset, .shift = offset % 8,
				       .word = word_of(p, (uint8_t)buffer, (uint16_t)(offset & ~7u)) };
	return true;
}

/* Words without a place: "go", "irq", ... and free0. */
static bool read_plain(const char *word, struct litmus_step *s)
{
	static const struct {
		const char *word;
		enum litmus_op op;
	} plain[] = { { "go", OP_GO }, { "irq", OP_IRQ }, { "event", OP_EVENT }, { "fence", OP_FENCE } };

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (!strcmp(word, plain[i].word)) {
			s->op = (uint8_t)plain[i].op;
			return true;
		}
	if (strncmp(word, "free", 4) || word[4] < '0' || word[4] > '3' || word[5])
		return false;
	s->op = OP_FREE;
	s->at = (uint8_t)(word[4] - '0');
	return true;
}

/* m0, r4: false when it is none. */
static bool read_register(const char *word, char kind, unsigned int num, uint8_t *ret)
{
	if (word[0] != kind || word[1] < '0' || word[1] >= (char)('0' + num))
		return false;
	*ret = (uint8_t)(word[1] - '0');
	return true;
}

static bool read_value(struct reader *r, const char *text, struct litmus_step *s)
{
	char *end;

	s->value = strtoull(text, &end, 0);
	if (end == text || *end)
		return wrong(r, "a value is expected behind =");
	if ((s->op == OP_STORE || s->op == OP_WAIT) &&
	    s->value > litmus_mask(&r->p->places[s->at]) >> 8 * r->p->places[s->at].shift)
		return wrong(r, "the value is longer than its place");
	return true;
}

static bool read_assignment(struct reader *r, const char *word, bool device, struct litmus_step *s)
{
	const char *at = strchr(word, '=');
	bool waits, known = true;

	if (!at)
		return wrong(r, "there is no such step");
	waits = at[1] == '=';
	if (read_register(word, 'm', LITMUS_MAILBOXES, &s->at) && at == word + 2)
		s->op = waits ? OP_WAIT_WRITE : OP_WRITE, known = waits == device;
	else if (read_register(word, 'r', LITMUS_REGISTERS, &s->at) && at == word + 2)
		s->op = waits ? OP_WAIT_READ : OP_SET, known = waits != device;
	else if (at == word + 1 && find_place(r->p, word[0], &s->at))
		s->op = waits ? OP_WAIT : OP_STORE;
	else
		known = false;
	return known ? read_value(r, at + 1 + waits, s) : wrong(r, "there is no such step for this side");
}

static bool read_load(struct reader *r, const char *word, bool device, struct litmus_step *s)
{
	s->op = OP_READ;
	if (!device && read_register(word + 1, 'r', LITMUS_REGISTERS, &s->at) && !word[3])
		return true;
	s->op = OP_LOAD;
	return (find_place(r->p, word[1], &s->at) && !word[2]) ||
	       wrong(r, "there is nothing like that to load");
}

static bool read_copy(struct reader *r, const char *word, struct litmus_step *s)
{
	s->op = OP_COPY;
	if (strlen(word) != 4 || !find_place(r->p, word[0], &s->at) || !find_place(r->p, word[3], &s->from))
		return wrong(r, "a copy is written like y:=x");
	if (r->p->places[s->at].width != 8 || r->p->places[s->from].width != 8)
		return wrong(r, "8 bytes are copied");
	return true;
}

static bool fits_side(const struct litmus_step *s, bool device)
{
	static const bool only_device[] = { [OP_COPY] = true, [OP_IRQ] = true, [OP_FREE] = false };
	static const bool only_program[] = { [OP_GO] = true, [OP_EVENT] = true, [OP_FENCE] = true,
					     [OP_FREE] = true };

	return device ? !only_program[s->op] : s->op >= sizeof(only_device) || !only_device[s->op];
}

/* Where what it reads goes: the outcome, and for the device one of its registers before. */
static bool place_result(struct reader *r, struct litmus_step *s, bool device)
{
	struct litmus_program *p = r->p;

	if (s->op != OP_LOAD && s->op != OP_READ)
		return true;
	if (p->num_results == LITMUS_RESULTS || (device && p->num_loads == LITMUS_REGISTERS))
		return wrong(r, "too many loads");
	s->result = (uint8_t)p->num_results++;
	if (device)
		p->result_of[p->num_loads++] = s->result;
	return true;
}

static bool read_step(struct reader *r, const char *word, unsigned int agent)
{
	struct litmus_agent *a = &r->p->agents[agent];
	struct litmus_step *s = &a->steps[a->num];
	bool device = agent == LITMUS_DEVICE, good;

	if (a->num == LITMUS_STEPS)
		return wrong(r, "too many steps");
	if (read_plain(word, s))
		good = true;
	else if (word[0] == '?')
		good = read_load(r, word, device, s);
	else if (word[0] && word[1] == ':')
		good = read_copy(r, word, s);
	else
		good = read_assignment(r, word, device, s);
	if (!good)
		return false;
	if (!fits_side(s, device))
		return wrong(r, "the other side alone has such a step");
	a->num++;
	r->p->has_go |= s->op == OP_GO;
	return place_result(r, s, device);
}

/* The first word of a section behind the places: whose it is. */
static bool read_who(struct reader *r, const char *word, unsigned int *agent)
{
	struct litmus_program *p = r->p;

	if (!strcmp(word, "D") || !strcmp(word, "Q")) {
		p->poller = *word == 'Q';
		*agent = LITMUS_DEVICE;
		return true;
	}
	if ((strcmp(word, "P") && strcmp(word, "S")) || p->num_threads == LITMUS_THREADS)
		return wrong(r, "a section begins with P or S (two at most), D or Q");
	*agent = p->num_threads++;
	p->agents[*agent].second = *word == 'S';
	return true;
}

static bool read_section(struct reader *r, char *section, bool places)
{
	unsigned int agent = LITMUS_AGENTS;
	char *rest = section, *word;

	while ((word = strsep(&rest, " \t\n"))) {
		if (!*word)
			continue;
		if (places ? !read_place(r, word) :
		    agent == LITMUS_AGENTS ? !read_who(r, word, &agent) : !read_step(r, word, agent))
			return false;
	}
	return true;
}

unsigned int litmus_count(const struct litmus_program *p, unsigned int agent, enum litmus_op op)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < p->agents[agent].num; i++)
		n += p->agents[agent].steps[i].op == op;
	return n;
}

/* Another command's steps are those of the first one, but for the number. */
static bool is_command(const struct litmus_agent *a, unsigned int first, unsigned int num, uint64_t number)
{
	static const enum litmus_op ops[] = { OP_WAIT, OP_COPY, OP_STORE, OP_IRQ };
	const struct litmus_step *s = &a->steps[first];

	if (first + num > a->num)
		return false;
	for (unsigned int i = 0; i < num; i++)
		if (s[i].op != ops[i] || s[i].at != a->steps[i].at || s[i].from != a->steps[i].from ||
		    s[i].value != (i == 0 || i == 2 ? number : 0))
			return false;
	return true;
}

/* The poller takes one slot's commands, one after the other. */
static bool is_queue(const struct litmus_program *p)
{
	const struct litmus_agent *a = &p->agents[LITMUS_DEVICE];
	unsigned int each = litmus_count(p, LITMUS_DEVICE, OP_IRQ) ? 4 : 3, i = 0;
	const struct litmus_place *c = &p->places[a->steps[0].at], *d = &p->places[a->steps[2].at];

	while (is_command(a, i, each, i / each + 1))
		i += each;
	return i && i == a->num && c->width == 8 && d->width == 8 && !(c->offset % 64) &&
	       d->buffer == c->buffer && d->offset == c->offset + 64;
}

/* An interrupt that nobody waits for might be seen by another run. */
static bool has_event_each(const struct litmus_program *p)
{
	return litmus_count(p, LITMUS_DEVICE, OP_IRQ) ==
	       litmus_count(p, 0, OP_EVENT) + litmus_count(p, 1, OP_EVENT);
}

/* What is left to say once all of it is read. */
static bool check_whole(struct reader *r)
{
	if (r->p->poller && !is_queue(r->p))
		return wrong(r, "a poller's steps are c==1 y:=x d=1, with or without irq (and again with 2, "
				"...), where c is a slot of 64 bytes and d the 64 behind it");
	if (r->p->poller && litmus_freed(r->p))
		return wrong(r, "no buffer of the poller's is released");
	return has_event_each(r->p) || wrong(r, "for each irq there is one event, and the other way round");
}

bool litmus_parse(const char *text, struct litmus_program *ret, const char **why)
{
	struct reader r = { .p = ret };
	char copy[LITMUS_TEXT], *rest = copy, *section;
	bool places = true, good = strlen(text) < sizeof(copy);

	memset(ret, 0, sizeof(*ret));
	snprintf(copy, sizeof(copy), "%s", text);
	for (; good && (section = strsep(&rest, "|")); places = false)
		good = read_section(&r, section, places);
	good = good && check_whole(&r);
	*why = r.why ? r.why : "it is too long";
	return good;
}

/* ---- printing ---- */

struct writer {
	char *at;
	size_t room;
};

static void say(struct writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct writer *w, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->at, w->room, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < w->room) {
		w->at += n;
		w->room -= (size_t)n;
	}
}

static void print_step(struct writer *w, const struct litmus_program *p, const struct litmus_step *s)
{
	static const char *const plain[] = { [OP_GO] = "go", [OP_IRQ] = "irq", [OP_EVENT] = "event",
					     [OP_FENCE] = "fence" };
	char place = p->places[s->at < LITMUS_PLACES ? s->at : 0].name;

	switch (s->op) {
	case OP_STORE: say(w, " %c=0x%" PRIx64, place, s->value); return;
	case OP_LOAD: say(w, " ?%c", place); return;
	case OP_WAIT: say(w, " %c==0x%" PRIx64, place, s->value); return;
	case OP_COPY: say(w, " %c:=%c", place, p->places[s->from].name); return;
	case OP_WRITE: say(w, " m%u=0x%" PRIx64, s->at, s->value); return;
	case OP_WAIT_WRITE: say(w, " m%u==0x%" PRIx64, s->at, s->value); return;
	case OP_SET: say(w, " r%u=0x%" PRIx64, s->at, s->value); return;
	case OP_READ: say(w, " ?r%u", s->at); return;
	case OP_WAIT_READ: say(w, " r%u==0x%" PRIx64, s->at, s->value); return;
	case OP_FREE: say(w, " free%u", s->at); return;
	default: say(w, " %s", plain[s->op]); return;
	}
}

static void print_agent(struct writer *w, const struct litmus_program *p, unsigned int agent, const char *who)
{
	const struct litmus_agent *a = &p->agents[agent];

	say(w, " | %s", who);
	for (unsigned int i = 0; i < a->num; i++)
		print_step(w, p, &a->steps[i]);
}

void litmus_print(const struct litmus_program *p, char text[LITMUS_TEXT])
{
	struct writer w = { text, LITMUS_TEXT };

	for (unsigned int i = 0; i < p->num_places; i++)
		say(&w, "%s%c@%u.%u/%u", i ? " " : "", p->places[i].name, p->places[i].buffer,
		    p->places[i].offset, p->places[i].width);
	for (unsigned int t = 0; t < p->num_threads; t++)
		print_agent(&w, p, t, p->agents[t].second ? "S" : "P");
	print_agent(&w, p, LITMUS_DEVICE, p->poller ? "Q" : "D");
}

static void print_words(struct writer *w, const struct litmus_program *p, const char *title,
			const uint64_t *words)
{
	say(w, "; %s", title);
	for (unsigned int i = 0; i < p->num_words; i++)
		say(w, " %u.%u=0x%" PRIx64, p->words[i].buffer, p->words[i].offset, words[i]);
}

void litmus_print_outcome(const struct litmus_program *p, const struct litmus_outcome *o,
			  char text[LITMUS_TEXT])
{
	struct writer w = { text, LITMUS_TEXT };

	for (unsigned int a = 0; a < LITMUS_AGENTS; a++)
		for (unsigned int i = 0; i < p->agents[a].num; i++) {
			const struct litmus_step *s = &p->agents[a].steps[i];

			if (s->op != OP_LOAD && s->op != OP_READ)
				continue;
			say(&w, "%c%u:", a == LITMUS_DEVICE ? 'D' : 'P', a == LITMUS_DEVICE ? 0 : a);
			print_step(&w, p, s);
			say(&w, "=0x%" PRIx64 "  ", o->results[s->result]);
		}
	if (o->failed)
		say(&w, "(the device failed) ");
	print_words(&w, p, "program's end", o->program);
	if (memcmp(o->program, o->device, sizeof(o->program)))
		print_words(&w, p, "device's end", o->device);
}
