/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/counts-page.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/sys.h"

#define SIZE sizeof(struct rpc_counts)

int counts_page_new(const struct rpc_counts **ret)
{
	CLEANUP_CLOSE int fd = sys_memfd("opaed-counts", MFD_ALLOW_SEALING);
	void *at = NULL;
	int rc = fd < 0 ? fd : sys_ftruncate(fd, SIZE);

	if (!rc && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		rc = -errno;
	if (!rc)
		rc = sys_mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0, &at);
	if (rc)
		return rc;
	*ret = at;
	return fd_steal(&fd);
}

struct rpc_counts *counts_page_map(int fd)
{
	CLEANUP_CLOSE int mine = fd;
	void *at = NULL;

	if (mine < 0 || sys_mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, mine, 0, &at))
		return NULL;
	return at;
}

void counts_page_free(const struct rpc_counts *c)
{
	uintptr_t at = (uintptr_t)c; /* it is not written */

	if (c)
		sys_munmap((void *)at, SIZE);
}
