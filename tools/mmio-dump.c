/* SPDX-License-Identifier: BSD-3-Clause */
/* opae mmio dump: a run of registers, as lines of hex or as raw bytes. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mmio.h"

#define DEFAULT_WORDS 512u
#define CHUNK_WORDS 512u
#define LINE_WORDS 2u

/* Lines that only repeat the one before are one "*". */
struct lines {
	FILE *out;
	uint64_t last[LINE_WORDS];
	bool any, starred;
};

static void put_line(struct lines *l, uint64_t offset, const uint64_t *words, size_t n)
{
	if (l->any && n == LINE_WORDS && !memcmp(words, l->last, sizeof(l->last))) {
		if (!l->starred)
			fputs("*\n", l->out);
		l->starred = true;
		return;
	}
	fprintf(l->out, "%08" PRIx64 " ", offset);
	for (size_t i = 0; i < n; i++)
		fprintf(l->out, " %016" PRIx64, words[i]);
	fputc('\n', l->out);
	memcpy(l->last, words, n * sizeof(*words));
	l->any = n == LINE_WORDS;
	l->starred = false;
}

static void put_chunk(struct lines *l, bool raw, uint64_t offset, const uint64_t *words, size_t n)
{
	if (raw) {
		fwrite(words, sizeof(*words), n, l->out);
		return;
	}
	for (size_t i = 0; i < n; i += LINE_WORDS)
		put_line(l, offset + 8 * i, words + i, n - i < LINE_WORDS ? n - i : LINE_WORDS);
}

static int copy(const struct mmio_region *r, const struct mmio_args *a, FILE *out)
{
	bool raw = a->format && !strcmp(a->format, "bin");
	uint64_t words[CHUNK_WORDS], done = 0;
	struct lines lines = { .out = out };

	while (done < a->count && !ferror(out)) {
		uint64_t offset = a->offset + 8 * done, left = a->count - done;
		size_t n = left < CHUNK_WORDS ? (size_t)left : CHUNK_WORDS;

		if (!ok(opaex_read_mmio_block(r->handle, r->index, offset, words, 8 * n), "read")) {
			fprintf(stderr, "opae: %" PRIu64 " of %" PRIu64 " words were read\n", done,
				a->count);
			return EXIT_FAILED;
		}
		put_chunk(&lines, raw, offset, words, n);
		done += n;
	}
	if (!raw)
		fprintf(out, "%08" PRIx64 "\n", a->offset + 8 * done);
	return EXIT_OK;
}

/* The default count, or the given one when the region has so many. */
static bool settle_count(const struct mmio_region *r, struct mmio_args *a)
{
	uint64_t room;

	if (!mmio_offset_ok(r, a->offset))
		return false;
	room = (r->size - a->offset) / 8;
	if (a->count > room) {
		fprintf(stderr, "opae: region %u has %" PRIu64 " words from 0x%" PRIx64
				" on, not %" PRIu64 "\n", r->index, room, a->offset, a->count);
		return false;
	}
	if (!a->count)
		a->count = room < DEFAULT_WORDS ? room : DEFAULT_WORDS;
	return true;
}

int mmio_dump(const struct mmio_region *r, struct mmio_args *a)
{
	bool to_file = a->file && strcmp(a->file, "-");
	FILE *out = stdout;
	int rc, failed;

	if (!settle_count(r, a))
		return EXIT_FAILED;
	if (to_file)
		out = fopen(a->file, "we");
	if (!out) {
		fprintf(stderr, "opae: %s: %s\n", a->file, strerror(errno));
		return EXIT_FAILED;
	}
	rc = copy(r, a, out);
	if (!to_file)
		return rc; /* main() sees to standard output */
	failed = ferror(out) ? errno : 0;
	if (fclose(out) && !failed)
		failed = errno;
	if (failed)
		fprintf(stderr, "opae: %s: %s\n", a->file, strerror(failed));
	return failed ? EXIT_FAILED : rc;
}
