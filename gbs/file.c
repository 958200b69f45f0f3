/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "gbs/gbs-internal.h"

static int check(int fd, size_t *len, char why[GBS_WHY_MAX])
{
	struct stat st;
	int rc = sys_fstat(fd, &st);

	if (rc)
		return gbs_fail(why, rc);
	if (!S_ISREG(st.st_mode))
		return gbs_refuse(why, "it is no regular file");
	if (!st.st_size)
		return gbs_refuse(why, "it is empty");
	if ((uint64_t)st.st_size > GBS_FILE_MAX)
		return gbs_refuse(why, "it has %" PRIu64 " bytes, and %" PRIu64 " are the most",
				  (uint64_t)st.st_size, GBS_FILE_MAX);
	*len = (size_t)st.st_size;
	return 0;
}

static int read_all(int fd, uint8_t *out, size_t len, char why[GBS_WHY_MAX])
{
	size_t used = 0;

	while (used < len) {
		ssize_t n = sys_pread(fd, out + used, len - used, (off_t)used);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return gbs_fail(why, (int)n);
		if (!n) {
			gbs_refuse(why, "it became shorter while it was read: %zu of %zu bytes", used,
				   len);
			return -EIO;
		}
		used += (size_t)n;
	}
	return 0;
}

int gbs_read_file(const char *path, uint8_t **ret, size_t *len, char why[GBS_WHY_MAX])
{
	/* A FIFO that nobody writes to must not keep us. */
	CLEANUP_CLOSE int fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0);
	CLEANUP_FREE uint8_t *data = NULL;
	size_t n = 0;
	int rc;

	if (fd < 0)
		return gbs_fail(why, fd);
	rc = check(fd, &n, why);
	if (rc)
		return rc;
	data = malloc(n);
	if (!data)
		return gbs_fail(why, -ENOMEM);
	rc = read_all(fd, data, n, why);
	if (rc)
		return rc;
	*ret = data;
	*len = n;
	data = NULL;
	return 0;
}
