/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel with the DFL driver, for the seam: sysfs and /dev are a small tree, a node is a file, and ioctls
 * are answered here. What it tells apart and counts is what the plugin must get right.
 */
#ifndef TESTS_UNIT_FAKE_DFL_H
#define TESTS_UNIT_FAKE_DFL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sys.h"

#define FAKE_CARDS 8u
#define FAKE_AFU_SIZE 0x10000u
#define FAKE_STP_SIZE 0x1000u
#define FAKE_VECTORS 4u
/* Card i: FME i and port i in region i, at 0000:b<i>:00.0. */
#define FAKE_FME "/sys/class/fpga_region/region0/dfl-fme.0"
#define FAKE_PORT "/sys/class/fpga_region/region0/dfl-port.0"
#define FAKE_COMPAT_ID FAKE_FME "/dfl-fme-region.9/fpga_region/region9/compat_id"

struct fake_dfl {
	bool huge;	 /* 2 MiB pages are set aside */
	bool together;	 /* plain memory happens to lie together */
	bool read_only;	 /* the driver has maps that the device can only read */
	int node_errno;	 /* opening a port's node fails with that; 0: it does not */
	bool forgets_driver; /* a port that was released gets none when it is assigned */
	uint32_t region_flags; /* of the accelerator's */
	uint32_t busy_looks;   /* so many openings for one alone find the node busy */
	unsigned long fail_request; /* this ioctl fails with fail_errno; 0: none */
	int fail_errno;
	int bound[FAKE_VECTORS], bound_error; /* eventfds; -1: none */
	unsigned int resets, maps, released; /* maps: of the port's DMA, now */
	/* r: a reset, m, u: DMA mapped, unmapped; c: a port's node closed by the last; P: a reconfiguration;
	 * e, k: errors/errors or userclk/frequency opened to be written */
	char order[64];
	int clear_errno;  /* errors/errors cannot be written */
	int afu_id_errno; /* afu_id cannot be read */
	struct {
		uint32_t port, size;
		const void *at;
		bool alone; /* the port's node was open alone */
	} pr; /* the last reconfiguration's */
};

extern struct fake_dfl fake;

/* Makes the tree, with as many cards, and everything well. */
void fake_dfl_up(unsigned int cards);
void fake_dfl_down(void);
const struct sys_ops *fake_dfl_seam(void);
/* Replaces a file's content; NULL: removes it, whatever it is. */
void fake_dfl_put(const char *path, const void *text, size_t len);
void fake_dfl_remove(const char *path);
void fake_dfl_folder(const char *path);
void fake_dfl_move(const char *from, const char *to);
/*
 * How often the file was opened since fake_dfl_forget_opens(), at most: of all files the most, with its
 * path.
 */
unsigned int fake_dfl_most_opens(char *path, size_t len);
void fake_dfl_forget_opens(void);

#endif
