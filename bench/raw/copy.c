/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a copy costs at least: memcpy from one shared mapping to another, both touched before.
 *
 *     copy BYTES COUNT
 *
 * For each line "go" on standard input one number: microseconds a copy, the median of COUNT.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec * 1e-3;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static char *make(size_t bytes, int fill)
{
	int fd = memfd_create("copy", MFD_CLOEXEC);
	void *at = MAP_FAILED;

	if (fd >= 0 && !ftruncate(fd, (off_t)bytes))
		at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? NULL : memset(at, fill, bytes);
}

int main(int argc, char *argv[])
{
	size_t bytes = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	double *us = bytes && count > 0 ? calloc((size_t)count, sizeof(*us)) : NULL;
	char *from = us ? make(bytes, 0xaf) : NULL, *to = us ? make(bytes, 0xbe) : NULL;
	char line[8];

	if (!from || !to) {
		fprintf(stderr, "usage: copy BYTES COUNT\n");
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		for (long i = 0; i < count; i++) {
			double begin = now();

			memcpy(to, from, bytes);
			us[i] = now() - begin;
			from[i % (long)bytes]++; /* so that no copy is like the one before */
		}
		qsort(us, (size_t)count, sizeof(*us), compare);
		printf("%.3f\n", us[count / 2]);
		fflush(stdout);
	}
	free(us);
	return 0;
}
