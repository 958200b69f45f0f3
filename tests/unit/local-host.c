/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/local-host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void card_make(void)
{
	fake_tree_begin();
	fake_tree_folder(CARD_FME);
	fake_tree_folder(CARD_PORT);
	fake_tree_link("/sys/class/fpga_region/region0",
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
