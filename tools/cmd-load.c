/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * opae load: partial reconfiguration. What the file says of itself is compared with the device before
 * the device is opened, and once more by the plugin; so a file for another interface touches nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gbs/gbs.h"
#include "opae.h"
#include "ticker.h"

struct load_args {
	const char *file;
	struct selector sel;
	uint64_t slot;
	bool force, skip_clock, dry_run, yes;
};

struct load {
	const struct load_args *args;
	uint8_t *data;
	size_t len;
	struct gbs gbs;
	char wants[UUID_STR_LEN]; /* the interface that the file is for; "": it does not say */
	fpga_token device;	  /* of the caller's list */
	struct token_row row;	  /* of the device */
};

/* ---- arguments ---- */

static int take_word(struct load_args *a, const char *word)
{
	if (word[0] == '-' && word[1])
		return usage_error("load has no option '%s'", word);
	if (!a->file) {
		a->file = word;
		return EXIT_OK;
	}
	return selector_add(&a->sel, word);
}

static int parse(int argc, char *argv[], struct load_args *a)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = { { "--force", &a->force }, { "--skip-clock", &a->skip_clock },
		      { "--dry-run", &a->dry_run }, { "-y", &a->yes }, { "--yes", &a->yes } };
	const size_t num = sizeof(flags) / sizeof(flags[0]);
	int rc = EXIT_OK;

	for (int i = 1; !rc && i < argc; i++) {
		size_t k = 0;

		while (k < num && strcmp(argv[i], flags[k].name))
			k++;
		if (k < num)
			*flags[k].flag = true;
		else if (strcmp(argv[i], "--slot"))
			rc = take_word(a, argv[i]);
		else if (++i == argc || !parse_u64(argv[i], &a->slot) || a->slot > UINT32_MAX)
			rc = usage_error("--slot needs the number of a slot");
	}
	if (!rc && !a->file)
		rc = usage_error("load needs a file");
	return rc;
}

/* ---- what is loaded ---- */

static bool read_file(struct load *l)
{
	const char *path = l->args->file;
	char why[GBS_WHY_MAX];

	if (gbs_read_file(path, &l->data, &l->len, why) || gbs_parse(l->data, l->len, &l->gbs, why)) {
		fprintf(stderr, "opae: %s: %s\n", path, why);
		return false;
	}
	if (l->gbs.has_metadata) {
		uuid_unparse_lower(l->gbs.interface_id, l->wants);
		return true;
	}
	if (!l->args->force)
		fprintf(stderr, "opae: %s does not say which interface it is for, so nobody can tell "
				"whether it fits; --force loads it all the same\n", path);
	return l->args->force;
}

/* ---- where to ---- */

static bool row_of(fpga_token token, struct token_row *row)
{
	fpga_properties p;

	if (!ok(fpgaGetProperties(token, &p), "properties"))
		return false;
	token_row_read(p, row);
	fpgaDestroyProperties(&p);
	return true;
}

/* Those of one interface, or all. */
static void print_devices(fpga_token *list, uint32_t n, const char *interface)
{
	struct token_row row;

	for (uint32_t i = 0; i < n; i++)
		if (row_of(list[i], &row) && (!*interface || !strcmp(row.guid, interface)))
			fprintf(stderr, "  %-14s interface %s\n", row.address, row.guid);
}

/* Of those that were found, the one that the file is for. */
static int choose(struct load *l, fpga_token *list, uint32_t n)
{
	uint32_t fit = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct token_row row;

		if (!row_of(list[i], &row))
			return EXIT_FAILED;
		if (*l->wants && strcmp(row.guid, l->wants))
			continue;
		l->device = list[i];
		l->row = row;
		fit++;
	}
	if (fit == 1)
		return EXIT_OK;
	if (fit) {
		fprintf(stderr, "opae: %u devices could take %s; name one by its address:\n", fit,
			l->args->file);
		print_devices(list, n, l->wants);
		return EXIT_USAGE;
	}
	fprintf(stderr, "opae: %s is for the interface %s, which %s:\n", l->args->file, l->wants,
		n == 1 ? "this device does not have" : "none of these devices has");
	print_devices(list, n, "");
	return EXIT_FAILED;
}

static bool slot_is_there(const struct load *l)
{
	fpga_properties p;
	uint32_t slots = 0;
	fpga_result r;

	if (!ok(fpgaGetProperties(l->device, &p), "properties"))
		return false;
	r = fpgaPropertiesGetNumSlots(p, &slots);
	fpgaDestroyProperties(&p);
	if (r != FPGA_OK || l->args->slot < slots) /* what a plugin does not tell, its own check does */
		return true;
	fprintf(stderr, "opae: %s has no slot %" PRIu64 "; ", l->row.address, l->args->slot);
	if (slots)
		fprintf(stderr, "the last one is %u\n", slots - 1);
	else
		fprintf(stderr, "it has none\n");
	return false;
}

/* ---- what is told ---- */

static void print_clock(const struct load *l)
{
	const struct gbs_clock *high = &l->gbs.clock_high, *low = &l->gbs.clock_low;

	if (!high->mhz && !low->mhz)
		return;
	printf("%-14s", "clock");
	if (l->args->skip_clock)
		printf("left as it is; the file asks for ");
	if (high->mhz)
		printf("high %" PRIu32 " MHz%s", high->mhz, low->mhz ? ", " : "");
	if (low->mhz)
		printf("low %" PRIu32 " MHz", low->mhz);
	putchar('\n');
}

static void print_plan(const struct load *l)
{
	char guid[UUID_STR_LEN];

	printf("%-14s%s, %zu bytes\n", "file", l->args->file, l->gbs.payload_len);
	for (size_t i = 0; i < l->gbs.num_accelerators; i++) {
		uuid_unparse_lower(l->gbs.accelerators[i].guid, guid);
		printf("%-14s%s%s%s\n", "brings", guid, *l->gbs.accelerators[i].name ? "  " : "",
		       l->gbs.accelerators[i].name);
	}
	printf("%-14s%s, slot %" PRIu64 "\n", "into", l->row.address, l->args->slot);
	printf("%-14s%s%s\n", "interface", l->row.guid, *l->wants ? "" : "  (the file does not say its own)");
	print_clock(l);
	if (l->args->force)
		printf("%-14sit is loaded even while a program uses the slot\n", "forced");
}

/* A person is asked; a script has said what it wants. */
static bool agreed(const struct load *l)
{
	char answer[8] = "";

	if (l->args->yes || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return true;
	printf("Load it? [y/N] ");
	fflush(stdout);
	if (!fgets(answer, sizeof(answer), stdin))
		putchar('\n');
	return !strcmp(answer, "y\n") || !strcmp(answer, "Y\n") || !strcmp(answer, "yes\n");
}

/* ---- what came of it ---- */

/* Is this accelerator in the slot? One that does not tell is, when there is no other. */
static bool in_slot(const struct load *l, fpga_token token, uint32_t n)
{
	fpga_object o;
	uint64_t id;
	bool known;

	if (fpgaTokenGetObject(token, "id", &o, 0) != FPGA_OK)
		return n == 1;
	known = fpgaObjectRead64(o, &id, 0) == FPGA_OK;
	fpgaDestroyObject(&o);
	return known ? id == l->args->slot : n == 1;
}

static void print_result(const struct load *l)
{
	struct selector sel = { .address = l->row.address, .type = FPGA_ACCELERATOR };
	struct token_row row;
	fpga_token *list;
	uint32_t n;

	if (!tokens_find(&sel, &list, &n))
		return;
	for (uint32_t i = 0; i < n; i++)
		if (in_slot(l, list[i], n) && row_of(list[i], &row))
			printf("%-14s%s%s%s\n", "accelerator", row.guid, *row.name ? "  " : "", row.name);
	tokens_free(list, n);
}

static int reconfigure(const struct load *l)
{
	int flags = (l->args->force ? FPGA_RECONF_FORCE : 0) |
		    (l->args->skip_clock ? FPGA_RECONF_SKIP_USRCLK : 0);
	struct ticker t;
	fpga_handle h;
	fpga_result r;
	int64_t ns;

	if (!ok(fpgaOpen(l->device, &h, 0), "open"))
		return EXIT_FAILED;
	ticker_begin(&t, "loading");
	r = fpgaReconfigureSlot(h, (uint32_t)l->args->slot, l->data, l->len, flags);
	ns = ticker_end(&t);
	if (ok_at(r, "load", &l->row))
		printf("loaded in %.3f s\n", (double)ns / 1e9);
	fpgaClose(h);
	return r == FPGA_OK ? EXIT_OK : EXIT_FAILED;
}

static int load(struct load *l, fpga_token *list, uint32_t n)
{
	int rc = choose(l, list, n);

	if (rc)
		return rc;
	if (!slot_is_there(l))
		return EXIT_FAILED;
	print_plan(l);
	if (l->args->dry_run || !agreed(l)) {
		printf("nothing was loaded\n");
		return l->args->dry_run ? EXIT_OK : EXIT_FAILED;
	}
	rc = reconfigure(l);
	if (!rc)
		print_result(l);
	return rc;
}

int cmd_load(int argc, char *argv[])
{
	struct load_args a = { .sel.type = FPGA_DEVICE };
	struct load l = { .args = &a };
	int rc = parse(argc, argv, &a);
	fpga_token *list;
	uint32_t n;

	if (rc)
		return rc;
	rc = EXIT_FAILED;
	if (read_file(&l) && tokens_find(&a.sel, &list, &n)) {
		if (n) {
			rc = load(&l, list, n);
		} else {
			fprintf(stderr, "opae: no device that fits was found; `opae list` shows what there "
					"is, `opae doctor` why something is not\n");
			rc = EXIT_NOTHING_FOUND;
		}
		tokens_free(list, n);
	}
	gbs_done(&l.gbs);
	free(l.data);
	return rc;
}
