/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/utf8.h"

#include <stdint.h>
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
