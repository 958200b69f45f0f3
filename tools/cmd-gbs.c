/* SPDX-License-Identifier: BSD-3-Clause */
/* opae gbs: shows, makes and takes apart the files that `opae load` loads. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gbs/gbs.h"
#include "opae.h"

struct bytes {
	uint8_t *at;
	size_t len;
};

struct part {
	const uint8_t *at;
	size_t len;
};

static bool read_file(const char *path, struct bytes *ret)
{
	char why[GBS_WHY_MAX];

	if (!gbs_read_file(path, &ret->at, &ret->len, why))
		return true;
	fprintf(stderr, "opae: %s: %s\n", path, why);
	return false;
}

/* The caller frees the bytes, and what the struct holds. */
static bool read_gbs(const char *path, struct bytes *file, struct gbs *ret)
{
	char why[GBS_WHY_MAX];

	if (!read_file(path, file))
		return false;
	if (!gbs_parse(file->at, file->len, ret, why))
		return true;
	fprintf(stderr, "opae: %s: %s\n", path, why);
	free(file->at);
	return false;
}

/* One after the other into a file, or for "-" to standard output, which main() sees to. */
static int write_file(const char *path, const struct part *parts, size_t n)
{
	bool to_file = strcmp(path, "-");
	FILE *out = to_file ? fopen(path, "we") : stdout;
	int failed = out ? 0 : errno;

	for (size_t i = 0; out && !failed && i < n; i++)
		if (fwrite(parts[i].at, 1, parts[i].len, out) != parts[i].len)
			failed = errno;
	if (out && to_file && fclose(out) && !failed)
		failed = errno;
	if (failed && to_file)
		fprintf(stderr, "opae: %s: %s%s\n", path, strerror(failed), out ? "; it is not whole" : "");
	return failed ? EXIT_FAILED : EXIT_OK;
}

/* ---- show ---- */

static void print_clock(const char *what, const struct gbs_clock *c)
{
	if (c->text)
		printf("%-14s%s: no number was put in its place\n", what, c->text);
	else if (c->mhz)
		printf("%-14s%" PRIu32 " MHz\n", what, c->mhz);
}

static void print_metadata(const struct gbs *g)
{
	char guid[UUID_STR_LEN];

	uuid_unparse_lower(g->interface_id, guid);
	printf("%-14s%s\n", "interface", guid);
	for (size_t i = 0; i < g->num_accelerators; i++) {
		const struct gbs_accelerator *a = &g->accelerators[i];

		uuid_unparse_lower(a->guid, guid);
		printf("%-14s%s%s%s\n", "accelerator", guid, *a->name ? "  " : "", a->name);
	}
	print_clock("clock high", &g->clock_high);
	print_clock("clock low", &g->clock_low);
	if (g->power)
		printf("%-14s%" PRIu32 " W\n", "power", g->power);
	if (*g->platform)
		printf("%-14s%s\n", "platform", g->platform);
	if (g->version)
		printf("%-14s%" PRIu32 "\n", "version", g->version);
}

static int show_json(const struct gbs *g)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "metadata", json_object_get(g->metadata));
	json_object_object_add(o, "payload_bytes", json_u64(g->payload_len));
	return print_json("gbs", o);
}

static int show(int argc, char *argv[])
{
	bool json = argc && !strcmp(argv[0], "--json");
	struct bytes file;
	struct gbs g;

	if (argc != 1 + json || argv[json][0] == '-')
		return usage_error("gbs show takes [--json] and one file");
	if (!read_gbs(argv[json], &file, &g))
		return EXIT_FAILED;
	if (json) {
		show_json(&g);
	} else {
		if (g.has_metadata)
			print_metadata(&g);
		else
			printf("%-14s%s\n", "metadata", "none");
		printf("%-14s%zu bytes\n", "payload", g.payload_len);
	}
	gbs_done(&g);
	free(file.at);
	return EXIT_OK;
}

/* ---- payload ---- */

static int payload(int argc, char *argv[])
{
	struct bytes file;
	struct gbs g;
	int rc;

	if (argc != 2)
		return usage_error("gbs payload takes two files: the GBS, and what is written");
	if (!read_gbs(argv[0], &file, &g))
		return EXIT_FAILED;
	rc = write_file(argv[1], &(struct part){ g.payload, g.payload_len }, 1);
	gbs_done(&g);
	free(file.at);
	return rc;
}

/* ---- make ---- */

/* As they were given; NULL: not given. */
struct make_args {
	const char *interface_id, *afu_id, *name, *platform, *clock_high, *clock_low, *power, *payload, *out;
};

static int parse_make(int argc, char *argv[], struct make_args *a)
{
	const struct {
		const char *name, **value;
		bool needed;
	} options[] = {
		{ "--interface-id", &a->interface_id, true }, { "--afu-id", &a->afu_id, true },
		{ "--name", &a->name, false },		      { "--platform", &a->platform, false },
		{ "--clock-high", &a->clock_high, false },    { "--clock-low", &a->clock_low, false },
		{ "--power", &a->power, false },	      { "--payload", &a->payload, true },
	};
	const size_t num = sizeof(options) / sizeof(options[0]);

	for (int i = 0; i < argc; i++) {
		size_t k = 0;

		while (k < num && strcmp(argv[i], options[k].name))
			k++;
		if (k == num && (argv[i][0] == '-' && argv[i][1]))
			return usage_error("gbs make has no option '%s'", argv[i]);
		if (k == num && a->out)
			return usage_error("'%s' is too much: gbs make writes one file, %s", argv[i], a->out);
		if (k < num && ++i == argc)
			return usage_error("%s needs an argument", options[k].name);
		*(k < num ? options[k].value : &a->out) = argv[i];
	}
	for (size_t k = 0; k < num; k++)
		if (options[k].needed && !*options[k].value)
			return usage_error("gbs make needs %s", options[k].name);
	return a->out ? EXIT_OK : usage_error("gbs make needs the name of the file to write");
}

static int parse_guid(const char *option, const char *text, uint8_t ret[16])
{
	if (uuid_parse(text, ret))
		return usage_error("%s '%s' is no GUID", option, text);
	return EXIT_OK;
}

/* The limits are the format's, which gbs_head() knows. */
static int parse_number(const char *option, const char *text, uint32_t *ret)
{
	uint64_t v = 0;

	if (text && (!parse_u64(text, &v) || !v || v > UINT32_MAX))
		return usage_error("%s '%s' is no number that it can be", option, text);
	*ret = (uint32_t)v;
	return EXIT_OK;
}

static int parse_recipe(const struct make_args *a, struct gbs_recipe *r)
{
	int rc = parse_guid("--interface-id", a->interface_id, r->interface_id);

	r->name = a->name;
	r->platform = a->platform;
	if (!rc)
		rc = parse_guid("--afu-id", a->afu_id, r->accelerator);
	if (!rc)
		rc = parse_number("--clock-high", a->clock_high, &r->clock_high);
	if (!rc)
		rc = parse_number("--clock-low", a->clock_low, &r->clock_low);
	return rc ? rc : parse_number("--power", a->power, &r->power);
}

static int write_gbs(const struct gbs_recipe *r, const struct bytes *body, const char *out)
{
	char why[GBS_WHY_MAX];
	struct bytes head;
	int rc = EXIT_FAILED;

	if (gbs_head(r, &head.at, &head.len, why)) {
		fprintf(stderr, "opae: %s: %s\n", out, why);
		return EXIT_FAILED;
	}
	if (head.len + body->len > GBS_FILE_MAX)
		fprintf(stderr, "opae: %s: it would have %zu bytes, and %" PRIu64 " are the most\n", out,
			head.len + body->len, GBS_FILE_MAX);
	else
		rc = write_file(out, (struct part[]){ { head.at, head.len }, { body->at, body->len } }, 2);
	free(head.at);
	return rc;
}

static int make(int argc, char *argv[])
{
	struct make_args a = { 0 };
	struct gbs_recipe r = { 0 };
	struct bytes body;
	int rc = parse_make(argc, argv, &a);

	if (!rc)
		rc = parse_recipe(&a, &r);
	if (rc)
		return rc;
	if (!read_file(a.payload, &body))
		return EXIT_FAILED;
	rc = write_gbs(&r, &body, a.out);
	free(body.at);
	return rc;
}

int cmd_gbs(int argc, char *argv[])
{
	static const struct {
		const char *name;
		int (*run)(int argc, char *argv[]);
	} verbs[] = { { "show", show }, { "make", make }, { "payload", payload } };

	for (size_t i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(argv[1], verbs[i].name))
			return verbs[i].run(argc - 2, argv + 2);
	if (argc < 2)
		return usage_error("gbs needs show, make or payload");
	return usage_error("gbs needs show, make or payload, not '%s'", argv[1]);
}
