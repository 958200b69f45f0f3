/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/local-host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugins/local/watch.h"
#include "tests/unit/check.h"
#include "tests/unit/fake-tree.h"

char said[512];

fpga_result say(fpga_result r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	return r;
}

const char *dfl_name(const struct dfl_device *d)
{
	return strrchr(d->node, '/') + 1;
}

fpga_result alive(const struct handle *h, const char *call)
{
	return atomic_load(&h->dead) ? say(FPGA_EXCEPTION, "%s: gone", call) : FPGA_OK;
}

void watch_look(struct instance *inst)
{
	for (struct handle *h = inst->handles; h; h = h->next) {
		uint64_t identity;

		if (dfl_identity(&h->token.dev, &identity) || identity != h->identity)
			atomic_store(&h->dead, true);
	}
}

/* ---- the tree ---- */

static void place(char at[1024], const char *path)
{
	assert_true(snprintf(at, 1024, "%s%s", fake_tree_root(), path) < 1024);
}

static void make_parent(const char *path)
{
	char folder[1024];

	assert_true(snprintf(folder, sizeof(folder), "%s", path) < (int)sizeof(folder));
	*strrchr(folder, '/') = 0;
	fake_tree_folder(folder);
}

void put_bytes(const char *path, const void *data, size_t len)
{
	char at[1024];
	FILE *f;

	make_parent(path);
	place(at, path);
	f = fopen(at, "we");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	fclose(f);
}

void put_text(const char *path, const char *text)
{
	put_bytes(path, text, strlen(text));
}

void put_link(const char *path, const char *to)
{
	char at[1024];

	make_parent(path);
	place(at, path);
	assert_int_equal(symlink(to, at), 0);
}

void put_mode(const char *path, unsigned int mode)
{
	char at[1024];

	place(at, path);
	assert_int_equal(chmod(at, mode), 0);
}

void take_away(const char *path)
{
	char command[1100], at[1024];

	place(at, path);
	snprintf(command, sizeof(command), "rm -rf '%s'", at);
	assert_int_equal(system(command), 0);
}

char *text_of(const char *path)
{
	char at[1024], *text = calloc(1, 4096);
	FILE *f;

	place(at, path);
	f = fopen(at, "re");
	assert_non_null(f);
	assert_non_null(text);
	text[fread(text, 1, 4095, f)] = 0;
	fclose(f);
	return text;
}

void card_make(void)
{
	fake_tree_begin();
	fake_tree_folder(CARD_FME);
	fake_tree_folder(CARD_PORT);
	put_link("/sys/class/fpga_region/region0",
		 "../../devices/pci0000:00/0000:b1:00.0/fpga_region/region0");
}

struct token card_token(enum dfl_kind kind)
{
	struct dfl_device *list;
	struct token t = { 0 };
	size_t n;

	assert_int_equal(dfl_list(&list, &n), 0);
	assert_int_equal(n, 2);
	t.dev = list[kind == DFL_FME ? 0 : 1];
	assert_int_equal(t.dev.kind, kind);
	free(list);
	return t;
}

struct handle card_handle(struct instance *inst, enum dfl_kind kind)
{
	struct handle h = { .inst = inst, .token = card_token(kind) };

	assert_int_equal(dfl_identity(&h.token.dev, &h.identity), 0);
	return h;
}
