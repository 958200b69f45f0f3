/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The syscall seam: every call by which product code reaches the kernel for a descriptor, a
 * mapping or a device goes through this table. A test swaps it to make the n-th call fail; a
 * sandboxed worker swaps it to ask its monitor for descriptors that it may not open itself.
 *
 * All functions return 0 or a value on success and a negative errno on failure; errno itself is
 * not part of the contract. Descriptors are close-on-exec from birth, and never 0 to 2.
 */
#ifndef BASE_SYS_H
#define BASE_SYS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#define SYS_OPS_VERSION 1

struct perf_event_attr;

struct sys_ops {
	size_t size; /* sizeof(struct sys_ops) of whoever filled it; new members are appended */
	int (*open)(const char *path, int flags, mode_t mode);
	int (*close)(int fd);
	int (*ioctl)(int fd, unsigned long request, void *arg);
	int (*mmap)(void *hint, size_t len, int prot, int flags, int fd, off_t off, void **out);
	int (*munmap)(void *addr, size_t len);
	ssize_t (*pread)(int fd, void *buf, size_t len, off_t off);
	ssize_t (*pwrite)(int fd, const void *buf, size_t len, off_t off);
	int (*fstat)(int fd, struct stat *st);
	int (*ftruncate)(int fd, off_t len);
	int (*memfd)(const char *name, unsigned int flags);
	int (*eventfd)(unsigned int initial, int flags);
	int (*socket)(int domain, int type, int protocol);
	int (*connect)(int fd, const struct sockaddr *addr, socklen_t len);
	ssize_t (*sendmsg)(int fd, const struct msghdr *msg, int flags);
	ssize_t (*recvmsg)(int fd, struct msghdr *msg, int flags);
	int (*poll)(struct pollfd *fds, nfds_t n, int timeout_ms);
	/* Moves whole pages to an address, in place of what is there. */
	int (*mremap_to)(void *from, size_t len, void *to);
	/* What a link points to, with a final NUL; -ENAMETOOLONG when len is too small. */
	int (*readlink)(const char *path, char *out, size_t len);
	int (*lstat)(const char *path, struct stat *st);
	/* The names in a directory but . and .., each with its NUL, an empty one at the end. The caller
	 * frees. */
	int (*list)(const char *dir, char **ret);
	/* Makes `fd` mean what `from` does, in one step: who uses it sees the one or the other. */
	int (*dup_over)(int from, int fd);
	/* May this process, as who it acts as, use the file so (R_OK | W_OK)? */
	int (*access)(const char *path, int mode);
	int (*bind)(int fd, const struct sockaddr *addr, socklen_t len);
	/* From where the descriptor stands, of what has no offsets. */
	ssize_t (*read)(int fd, void *buf, size_t len);
	/* perf_event_open(2); the C library has no function for it. */
	int (*perf_open)(struct perf_event_attr *attr, pid_t pid, int cpu, int group, unsigned long flags);
	int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t len);
	int (*getsockopt)(int fd, int level, int name, void *value, socklen_t *len);
	int (*shutdown)(int fd, int how);
	int (*listen)(int fd, int backlog);
	int (*accept)(int fd, struct sockaddr *addr, socklen_t *len);
	int (*getsockname)(int fd, struct sockaddr *addr, socklen_t *len);
	int (*fchmod)(int fd, mode_t mode);
	int (*unlink)(const char *path);
	int (*madvise)(void *addr, size_t len, int advice);
	int (*timerfd)(clockid_t clock, int flags);
	int (*stat)(const char *path, struct stat *st);
	int (*mkdir)(const char *path, mode_t mode);
	int (*rename)(const char *from, const char *to);
	int (*link)(const char *from, const char *to);
	/* The process that holds a device, by the inventory in `dir`: as of inventory_lock_holder(). */
	int (*device_holder)(const char *dir, const char *device, int64_t deadline, char *out, size_t len);
	/*
	 * Of a guest of the inventory, who neither writes nor locks there: has a lock of a device (enum
	 * inventory_lock) taken for it. A descriptor that keeps it; -EBUSY: another has it; -ENOLCK: there
	 * are no locks. NULL: this process does all that itself.
	 */
	int (*lock_device)(const char *device, int which);
};

/* The kernel itself. */
extern const struct sys_ops sys_kernel;

/* Puts another table in force for this copy of base; NULL restores the kernel's. */
void sys_set(const struct sys_ops *ops);

int sys_open(const char *path, int flags, mode_t mode);
int sys_close(int fd);
int sys_ioctl(int fd, unsigned long request, void *arg);
int sys_mmap(void *hint, size_t len, int prot, int flags, int fd, off_t off, void **out);
int sys_munmap(void *addr, size_t len);
ssize_t sys_pread(int fd, void *buf, size_t len, off_t off);
ssize_t sys_pwrite(int fd, const void *buf, size_t len, off_t off);
int sys_fstat(int fd, struct stat *st);
int sys_ftruncate(int fd, off_t len);
int sys_memfd(const char *name, unsigned int flags);
int sys_eventfd(unsigned int initial, int flags);
int sys_socket(int domain, int type, int protocol);
int sys_connect(int fd, const struct sockaddr *addr, socklen_t len);
ssize_t sys_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t sys_recvmsg(int fd, struct msghdr *msg, int flags);
int sys_poll(struct pollfd *fds, nfds_t n, int timeout_ms);
int sys_mremap_to(void *from, size_t len, void *to);
int sys_readlink(const char *path, char *out, size_t len);
int sys_lstat(const char *path, struct stat *st);
int sys_list(const char *dir, char **ret);
int sys_dup_over(int from, int fd);
int sys_access(const char *path, int mode);
int sys_bind(int fd, const struct sockaddr *addr, socklen_t len);
ssize_t sys_read(int fd, void *buf, size_t len);
int sys_perf_open(struct perf_event_attr *attr, pid_t pid, int cpu, int group, unsigned long flags);
int sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
int sys_shutdown(int fd, int how);
int sys_listen(int fd, int backlog);
int sys_accept(int fd, struct sockaddr *addr, socklen_t *len);
int sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int sys_fchmod(int fd, mode_t mode);
int sys_unlink(const char *path);
int sys_madvise(void *addr, size_t len, int advice);
int sys_timerfd(clockid_t clock, int flags);
int sys_stat(const char *path, struct stat *st);
int sys_mkdir(const char *path, mode_t mode);
int sys_rename(const char *from, const char *to);
int sys_link(const char *from, const char *to);
int sys_device_holder(const char *dir, const char *device, int64_t deadline, char *out, size_t len);
bool sys_is_guest(void);
int sys_lock_device(const char *device, int which);

#endif
