/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/sys.h"
#include "wire/utf8.h"

static bool to_journal;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rate */
static struct log_rate rate;

/* JOURNAL_STREAM is "DEVICE:INODE" of what systemd made stderr; it may lead elsewhere by now. */
void log_init(void)
{
	const char *stream = secure_getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	to_journal = stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
		     !sys_fstat(STDERR_FILENO, &st) && st.st_dev == dev && st.st_ino == ino;
}

static void write_line(enum log_level level, const char *text)
{
	char line[LOG_LINE_MAX + 16];
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	int used = to_journal ? snprintf(line, sizeof(line), "<%d>", level) :
				snprintf(line, sizeof(line), "opaed: ");
	size_t len;

	utf8_escape(text, line + used, LOG_LINE_MAX);
	len = strlen(line);
	line[len++] = '\n';
	/* Who reads it may have stopped to: the line is lost then, and opaed goes on. */
	if (sys_poll(&p, 1, 0) == 1 && write(STDERR_FILENO, line, len) < 0)
		return; /* there is nobody to tell */
}

void log_at(enum log_level level, struct log_whose whose, const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	SCOPED_LOCK(&lock);
	if (log_rate_take(&rate, fmt, whose, text, clock_now_ns()))
		write_line(level, text);
}

static void tell_up_to(int64_t due)
{
	char text[LOG_LINE_MAX];
	struct log_key *k;
	SCOPED_LOCK(&lock);

	while ((k = log_rate_due(&rate, due))) {
		int64_t s = (clock_now_ns() - k->since + NS_PER_S - 1) / NS_PER_S;

		snprintf(text, sizeof(text), "%llu more lines%s%s were left out in %lld s, the last: %s",
			 (unsigned long long)k->left_out, *k->who ? " about " : "", k->who, (long long)s,
			 k->example);
		write_line(LOG_LEVEL_WARNING, text);
		log_rate_told(k);
	}
}

int64_t log_deadline(void)
{
	SCOPED_LOCK(&lock);
	return log_rate_deadline(&rate);
}

void log_tick(void)
{
	tell_up_to(clock_now_ns());
}

void log_done(void)
{
	tell_up_to(INT64_MAX - 1);
}

uint64_t log_left_out(void)
{
	SCOPED_LOCK(&lock);
	return rate.left_out;
}
