/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that a device can be given. What must be shared by descriptor lives in a memfd; memory of
 * the caller's is moved into one in place when that cannot be noticed, and is otherwise left alone
 * (fd -1: the device must be served by messages).
 */
#ifndef PLUGINS_VFIO_MEMORY_H
#define PLUGINS_VFIO_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_PAGE 4096u
#define MEMORY_HUGE (2u * 1024 * 1024)

enum memory_kind {
	MEMORY_OWN,	 /* ours: unmapped at the end */
	MEMORY_REPLACED, /* the caller's, in a memfd: turned back at the end */
	MEMORY_FOREIGN,	 /* the caller's, untouched */
};

struct memory {
	enum memory_kind kind;
	void *at;
	uint64_t len; /* bytes mapped; whole pages unless foreign */
	int fd;	      /* -1: none */
	bool huge;    /* 2 MiB pages */
};

/* 0 or a negative errno; -ENOMEM also for more than this machine has. What is not shared is faster had.
 * small: not in huge pages that the machine has set aside. */
int memory_make(uint64_t len, bool share_by_fd, bool small, struct memory *ret);
/*
 * Gives each page of the range its place, so that what the device is shown is what the program writes later:
 * a page that nothing was written to yet is the one of zeros, which many share. Content stays.
 */
void memory_settle(void *at, uint64_t len);
int memory_adopt(void *at, uint64_t len, bool share_by_fd, struct memory *ret);
void memory_release(struct memory *m);

/* Copies between the device's data and the caller's memory; -EFAULT where there is none. */
int memory_copy(void *at, void *data, uint64_t len, bool write);

#endif
