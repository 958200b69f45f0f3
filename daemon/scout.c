/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/scout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/sys.h"

#define ENTRIES_MAX 1024u
#define NOTHING_NS (2 * NS_PER_S) /* that nothing was found holds for so long: it was held, or slow; */
#define SURE_NS (500 * NS_PER_MS) /* and for so long when something has changed since */
#define REST_NS (200 * NS_PER_MS) /* between two scouts */

/* A socket is this file; or a driver is bound to a function since then. */
struct identity {
	uint64_t dev, ino;
	int64_t s, ns;
};

struct scout_entry {
	struct pci_address address;
	struct identity is;
	enum { WANTED, ASKED, KNOWN } state;
	int64_t known_at; /* when KNOWN */
	struct scout_guids found;
};

void scout_done(struct scout *s)
{
	free(s->entries);
	memset(s, 0, sizeof(*s));
}

static bool identify(const char *key, struct identity *ret)
{
	uint64_t binding[2];
	struct stat st;

	memset(ret, 0, sizeof(*ret));
	if (*key != '/') {
		if (pci_binding("vfio-pci", key, binding))
			return false;
		*ret = (struct identity){ .dev = binding[0], .ino = binding[1] };
		return true;
	}
	if (sys_lstat(key, &st))
		return false;
	*ret = (struct identity){ st.st_dev, st.st_ino, st.st_ctim.tv_sec, st.st_ctim.tv_nsec };
	return true;
}

static bool same_address(const struct pci_address *a, const struct pci_address *b)
{
	return a->segment == b->segment && a->bus == b->bus && a->device == b->device &&
	       a->function == b->function;
}

static struct scout_entry *find(struct scout *s, const struct pci_address *a)
{
	for (size_t i = 0; i < s->num; i++)
		if (same_address(&s->entries[i].address, a))
			return &s->entries[i];
	return NULL;
}

static struct scout_entry *find_or_add(struct scout *s, const struct pci_address *a)
{
	struct scout_entry *e = find(s, a), *grown;

	if (e || s->num == ENTRIES_MAX)
		return e;
	grown = reallocarray(s->entries, s->num + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	s->entries = grown;
	e = &grown[s->num++];
	memset(e, 0, sizeof(*e));
	e->address = *a;
	return e;
}

/* Nothing was found of it, and that was long ago. */
static bool is_old(const struct scout *s, const struct scout_entry *e)
{
	int64_t holds = s->changed_at > e->known_at ? SURE_NS : NOTHING_NS;

	return e->state == KNOWN && !e->found.num && e->known_at + holds <= clock_now_ns();
}

int scout_ask(struct scout *s, const struct pci_address *a, const char *key, struct scout_guids *ret)
{
	struct scout_entry *e;
	struct identity now;

	if (!identify(key, &now))
		return -ENOENT;
	e = find_or_add(s, a);
	if (!e)
		return -ENOENT;
	if (memcmp(&e->is, &now, sizeof(now)) != 0 || is_old(s, e)) {
		e->is = now;
		e->state = WANTED;
		e->found.num = 0;
	}
	if (e->state != KNOWN)
		return -EINPROGRESS;
	*ret = e->found;
	return 0;
}

bool scout_wanted(const struct scout *s)
{
	if (s->runs || clock_now_ns() < s->rests_until)
		return false;
	for (size_t i = 0; i < s->num; i++)
		if (s->entries[i].state == WANTED)
			return true;
	return false;
}

/* It looks at all there is: who asks for the next one that is old need not wait for another. */
void scout_started(struct scout *s)
{
	s->runs = true;
	for (size_t i = 0; i < s->num; i++)
		if (s->entries[i].state == WANTED || is_old(s, &s->entries[i]))
			s->entries[i].state = ASKED;
}

void scout_hear(struct scout *s, const struct scout_report *r)
{
	const struct pci_address a = { r->segment, r->bus, r->device, r->function };
	struct scout_entry *e = find(s, &a);

	if (e && e->state == ASKED && e->found.num < SCOUT_GUIDS_MAX)
		memcpy(e->found.guids[e->found.num++], r->guid, sizeof(r->guid));
}

void scout_ended(struct scout *s)
{
	int64_t now = clock_now_ns();

	s->runs = false;
	s->rests_until = now + REST_NS;
	for (size_t i = 0; i < s->num; i++) {
		struct scout_entry *e = &s->entries[i];

		if (e->state != ASKED)
			continue;
		e->state = KNOWN;
		e->known_at = now;
		if (!e->found.num)
			s->sure_until = now + SURE_NS;
	}
}

void scout_look_again(struct scout *s)
{
	s->changed_at = clock_now_ns();
}
