/* SPDX-License-Identifier: BSD-3-Clause */
/* Is it UTF-8 (RFC 3629): shortest forms alone, no surrogates, nothing above U+10FFFF. */
#ifndef WIRE_UTF8_H
#define WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_valid(const char *s, size_t len);
/* Bytes of s, without its NUL, that fit into max without cutting a character. */
size_t utf8_fit(const char *s, size_t max);

/* Copies len bytes; those that are no UTF-8 become question marks. */
void utf8_clean(char *out, const char *s, size_t len);
/*
 * For a line of a log or a terminal: the text with control characters, what turns its direction, backslashes
 * and what is no UTF-8 as \xNN. Cut at what fits into len, its NUL included, and in no such sequence.
 */
void utf8_escape(const char *text, char *out, size_t len);

#endif
