/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls of opaed-metrics, whose sockets and epoll are there before. */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/filter.h"
#include "daemon/sandbox.h"

#ifdef FILTER_IS_KNOWN
/* Nothing here sends or takes a descriptor: no sendmsg, no recvmsg. */
static const uint32_t allowed[] = {
	/* connections, the monitor's among them */
	SYS_accept4, SYS_recvfrom, SYS_read, SYS_write, SYS_writev, SYS_shutdown,
	SYS_close, SYS_epoll_ctl, SYS_epoll_pwait, SYS_ppoll, SYS_getsockopt, SYS_getsockname, SYS_fstat,
	SYS_dup3,
	/* memory, time, its end */
	SYS_munmap, SYS_mremap, SYS_brk, SYS_madvise, SYS_futex, SYS_getpid, SYS_gettid, SYS_rt_sigprocmask,
	SYS_rt_sigreturn, SYS_restart_syscall, SYS_exit, SYS_exit_group, SYS_clock_gettime, SYS_gettimeofday,
	SYS_getrandom,
#ifdef __x86_64__
	SYS_poll, SYS_epoll_wait, SYS_dup2,
#endif
};
#define NUM_ALLOWED (sizeof(allowed) / sizeof(allowed[0]))

int metrics_filter(const struct sandbox *s)
{
	static const uint32_t options[] = { TCP_NODELAY, TCP_CORK };
	struct filter p;

	(void)s;
	filter_begin(&p);
	filter_sending(&p);
	filter_one_of(&p, SYS_setsockopt, 2, options, 2, FILTER_ANSWER(EPERM));
	filter_masked(&p, SYS_mmap, 2, PROT_EXEC, 0, FILTER_ANSWER(EPERM));
	filter_masked(&p, SYS_mprotect, 2, PROT_EXEC, 0, FILTER_ANSWER(EPERM));
	filter_rules(&p, allowed, NUM_ALLOWED, SECCOMP_RET_ALLOW);
	return filter_enter(&p);
}
#else
int metrics_filter(const struct sandbox *s)
{
	(void)s;
	return filter_enter(NULL);
}
#endif
