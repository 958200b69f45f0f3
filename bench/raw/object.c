/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What making and dropping an object costs at least: one malloc and one free of 512 bytes.
 *
 *     object SLICES
 *
 * For each line "go" on standard input one number: nanoseconds a pair, the median of SLICES slices
 * of 1000 pairs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BYTES 512
#define SLICE 1000

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double pairs(void)
{
	void *volatile object; /* so that the pair is not optimized away */
	double begin = now();

	for (int i = 0; i < SLICE; i++) {
		object = malloc(BYTES);
		free(object);
	}
	return (now() - begin) / SLICE;
}

int main(int argc, char *argv[])
{
	long slices = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
	double *ns = slices > 0 ? calloc((size_t)slices, sizeof(*ns)) : NULL;
	char line[8];

	if (!ns) {
		fprintf(stderr, "usage: object SLICES\n");
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		for (long i = 0; i < slices; i++)
			ns[i] = pairs();
		qsort(ns, (size_t)slices, sizeof(*ns), compare);
		printf("%.4f\n", ns[slices / 2]);
		fflush(stdout);
	}
	free(ns);
	return 0;
}
