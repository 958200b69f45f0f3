/* SPDX-License-Identifier: BSD-3-Clause */
#include "dev/ones.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "base/sigbus.h"
#include "base/sys.h"
#include "dev/forks.h"

#define PAGE 4096u
#define FILE_BYTES (64u * PAGE) /* of ones; longer areas are covered piece by piece */
#define WINDOWS 1024u

/* at == 0: free. at is written last when a window is entered, and first when it goes. */
static struct window {
	_Atomic uintptr_t at;
	_Atomic uintptr_t len;
	atomic_bool *_Atomic dead;
	atomic_int wake;
} windows[WINDOWS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards entering, leaving and preparing */
static int ones_fd = -1; /* set once */
static struct sigaction before;

int ones_cover(void *at, size_t len)
{
	void *got;
	/*
	 * All at once, for a device's mapping that goes in parts leaves some of it in the kernel's books.
	 * What is past the file's end is SIGBUS until the next lines have replaced it; that is handled.
	 */
	int rc = sys_mmap(at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, ones_fd, 0, &got);

	for (size_t done = FILE_BYTES; done < len && !rc; done += FILE_BYTES) {
		size_t n = len - done < FILE_BYTES ? len - done : FILE_BYTES;

		rc = sys_mmap((char *)at + done, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
			      ones_fd, 0, &got);
	}
	return rc;
}

static void tell(struct window *w)
{
	int wake = atomic_load(&w->wake);

	atomic_store(atomic_load(&w->dead), true);
	if (wake >= 0)
		eventfd_write(wake, 1);
}

static struct window *window_of(uintptr_t addr)
{
	for (unsigned int i = 0; i < WINDOWS; i++) {
		uintptr_t at = atomic_load(&windows[i].at);

		if (at && addr >= at && addr - at < atomic_load(&windows[i].len))
			return &windows[i];
	}
	return NULL;
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	uintptr_t addr = (uintptr_t)info->si_addr;
	struct window *w = info->si_code > 0 ? window_of(addr) : NULL;
	int saved = errno;

	if (!w || ones_cover((char *)info->si_addr - addr % PAGE, PAGE))
		sigbus_pass_on(&before, sig, info, context);
	else
		tell(w);
	errno = saved;
}

static int fill(int fd)
{
	unsigned char page[PAGE];

	memset(page, 0xff, sizeof(page));
	for (unsigned int at = 0; at < FILE_BYTES; at += PAGE) {
		ssize_t n = sys_pwrite(fd, page, PAGE, at);

		if (n != PAGE)
			return n < 0 ? (int)n : -EIO;
	}
	return 0;
}

static int prepare(void)
{
	struct sigaction a = { .sa_sigaction = on_sigbus,
			       .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK };
	int fd = sys_memfd("opae-ones", 0);
	int rc = fd < 0 ? fd : fill(fd);

	if (!rc && sigaction(SIGBUS, &a, &before))
		rc = -errno;
	if (!rc)
		ones_fd = fd;
	else if (fd >= 0)
		sys_close(fd);
	return rc;
}

static struct fork_watch forks;

/* Who had the lock is not in this process; what it guards is entered and taken out in an order that holds. */
static void in_child(struct fork_watch *w)
{
	(void)w;
	pthread_mutex_init(&lock, NULL);
}

static void watch_forks(void)
{
	forks_watch(&forks, in_child);
}

int ones_prepare(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int rc;

	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&lock);
	rc = ones_fd < 0 ? prepare() : 0;
	pthread_mutex_unlock(&lock);
	return rc;
}

/* Lock held. */
static bool is_watched(const void *at)
{
	for (unsigned int i = 0; i < WINDOWS; i++)
		if (atomic_load(&windows[i].at) == (uintptr_t)at)
			return true;
	return false;
}

int ones_watch(void *at, size_t len, atomic_bool *dead, int wake)
{
	int rc;

	pthread_mutex_lock(&lock);
	rc = is_watched(at) ? 0 : -ENOSPC;
	for (unsigned int i = 0; i < WINDOWS && rc; i++) {
		if (atomic_load(&windows[i].at))
			continue;
		atomic_store(&windows[i].len, len);
		atomic_store(&windows[i].dead, dead);
		atomic_store(&windows[i].wake, wake);
		atomic_store(&windows[i].at, (uintptr_t)at);
		rc = 0;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

void ones_unwatch(void *at)
{
	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < WINDOWS; i++)
		if (atomic_load(&windows[i].at) == (uintptr_t)at)
			atomic_store(&windows[i].at, 0);
	pthread_mutex_unlock(&lock);
}
