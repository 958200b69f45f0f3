/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drives a fuzz target without a fuzzing engine: replays a corpus, then as many mutations of it as
 * asked for, from a seed, so that a failure is repeated by the same command. (With clang the same
 * targets link with -fsanitize=fuzzer instead of this file.)
 *
 *     fuzz_TARGET CORPUS [MUTATIONS [SEED]]
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "fuzz/target.h"

#define MAX_INPUTS 256
#define MAX_LEN 8192

struct input {
	uint8_t *data;
	size_t len;
};

static struct input inputs[MAX_INPUTS];
static size_t num_inputs;
static uint64_t state;

static size_t below(size_t n)
{
	return n ? (size_t)(splitmix64(&state) % n) : 0;
}

static void load(const char *dir, const char *name)
{
	char path[4096];
	struct input *in = &inputs[num_inputs];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	in->data = malloc(MAX_LEN);
	if (!f || !in->data || num_inputs == MAX_INPUTS - 1) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(2);
	}
	in->len = fread(in->data, 1, MAX_LEN, f);
	fclose(f);
	num_inputs++;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* no locale: the same order everywhere */
}

static void load_all(const char *dir)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, by_name);

	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.')
			load(dir, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

/* Numbers at which sizes and offsets go wrong. */
static void put_number(uint8_t *at, size_t room)
{
	static const uint64_t odd[] = { 0, 1, 7, 15, 16, 31, 32, 4095, 4096, 65535, 1u << 20,
					0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX - 4095,
					UINT64_MAX };
	uint64_t v = odd[below(sizeof(odd) / sizeof(odd[0]))];
	size_t n = (size_t)1 << below(4);

	memcpy(at, &v, n < room ? n : room);
}

static size_t mutate_once(uint8_t *data, size_t len)
{
	const struct input *other = &inputs[below(num_inputs)];
	size_t at = below(len), n;

	switch (below(6)) {
	case 0:
		if (len)
			data[at] = (uint8_t)(data[at] ^ 1u << below(8));
		return len;
	case 1:
		if (len)
			data[at] = (uint8_t)splitmix64(&state);
		return len;
	case 2:
		if (len)
			put_number(data + at, len - at);
		return len;
	case 3: /* leave some out */
		n = below(len - at);
		memmove(data + at, data + at + n, len - at - n);
		return len - n;
	case 4: /* put some in */
		n = below(32);
		if (len + n > MAX_LEN)
			return len;
		memmove(data + at + n, data + at, len - at);
		for (size_t i = 0; i < n; i++)
			data[at + i] = (uint8_t)splitmix64(&state);
		return len + n;
	default: /* the rest of another */
		n = below(other->len);
		if (at + other->len - n > MAX_LEN)
			return len;
		memcpy(data + at, other->data + n, other->len - n);
		return at + other->len - n;
	}
}

/* Each run gets memory of exactly its length, so that a sanitizer sees one byte too far. */
static void run(const uint8_t *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		exit(2);
	memcpy(copy, data, len);
	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

int main(int argc, char *argv[])
{
	unsigned long mutations = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	static uint8_t data[MAX_LEN];

	if (argc < 2)
		return 2;
	state = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
	load_all(argv[1]);
	if (!num_inputs) {
		fprintf(stderr, "%s: an empty corpus proves nothing\n", argv[1]);
		return 2;
	}
	for (size_t i = 0; i < num_inputs; i++)
		run(inputs[i].data, inputs[i].len);
	for (unsigned long i = 0; i < mutations; i++) {
		const struct input *in = &inputs[below(num_inputs)];
		size_t len = in->len;

		memcpy(data, in->data, len);
		for (size_t n = 1 + below(4); n > 0; n--)
			len = mutate_once(data, len);
		run(data, len);
	}
	printf("%zu inputs, %lu mutations\n", num_inputs, mutations);
	for (size_t i = 0; i < num_inputs; i++)
		free(inputs[i].data);
	return 0;
}
