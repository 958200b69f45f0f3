/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugins/vfio/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/meminfo.h"

#define HUGE_2MB (21u << 26) /* MFD_HUGE_2MB of linux/memfd.h, and MAP_HUGE_2MB */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* linux/mman.h since 5.14 */
#endif

static uint64_t round_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

#define ADDRESS_BITS 47 /* what a process can map on x86-64 */

/* ---- ours ---- */

/* A memfd that whoever gets it cannot cut short: the program's accesses must not be SIGBUS. */
static int sealed_memfd(const char *name, unsigned int flags, uint64_t len)
{
	CLEANUP_CLOSE int fd = sys_memfd(name, flags | MFD_ALLOW_SEALING);
	int rc;

	if (fd < 0)
		return fd;
	rc = sys_ftruncate(fd, (off_t)len);
	if (!rc && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		rc = -errno;
	return rc ? rc : fd_steal(&fd);
}

static int make_in(unsigned int memfd_flags, uint64_t len, struct memory *m)
{
	CLEANUP_CLOSE int fd = sealed_memfd("opae-buffer", memfd_flags, len);
	int rc;

	if (fd < 0)
		return fd;
	rc = sys_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0, &m->at);
	if (rc)
		return rc;
	m->len = len;
	m->fd = fd_steal(&fd);
	return 0;
}

static int anonymous(int flags, uint64_t len, struct memory *m)
{
	int rc = sys_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0,
			  &m->at);

	m->len = len;
	return rc;
}

/* Where a huge page can begin, the kernel may take some by itself. */
static int make_aligned(uint64_t len, struct memory *m)
{
	uint64_t first, skew, room = len + MEMORY_HUGE;
	int rc = anonymous(MAP_NORESERVE, room, m);

	if (rc)
		return rc;
	first = (uint64_t)(uintptr_t)m->at;
	skew = round_up(first, MEMORY_HUGE) - first;
	if (skew)
		sys_munmap(m->at, skew);
	if (room - skew > len)
		sys_munmap((char *)m->at + skew + len, room - skew - len);
	m->at = (char *)m->at + skew;
	m->len = len;
	madvise(m->at, len, MADV_HUGEPAGE); /* what it does not give are small ones */
	return 0;
}

static int make_alone(bool huge, uint64_t len, struct memory *m)
{
	if (huge)
		return anonymous(MAP_HUGETLB | HUGE_2MB, len, m);
	return len < MEMORY_HUGE ? anonymous(0, len, m) : make_aligned(len, m);
}

static int make(bool share_by_fd, bool huge, uint64_t len, struct memory *m)
{
	if (!share_by_fd)
		return make_alone(huge, len, m);
	return make_in(huge ? MFD_HUGETLB | HUGE_2MB : 0, len, m);
}

/* Huge pages where the machine has some to spare; the same with small ones otherwise. */
int memory_make(uint64_t len, bool share_by_fd, bool small, struct memory *ret)
{
	struct memory m = { .kind = MEMORY_OWN, .fd = -1 };
	int rc = -ENOMEM;

	if (len >> ADDRESS_BITS)
		return -ENOMEM;
	if (len >= MEMORY_HUGE && !small) { /* reserved ones: mapping them fails cleanly when they are few */
		rc = make(share_by_fd, true, round_up(len, MEMORY_HUGE), &m);
		m.huge = !rc;
	}
	if (rc)
		rc = !meminfo_has(len) ? -ENOMEM :
					  make(share_by_fd, false, round_up(len, MEMORY_PAGE), &m);
	if (!rc)
		*ret = m;
	return rc;
}

/* By the kernel, so that what may not be written is left alone: each page gets its own first byte. */
static void touch_each(char *at, uint64_t len)
{
	for (uint64_t done = 0; done < len; done += MEMORY_PAGE) {
		char byte;

		if (!memory_copy(at + done, &byte, 1, false))
			memory_copy(at + done, &byte, 1, true);
	}
}

void memory_settle(void *at, uint64_t len)
{
	uintptr_t first = (uintptr_t)at & ~(uintptr_t)(MEMORY_PAGE - 1);
	uint64_t end = round_up((uintptr_t)at + len, MEMORY_PAGE);

	/* Fails where the program may not write, and there nothing is to change; -EINVAL: before 5.14. */
	if (madvise((void *)first, end - first, MADV_POPULATE_WRITE) && errno == EINVAL)
		touch_each((char *)first, end - first);
}

/* ---- the caller's ---- */

struct maps_line {
	uint64_t first, end;
	char perms[5];
	uint64_t inode;
	char name[64];
};

typedef bool (*maps_judge)(const struct maps_line *l, const void *arg);

/* Is this mapping private anonymous memory, or the heap, that may be read and written? */
static bool plain(const struct maps_line *l, const void *arg)
{
	(void)arg;
	return !strcmp(l->perms, "rw-p") && !l->inode &&
	       (!*l->name || !strcmp(l->name, "[heap]") || !strncmp(l->name, "[anon:", 6));
}

/* The text of /proc/self/maps; the caller frees, also after an error. */
static int read_maps(char **text)
{
	CLEANUP_CLOSE int fd = sys_open("/proc/self/maps", O_RDONLY, 0);
	size_t used = 0, room = 1 << 16;
	ssize_t n = 1;

	if (fd < 0)
		return fd;
	while (n > 0) {
		char *grown = *text && room - used > 4096 ? *text : realloc(*text, room *= 2);

		if (!grown)
			return -ENOMEM;
		*text = grown;
		n = sys_pread(fd, grown + used, room - used - 1, (off_t)used);
		if (n < 0)
			return (int)n;
		used += (size_t)n;
		grown[used] = 0;
	}
	return 0;
}

/* Is it a mapping of this file? */
static bool of_file(const struct maps_line *l, const void *arg)
{
	const struct stat *st = arg;

	return l->inode == st->st_ino && l->perms[3] == 's';
}

/* 0: all of [first, end) is mapped, and the judge says yes to each part of it. -EFAULT: it is not. */
static int all_are(uint64_t first, uint64_t end, maps_judge judge, const void *arg)
{
	CLEANUP_FREE char *text = NULL;
	uint64_t covered = first;
	char *save = NULL;
	int rc = read_maps(&text);

	if (rc)
		return rc;
	for (char *line = strtok_r(text, "\n", &save); line && covered < end;
	     line = strtok_r(NULL, "\n", &save)) {
		struct maps_line l = { 0 };

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %*x %*s %" SCNu64 " %63s", &l.first,
			   &l.end, l.perms, &l.inode, l.name) < 4 ||
		    l.end <= covered)
			continue;
		if (l.first > covered || !judge(&l, arg))
			return -EFAULT;
		covered = l.end;
	}
	return covered >= end ? 0 : -EFAULT;
}

static int write_all(int fd, const char *from, uint64_t len)
{
	for (uint64_t done = 0; done < len;) {
		ssize_t n = sys_pwrite(fd, from + done, len - done, (off_t)done);

		if (n <= 0)
			return n ? (int)n : -EIO;
		done += (uint64_t)n;
	}
	return 0;
}

static int replace(void *at, uint64_t len, struct memory *m)
{
	CLEANUP_CLOSE int fd = sealed_memfd("opae-preallocated", 0, len);
	void *got;
	int rc;

	if (fd < 0)
		return fd;
	rc = write_all(fd, at, len);
	if (!rc)
		rc = sys_mmap(at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0, &got);
	if (!rc)
		*m = (struct memory){ MEMORY_REPLACED, at, len, fd_steal(&fd), false };
	return rc;
}

static bool readable(const struct maps_line *l, const void *arg)
{
	(void)arg;
	return l->perms[0] == 'r';
}

int memory_adopt(void *at, uint64_t len, bool share_by_fd, struct memory *ret)
{
	uint64_t first = (uint64_t)(uintptr_t)at, end;
	int rc = __builtin_add_overflow(first, len, &end) ? -EFAULT :
							    all_are(first, end, readable, NULL);

	if (rc)
		return rc;
	if (share_by_fd && !((first | len) % MEMORY_PAGE) && !all_are(first, end, plain, NULL) &&
	    !replace(at, len, ret))
		return 0;
	*ret = (struct memory){ MEMORY_FOREIGN, at, len, -1, false };
	return 0;
}

static int read_all(int fd, char *to, uint64_t len)
{
	for (uint64_t done = 0; done < len;) {
		ssize_t n = sys_pread(fd, to + done, len - done, (off_t)done);

		if (n <= 0)
			return n ? (int)n : -EIO;
		done += (uint64_t)n;
	}
	return 0;
}

/* The program may have unmapped its memory meanwhile, and put something else there. */
static bool still_there(const struct memory *m)
{
	uint64_t first = (uint64_t)(uintptr_t)m->at;
	struct stat st;

	return !sys_fstat(m->fd, &st) && !all_are(first, first + m->len, of_file, &st);
}

/* Private memory with the same bytes takes the place of the shared one in a single step. */
static void turn_back(struct memory *m)
{
	void *copy;

	if (!still_there(m) || sys_mmap(NULL, m->len, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &copy))
		return; /* what is left is shared with nobody: the descriptor goes anyway */
	if (read_all(m->fd, copy, m->len) || sys_mremap_to(copy, m->len, m->at))
		sys_munmap(copy, m->len);
}

void memory_release(struct memory *m)
{
	if (m->kind == MEMORY_OWN)
		sys_munmap(m->at, m->len);
	else if (m->kind == MEMORY_REPLACED)
		turn_back(m);
	if (m->fd >= 0)
		sys_close(m->fd);
	m->fd = -1;
}

/* By the kernel, so that memory which the program has unmapped is an error and not a crash. */
int memory_copy(void *at, void *data, uint64_t len, bool write)
{
	while (len) {
		struct iovec local = { data, len }, remote = { at, len };
		ssize_t n = write ? process_vm_writev(getpid(), &local, 1, &remote, 1, 0) :
				    process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

		if (n <= 0)
			return n ? -errno : -EFAULT;
		data = (char *)data + n;
		at = (char *)at + n;
		len -= (uint64_t)n;
	}
	return 0;
}
