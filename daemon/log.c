/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "wire/utf8.h"

void log_line(const char *fmt, ...)
{
	char text[LOG_LINE_MAX], line[LOG_LINE_MAX + 16] = "opaed: ";
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	size_t used = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	utf8_escape(text, line + used, LOG_LINE_MAX);
	used = strlen(line);
	line[used++] = '\n';
	/* Who reads it may have stopped to: the line is lost then, and opaed goes on. */
	if (sys_poll(&p, 1, 0) == 1 && write(STDERR_FILENO, line, used) < 0)
		return; /* there is nobody to tell */
}
