/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What loading a shared object costs at least: dlopen of it, once in the life of a process.
 *
 *     load FILE
 *
 * For the first line "go" on standard input one number: microseconds.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec * 1e-3;
}

int main(int argc, char *argv[])
{
	char line[8];
	double begin;

	if (argc != 2) {
		fprintf(stderr, "usage: load FILE\n");
		return 1;
	}
	if (!fgets(line, sizeof(line), stdin))
		return 0;
	begin = now();
	if (!dlopen(argv[1], RTLD_NOW | RTLD_LOCAL)) {
		fprintf(stderr, "load: %s\n", dlerror());
		return 1;
	}
	printf("%.3f\n", now() - begin);
	return 0;
}
