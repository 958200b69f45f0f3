/* SPDX-License-Identifier: BSD-3-Clause */
/* opae mmio: its arguments, and the device that is opened for the verb. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mmio.h"

enum { READ = 1, WRITE = 2, WALK = 4, DUMP = 8, ALL = 15 };

static const struct {
	const char *name;
	unsigned int bit;
	int words; /* besides the name */
	const char *takes;
	int (*run)(const struct mmio_region *r, struct mmio_args *a);
} verbs[] = {
	{ "read", READ, 1, "an offset", mmio_access },
	{ "write", WRITE, 2, "an offset and a value", mmio_access },
	{ "walk", WALK, 0, "no more words; -o OFFSET says where to begin", mmio_walk },
	{ "dump", DUMP, 0, "no more words; -o OFFSET says where to begin", mmio_dump },
};

enum option { O_JSON, O_WIDTH, O_REGION, O_DEVICE, O_TYPE, O_OFFSET, O_COUNT, O_FORMAT, O_FILE };

static const struct {
	const char *letter, *word;
	unsigned int verbs;
} options[] = {
	[O_JSON] = { "--json", "--json", READ | WRITE | WALK },
	[O_WIDTH] = { "-w", "--width", READ | WRITE },
	[O_REGION] = { "-r", "--region", ALL },
	[O_DEVICE] = { "-d", "--device", ALL },
	[O_TYPE] = { "-t", "--type", ALL },
	[O_OFFSET] = { "-o", "--offset", WALK | DUMP },
	[O_COUNT] = { "-c", "--count", DUMP },
	[O_FORMAT] = { "-f", "--format", DUMP },
	[O_FILE] = { "-O", "--output", DUMP },
};

#define NUM_VERBS (sizeof(verbs) / sizeof(verbs[0]))
#define NUM_OPTIONS (sizeof(options) / sizeof(options[0]))

static int parse_number(const char *what, const char *text, uint64_t *ret)
{
	if (parse_u64(text, ret))
		return EXIT_OK;
	return usage_error("%s '%s' is no number", what, text);
}

static int parse_type(const char *text, int *ret)
{
	if (strcmp(text, "device") && strcmp(text, "accelerator"))
		return usage_error("the type is device or accelerator, not '%s'", text);
	*ret = strcmp(text, "device") ? FPGA_ACCELERATOR : FPGA_DEVICE;
	return EXIT_OK;
}

static int parse_option(struct mmio_args *a, enum option o, const char *arg)
{
	switch (o) {
	case O_JSON:
		a->json = true;
		return EXIT_OK;
	case O_WIDTH:
		return parse_number("width", arg, &a->width);
	case O_REGION:
		return parse_number("region", arg, &a->region);
	case O_DEVICE:
		return selector_add(&a->sel, arg);
	case O_TYPE:
		return parse_type(arg, &a->sel.type);
	case O_OFFSET:
		return parse_number("offset", arg, &a->offset);
	case O_COUNT:
		return parse_number("count", arg, &a->count);
	case O_FORMAT:
		a->format = arg;
		return EXIT_OK;
	case O_FILE:
		a->file = arg;
		return *arg ? EXIT_OK : usage_error("-O needs the name of a file");
	}
	return EXIT_USAGE;
}

/* Takes the option at argv[*i], and its argument when it needs one. */
static int take_option(struct mmio_args *a, int argc, char *argv[], int *i)
{
	const char *name = argv[*i];
	size_t o = 0;

	while (o < NUM_OPTIONS && strcmp(name, options[o].letter) && strcmp(name, options[o].word))
		o++;
	if (o == NUM_OPTIONS)
		return usage_error("mmio has no option '%s'", name);
	if (o != O_JSON && ++*i == argc)
		return usage_error("%s needs an argument", name);
	a->given |= 1u << o;
	return parse_option(a, (enum option)o, argv[*i]);
}

/* What only shows once all is read: does it fit the verb. */
static int check(struct mmio_args *a, size_t verb)
{
	for (size_t o = 0; o < NUM_OPTIONS; o++)
		if ((a->given & 1u << o) && !(options[o].verbs & verbs[verb].bit))
			return usage_error("mmio %s has no option '%s'", verbs[verb].name,
					   options[o].letter);
	if (a->num_words > verbs[verb].words + 1)
		return usage_error("'%s' is too much: mmio %s takes %s", a->words[verbs[verb].words + 1],
				   verbs[verb].name, verbs[verb].takes);
	if (a->num_words <= verbs[verb].words)
		return usage_error("mmio %s needs %s", verbs[verb].name, verbs[verb].takes);
	if (a->width != 32 && a->width != 64)
		return usage_error("the width is 32 or 64, not %" PRIu64, a->width);
	if (a->region > UINT32_MAX)
		return usage_error("region %" PRIu64 " is out of range", a->region);
	if (a->offset % 8)
		return usage_error("the offset 0x%" PRIx64 " is no multiple of 8", a->offset);
	if ((a->given & 1u << O_COUNT) && !a->count)
		return usage_error("the count is 0");
	if (a->format && strcmp(a->format, "hex") && strcmp(a->format, "bin"))
		return usage_error("the format is hex or bin, not '%s'", a->format);
	return EXIT_OK;
}

/* Of read and write: their words. */
static int parse_words(struct mmio_args *a)
{
	int rc = parse_number("offset", a->words[1], &a->offset);

	a->write = a->num_words == 3;
	if (!rc && a->write)
		rc = parse_number("value", a->words[2], &a->value);
	if (!rc && a->width == 32 && a->value > UINT32_MAX)
		rc = usage_error("%s does not fit in 32 bits", a->words[2]);
	return rc;
}

static int parse(int argc, char *argv[], struct mmio_args *a, size_t *verb)
{
	int rc;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-') {
			rc = take_option(a, argc, argv, &i);
			if (rc)
				return rc;
		} else if (a->num_words < 3) {
			a->words[a->num_words++] = argv[i];
		} else {
			return usage_error("'%s' is too much", argv[i]);
		}
	}
	*verb = 0;
	while (*verb < NUM_VERBS && (!a->num_words || strcmp(a->words[0], verbs[*verb].name)))
		++*verb;
	if (*verb == NUM_VERBS)
		return usage_error("mmio needs read, write, walk or dump");
	rc = check(a, *verb);
	return rc || a->num_words == 1 ? rc : parse_words(a);
}

bool mmio_offset_ok(const struct mmio_region *r, uint64_t offset)
{
	if (offset < r->size)
		return true;
	fprintf(stderr, "opae: offset 0x%" PRIx64 " is outside region %u, which has 0x%" PRIx64
			" bytes\n", offset, r->index, r->size);
	return false;
}

static int run(fpga_token token, struct mmio_args *a, size_t verb)
{
	struct mmio_region r = { .index = (uint32_t)a->region };
	struct opaex_mmio_info info;
	int rc = EXIT_FAILED;

	if (!ok(opaex_open_alone(token, &r.handle, 0), "open"))
		return EXIT_FAILED;
	if (ok(opaex_mmio_info(r.handle, r.index, &info), "region")) {
		r.size = info.size;
		rc = verbs[verb].run(&r, a);
	}
	fpgaClose(r.handle);
	return rc;
}

static int ambiguous(fpga_token *list, uint32_t n, const char *kind)
{
	int rc = usage_error("%u %ss fit; name one with -d, by all that tells it from the others", n,
			     kind);

	for (uint32_t i = 0; i < n; i++) {
		struct token_row row;
		fpga_properties p;

		if (!ok(fpgaGetProperties(list[i], &p), "properties"))
			continue;
		token_row_read(p, &row);
		fpgaDestroyProperties(&p);
		fprintf(stderr, "  %-14s %-12s %s  0x%016" PRIx64 "%s%s%s%s\n", row.address,
			type_name(row.type), row.guid, row.object_id, *row.name ? "  " : "", row.name,
			*row.host ? "  on " : "", row.host);
	}
	return rc;
}

int cmd_mmio(int argc, char *argv[])
{
	struct mmio_args a = { .width = 64, .sel.type = FPGA_ACCELERATOR };
	fpga_token *list;
	const char *kind;
	uint32_t n;
	size_t verb = 0;
	int rc = parse(argc, argv, &a, &verb);

	if (rc)
		return rc;
	if (!tokens_find(&a.sel, &list, &n))
		return EXIT_FAILED;
	kind = a.sel.type == FPGA_DEVICE ? "device" : "accelerator";
	if (n == 1) {
		rc = run(list[0], &a, verb);
	} else if (n) {
		rc = ambiguous(list, n, kind);
	} else {
		fprintf(stderr, "opae: no such %s; `opae list` shows what there is\n", kind);
		rc = EXIT_NOTHING_FOUND;
	}
	tokens_free(list, n);
	return rc;
}
