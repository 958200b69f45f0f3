/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one access to a mapped register costs at least: a volatile load or store of a shared mapping.
 *
 *     access read|write SLICES
 *
 * For each line "go" on standard input one number: nanoseconds an access, the median of SLICES
 * slices of 1000 accesses.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
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

static double reads(const volatile uint64_t *at)
{
	double begin = now();

	for (int i = 0; i < SLICE; i++)
		(void)*at;
	return (now() - begin) / SLICE;
}

static double writes(volatile uint64_t *at)
{
	double begin = now();

	for (uint64_t i = 0; i < SLICE; i++)
		*at = i;
	return (now() - begin) / SLICE;
}

int main(int argc, char *argv[])
{
	long slices = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	double *ns = slices > 0 ? calloc((size_t)slices, sizeof(*ns)) : NULL;
	int fd = memfd_create("access", MFD_CLOEXEC);
	volatile uint64_t *at = MAP_FAILED;
	char line[8];

	if (fd >= 0 && !ftruncate(fd, PAGE))
		at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!ns || at == MAP_FAILED) {
		fprintf(stderr, "usage: access read|write SLICES\n");
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		for (long i = 0; i < slices; i++)
			ns[i] = strcmp(argv[1], "write") ? reads(at) : writes(at);
		qsort(ns, (size_t)slices, sizeof(*ns), compare);
		printf("%.4f\n", ns[slices / 2]);
		fflush(stdout);
	}
	free(ns);
	return 0;
}
