/* SPDX-License-Identifier: BSD-3-Clause */
/* libfabric's own functions; the others are reached through what these return. */
#ifndef TRANSPORT_FABRIC_LIB_H
#define TRANSPORT_FABRIC_LIB_H

#include <rdma/fabric.h>

#define FABRIC_SONAME "libfabric.so.1"

struct fabric_lib {
	int (*getinfo)(uint32_t version, const char *node, const char *service, uint64_t flags,
		       const struct fi_info *hints, struct fi_info **ret);
	void (*freeinfo)(struct fi_info *info);
	struct fi_info *(*dupinfo)(const struct fi_info *info);
	int (*fabric)(struct fi_fabric_attr *attr, struct fid_fabric **ret, void *context);
	uint32_t (*version)(void);
};

/*
 * Loads it, once, for the rest of the process: what it starts cannot be ended. -ENOENT, -ENOTSUP: why
 * (FABRIC_WHY_MAX bytes) says what to do.
 */
int fabric_lib_load(const char *soname, const struct fabric_lib **ret, char *why);

#endif
