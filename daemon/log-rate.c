/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bucket is one number, the time at which it is full again: a line moves it by what one line takes, and is
 * refused when it would then lie further ahead than the whole bucket does.
 */
#include "daemon/log-rate.h"

#include <stdio.h>
#include <string.h>

#include "wire/utf8.h"

static bool take(struct log_key *k, int burst, int64_t each, int64_t now)
{
	int64_t from = k->full_at > now ? k->full_at : now;

	if (from + each > now + burst * each)
		return false;
	k->full_at = from + each;
	return true;
}

static bool is_free(const struct log_key *k, int64_t now)
{
	return !k->kind || (k->full_at <= now && !k->left_out);
}

/* Its place, or a new one; NULL: all of them are needed. A long `who` is cut. */
static struct log_key *find(struct log_key keys[LOG_RATE_KEYS], const void *kind, const char *who,
			    int64_t now)
{
	struct log_key *room = NULL;

	for (int i = 0; i < LOG_RATE_KEYS; i++) {
		if (keys[i].kind == kind && !strncmp(keys[i].who, who, LOG_RATE_WHO_MAX - 1))
			return &keys[i];
		if (!room && is_free(&keys[i], now))
			room = &keys[i];
	}
	if (room) {
		*room = (struct log_key){ .kind = kind, .tell_at = INT64_MAX };
		snprintf(room->who, sizeof(room->who), "%s", who);
	}
	return room;
}

static bool leave_out(struct log_rate *r, struct log_key *k, const char *line, int64_t now)
{
	size_t len = utf8_fit(line, sizeof(k->example) - 1);

	r->left_out++;
	if (!k->left_out++) {
		k->since = now;
		k->tell_at = now + LOG_RATE_TELL_NS;
	}
	memcpy(k->example, line, len);
	k->example[len] = 0;
	return false;
}

bool log_rate_take(struct log_rate *r, const void *kind, struct log_whose whose, const char *line,
		   int64_t now)
{
	struct log_key *part = *whose.part ? find(r->parts, kind, whose.part, now) : NULL;
	struct log_key *who = *whose.who ? find(r->whos, kind, whose.who, now) : NULL;
	struct log_key *all = who ? NULL : find(r->kinds, kind, "", now);

	if (part && !take(part, LOG_RATE_PART_BURST, LOG_RATE_PART_NS, now))
		return leave_out(r, part, line, now);
	if (who)
		return take(who, LOG_RATE_WHO_BURST, LOG_RATE_WHO_NS, now) || leave_out(r, who, line, now);
	if (!all) /* kinds are few; those that are too many share a place */
		all = &r->kinds[LOG_RATE_KEYS - 1];
	return take(all, LOG_RATE_KIND_BURST, LOG_RATE_KIND_NS, now) || leave_out(r, all, line, now);
}

static bool is_sooner(const struct log_key *k, const struct log_key *than)
{
	return k->left_out && (!than || k->tell_at < than->tell_at);
}

/* Of all of which something is to be told the one that is first. */
static struct log_key *first(struct log_rate *r)
{
	struct log_key *next = NULL;

	for (int i = 0; i < LOG_RATE_KEYS; i++) {
		next = is_sooner(&r->kinds[i], next) ? &r->kinds[i] : next;
		next = is_sooner(&r->whos[i], next) ? &r->whos[i] : next;
		next = is_sooner(&r->parts[i], next) ? &r->parts[i] : next;
	}
	return next;
}

int64_t log_rate_deadline(struct log_rate *r)
{
	const struct log_key *k = first(r);

	return k ? k->tell_at : INT64_MAX;
}

struct log_key *log_rate_due(struct log_rate *r, int64_t now)
{
	struct log_key *k = first(r);

	return k && k->tell_at <= now ? k : NULL;
}

void log_rate_told(struct log_key *key)
{
	key->left_out = 0;
	key->tell_at = INT64_MAX;
}
