/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "wire/utf8.h"

/* Bytes of the character at s that may be printed as they are; 0: none. */
static size_t printable(const char *s)
{
	size_t n = 1;

	if ((unsigned char)*s < 0x80)
		return *s >= ' ' && *s != 0x7f && *s != '\\';
	while (n < 4 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	/* U+0080 to U+009f steer terminals as well */
	if (!utf8_valid(s, n) || ((unsigned char)s[0] == 0xc2 && (unsigned char)s[1] < 0xa0))
		return 0;
	return n;
}

void log_escape(const char *text, char *out, size_t len)
{
	size_t used = 0;

	while (*text) {
		size_t n = printable(text), room = n ? n : 4;

		if (used + room >= len)
			break;
		if (n)
			memcpy(out + used, text, n);
		else
			snprintf(out + used, len - used, "\\x%02x", (unsigned char)*text);
		used += room;
		text += n ? n : 1;
	}
	if (len)
		out[used] = 0;
}

void log_line(const char *fmt, ...)
{
	char text[LOG_LINE_MAX], line[LOG_LINE_MAX + 16] = "opaed: ";
	size_t used = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_escape(text, line + used, LOG_LINE_MAX);
	used = strlen(line);
	line[used++] = '\n';
	if (write(STDERR_FILENO, line, used) < 0)
		return; /* there is nobody to tell */
}
