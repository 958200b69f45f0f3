/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the character at s, of which len are there; 0: it is none. */
static size_t character(const unsigned char *s, size_t len)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
	uint32_t c;

	if (n == 1)
		return 1;
	if (!n || n > len)
		return 0;
	c = s[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n;
}

bool utf8_valid(const char *s, size_t len)
{
	const unsigned char *at = (const unsigned char *)s;

	while (len) {
		size_t n = character(at, len);

		if (!n)
			return false;
		at += n;
		len -= n;
	}
	return true;
}

size_t utf8_fit(const char *s, size_t max)
{
	size_t len = strnlen(s, max + 1);

	if (len <= max)
		return len;
	len = max;
	while (len && ((unsigned char)s[len] & 0xc0) == 0x80)
		len--;
	return len;
}

void utf8_clean(char *out, const char *s, size_t len)
{
	const unsigned char *at = (const unsigned char *)s;

	while (len) {
		size_t n = character(at, len), step = n ? n : 1;

		memcpy(out, n ? (const char *)at : "?", step);
		out += step;
		at += step;
		len -= step;
	}
}

/*
 * Characters that are no text but steer it: U+0080 to U+009f, ends of lines and paragraphs, and what turns
 * the direction in which the rest is read.
 */
static bool steers(const unsigned char *s, size_t n)
{
	uint32_t c = n == 2 ? (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu) :
		     n == 3 ? (s[0] & 0xfu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu) : 0;

	return (c >= 0x80 && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Bytes of the character at s that may be printed as they are; 0: none. */
static size_t printable(const char *s)
{
	size_t n = 1;

	if ((unsigned char)*s < 0x80)
		return *s >= ' ' && *s != 0x7f && *s != '\\';
	while (n < 4 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n++;
	return utf8_valid(s, n) && !steers((const unsigned char *)s, n) ? n : 0;
}

void utf8_escape(const char *text, char *out, size_t len)
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
