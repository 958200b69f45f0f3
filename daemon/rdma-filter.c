/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls of opaed-rdma, whose fabric is open before. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/filter.h"
#include "daemon/sandbox.h"

#ifdef FILTER_IS_KNOWN
static const uint32_t allowed[] = {
	/* strangers' sockets, and the monitor's; dup: are there descriptors left? */
	SYS_accept, SYS_accept4, SYS_recvfrom, SYS_recvmsg, SYS_sendmsg, SYS_read, SYS_write, SYS_readv,
	SYS_writev,
	SYS_shutdown, SYS_close, SYS_epoll_ctl, SYS_epoll_pwait, SYS_ppoll, SYS_setsockopt, SYS_getsockopt,
	SYS_getsockname, SYS_getpeername, SYS_fstat, SYS_dup,
	/* memory, time, its end */
	SYS_munmap, SYS_mremap, SYS_brk, SYS_madvise, SYS_futex, SYS_getpid, SYS_gettid, SYS_rt_sigprocmask,
	SYS_rt_sigreturn, SYS_restart_syscall, SYS_exit, SYS_exit_group, SYS_clock_gettime, SYS_gettimeofday,
	SYS_getrandom, SYS_sched_yield,
#ifdef __x86_64__
	SYS_poll, SYS_epoll_wait,
#endif
};
#define NUM_ALLOWED (sizeof(allowed) / sizeof(allowed[0]))

int rdma_filter(const struct sandbox *s)
{
	static const uint32_t fcntls[] = { F_GETFD, F_SETFD, F_GETFL, F_SETFL };
	struct filter p;

	(void)s;
	filter_begin(&p);
	filter_sending(&p);
	filter_one_of(&p, SYS_fcntl, 1, fcntls, 4, FILTER_ANSWER(EPERM));
	filter_masked(&p, SYS_mmap, 2, PROT_EXEC, 0, FILTER_ANSWER(EPERM));
	filter_masked(&p, SYS_mprotect, 2, PROT_EXEC, 0, FILTER_ANSWER(EPERM));
	filter_rules(&p, allowed, NUM_ALLOWED, SECCOMP_RET_ALLOW);
	return filter_enter(&p);
}
#else
int rdma_filter(const struct sandbox *s)
{
	(void)s;
	return filter_enter(NULL);
}
#endif
