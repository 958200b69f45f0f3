/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of bench/remote.c about buffers that behave like memory: the program loads and stores, and no more. */
#ifndef BENCH_REMOTE_MEMORY_H
#define BENCH_REMOTE_MEMORY_H

#include "bench/server.h"

/* Bytes that a client shows at most of the writable buffers of a handle, at a time. */
#define MEMORY_RESIDENT (512u * 4096)

/* Finds out whether pages can be tracked here, and says so in the report; if not, rows are left out. */
void memory_find_tracker(struct run *r);
bool memory_can_trap(void);

/* Where rows of one kind of socket are measured that share a server. */
struct place {
	struct run *run;
	struct server *server;
	enum way way;
};

/* run_sides() with clients of that server that have this tracker; each side on a CPU of its own. */
bool memory_sides(const struct place *p, bool eager, struct side *a, struct side *b);

bool measure_memory(struct run *r);
bool measure_doorbells(struct run *r);

#endif
