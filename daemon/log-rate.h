/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many lines of a kind the log takes: a token bucket for each kind and principal, so that nobody's flood
 * hides what others cause, and in front of it one of half the size for each session whose worker says
 * something. Places are limited, and those who find none share a bucket of the kind, so that many principals
 * are no way round it. What is left out is counted, and told in one line. Time is the caller's, so nothing
 * here waits.
 */
#ifndef DAEMON_LOG_RATE_H
#define DAEMON_LOG_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define LOG_RATE_KEYS 64 /* kinds, and again kinds of a principal, and of a session, that are told apart */
#define LOG_RATE_WHO_MAX 128
#define LOG_RATE_EXAMPLE_MAX 161

#define LOG_RATE_WHO_BURST 100 /* lines of a kind and principal at once, */
#define LOG_RATE_WHO_NS (NS_PER_S / 5) /* and then one each */
#define LOG_RATE_PART_BURST 50
#define LOG_RATE_PART_NS (2 * LOG_RATE_WHO_NS)
#define LOG_RATE_KIND_BURST 500
#define LOG_RATE_KIND_NS (NS_PER_S / 50)
#define LOG_RATE_TELL_NS (5 * NS_PER_S) /* after the first that is left out */

struct log_key {
	const void *kind; /* NULL: the place is free */
	char who[LOG_RATE_WHO_MAX];
	int64_t full_at;  /* when its bucket is full again */
	int64_t tell_at;  /* INT64_MAX: nothing was left out */
	int64_t since;	  /* of the first that was left out */
	uint64_t left_out;
	char example[LOG_RATE_EXAMPLE_MAX]; /* the last of them */
};

struct log_rate {
	struct log_key kinds[LOG_RATE_KEYS], whos[LOG_RATE_KEYS], parts[LOG_RATE_KEYS];
	uint64_t left_out; /* in all */
};

/*
 * Whose line it is: a principal, or "": nobody's; and which part of him it is about, as "session 7", or "":
 * all of him.
 */
struct log_whose {
	const char *who, *part;
};

/* May this line be written? A line that may not is counted. */
bool log_rate_take(struct log_rate *r, const void *kind, struct log_whose whose, const char *line,
		   int64_t now);
/* When something is to be told of; INT64_MAX: there is nothing. */
int64_t log_rate_deadline(struct log_rate *r);
/* One of which something is to be told at `now`, or NULL. log_rate_told() begins its count anew. */
struct log_key *log_rate_due(struct log_rate *r, int64_t now);
void log_rate_told(struct log_key *key);

#endif
