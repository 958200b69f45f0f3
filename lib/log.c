/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Errors go to stderr, messages and debug lines to the log file or stdout. One line is one write,
 * so lines of several threads do not mix.
 */
#include "lib/log.h"

#include <opae/log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int level_in_force = OPAE_LOG_ERROR;
static FILE *log_file;

void log_open(void)
{
	const char *level = secure_getenv("LIBOPAE_LOG");
	const char *path = secure_getenv("LIBOPAE_LOGFILE");

	if (level)
		level_in_force = (int)strtol(level, NULL, 10);
	if (path && *path && !log_file)
		log_file = fopen(path, "we");
}

void log_close(void)
{
	if (log_file)
		fclose(log_file);
	log_file = NULL;
}

void opae_print(int loglevel, const char *fmt, ...)
{
	FILE *out = loglevel == OPAE_LOG_ERROR ? stderr : log_file ? log_file : stdout;
	va_list ap;

	if (loglevel > level_in_force)
		return;
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	fflush(out);
}

void log_plugin(int level, const char *plugin, const char *fmt, va_list ap)
{
	char line[512];

	if (level > level_in_force)
		return;
	vsnprintf(line, sizeof(line), fmt, ap);
	opae_print(level, "%s: %s\n", plugin ? plugin : "plugin", line);
}
