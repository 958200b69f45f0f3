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

#endif
