/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lines are an anonymous mapping, so that the kernel keeps account of its pages. In it each byte is kept
 * exclusive or the random one that it had at first: pages that nobody has written, zeros, read as these.
 */
#include "sim/memory/lines.h"

#include <string.h>
#include <sys/mman.h>

#include "base/random.h"
#include "base/sys.h"

#define WORDS (LINE_BYTES / 8)

int lines_init(struct lines *l, uint64_t num, uint64_t seed)
{
	void *at;
	int rc = sys_mmap(NULL, num * LINE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0, &at);

	if (rc)
		return rc;
	sys_madvise(at, num * LINE_BYTES, MADV_NOHUGEPAGE); /* a kernel without has none */
	*l = (struct lines){ .at = at, .num = num, .seed = seed };
	return 0;
}

void lines_done(struct lines *l)
{
	if (l->at)
		sys_munmap(l->at, l->num * LINE_BYTES);
	l->at = NULL;
}

static uint64_t first_word(const struct lines *l, uint64_t word)
{
	return splitmix64_of(l->seed + (word + 1) * SPLITMIX_STEP);
}

void lines_read(const struct lines *l, uint64_t number, void *ret)
{
	uint64_t words[WORDS];

	if (number >= l->num) {
		memset(ret, 0xff, LINE_BYTES);
		return;
	}
	memcpy(words, l->at + number * LINE_BYTES, LINE_BYTES);
	for (unsigned int i = 0; i < WORDS; i++)
		words[i] ^= first_word(l, number * WORDS + i);
	memcpy(ret, words, LINE_BYTES);
}

void lines_write(struct lines *l, uint64_t number, const void *data, uint64_t enables)
{
	const unsigned char *from = data;
	unsigned char bytes[LINE_BYTES];
	uint64_t words[WORDS];

	if (number >= l->num)
		return;
	lines_read(l, number, bytes);
	for (unsigned int i = 0; i < LINE_BYTES; i++)
		if (enables >> i & 1)
			bytes[i] = from[i];
	memcpy(words, bytes, LINE_BYTES);
	for (unsigned int i = 0; i < WORDS; i++)
		words[i] ^= first_word(l, number * WORDS + i);
	memcpy(l->at + number * LINE_BYTES, words, LINE_BYTES);
}
