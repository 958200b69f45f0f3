/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a register costs by the local plugin and by v-opae: two like cards in one guest, one with the kernel's
 * DFL driver and one with vfio-pci, in one process, in turns. The reference of each is the pointer into
 * the very mapping. Medians, nanoseconds; less is better.
 */
#include <opae/fpga.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 41
#define ACCESSES 2000
#define SCRATCH 0x100u /* of NLB0 */

enum { OURS_READ, BARE_READ, OURS_WRITE, BARE_WRITE, KINDS };

struct subject {
	const char *name;
	fpga_interface interface;
	fpga_handle h;
	volatile uint32_t *at;
	double ns[KINDS][ROUNDS];
};

static void check(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "bench: %s failed\n", what);
	exit(1);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v)
{
	qsort(v, ROUNDS, sizeof(*v), by_value);
	return v[ROUNDS / 2];
}

static void subject_open(struct subject *s)
{
	fpga_properties filter = NULL;
	fpga_token token;
	uint64_t *map;
	uint32_t n = 0;

	check(fpgaGetProperties(NULL, &filter) == FPGA_OK, "fpgaGetProperties");
	fpgaPropertiesSetObjectType(filter, FPGA_ACCELERATOR);
	fpgaPropertiesSetInterface(filter, s->interface);
	check(fpgaEnumerate((const fpga_properties *)&filter, 1, &token, 1, &n) == FPGA_OK && n == 1,
	      s->name);
	check(fpgaOpen(token, &s->h, 0) == FPGA_OK, "fpgaOpen");
	check(fpgaMapMMIO(s->h, 0, &map) == FPGA_OK, "fpgaMapMMIO");
	s->at = (volatile uint32_t *)map + SCRATCH / 4;
	fpgaDestroyToken(&token);
	fpgaDestroyProperties(&filter);
}

static double read_ours(const struct subject *s)
{
	uint32_t v = 0;
	double t = now_ns();

	for (int i = 0; i < ACCESSES; i++)
		check(fpgaReadMMIO32(s->h, 0, SCRATCH, &v) == FPGA_OK, "fpgaReadMMIO32");
	return (now_ns() - t) / ACCESSES;
}

static double read_bare(const struct subject *s)
{
	double t = now_ns();

	for (int i = 0; i < ACCESSES; i++)
		(void)*s->at;
	return (now_ns() - t) / ACCESSES;
}

static double write_ours(const struct subject *s)
{
	double t = now_ns();

	for (int i = 0; i < ACCESSES; i++)
		check(fpgaWriteMMIO32(s->h, 0, SCRATCH, (uint32_t)i) == FPGA_OK, "fpgaWriteMMIO32");
	return (now_ns() - t) / ACCESSES;
}

static double write_bare(const struct subject *s)
{
	double t = now_ns();

	for (int i = 0; i < ACCESSES; i++)
		*s->at = (uint32_t)i;
	return (now_ns() - t) / ACCESSES;
}

int main(void)
{
	static double (*const kinds[KINDS])(const struct subject *) = { read_ours, read_bare, write_ours,
									write_bare };
	static struct subject s[2] = { { .name = "local plugin", .interface = FPGA_IFC_DFL },
				       { .name = "v-opae", .interface = FPGA_IFC_VFIO } };

	for (int k = 0; k < 2; k++)
		subject_open(&s[k]);
	for (int i = 0; i < ROUNDS; i++)
		for (int kind = 0; kind < KINDS; kind++)
			for (int k = 0; k < 2; k++)
				s[k].ns[kind][i] = kinds[kind](&s[k]);
	printf("%-24s %10s %10s %12s\n", "nanoseconds, 32 bits", "OPAE", "bare", "difference");
	for (int kind = 0; kind < KINDS; kind += 2)
		for (int k = 0; k < 2; k++) {
			double ours = median(s[k].ns[kind]), bare = median(s[k].ns[kind + 1]);

			printf("%-5s by %-15s %10.1f %10.1f %12.1f\n", kind ? "write" : "read", s[k].name,
			       ours,
			       bare, ours - bare);
		}
	for (int k = 0; k < 2; k++)
		check(fpgaClose(s[k].h) == FPGA_OK, "fpgaClose");
	return 0;
}
