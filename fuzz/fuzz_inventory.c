/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inventory's file: what is taken for good is good, and what is good is taken. The first byte of the
 * input tells what the rest is: 0 the file as it is; otherwise values for the members of a record, one
 * byte each, in a file whose head is right (1) or has a byte of it changed (2).
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/target.h"
#include "plugins/vfio/inventory-file.h"

struct head { /* as inventory-file.c has it */
	uint64_t magic;
	uint32_t record_size, count;
	uint64_t sum;
};

struct stream {
	const uint8_t *at;
	size_t len;
};

static uint8_t take(struct stream *s)
{
	if (!s->len)
		return 0;
	s->len--;
	return *s->at++;
}

static bool good_object(const struct object *o)
{
	if ((o->type != FPGA_DEVICE && o->type != FPGA_ACCELERATOR) || o->num_mmio > MAX_MMIO ||
	    o->head.bar >= MAX_BARS)
		return false;
	for (uint32_t i = 0; i < o->num_mmio; i++)
		if (o->mmio[i].bar >= MAX_BARS)
			return false;
	return true;
}

static bool good(const struct inventory_record *r)
{
	if (!memchr(r->path, 0, sizeof(r->path)) || r->known > 1 || r->foreign > 1 ||
	    r->facts.num_objects > MAX_OBJECTS ||
	    !memchr(r->facts.defect, 0, sizeof(r->facts.defect)))
		return false;
	for (uint32_t i = 0; i < r->facts.num_objects; i++)
		if (!good_object(&r->facts.objects[i]))
			return false;
	return true;
}

static void make_object(struct stream *s, struct object *o)
{
	o->type = (fpga_objtype)take(s);
	o->num_mmio = take(s);
	for (uint32_t i = 0; i < MAX_MMIO; i++)
		o->mmio[i] = (struct span){ .bar = take(s), .offset = take(s), .size = take(s) };
	o->head.bar = take(s);
	o->num_interrupts = take(s);
}

static void make_record(struct stream *s, struct inventory_record *r)
{
	memset(r, 0, sizeof(*r));
	memset(r->path, '/', take(s) % (sizeof(r->path) + 1));
	memset(r->facts.defect, 'x', take(s) % (sizeof(r->facts.defect) + 1));
	r->known = take(s);
	r->foreign = take(s);
	r->facts.num_objects = take(s);
	for (uint32_t i = 0; i < MAX_OBJECTS && s->len; i++)
		make_object(s, &r->facts.objects[i]);
}

static uint64_t sum_of(const void *data, size_t len)
{
	const char *at = data;
	uint64_t h = 0, w;

	for (size_t i = 0; i < len; i += 8) {
		memcpy(&w, at + i, 8);
		h = (h ^ w) * UINT64_C(0x100000001b3);
	}
	return h;
}

/* What is accepted is what these records are; nothing is when the head was changed. */
static void from_members(struct stream *s, bool changed)
{
	struct {
		struct head h;
		struct inventory_record r[4];
	} file = { .h = { UINT64_C(0x32766e4945415041), sizeof(file.r[0]), 0, 0 } };
	uint8_t at = changed ? take(s) : 0, flip = changed ? take(s) : 0, *bytes = (uint8_t *)&file;
	const struct inventory_record *list = NULL;
	bool all_good = true;
	size_t n, count;

	while (file.h.count < 4 && s->len) {
		make_record(s, &file.r[file.h.count]);
		all_good &= good(&file.r[file.h.count++]);
	}
	count = file.h.count;
	file.h.sum = sum_of(file.r, count * sizeof(file.r[0]));
	bytes[at % sizeof(file.h)] ^= flip;
	n = inventory_check(&file, sizeof(file.h) + count * sizeof(file.r[0]), &list);
	if (n != (all_good && !flip ? count : 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct stream s = { data, len };
	const struct inventory_record *list = NULL;
	uint8_t mode = take(&s) % 3;
	uint8_t *file;
	size_t n;

	if (mode) {
		from_members(&s, mode == 2);
		return 0;
	}
	file = malloc(s.len ? s.len : 1); /* aligned as the reader's */
	if (!file)
		exit(2);
	memcpy(file, s.at, s.len);
	n = inventory_check(file, s.len, &list);
	for (size_t i = 0; i < n; i++)
		if (!good(&list[i]))
			abort();
	free(file);
	return 0;
}
