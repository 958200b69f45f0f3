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

/* Its place, or a new one; NULL: all of them are needed. */
static struct log_key *find(struct log_key keys[LOG_RATE_KEYS], const void *kind, const char *who,
			    int64_t now)
{
	struct log_key *room = NULL;

	for (int i = 0; i < LOG_RATE_KEYS; i++) {
		if (keys[i].kind == kind && !strcmp(keys[i].who, who))
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

static void leave_out(struct log_rate *r, struct log_key *k, const char *line, int64_t now)
{
	size_t len = utf8_fit(line, sizeof(k->example) - 1);

	r->left_out++;
	if (!k->left_out++) {
		k->since = now;
		k->tell_at = now + LOG_RATE_TELL_NS;
	}
	memcpy(k->example, line, len);
	k->example[len] = 0;
}

bool log_rate_take(struct log_rate *r, const void *kind, const char *who, const char *line, int64_t now)
{
	char cut[LOG_RATE_WHO_MAX];
	struct log_key *of_kind = find(r->kinds, kind, "", now), *of_who = NULL;

	snprintf(cut, sizeof(cut), "%s", who);
	if (!of_kind) /* kinds are few; those that are too many share a place */
		of_kind = &r->kinds[LOG_RATE_KEYS - 1];
	if (*cut)
		of_who = find(r->whos, kind, cut, now);
	if (of_who && !take(of_who, LOG_RATE_WHO_BURST, LOG_RATE_WHO_NS, now)) {
		leave_out(r, of_who, line, now);
		return false;
	}
	if (!take(of_kind, LOG_RATE_KIND_BURST, LOG_RATE_KIND_NS, now)) {
		leave_out(r, of_kind, line, now);
		return false;
	}
	return true;
}

int64_t log_rate_deadline(const struct log_rate *r)
{
	int64_t next = INT64_MAX;

	for (int i = 0; i < LOG_RATE_KEYS; i++) {
		if (r->kinds[i].left_out && r->kinds[i].tell_at < next)
			next = r->kinds[i].tell_at;
		if (r->whos[i].left_out && r->whos[i].tell_at < next)
			next = r->whos[i].tell_at;
	}
	return next;
}

struct log_key *log_rate_due(struct log_rate *r, int64_t now)
{
	for (int i = 0; i < LOG_RATE_KEYS; i++) {
		if (r->kinds[i].left_out && r->kinds[i].tell_at <= now)
			return &r->kinds[i];
		if (r->whos[i].left_out && r->whos[i].tell_at <= now)
			return &r->whos[i];
	}
	return NULL;
}

void log_rate_told(struct log_key *key)
{
	key->left_out = 0;
	key->tell_at = INT64_MAX;
}
