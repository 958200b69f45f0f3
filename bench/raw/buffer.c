/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a shared buffer costs at least: memfd, shared mapping, a touch of each page, and the end of it.
 *
 *     buffer BYTES COUNT
 *
 * For each line "go" on standard input one number: microseconds for all of it, the median of COUNT.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

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

/* Negative: it cannot be done. */
static double once(size_t bytes)
{
	double begin = now();
	int fd = memfd_create("buffer", MFD_CLOEXEC);
	volatile char *touch;
	void *at;

	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		return -1;
	at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -1;
	touch = at;
	for (size_t i = 0; i < bytes; i += PAGE)
		touch[i] = 1;
	munmap(at, bytes);
	close(fd);
	return now() - begin;
}

int main(int argc, char *argv[])
{
	size_t bytes = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	double *us = bytes && count > 0 ? calloc((size_t)count, sizeof(*us)) : NULL;
	char line[8];

	if (!us) {
		fprintf(stderr, "usage: buffer BYTES COUNT\n");
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		for (long i = 0; i < count; i++) {
			us[i] = once(bytes);
			if (us[i] < 0) {
				perror("buffer");
				return 1;
			}
		}
		qsort(us, (size_t)count, sizeof(*us), compare);
		printf("%.3f\n", us[count / 2]);
		fflush(stdout);
	}
	free(us);
	return 0;
}
