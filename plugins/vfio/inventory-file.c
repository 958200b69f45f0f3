/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/vfio/inventory-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/inventory-dir.h"
#include "base/inventory-lock.h"
#include "dev/pci.h"

#define MAGIC UINT64_C(0x32766e4945415041) /* "APAEInv2" */
#define FILE_MAX (16u << 20)

struct head {
	uint64_t magic;
	uint32_t record_size; /* a file of another build is nothing to us */
	uint32_t count;
	uint64_t sum; /* of the records' bytes, FNV-1a of 64-bit words */
};

static uint64_t sum_of(const void *data, size_t len, uint64_t h)
{
	const char *at = data;

	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t w;

		memcpy(&w, at + i, 8);
		h = (h ^ w) * UINT64_C(0x100000001b3);
	}
	return h;
}

_Static_assert(sizeof(struct inventory_record) % 8 == 0, "the sum goes by words");

/* ---- where ---- */

bool inventory_identify(const char *path, struct inventory_identity *ret)
{
	struct stat st;
	uint64_t binding[2];

	if (*path != '/') {
		if (pci_binding("vfio-pci", path, binding))
			return false;
		*ret = (struct inventory_identity){ .dev = binding[0], .ino = binding[1] };
		return true;
	}
	if (sys_stat(path, &st))
		return false;
	*ret = (struct inventory_identity){ st.st_dev, st.st_ino, st.st_ctim.tv_sec,
					    st.st_ctim.tv_nsec };
	return true;
}

int inventory_open_holders(const char *dir)
{
	char path[INVENTORY_DIR_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/" INVENTORY_HOLDERS, dir);
	fd = sys_open(path, O_NOFOLLOW | (sys_is_guest() ? O_RDONLY : O_RDWR | O_CREAT), 0600);
	return fd < 0 ? -1 : fd;
}

/* ---- reading ---- */

static bool sane_object(const struct object *o)
{
	for (uint32_t i = 0; i < o->num_mmio && i < MAX_MMIO; i++)
		if (o->mmio[i].bar >= MAX_BARS)
			return false;
	return (o->type == FPGA_DEVICE || o->type == FPGA_ACCELERATOR) && o->num_mmio <= MAX_MMIO &&
	       o->head.bar < MAX_BARS;
}

static bool sane(const struct inventory_record *r)
{
	if (!memchr(r->path, 0, sizeof(r->path)) || r->known > 1 || r->foreign > 1 || r->listed > 1 ||
	    r->facts.num_objects > MAX_OBJECTS ||
	    !memchr(r->facts.defect, 0, sizeof(r->facts.defect)))
		return false;
	for (uint32_t i = 0; i < r->facts.num_objects; i++)
		if (!sane_object(&r->facts.objects[i]))
			return false;
	return true;
}

size_t inventory_check(const void *data, size_t len, const struct inventory_record **ret)
{
	const struct inventory_record *list =
		(const void *)((const char *)data + sizeof(struct head));
	struct head h;

	if (len < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	if (h.magic != MAGIC || h.record_size != sizeof(*list) ||
	    h.count != (len - sizeof(h)) / sizeof(*list) || (len - sizeof(h)) % sizeof(*list) ||
	    h.sum != sum_of(list, len - sizeof(h), 0))
		return 0;
	for (uint32_t i = 0; i < h.count; i++)
		if (!sane(&list[i]))
			return 0;
	*ret = list;
	return h.count;
}

static bool read_whole(int fd, void *data, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = sys_pread(fd, (char *)data + done, len - done, (off_t)done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static struct inventory_version version_of(const struct stat *st)
{
	return (struct inventory_version){ st->st_ino, st->st_ctim.tv_sec, st->st_ctim.tv_nsec };
}

void inventory_file_read(const char *dir, struct inventory_version *version,
			 void (*take)(const struct inventory_record *r, void *ctx), void *ctx)
{
	CLEANUP_CLOSE int fd = -1;
	CLEANUP_FREE void *data = NULL;
	const struct inventory_record *list;
	struct inventory_version v;
	char path[INVENTORY_DIR_MAX + 16];
	struct stat st;
	size_t n;

	snprintf(path, sizeof(path), "%s/inventory", dir);
	if (sys_stat(path, &st))
		return;
	v = version_of(&st);
	if (!memcmp(&v, version, sizeof(v)))
		return;
	fd = sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0); /* a pipe would wait */
	if (fd < 0 || sys_fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0 ||
	    st.st_size > (off_t)FILE_MAX)
		return;
	data = malloc((size_t)st.st_size);
	if (!data || !read_whole(fd, data, (size_t)st.st_size))
		return;
	n = inventory_check(data, (size_t)st.st_size, &list);
	for (size_t i = 0; i < n; i++)
		take(&list[i], ctx);
	*version = version_of(&st);
}

/* ---- writing ---- */

static int write_whole(int fd, const void *data, size_t len, off_t at)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = sys_pwrite(fd, (const char *)data + done, len - done, at + (off_t)done);

		if (n <= 0)
			return n ? (int)n : -EIO;
		done += (size_t)n;
	}
	return 0;
}

static int fill(int fd, const struct inventory_record *const *records, size_t n)
{
	struct head h = { MAGIC, sizeof(**records), (uint32_t)n, 0 };
	off_t at = sizeof(h);
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++, at += (off_t)sizeof(**records)) {
		h.sum = sum_of(records[i], sizeof(**records), h.sum);
		rc = write_whole(fd, records[i], sizeof(**records), at);
	}
	return rc ? rc : write_whole(fd, &h, sizeof(h), 0);
}

int inventory_file_write(const char *dir, const struct inventory_record *const *records, size_t n,
			 struct inventory_version *version)
{
	char path[INVENTORY_DIR_MAX + 16], temp[INVENTORY_DIR_MAX + 48];
	CLEANUP_CLOSE int fd = -1;
	struct stat st;
	int rc;

	snprintf(path, sizeof(path), "%s/inventory", dir);
	snprintf(temp, sizeof(temp), "%s.%d", path, getpid());
	sys_unlink(temp); /* of a process of that number that died */
	fd = sys_open(temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fd;
	rc = fill(fd, records, n);
	if (!rc)
		rc = sys_rename(temp, path);
	if (rc)
		sys_unlink(temp);
	else if (!sys_fstat(fd, &st))
		*version = version_of(&st);
	return rc;
}
